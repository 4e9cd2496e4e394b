// The same client in a real browser, on a page of another origin than the daemon's.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { BUILD, CLOSED, FAULTS, URL_ } from './environment.js';
import { installed } from './package.js';
import { elided, samples } from './readme.js';

const ARGUMENTS = `--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
  --disable-component-update --disable-sync`.split(/\s+/);
const TYPES = { '.js': 'text/javascript', '.html': 'text/html' };
const SAMPLE = samples('html')[0];

const folder = installed();
const manifest = JSON.parse(readFileSync(path.join(folder, 'node_modules/rnnloss/package.json'), 'utf8'));
const entry = manifest.exports['.'].browser.default;
const PAGE = `<!doctype html><script type="importmap">
  {"imports": {"rnnloss": "/node_modules/rnnloss/${entry}"}}</script><title>rnnloss</title>`;

let site; // of the page
let flaky; // a daemon's bad days, as faults.py, but for browsers
let guarded; // a daemon that asks for a token
let context;
let page;

const origin = (server) => `http://127.0.0.1:${server.address().port}`;

async function listen(handler) {
  const server = http.createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** The package, the conformance test and two pages. */
function serve(request, response) {
  const name = path.posix.normalize(request.url);
  const say = (type, body) => response.writeHead(200, { 'Content-Type': type }).end(body);
  if (name === '/') return say(TYPES['.html'], PAGE);
  if (name === '/sample.html') return say(TYPES['.html'], SAMPLE.code);
  if (name === '/conformance.js') return say(TYPES['.js'], readFileSync(new URL('conformance.js', import.meta.url)));
  if (!name.startsWith('/node_modules/rnnloss/')) return response.writeHead(404).end();
  return say(TYPES[path.extname(name)] ?? 'text/plain', readFileSync(path.join(folder, name)));
}

const counts = new Map();

/** 429 with Retry-After, a broken connection or silence, as often as the request id says; then the daemon's answer. */
function misbehave(request, response) {
  const cors = {
    'Access-Control-Allow-Origin': '*',
    'Access-Control-Allow-Headers': 'Content-Type, Accept, Authorization, X-Request-Id, traceparent',
    'Access-Control-Expose-Headers': 'X-Request-Id, Server-Timing, Retry-After',
  };
  if (request.method === 'OPTIONS') return response.writeHead(204, cors).end();
  const id = request.headers['x-request-id'];
  const [kind, count] = id.split('-');
  const earlier = counts.get(id) ?? 0;
  counts.set(id, earlier + 1);
  if (earlier >= Number(count)) return passOn(request, response, cors);
  return request.resume().on('end', () => {
    const problem = JSON.stringify({ type: '#rate-limited', status: 429, title: 'x', detail: 'y', request_id: id });
    if (kind === 'busy') {
      const headers = { ...cors, 'Content-Type': 'application/problem+json', 'Retry-After': '1' };
      response.writeHead(429, headers).end(problem);
    } else if (kind === 'page') response.writeHead(502, { ...cors, 'Content-Type': 'text/html' }).end('<h1>Bad</h1>');
    else if (kind === 'cut')
      response.writeHead(200, { ...cors, 'Content-Length': 9 }).write('x', () => request.socket.destroy());
    else if (kind === 'away') response.writeHead(302, { ...cors, Location: `${URL_}/version` }).end();
    else if (kind === 'reset') request.socket.resetAndDestroy();
  });
}

function passOn(request, response, cors) {
  const { 'content-type': type, accept } = request.headers;
  const headers = { Accept: accept, ...(type && { 'Content-Type': type }) };
  const onward = http.request(URL_ + request.url, { method: request.method, headers }, (answer) => {
    response.writeHead(answer.statusCode, { ...cors, 'Content-Type': answer.headers['content-type'] });
    answer.pipe(response);
  });
  request.pipe(onward);
}

/** A daemon with a token that answers the page's origin alone. */
async function guardedDaemon() {
  const tokens = path.join(folder, 'tokens');
  writeFileSync(tokens, 'browser browser-test-token-0123456789\n', { mode: 0o600 });
  const options = [
    '--listen',
    '127.0.0.1:0',
    '--tokens',
    tokens,
    '--allow-origin',
    origin(site),
    '--log-level',
    'error',
  ];
  const daemon = spawn(process.env.RNNLOSS_TEST_DAEMON, options, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface(daemon.stdout), 'line');
  return { url: line.replace('listening on ', ''), end: () => daemon.kill() };
}

before(async () => {
  const executablePath = spawnSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).stdout.trim();
  assert.ok(executablePath, 'there is no chromium: make deps-clients CLIENTS=javascript installs it');
  site = await listen(serve);
  flaky = await listen(misbehave);
  guarded = await guardedDaemon();
  const profile = mkdtempSync(path.join(BUILD, 'chromium-'));
  context = await chromium.launchPersistentContext(profile, { executablePath, headless: true, args: ARGUMENTS });
  context.profile = profile;
  page = await context.newPage();
  await page.goto(origin(site));
  await page.evaluate(async () => {
    globalThis.rnnloss = await import('rnnloss');
    globalThis.caught = (call) =>
      call.then(
        (value) => ({ value }),
        ({ name, type, status, pointer, requestId, message }) => ({ name, type, status, pointer, requestId, message }),
      );
  });
});
after(async () => {
  await context?.close();
  guarded?.end();
  for (const server of [site, flaky]) server?.close();
  if (context) rmSync(context.profile, { recursive: true, force: true });
  rmSync(folder, { recursive: true });
});

