/**
 * @import {
 *   Answer, CallOptions, Catalogue, Health, Loss, Platform, Problem, RawAnswer, Report, RequestOptions, Settings,
 *   TensorCallOptions, ValidationProblem, Vector, VectorList, Version, Bytes, Transport
 * } from './types.js'
 */
import { mediaType, unexpected } from './answers.js';
import { Attempts } from './attempts.js';
import { Deadline } from './deadline.js';
import { encodingOf } from './encodings.js';
import { AnswerError } from './errors.js';
import { isObject, parseObject, readNumber } from './json.js';
import { complete } from './settings.js';

const JSON_TYPE = 'application/json';

/**
 * The calls of a rnnlossd. One client may be used for any number of calls at once; it keeps its connections for later
 * ones. All calls but `health` reject with an RnnlossError if they can't give their result, with the reason of their
 * `signal` if that was aborted, and with a TypeError if what they are given cannot be sent.
 */
export class BaseClient {
  #settings;
  #attempts;
  /** @type {Transport} */
  #transport;

  /**
   * @param {Settings} settings
   * @param {Platform} platform
   * @internal
   */
  constructor(settings, platform) {
    this.#settings = complete(settings, platform);
    this.#transport = platform.transport(this.#settings);
    this.#attempts = new Attempts(this.#settings.endpoints, this.#transport, this.#settings.retries);
  }

  /**
   * POST /loss: each active term's value, and gradients, in the dtypes and shapes of their tensors.
   * @param {Problem} problem
   * @param {TensorCallOptions} [options]
   * @returns {Promise<Loss>}
   */
  async loss(problem, { encoding: name, ...options } = {}) {
    const encoding = encodingOf(name);
    const request = { body: encoding.write(problem), contentType: encoding.mediaType, accept: encoding.mediaType };
    return this.#call('POST', '/loss', { ...request, ...options }, (body) => encoding.readLoss(body, problem));
  }

  /**
   * POST /validate: whether your own numbers are right and, if not, which other definition they fit.
   * @param {ValidationProblem} problem
   * @param {TensorCallOptions} [options]
   * @returns {Promise<Report>}
   */
  async validate(problem, { encoding: name, ...options } = {}) {
    const encoding = encodingOf(name);
    const request = { body: encoding.write(problem), contentType: encoding.mediaType, accept: JSON_TYPE };
    return this.#call('POST', '/validate', { ...request, ...options }, reportOf);
  }

  /**
   * POST /validate: the same, as text for people.
   * @param {ValidationProblem} problem
   * @param {TensorCallOptions} [options]
   * @returns {Promise<string>}
   */
  async validateText(problem, { encoding: name, ...options } = {}) {
    const encoding = encodingOf(name);
    const request = { body: encoding.write(problem), contentType: encoding.mediaType, accept: 'text/plain' };
    return this.#call('POST', '/validate', { ...request, ...options }, (body) => new TextDecoder().decode(body));
  }

