import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { Client, RnnlossError } from 'rnnloss';
import { CLOSED, PROBLEM, URL_ } from './environment.js';

const client = new Client({ endpoints: URL_ });

test('a problem has its type, status, detail, pointer and request id', async () => {
  const problem = {
    lambdas: { lambda_mse: 1 },
    tensors: { ...PROBLEM.tensors, target: { shape: [4], data: new Float32Array(4) } },
  };
  for (const encoding of ['safetensors', 'json']) {
    await assert.rejects(client.loss(problem, { encoding, requestId: 'mine' }), (error) => {
      assert.ok(error instanceof RnnlossError && error instanceof Error);
      assert.equal(error.name, 'RnnlossError');
      assert.equal(error.type, 'shape-mismatch');
      assert.equal(error.status, 422);
      assert.equal(error.title, 'Shapes disagree');
      assert.match(error.detail, /target \[4\]/);
      assert.equal(error.pointer, '/tensors/target/shape');
      assert.equal(error.requestId, 'mine');
      assert.match(error.message, /^shape-mismatch: .* \(at \/tensors\/target\/shape\)$/);
      return true;
    });
  }
});

test('what is wrong is for the daemon to say', async () => {
  const { fr } = PROBLEM.tensors;
  const cases = [
    [{ lambdas: { lambda_frr: 1 } }, 'unknown-lambda'],
    [{ lambdas: { lambda_fr: -1 } }, 'invalid-lambda'],
    [{ lambdas: { lambda_fr: NaN } }, 'invalid-lambda'],
    [{ lambdas: { lambda_fr: 'x' } }, 'invalid-lambda'],
    [{ lambdas: { lambda_fr: 1 } }, 'missing-tensor'],
    [{ tensors: { rates: fr } }, 'unknown-tensor'],
    [{ tensors: { fr: { ...fr, shape: [0] } } }, null],
    [{ tensors: { fr: { ...fr, dtype: 'I32', data: new Int32Array(4) } } }, 'unsupported-dtype'],
    [{ gradients: 'all' }, 'invalid-request'],
    [{ gradient: 'none' }, 'invalid-request'],
    [{ contract: 2 }, 'unknown-contract'],
    [{ wrt: ['nothing'] }, 'invalid-request'],
  ];
  for (const [problem, type] of cases) {
    for (const encoding of ['safetensors', 'json']) {
      await assert.rejects(client.loss(problem, { encoding }), (error) => {
        assert.ok(error instanceof RnnlossError, String(error));
        if (type && !(encoding === 'safetensors' && type === 'unknown-lambda')) assert.equal(error.type, type);
        assert.ok(error.status === 422 || error.status === 400);
        return true;
      });
    }
  }
  await assert.rejects(client.validate({ ...PROBLEM, claims: {} }), { type: 'invalid-claim' });
});

test('what cannot be sent is a TypeError', async () => {
  const wrong = [
    { fr: { shape: [1], data: Uint16Array.of(1) } },
    { fr: { shape: [1], data: [1] } },
    { fr: { shape: [1], dtype: 'F16', data: Float32Array.of(1) } },
    { fr: [[1, 2]] },
    { fr: null },
  ];
  for (const tensors of wrong) {
    for (const encoding of ['safetensors', 'json']) {
      await assert.rejects(client.loss({ tensors }, { encoding }), TypeError);
    }
  }
  await assert.rejects(client.loss(PROBLEM, { encoding: 'xml' }), TypeError);
  await assert.rejects(client.version({ requestId: 'two\nlines' }), TypeError);
});

test('settings that are none', () => {
  for (const endpoints of ['ftp://x:1', 'localhost:8080', '', [], 'http://a:b@c:1', ['http://h:1', 'x']]) {
    assert.throws(() => new Client({ endpoints }), TypeError);
  }
  assert.throws(() => new Client({ timeout: -1 }), TypeError);
  assert.throws(() => new Client({ retries: 'no' }), TypeError);
  assert.throws(() => new Client({ ca: '/nowhere/ca.pem' }), { code: 'ENOENT' });
});

test('nobody there', async () => {
  const lost = new Client({ endpoints: CLOSED, retries: 1 });
  await assert.rejects(lost.loss(PROBLEM, { requestId: 'lost' }), (error) => {
    assert.equal(error.type, 'unreachable');
    assert.equal(error.status, 0);
    assert.equal(error.requestId, 'lost');
    assert.match(error.message, /ECONNREFUSED/);
    assert.equal(error.cause.code, 'ECONNREFUSED');
    return true;
  });
  assert.deepEqual(await lost.health(), [{ endpoint: CLOSED, state: 'unreachable' }]);
});

test('the environment says where and how, by default', () => {
  const script = `
    import { Client } from 'rnnloss';
    const client = new Client();
    const version = await client.version().catch((error) => error.type);
    console.log((await client.health()).map(({ endpoint, state }) => endpoint + ' ' + state).join('\\n'));
    console.log(version.contract ?? version);`;
  const run = (variables) => {
    const env = { ...process.env, ...variables };
    const cwd = new URL('..', import.meta.url);
    const options = { cwd, env, timeout: 30_000 }; // nothing of a client keeps a process from its end
    const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], options);
    assert.equal(String(stderr), '');
    assert.equal(status, 0);
    return String(stdout).trim().split('\n');
  };
  assert.deepEqual(run({ RNNLOSS_URL: `${CLOSED}, ${URL_}` }), [`${CLOSED} unreachable`, `${URL_} ready`, '1']);
  assert.match(run({ RNNLOSS_URL: '' })[0], /^http:\/\/127\.0\.0\.1:8080 /);
});
