// The picture that explains fr, fr_sd and fr_cv: a dot for each neuron at its mean rate, μ, ±σ, and where each term pushes.

import { prepare, scale, text, theme, upright, yAxis } from './canvas.js';

/**
 * @typedef {object} Means
 * @property {Float64Array} means of each neuron
 * @property {Float64Array | null} push −gradient of the chosen term, of each neuron; null: it pushes nothing
 * @property {number} strength 0 .. 1: how long the longest arrow is
 * @property {Float64Array} begin where the neurons were before any steps
 * @property {{mu: number, sigma: number}} spread
 */

/**
 * How far each dot moves: proportional to its push, the longest a share of the range of rates.
 * @param {Float64Array} means
 * @param {Float64Array} push
 * @param {number} share
 * @returns {Float64Array<ArrayBuffer>}
 */
export function moves(means, push, share) {
  const longest = push.reduce((most, p) => Math.max(most, Math.abs(p)), 0);
  const span = Math.max(...means) - Math.min(...means) || Math.abs(means[0]) || 1;
  return Float64Array.from(push, (p) => (longest > 0 ? (p / longest) * share * span : 0));
}

/**
 * Places of the neurons that are drawn, from the quietest to the liveliest.
 * @param {Float64Array} means
 * @param {number} most
 */
export function order(means, most) {
  const sorted = [...means.keys()].sort((a, b) => means[a] - means[b]);
  if (sorted.length <= most) return sorted;
  return Array.from({ length: most }, (_, i) => sorted[Math.round((i * (sorted.length - 1)) / (most - 1))]);
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Means} what
 */
export function drawMeans(canvas, { means, push, strength, begin, spread: { mu, sigma } }) {
  const { context, width, height } = prepare(canvas, 300);
  const colours = theme();
  const box = { left: 52, top: 12, width: width - 52 - 58, height: height - 12 - 26 };
  const low = Math.min(0, ...begin);
  const high = Math.max(...begin, mu + sigma) * 1.05 || 1;
  const y = yAxis(context, box, { low, high, colours, most: 5 });
  upright(context, 'mean firing rate m', { ...box, left: 2 }, colours.muted);
  text(context, 'neurons, from the quietest to the liveliest →', box.left + box.width / 2, height - 10, {
    align: 'center',
    colour: colours.muted,
  });

  context.fillStyle = colours.muted;
  context.globalAlpha = 0.16;
  context.fillRect(box.left, y(mu + sigma), box.width, y(mu - sigma) - y(mu + sigma));
  context.globalAlpha = 1;
  context.fillStyle = colours.text;
  context.fillRect(box.left, y(mu) - 1, box.width, 2);
  for (const [words, at] of labels(mu, sigma, y))
    text(context, words, box.left + box.width + 8, at, { colour: colours.text });

  const shown = order(begin, Math.max(20, Math.floor(box.width / 8)));
  const x = scale(-0.5, shown.length - 0.5, box.left, box.left + box.width);
  const moved = push && strength > 0 ? moves(means, push, 0.45 * strength) : null;
  shown.forEach((n, i) => {
    const [at, from] = [x(i), y(means[n])];
    const to = moved ? y(means[n] + moved[n]) : from;
    const colour = to < from - 0.5 ? colours.up : to > from + 0.5 ? colours.down : colours.muted;
    arrow(context, at, from, to, colour);
    context.beginPath();
    context.arc(at, from, Math.min(4, box.width / shown.length / 2), 0, 7);
    context.fillStyle = colour;
    context.fill();
  });
}

/**
 * μ and ±σ at the right, never one upon the other.
 * @param {number} mu
 * @param {number} sigma
 * @param {(rate: number) => number} y
 * @returns {[string, number][]}
 */
function labels(mu, sigma, y) {
  const apart = Math.max(15, y(mu) - y(mu + sigma));
  return [
    ['μ + σ', y(mu) - apart],
    ['μ', y(mu)],
    ['μ − σ', y(mu) + apart],
  ];
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} from
 * @param {number} to
 * @param {string} colour
 */
function arrow(context, x, from, to, colour) {
  const length = Math.abs(to - from);
  if (length < 2) return;
  const head = Math.min(5, length) * Math.sign(to - from);
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 1.75;
  context.beginPath();
  context.moveTo(x, from);
  context.lineTo(x, to - head);
  context.stroke();
  context.beginPath();
  context.moveTo(x, to);
  context.lineTo(x - 3.5, to - head);
  context.lineTo(x + 3.5, to - head);
  context.fill();
}
