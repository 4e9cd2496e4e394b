// A batch that the page makes: a small network of rectified units, and what it should have said.

/** @import { Named } from './json.js' */

/**
 * Numbers from 0 to 1, the same ones each time.
 * @param {number} seed
 */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** @param {() => number} random */
const normal = (random) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/**
 * @param {number} length
 * @param {() => number} value
 */
const filled = (length, value) => Float32Array.from({ length }, value);

/**
 * @typedef {object} Network
 * @property {number} hidden
 * @property {number} inputs
 * @property {number} outputs
 * @property {Float32Array<ArrayBuffer>} w_in
 * @property {Float32Array<ArrayBuffer>} w_hid
 * @property {Float32Array<ArrayBuffer>} w_out
 * @property {Float32Array<ArrayBuffer>} bias some neurons are livelier than others: that is what fr_sd sees
 */

/** @returns {Network} */
function network({ hidden, inputs, outputs } = { hidden: 40, inputs: 4, outputs: 2 }, random = generator(7)) {
  return {
    hidden,
    inputs,
    outputs,
    w_in: filled(hidden * inputs, () => 0.5 * normal(random)),
    w_hid: filled(hidden * hidden, () => (0.9 / Math.sqrt(hidden)) * normal(random)),
    w_out: filled(outputs * hidden, () => (1.2 / Math.sqrt(hidden)) * normal(random)),
    bias: filled(hidden, () => 0.12 + 0.22 * normal(random)),
  };
}

/**
 * The rates and outputs of one trial: a leaky network, driven by a bump in each input.
 * @param {Network} net
 * @param {number} steps
 * @param {number} phase
 * @param {Float32Array} rates [steps, hidden], filled
 * @param {Float32Array} said [steps, outputs], filled
 */
function trial(net, steps, phase, rates, said) {
  const { hidden, inputs, outputs } = net;
  const state = new Float32Array(hidden);
  const rate = new Float32Array(hidden);
  for (let t = 0; t < steps; t += 1) {
    const drive = Array.from(
      { length: inputs },
      (_, i) => 1.6 * Math.exp(-(((t / steps - (i + phase) / inputs) * 7) ** 2)),
    );
    for (let n = 0; n < hidden; n += 1) {
      let sum = net.bias[n];
      for (let m = 0; m < hidden; m += 1) sum += net.w_hid[n * hidden + m] * rate[m];
      for (let i = 0; i < inputs; i += 1) sum += net.w_in[n * inputs + i] * drive[i];
      state[n] += 0.25 * (sum - state[n]);
    }
    for (let n = 0; n < hidden; n += 1) rates[t * hidden + n] = rate[n] = Math.max(0, state[n]);
    for (let o = 0; o < outputs; o += 1) {
      let sum = 0;
      for (let n = 0; n < hidden; n += 1) sum += net.w_out[o * hidden + n] * rate[n];
      said[t * outputs + o] = sum;
    }
  }
}

/**
 * A network's batch. The target is what a network with slightly other recurrent weights says.
 * @returns {Named[]}
 */
export function madeBatch(trials = 6, steps = 60) {
  const net = network();
  const random = generator(11);
  const teacher = { ...net, w_hid: net.w_hid.map((w) => w + 0.05 * normal(random)) };
  const { hidden, inputs, outputs } = net;
  const fr = new Float32Array(trials * steps * hidden);
  const [pred, target] = [0, 1].map(() => new Float32Array(trials * steps * outputs));
  const ignored = new Float32Array(steps * hidden);
  for (let b = 0; b < trials; b += 1) {
    const part = (/** @type {Float32Array} */ a, /** @type {number} */ size) => a.subarray(b * size, (b + 1) * size);
    trial(net, steps, 0.15 * b, part(fr, steps * hidden), part(pred, steps * outputs));
    trial(teacher, steps, 0.15 * b, ignored, part(target, steps * outputs));
  }
  /** @type {[string, number[], Float32Array<ArrayBuffer>][]} */
  const rows = [
    ['pred', [trials, steps, outputs], pred],
    ['target', [trials, steps, outputs], target],
    ['fr', [trials, steps, hidden], fr],
    ['w_in', [hidden, inputs], net.w_in],
    ['w_hid', [hidden, hidden], net.w_hid],
    ['w_out', [outputs, hidden], net.w_out],
  ];
  return rows.map(([name, shape, data]) => ({ name, dtype: 'F32', shape, data }));
}

/**
 * Rates as large as a training batch has them: 26 MB. Not simulated, but neurons differ, and each has its rhythm.
 * @returns {Named[]}
 */
export function largeBatch(trials = 64, steps = 100, hidden = 1024) {
  const random = generator(3);
  const level = filled(hidden, () => 0.15 + 0.6 * random() ** 2);
  const wave = filled(256, () => 0).map((_, i) => 1 + 0.7 * Math.sin((i * Math.PI) / 128));
  const data = new Float32Array(trials * steps * hidden);
  for (let row = 0, at = 0; row < trials * steps; row += 1) {
    for (let n = 0; n < hidden; n += 1, at += 1) data[at] = level[n] * wave[(row * 5 + n * 37) & 255];
  }
  return [{ name: 'fr', dtype: 'F32', shape: [trials, steps, hidden], data }];
}