test('every vector, in both encodings, to the bit, in a browser', async () => {
  const result = await page.evaluate(async (endpoints) => {
    const { differences } = await import('/conformance.js');
    const sha256 = async (data) => {
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', data));
      return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
    };
    const client = new globalThis.rnnloss.Client({ endpoints });
    const { vectors, count } = await client.vectors();
    const found = [];
    for (const { id } of vectors) found.push(...(await differences(client, await client.vector(id), sha256)));
    return { count, went: vectors.length, found: found.slice(0, 20) };
  }, URL_);
  assert.deepEqual(result.found, []);
  assert.ok(result.went > 0 && result.went === result.count, 'no vectors were read');
  console.log(`browser conformance: ${result.went} vectors`);
});

/** Calls a client in the page: the value, or the error's members. */
const call = (settings, method, ...parameters) =>
  page.evaluate(
    ([own, name, given]) => {
      const { Client, tensor } = globalThis.rnnloss;
      const [problem, ...rest] = given;
      const tensors = problem?.tensors;
      const made = tensors && Object.fromEntries(Object.entries(tensors).map(([key, value]) => [key, tensor(value)]));
      const parameters_ = tensors ? [{ ...problem, tensors: made }, ...rest] : given;
      return globalThis.caught(Promise.resolve().then(() => new Client(own)[name](...parameters_)));
    },
    [settings, method, parameters],
  );

const FR = { lambdas: { lambda_fr: 1 }, tensors: { fr: [[1, 2]] } };

test('errors are typed, across origins', async () => {
  const error = await call(
    { endpoints: URL_ },
    'loss',
    { ...FR, lambdas: { lambda_frr: 1 } },
    { encoding: 'json', requestId: 'page' },
  );
  assert.equal(error.name, 'RnnlossError');
  assert.deepEqual(
    [error.type, error.status, error.pointer, error.requestId],
    ['unknown-lambda', 422, '/lambdas/lambda_frr', 'page'],
  );
  const raw = await call({ endpoints: URL_ }, 'request', 'GET', '/livez', { requestId: 'not a name' });
  assert.match(raw.value.requestId, /^[^ ]+$/); // the daemon's own, which X-Request-Id exposes
});

test('a token is sent, and missed', async () => {
  const { url: endpoints } = guarded;
  assert.equal((await call({ endpoints, token: 'browser-test-token-0123456789' }, 'loss', FR)).value.loss, 2.5);
  const { type, status } = await call({ endpoints }, 'loss', FR);
  assert.deepEqual([type, status], ['unauthorized', 401]);
});

