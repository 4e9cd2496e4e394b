/** @import { Dtype, Tensor, TensorInput } from './types.js' */
import { fromBFloat16, fromFloat16, toBFloat16, toFloat16 } from './float16.js';

/** @typedef {{dtype: string, shape: readonly number[], data: ArrayBufferView}} AnyTensor what is sent, with its dtype */

const itself = (/** @type {any} */ numbers) => numbers;

/** Of each dtype: the array of its elements, and what changes them to numbers and back. */
const DTYPES = Object.freeze({
  F16: { View: Uint16Array, numbers: fromFloat16, elements: toFloat16 },
  BF16: { View: Uint16Array, numbers: fromBFloat16, elements: toBFloat16 },
  F32: { View: Float32Array, numbers: itself, elements: toFloat32 },
  F64: { View: Float64Array, numbers: itself, elements: Float64Array.from.bind(Float64Array) },
});

/** A decimal that lies so near to the middle of two F32 that its nearest double lies on it. */
const TRAP = { double: 7.038531e-26, bits: 0x15ae43fd };

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/**
 * F32 elements of numbers that were read from the shortest decimals of F32. A number that is rounded to F64 first and
 * to F32 then can end up beside the nearest F32: of all shortest decimals that happens to this one.
 * @param {ArrayLike<number>} numbers
 */
function toFloat32(numbers) {
  const elements = Float32Array.from(numbers);
  const bits = new Uint32Array(elements.buffer);
  for (let i = 0; i < elements.length; i += 1) {
    const x = /** @type {number} */ (numbers[i]);
    if (Math.abs(x) === TRAP.double) bits[i] = TRAP.bits + (x < 0 ? 2 ** 31 : 0);
  }
  return elements;
}

/**
 * @param {unknown} dtype
 * @returns {dtype is Dtype}
 */
export function isDtype(dtype) {
  return typeof dtype === 'string' && Object.hasOwn(DTYPES, dtype);
}

/** @param {Dtype} dtype */
export const elementSize = (dtype) => DTYPES[dtype].View.BYTES_PER_ELEMENT;

/**
 * The number of elements of a shape that was received; NaN if it is none.
 * @param {unknown} shape
 * @returns {number}
 */
export function count(shape) {
  if (!Array.isArray(shape) || !shape.every((n) => Number.isSafeInteger(n) && n >= 0)) return NaN;
  const product = shape.reduce((a, b) => a * b, 1);
  return Number.isSafeInteger(product) ? product : NaN;
}

/**
 * Whether a value is meant as a tensor.
 * @param {unknown} value
 * @returns {value is TensorInput}
 */
export function isTensor(value) {
  return typeof value === 'object' && value !== null && 'data' in value;
}

/**
 * A tensor with its dtype, by its data if it has none. Elements that are not what the dtype says cannot be sent.
 * @param {string} name
 * @param {TensorInput} input
 * @returns {AnyTensor}
 */
export function complete(name, input) {
  const { shape, data } = input ?? {};
  if (!ArrayBuffer.isView(data))
    throw new TypeError(`${name}: no tensor {dtype, shape, data} with a typed array as data`);
  const dtype = input.dtype ?? deduce(name, data);
  if (isDtype(dtype) && !(data instanceof DTYPES[dtype].View)) {
    throw new TypeError(`${name}: the elements of ${dtype} stand in a ${DTYPES[dtype].View.name}`);
  }
  return { dtype, shape, data };
}

/**
 * @param {string} name
 * @param {ArrayBufferView} data
 */
function deduce(name, data) {
  if (data instanceof Float32Array) return 'F32';
  if (data instanceof Float64Array) return 'F64';
  throw new TypeError(`${name}: only a Float32Array or a Float64Array says its dtype`);
}

/**
 * The elements as numbers.
 * @param {AnyTensor} tensor
 * @returns {ArrayLike<number>}
 */
export function numbersOf({ dtype, data }) {
  return isDtype(dtype)
    ? DTYPES[dtype].numbers(/** @type {any} */ (data))
    : Array.from(/** @type {Uint8Array} */ (data), Number);
}

/**
 * A tensor of numbers, each rounded to the dtype.
 * @param {Dtype} dtype
 * @param {number[]} shape
 * @param {ArrayLike<number>} numbers
 * @returns {Tensor}
 */
export function fromNumbers(dtype, shape, numbers) {
  return /** @type {Tensor} */ ({ dtype, shape, data: DTYPES[dtype].elements(numbers) });
}

/**
 * The elements' bytes as they go over the wire: the same memory, where that is little-endian.
 * @param {ArrayBufferView} data
 * @returns {Uint8Array}
 */
export function wireBytes(data) {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return LITTLE_ENDIAN ? bytes : swapped(bytes, data.byteLength / /** @type {Uint8Array} */ (data).length);
}

/**
 * A tensor of bytes from the wire: a view of them, where they are aligned and the memory little-endian.
 * @param {Dtype} dtype
 * @param {number[]} shape
 * @param {Uint8Array} bytes
 * @returns {Tensor}
 */
export function fromWire(dtype, shape, bytes) {
  const { View } = DTYPES[dtype];
  const size = View.BYTES_PER_ELEMENT;
  let own = LITTLE_ENDIAN ? bytes : swapped(bytes, size);
  if (own.byteOffset % size) own = own.slice();
  return /** @type {Tensor} */ ({
    dtype,
    shape,
    data: new View(/** @type {ArrayBuffer} */ (own.buffer), own.byteOffset, own.length / size),
  });
}

/**
 * A copy with the bytes of each element in reverse.
 * @param {Uint8Array} bytes
 * @param {number} size
 * @returns {Uint8Array}
 */
export function swapped(bytes, size) {
  const copy = bytes.slice();
  for (let i = 0; i < copy.length; i += size) copy.subarray(i, i + size).reverse();
  return copy;
}

/**
 * A tensor of nested arrays of numbers, for small ones and for people: `tensor([[1, 2], [3, 4]], 'F32')`.
 * @param {number | readonly unknown[]} values all sub-arrays of a level equally long
 * @param {Dtype} [dtype] to which each number is rounded once; F32 by default
 * @returns {Tensor}
 * @throws {RangeError} if they are ragged
 */
export function tensor(values, dtype = 'F32') {
  const shape = [];
  /** @type {unknown} */
  let level = values;
  for (; Array.isArray(level); level = level[0]) shape.push(level.length);
  const flat = Array.isArray(values) ? values.flat(shape.length) : [values];
  if (!fits(values, shape) || !flat.every((x) => typeof x === 'number')) {
    throw new RangeError('these are no nested arrays of numbers, of equal lengths');
  }
  const { View, elements } = DTYPES[dtype];
  // toFloat32 is for decimals of F32; what a program computed is rounded as it is
  const data = View === Float32Array ? Float32Array.from(flat) : elements(flat);
  return /** @type {Tensor} */ ({ dtype, shape, data });
}

/**
 * @param {unknown} values
 * @param {number[]} shape
 * @returns {boolean}
 */
function fits(values, [length, ...rest]) {
  if (length === undefined) return !Array.isArray(values);
  return Array.isArray(values) && values.length === length && values.every((inner) => fits(inner, rest));
}
