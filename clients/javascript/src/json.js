import { AnswerError } from './errors.js';
import { complete, isTensor, numbersOf } from './tensors.js';

const PIECE = 65536; // characters, about

/**
 * A number's shortest decimal that reads back to the same double.
 * @param {number} x
 */
export const numberText = (x) => (Object.is(x, -0) ? '-0.0' : String(x));

/**
 * A value as JSON in UTF-8, in pieces: tensors with flat numbers, numbers that are not finite as strings.
 * @param {unknown} value
 * @returns {Uint8Array[]}
 */
export function writeJson(value) {
  const pieces = [];
  let text = '';
  for (const part of parts(value, 'the request')) {
    text += part;
    if (text.length < PIECE) continue;
    pieces.push(new TextEncoder().encode(text));
    text = '';
  }
  pieces.push(new TextEncoder().encode(text));
  return pieces;
}

/**
 * @param {unknown} value
 * @param {string} name
 * @returns {Generator<string, void, void>}
 */
function* parts(value, name) {
  if (typeof value === 'number') yield numberJson(value);
  else if (isTensor(value)) yield* tensorParts(complete(name, value));
  else if (isObject(value)) {
    let separator = '{';
    for (const [key, member] of Object.entries(value)) {
      if (member === undefined) continue;
      yield `${separator}${JSON.stringify(key)}:`;
      yield* parts(member, key);
      separator = ',';
    }
    yield separator === '{' ? '{}' : '}';
  } else yield JSON.stringify(value) ?? 'null';
}

/** @param {import('./tensors.js').AnyTensor} tensor */
function* tensorParts(tensor) {
  yield `{"dtype":${JSON.stringify(tensor.dtype)},"shape":${JSON.stringify(tensor.shape)},"data":[`;
  const numbers = numbersOf(tensor);
  for (let i = 0; i < numbers.length; i += 1) {
    yield (i ? ',' : '') + numberJson(/** @type {number} */ (numbers[i]));
  }
  yield ']}';
}

/** @param {number} x */
const numberJson = (x) => (Number.isFinite(x) ? numberText(x) : `"${x}"`);

/**
 * @param {unknown} value
 * @returns {value is Record<string, any>}
 */
export function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * @param {ArrayBuffer | Uint8Array} bytes
 * @param {string} what
 * @returns {Record<string, any>}
 * @throws {AnswerError} if they are no JSON object
 */
export function parseObject(bytes, what = 'it') {
  let value;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new AnswerError(`${what} is no JSON`, { cause: error });
  }
  if (!isObject(value)) throw new AnswerError(`${what} is no JSON object`);
  return value;
}

/**
 * The number that a member of an answer stands for; undefined if it is none.
 * @param {unknown} value
 * @returns {number | undefined}
 */
export function readNumber(value) {
  if (typeof value === 'number') return value;
  return value === 'NaN' || value === 'Infinity' || value === '-Infinity' ? Number(value) : undefined;
}
