// Elements of the four dtypes, and numbers as text.

/** @typedef {'F16' | 'BF16' | 'F32' | 'F64'} Dtype */
/** @typedef {Float32Array | Float64Array} Numbers */

/** @type {Record<Dtype, number>} bytes of an element */
export const SIZES = { F16: 2, BF16: 2, F32: 4, F64: 8 };

/**
 * @param {unknown} name
 * @returns {name is Dtype}
 */
export const isDtype = (name) => typeof name === 'string' && Object.hasOwn(SIZES, name);

/** @param {number[]} shape */
export const count = (shape) => shape.reduce((product, axis) => product * axis, 1);

/** @param {number} bits */
function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent ? sign * (1024 + fraction) * 2 ** (exponent - 25) : sign * fraction * 2 ** -24;
}

/**
 * Little-endian elements as numbers: a view where there can be one.
 * @param {Dtype} dtype
 * @param {ArrayBuffer} buffer
 * @param {number} begin in bytes
 * @param {number} length in elements
 * @returns {Numbers}
 */
export function elements(dtype, buffer, begin, length) {
  const aligned = begin % SIZES[dtype] === 0;
  const bytes = aligned ? buffer : buffer.slice(begin, begin + length * SIZES[dtype]);
  const at = aligned ? begin : 0;
  if (dtype === 'F32') return new Float32Array(bytes, at, length);
  if (dtype === 'F64') return new Float64Array(bytes, at, length);
  const bits = new Uint16Array(bytes, at, length);
  if (dtype === 'F16') return Float32Array.from(bits, half);
  return new Float32Array(Uint32Array.from(bits, (b) => b << 16).buffer);
}

/**
 * The shortest decimal that reads back to the same double, as the daemon writes it: always with a fraction or an exponent.
 * @param {number} x
 */
export function fullText(x) {
  if (Object.is(x, -0)) return '-0.0';
  const text = String(x);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

/**
 * A number for axes and sentences: some digits, no more.
 * @param {number} x
 * @param {number} [digits]
 */
export function shortText(x, digits = 3) {
  if (!Number.isFinite(x)) return String(x);
  const size = Math.abs(x);
  if (x !== 0 && (size < 1e-3 || size >= 1e5)) {
    return x
      .toExponential(digits - 1)
      .replace(/\.?0+e/, 'e')
      .replace('e+', 'e')
      .replace('-', '−')
      .replace('e-', 'e−');
  }
  return String(Number(x.toPrecision(digits))).replace('-', '−');
}

/** @param {number} bytes */
export function sizeText(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${shortText(bytes / 1e3)} kB` : `${shortText(bytes / 1e6)} MB`;
}
