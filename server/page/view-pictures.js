// The pictures of the batch and its gradients, beside the one that explains the rates (view-means.js).

import { drawHeat, drawHistogram, drawPairs, drawTraces } from './charts.js';
import { byId, fill, h } from './dom.js';
import { shortText } from './numbers.js';

/** @import { Gradient, Jobs } from './worker.js' */
/** @import { Heat } from './summaries.js' */
/** @typedef {ReturnType<Jobs['pictures']>} Pictures */

/** @type {Pictures | null} */
let shown = null;
/** @type {Record<string, Gradient>} */
let gradients = {};
const trial = /** @type {HTMLInputElement} */ (byId('trial'));
const output = /** @type {HTMLInputElement} */ (byId('output'));
const which = /** @type {HTMLSelectElement} */ (byId('histogram-of'));

/** @param {() => void} changed another trial or output is wanted */
export function onPictures(changed) {
  for (const field of [trial, output]) field.addEventListener('input', () => field.checkValidity() && changed());
  which.addEventListener('change', drawGradients);
}

/** @returns {{trial: number, output: number}} from 0 */
export const place = () => ({ trial: (trial.valueAsNumber || 1) - 1, output: (output.valueAsNumber || 1) - 1 });

/** The first trial and output of a new batch. */
export function resetPlace() {
  trial.value = output.value = '1';
  gradients = {};
}

/** @param {Pictures} pictures */
export function showPictures(pictures) {
  shown = pictures;
  trial.max = String(Math.max(1, pictures.trials));
  output.max = String(Math.max(1, pictures.outputs));
  byId('trial-field').hidden = pictures.trials < 2;
  byId('output-field').hidden = pictures.outputs < 2 || !pictures.traces;
  byId('trial-of').textContent = `of ${pictures.trials}`;
  byId('output-of').textContent = `of ${pictures.outputs}`;
  drawAll();
}

/** @param {Record<string, Gradient>} answered */
export function showGradients(answered) {
  gradients = answered;
  const names = Object.keys(answered);
  if ([...which.options].map((o) => o.value).join() !== names.join()) {
    const before = which.value;
    fill(which, ...names.map((name) => h('option', {}, name)));
    which.value = names.includes(before) ? before : names.includes('fr') ? 'fr' : (names[0] ?? '');
  }
  drawGradients();
}

export function drawAll() {
  if (!shown) return;
  const { rates, traces, pairs, steps } = shown;
  for (const [id, there] of [
    ['card-rates', rates],
    ['card-traces', traces],
    ['card-pairs', pairs],
  ])
    byId(String(id)).hidden = !there;
  if (rates) {
    drawHeat(canvas('rates'), rates, { signed: rates.low < 0, rows: 'neuron', columns: 'time step', height: 300 });
    byId('rates-note').textContent = thinned(rates);
    describe(
      'rates',
      `Firing rates of ${rates.rows * rates.rowStep} neurons over time, from ${shortText(rates.low)} to ${shortText(rates.high)}`,
    );
  }
  if (traces) drawTraces(canvas('traces'), traces, steps);
  if (pairs) {
    drawPairs(canvas('pairs'), pairs);
    byId('pairs-note').textContent = pairs.step > 1 ? `every ${pairs.step}th element` : '';
  }
  drawGradients();
}

function drawGradients() {
  if (!shown) return;
  const bins = gradients[which.value]?.bins;
  byId('card-histogram').hidden = !bins;
  if (bins) {
    drawHistogram(canvas('histogram'), bins);
    byId('histogram-note').textContent =
      `${bins.count.toLocaleString('en')} elements, ${bins.zeros.toLocaleString('en')} of them 0; largest ${shortText(bins.limit)}`;
    describe('histogram', `Histogram of the gradient of ${which.value}: ${byId('histogram-note').textContent}`);
  }
  for (const { name, heat } of shown.weights) {
    byId(`card-${name}`).hidden = !heat;
    if (!heat) continue;
    const gradient = gradients[name]?.heat;
    const flat = heat.columns > 3 * heat.rows;
    byId(`card-${name}`).classList.toggle('flat', flat);
    const height = flat ? 118 : 300;
    drawPair(name, heat, height);
    byId(`${name}-gradient-figure`).hidden = !gradient;
    if (gradient) drawPair(`${name}-gradient`, gradient, height);
  }
}

/**
 * @param {string} id
 * @param {Heat} heat
 * @param {number} height
 */
function drawPair(id, heat, height) {
  drawHeat(canvas(id), heat, { signed: true, rows: 'row', columns: 'column', height, square: true });
  describe(
    id,
    `${id}: a matrix of ${heat.rows * heat.rowStep} by ${heat.columns * heat.columnStep}, from ${shortText(heat.low)} to ${shortText(heat.high)}`,
  );
}

/** @param {string} id */
const canvas = (id) => /** @type {HTMLCanvasElement} */ (byId(`canvas-${id}`));

/**
 * What the picture shows, for who does not see it.
 * @param {string} id
 * @param {string} words
 */
const describe = (id, words) => canvas(id).setAttribute('aria-label', words);

/** @param {Heat} heat */
function thinned({ rowStep, columnStep }) {
  const parts = [rowStep > 1 && `every ${rowStep}th neuron`, columnStep > 1 && `every ${columnStep}th step`].filter(
    Boolean,
  );
  return parts.length ? `drawn: ${parts.join(', ')}` : '';
}
