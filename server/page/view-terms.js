// The seven terms: what each is, its formula, its weight.

import { byId, fill, formula, h } from './dom.js';
import { POSITIONS, isActive, lambdaAt, positionOf } from './lambdas.js';

/** @typedef {{name: string, lambda: string, title: string, tensors: string[], formula: {mathml: string}}} TermInfo of /terms */

/** @type {Record<string, string>} */
const WORDS = {
  mse: 'How far the outputs are from their targets.',
  in: 'Keeps the input weights small.',
  hid: 'Keeps the recurrent weights small.',
  out: 'Keeps the readout weights small.',
  fr: 'Keeps neurons quiet: a high rate costs its square.',
  fr_sd: 'Keeps neurons alike: the spread of mean rates.',
  fr_cv: 'The same spread, relative to their mean: σ/μ.',
};

/** @type {Map<string, {slider: HTMLInputElement, field: HTMLInputElement, row: HTMLElement, error: HTMLElement, needs: HTMLElement, info: TermInfo}>} */
const rows = new Map();

/**
 * @param {TermInfo[]} terms
 * @param {(key: string) => void} changed a weight was
 */
export function showTerms(terms, changed) {
  fill(byId('terms'), ...terms.map((info) => termRow(info, changed)));
}

/**
 * @param {TermInfo} info
 * @param {(key: string) => void} changed
 */
function termRow(info, changed) {
  const key = info.lambda;
  const id = `field-${key}`;
  const error = h('p', { class: 'error', id: `error-${key}`, role: 'alert' });
  const needs = h('p', { class: 'needs' });
  const field = h('input', {
    id,
    type: 'text',
    inputmode: 'decimal',
    autocomplete: 'off',
    spellcheck: 'false',
    value: '0',
    size: 8,
    'aria-describedby': `error-${key}`,
    'aria-label': `λ of ${info.name}, exactly`,
  });
  const slider = h('input', {
    type: 'range',
    min: 0,
    max: POSITIONS,
    step: 1,
    value: 0,
    id: `slider-${key}`,
    'aria-label': `λ of ${info.name}`,
  });
  slider.addEventListener('input', () => {
    field.value = lambdaAt(slider.valueAsNumber);
    mark(key);
    changed(key);
  });
  field.addEventListener('input', () => {
    slider.value = String(positionOf(field.value));
    mark(key);
    changed(key);
  });
  const math = h('p', { class: 'formula' }, formula(info.formula.mathml));
  const row = h(
    'li',
    { class: `term term-${info.name}`, id: `term-${info.name}` },
    h(
      'div',
      { class: 'term-head' },
      h('span', { class: 'swatch' }),
      h('code', {}, info.name),
      slider,
      h('label', { for: id, class: 'lambda' }, 'λ', field),
    ),
    h('p', { class: 'words' }, WORDS[info.name] ?? info.title),
    math,
    needs,
    error,
  );
  rows.set(key, { slider, field, row, error, needs, info });
  return row;
}

/** @param {string} key */
function mark(key) {
  const { slider, field, row } = rows.get(key) ?? {};
  slider?.setAttribute('aria-valuetext', `λ = ${field?.value}`);
  slider?.style.setProperty('--filled', `${(slider.valueAsNumber / POSITIONS) * 100}%`);
  row?.classList.toggle('active', isActive(field?.value ?? ''));
}

/**
 * As if its slider were moved.
 * @param {string} key
 * @param {number} position
 */
export function moveSlider(key, position) {
  const slider = rows.get(key)?.slider;
  if (!slider) return;
  slider.value = String(position);
  slider.dispatchEvent(new Event('input'));
}

/** @returns {Map<string, string>} key and text */
export const lambdas = () => new Map([...rows].map(([key, { field }]) => [key, field.value]));

/**
 * @param {[string, string][]} given the others become 0
 * @param {string[]} tensors that there are
 */
export function setLambdas(given, tensors) {
  const texts = new Map(given);
  for (const [key, { slider, field, needs, info }] of rows) {
    field.value = texts.get(key) ?? '0';
    slider.value = String(positionOf(field.value));
    const missing = info.tensors.filter((name) => !tensors.includes(name));
    needs.textContent = missing.length ? `needs ${missing.join(' and ')}, which this batch lacks` : '';
    mark(key);
  }
}

/**
 * @param {string} pointer of a problem
 * @param {string} detail
 * @returns {boolean} was it about a weight?
 */
export function showTermError(pointer, detail) {
  const key = /^\/lambdas\/([^/]+)/.exec(pointer)?.[1] ?? '';
  const row = rows.get(key);
  if (!row) return false;
  row.error.textContent = detail;
  row.field.setAttribute('aria-invalid', 'true');
  return true;
}

export function clearTermErrors() {
  for (const { error, field } of rows.values()) {
    if (error.textContent) error.textContent = '';
    field.removeAttribute('aria-invalid');
  }
}
