import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client } from 'rnnloss';
import { CLOSED, FAULTS, PROBLEM, URL_, attempts, fault } from './environment.js';

/** A client whose connections are new, so that what breaks was not closed before. */
const fresh = (settings) => new Client({ endpoints: FAULTS, ...settings });

async function seconds(call) {
  const began = performance.now();
  await call;
  return (performance.now() - began) / 1000;
}

for (const kind of ['reset', 'close', 'cut', 'refuse', 'draining']) {
  test(`${kind} is tried again`, async () => {
    const requestId = fault(kind, 1);
    assert.equal((await fresh().loss(PROBLEM, { requestId })).loss, 4.25);
    assert.equal((await attempts(requestId)).attempts, 2);
  });
}

test('three retries, then the error', async () => {
  for (const [kind, type, status] of [
    ['reset', 'unreachable', 0],
    ['cut', 'unreachable', 0],
    ['draining', 'draining', 503],
  ]) {
    const requestId = fault(kind, 9);
    await assert.rejects(fresh().loss(PROBLEM, { requestId }), { type, status, requestId });
    assert.equal((await attempts(requestId)).attempts, 4);
  }
});

test('as many retries as are set', async () => {
  for (const retries of [0, 1]) {
    const requestId = fault('draining', 9);
    await assert.rejects(fresh({ retries }).version({ requestId }), { type: 'draining' });
    assert.equal((await attempts(requestId)).attempts, retries + 1);
  }
});

test('Retry-After is waited for', async () => {
  for (const kind of ['busy', 'down']) {
    const requestId = fault(kind, 1);
    const took = await seconds(fresh().loss(PROBLEM, { requestId }));
    assert.ok(took >= 1 && took < 3, `${kind} took ${took} s`);
    assert.equal((await attempts(requestId)).attempts, 2);
  }
});

test('a wait that would outlast the call is not begun', async () => {
  const requestId = fault('later', 9);
  const call = assert.rejects(fresh().loss(PROBLEM, { requestId }), { type: 'overloaded', status: 503, requestId });
  assert.ok((await seconds(call)) < 1);
  assert.equal((await attempts(requestId)).attempts, 1);
});

test('waits grow, but not beyond measure', async () => {
  const took = await seconds(assert.rejects(fresh({ retries: 6 }).version({ requestId: fault('draining', 99) })));
  assert.ok(took < 9, `${took} s`); // 0.2 + 0.4 + 0.8 + 1.6 + 2 + 2 at most
});

test('other answers are final', async () => {
  for (const [kind, status] of [
    ['page', 502],
    ['wrong', 200],
  ]) {
    const requestId = fault(kind, 9);
    await assert.rejects(fresh().loss(PROBLEM, { requestId }), (error) => {
      assert.equal(error.type, 'unexpected-answer');
      assert.equal(error.status, status);
      assert.match(error.detail, status === 502 ? /Bad Gateway/ : /hello/);
      assert.equal(error.requestId, requestId);
      return true;
    });
    assert.equal((await attempts(requestId)).attempts, 1);
  }
  const requestId = fault('none', 0);
  await assert.rejects(fresh().loss({ lambdas: { lambda_fr: 1 } }, { requestId }), { type: 'missing-tensor' });
  assert.equal((await attempts(requestId)).attempts, 1);
});

test('all calls take a wrong answer for one', async () => {
  const client = fresh();
  const calls = ['terms', 'vectors', 'version'].map((name) => (requestId) => client[name]({ requestId }));
  calls.push((requestId) => client.vector('mse-by-hand', { requestId }));
  calls.push((requestId) => client.validate({ ...PROBLEM, claims: { loss: 1 } }, { requestId }));
  for (const call of calls) await assert.rejects(call(fault('wrong', 1)), { type: 'unexpected-answer', status: 200 });
});

test('the time of a call is its own', async () => {
  const requestId = fault('slow', 9);
  const call = assert.rejects(fresh({ timeout: 500 }).loss(PROBLEM, { requestId }), {
    type: 'timeout',
    status: 0,
    requestId,
  });
  const took = await seconds(call);
  assert.ok(took >= 0.45 && took < 3, `${took} s`);
  assert.equal((await attempts(requestId)).attempts, 1);
  await assert.rejects(fresh().version({ timeout: 300, requestId: fault('slow', 1) }), { type: 'timeout' });
});

test('an aborted signal ends a call, with its reason', async () => {
  const controller = new AbortController();
  const call = fresh().loss(PROBLEM, { signal: controller.signal, requestId: fault('slow', 1) });
  setTimeout(() => controller.abort(new Error('enough')), 100);
  await assert.rejects(call, { message: 'enough' });
  await assert.rejects(fresh().version({ signal: controller.signal }), { message: 'enough' });
  const waiting = new AbortController();
  const wait = fresh().version({ signal: waiting.signal, requestId: fault('busy', 9) });
  setTimeout(() => waiting.abort(), 200);
  const took = await seconds(assert.rejects(wait, { name: 'AbortError' }));
  assert.ok(took < 0.9, `${took} s`);
  assert.equal((await fresh().health({ signal: waiting.signal }))[0].state, 'unreachable');
});

