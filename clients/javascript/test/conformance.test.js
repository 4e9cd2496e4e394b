import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client } from 'rnnloss';
import { differences } from './conformance.js';
import { URL_, sha256 } from './environment.js';

test('every vector, in both encodings, to the bit', async () => {
  const client = new Client({ endpoints: URL_ });
  const list = await client.vectors();
  assert.ok(list.count > 0 && list.vectors.length === list.count, 'no vectors were read');
  const found = [];
  let went = 0;
  for (const { id } of list.vectors) {
    found.push(...(await differences(client, await client.vector(id), sha256)));
    went += 1;
  }
  assert.deepEqual(found.slice(0, 20), []);
  assert.equal(went, list.count);
  console.log(`conformance: ${went} vectors`);
});
