// Scales that the colour-blind can read: cividis for what is never negative, blue to orange for what has a sign.

/** @typedef {[number, number, number]} Rgb */

/** @type {Rgb[]} cividis, at equal distances */
const CIVIDIS = [
  [0, 32, 77],
  [0, 50, 111],
  [58, 71, 108],
  [92, 93, 110],
  [124, 123, 120],
  [157, 149, 116],
  [193, 178, 101],
  [230, 209, 73],
  [255, 234, 70],
];
/** @type {Rgb[]} */
const LIGHT = [
  [5, 70, 140],
  [67, 137, 199],
  [168, 206, 232],
  [246, 246, 244],
  [250, 199, 143],
  [224, 126, 42],
  [146, 66, 0],
];
/** @type {Rgb[]} the middle is as dark as the page */
const DARK = [
  [150, 208, 255],
  [67, 147, 214],
  [30, 84, 132],
  [38, 41, 47],
  [136, 73, 20],
  [228, 130, 48],
  [255, 204, 145],
];

/**
 * @param {Rgb[]} stops
 * @returns {(x: number) => Rgb} x from 0 to 1
 */
function between(stops) {
  return (x) => {
    const place = Math.min(1, Math.max(0, x)) * (stops.length - 1);
    const i = Math.min(stops.length - 2, Math.floor(place));
    const mix = (/** @type {number} */ c) => Math.round(stops[i][c] + (place - i) * (stops[i + 1][c] - stops[i][c]));
    return [mix(0), mix(1), mix(2)];
  };
}

export const sequential = between(CIVIDIS);

/** @param {boolean} dark */
export const diverging = (dark) => between(dark ? DARK : LIGHT);

/** @param {Rgb} rgb */
export const css = ([r, g, b]) => `rgb(${r} ${g} ${b})`;

/** @type {Record<string, string>} a colour of each term, after Paul Tol's bright scheme */
export const TERM_COLOURS = {
  mse: '#4477aa',
  in: '#66ccee',
  hid: '#228833',
  out: '#ccbb44',
  fr: '#ee6677',
  fr_sd: '#aa3377',
  fr_cv: '#bbbbbb',
};
