import { RnnlossError } from './errors.js';

const LONGEST_TIMER = 2 ** 31 - 1; // milliseconds, 25 days

/** The time that a call may take, and its caller's wish to end it, as one signal. */
export class Deadline {
  #controller = new AbortController();
  #timer;
  #end;
  #caller;
  #expired = false;
  #aborted = () => this.#controller.abort();

  /**
   * @param {number} timeout milliseconds
   * @param {AbortSignal} [caller]
   */
  constructor(timeout, caller) {
    const limit = Math.min(timeout, LONGEST_TIMER);
    this.#end = performance.now() + limit;
    this.#caller = caller;
    if (caller?.aborted) this.#aborted();
    caller?.addEventListener('abort', this.#aborted);
    this.#timer = setTimeout(() => {
      this.#expired = true;
      this.#controller.abort();
    }, limit);
  }

  get signal() {
    return this.#controller.signal;
  }

  /** Milliseconds that are left. */
  get remaining() {
    return this.#end - performance.now();
  }

  /** @param {number} milliseconds less than what remains */
  async sleep(milliseconds) {
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve(undefined);
      });
    });
  }

  /**
   * Throws if there is no time left or the caller wants none of it.
   * @param {string} requestId
   */
  check(requestId) {
    if (this.#caller?.aborted) throw this.#caller.reason;
    if (this.#expired) throw new RnnlossError({ type: 'timeout', detail: 'the time of the call was up', requestId });
  }

  /** Lets go of the timer and of the caller's signal. */
  release() {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener('abort', this.#aborted);
  }
}
