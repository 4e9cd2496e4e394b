// The pictures: heat maps with their colour bars, histograms, lines and dots.

import { css, diverging, sequential } from './colours.js';
import { prepare, scale, text, theme, ticks, upright, xAxis, yAxis } from './canvas.js';
import { shortText } from './numbers.js';

/** @import { Box, Context, Theme } from './canvas.js' */
/** @import { Heat } from './summaries.js' */

/**
 * The cells of a matrix, one pixel each, stretched over a box.
 * @param {Context} context
 * @param {Box} box
 * @param {Heat} heat
 * @param {(x: number) => [number, number, number]} colour
 * @param {{low: number, high: number}} range
 */
function cells(context, box, heat, colour, { low, high }) {
  const picture = new ImageData(heat.columns, heat.rows);
  const span = high > low ? high - low : 1;
  heat.values.forEach((value, i) => {
    const [r, g, b] = Number.isFinite(value) ? colour((value - low) / span) : [255, 0, 255];
    picture.data.set([r, g, b, 255], 4 * i);
  });
  const small = new OffscreenCanvas(heat.columns, heat.rows);
  small.getContext('2d')?.putImageData(picture, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, box.left, box.top, box.width, box.height);
}

/**
 * The colours of a scale, upright, and its numbers.
 * @param {Context} context
 * @param {Box} box
 * @param {(x: number) => [number, number, number]} colour
 * @param {{low: number, high: number}} range
 * @param {Theme} colours
 */
function colourBar(context, { left, top, width, height }, colour, { low, high }, colours) {
  for (let y = 0; y < height; y += 1) {
    context.fillStyle = css(colour(1 - y / (height - 1)));
    context.fillRect(left, top + y, width, 1.5);
  }
  const y = scale(low, high, top + height, top);
  const marks = low < 0 && high > 0 ? [low, 0, high] : ticks(low, high, 3);
  for (const mark of marks) {
    const at = Math.min(top + height - 5, Math.max(top + 5, y(mark)));
    text(context, shortText(mark, 2), left + width + 5, at, { colour: colours.muted });
  }
}

/**
 * A matrix with its axes' names.
 * @param {HTMLCanvasElement} canvas
 * @param {Heat} heat
 * @param {{signed: boolean, rows: string, columns: string, height: number, square?: boolean}} how
 */
export function drawHeat(canvas, heat, { signed, rows, columns, height, square = false }) {
  const { context, width } = prepare(canvas, height);
  const colours = theme();
  const limit = Math.max(Math.abs(heat.low), Math.abs(heat.high)) || 1;
  const range = signed ? { low: -limit, high: limit } : { low: Math.min(0, heat.low), high: heat.high || 1 };
  const box = { left: 46, top: 6, width: width - 46 - 80, height: height - 6 - 38 };
  if (square) {
    // cells are about as tall as wide, but a thin matrix is not a line
    box.height = Math.min(box.height, Math.max(heat.rows * 20, (box.width / heat.columns) * heat.rows));
    box.width = Math.min(box.width, Math.max(heat.columns * 12, (box.height / heat.rows) * heat.columns));
  }
  const colour = signed ? diverging(colours.dark) : sequential;
  cells(context, box, heat, colour, range);
  context.strokeStyle = colours.grid;
  context.strokeRect(box.left - 0.5, box.top - 0.5, box.width + 1, box.height + 1);
  const y = scale(0, heat.rows * heat.rowStep, box.top, box.top + box.height);
  for (const tick of ticks(0, heat.rows * heat.rowStep, Math.max(1, Math.min(4, Math.floor(box.height / 24))))) {
    if (box.height > 60 && Number.isInteger(tick))
      text(context, String(tick), box.left - 6, Math.min(box.top + box.height - 4, Math.max(box.top + 5, y(tick))), {
        align: 'right',
        colour: colours.muted,
      });
  }
  const most = Math.max(1, Math.min(6, Math.floor(box.width / 40)));
  const label = box.width < 60 ? '' : columns;
  xAxis(context, box, { low: 0, high: heat.columns * heat.columnStep, colours, label, most });
  if (box.height > 60) upright(context, rows, { ...box, left: 2 }, colours.muted);
  else text(context, rows, box.left - 6, box.top + box.height / 2, { align: 'right', colour: colours.muted });
  colourBar(
    context,
    { left: box.left + box.width + 12, top: box.top, width: 10, height: Math.max(40, box.height) },
    colour,
    range,
    colours,
  );
}

