/**
 * A value as JSON in UTF-8, in pieces: tensors with flat numbers, numbers that are not finite as strings.
 * @param {unknown} value
 * @returns {Uint8Array[]}
 */
export function writeJson(value: unknown): Uint8Array[];
/**
 * @param {unknown} value
 * @returns {value is Record<string, any>}
 */
export function isObject(value: unknown): value is Record<string, any>;
/**
 * @param {ArrayBuffer | Uint8Array} bytes
 * @param {string} what
 * @returns {Record<string, any>}
 * @throws {AnswerError} if they are no JSON object
 */
export function parseObject(bytes: ArrayBuffer | Uint8Array, what?: string): Record<string, any>;
/**
 * The number that a member of an answer stands for; undefined if it is none.
 * @param {unknown} value
 * @returns {number | undefined}
 */
export function readNumber(value: unknown): number | undefined;
export function numberText(x: number): string;
