// The page: a batch, seven weights, and the daemon's answer to them, always the latest.

import { ProblemError, hasToken, onTokenNeeded, request, requestJson } from './api.js';
import { ask, bodyOf, keptOptions, wantsNoGradients } from './data.js';
import { byId } from './dom.js';
import { isActive, lambdaQuery } from './lambdas.js';
import { latest } from './latest.js';
import { startTabs, askForToken } from './shell.js';
import { markStale, showAnswer, showAnswerError, showProgress } from './view-answer.js';
import { buildCode, showCode } from './view-code.js';
import { clearDataErrors, onData, showBatch, showDataError, showTensorError, showVectors } from './view-data.js';
import { chooseTerm, draw as drawMeans, onMeans, showMeans, updateMeans } from './view-means.js';
import { drawAll, onPictures, place, resetPlace, showGradients, showPictures } from './view-pictures.js';
import { clearTermErrors, lambdas, moveSlider, setLambdas, showTermError, showTerms } from './view-terms.js';
import {
  claimed,
  forgetReport,
  keepClaims,
  onValidate,
  rememberAnswer,
  showClaimsError,
  showReport,
  showValidating,
  toleranceQuery,
} from './view-validate.js';

/** @import { Opened } from './worker.js' */

const SAFETENSORS = 'application/vnd.safetensors';
const LARGE = 1_000_000; // bytes: a request is sent once the sliders rest a little, and its progress is shown

/** @type {{opened: Opened, body: Blob} | null} */
let batch = null;
let opening = 0;
let neurons = 0;

// ---- A batch comes ----

/**
 * @param {string} name
 * @param {() => Promise<Opened>} open
 * @param {Blob} [raw] what it was, should the page not be able to read it
 */
async function take(name, open, raw) {
  const own = ++opening;
  byId('batch-name').textContent = `reading ${name} …`;
  try {
    const opened = await open();
    if (own !== opening) return;
    const body = bodyOf(opened, keptOptions(opened));
    batch = { opened, body };
    clearDataErrors();
    showBatch(name, opened, () => body);
    setLambdas(
      opened.lambdas,
      opened.entries.map((entry) => entry.name),
    );
    if (opened.claims) keepClaims(bodyOf(opened.claims, []), `${name}, claims`);
    resetPlace();
    await see();
    change();
  } catch (error) {
    if (own !== opening) return;
    byId('batch-name').textContent = batch ? 'Still the batch from before.' : '';
    showDataError(`${name}: ${await reason(error, raw)}`);
  }
}

/**
 * The daemon can say better what is wrong with a file.
 * @param {unknown} error
 * @param {Blob} [raw]
 */
async function reason(error, raw) {
  const own = error instanceof Error ? error.message : String(error);
  if (!raw) return own;
  try {
    await request('/loss?gradients=none', { body: raw, accept: 'application/json' });
    return own;
  } catch (problem) {
    return problem instanceof ProblemError ? said(problem) : own;
  }
}

/** @param {ProblemError} error */
const said = ({ message, problem }) => (problem.pointer ? `${message} (at ${problem.pointer})` : message);

/** The pictures of the batch, for the trial and output that were picked. */
async function see() {
  const pictures = await ask('pictures', place());
  neurons = pictures.means?.length ?? 0;
  showMeans(pictures.means);
  showPictures(pictures);
}

// ---- The answer ----

function change() {
  const query = lambdaQuery(lambdas());
  showCode({ origin: location.origin, query, file: 'batch.safetensors', token: hasToken() });
  if (!batch) return;
  markStale(true);
  forgetReport();
  updateMeans();
  send(query, batch.body.size > LARGE ? 250 : 30);
}

const send = latest(
  async (/** @type {string[]} */ query, signal) => {
    const { body, opened } = /** @type {{body: Blob, opened: Opened}} */ (batch);
    if (wantsNoGradients(opened)) query = [...query, 'gradients=none'];
    const large = body.size > LARGE;
    const began = performance.now();
    const progress = large ? showProgress : undefined;
    const { bytes } = await request(`/loss?${query.join('&')}`, {
      body,
      type: SAFETENSORS,
      accept: SAFETENSORS,
      signal,
      progress,
    });
    const milliseconds = performance.now() - began;
    return { answer: await ask('answer', bytes, [bytes]), milliseconds };
  },
  ({ answer, milliseconds }) => {
    settle();
    showAnswer(answer, milliseconds);
    showGradients(answer.gradients);
    rememberAnswer(answer);
    document.documentElement.dataset.answered = String(++answers);
  },
  (error) => {
    settle();
    markStale(true);
    if (!(error instanceof ProblemError)) return showAnswerError(String(error));
    const { pointer = '' } = error.problem;
    const words = error.message;
    if (showTermError(pointer, words) || showTensorError(pointer, words))
      showAnswerError('See the field that is marked.');
    else showAnswerError(said(error));
  },
);
let answers = 0;

/** What an earlier request had said is over. */
function settle() {
  showProgress(null);
  markStale(false);
  clearTermErrors();
  clearDataErrors();
  showAnswerError('');
}

// ---- Claims ----

async function validate() {
  if (!batch) return;
  try {
    const claims = await ask('claims', claimed());
    const body = bodyOf(batch.opened, keptOptions(batch.opened), claims);
    const query = [...lambdaQuery(lambdas()), ...toleranceQuery()];
    const { bytes } = await request(`/validate?${query.join('&')}`, {
      body,
      type: SAFETENSORS,
      accept: 'application/json',
      progress: showValidating,
    });
    showClaimsError('');
    showReport(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (error) {
    const known = error instanceof ProblemError;
    const elsewhere = known && showTermError(error.problem.pointer ?? '', error.message);
    showClaimsError(
      elsewhere
        ? 'See the weight that is marked.'
        : known
          ? said(error)
          : `These are no claims: ${error instanceof Error ? error.message : error}`,
    );
  }
  showValidating(-1);
}

// ---- The start ----

/** @param {string} url */
async function vector(url) {
  const { bytes } = await request(url);
  return ask('open', new Blob([bytes]));
}

async function start() {
  startTabs();
  onTokenNeeded(askForToken);
  buildCode();
  onData({
    file: (file) => take(file.name, () => ask('open', file), file),
    made: (kind) => take(kind === 'large' ? 'large made batch' : 'made batch', () => ask('make', kind)),
    vector: (url) => take(decodeURIComponent(url.replace(/^.*\/|\?.*$/g, '')), () => vector(url)),
  });
  onPictures(see);
  onMeans(lambdas, moveSlider);
  onValidate({ validate, read: (blob) => ask('claims', blob), neurons: () => neurons });
  const redraw = () => requestAnimationFrame(() => (drawAll(), drawMeans()));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  new ResizeObserver(redraw).observe(byId('panel-losses'));
  const { terms } = await requestJson('/terms');
  showTerms(terms, (key) => {
    if (isActive(lambdas().get(key) ?? '')) chooseTerm(key.replace('lambda_', ''));
    change();
  });
  await take('made batch', () => ask('make', 'small'));
  requestJson('/vectors').then(({ vectors }) => showVectors(vectors));
}

start().catch((error) => showAnswerError(error instanceof ProblemError ? said(error) : String(error)));
