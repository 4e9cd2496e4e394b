// The page's side of the worker, and what it holds: the batch, ready to be sent.

import { writeHeader } from './safetensors.js';

/** @import { Jobs, Opened, Packed } from './worker.js' */

const worker = new Worker(new URL('worker.js', import.meta.url), { type: 'module' });
/** @type {Map<number, {resolve: (result: any) => void, reject: (error: Error) => void}>} */
const waiting = new Map();
let last = 0;

worker.onmessage = (/** @type {MessageEvent} */ { data }) => {
  const { id, result, error } = /** @type {{id: number, result: any, error?: string}} */ (data);
  const { resolve, reject } = waiting.get(id) ?? {};
  waiting.delete(id);
  if (error === undefined) resolve?.(result);
  else reject?.(new Error(error));
};

/**
 * @template {keyof Jobs} J
 * @param {J} job
 * @param {Parameters<Jobs[J]>[0]} wish
 * @param {Transferable[]} [transfer]
 * @returns {Promise<Awaited<ReturnType<Jobs[J]>>>}
 */
export function ask(job, wish, transfer = []) {
  const id = ++last;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    worker.postMessage({ id, job, wish }, { transfer });
  });
}

/**
 * The batch as one file, with claims if there are any.
 * @param {Packed} batch
 * @param {[string, string][]} options
 * @param {Packed} [claims]
 */
export function bodyOf(batch, options, claims) {
  const shift = batch.data.size;
  const moved = (claims?.entries ?? []).map((e) => ({ ...e, begin: e.begin + shift, end: e.end + shift }));
  const header = writeHeader(options, [...batch.entries, ...moved]);
  return new Blob([header, batch.data, ...(claims ? [claims.data] : [])], { type: 'application/vnd.safetensors' });
}

/**
 * Options that go with the numbers; what the page itself decides is left out.
 * @param {Opened} opened
 */
export const keptOptions = ({ options }) => options.filter(([key]) => key === 'nonfinite' || key === 'contract');

/** @param {Opened} opened */
export const wantsNoGradients = ({ options }) =>
  options.some(([key, value]) => key === 'gradients' && value === 'none');
