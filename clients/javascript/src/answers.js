// What an answer other than the expected one says.

/** @import { Answer } from './types.js' */
import { RnnlossError } from './errors.js';
import { isObject, parseObject } from './json.js';

const SHOWN = 200; // characters of a strange answer

/** @param {Answer} answer */
export const mediaType = (answer) => (answer.header('content-type').split(';')[0] ?? '').trim().toLowerCase();

/**
 * The error of an answer that is no success.
 * @param {Answer} answer
 * @param {string} requestId
 * @returns {RnnlossError}
 */
export function problemOf(answer, requestId) {
  const problem = mediaType(answer) === 'application/problem+json' ? parsed(answer.body) : undefined;
  if (!problem) return unexpected(answer, requestId, 'no problem of a rnnlossd');
  const text = (/** @type {unknown} */ member) => (typeof member === 'string' ? member : '');
  return new RnnlossError({
    type: problem.type.slice(1),
    status: answer.status,
    title: text(problem.title),
    detail: text(problem.detail),
    pointer: text(problem.pointer),
    requestId: text(problem.request_id) || answer.header('x-request-id') || requestId,
  });
}

/** @param {ArrayBuffer} body */
function parsed(body) {
  try {
    const problem = parseObject(body);
    return isObject(problem) && /^#[a-z0-9-]+$/.test(problem.type) ? problem : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The error of an answer that no rnnlossd gives.
 * @param {Answer} answer
 * @param {string} requestId
 * @param {string} why
 * @param {unknown} [cause]
 * @returns {RnnlossError}
 */
export function unexpected(answer, requestId, why, cause) {
  const start = new TextDecoder().decode(new Uint8Array(answer.body).subarray(0, SHOWN));
  const what = `${answer.status} ${mediaType(answer) || 'without a media type'}`;
  return new RnnlossError(
    {
      type: 'unexpected-answer',
      status: answer.status,
      title: 'Not the answer of a rnnlossd',
      detail: `${why} (${what}): ${start}`,
      requestId: answer.header('x-request-id') || requestId,
    },
    { cause },
  );
}

/**
 * Milliseconds that an answer asks to wait for.
 * @param {Answer} answer
 */
export function retryAfter(answer) {
  const text = answer.header('retry-after').trim();
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? 0 : Math.max(date - Date.now(), 0);
}
