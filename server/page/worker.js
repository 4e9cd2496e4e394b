// The worker: it alone holds tensors as numbers, so that the page never waits for them.

import { claimsOf, readRequest } from './json.js';
import { largeBatch, madeBatch } from './made.js';
import { count, elements } from './numbers.js';
import { looksLikeSafetensors, pack, readHeader } from './safetensors.js';
import { axes, heat, histogram, pairs, trace, unitMeans } from './summaries.js';

/** @import { Named } from './json.js' */
/** @import { Numbers } from './numbers.js' */
/** @import { Entry } from './safetensors.js' */
/** @import { Heat } from './summaries.js' */
/** @typedef {{shape: number[], data: Numbers}} Held */
/** @typedef {{entries: Entry[], data: Blob}} Packed */
/** @typedef {Packed & {lambdas: [string, string][], options: [string, string][], claims: Packed | null}} Opened */
/** @typedef {{name: string, lambda: number, loss: number, unweighted: number}} Term */
/** @typedef {{bins: ReturnType<typeof histogram>, heat: Heat | null}} Gradient */

/** @type {Map<string, Held>} */
let tensors = new Map();

/**
 * @param {ArrayBuffer} buffer
 * @param {number} begin
 * @param {Entry} entry
 * @returns {Held}
 */
const held = (buffer, begin, { dtype, shape, begin: from }) => ({
  shape,
  data: elements(dtype, buffer, begin + from, count(shape)),
});

/**
 * Arrays that are here already.
 * @param {Named[]} named
 * @returns {Promise<Packed>}
 */
async function keep(named) {
  const packed = pack(named);
  const buffer = await packed.data.arrayBuffer();
  tensors = new Map(packed.entries.map((entry) => [entry.name, held(buffer, 0, entry)]));
  return packed;
}

/** @param {Blob} blob */
async function isSafetensors(blob) {
  return looksLikeSafetensors(await blob.slice(0, 9).arrayBuffer(), blob.size);
}

/**
 * A file, whichever it is.
 * @param {Blob} blob
 * @returns {Promise<Opened>}
 */
async function open(blob) {
  if (!(await isSafetensors(blob))) {
    const { tensors: named, lambdas, options, claims: given } = readRequest(await blob.text());
    return { ...(await keep(named)), lambdas, options, claims: given ? pack(claimsOf(given)) : null };
  }
  const buffer = await blob.arrayBuffer();
  const { metadata, entries, begin } = readHeader(buffer);
  const [claimed, own] = [true, false].map((is) => entries.filter((e) => e.name.startsWith('claims.') === is));
  tensors = new Map(own.map((entry) => [entry.name, held(buffer, begin, entry)]));
  const data = blob.slice(begin);
  const lambdas = metadata.filter(([key]) => key.startsWith('lambda_'));
  const options = metadata.filter(([key]) => !key.startsWith('lambda_'));
  // Offsets must leave no gap: where there are claims, each part is cut out anew.
  const part = (/** @type {Entry[]} */ those) => cut(data, those);
  return {
    ...(claimed.length ? part(own) : { entries, data }),
    lambdas,
    options,
    claims: claimed.length ? part(claimed) : null,
  };
}

/**
 * @param {Blob} data
 * @param {Entry[]} entries
 * @returns {Packed}
 */
function cut(data, entries) {
  let end = 0;
  const moved = entries.map((entry) => {
    const begin = end;
    end += entry.end - entry.begin;
    return { ...entry, begin, end };
  });
  return { entries: moved, data: new Blob(entries.map(({ begin, end: until }) => data.slice(begin, until))) };
}

/**
 * @param {'small' | 'large'} kind
 * @returns {Promise<Opened>}
 */
async function make(kind) {
  const packed = await keep(kind === 'large' ? largeBatch() : madeBatch());
  const small = { mse: '1', in: '0.01', hid: '0.01', out: '0.01', fr: '0.1', fr_sd: '0.2', fr_cv: '0.01' };
  const lambdas = Object.entries(kind === 'large' ? { fr: '0.1', fr_sd: '0.2', fr_cv: '0.01' } : small);
  return { ...packed, lambdas: lambdas.map(([name, text]) => [`lambda_${name}`, text]), options: [], claims: null };
}

/**
 * A matrix as it is: of weights, or their gradient.
 * @param {Held | undefined} tensor
 */