test('a connection that was closed meanwhile is replaced without a word', async () => {
  const client = fresh({ retries: 0 });
  for (let i = 0; i < 20; i += 1) {
    const requestId = fault('bye', 1);
    assert.equal((await client.loss(PROBLEM, { requestId })).loss, 4.25);
    assert.equal((await attempts(requestId)).attempts, 1);
    if (i % 2) await new Promise((resolve) => setTimeout(resolve, 5));
  }
});

test('a kept connection that breaks under a request is replaced once', async () => {
  for (const [count, settles] of [
    [1, true],
    [2, false],
  ]) {
    const client = fresh({ retries: 0 });
    await client.version();
    const requestId = fault('reset', count);
    const call = client.loss(PROBLEM, { requestId });
    if (settles) assert.equal((await call).loss, 4.25);
    else await assert.rejects(call, { type: 'unreachable' });
    assert.deepEqual(await attempts(requestId), { attempts: 2, connections: 2 });
  }
});

test('connections are kept', async () => {
  const client = fresh();
  const requestId = fault('none', 0);
  for (let i = 0; i < 5; i += 1) await client.loss(PROBLEM, { requestId });
  assert.deepEqual(await attempts(requestId), { attempts: 5, connections: 1 });
});

test('the next endpoint is asked at once, and first from then on', async () => {
  const client = new Client({ endpoints: [CLOSED, FAULTS], retries: 1 });
  await client.version({ requestId: fault('none', 0) });
  // the closed one is now asked second, and what it says is the last word
  await assert.rejects(client.version({ requestId: fault('draining', 1) }), { type: 'unreachable' });
  // and a client that has had no answer begins with it
  const other = new Client({ endpoints: [CLOSED, FAULTS], retries: 1 });
  await assert.rejects(other.version({ requestId: fault('draining', 1) }), { type: 'draining' });
});

test('the endpoint that answered last is the first of later calls', async () => {
  const client = new Client({ endpoints: [FAULTS, URL_], retries: 1 });
  const requestId = fault('close', 1);
  await client.version({ requestId }); // the second one answers
  const later = fault('none', 0);
  await client.version({ requestId: later });
  assert.equal((await attempts(requestId)).attempts, 1);
  assert.equal((await attempts(later)).attempts, 0);
});

test('a problem is an answer, too', async () => {
  const client = new Client({ endpoints: [FAULTS, URL_] });
  const later = fault('none', 0);
  const wrong = { lambdas: { lambda_fr: 1 } };
  await assert.rejects(client.loss(wrong, { requestId: fault('close', 1) }), { type: 'missing-tensor' });
  await client.version({ requestId: later });
  assert.equal((await attempts(later)).attempts, 0);
});

test('one round goes through all endpoints without a wait', async () => {
  const client = new Client({ endpoints: [FAULTS, URL_] });
  const took = await seconds(client.loss(PROBLEM, { requestId: fault('busy', 9) }));
  assert.ok(took < 0.9, `${took} s`);
});

test('before the next round the longest Retry-After is waited for', async () => {
  const client = new Client({ endpoints: [FAULTS, CLOSED] });
  const requestId = fault('busy', 1);
  const took = await seconds(client.loss(PROBLEM, { requestId }));
  assert.ok(took >= 1 && took < 3, `${took} s`);
  assert.equal((await attempts(requestId)).attempts, 2);
});

test('health is asked once of each, and never rejects', async () => {
  const client = new Client({ endpoints: [CLOSED, FAULTS, URL_] });
  const states = async (kind, options = {}, count = 1) => {
    const requestId = fault(kind, count);
    const health = await client.health({ requestId, ...options });
    assert.deepEqual(
      health.map(({ endpoint }) => endpoint),
      [CLOSED, FAULTS, URL_],
    );
    assert.equal((await attempts(requestId)).attempts, 1);
    return health.map(({ state }) => state);
  };
  assert.deepEqual(await states('none', {}, 0), ['unreachable', 'ready', 'ready']);
  assert.deepEqual(await states('draining'), ['unreachable', 'draining', 'ready']);
  assert.deepEqual(await states('down'), ['unreachable', 'not-ready', 'ready']);
  for (const kind of ['page', 'wrong', 'cut', 'close', 'refuse']) {
    const state = (await states(kind))[1];
    assert.equal(state, 'unreachable', kind);
  }
  assert.deepEqual(await states('slow', { timeout: 500 }), ['unreachable', 'unreachable', 'ready']);
});
