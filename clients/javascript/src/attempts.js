/** @import { Answer, Endpoint, Message, Transport } from './types.js' */
import { problemOf, retryAfter } from './answers.js';
import { Deadline } from './deadline.js';
import { ConnectionError, RnnlossError } from './errors.js';

const BACKOFF = 100; // milliseconds; doubled for each round
const LONGEST_BACKOFF = 2_000;

/**
 * @typedef {object} Outcome of one attempt
 * @property {Answer} [answer] a final one
 * @property {RnnlossError} [error] what is raised if nothing else is tried
 * @property {boolean} [again] whether something may be
 * @property {number} [wait] milliseconds for which it has to wait
 */

/** Sends messages to one of several endpoints, and again where that is right. Calls may run beside each other. */
export class Attempts {
  #endpoints;
  #transport;
  #retries;
  #first = 0; // the endpoint that answered last

  /**
   * @param {Endpoint[]} endpoints
   * @param {Transport} transport
   * @param {number} retries
   */
  constructor(endpoints, transport, retries) {
    this.#endpoints = endpoints;
    this.#transport = transport;
    this.#retries = retries;
  }

  /**
   * The first final answer.
   * @param {Message} message
   * @param {string} requestId
   * @param {{timeout: number, signal?: AbortSignal | undefined}} limits
   * @returns {Promise<Answer>}
   */
  async send(message, requestId, { timeout, signal }) {
    const deadline = new Deadline(timeout, signal);
    try {
      return await this.#rounds(message, requestId, deadline);
    } finally {
      deadline.release();
    }
  }

  /**
   * @param {Message} message
   * @param {string} requestId
   * @param {Deadline} deadline
   */
  async #rounds(message, requestId, deadline) {
    const endpoints = this.#endpoints;
    const first = this.#first;
    let wait = 0;
    for (let attempt = 0; ; attempt += 1) {
      const place = (first + attempt) % endpoints.length;
      const endpoint = /** @type {Endpoint} */ (endpoints[place]);
      const outcome = await this.attempt(endpoint, message, requestId, deadline);
      if (!outcome.again) this.#first = outcome.answer || outcome.error?.status ? place : this.#first;
      if (outcome.answer) return outcome.answer;
      if (!outcome.again || attempt >= this.#retries) throw outcome.error;
      wait = Math.max(wait, outcome.wait ?? 0);
      if ((attempt + 1) % endpoints.length === 0) {
        await pause(deadline, (attempt + 1) / endpoints.length, wait, outcome.error);
        wait = 0;
      }
    }
  }

  /**
   * One attempt at one endpoint.
   * @param {Endpoint} endpoint
   * @param {Message} message
   * @param {string} requestId
   * @param {Deadline} deadline
   * @returns {Promise<Outcome>}
   * @throws if there is no time left
   */
  async attempt(endpoint, message, requestId, deadline) {
    deadline.check(requestId);
    try {
      const answer = await this.#transport.send(endpoint, message, deadline.signal);
      if (answer.status === 200) return { answer };
      const again = answer.status === 429 || answer.status === 503;
      return { error: problemOf(answer, requestId), again, wait: again ? retryAfter(answer) : 0 };
    } catch (cause) {
      deadline.check(requestId);
      if (!(cause instanceof ConnectionError)) throw cause;
      const detail = `${endpoint.name}: ${cause.message}`;
      const error = new RnnlossError(
        { type: 'unreachable', title: 'No answer', detail, requestId },
        { cause: cause.cause },
      );
      return { error, again: cause.again };
    }
  }
}

/**
 * Waits before a further round.
 * @param {Deadline} deadline
 * @param {number} round 1 is the first that waits
 * @param {number} least milliseconds
 * @param {RnnlossError | undefined} error raised if there is no time to wait
 */
async function pause(deadline, round, least, error) {
  const random = Math.random() * Math.min(BACKOFF * 2 ** round, LONGEST_BACKOFF);
  const wait = Math.max(random, least);
  if (wait >= deadline.remaining) throw error;
  await deadline.sleep(wait);
}
