// Answers that no rnnlossd gives: each must be an error of the type unexpected-answer, and no crash.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { Client } from 'rnnloss';

const SAFETENSORS = 'application/vnd.safetensors';
const PROBLEM = { lambdas: { lambda_fr: 1 }, tensors: { fr: { shape: [1, 2], data: Float32Array.of(1, 2) } } };

let answer; // of the server to all that it is asked
let requests = 0;
let seen;
const server = http.createServer((request, response) => {
  requests += 1;
  seen = request.headers;
  request.resume().on('end', () => {
    response.writeHead(answer.status ?? 200, { 'Content-Type': answer.type, ...answer.headers }).end(answer.body);
  });
});
let client;

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  client = new Client({ endpoints: `http://127.0.0.1:${server.address().port}` });
});
after(() => {
  client.close();
  server.close();
});

function file(header, data = new Uint8Array(), length) {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(length ?? text.length));
  return Buffer.concat([size, text, data]);
}

const scalar = (begin) => ({ dtype: 'F64', shape: [], data_offsets: [begin, begin + 8] });
const GOOD = {
  __metadata__: { contract: '1', lambda_fr: '1.0', unused: '', warnings: '' },
  loss: scalar(0),
  'terms.fr.loss': scalar(8),
  'terms.fr.unweighted': scalar(16),
  'gradients.fr': { dtype: 'F32', shape: [1, 2], data_offsets: [24, 32] },
};
const DATA = Buffer.from(Float64Array.of(2.5, 2.5, 2.5, 0).buffer);
const JSON_GOOD = {
  loss: 2.5,
  terms: { fr: { lambda: 1, loss: 2.5, unweighted: 2.5 } },
  gradients: { fr: { dtype: 'F32', shape: [1, 2], data: [1, 2] } },
  unused: [],
  warnings: [],
  contract: 1,
};

const ask = (encoding) => client.loss(PROBLEM, { encoding });

async function refuses(sent, encoding = 'safetensors') {
  answer = sent;
  const before_ = requests;
  await assert.rejects(ask(encoding), (error) => {
    assert.equal(error.type, 'unexpected-answer', error.stack);
    assert.equal(error.status, sent.status ?? 200);
    assert.ok(error.detail.length < 500);
    return true;
  });
  assert.equal(requests, before_ + 1);
}

test('a good answer is taken, and what is new in it is left alone', async () => {
  answer = { type: SAFETENSORS, body: file(GOOD, DATA) };
  assert.equal((await ask()).loss, 2.5);
  assert.equal(seen['user-agent'], 'rnnloss-javascript/0.1.0');
  assert.equal(seen['content-type'], SAFETENSORS);
  assert.match(seen['x-request-id'], /^[0-9a-f]{32}$/);
  const more = { ...GOOD, __metadata__: { ...GOOD.__metadata__, more: 'x' }, 'more.fr': { ...scalar(32) } };
  answer = { type: `${SAFETENSORS}; x=y`, body: file(more, Buffer.concat([DATA, Buffer.alloc(8)])) };
  assert.deepEqual(Object.keys(await ask()), ['loss', 'terms', 'gradients', 'unused', 'warnings', 'contract']);
  answer = { type: 'application/json', body: JSON.stringify({ ...JSON_GOOD, more: 1 }) };
  assert.deepEqual((await ask('json')).gradients.fr.data, Float32Array.of(1, 2));
});

test('data that is not aligned is copied', async () => {
  answer = { type: SAFETENSORS, body: file(`${JSON.stringify(GOOD)} `.padEnd(331), DATA) };
  assert.equal((await ask()).loss, 2.5);
});

