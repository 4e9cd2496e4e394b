// Messages by fetch, as browsers have it.

/** @import { Answer, Endpoint, Message, Transport } from './types.js' */
import { ConnectionError } from './errors.js';

/** @implements {Transport} */
export class FetchTransport {
  /**
   * One copy into a Blob, which serves all attempts; fetch would copy an array of bytes for each.
   * @param {Uint8Array[]} pieces
   */
  body(pieces) {
    return new Blob(/** @type {BlobPart[]} */ (pieces));
  }

  /**
   * @param {Endpoint} endpoint
   * @param {Message} message
   * @param {AbortSignal} signal
   * @returns {Promise<Answer>}
   */
  async send({ url }, { method, path, headers, body }, signal) {
    const options = {
      method,
      headers: new Headers(headers),
      signal,
      redirect: /** @type {const} */ ('manual'),
      credentials: /** @type {const} */ ('omit'),
      cache: /** @type {const} */ ('no-store'),
      ...(body !== undefined && { body: /** @type {Blob} */ (body) }),
    };
    try {
      const response = await fetch(url + path, options);
      const header = (/** @type {string} */ name) => response.headers.get(name) ?? '';
      return { status: response.status, header, body: await response.arrayBuffer() };
    } catch (cause) {
      throw new ConnectionError(cause, true);
    }
  }

  close() {} // the browser's connections are its own
}
