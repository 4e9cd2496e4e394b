/** @param {string} name */
export function encodingOf(name?: string): Encoding;
/**
 * how problems are written and their answers read
 */
export type Encoding = {
    mediaType: string;
    write: (problem: Problem | ValidationProblem) => Uint8Array[];
    readLoss: (body: ArrayBuffer, problem: Problem) => Loss;
};
import type { Problem } from './types.js';
import type { ValidationProblem } from './types.js';
import type { Loss } from './types.js';
