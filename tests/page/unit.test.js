// The page's modules by themselves, without a browser.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ticks } from '../../server/page/canvas.js';
import { LANGUAGES } from '../../server/page/code.js';
import { diverging, sequential } from '../../server/page/colours.js';
import { claimsOf, readRequest, tensorOf } from '../../server/page/json.js';
import { POSITIONS, isActive, lambdaAt, lambdaQuery, positionOf } from '../../server/page/lambdas.js';
import { latest } from '../../server/page/latest.js';
import { largeBatch, madeBatch } from '../../server/page/made.js';
import { moves, order } from '../../server/page/means.js';
import { count, elements, fullText, shortText, sizeText } from '../../server/page/numbers.js';
import { looksLikeSafetensors, pack, readHeader, writeHeader } from '../../server/page/safetensors.js';
import { axes, heat, histogram, pairs, range, spread, trace, unitMeans } from '../../server/page/summaries.js';

const BATCH = readFileSync(new URL('../../examples/batch.safetensors', import.meta.url));
const buffer = (bytes) => bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

test('a slider: 0 at its left end, then decades, there and back', () => {
  assert.equal(lambdaAt(0), '0');
  assert.deepEqual([20, 40, 60, 80, 100].map(lambdaAt), ['0.001', '0.01', '0.1', '1', '10']);
  for (let position = 0; position <= POSITIONS; position += 1) assert.equal(positionOf(lambdaAt(position)), position);
  assert.deepEqual(['x', '-1', '', '1e9', '1e-9'].map(positionOf), [0, 0, 0, 100, 1]);
});

test('weights in the query: zeros are left out, nonsense is sent to be judged', () => {
  const given = [
    ['lambda_mse', '1'],
    ['lambda_in', '0'],
    ['lambda_hid', ' '],
    ['lambda_out', 'a&b'],
    ['lambda_fr', '-1'],
  ];
  assert.deepEqual(lambdaQuery(given), ['lambda_mse=1', 'lambda_out=a%26b', 'lambda_fr=-1']);
  assert.deepEqual(['0.0', '1e-3', 'x', ''].map(isActive), [false, true, true, false]);
});

test('numbers of the four dtypes', () => {
  const bits = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7c00);
  assert.deepEqual([...elements('F16', bits.buffer, 0, 4)], [1, -2, 2 ** -24, Infinity]);
  assert.deepEqual([...elements('BF16', Uint16Array.of(0x3f80, 0xc040).buffer, 0, 2)], [1, -3]);
  assert.deepEqual([...elements('F64', Float64Array.of(0.1, 0.2).buffer, 8, 1)], [0.2]);
  const odd = new Uint8Array(9);
  odd.set(new Uint8Array(Float32Array.of(1.5).buffer), 5);
  assert.deepEqual([...elements('F32', odd.buffer, 5, 1)], [1.5]);
});

test('numbers as text', () => {
  assert.deepEqual([1, -0, 0.1, 1e22, NaN].map(fullText), ['1.0', '-0.0', '0.1', '1e+22', 'NaN']);
  assert.deepEqual(
    [0, 0.12345, -1.7e-4, 123456, 1e-7].map((x) => shortText(x)),
    ['0', '0.123', '−1.7e−4', '1.23e5', '1e−7'],
  );
  assert.deepEqual([12, 70_700, 26_214_400].map(sizeText), ['12 B', '70.7 kB', '26.2 MB']);
});

test('safetensors: a file of the examples, and one of our own', () => {
  const file = buffer(BATCH);
  assert.ok(looksLikeSafetensors(file.slice(0, 9), file.byteLength));
  assert.ok(!looksLikeSafetensors(buffer(Buffer.from('{"tensors":{}}')), 14));
  const { metadata, entries, begin } = readHeader(file);
  assert.equal(new Map(metadata).get('lambda_mse'), '1.0');
  assert.equal(begin + Math.max(...entries.map((e) => e.end)), file.byteLength);
  const again = readHeader(buffer(writeHeader([['nonfinite', 'error']], entries)));
  assert.deepEqual([again.entries, again.metadata], [entries, [['nonfinite', 'error']]]);
  assert.equal(again.begin % 8, 0);
  const packed = pack([
    { name: 'a', dtype: 'F32', shape: [2], data: Float32Array.of(1, 2) },
    { name: 'b', dtype: 'F64', shape: [], data: Float64Array.of(3) },
  ]);
  assert.deepEqual(
    packed.entries.map((e) => [e.begin, e.end]),
    [
      [0, 8],
      [8, 16],
    ],
  );
  assert.equal(packed.data.size, 16);
});

