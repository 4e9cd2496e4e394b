// safetensors: headers, read and written. Data stays where it is.

import { SIZES, count, isDtype } from './numbers.js';

/** @import { Dtype } from './numbers.js' */
/** @typedef {{name: string, dtype: Dtype, shape: number[], begin: number, end: number}} Entry offsets are from the data's begin */

/**
 * Is it such a file? A header's length, then its brace; JSON never looks so.
 * @param {ArrayBuffer} first its first nine bytes
 * @param {number} size of all of it
 */
export function looksLikeSafetensors(first, size) {
  if (first.byteLength < 9) return false;
  const view = new DataView(first);
  return view.getBigUint64(0, true) <= BigInt(size - 8) && view.getUint8(8) === 0x7b;
}

/**
 * @param {ArrayBuffer} buffer the file, or its begin with all of the header
 * @returns {{metadata: [string, string][], entries: Entry[], begin: number}} begin: of the data
 */
export function readHeader(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const text = new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array(buffer, 8, length));
  const { __metadata__: metadata = {}, ...tensors } = JSON.parse(text);
  const entries = Object.entries(tensors).map(
    ([
      name,
      {
        dtype,
        shape,
        data_offsets: [begin, end],
      },
    ]) => {
      if (!isDtype(dtype)) throw new Error(`${name} has the dtype ${dtype}`);
      if (end - begin !== count(shape) * SIZES[dtype]) throw new Error(`${name} does not fill its shape`);
      return { name, dtype, shape, begin, end };
    },
  );
  return { metadata: Object.entries(metadata).map(([k, v]) => [k, String(v)]), entries, begin: 8 + length };
}

/**
 * A header, with as many spaces as align what follows.
 * @param {[string, string][]} metadata
 * @param {Entry[]} entries
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function writeHeader(metadata, entries) {
  const members = entries.map(
    ({ name, dtype, shape, begin, end }) =>
      `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`,
  );
  if (metadata.length) members.unshift(`"__metadata__":${JSON.stringify(Object.fromEntries(metadata))}`);
  const text = new TextEncoder().encode(`{${members.join(',')}}`);
  const bytes = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 8), true);
  bytes.set(text, 8);
  return bytes;
}

/**
 * Arrays in memory, one after the other.
 * @param {{name: string, shape: number[], data: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> | Uint16Array<ArrayBuffer>, dtype: Dtype}[]} arrays
 * @returns {{entries: Entry[], data: Blob}}
 */
export function pack(arrays) {
  let end = 0;
  const entries = arrays.map(({ name, dtype, shape, data }) => {
    const begin = end;
    end += data.byteLength;
    return { name, dtype, shape, begin, end };
  });
  return { entries, data: new Blob(arrays.map(({ data }) => data)) };
}
