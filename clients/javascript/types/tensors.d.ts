/**
 * @param {unknown} dtype
 * @returns {dtype is Dtype}
 */
export function isDtype(dtype: unknown): dtype is Dtype;
/**
 * The number of elements of a shape that was received; NaN if it is none.
 * @param {unknown} shape
 * @returns {number}
 */
export function count(shape: unknown): number;
/**
 * Whether a value is meant as a tensor.
 * @param {unknown} value
 * @returns {value is TensorInput}
 */
export function isTensor(value: unknown): value is TensorInput;
/**
 * A tensor with its dtype, by its data if it has none. Elements that are not what the dtype says cannot be sent.
 * @param {string} name
 * @param {TensorInput} input
 * @returns {AnyTensor}
 */
export function complete(name: string, input: TensorInput): AnyTensor;
/**
 * The elements as numbers.
 * @param {AnyTensor} tensor
 * @returns {ArrayLike<number>}
 */
export function numbersOf({ dtype, data }: AnyTensor): ArrayLike<number>;
/**
 * A tensor of numbers, each rounded to the dtype.
 * @param {Dtype} dtype
 * @param {number[]} shape
 * @param {ArrayLike<number>} numbers
 * @returns {Tensor}
 */
export function fromNumbers(dtype: Dtype, shape: number[], numbers: ArrayLike<number>): Tensor;
/**
 * The elements' bytes as they go over the wire: the same memory, where that is little-endian.
 * @param {ArrayBufferView} data
 * @returns {Uint8Array}
 */
export function wireBytes(data: ArrayBufferView): Uint8Array;
/**
 * A tensor of bytes from the wire: a view of them, where they are aligned and the memory little-endian.
 * @param {Dtype} dtype
 * @param {number[]} shape
 * @param {Uint8Array} bytes
 * @returns {Tensor}
 */
export function fromWire(dtype: Dtype, shape: number[], bytes: Uint8Array): Tensor;
/**
 * A copy with the bytes of each element in reverse.
 * @param {Uint8Array} bytes
 * @param {number} size
 * @returns {Uint8Array}
 */
export function swapped(bytes: Uint8Array, size: number): Uint8Array;
/**
 * A tensor of nested arrays of numbers, for small ones and for people: `tensor([[1, 2], [3, 4]], 'F32')`.
 * @param {number | readonly unknown[]} values all sub-arrays of a level equally long
 * @param {Dtype} [dtype] to which each number is rounded once; F32 by default
 * @returns {Tensor}
 * @throws {RangeError} if they are ragged
 */
export function tensor(values: number | readonly unknown[], dtype?: Dtype): Tensor;
export function elementSize(dtype: Dtype): number;
/**
 * what is sent, with its dtype
 */
export type AnyTensor = {
    dtype: string;
    shape: readonly number[];
    data: ArrayBufferView;
};
import type { Dtype } from './types.js';
import type { TensorInput } from './types.js';
import type { Tensor } from './types.js';