test('requests in JSON', () => {
  const { tensors, lambdas, options, claims } = readRequest(
    '{"lambdas":{"lambda_fr":0.5},"tensors":{"fr":[[1,2],[3,4]],"w_in":{"dtype":"F32","shape":[1,2],"data":[0.5,1]}},"nonfinite":"propagate","claims":{"loss":1}}',
  );
  assert.deepEqual(
    tensors.map(({ name, dtype, shape, data }) => [name, dtype, shape, [...data]]),
    [
      ['fr', 'F64', [2, 2], [1, 2, 3, 4]],
      ['w_in', 'F32', [1, 2], [0.5, 1]],
    ],
  );
  assert.deepEqual([lambdas, options, claims], [[['lambda_fr', '0.5']], [['nonfinite', 'propagate']], { loss: 1 }]);
  assert.deepEqual([...tensorOf('x', { dtype: 'BF16', shape: [1], data_base64: 'gD8=' }).data], [0x3f80]);
  for (const wrong of [
    [[1], [1, 2]],
    [['x']],
    { dtype: 'F8', shape: [1], data: [1] },
    { dtype: 'F32', shape: [3], data: [1] },
    null,
  ]) {
    assert.throws(() => tensorOf('x', wrong), /^Error: x /);
  }
});

test('claims become tensors', () => {
  const named = claimsOf({
    claims: {
      loss: 2,
      terms: { fr: 1, mse: { unweighted: 'NaN', gradients: { pred: [1, 2] } } },
      gradients: { fr: [[0]] },
    },
  });
  assert.deepEqual(
    named.map(({ name, shape, data }) => [name, shape, [...data]]),
    [
      ['claims.loss', [], [2]],
      ['claims.terms.fr.loss', [], [1]],
      ['claims.terms.mse.unweighted', [], [NaN]],
      ['claims.terms.mse.gradients.pred', [2], [1, 2]],
      ['claims.gradients.fr', [1, 1], [0]],
    ],
  );
  assert.throws(() => claimsOf({ term: 1 }), /"term" is no claim/);
});

test('made batches are the same each time, and neurons in them differ', () => {
  const [one, two] = [madeBatch(), madeBatch()];
  assert.deepEqual(one, two);
  const fr = one.find(({ name }) => name === 'fr');
  const { mu, sigma } = spread(unitMeans(fr.data, 40));
  assert.ok(sigma > 0.2 * mu && mu > 0.05 && range(fr.data).low === 0);
  for (const { shape, data } of one) assert.ok(count(shape) === data.length && data.every(Number.isFinite));
  assert.equal(largeBatch()[0].data.byteLength, 26_214_400);
});

test('heat maps are thinned, and keep their place', () => {
  const data = Float32Array.from({ length: 1000 * 10 }, (_, i) => i);
  const map = heat(
    data,
    { offset: 0, rows: 10, rowStride: 1, columns: 1000, columnStride: 10 },
    { rows: 5, columns: 300 },
  );
  assert.deepEqual([map.rows, map.columns, map.rowStep, map.columnStep], [5, 250, 2, 4]);
  assert.equal(map.values[250 + 1], data[2 + 40]);
  assert.deepEqual([map.low, map.high], [0, data[8 + 249 * 40]]);
  assert.deepEqual(axes([2, 3, 4, 5]), { units: 5, steps: 4, trials: 6 });
  assert.deepEqual(
    [axes([7]), axes([3, 7])],
    [
      { units: 7, steps: 1, trials: 1 },
      { units: 7, steps: 3, trials: 1 },
    ],
  );
});

