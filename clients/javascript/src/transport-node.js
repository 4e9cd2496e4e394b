// Messages by node:http and node:https: fetch knows neither unix sockets nor client certificates.

/** @import { Answer, Endpoint, Message, Transport, TransportSettings } from './types.js' */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { ConnectionError } from './errors.js';

const USER_AGENT = 'rnnloss-javascript/0.1.0';
const CLOSED = ['ECONNRESET', 'EPIPE'];
const LARGE = 2 ** 28; // bytes that are reserved before any has come

/** @implements {Transport} */
export class NodeTransport {
  #agents;
  #connectTimeout;

  /** @param {TransportSettings} settings */
  constructor({ ca, cert, key, connectTimeout }) {
    const shared = { keepAlive: true, autoSelectFamily: true }; // localhost may be ::1 and 127.0.0.1
    this.#agents = {
      http: new http.Agent(shared),
      https: new https.Agent({ ...shared, ca: pem(ca), cert: pem(cert), key: pem(key) }),
    };
    this.#connectTimeout = connectTimeout;
  }

  /**
   * @param {Uint8Array[]} pieces
   * @returns {unknown}
   */
  body(pieces) {
    return pieces;
  }

  /**
   * @param {Endpoint} endpoint
   * @param {Message} message
   * @param {AbortSignal} signal
   * @returns {Promise<Answer>}
   */
  async send(endpoint, message, signal) {
    const request = this.#begin(endpoint, message, signal);
    try {
      return await exchange(request);
    } catch (cause) {
      if (!(cause instanceof Stale)) throw cause;
      this.close(); // so that the replacement is a new connection rather than another old one
      return exchange(this.#begin(endpoint, message, signal));
    }
  }

  close() {
    for (const { freeSockets } of Object.values(this.#agents)) {
      for (const socket of Object.values(freeSockets).flat()) socket?.destroy();
    }
  }

  /**
   * A request on its way.
   * @param {Endpoint} endpoint
   * @param {Message} message
   * @param {AbortSignal} signal
   */
  #begin({ url, socketPath }, { method, path, headers, body }, signal) {
    const pieces = /** @type {Uint8Array[]} */ (body ?? []);
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const secure = url.startsWith('https:');
    const options = {
      method,
      headers: { ...headers, 'User-Agent': USER_AGENT, ...(body !== undefined && { 'Content-Length': length }) },
      agent: secure ? this.#agents.https : this.#agents.http,
      signal,
    };
    const request = socketPath
      ? http.request({ ...options, socketPath, path })
      : (secure ? https : http).request(url + path, options);
    limitConnect(request, secure ? 'secureConnect' : 'connect', this.#connectTimeout);
    for (const piece of pieces) request.write(piece);
    request.end();
    return request;
  }
}

/** A connection had been closed before it was used again. */
class Stale extends ConnectionError {}

/**
 * The answer to a request.
 * @param {http.ClientRequest} request
 * @returns {Promise<Answer>}
 */
async function exchange(request) {
  request.on('error', () => {}); // those that come after the answer's beginning are the answer's, too
  const response = await once(request, 'response').then(
    ([first]) => /** @type {http.IncomingMessage} */ (first),
    (cause) => {
      const untrusted = Boolean(/** @type {any} */ (request.socket)?.authorizationError);
      throw request.reusedSocket && CLOSED.includes(cause.code)
        ? new Stale(cause, true)
        : new ConnectionError(cause, !untrusted);
    },
  );
  const body = await bodyOf(response).catch((cause) => {
    throw new ConnectionError(cause, true);
  });
  if (!request.writableFinished) request.destroy(); // answered before all was sent: nobody wants the rest
  return {
    status: response.statusCode ?? 0,
    header: (name) => String(response.headers[name] ?? ''),
    body,
  };
}

/**
 * The whole body in one buffer of its own, which begins where elements of any size are aligned. It has the announced
 * length from the start, unless that is beyond what an answer may be trusted to need, and grows otherwise.
 * @param {http.IncomingMessage} response
 */
async function bodyOf(response) {
  const announced = Number(response.headers['content-length'] ?? 0);
  let body = new Uint8Array(Math.min(announced, LARGE));
  let length = 0;
  for await (const chunk of response) {
    if (length + chunk.length > body.length) body = grown(body, length + chunk.length, announced);
    body.set(chunk, length);
    length += chunk.length;
  }
  return length === body.length ? body.buffer : body.buffer.slice(0, length);
}

/**
 * @param {Uint8Array} body
 * @param {number} least
 * @param {number} announced
 */
function grown(body, least, announced) {
  const double = Math.max(2 * body.length, least);
  const larger = new Uint8Array(least <= announced ? Math.min(double, announced) : double);
  larger.set(body);
  return larger;
}

/**
 * @param {http.ClientRequest} request
 * @param {string} opened the event of a connection that is open
 * @param {number} milliseconds
 */
function limitConnect(request, opened, milliseconds) {
  request.once('socket', (socket) => {
    if (!socket.connecting) return;
    const late = new Error(`no connection within ${milliseconds} ms`);
    const timer = setTimeout(() => request.destroy(late), milliseconds);
    const done = () => clearTimeout(timer);
    socket.once(opened, done).once('close', done);
  });
}

/** @param {string | URL | Uint8Array | undefined} file */
const pem = (file) => (file instanceof Uint8Array ? Buffer.from(file) : file && readFileSync(file));
