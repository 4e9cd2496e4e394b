// What pictures need of a tensor: little, whatever its size. Pure functions, for the worker.

/** @import { Numbers } from './numbers.js' */
/**
 * @typedef {object} Heat a matrix, thinned until a picture can show it
 * @property {Float32Array<ArrayBuffer>} values row-major
 * @property {number} rows
 * @property {number} columns
 * @property {number} rowStep each how-manieth row is shown
 * @property {number} columnStep
 * @property {number} low
 * @property {number} high
 */

/**
 * A tensor as trials of matrices: the last axis is the units, the one before it the time.
 * @param {number[]} shape
 */
export function axes(shape) {
  const units = shape.at(-1) ?? 1;
  const steps = shape.length > 1 ? /** @type {number} */ (shape.at(-2)) : 1;
  return { units, steps, trials: shape.slice(0, -2).reduce((a, b) => a * b, 1) };
}

/**
 * @param {Numbers} data
 * @param {{offset?: number, rows: number, rowStride: number, columns: number, columnStride: number}} layout
 * @param {{rows: number, columns: number}} most
 * @returns {Heat}
 */
export function heat(data, { offset = 0, rows, rowStride, columns, columnStride }, most = { rows: 200, columns: 400 }) {
  const rowStep = Math.ceil(rows / most.rows);
  const columnStep = Math.ceil(columns / most.columns);
  const shown = { rows: Math.ceil(rows / rowStep), columns: Math.ceil(columns / columnStep) };
  const values = new Float32Array(shown.rows * shown.columns);
  for (let r = 0, at = 0; r < shown.rows; r += 1) {
    for (let c = 0; c < shown.columns; c += 1, at += 1) {
      values[at] = data[offset + r * rowStep * rowStride + c * columnStep * columnStride];
    }
  }
  return { values, ...shown, rowStep, columnStep, ...range(values) };
}

/**
 * The finite numbers' smallest and largest; 0 and 0 if there are none.
 * @param {Numbers} data
 */
export function range(data) {
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < data.length; i += 1) {
    const x = data[i];
    if (x < low && x !== -Infinity) low = x;
    if (x > high && x !== Infinity) high = x;
  }
  return low <= high ? { low, high } : { low: 0, high: 0 };
}

/**
 * The mean of each unit over all that comes before: m_n.
 * @param {Numbers} data
 * @param {number} units
 * @returns {Float64Array<ArrayBuffer>}
 */
export function unitMeans(data, units) {
  const sums = new Float64Array(units);
  for (let begin = 0; begin < data.length; begin += units) {
    for (let n = 0; n < units; n += 1) sums[n] += data[begin + n];
  }
  return sums.map((sum) => sum / (data.length / units));
}

/**
 * μ and σ of the means, good for pictures: the daemon's are exact.
 * @param {ArrayLike<number>} means
 */
export function spread(means) {
  let sum = 0;
  for (let n = 0; n < means.length; n += 1) sum += means[n];
  const mu = sum / means.length;
  let squares = 0;
  for (let n = 0; n < means.length; n += 1) squares += (means[n] - mu) ** 2;
  return { mu, sigma: Math.sqrt(squares / means.length) };
}

/**
 * Counts in an odd number of bins around 0, out to the largest magnitude.
 * @param {Numbers} data
 * @param {number} [bins]
 */
export function histogram(data, bins = 61) {
  const { low, high } = range(data);
  const limit = Math.max(Math.abs(low), Math.abs(high));
  const counts = new Float64Array(bins);
  let zeros = 0;
  const scale = limit > 0 ? bins / 2 / limit : 0;
  for (let i = 0; i < data.length; i += 1) {
    const x = data[i];
    if (x === 0) zeros += 1;
    const bin = Math.min(bins - 1, Math.floor((x + limit) * scale));
    if (bin >= 0) counts[bin] += 1; // NaN and infinities are in none
  }
  return { limit, counts, zeros, count: data.length };
}

/**
 * Pairs of equal places, thinned.
 * @param {Numbers} a
 * @param {Numbers} b
 * @param {number} [most]
 */
export function pairs(a, b, most = 1500) {
  const length = Math.min(a.length, b.length);
  const step = Math.max(1, Math.ceil(length / most)) | 1; // odd: it meets every unit of an even number of them
  const shown = Math.ceil(length / step);
  return {
    a: Float32Array.from({ length: shown }, (_, i) => a[i * step]),
    b: Float32Array.from({ length: shown }, (_, i) => b[i * step]),
    step,
  };
}

/**
 * One unit over the time of one trial.
 * @param {Numbers} data
 * @param {number[]} shape
 * @param {number} trial
 * @param {number} unit
 * @param {number} [most]
 */
export function trace(data, shape, trial, unit, most = 600) {
  const { units, steps } = axes(shape);
  const step = Math.ceil(steps / most);
  return Float32Array.from(
    { length: Math.ceil(steps / step) },
    (_, i) => data[(trial * steps + i * step) * units + unit],
  );
}