test('means, spread, histogram, pairs, traces', () => {
  const means = unitMeans(Float32Array.of(1, 10, 3, 30), 2);
  assert.deepEqual([...means], [2, 20]);
  assert.deepEqual(spread(means), { mu: 11, sigma: 9 });
  const { limit, counts, zeros } = histogram(Float32Array.of(-1, 0, 0, 0.5, 2, NaN), 5);
  assert.deepEqual([limit, [...counts], zeros], [2, [0, 1, 2, 1, 1], 2]);
  assert.equal(histogram(Float32Array.of(0, 0), 3).zeros, 2);
  assert.ok(pairs(new Float32Array(5000), new Float32Array(5000)).a.length <= 1500);
  assert.deepEqual([...trace(Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7), [2, 2, 2], 1, 1)], [5, 7]);
});

test('arrows point where the term pushes, and never beyond the mean for fr_sd', () => {
  const means = Float64Array.of(0, 0.1, 1);
  const { mu } = spread(means);
  const moved = moves(
    means,
    means.map((m) => mu - m),
    0.45,
  );
  means.forEach((m, n) => assert.ok((mu - m) * (mu - (m + moved[n])) >= 0));
  assert.deepEqual(order(Float64Array.of(3, 1, 2), 9), [1, 2, 0]);
  assert.deepEqual(
    order(
      Float64Array.from({ length: 1000 }, (_, i) => i),
      3,
    ),
    [0, 500, 999],
  );
  assert.deepEqual([...moves(means, Float64Array.of(0, 0, 0), 1)], [0, 0, 0]);
});

test('ticks are round, colours are those of the scales', () => {
  assert.deepEqual(ticks(0, 60, 5), [0, 20, 40, 60]);
  assert.deepEqual(ticks(-1, 1, 4), [-1, -0.5, 0, 0.5, 1]);
  assert.deepEqual([ticks(1, 1), ticks(-5e-324, 5e-324)], [[1], [-5e-324]]);
  assert.deepEqual(sequential(0), [0, 32, 77]);
  const lightness = (rgb) => 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2];
  const ramp = Array.from({ length: 11 }, (_, i) => lightness(sequential(i / 10)));
  assert.ok(
    ramp.every((l, i) => i === 0 || l > ramp[i - 1]),
    'read without colour, too',
  );
  for (const dark of [false, true]) {
    const [low, middle, high] = [0, 0.5, 1].map((x) => lightness(diverging(dark)(x)));
    assert.ok(dark ? middle < Math.min(low, high) : middle > Math.max(low, high));
  }
});

test('only the last wish counts', async () => {
  const seen = [];
  const wish = latest(
    async (w, signal) => {
      seen.push(`begin ${w}`);
      await sleep(w === 'slow' ? 60 : 5);
      if (signal.aborted) seen.push(`aborted ${w}`);
      if (w === 'bad') throw new Error('no');
      return w;
    },
    (result) => seen.push(`done ${result}`),
    (error) => seen.push(`failed ${error.message}`),
  );
  wish('never', 20);
  wish('slow');
  await sleep(20);
  wish('bad');
  await sleep(30);
  wish('last');
  await sleep(80);
  assert.deepEqual(
    seen.filter((s) => !s.startsWith('aborted')),
    ['begin slow', 'begin bad', 'failed no', 'begin last', 'done last'],
  );
  assert.ok(seen.includes('aborted slow'));
});

test('the request as code', () => {
  const request = { origin: 'http://h', query: ['lambda_fr=1'], file: 'b', token: true };
  assert.match(LANGUAGES.curl.code(request), /'http:\/\/h\/loss\?lambda_fr=1&gradients=none'/);
  assert.match(LANGUAGES.curl.code({ ...request, query: [] }), /loss\?gradients=none'/);
  for (const { code } of Object.values(LANGUAGES)) {
    assert.match(code(request), /TOKEN/);
    assert.doesNotMatch(code({ ...request, token: false }), /TOKEN/);
  }
});
