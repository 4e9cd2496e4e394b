// "My worker got these numbers": claims, the verdict on each, and what was computed instead.

import { byId, fill, h } from './dom.js';
import { fullText, shortText, sizeText } from './numbers.js';

/** @import { Packed, Term } from './worker.js' */
/** @typedef {{id: string, title: string, relation: string, fix: string, value: unknown, releases?: string[], weak?: boolean}} Diagnosis */
/** @typedef {{verdict: string, claimed?: unknown, canonical?: unknown, mismatched?: number, elements?: number, message?: string, diagnosis?: Diagnosis[]}} Claim */
/** @typedef {{valid: boolean | null, claims: Record<string, Claim>, tolerance: {source: string}, inputs_sha256: string}} Report */

const field = /** @type {HTMLTextAreaElement} */ (byId('claims'));
const file = /** @type {HTMLInputElement} */ (byId('claims-file'));
const tolerance = /** @type {HTMLSelectElement} */ (byId('tolerance'));
/** @type {Blob | null} a file of claims that is too large, or no text, for the field */
let kept = null;

/** @type {{loss: number, terms: Term[]} | null} */
let answer = null;
/** @type {() => number} */
let neurons = () => 0;

/**
 * @param {{validate: () => void, read: (blob: Blob) => Promise<Packed & {text: string}>, neurons: () => number}} wishes
 */
export function onValidate(wishes) {
  neurons = wishes.neurons;
  const take = async (/** @type {Blob & {name?: string}} */ blob) => {
    try {
      const { text, entries } = await wishes.read(blob);
      keepClaims(
        text && text.length < 100_000 ? null : blob,
        `${blob.name ?? 'file'}: ${entries.length} claims, ${sizeText(blob.size)}`,
      );
      if (!kept) field.value = text;
      showClaimsError('');
    } catch (error) {
      showClaimsError(error instanceof Error ? error.message : String(error));
    }
  };
  file.addEventListener('change', () => file.files?.[0] && take(file.files[0]));
  const place = byId('claims-drop');
  place.addEventListener('dragover', (event) => event.preventDefault());
  place.addEventListener('drop', (event) => {
    event.preventDefault();
    const dropped = event.dataTransfer?.files[0];
    if (dropped) take(dropped);
  });
  field.addEventListener('input', () => keepClaims(null));
  field.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) wishes.validate();
  });
  byId('validate').addEventListener('click', wishes.validate);
  byId('claim-right').addEventListener('click', () => example((value) => value));
  byId('claim-sample').addEventListener('click', () => {
    const n = neurons();
    example((value, name) => (name === 'fr_sd' && n > 1 ? value * Math.sqrt(n / (n - 1)) : value));
  });
  byId('claim-half').addEventListener('click', () =>
    example((value, name) => (name === 'mse' || answer?.terms.length === 1 ? value / 2 : value)),
  );
}

/**
 * Claims from a file, or null: those of the field.
 * @param {Blob | null} blob
 * @param {string} [words]
 */
export function keepClaims(blob, words = '') {
  kept = blob;
  byId('claims-kept').textContent = blob ? `From ${words}. Type here to replace them.` : '';
  if (blob) field.value = '';
}

/** @returns {Blob} what is claimed */
export const claimed = () => kept ?? new Blob([field.value]);

/** @returns {string[]} of the query */
export const toleranceQuery = () => (tolerance.value ? [`tolerance_dtype=${tolerance.value}`] : []);

/** @param {{loss: number, terms: Term[]}} now from which examples of claims are made */
export function rememberAnswer(now) {
  answer = now;
}

/**
 * Claims as a worker might have them.
 * @param {(value: number, name: string) => number} change
 */
function example(change) {
  if (!answer) return;
  keepClaims(null);
  const lines = answer.terms.map(({ name, loss }) => `    "${name}": ${fullText(change(loss, name))}`);
  field.value = `{\n  "terms": {\n${lines.join(',\n')}\n  }\n}`;
  showClaimsError('');
}

