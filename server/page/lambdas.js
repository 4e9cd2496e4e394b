// The weights λ: from 0 at a slider's left end over 0.0001 to 10, twenty steps a decade.

export const POSITIONS = 100;
const STEPS = 20;
const LEAST = -4; // the exponent of ten that position 0 would have, were it not 0

/**
 * λ at a slider's position, as text: three digits, 1e-1 as 0.1.
 * @param {number} position 0 .. POSITIONS
 */
export function lambdaAt(position) {
  return position <= 0 ? '0' : String(Number((10 ** (position / STEPS + LEAST)).toPrecision(3)));
}

/**
 * The position nearest to a λ; one that is none has 0.
 * @param {string} text
 */
export function positionOf(text) {
  const value = Number(text);
  if (!(value > 0)) return 0;
  return Math.min(POSITIONS, Math.max(1, Math.round((Math.log10(value) - LEAST) * STEPS)));
}

/**
 * Is there anything to send? What is no number is sent, too: the daemon says what is wrong with it.
 * @param {string} text
 */
export const isActive = (text) => text.trim() !== '' && Number(text) !== 0;

/**
 * The weights as a query, in the terms' order.
 * @param {Iterable<[string, string]>} lambdas key and text
 * @returns {string[]} `key=value`
 */
export const lambdaQuery = (lambdas) =>
  [...lambdas].filter(([, text]) => isActive(text)).map(([key, text]) => `${key}=${encodeURIComponent(text.trim())}`);