function matrix(tensor) {
  if (!tensor || tensor.shape.length !== 2) return null;
  const [rows, columns] = tensor.shape;
  return heat(tensor.data, { rows, rowStride: columns, columns, columnStride: 1 }, { rows: 256, columns: 256 });
}

/** @param {number} trial */
function rates(trial) {
  const fr = tensors.get('fr');
  if (!fr) return null;
  const { units, steps } = axes(fr.shape);
  return heat(fr.data, {
    offset: trial * steps * units,
    rows: units,
    rowStride: 1,
    columns: steps,
    columnStride: units,
  });
}

/**
 * What the pictures show.
 * @param {{trial: number, output: number}} which
 */
function pictures({ trial, output }) {
  const [fr, pred, target] = ['fr', 'pred', 'target'].map((name) => tensors.get(name));
  const known = fr ?? pred;
  const comparable = pred && target && String(pred.shape) === String(target.shape);
  const trialOf = (/** @type {Held} */ { shape }) => Math.min(trial, axes(shape).trials - 1);
  const unit = Math.min(output, pred ? axes(pred.shape).units - 1 : 0);
  return {
    trials: known ? axes(known.shape).trials : 0,
    steps: pred ? axes(pred.shape).steps : 0,
    outputs: pred ? axes(pred.shape).units : 0,
    rates: fr ? rates(trialOf(fr)) : null,
    means: fr ? unitMeans(fr.data, axes(fr.shape).units) : null,
    weights: ['w_in', 'w_hid', 'w_out'].map((name) => ({ name, heat: matrix(tensors.get(name)) })),
    pairs: comparable ? pairs(target.data, pred.data) : null,
    traces: comparable ? [target, pred].map(({ data, shape }) => trace(data, shape, trialOf(pred), unit)) : null,
  };
}

/**
 * An answer in safetensors: values, and the gradients as pictures.
 * @param {ArrayBuffer} buffer
 */
function answer(buffer) {
  const { metadata, entries, begin } = readHeader(buffer);
  const values = new Map(entries.map((entry) => [entry.name, held(buffer, begin, entry)]));
  const said = new Map(metadata);
  const list = (/** @type {string} */ key) => (said.get(key) ?? '').split(',').filter(Boolean);
  const number = (/** @type {string} */ name) => values.get(name)?.data[0] ?? NaN;
  /** @type {Term[]} */
  const terms = [...values.keys()]
    .filter((name) => /^terms\.\w+\.loss$/.test(name))
    .map((name) => name.split('.')[1])
    .map((name) => ({
      name,
      lambda: Number(said.get(`lambda_${name}`)),
      loss: number(`terms.${name}.loss`),
      unweighted: number(`terms.${name}.unweighted`),
    }));
  /** @type {Record<string, Gradient>} */
  const gradients = {};
  for (const [name, tensor] of values) {
    if (!name.startsWith('gradients.')) continue;
    const short = name.slice('gradients.'.length);
    gradients[short] = { bins: histogram(tensor.data), heat: short.startsWith('w_') ? matrix(tensor) : null };
  }
  return { loss: number('loss'), terms, unused: list('unused'), warnings: list('warnings'), gradients };
}

/**
 * Claims from a text or a file: JSON, or safetensors with or without `claims.` before the names.
 * @param {Blob} blob
 * @returns {Promise<Packed & {text: string}>}
 */
async function claims(blob) {
  if (!(await isSafetensors(blob))) {
    const text = await blob.text();
    return { ...pack(claimsOf(JSON.parse(text))), text };
  }
  const buffer = await blob.arrayBuffer();
  const { entries, begin } = readHeader(buffer);
  const named = entries.map((e) => ({ ...e, name: e.name.startsWith('claims.') ? e.name : `claims.${e.name}` }));
  const judged = named.filter((e) => /^claims\.(loss$|terms\.|gradients\.)/.test(e.name));
  return { ...cut(blob.slice(begin), judged), text: '' };
}

const jobs = { open, make, pictures, answer, claims };
/** @typedef {typeof jobs} Jobs */

self.onmessage = async ({ data: { id, job, wish } }) => {
  try {
    const result = await jobs[/** @type {keyof Jobs} */ (job)](/** @type {never} */ (wish));
    self.postMessage({ id, result });
  } catch (error) {
    self.postMessage({ id, error: String(error instanceof Error ? error.message : error) });
  }
};
