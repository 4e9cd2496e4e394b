// The daemon, from the page that it has served. Its token, if it asks for one, is kept here and nowhere else.

/** @typedef {{type: string, title: string, status: number, detail?: string, pointer?: string, request_id?: string}} Problem */

/** What the daemon, or the way to it, had against a request. */
export class ProblemError extends Error {
  /** @param {Problem} problem */
  constructor(problem) {
    super(problem.detail ?? problem.title);
    this.problem = problem;
  }
}

let token = '';
/** @type {() => Promise<string>} */
let ask = () => Promise.reject(new Error('nobody can be asked for a token'));
/** @type {Promise<void> | undefined} */
let asking;

/** @param {() => Promise<string>} how */
export function onTokenNeeded(how) {
  ask = how;
}

export const hasToken = () => token !== '';

/**
 * @typedef {object} Call
 * @property {Blob | string} [body] makes it a POST
 * @property {string} [type] of the body
 * @property {string} [accept]
 * @property {AbortSignal} [signal]
 * @property {(fraction: number) => void} [progress] of the upload
 */

/**
 * @param {string} path
 * @param {Call} [call]
 * @returns {Promise<{type: string, bytes: ArrayBuffer}>}
 * @throws {ProblemError}
 */
export async function request(path, call = {}) {
  for (;;) {
    const used = token;
    const answer = await send(path, call);
    if (answer.status < 400) return answer;
    if (answer.status !== 401) throw new ProblemError(problemOf(answer));
    if (used === token) {
      // else another request has been given one meanwhile
      asking ??= ask().then((given) => {
        token = given;
      });
      await asking.finally(() => (asking = undefined));
    }
    call.signal?.throwIfAborted();
  }
}

/**
 * @param {string} path
 * @param {Call} [call]
 */
export async function requestJson(path, call = {}) {
  const { bytes } = await request(path, { accept: 'application/json', ...call });
  return JSON.parse(new TextDecoder().decode(bytes));
}

/**
 * XMLHttpRequest: fetch does not tell how much of a body has been sent.
 * @param {string} path
 * @param {Call} call
 * @returns {Promise<{status: number, type: string, bytes: ArrayBuffer}>}
 */
function send(path, { body, type, accept, signal, progress }) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(body === undefined ? 'GET' : 'POST', path);
    xhr.responseType = 'arraybuffer';
    if (accept) xhr.setRequestHeader('Accept', accept);
    if (type) xhr.setRequestHeader('Content-Type', type);
    if (token) xhr.setRequestHeader('Authorization', `Bearer ${token}`);
    xhr.onload = () =>
      resolve({
        status: xhr.status,
        type: xhr.getResponseHeader('Content-Type') ?? '',
        bytes: xhr.response ?? new ArrayBuffer(0),
      });
    xhr.onerror = () =>
      reject(
        new ProblemError({
          type: '#unreachable',
          title: 'The daemon cannot be reached',
          status: 0,
          detail: 'The daemon cannot be reached. Does it still run?',
        }),
      );
    xhr.onabort = () => reject(signal?.reason ?? new Error('aborted'));
    if (progress) xhr.upload.onprogress = (event) => progress(event.total ? event.loaded / event.total : 1);
    signal?.addEventListener('abort', () => xhr.abort(), { once: true });
    if (signal?.aborted) reject(signal.reason);
    else xhr.send(body);
  });
}

/** @param {{status: number, bytes: ArrayBuffer}} answer */
function problemOf({ status, bytes }) {
  const text = new TextDecoder().decode(bytes);
  try {
    return /** @type {Problem} */ (JSON.parse(text));
  } catch {
    return { type: '#unexpected-answer', title: `The answer was ${status}`, status, detail: text.slice(0, 200) };
  }
}
