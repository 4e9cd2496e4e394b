// What the runner says of the servers that it has started (tests/clients/run).

import { createHash, randomUUID } from 'node:crypto';

function variable(name) {
  const value = process.env[`RNNLOSS_TEST_${name}`];
  if (!value) throw new Error(`RNNLOSS_TEST_${name} is not set: run tests/clients/run BUILD javascript`);
  return value;
}

export const URL_ = variable('URL');
export const UNIX = variable('UNIX');
export const TLS_URL = variable('TLS_URL');
export const TOKEN = variable('TOKEN');
export const CA = variable('CA');
export const CERT = variable('CERT');
export const KEY = variable('KEY');
export const FAULTS = variable('FAULTS');
export const CLOSED = variable('CLOSED');
export const BUILD = process.env.CLIENT_BUILD ?? new URL('../node_modules/.cache', import.meta.url).pathname;

/** A request id that makes faults.py misbehave `count` times. */
export const fault = (kind, count) => `${kind}-${count}-${randomUUID().slice(0, 8)}`;

/** How many requests, by how many connections, came with an id. */
export async function attempts(id) {
  const answer = await fetch(`${FAULTS}/attempts/${id}`);
  return answer.json();
}

export const sha256 = (data) => createHash('sha256').update(data).digest('hex');

/** A problem that the daemon answers. */
export const PROBLEM = {
  lambdas: { lambda_mse: 1, lambda_fr: 0.5 },
  tensors: {
    pred: { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
    target: { shape: [2, 2], data: Float32Array.of(0, 2, 3, 2) },
    fr: { shape: [2, 2], data: Float32Array.of(0, 2, 2, 4) },
  },
};
