/**
 * The error of an answer that is no success.
 * @param {Answer} answer
 * @param {string} requestId
 * @returns {RnnlossError}
 */
export function problemOf(answer: Answer, requestId: string): RnnlossError;
/**
 * The error of an answer that no rnnlossd gives.
 * @param {Answer} answer
 * @param {string} requestId
 * @param {string} why
 * @param {unknown} [cause]
 * @returns {RnnlossError}
 */
export function unexpected(answer: Answer, requestId: string, why: string, cause?: unknown): RnnlossError;
/**
 * Milliseconds that an answer asks to wait for.
 * @param {Answer} answer
 */
export function retryAfter(answer: Answer): number;
export function mediaType(answer: Answer): string;
import type { Answer } from './types.js';
import { RnnlossError } from './errors.js';
