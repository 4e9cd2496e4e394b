import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, fromFloat16, tensor, toBFloat16, toFloat16 } from 'rnnloss';
import { PROBLEM, UNIX, URL_ } from './environment.js';

const client = new Client({ endpoints: URL_ });

test('loss has values, terms and gradients', async () => {
  const answer = await client.loss(PROBLEM);
  assert.deepEqual(answer, {
    loss: 4.25,
    terms: { mse: { lambda: 1, loss: 1.25, unweighted: 1.25 }, fr: { lambda: 0.5, loss: 3, unweighted: 6 } },
    gradients: {
      pred: { dtype: 'F32', shape: [2, 2], data: Float32Array.of(0.5, 0, 0, 1) },
      fr: { dtype: 'F32', shape: [2, 2], data: Float32Array.of(0, 0.5, 0.5, 1) },
    },
    unused: [],
    warnings: [],
    contract: 1,
  });
  assert.deepEqual(await client.loss(PROBLEM, { encoding: 'json' }), answer);
});

test('gradients are views of one buffer', async () => {
  const { gradients } = await client.loss(PROBLEM);
  assert.equal(gradients.pred.data.buffer, gradients.fr.data.buffer);
  gradients.pred.data[0] = 7; // and may be changed
});

test('a part of a larger array is sent as it is', async () => {
  const data = new Float64Array([9, 1, 2, 9]).subarray(1, 3);
  for (const encoding of ['safetensors', 'json']) {
    const answer = await client.loss(
      { lambdas: { lambda_fr: 1 }, tensors: { fr: { shape: [2], data } } },
      { encoding },
    );
    assert.equal(answer.loss, 2.5);
    assert.deepEqual(answer.gradients.fr.data, Float64Array.of(1, 2));
  }
});

test('per_term, wrt, gradient_dtype, digest', async () => {
  for (const encoding of ['safetensors', 'json']) {
    const options = { gradients: 'per_term', wrt: ['target', 'fr'], gradient_dtype: 'F64', digest: 1, contract: 1 };
    const answer = await client.loss({ ...PROBLEM, ...options }, { encoding });
    assert.deepEqual(Object.keys(answer.gradients), ['target', 'fr']);
    assert.deepEqual(answer.terms.mse.gradients.target.data, Float64Array.of(-0.5, -0, -0, -1));
    assert.deepEqual(Object.keys(answer.terms.fr.gradients), ['fr']);
    assert.match(answer.inputs_sha256, /^[0-9a-f]{64}$/);
    assert.deepEqual((await client.loss({ ...PROBLEM, wrt: [] }, { encoding })).gradients, {});
    assert.equal('gradients' in (await client.loss({ ...PROBLEM, gradients: 'none' }, { encoding })), false);
  }
});

test('gradients come in the order of the tensors, however they were sent', async () => {
  const { pred, target, fr } = PROBLEM.tensors;
  const data = Float64Array.from(fr.data);
  const problem = { ...PROBLEM, tensors: { fr: { shape: [2, 2], data }, target, pred }, wrt: ['fr', 'target', 'pred'] };
  assert.deepEqual(Object.keys((await client.loss(problem)).gradients), ['pred', 'target', 'fr']);
});

test('F16 and BF16 are bits', async () => {
  for (const [dtype, make] of [
    ['F16', toFloat16],
    ['BF16', toBFloat16],
  ]) {
    for (const encoding of ['safetensors', 'json']) {
      const tensors = { fr: { dtype, shape: [1, 2], data: make([3, -1]) } };
      const { loss, gradients } = await client.loss({ lambdas: { lambda_fr: 1 }, tensors }, { encoding });
      assert.equal(loss, 5);
      assert.deepEqual(gradients.fr, { dtype, shape: [1, 2], data: make([3, -1]) });
    }
  }
});

test('what is not finite is propagated', async () => {
  for (const encoding of ['safetensors', 'json']) {
    const tensors = { fr: tensor([[NaN, -Infinity, 2]]) };
    const { loss, gradients } = await client.loss(
      { lambdas: { lambda_fr: 1 }, tensors, nonfinite: 'propagate' },
      { encoding },
    );
    assert.ok(Number.isNaN(loss));
    assert.ok(Number.isNaN(gradients.fr.data[0]));
    assert.equal(gradients.fr.data[1], -Infinity);
    await assert.rejects(client.loss({ lambdas: { lambda_fr: 1 }, tensors }, { encoding }), {
      type: 'non-finite',
      status: 422,
      pointer: encoding === 'json' ? '/tensors/fr/data/0' : '/tensors/fr',
    });
  }
});

test('a float whose decimal lies on the border survives JSON', async () => {
  // the gradient of fr [1, 1] is 2 lambda fr: the element itself at lambda 1/2
  const data = new Float32Array(Uint32Array.of(0x15ae43fd, 0x95ae43fd).buffer);
  const problem = { lambdas: { lambda_fr: 1 }, tensors: { fr: { shape: [1, 2], data } } };
  const { gradients } = await client.loss(problem, { encoding: 'json' });
  assert.deepEqual(gradients.fr.data, data);
});

test('-0 keeps its sign', async () => {
  for (const encoding of ['safetensors', 'json']) {
    const problem = { lambdas: { lambda_fr: 1 }, tensors: { fr: { shape: [1, 2], data: Float64Array.of(-0, 1) } } };
    assert.ok(Object.is((await client.loss(problem, { encoding })).gradients.fr.data[0], -0));
  }
});

