// Requests in JSON, as people write them, made into arrays: tensors, and claims.

import { count, isDtype } from './numbers.js';

/** @import { Dtype } from './numbers.js' */
/** @typedef {{name: string, dtype: Dtype, shape: number[], data: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> | Uint16Array<ArrayBuffer>}} Named */

const TYPED = { F32: Float32Array, F64: Float64Array };

/**
 * @param {string} name
 * @param {any} value nested arrays, or an object with dtype, shape and data
 * @returns {Named}
 */
export function tensorOf(name, value) {
  if (Array.isArray(value) || typeof value === 'number') return { name, dtype: 'F64', ...nested(name, value) };
  const { dtype, shape, data, data_base64: base64 } = value ?? {};
  if (!isDtype(dtype) || !Array.isArray(shape)) throw new Error(`${name} is no tensor`);
  if (typeof base64 === 'string') return { name, dtype, shape, data: fromBase64(dtype, base64) };
  if (dtype === 'F16' || dtype === 'BF16') throw new Error(`${name}: the page reads ${dtype} as data_base64 only`);
  const flat = nested(name, data).data;
  if (flat.length !== count(shape)) throw new Error(`${name} has ${flat.length} numbers for the shape [${shape}]`);
  return { name, dtype, shape, data: dtype === 'F64' ? flat : TYPED[dtype].from(flat) };
}

/**
 * @param {Dtype} dtype
 * @param {string} text
 */
function fromBase64(dtype, text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  if (dtype === 'F16' || dtype === 'BF16') return new Uint16Array(bytes.buffer);
  return new TYPED[dtype](bytes.buffer);
}

/**
 * @param {string} name
 * @param {any} value
 * @returns {{shape: number[], data: Float64Array<ArrayBuffer>}}
 */
function nested(name, value) {
  /** @type {number[]} */
  const shape = [];
  for (let level = value; Array.isArray(level); level = level[0]) shape.push(level.length);
  const data = new Float64Array(count(shape));
  let at = 0;
  /** @type {(level: any, depth: number) => void} */
  const walk = (level, depth) => {
    if (depth === shape.length) {
      const x = numberOf(level);
      if (x === undefined) throw new Error(`${name} holds ${JSON.stringify(level)}, which is no number`);
      data[at++] = x;
    } else if (!Array.isArray(level) || level.length !== shape[depth]) throw new Error(`${name} is ragged`);
    else level.forEach((inner) => walk(inner, depth + 1));
  };
  walk(value, 0);
  return { shape, data };
}

/** @param {unknown} value */
function numberOf(value) {
  if (typeof value === 'number') return value;
  return value === 'NaN' || value === 'Infinity' || value === '-Infinity' ? Number(value) : undefined;
}

/**
 * A request: its tensors, its weights as text, and what else it says.
 * @param {string} text
 * @returns {{tensors: Named[], lambdas: [string, string][], options: [string, string][], claims: any}}
 */
export function readRequest(text) {
  const { tensors = {}, lambdas = {}, claims, tolerance: _, ...options } = JSON.parse(text);
  return {
    tensors: Object.entries(tensors).map(([name, value]) => tensorOf(name, value)),
    lambdas: Object.entries(lambdas).map(([key, value]) => [key, String(value)]),
    options: Object.entries(options).map(([key, value]) => [key, String(value)]),
    claims,
  };
}

/**
 * Claims as the tensors that they are in safetensors: `claims.terms.fr.loss` and so on.
 * @param {any} claims with or without the member `claims` around them
 * @returns {Named[]}
 */
export function claimsOf(claims) {
  const { loss, terms = {}, gradients = {}, ...others } = claims?.claims ?? claims ?? {};
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new Error(`"${unknown}" is no claim: there are loss, terms and gradients`);
  /** @type {Named[]} */
  const named = [];
  /** @type {(name: string, value: any) => void} */
  const add = (name, value) => {
    const number = numberOf(value);
    if (number !== undefined)
      named.push({ name: `claims.${name}`, dtype: 'F64', shape: [], data: Float64Array.of(number) });
    else named.push(tensorOf(`claims.${name}`, value));
  };
  if (loss !== undefined) add('loss', loss);
  for (const [term, claim] of Object.entries(terms)) claimsOfTerm(`terms.${term}`, claim, add);
  for (const [name, g] of Object.entries(gradients)) add(`gradients.${name}`, g);
  return named;
}

/**
 * @param {string} path
 * @param {any} claim its loss, or an object of several
 * @param {(name: string, value: any) => void} add
 */
function claimsOfTerm(path, claim, add) {
  const { gradients = {}, ...values } = typeof claim === 'object' && claim !== null ? claim : { loss: claim };
  for (const [key, value] of Object.entries(values)) add(`${path}.${key}`, value);
  for (const [name, gradient] of Object.entries(gradients)) add(`${path}.gradients.${name}`, gradient);
}
