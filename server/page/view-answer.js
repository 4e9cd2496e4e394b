// The answer: the total, what it is made of, and every number in full.

import { byId, copyButton, fill, h } from './dom.js';
import { fullText, shortText } from './numbers.js';

/** @import { Term } from './worker.js' */

/** @type {Record<string, string>} */
const WARNINGS = {
  'negative-mean-rate': 'μ is negative: a lower fr_cv means a wider spread',
  underflow: 'a part of a gradient is too small for its dtype, and became 0',
};

/** @param {{loss: number, terms: Term[], unused: string[], warnings: string[]}} answer */
export function showAnswer({ loss, terms, unused, warnings }, milliseconds = 0) {
  fill(
    byId('total'),
    copyButton('the total', () => fullText(loss), fullText(loss)),
  );
  byId('took').textContent = `the daemon's answer took ${shortText(milliseconds, 2)} ms`;
  fill(byId('bar'), ...segments(terms, loss));
  fill(byId('rows'), ...terms.map((term) => row(term, loss)));
  byId('no-terms').hidden = terms.length > 0;
  const notes = warnings.map((warning) => WARNINGS[warning] ?? warning);
  if (unused.length) notes.push(`not used by any term with λ > 0: ${unused.join(', ')}`);
  fill(byId('notes'), ...notes.map((note) => h('li', {}, note)));
}

/**
 * @param {Term[]} terms
 * @param {number} loss
 */
function segments(terms, loss) {
  const positive = terms.filter((term) => term.loss > 0 && Number.isFinite(term.loss));
  const sum = positive.reduce((total, term) => total + term.loss, 0) || loss || 1;
  return positive.map((term) => {
    const share = term.loss / sum;
    const segment = h(
      'div',
      { class: `segment term-${term.name}`, title: `${term.name}: ${percent(share)}` },
      share > 0.07 && h('span', {}, term.name),
    );
    segment.style.flexGrow = String(share * 1000);
    return segment;
  });
}

/** @param {number} share */
const percent = (share) => (Number.isFinite(share) ? `${shortText(share * 100, 2)} %` : '–');

/**
 * @param {Term} term
 * @param {number} total
 */
function row(term, total) {
  const number = (/** @type {string} */ what, /** @type {number} */ value) =>
    h(
      'td',
      { class: 'number' },
      copyButton(`${term.name} ${what}`, () => fullText(value), fullText(value)),
    );
  return h(
    'tr',
    { class: `term-${term.name}`, 'data-term': term.name },
    h('th', { scope: 'row' }, h('span', { class: 'swatch' }), h('code', {}, term.name)),
    h('td', { class: 'number plain' }, fullText(term.lambda)),
    number('unweighted', term.unweighted),
    number('loss', term.loss),
    h('td', { class: 'number plain' }, percent(term.loss / total)),
  );
}

/** @param {number | null} fraction of the upload; null: there is none */
export function showProgress(fraction) {
  const bar = /** @type {HTMLProgressElement} */ (byId('progress'));
  bar.parentElement?.toggleAttribute('hidden', fraction === null);
  if (fraction !== null) bar.value = fraction;
}

/** @param {string} words of a problem that has no other place; '' if all is well */
export function showAnswerError(words) {
  if (byId('answer-error').textContent !== words) byId('answer-error').textContent = words;
}

/** @param {boolean} stale are the numbers those of what was set before? */
export function markStale(stale) {
  byId('answer').classList.toggle('stale', stale);
}
