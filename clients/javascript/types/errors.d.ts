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
    constructor({ type, status, title, detail, pointer, requestId }: {
        type: string;
        status?: number;
        title?: string;
        detail?: string;
        pointer?: string;
        requestId?: string;
    }, options?: {
        cause?: unknown;
    });
    /** What went wrong, for programs. */
    type: string;
    /** The HTTP status; 0 if there was no answer. */
    status: number;
    /** What went wrong, for people. */
    title: string;
    /** What is wrong, what was expected and what was found. */
    detail: string;
    /** The member of the request that is wrong, as `/tensors/w_hid`; empty if none is. */
    pointer: string;
    /** To look the request up in the daemon's log. */
    requestId: string;
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
    constructor(cause: unknown, again: boolean);
    again: boolean;
}
/**
 * An answer breaks the contract.
 * @internal
 */
export class AnswerError extends Error {
}
