// F16 (IEEE 754 binary16) and BF16 (the upper half of binary32) as bit patterns in Uint16Arrays.

/** Powers of two, from 2 ** -OFFSET: looked up, they take a tenth of the time. */
const OFFSET = 256;
const POWERS = Float64Array.from({ length: 2 * OFFSET }, (_, i) => 2 ** (i - OFFSET));

const scratch = new DataView(new ArrayBuffer(8));

/**
 * The bits of the number nearest to x, ties to even, with the given format. Everything before `roundEven` only
 * multiplies by powers of two, so that x is rounded once.
 * @param {number} x
 * @param {number} fraction bits of the fraction
 * @param {number} least exponent of the smallest normal number
 */
function encode(x, fraction, least) {
  const infinity = (3 - 2 * least) << fraction;
  scratch.setFloat64(0, x);
  const high = scratch.getUint32(0);
  const sign = (high >>> 31) << 15;
  if (Number.isNaN(x)) return infinity | (1 << (fraction - 1));
  const exponent = Math.max(((high >>> 20) & 0x7ff) - 1023, least);
  if (exponent > 1 - least) return sign | infinity;
  const scale = /** @type {number} */ (POWERS[fraction - exponent + OFFSET]);
  const significand = roundEven(Math.abs(x) * scale);
  // A subnormal's exponent field is 0, and a carry of the rounding runs into the exponent, as it should.
  return sign | (((exponent - least) << fraction) + significand);
}

/** @param {number} x from 0 to 2**51 */
const roundEven = (x) => x + 0x10000000000000 - 0x10000000000000;

/** @param {number} bits */
function decodeFloat16(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent ? sign * (1024 + fraction) * 2 ** (exponent - 25) : sign * fraction * 2 ** -24;
}

/**
 * The elements of an array, changed: what `from` does, without its detour by an iterator.
 * @template {Uint16Array | Uint32Array | Float32Array} T
 * @param {T} to
 * @param {ArrayLike<number>} from
 * @param {(x: number) => number} change
 * @returns {T}
 */
function mapped(to, from, change) {
  for (let i = 0; i < to.length; i += 1) to[i] = change(/** @type {number} */ (from[i]));
  return to;
}

/** @type {Float32Array | undefined} */
let table; // of all F16, made when it is first needed

/**
 * F16 bits of numbers, each rounded once, to nearest, ties to even.
 * @param {ArrayLike<number>} numbers
 * @returns {Uint16Array}
 */
export function toFloat16(numbers) {
  return mapped(new Uint16Array(numbers.length), numbers, (x) => encode(x, 10, -14));
}

/**
 * The numbers that F16 bits stand for, exactly.
 * @param {Uint16Array} bits
 * @returns {Float32Array}
 */
export function fromFloat16(bits) {
  const values = (table ??= Float32Array.from({ length: 65536 }, (_, i) => decodeFloat16(i)));
  return mapped(new Float32Array(bits.length), bits, (b) => /** @type {number} */ (values[b]));
}

/**
 * BF16 bits of numbers, each rounded once, to nearest, ties to even.
 * @param {ArrayLike<number>} numbers
 * @returns {Uint16Array}
 */
export function toBFloat16(numbers) {
  return mapped(new Uint16Array(numbers.length), numbers, (x) => encode(x, 7, -126));
}

/**
 * The numbers that BF16 bits stand for, exactly.
 * @param {Uint16Array} bits
 * @returns {Float32Array}
 */
export function fromBFloat16(bits) {
  const words = mapped(new Uint32Array(bits.length), bits, (b) => b << 16);
  return new Float32Array(words.buffer);
}