/** @param {string} words */
export function showClaimsError(words) {
  byId('claims-error').textContent = words;
  field.toggleAttribute('aria-invalid', words !== '');
  if (words) fill(byId('report'));
}

const SIGNS = /** @type {Record<string, string>} */ ({ pass: '✓', fail: '✗', inconclusive: '?' });

/** @param {Report} report */
export function showReport({ valid, claims, tolerance: by, inputs_sha256: digest }) {
  const verdict = valid ? 'pass' : valid === false ? 'fail' : 'inconclusive';
  const words = {
    pass: 'Valid: every claim is right.',
    fail: 'Not valid.',
    inconclusive: 'Inconclusive: a tolerance excuses a claim, but does not certify it.',
  };
  fill(
    byId('report'),
    h('p', { class: `verdict ${verdict}`, id: 'verdict' }, `${SIGNS[verdict]} ${words[verdict]}`),
    h(
      'ul',
      { class: 'claims' },
      ...ordered(claims).map(([path, claim]) =>
        claim.verdict === 'pass' ? passed(path, claim) : claimItem(path, claim),
      ),
    ),
    h('p', { class: 'note' }, `Tolerance: ${by.source}. Inputs: sha256 `, h('code', {}, digest)),
  );
}

/** @param {Record<string, Claim>} claims */
const ordered = (claims) => {
  const rank = ['fail', 'inconclusive', 'pass'];
  return Object.entries(claims).sort(([, a], [, b]) => rank.indexOf(a.verdict) - rank.indexOf(b.verdict));
};

/**
 * @param {string} path
 * @param {Claim} claim
 */
const head = (path, { verdict }) =>
  h(
    'p',
    { class: 'claim-head' },
    h('span', { class: 'sign' }, SIGNS[verdict] ?? ''),
    h('code', {}, path),
    ` ${verdict}`,
  );

/**
 * @param {string} path
 * @param {Claim} claim
 */
const passed = (path, claim) =>
  h(
    'li',
    { class: 'pass short', 'data-claim': path },
    head(path, claim),
    h(
      'span',
      { class: 'right' },
      claim.canonical === undefined ? `${claim.elements} elements` : number(claim.canonical),
    ),
  );

/**
 * @param {string} path
 * @param {Claim} claim
 */
function claimItem(path, claim) {
  const numbers =
    claim.canonical !== undefined
      ? [
          h('dt', {}, 'claimed'),
          h('dd', {}, number(claim.claimed)),
          h('dt', {}, 'right'),
          h('dd', {}, number(claim.canonical)),
        ]
      : [h('dt', {}, 'elements'), h('dd', {}, `${claim.mismatched} of ${claim.elements} are out of tolerance`)];
  return h(
    'li',
    { class: claim.verdict, 'data-claim': path },
    head(path, claim),
    h('dl', {}, ...numbers),
    claim.message && h('p', {}, claim.message),
    ...(claim.diagnosis ?? []).map(diagnosis),
    claim.diagnosis?.length === 0 &&
      h('p', { class: 'note' }, 'None of the well-known other definitions gives this number.'),
  );
}

/** @param {unknown} value */
const number = (value) => (typeof value === 'number' ? fullText(value) : String(value));

/** @param {Diagnosis} what */
function diagnosis({ id, title, relation, fix, releases, weak }) {
  return h(
    'div',
    { class: 'diagnosis', 'data-diagnosis': id },
    h('p', {}, h('strong', {}, title), weak && ' (chance may explain it, too)'),
    h('p', {}, 'This worker’s ', h('code', {}, relation)),
    fix && h('p', {}, `To mend it: ${fix}`),
    releases?.length && h('p', { class: 'note' }, `As in ${releases.join(', ')}`),
  );
}

/** A report is about one batch and its weights. */
export function forgetReport() {
  fill(byId('report'));
}

/** @param {number} fraction */
export function showValidating(fraction) {
  byId('validating').textContent =
    fraction >= 0 && fraction < 1 ? `sending: ${shortText(fraction * 100, 2)} %` : fraction < 0 ? '' : 'judging …';
}
