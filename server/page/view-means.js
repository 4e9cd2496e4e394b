// What a term of the rates does: drawn by the daemon's own gradient with respect to the neurons' mean rates.
//
// fr_sd and fr_cv depend on the means m alone, and fr pushes a neuron's rates, summed, by 2·m/N: so a request with the means
// as its rates, a few kilobytes whatever the batch, has the gradients that the arrows need.

import { requestJson } from './api.js';
import { byId, fill, h } from './dom.js';
import { isActive, POSITIONS, positionOf } from './lambdas.js';
import { latest } from './latest.js';
import { drawMeans, moves } from './means.js';
import { shortText } from './numbers.js';
import { spread } from './summaries.js';

/** @type {Record<string, [string, string]>} a question, and its answer */
const WORDS = {
  fr_sd: [
    'fr_sd asks: how unlike are the neurons?',
    'Each dot is one neuron, at its rate averaged over batch and time. The line is μ, the mean of the dots; the band is ±σ, their standard deviation. The loss is λ·σ: the wider the band, the more it costs, however high it lies. So whoever fires more than the mean is pushed down, whoever fires less is pushed up, the further away the harder.',
  ],
  fr: [
    'fr asks: how much do neurons fire?',
    'Its loss is λ times the mean of all squared rates. Every neuron is pushed towards 0, the liveliest ones hardest. How they differ does not matter to it: compare fr_sd.',
  ],
  fr_cv: [
    'fr_cv asks: how unlike are the neurons, compared with how much they fire?',
    'Its loss is λ·σ/μ. It pulls the dots together as fr_sd does, and lifts them all, because a higher mean μ makes the same spread σ count less.',
  ],
};
const STEPS = 24;
const canvas = /** @type {HTMLCanvasElement} */ (byId('canvas-means'));
const play = /** @type {HTMLButtonElement} */ (byId('play'));
const slider = /** @type {HTMLInputElement} */ (byId('means-slider'));

/** @type {Float64Array | null} */
let begin = null;
/** @type {Float64Array} */
let means = new Float64Array(0);
/** @type {Float64Array | null} */
let push = null;
let lambda = '0';
let chosen = 'fr_sd';
let playing = 0; // which play is going on; another number ends it
/** @type {() => Map<string, string>} */
let lambdasNow = () => new Map();

/**
 * @param {() => Map<string, string>} lambdas
 * @param {(key: string, position: number) => void} moved the slider below the picture
 */
export function onMeans(lambdas, moved) {
  lambdasNow = lambdas;
  slider.addEventListener('input', () => moved(`lambda_${chosen}`, slider.valueAsNumber));
  for (const radio of document.getElementsByName('means-term')) {
    radio.addEventListener('change', () => chooseTerm(/** @type {HTMLInputElement} */ (radio).value));
  }
  play.addEventListener('click', () => (means === begin ? descend() : restart()));
}

/**
 * The term whose pushes are drawn.
 * @param {string} term
 */
export function chooseTerm(term) {
  if (!(term in WORDS)) return;
  chosen = term;
  for (const radio of document.getElementsByName('means-term')) {
    /** @type {HTMLInputElement} */ (radio).checked = /** @type {HTMLInputElement} */ (radio).value === term;
  }
  restart();
}

/** @param {Float64Array | null} given of the new batch */
export function showMeans(given) {
  begin = given;
  byId('card-means').hidden = !given;
  if (given) restart();
}

/** The weights have changed. */
export function updateMeans() {
  showSlider();
  if (begin) ask(means, 0);
}

/** The chosen term's slider once more, beside what it does. */
function showSlider() {
  const text = lambdasNow().get(`lambda_${chosen}`) ?? '0';
  slider.value = String(positionOf(text));
  slider.style.setProperty('--filled', `${(slider.valueAsNumber / POSITIONS) * 100}%`);
  slider.setAttribute('aria-valuetext', `λ = ${text}`);
  byId('means-lambda').textContent = text;
  byId('means-slider-name').textContent = chosen;
  byId('means-slider-label').className = `lambda term-${chosen}`;
}

function restart() {
  playing += 1;
  showSlider();
  if (!begin) return;
  means = begin;
  const [question, words] = WORDS[chosen];
  fill(byId('means-words'), h('strong', {}, question), ` ${words}`);
  play.textContent = `Take ${STEPS} steps`;
  ask(means, 0);
}

/**
 * −gradient of the chosen term at these means.
 * @param {Float64Array} at
 * @param {AbortSignal} [signal]
 * @returns {Promise<Float64Array | null>}
 */
async function pushAt(at, signal) {
  const key = `lambda_${chosen}`;
  lambda = lambdasNow().get(key) ?? '0';
  if (!isActive(lambda) || !(Number(lambda) > 0)) return null;
  const body = JSON.stringify({
    lambdas: { [key]: Number(lambda) },
    tensors: { fr: { dtype: 'F64', shape: [at.length], data: [...at] } },
  });
  const answer = await requestJson('/loss', { body, type: 'application/json', signal });
  return Float64Array.from(answer.gradients.fr.data, (/** @type {number} */ g) => -g);
}

const ask = latest(
  (/** @type {Float64Array} */ at, signal) => pushAt(at, signal),
  (answer) => {
    push = answer;
    draw();
  },
  () => {
    push = null; // the whole request's answer says what is wrong
    draw();
  },
);

async function descend() {
  const own = ++playing;
  play.textContent = 'Back to the batch';
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  for (let step = 0; step < STEPS; step += 1) {
    const next = await pushAt(means).catch(() => null);
    if (own !== playing || !next) return;
    const moved = moves(means, next, 0.1);
    push = next;
    means = means.map((m, n) => m + moved[n]);
    if (!still) {
      draw();
      await new Promise((resolve) => setTimeout(resolve, 45));
    }
  }
  ask(means, 0);
}

export function draw() {
  if (!begin) return;
  const [before, now] = [spread(begin), spread(means)];
  drawMeans(canvas, { means, push, strength: positionOf(lambda) / POSITIONS, begin, spread: now });
  byId('means-now').textContent = reading(before, now);
  play.disabled = !push && means === begin;
  canvas.setAttribute('aria-label', `Mean rate of each of ${means.length} neurons. ${byId('means-now').textContent}`);
}

/**
 * @param {{mu: number, sigma: number}} before
 * @param {{mu: number, sigma: number}} now
 */
function reading(before, now) {
  if (means !== begin) {
    return `Along ${chosen} alone: σ ${shortText(before.sigma)} → ${shortText(now.sigma)}, μ ${shortText(before.mu)} → ${shortText(now.mu)}.`;
  }
  const measured = `μ = ${shortText(now.mu)}, σ = ${shortText(now.sigma)}.`;
  if (!push) return `${measured} λ of ${chosen} is 0: it pushes nobody. Move its slider.`;
  const weight = Number(lambda);
  if (chosen === 'fr') return `${measured} The arrows show where fr pushes at λ = ${shortText(weight)}.`;
  const value = chosen === 'fr_sd' ? now.sigma : now.sigma / now.mu;
  const formula = chosen === 'fr_sd' ? 'λ·σ' : 'λ·σ/μ';
  return `${measured} ${chosen} = ${formula} = ${shortText(weight)} × ${shortText(value)} = ${shortText(weight * value)}. The arrows show where it pushes.`;
}
