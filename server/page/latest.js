// Work that is asked for faster than it can be done: only the last wish counts.

/**
 * Calls `work` once nothing was asked for during `pause` milliseconds. What was begun before is aborted, and `done` never
 * hears of it.
 * @template W, R
 * @param {(wish: W, signal: AbortSignal) => Promise<R>} work
 * @param {(result: R, wish: W) => void} done
 * @param {(error: unknown, wish: W) => void} failed
 */
export function latest(work, done, failed) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {AbortController | undefined} */
  let running;

  /** @param {W} wish */
  async function begin(wish) {
    const own = (running = new AbortController());
    try {
      const result = await work(wish, own.signal);
      if (!own.signal.aborted) done(result, wish);
    } catch (error) {
      if (!own.signal.aborted) failed(error, wish);
    }
  }

  return (/** @type {W} */ wish, pause = 0) => {
    clearTimeout(timer);
    running?.abort();
    timer = setTimeout(begin, pause, wish);
  };
}
