// Drawing on a canvas: sharp on every screen, in the page's colours, with axes.

import { shortText } from './numbers.js';

/** @typedef {CanvasRenderingContext2D} Context */
/** @typedef {{left: number, top: number, width: number, height: number}} Box */
/** @typedef {{text: string, muted: string, grid: string, surface: string, accent: string, up: string, down: string, dark: boolean}} Theme */

/** @returns {Theme} the colours that the style sheet has for pictures */
export function theme() {
  const style = getComputedStyle(document.documentElement);
  const colour = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
  return {
    text: colour('text'),
    muted: colour('muted'),
    grid: colour('line'),
    surface: colour('surface'),
    accent: colour('accent'),
    up: colour('up'),
    down: colour('down'),
    dark: matchMedia('(prefers-color-scheme: dark)').matches,
  };
}

/**
 * An empty canvas as wide as its place.
 * @param {HTMLCanvasElement} canvas
 * @param {number} height in CSS pixels
 * @returns {{context: Context, width: number, height: number}}
 */
export function prepare(canvas, height) {
  const width = Math.max(120, canvas.parentElement?.clientWidth ?? 300);
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.height = `${height}px`;
  const context = /** @type {Context} */ (canvas.getContext('2d'));
  context.scale(ratio, ratio);
  context.font = '12px system-ui, sans-serif';
  return { context, width, height };
}

/**
 * Round numbers between two others.
 * @param {number} low
 * @param {number} high
 * @param {number} [most]
 */
export function ticks(low, high, most = 5) {
  const span = high - low;
  if (!(span > 0) || !Number.isFinite(span)) return [low];
  const raw = span / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  if (power === 0) return [low]; // far below the smallest normal number
  const step = power * ([1, 2, 5, 10].find((m) => m * power >= raw) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, i) => (first + i) * step);
}

/**
 * @param {Context} context
 * @param {string} words
 * @param {number} x
 * @param {number} y
 * @param {{align?: CanvasTextAlign, baseline?: CanvasTextBaseline, colour: string}} how
 */
export function text(context, words, x, y, { align = 'left', baseline = 'middle', colour }) {
  context.fillStyle = colour;
  context.textAlign = align;
  context.textBaseline = baseline;
  context.fillText(words, x, y);
}

/**
 * @param {Context} context
 * @param {string} words
 * @param {Box} box
 * @param {string} colour
 */
export function upright(context, words, { left, top, height }, colour) {
  context.save();
  context.translate(left, top + height / 2);
  context.rotate(-Math.PI / 2);
  text(context, words, 0, 0, { align: 'center', baseline: 'top', colour });
  context.restore();
}

/**
 * A scale: from numbers to pixels.
 * @param {number} low
 * @param {number} high
 * @param {number} from
 * @param {number} to
 */
export const scale = (low, high, from, to) => (/** @type {number} */ x) =>
  high > low ? from + ((x - low) / (high - low)) * (to - from) : (from + to) / 2;

/**
 * Horizontal lines with their numbers at the left.
 * @param {Context} context
 * @param {Box} box
 * @param {{low: number, high: number, colours: Theme, most?: number}} range
 */
export function yAxis(context, { left, top, width, height }, { low, high, colours, most = 4 }) {
  const y = scale(low, high, top + height, top);
  for (const tick of ticks(low, high, most)) {
    context.fillStyle = colours.grid;
    context.fillRect(left, Math.round(y(tick)), width, 1);
    text(context, shortText(tick), left - 6, y(tick), { align: 'right', colour: colours.muted });
  }
  return y;
}

/**
 * Numbers below a box.
 * @param {Context} context
 * @param {Box} box
 * @param {{low: number, high: number, colours: Theme, label?: string, most?: number}} range
 */
export function xAxis(context, { left, top, width, height }, { low, high, colours, label, most = 5 }) {
  const x = scale(low, high, left, left + width);
  for (const tick of ticks(low, high, most)) {
    text(context, shortText(tick), x(tick), top + height + 11, { align: 'center', colour: colours.muted });
  }
  if (label) text(context, label, left + width / 2, top + height + 27, { align: 'center', colour: colours.muted });
  return x;
}
