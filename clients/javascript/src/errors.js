/**
 * What a call rejects with when it can't give its result.
 *
 * `type` is one of the daemon's (`shape-mismatch`, `missing-tensor`, ..., without `#`) or one of the client's own:
 *
 * - `unreachable`: no endpoint could be reached, or each connection broke; `cause` has the last reason
 * - `timeout`: the time of the call was up (with status 408 it is the daemon's)
 * - `unexpected-answer`: what came is no answer of a rnnlossd, as a proxy's page; `detail` has its beginning
 */
export class RnnlossError extends Error {
  /**
   * @param {{type: string, status?: number, title?: string, detail?: string, pointer?: string, requestId?: string}} problem
   * @param {{cause?: unknown}} [options]
   */
  constructor({ type, status = 0, title = '', detail = '', pointer = '', requestId = '' }, options) {
    super(`${type}: ${detail || title}${pointer && ` (at ${pointer})`}`, options);
    this.name = 'RnnlossError';
    /** What went wrong, for programs. */
    this.type = type;
    /** The HTTP status; 0 if there was no answer. */
    this.status = status;
    /** What went wrong, for people. */
    this.title = title;
    /** What is wrong, what was expected and what was found. */
    this.detail = detail;
    /** The member of the request that is wrong, as `/tensors/w_hid`; empty if none is. */
    this.pointer = pointer;
    /** To look the request up in the daemon's log. */
    this.requestId = requestId;
  }
}

/**
 * A transport got no whole answer.
 * @internal
 */
export class ConnectionError extends Error {
  /**
   * @param {unknown} cause
   * @param {boolean} again whether another attempt makes sense
   */
  constructor(cause, again) {
    super(reason(cause), { cause });
    this.again = again;
  }
}

/**
 * An answer breaks the contract.
 * @internal
 */
export class AnswerError extends Error {}

/**
 * Some errors of Node have their words in the errors that they hold, or in their code alone.
 * @param {unknown} cause
 * @returns {string}
 */
function reason(cause) {
  const error = /** @type {{message?: string, code?: string, errors?: unknown[]}} */ (cause);
  return error?.message || (error?.errors ?? []).map(reason).join('; ') || error?.code || String(cause);
}
