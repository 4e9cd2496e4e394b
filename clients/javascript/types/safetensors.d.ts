/**
 * A file as pieces: its header, then each tensor's own memory.
 * @param {[string, string][]} metadata
 * @param {[string, AnyTensor][]} tensors
 * @returns {Uint8Array[]}
 */
export function writeFile(metadata: [string, string][], tensors: [string, AnyTensor][]): Uint8Array[];
/**
 * Metadata and tensors of a file; each tensor is a view of the buffer.
 * @param {ArrayBuffer} buffer
 * @returns {{metadata: Map<string, string>, tensors: Map<string, Tensor>}}
 * @throws {AnswerError} if it breaks a rule of the format
 */
export function readFile(buffer: ArrayBuffer): {
    metadata: Map<string, string>;
    tensors: Map<string, Tensor>;
};
import type { AnyTensor } from './tensors.js';
import type { Tensor } from './types.js';