/**
 * Counts of elements by size; the scale of the counts is logarithmic, so that a single one is seen beside a million.
 * @param {HTMLCanvasElement} canvas
 * @param {{limit: number, counts: Float64Array, zeros: number, count: number}} bins
 */
export function drawHistogram(canvas, { limit, counts }) {
  const { context, width, height } = prepare(canvas, 262);
  const colours = theme();
  const box = { left: 46, top: 8, width: width - 58, height: height - 8 - 38 };
  const top = Math.max(1, ...counts);
  const high = Math.log10(top) + 0.3;
  const y = scale(0, high, box.top + box.height, box.top);
  for (let power = 0; power <= high; power += Math.ceil(high / 5)) {
    context.fillStyle = colours.grid;
    context.fillRect(box.left, Math.round(y(power)), box.width, 1);
    text(context, power < 4 ? String(10 ** power) : `1e${power}`, box.left - 6, y(power), {
      align: 'right',
      colour: colours.muted,
    });
  }
  const each = box.width / counts.length;
  counts.forEach((count, i) => {
    if (count === 0) return;
    const side = Math.sign(i - (counts.length - 1) / 2);
    context.fillStyle = side < 0 ? colours.up : side > 0 ? colours.down : colours.muted;
    const from = Math.min(box.top + box.height - 2, y(Math.log10(count)));
    context.fillRect(box.left + i * each + 0.5, from, Math.max(1, each - 1), box.top + box.height - from);
  });
  xAxis(context, box, { low: -limit, high: limit, colours, label: 'gradient', most: width < 400 ? 3 : 5 });
  upright(context, 'elements', { ...box, left: 2 }, colours.muted);
}

/**
 * The target, dashed, and what was predicted, over time.
 * @param {HTMLCanvasElement} canvas
 * @param {Float32Array[]} lines target, pred
 * @param {number} steps
 */
export function drawTraces(canvas, lines, steps) {
  const { context, width, height } = prepare(canvas, 220);
  const colours = theme();
  const box = { left: 46, top: 24, width: width - 58, height: height - 24 - 38 };
  const { low, high } = padded(lines);
  const y = yAxis(context, box, { low, high, colours });
  const x = xAxis(context, box, { low: 0, high: steps - 1 || 1, colours, label: 'time step' });
  [
    [colours.muted, [5, 4], 'target'],
    [colours.accent, [], 'pred'],
  ].forEach(([colour, dash, name], i) => {
    context.strokeStyle = /** @type {string} */ (colour);
    context.lineWidth = 2;
    context.setLineDash(/** @type {number[]} */ (dash));
    context.beginPath();
    lines[i].forEach((value, t) => context.lineTo(x((t / (lines[i].length - 1 || 1)) * (steps - 1)), y(value)));
    if (lines[i].length === 1) context.arc(x(0), y(lines[i][0]), 3, 0, 7);
    context.stroke();
    context.beginPath();
    context.moveTo(box.left + i * 76, 10);
    context.lineTo(box.left + i * 76 + 22, 10);
    context.stroke();
    context.setLineDash([]);
    text(context, /** @type {string} */ (name), box.left + i * 76 + 28, 10, { colour: colours.text });
  });
}

/**
 * Each number beside what it should be; the right ones are on the line.
 * @param {HTMLCanvasElement} canvas
 * @param {{a: Float32Array, b: Float32Array}} pairs target, pred
 */
export function drawPairs(canvas, { a, b }) {
  const { context, width, height } = prepare(canvas, 220);
  const colours = theme();
  const box = { left: 46, top: 10, width: width - 58, height: height - 10 - 38 };
  const { low, high } = padded([a, b]);
  const y = yAxis(context, box, { low, high, colours });
  const x = xAxis(context, box, { low, high, colours, label: 'target' });
  upright(context, 'pred', { ...box, left: 2 }, colours.muted);
  context.strokeStyle = colours.muted;
  context.setLineDash([5, 4]);
  context.beginPath();
  context.moveTo(x(low), y(low));
  context.lineTo(x(high), y(high));
  context.stroke();
  context.setLineDash([]);
  context.fillStyle = colours.accent;
  context.globalAlpha = 0.55;
  a.forEach((value, i) => {
    context.beginPath();
    context.arc(x(value), y(b[i]), 2, 0, 7);
    context.fill();
  });
  context.globalAlpha = 1;
}

/** @param {Float32Array[]} arrays */
function padded(arrays) {
  const finite = arrays.flatMap((array) => [...array].filter(Number.isFinite));
  const [low, high] = finite.length ? [Math.min(...finite), Math.max(...finite)] : [0, 1];
  const margin = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  return { low: low - margin, high: high + margin };
}