test('validate judges claims and names the definition', async () => {
  const problem = {
    ...PROBLEM,
    claims: {
      loss: 4.25,
      terms: { mse: 1.25, fr: 3 },
      gradients: { pred: { shape: [2, 2], data: Float32Array.of(0.5, 0, 0, -1) } },
    },
    tolerance: { dtype: 'F32', rtol: 1e-6, atol: 1e-6 },
  };
  for (const encoding of ['safetensors', 'json']) {
    const report = await client.validate(problem, { encoding });
    assert.equal(report.valid, false);
    assert.deepEqual(Object.keys(report.claims).sort(), ['gradients.pred', 'loss', 'terms.fr.loss', 'terms.mse.loss']);
    assert.equal(report.claims.loss.verdict, 'pass');
    assert.equal(report.claims['gradients.pred'].verdict, 'fail');
    assert.deepEqual(report.claims['gradients.pred'].first_mismatch.index, [1, 1]);
    assert.equal(report.tolerance.rtol, 1e-6);
    assert.equal(report.tolerance.source, 'request');
    const text = await client.validateText(problem, { encoding });
    assert.match(text, /^not valid\n/);
    assert.match(text, /fail +gradients\.pred/);
  }
});

test('claims of all kinds, a diagnosis, and numbers that are not finite', async () => {
  const problem = {
    lambdas: { lambda_fr_sd: 0.5 },
    tensors: { fr: tensor([[0.1, 0.2, 0.3, 0.5]]) },
    claims: {
      terms: {
        fr_sd: {
          loss: NaN,
          unweighted: 0.17078251276599332,
          gradients: { fr: tensor([[0, 0, 0, 0]]) },
        },
      },
    },
    tolerance: { ulps: 100, dtype: 'F32' },
  };
  for (const encoding of ['safetensors', 'json']) {
    const { claims, tolerance } = await client.validate(problem, { encoding });
    assert.equal(tolerance.ulps, 100);
    assert.ok(Number.isNaN(claims['terms.fr_sd.loss'].claimed));
    assert.equal(claims['terms.fr_sd.unweighted'].diagnosis[0].id, 'sample-sd');
    assert.ok(Number.isNaN(claims['terms.fr_sd.gradients.fr'].cosine));
  }
});

test('a tolerance may be that of another dtype', async () => {
  const problem = { ...PROBLEM, claims: { loss: 4.251 }, tolerance: { dtype: 'F16' } };
  for (const encoding of ['safetensors', 'json']) {
    const report = await client.validate(problem, { encoding });
    assert.equal(report.tolerance.dtype, 'F16');
    assert.equal(report.valid, true);
  }
});

test('a claim may have its own dtype', async () => {
  const claims = {
    loss: { shape: [], data: Float32Array.of(4.25) },
    terms: { fr: { shape: [1], data: Float32Array.of(3) } },
  };
  const report = await client.validate({ ...PROBLEM, claims });
  assert.equal(report.valid, true);
  assert.equal(report.claims['terms.fr.loss'].tolerance.dtype, 'F32');
});

test('terms, vectors, vector, version, health', async () => {
  assert.equal((await client.terms()).terms.length, 7);
  const { vectors, count } = await client.vectors();
  assert.equal(vectors.length, count);
  assert.equal((await client.vector('mse-by-hand')).expect.loss.decimal, '1.25');
  assert.equal((await client.version()).contract, 1);
  assert.deepEqual(await client.health(), [{ endpoint: URL_, state: 'ready' }]);
  await assert.rejects(client.vector('../version'), { type: 'not-found', status: 404 });
});

test('bytes go as they are', async () => {
  const halves = ['{"lambdas":{"lambda_fr":1},', new TextEncoder().encode('"tensors":{"fr":[[1,2]]}}')];
  const answer = await client.request('POST', '/loss?gradients=none', {
    body: halves,
    contentType: 'application/json',
    requestId: 'bytes',
  });
  assert.equal(answer.contentType, 'application/json');
  assert.equal(answer.requestId, 'bytes');
  assert.equal(JSON.parse(new TextDecoder().decode(answer.body)).loss, 2.5);
  assert.equal((await client.request('GET', '/livez')).status, 200);
});

test('by a unix socket', async () => {
  const local = new Client({ endpoints: UNIX });
  assert.equal((await local.loss(PROBLEM)).loss, 4.25);
  assert.deepEqual(await local.health(), [{ endpoint: UNIX, state: 'ready' }]);
  await assert.rejects(new Client({ endpoints: 'unix:/nowhere/at.all', retries: 0 }).version(), {
    type: 'unreachable',
    message: /ENOENT/,
  });
});

test('many calls at once', async () => {
  const answers = await Promise.all(
    Array.from({ length: 64 }, (_, i) => {
      const data = Float32Array.of(i, i);
      return client.loss({ lambdas: { lambda_fr: 1 }, tensors: { fr: { shape: [1, 2], data } } });
    }),
  );
  answers.forEach(({ loss, gradients }, i) => {
    assert.equal(loss, i * i);
    assert.deepEqual(gradients.fr.data, Float32Array.of(i, i));
  });
});

test('large tensors, in both encodings', async () => {
  const data = Float32Array.from({ length: 300 * 1000 }, (_, i) => (i % 251) / 8);
  const problem = { lambdas: { lambda_fr: 150000 }, tensors: { fr: { dtype: 'F32', shape: [300, 1000], data } } };
  for (const encoding of ['safetensors', 'json']) {
    assert.deepEqual((await client.loss(problem, { encoding })).gradients.fr.data, data);
  }
  const half = { dtype: 'F16', shape: [300, 1000], data: toFloat16(data) };
  const { gradients } = await client.loss({ ...problem, tensors: { fr: half } });
  assert.deepEqual(fromFloat16(gradients.fr.data), data);
});

test('close leaves a client that can be used', async () => {
  const own = new Client({ endpoints: URL_ });
  await own.version();
  own.close();
  assert.equal((await own.loss(PROBLEM)).loss, 4.25);
});