test('files that break the format', async () => {
  const entry = (changes) => ({ ...GOOD, 'gradients.fr': { ...GOOD['gradients.fr'], ...changes } });
  const bodies = [
    '',
    Buffer.alloc(7),
    Buffer.alloc(8),
    file(GOOD, DATA, 2n ** 63n),
    file(GOOD, DATA, 2n ** 32n),
    file(GOOD, DATA, 100000),
    file('{', DATA),
    file('[]', DATA),
    file('null', DATA),
    file(Buffer.from([0x7b, 0xff, 0x7d]).toString('latin1'), DATA),
    file({ ...GOOD, __metadata__: 1 }, DATA),
    file({ ...GOOD, loss: null }, DATA),
    file({ ...GOOD, loss: { ...scalar(0), dtype: 'F32' } }, DATA),
    file({ ...GOOD, loss: { ...scalar(0), shape: [1] } }, DATA),
    file(GOOD, DATA.subarray(0, 24)),
    file(GOOD, Buffer.concat([DATA, DATA])),
    ...[
      { dtype: 'I32' },
      { dtype: 'toString' },
      { dtype: 7 },
      { shape: [2, 1] },
      { shape: [3] },
      { shape: [-1, -2] },
      { shape: [2 ** 40, 2 ** 40] },
      { shape: '2' },
      { shape: null },
      { data_offsets: [24, 40] },
      { data_offsets: [32, 24] },
      { data_offsets: [-8, 0] },
      { data_offsets: [16, 24] },
      { data_offsets: [24.5, 32.5] },
      { data_offsets: [24] },
      { data_offsets: { 0: 24, 1: 32 } },
      { data_offsets: [2 ** 53, 2 ** 53 + 8] },
    ].map((changes) => file(entry(changes), DATA)),
  ];
  for (const body of bodies) await refuses({ type: SAFETENSORS, body });
});

test('files without what an answer has', async () => {
  const without = ({ ...members }, name) => {
    delete members[name];
    return members;
  };
  const renamed = (name) => ({ ...without(GOOD, 'gradients.fr'), [name]: GOOD['gradients.fr'] });
  const metadata = (changes) => ({ ...GOOD, __metadata__: { ...GOOD.__metadata__, ...changes } });
  const bodies = [
    { ...without(GOOD, 'loss'), other: scalar(0) },
    { ...without(GOOD, 'terms.fr.unweighted'), other: scalar(16) },
    without(GOOD, '__metadata__'),
    metadata({ contract: 'x' }),
    metadata({ contract: '' }),
    metadata({ lambda_fr: '' }),
    renamed('gradients.pred'),
    renamed('gradients.toString'),
    renamed('gradients.__proto__'),
  ];
  for (const header of bodies) await refuses({ type: SAFETENSORS, body: file(header, DATA) });
});

test('JSON that is no answer', async () => {
  const { fr } = JSON_GOOD.gradients;
  const changes = [
    { loss: undefined },
    { loss: 'x' },
    { loss: null },
    { terms: undefined },
    { terms: [] },
    { terms: { fr: 1 } },
    { terms: { fr: { lambda: 1, loss: 1 } } },
    { gradients: undefined },
    { gradients: { fr: [1, 2] } },
    { gradients: { fr: { ...fr, dtype: 'F64' } } },
    { gradients: { fr: { ...fr, dtype: 'constructor' } } },
    { gradients: { fr: { ...fr, shape: [2, 2] } } },
    { gradients: { fr: { ...fr, shape: [2] } } },
    { gradients: { fr: { ...fr, data: [1] } } },
    { gradients: { fr: { ...fr, data: [1, 'x'] } } },
    { gradients: { fr: { ...fr, data: [1, null] } } },
    { gradients: { fr: { ...fr, data: 'AA' } } },
    { gradients: { other: fr } },
    { unused: 'x' },
    { warnings: [1] },
    { contract: undefined },
    { contract: 'one' },
  ];
  const bodies = changes.map((change) => JSON.stringify({ ...JSON_GOOD, ...change }));
  for (const body of [...bodies, '', '[]', '1', '{', '{"loss":'])
    await refuses({ type: 'application/json', body }, 'json');
});

test('another media type than was asked for', async () => {
  await refuses({ type: 'application/json', body: JSON.stringify(JSON_GOOD) });
  await refuses({ type: SAFETENSORS, body: file(GOOD, DATA) }, 'json');
  await refuses({ type: '', body: file(GOOD, DATA) });
});

test('problems that are none', async () => {
  const type = 'application/problem+json';
  for (const body of ['', '{}', '[]', 'null', '{"type":"about:blank"}', '{"type":7}', '{"type":"#X Y"}', '\xff']) {
    await refuses({ status: 422, type, body });
  }
  await refuses({ status: 404, type: 'application/json', body: '{"type":"#not-found"}' });
  await refuses({ status: 302, type: 'text/plain', body: 'elsewhere', headers: { Location: 'http://127.0.0.1:1/' } });
  await refuses({ status: 204, type: 'text/plain' });
  answer = {
    status: 422,
    type,
    body: JSON.stringify({ type: '#x', title: 7, detail: null, pointer: {}, request_id: [] }),
  };
  await assert.rejects(client.loss(PROBLEM, { requestId: 'own' }), {
    type: 'x',
    title: '',
    detail: '',
    requestId: 'own',
  });
});

