import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromBFloat16, fromFloat16, tensor, toBFloat16, toFloat16 } from 'rnnloss';
import { writeFile } from '../src/safetensors.js';
import { swapped } from '../src/tensors.js';

const ALL = Uint16Array.from({ length: 65536 }, (_, i) => i);

/** Every pattern goes there and back; a NaN becomes the canonical one. */
for (const [name, to, from, infinity] of [
  ['F16', toFloat16, fromFloat16, 0x7c00],
  ['BF16', toBFloat16, fromBFloat16, 0x7f80],
]) {
  const step = infinity === 0x7c00 ? 0x200 : 0x40; // the bit that makes a NaN quiet

  test(`${name}: all patterns`, () => {
    const back = to(from(ALL));
    ALL.forEach((bits, i) => {
      const isNaN_ = (bits & 0x7fff) > infinity;
      assert.equal(back[i], isNaN_ ? infinity + step : bits);
    });
  });

  test(`${name}: the middle between two neighbours goes to the even one, all else to the nearest`, () => {
    const values = from(ALL);
    for (let bits = 0; bits < infinity; bits += 1) {
      const low = values[bits];
      const high = bits + 1 < infinity ? values[bits + 1] : 2 * low - values[bits - 1];
      const middle = (low + high) / 2;
      const hair = middle * 2 ** -52 || 2 ** -1074;
      const even = bits % 2 ? bits + 1 : bits;
      const rounded = to([middle, middle - hair, middle + hair, -middle, -middle - hair]);
      assert.deepEqual([...rounded], [even, bits, bits + 1, even | 0x8000, (bits + 1) | 0x8000], `at ${bits}`);
    }
  });

  test(`${name}: what is far out`, () => {
    const far = to([Infinity, -Infinity, 1.7976931348623157e308, -1.7976931348623157e308, 5e-324, -5e-324, 0, -0, NaN]);
    const negative = infinity + 0x8000;
    assert.deepEqual([...far], [infinity, negative, infinity, negative, 0, 0x8000, 0, 0x8000, infinity + step]);
  });
}

test('F16 and BF16 by hand', () => {
  assert.deepEqual(
    [...toFloat16([1, -2, 65504, 65519.99, 65520, 2 ** -24, 2 ** -25, 0.1])],
    [0x3c00, 0xc000, 0x7bff, 0x7bff, 0x7c00, 1, 0, 0x2e66],
  );
  assert.deepEqual(
    [...toBFloat16([1, -2, 0.1, 3.3895313892515355e38, 3.4e38])],
    [0x3f80, 0xc000, 0x3dcd, 0x7f7f, 0x7f80],
  );
  assert.deepEqual([...fromFloat16(Uint16Array.of(0x3555, 0x8001))], [0.333251953125, -(2 ** -24)]);
  assert.deepEqual([...fromBFloat16(Uint16Array.of(0x3dcd))], [0.10009765625]);
  // once, not by way of F32, where this one would land on the middle
  assert.deepEqual([...toFloat16([1 + 2 ** -11 + 2 ** -40])], [0x3c01]);
});

test('tensor takes nested arrays', () => {
  assert.deepEqual(
    tensor([
      [1, 2, 3],
      [4, 5, 0.1],
    ]),
    { dtype: 'F32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 0.1) },
  );
  assert.deepEqual(tensor([[[1]], [[2]]], 'F64'), { dtype: 'F64', shape: [2, 1, 1], data: Float64Array.of(1, 2) });
  assert.deepEqual(tensor([1], 'F16').data, Uint16Array.of(0x3c00));
  assert.deepEqual(tensor([1], 'BF16').data, Uint16Array.of(0x3f80));
  assert.deepEqual(tensor(3), { dtype: 'F32', shape: [], data: Float32Array.of(3) });
  // the double below is nearest to the next F32, and no decimal that was read
  assert.deepEqual(tensor([7.038531e-26]).data, Float32Array.of(7.038531e-26));
  for (const ragged of [[[1], [1, 2]], [[1], 2], [1, [2]], ['x'], [[1, 2], [3]], [[]].concat([[1]])]) {
    assert.throws(() => tensor(ragged), RangeError);
  }
});

test('a file is its aligned header and the memory of the tensors', () => {
  for (const name of ['a', 'ab', 'abc', 'abcdefgh']) {
    const data = Float32Array.of(1, 2, 3).subarray(1);
    const [header, piece] = writeFile([['option', name]], [[name, { dtype: 'F32', shape: [2], data }]]);
    assert.equal(header.length % 8, 0);
    assert.equal(new DataView(header.buffer).getBigUint64(0, true), BigInt(header.length - 8));
    assert.deepEqual(JSON.parse(new TextDecoder().decode(header.subarray(8))), {
      __metadata__: { option: name },
      [name]: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
    });
    assert.equal(piece.buffer, data.buffer);
    assert.deepEqual([piece.byteOffset, piece.length], [4, 8]);
  }
});

test('bytes are swapped by element', () => {
  assert.deepEqual(swapped(Uint8Array.of(1, 2, 3, 4), 2), Uint8Array.of(2, 1, 4, 3));
  assert.deepEqual(swapped(Uint8Array.of(1, 2, 3, 4), 4), Uint8Array.of(4, 3, 2, 1));
});
