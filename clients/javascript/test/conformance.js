// Holds a client against one conformance vector; runs in Node and in browsers.

import { toBFloat16, toFloat16 } from 'rnnloss';

/** What went through the client: [how, what differs, found, expected] for each difference. */
export async function differences(client, vector, sha256) {
  const found = [];
  if (vector.result === 'invalid') {
    for (const encoding of ['json', 'safetensors']) {
      if (vector[encoding] !== undefined) found.push(...(await refused(client, vector, encoding)));
    }
    return found;
  }
  for (const encoding of ['safetensors', 'json']) {
    const answer = await client.loss(problemOf(vector), { encoding });
    const compare = comparison(`${vector.id} in ${encoding}`, found);
    await compareLoss(compare, answer, vector, sha256);
  }
  found.push(...(await bodies(client, vector, sha256)));
  return found;
}

/** A problem as a worker has it, of typed arrays. */
export function problemOf({ lambdas, tensors, options }) {
  return {
    lambdas: mapped(lambdas, (number, name) => [`lambda_${name}`, Number(number.decimal)]),
    tensors: mapped(tensors, (tensor, name) => [name, tensorOf(tensor)]),
    ...options,
  };
}

const mapped = (object, change) => Object.fromEntries(Object.entries(object).map(([key, value]) => change(value, key)));

const WORDS = { F16: Uint16Array, BF16: Uint16Array, F32: Uint32Array, F64: BigUint64Array };
const ELEMENTS = {
  F16: toFloat16,
  BF16: toBFloat16,
  F32: (numbers) => new Float32Array(numbers),
  F64: (numbers) => numbers,
};
const VIEWS = { F16: Uint16Array, BF16: Uint16Array, F32: Float32Array, F64: Float64Array };

function tensorOf({ dtype, shape, bits, rule }) {
  if (rule) return { dtype, shape, data: ruled(dtype, shape, rule) };
  const words = WORDS[dtype].from(bits, (digits) => (dtype === 'F64' ? BigInt(`0x${digits}`) : parseInt(digits, 16)));
  return { dtype, shape, data: new VIEWS[dtype](words.buffer) };
}

const WORD = 2n ** 64n - 1n;

function splitmix64(seed, i) {
  let z = (BigInt(seed) + BigInt(i + 1) * 0x9e3779b97f4a7c15n) & WORD;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & WORD;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & WORD;
  return z ^ (z >> 31n);
}

/** Every element is exact in its dtype. */
function ruled(dtype, shape, { seed, bits, subtract, exponent }) {
  const data = new Float64Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i += 1) {
    data[i] = (Number(splitmix64(seed, i) >> BigInt(64 - bits)) - subtract) * 2 ** exponent;
  }
  return ELEMENTS[dtype](data);
}

const comparison = (how, found) => (what, got, expected) => {
  if (got !== expected) found.push([how, what, got, expected]);
};

async function compareLoss(compare, answer, { expect, lambdas, tensors, options }, sha256) {
  compare('contract', answer.contract, 1);
  compareNumber(compare, 'loss', answer.loss, expect.loss);
  compare('terms', String(Object.keys(answer.terms)), String(Object.keys(expect.terms)));
  for (const [name, term] of Object.entries(expect.terms)) {
    const got = answer.terms[name];
    compareNumber(compare, `${name}.lambda`, got.lambda, lambdas[name]);
    compareNumber(compare, `${name}.loss`, got.loss, term.loss);
    compareNumber(compare, `${name}.unweighted`, got.unweighted, term.unweighted);
    await compareGradients(compare, `${name}.gradients`, got.gradients, term.gradients, sha256);
  }
  await compareGradients(compare, 'gradients', answer.gradients, expect.gradients, sha256);
  for (const [name, gradient] of Object.entries(answer.gradients ?? {})) {
    compare(`gradients.${name} dtype`, gradient.dtype, options.gradient_dtype ?? tensors[name].dtype);
  }
  compare('unused', String(answer.unused), String(expect.unused));
  compare('warnings', String(answer.warnings), String(expect.warnings));
}