test('Retry-After, retries and failover', async () => {
  const endpoints = origin(flaky);
  const began = performance.now();
  assert.equal((await call({ endpoints }, 'loss', FR, { requestId: 'busy-1-a' })).value.loss, 2.5);
  assert.ok(performance.now() - began >= 1000);
  for (const [id, type, status, times] of [
    ['busy-9-b', 'rate-limited', 429, 1], // waits of a second each do not fit
    ['page-9-c', 'unexpected-answer', 502, 1],
    ['away-9-d', 'unexpected-answer', 0, 1],
    ['cut-9-e', 'unreachable', 0, 4],
  ]) {
    const error = await call({ endpoints, timeout: id.startsWith('busy') ? 900 : 9000 }, 'loss', FR, { requestId: id });
    assert.deepEqual([error.type, error.status, counts.get(id)], [type, status, times], id);
  }
  const settings = { endpoints: [CLOSED, endpoints], retries: 1 };
  assert.equal((await call(settings, 'loss', FR, { requestId: 'none-0-f' })).value.loss, 2.5);
});

test('timeout, abort, and nobody there', { timeout: 60_000 }, async () => {
  const endpoints = origin(flaky);
  const late = await call({ endpoints, timeout: 300 }, 'loss', FR, { requestId: 'silent-9-a' });
  assert.deepEqual([late.type, late.status], ['timeout', 0]);
  const aborted = await page.evaluate((own) => {
    const client = new globalThis.rnnloss.Client({ endpoints: own });
    const signal = globalThis.AbortSignal.timeout(200);
    return globalThis.caught(client.version({ signal, requestId: 'silent-9-b' }));
  }, endpoints);
  assert.equal(aborted.name, 'TimeoutError');
  for (const closed of [CLOSED, FAULTS]) {
    // faults.py allows no page
    const lost = await call({ endpoints: closed, retries: 1 }, 'version');
    assert.deepEqual([lost.type, lost.status], ['unreachable', 0]);
  }
});

test('health, validate, F16', async () => {
  const { value } = await call({ endpoints: [URL_, CLOSED] }, 'health');
  assert.deepEqual(
    value.map(({ state }) => state),
    ['ready', 'unreachable'],
  );
  const claims = { terms: { fr: 2.5 } };
  assert.equal((await call({ endpoints: URL_ }, 'validate', { ...FR, claims })).value.valid, true);
  assert.match((await call({ endpoints: URL_ }, 'validateText', { ...FR, claims })).value, /^valid\n/);
  const half = await page.evaluate(async (endpoints) => {
    const { Client, fromFloat16, tensor } = globalThis.rnnloss;
    const problem = { lambdas: { lambda_fr: 1 }, tensors: { fr: tensor([[1, 3]], 'F16') } };
    return [...fromFloat16((await new Client({ endpoints }).loss(problem)).gradients.fr.data)];
  }, URL_);
  assert.deepEqual(half, [1, 3]);
});

test('a large tensor', async () => {
  const same = await page.evaluate(async (endpoints) => {
    const data = Float32Array.from({ length: 1000 * 1000 }, (_, i) => (i % 251) / 8);
    const problem = { lambdas: { lambda_fr: 500_000 }, tensors: { fr: { shape: [1000, 1000], data } } };
    const { gradients } = await new globalThis.rnnloss.Client({ endpoints }).loss(problem);
    return gradients.fr.data.every((x, i) => x === data[i]);
  }, URL_);
  assert.ok(same);
});

test('the page of the README shows what it says', async () => {
  const other = await context.newPage();
  await other.goto(`${origin(site)}/sample.html`);
  await other.waitForFunction(() => document.getElementById('answer').textContent !== '');
  assert.equal(elided(await other.textContent('#answer'), SAMPLE.output), SAMPLE.output.trimEnd());
  await other.close();
});
