/** @import { Dtype, Tensor } from './types.js' */
/** @import { AnyTensor } from './tensors.js' */
import { AnswerError } from './errors.js';
import { isObject, parseObject } from './json.js';
import { count, elementSize, fromWire, isDtype, wireBytes } from './tensors.js';

/**
 * A file as pieces: its header, then each tensor's own memory.
 * @param {[string, string][]} metadata
 * @param {[string, AnyTensor][]} tensors
 * @returns {Uint8Array[]}
 */
export function writeFile(metadata, tensors) {
  const pieces = tensors.map(([, { data }]) => wireBytes(data));
  let end = 0;
  const entries = tensors.map(([name, { dtype, shape }], i) => {
    const begin = end;
    end += pieces[i]?.length ?? 0;
    return member(name, { dtype, shape, data_offsets: [begin, end] });
  });
  const header = `{"__metadata__":{${metadata.map(([key, text]) => member(key, text))}}${entries.map((e) => `,${e}`).join('')}}`;
  return [headerBytes(header), ...pieces];
}

// Not one JSON.stringify for all: whatever names there are, twice the same or `__proto__`, the daemon is to judge.
/**
 * @param {string} name
 * @param {unknown} value
 */
const member = (name, value) => `${JSON.stringify(name)}:${JSON.stringify(value)}`;

/**
 * Its length, and the header with as many spaces as align what follows.
 * @param {string} header
 */
function headerBytes(header) {
  const text = new TextEncoder().encode(header);
  const length = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(text, 8);
  return bytes;
}

/**
 * Metadata and tensors of a file; each tensor is a view of the buffer.
 * @param {ArrayBuffer} buffer
 * @returns {{metadata: Map<string, string>, tensors: Map<string, Tensor>}}
 * @throws {AnswerError} if it breaks a rule of the format
 */
export function readFile(buffer) {
  const { header, begin } = readHeader(buffer);
  const data = new Uint8Array(buffer, begin);
  const metadata = new Map();
  const spans = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name !== '__metadata__') spans.push(span(name, entry));
    else if (isObject(entry)) Object.entries(entry).forEach(([key, text]) => metadata.set(key, String(text)));
    else throw new AnswerError('its metadata is no object');
  }
  mustFill(spans, data.length);
  return {
    metadata,
    tensors: new Map(spans.map((s) => [s.name, fromWire(s.dtype, s.shape, data.subarray(s.begin, s.end))])),
  };
}

/** @param {ArrayBuffer} buffer */
function readHeader(buffer) {
  if (buffer.byteLength < 8) throw new AnswerError('it is too short for a safetensors file');
  const length = new DataView(buffer).getBigUint64(0, true);
  if (length > buffer.byteLength - 8) throw new AnswerError(`its header of ${length} bytes goes beyond its end`);
  const begin = 8 + Number(length);
  return { header: parseObject(new Uint8Array(buffer, 8, Number(length)), 'its header'), begin };
}

/**
 * @param {string} name
 * @param {unknown} entry
 * @returns {{name: string, dtype: Dtype, shape: number[], begin: number, end: number}}
 */
function span(name, entry) {
  const { dtype, shape, data_offsets: offsets } = isObject(entry) ? entry : {};
  if (!isDtype(dtype)) throw new AnswerError(`${name} has the dtype ${JSON.stringify(dtype)}`);
  const [begin, end] = Array.isArray(offsets) && offsets.length === 2 ? offsets : [];
  const whole = Number.isSafeInteger(begin) && begin >= 0 && Number.isSafeInteger(end);
  if (whole && end - begin === count(shape) * elementSize(dtype)) return { name, dtype, shape, begin, end };
  throw new AnswerError(`${name} has a shape and offsets that disagree`);
}

/**
 * Tensors lie one after the other and fill the data.
 * @param {{begin: number, end: number}[]} spans
 * @param {number} length
 */
function mustFill(spans, length) {
  let end = 0;
  for (const next of [...spans].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (next.begin !== end) throw new AnswerError('its tensors overlap or leave a gap');
    end = next.end;
  }
  if (end !== length) throw new AnswerError(`its tensors take ${end} of ${length} bytes`);
}