test('reports that are none', async () => {
  const bodies = ['{}', '{"valid":1,"claims":{}}', '{"valid":true}', '{"valid":true,"claims":{"loss":1}}', '[]'];
  for (const body of bodies) {
    answer = { type: 'application/json', body };
    await assert.rejects(client.validate({ ...PROBLEM, claims: { loss: 1 } }), { type: 'unexpected-answer' });
  }
});

test('Retry-After may be a date, or nonsense', async () => {
  answer = {
    status: 429,
    type: 'text/html',
    body: 'busy',
    headers: { 'Retry-After': 'Fri, 31 Dec 2999 23:59:59 GMT' },
  };
  await refuses(answer);
  for (const value of ['soon', '-1', 'Fri, 31 Dec 1999 23:59:59 GMT']) {
    const earlier = requests;
    answer = { ...answer, headers: { 'Retry-After': value } };
    await assert.rejects(client.version(), { type: 'unexpected-answer', status: 429 });
    assert.equal(requests, earlier + 4);
  }
});

test('a Retry-After is that of one round', async () => {
  const waits = ['1', '0'];
  const other = http.createServer((request, response) => {
    const wait = waits.shift();
    response.writeHead(wait ? 503 : 404, { 'Retry-After': wait ?? '0' }).end();
  });
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  const began = performance.now();
  const lost = new Client({ endpoints: `http://127.0.0.1:${other.address().port}` });
  await assert.rejects(lost.version(), { status: 404 });
  const took = performance.now() - began;
  assert.ok(took >= 1000 && took < 1900, `${took} ms`);
  lost.close();
  other.close();
});

test('an answer before the request has been read ends the connection', { timeout: 20_000 }, async () => {
  const body = '{"type":"#too-large","detail":"x"}';
  const head = `HTTP/1.1 413 x\r\nContent-Type: application/problem+json\r\nContent-Length: ${body.length}\r\n\r\n`;
  const sockets = [];
  const other = net.createServer((socket) => {
    sockets.push(socket.on('error', () => {}));
    socket.once('data', () => socket.pause().write(head + body));
  });
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  const early = new Client({ endpoints: `http://127.0.0.1:${other.address().port}` });
  await assert.rejects(early.request('POST', '/loss', { body: new Uint8Array(2 ** 26) }), { type: 'too-large' });
  const closed = once(sockets[0], 'close');
  sockets[0].resume();
  await closed;
  assert.ok(sockets[0].bytesRead < 2 ** 26);
  other.close();
});

test('the replacement of a connection is a new one, even if others are kept', async () => {
  let connections = 0;
  const other = http.createServer((request, response) => {
    if (request.url === '/last') request.socket.destroy();
    else setTimeout(() => response.end(), 20);
  });
  other.on('connection', () => (connections += 1)).listen(0, '127.0.0.1');
  await once(other, 'listening');
  const own = new Client({ endpoints: `http://127.0.0.1:${other.address().port}`, retries: 0 });
  await Promise.all([1, 2, 3].map(() => own.request('GET', '/first')));
  assert.equal(connections, 3);
  await assert.rejects(own.request('GET', '/last'), { type: 'unreachable' });
  assert.equal(connections, 4);
  own.close();
  other.close();
});

test('what is not HTTP', async () => {
  const texts = [
    'hello\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\nx',
    'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n',
  ];
  for (const text of texts) {
    const other = net.createServer((socket) => socket.on('error', () => {}).end(text)).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const lost = new Client({ endpoints: `http://127.0.0.1:${other.address().port}`, retries: 1 });
    await assert.rejects(lost.version(), { type: 'unreachable', status: 0 });
    other.close();
  }
});

test('a connection that does not open in time is given up', async () => {
  const silent = net.createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1'); // speaks no TLS
  await once(silent, 'listening');
  const endpoints = `https://127.0.0.1:${silent.address().port}`;
  const late = new Client({ endpoints, connectTimeout: 200, retries: 1, timeout: 5000 });
  const began = performance.now();
  await assert.rejects(late.version(), { type: 'unreachable', message: /no connection within 200 ms/ });
  const took = performance.now() - began;
  assert.ok(took >= 400 && took < 2000, `${took} ms`);
  silent.close();
});
