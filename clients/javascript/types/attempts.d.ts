/**
 * @typedef {object} Outcome of one attempt
 * @property {Answer} [answer] a final one
 * @property {RnnlossError} [error] what is raised if nothing else is tried
 * @property {boolean} [again] whether something may be
 * @property {number} [wait] milliseconds for which it has to wait
 */
/** Sends messages to one of several endpoints, and again where that is right. Calls may run beside each other. */
export class Attempts {
    /**
     * @param {Endpoint[]} endpoints
     * @param {Transport} transport
     * @param {number} retries
     */
    constructor(endpoints: Endpoint[], transport: Transport, retries: number);
    /**
     * The first final answer.
     * @param {Message} message
     * @param {string} requestId
     * @param {{timeout: number, signal?: AbortSignal | undefined}} limits
     * @returns {Promise<Answer>}
     */
    send(message: Message, requestId: string, { timeout, signal }: {
        timeout: number;
        signal?: AbortSignal | undefined;
    }): Promise<Answer>;
    /**
     * One attempt at one endpoint.
     * @param {Endpoint} endpoint
     * @param {Message} message
     * @param {string} requestId
     * @param {Deadline} deadline
     * @returns {Promise<Outcome>}
     * @throws if there is no time left
     */
    attempt(endpoint: Endpoint, message: Message, requestId: string, deadline: Deadline): Promise<Outcome>;
    #private;
}
/**
 * of one attempt
 */
export type Outcome = {
    /**
     * a final one
     */
    answer?: Answer | undefined;
    /**
     * what is raised if nothing else is tried
     */
    error?: RnnlossError | undefined;
    /**
     * whether something may be
     */
    again?: boolean | undefined;
    /**
     * milliseconds for which it has to wait
     */
    wait?: number | undefined;
};
import type { Message } from './types.js';
import type { Answer } from './types.js';
import type { Endpoint } from './types.js';
import { Deadline } from './deadline.js';
import type { Transport } from './types.js';
import { RnnlossError } from './errors.js';