  /**
   * GET /terms: the catalogue of terms, with formulas and conventions.
   * @param {CallOptions} [options]
   * @returns {Promise<Catalogue>}
   */
  async terms(options) {
    return /** @type {Promise<any>} */ (this.#get('/terms', 'terms', options));
  }

  /**
   * GET /vectors: the list of the conformance vectors.
   * @param {CallOptions} [options]
   * @returns {Promise<VectorList>}
   */
  async vectors(options) {
    return /** @type {Promise<any>} */ (this.#get('/vectors', 'vectors', options));
  }

  /**
   * GET /vectors/{name}: one of them.
   * @param {string} name
   * @param {CallOptions} [options]
   * @returns {Promise<Vector>}
   */
  async vector(name, options) {
    return /** @type {Promise<any>} */ (this.#get(`/vectors/${encodeURIComponent(name)}`, 'id', options));
  }

  /**
   * GET /version: the daemon's version, kernel and limits.
   * @param {CallOptions} [options]
   * @returns {Promise<Version>}
   */
  async version(options) {
    return /** @type {Promise<any>} */ (this.#get('/version', 'version', options));
  }

  /**
   * GET /readyz of every endpoint, once each and all at once. Never rejects: what can't be asked is `unreachable`.
   * @param {CallOptions} [options]
   * @returns {Promise<Health[]>} in the order of the endpoints
   */
  async health(options = {}) {
    const { timeout = this.#settings.timeout, signal, requestId = newRequestId() } = options;
    const deadline = new Deadline(timeout, signal);
    const message = this.#message('GET', '/readyz', { accept: JSON_TYPE }, requestId);
    const states = this.#settings.endpoints.map(async (endpoint) => {
      const outcome = await this.#attempts.attempt(endpoint, message, requestId, deadline).catch(() => ({}));
      return { endpoint: endpoint.name, state: stateOf(outcome) };
    });
    return Promise.all(states).finally(() => deadline.release());
  }

  /**
   * Sends bytes as they are, with all that a call has: retries, failover, the same errors.
   * @param {string} method
   * @param {string} path with query
   * @param {RequestOptions} [options]
   * @returns {Promise<RawAnswer>} of status 200
   */
  async request(method, path, options = {}) {
    const { timeout = this.#settings.timeout, signal, requestId = newRequestId(), ...rest } = options;
    const message = this.#message(method, path, rest, requestId);
    const answer = await this.#attempts.send(message, requestId, { timeout, signal });
    return {
      status: answer.status,
      contentType: answer.header('content-type'),
      requestId: answer.header('x-request-id') || requestId,
      body: answer.body,
    };
  }

  /** Closes the connections that are idle; a later call opens new ones. */
  close() {
    this.#transport.close();
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {{body?: Bytes | readonly Bytes[], contentType?: string, accept?: string}} content
   * @param {string} requestId
   */
  #message(method, path, { body, contentType, accept = '*/*' }, requestId) {
    const { token } = this.#settings;
    const headers = {
      Accept: accept,
      'X-Request-Id': requestId,
      ...(contentType && { 'Content-Type': contentType }),
      ...(token && { Authorization: `Bearer ${token}` }),
    };
    return { method, path, headers, body: body === undefined ? undefined : this.#transport.body(pieces(body)) };
  }

  /**
   * A request whose answer is of the media type that was asked for, and as `read` wants it.
   * @template T
   * @param {string} method
   * @param {string} path
   * @param {RequestOptions} options
   * @param {(body: ArrayBuffer) => T} read
   * @returns {Promise<T>}
   */
  async #call(method, path, options, read) {
    const raw = await this.request(method, path, options);
    const answer = { status: raw.status, body: raw.body, header: headerOf(raw) };
    const type = mediaType(answer);
    if (type !== options.accept) throw unexpected(answer, raw.requestId, `no ${options.accept}`);
    try {
      return read(raw.body);
    } catch (error) {
      if (error instanceof AnswerError) throw unexpected(answer, raw.requestId, error.message, error.cause);
      throw error;
    }
  }

  /**
   * @param {string} path
   * @param {string} member that the answer must have
   * @param {CallOptions | undefined} options
   */
  async #get(path, member, options) {
    return this.#call('GET', path, { ...options, accept: JSON_TYPE }, (body) => {
      const answer = parseObject(body);
      if (answer[member] === undefined) throw new AnswerError(`it has no ${member}`);
      return answer;
    });
  }
}

/** @param {RawAnswer} raw */
const headerOf = (raw) => (/** @type {string} */ name) => (name === 'content-type' ? raw.contentType : '');

/** Distinct, not secret: crypto.randomUUID is missing in Node 18 and on pages without https. */
function newRequestId() {
  const word = () =>
    Math.floor(Math.random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
  return word() + word() + word() + word();
}

/**
 * @param {Bytes | readonly Bytes[]} body
 * @returns {Uint8Array[]}
 */
function pieces(body) {
  return (Array.isArray(body) ? body : [body]).map((piece) => {
    if (typeof piece === 'string') return new TextEncoder().encode(piece);
    if (!ArrayBuffer.isView(piece)) return new Uint8Array(piece);
    return new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength);
  });
}

/**
 * @param {ArrayBuffer} body
 * @returns {Report}
 */
function reportOf(body) {
  const report = withNumbers(parseObject(body));
  const { valid, claims } = report;
  if (![true, false, null].includes(valid) || !isObject(claims)) throw new AnswerError('it is no report');
  if (!Object.values(claims).every((claim) => isObject(claim) && typeof claim.verdict === 'string')) {
    throw new AnswerError('it has a claim without a verdict');
  }
  return report;
}

/**
 * A report whose strings "NaN", "Infinity" and "-Infinity" are numbers.
 * @param {any} value
 * @returns {any}
 */
function withNumbers(value) {
  if (Array.isArray(value)) return value.map(withNumbers);
  if (!isObject(value)) return readNumber(value) ?? value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withNumbers(member)]));
}

/**
 * @param {import('./attempts.js').Outcome} outcome
 * @returns {Health['state']}
 */
function stateOf({ answer, error }) {
  if (answer) return isReady(answer) ? 'ready' : 'unreachable';
  if (!error?.status || error.type === 'unexpected-answer') return 'unreachable';
  return error.type === 'draining' ? 'draining' : 'not-ready';
}

/** @param {Answer} answer */
function isReady(answer) {
  try {
    return parseObject(answer.body).status === 'ready';
  } catch {
    return false;
  }
}
