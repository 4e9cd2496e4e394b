/**
 * F16 bits of numbers, each rounded once, to nearest, ties to even.
 * @param {ArrayLike<number>} numbers
 * @returns {Uint16Array}
 */
export function toFloat16(numbers: ArrayLike<number>): Uint16Array;
/**
 * The numbers that F16 bits stand for, exactly.
 * @param {Uint16Array} bits
 * @returns {Float32Array}
 */
export function fromFloat16(bits: Uint16Array): Float32Array;
/**
 * BF16 bits of numbers, each rounded once, to nearest, ties to even.
 * @param {ArrayLike<number>} numbers
 * @returns {Uint16Array}
 */
export function toBFloat16(numbers: ArrayLike<number>): Uint16Array;
/**
 * The numbers that BF16 bits stand for, exactly.
 * @param {Uint16Array} bits
 * @returns {Float32Array}
 */
export function fromBFloat16(bits: Uint16Array): Float32Array;
