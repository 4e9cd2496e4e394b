/**
 * @param {ArrayBuffer} body
 * @param {Problem} problem
 * @returns {Loss}
 * @throws {AnswerError}
 */
export function lossFromSafetensors(body: ArrayBuffer, problem: Problem): Loss;
/**
 * @param {ArrayBuffer} body
 * @param {Problem} problem
 * @returns {Loss}
 * @throws {AnswerError}
 */
export function lossFromJson(body: ArrayBuffer, problem: Problem): Loss;
import type { Problem } from './types.js';
import type { Loss } from './types.js';