/** By bits: decimal is the shortest that reads back, and -0 is not 0. */
function compareNumber(compare, what, got, { decimal }) {
  const expected = Number(decimal);
  if (!Object.is(got, expected)) compare(what, got, `${decimal}, to the bit`);
}

async function compareGradients(compare, what, got, expected, sha256) {
  compare(`${what} are there`, got !== undefined, expected !== undefined);
  if (!got || !expected) return;
  compare(`${what} of`, String(Object.keys(got)), String(Object.keys(expected)));
  for (const [name, tensor] of Object.entries(expected)) {
    const { dtype, shape, data } = got[name] ?? {};
    compare(`${what}.${name} dtype`, dtype, tensor.dtype);
    compare(`${what}.${name} shape`, String(shape), String(tensor.shape));
    compare(`${what}.${name} elements`, data instanceof VIEWS[tensor.dtype], true);
    const digits = digitsOf(tensor.dtype, data);
    if (tensor.bits) compare(`${what}.${name}`, String(digits(0)), String(tensor.bits));
    else {
      compare(`${what}.${name} sha256`, await sha256(data), tensor.sha256);
      for (const [i, bits] of tensor.sample) compare(`${what}.${name}[${i}]`, digits(i, 1)[0], bits);
    }
  }
}

function digitsOf(dtype, data) {
  const words = new WORDS[dtype](data.buffer, data.byteOffset, data.length);
  const width = 2 * words.BYTES_PER_ELEMENT;
  return (begin, length = words.length) =>
    Array.from(words.subarray(begin, begin + length), (word) => word.toString(16).padStart(width, '0'));
}

const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

function base64(data) {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const text = [];
  for (let i = 0; i < bytes.length; i += 24576) text.push(btoa(String.fromCharCode(...bytes.subarray(i, i + 24576))));
  return text.join('');
}

const bodyOf = (vector, encoding) => (encoding === 'json' ? vector.json : bytesOf(vector.safetensors));

async function refused(client, vector, encoding) {
  const found = [];
  const compare = comparison(`${vector.id} in ${encoding}`, found);
  const contentType = encoding === 'json' ? 'application/json' : 'application/vnd.safetensors';
  try {
    await client.request('POST', '/loss', { body: bodyOf(vector, encoding), contentType });
    compare('result', 'valid', 'invalid');
  } catch (error) {
    compare('name', error.name, 'RnnlossError');
    compare('type', error.type, vector.problem.type);
    compare('status', error.status, vector.problem.status);
  }
  return found;
}

/** The bytes of the vector itself, posted as they are, give the numbers that `data_sha256` says. */
async function bodies(client, vector, sha256) {
  const found = [];
  for (const encoding of ['json', 'safetensors']) {
    const compare = comparison(`bytes of ${vector.id} in ${encoding}`, found);
    const body = filled(vector, encoding);
    if (vector.sha256) compare('sha256', await sha256(body), vector.sha256[encoding]);
    const answer = await client.request('POST', '/loss', {
      body,
      contentType: encoding === 'json' ? 'application/json' : 'application/vnd.safetensors',
      accept: 'application/vnd.safetensors',
    });
    const begin = 8 + new DataView(answer.body).getUint32(0, true);
    compare('data', await sha256(new Uint8Array(answer.body, begin)), vector.expect.data_sha256);
  }
  return found;
}

/** The body of a request, its generated tensors in their places. */
function filled(vector, encoding) {
  const generated = Object.entries(vector.tensors).filter(([, tensor]) => tensor.rule);
  const data = generated.map(([name, tensor]) => [name, tensorOf(tensor).data]);
  if (encoding === 'json') {
    const text = data.reduce((json, [name, own]) => json.replace(`"@${name}"`, `"${base64(own)}"`), vector.json);
    return new TextEncoder().encode(text);
  }
  const own = data.map(([, view]) => new Uint8Array(view.buffer));
  const header = bytesOf(vector.safetensors);
  const whole = new Uint8Array(own.reduce((sum, bytes) => sum + bytes.length, header.length));
  let end = 0;
  for (const bytes of [header, ...own]) {
    whole.set(bytes, end);
    end += bytes.length;
  }
  return whole;
}
