import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Client } from 'rnnloss';
import { CA, CERT, CLOSED, KEY, PROBLEM, TLS_URL, TOKEN } from './environment.js';

const all = { endpoints: TLS_URL, ca: CA, cert: CERT, key: KEY, token: TOKEN };

test('by TLS, with certificate and token', async () => {
  const client = new Client(all);
  assert.equal((await client.loss(PROBLEM)).loss, 4.25);
  assert.equal((await client.loss(PROBLEM, { encoding: 'json' })).loss, 4.25);
  assert.deepEqual(await client.health(), [{ endpoint: TLS_URL, state: 'ready' }]);
});

test('PEM as bytes, or named by a URL', async () => {
  const client = new Client({
    ...all,
    ca: readFileSync(CA),
    cert: new Uint8Array(readFileSync(CERT)),
    key: pathToFileURL(KEY),
  });
  assert.equal((await client.version()).contract, 1);
});

test('who shows no token, or a wrong one, is refused', async () => {
  await assert.rejects(new Client({ ...all, token: '' }).loss(PROBLEM), { type: 'unauthorized', status: 401 });
  await assert.rejects(new Client({ ...all, token: 'wrong' }).loss(PROBLEM), { type: 'unauthorized', status: 401 });
});

test('so is a large request, before it has been read', async () => {
  const data = new Float32Array(4 * 2 ** 20);
  const problem = { lambdas: { lambda_fr: 1 }, tensors: { fr: { shape: [4, 2 ** 20], data } } };
  const client = new Client({ ...all, token: '', retries: 0 });
  for (let i = 0; i < 3; i += 1) await assert.rejects(client.loss(problem), { type: 'unauthorized', status: 401 });
});

test('who shows no certificate is refused', async () => {
  const client = new Client({ ...all, cert: undefined, key: undefined });
  await assert.rejects(client.loss(PROBLEM), { type: 'forbidden', status: 403 });
});

test('a daemon that is not trusted is asked once', async () => {
  for (const ca of [undefined, CERT]) {
    const client = new Client({ ...all, ca, endpoints: [TLS_URL, CLOSED], retries: 9 });
    // the last of more attempts would find nobody, rather than a certificate
    await assert.rejects(client.loss(PROBLEM), (error) => {
      assert.equal(error.type, 'unreachable');
      assert.equal(error.status, 0);
      assert.match(error.message, /certificate/);
      return true;
    });
    assert.equal((await client.health())[0].state, 'unreachable');
  }
});

test('a certificate of another name is not trusted', async () => {
  let connections = 0;
  const relay = net.createServer((socket) => {
    connections += 1;
    const onward = net.connect(Number(new URL(TLS_URL).port), '127.0.0.1');
    socket
      .on('error', () => {})
      .pipe(onward.on('error', () => {}))
      .pipe(socket);
  });
  relay.listen(0, '127.0.0.2');
  await once(relay, 'listening');
  const client = new Client({ ...all, endpoints: `https://127.0.0.2:${relay.address().port}` });
  await assert.rejects(client.version(), { type: 'unreachable', message: /altnames/ });
  assert.equal(connections, 1);
  relay.close();
});
