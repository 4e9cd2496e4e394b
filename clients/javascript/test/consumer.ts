// Code of a user, which must compile strictly; lines under @ts-expect-error must not.

import { Client, RnnlossError, fromFloat16, tensor, toBFloat16, type Loss, type Problem, type Settings } from 'rnnloss';

const settings: Settings = { endpoints: ['http://127.0.0.1:8080'], token: 'x', timeout: 1000, retries: 0 };
const client = new Client(settings);
const problem: Problem = {
  lambdas: { lambda_fr: 1, lambda_mse: 0.5 },
  tensors: {
    fr: { shape: [1, 2], data: Float32Array.of(1, 2) },
    pred: { dtype: 'BF16', shape: [2], data: toBFloat16([1, 2]) },
    target: tensor([1, 2]),
  },
  gradients: 'per_term',
  wrt: ['fr'],
};

export async function run(signal: AbortSignal): Promise<number> {
  const answer: Loss = await client.loss(problem, { signal, encoding: 'json', requestId: 'x' });
  const gradient = answer.gradients?.fr;
  if (gradient?.dtype === 'F32') gradient.data satisfies Float32Array;
  if (gradient?.dtype === 'F16') fromFloat16(gradient.data) satisfies Float32Array;
  const report = await client.validate({ ...problem, claims: { loss: 1, terms: { fr: { unweighted: 2 } } } });
  const ids: string[] | undefined = report.claims['loss']?.diagnosis?.map(({ id }) => id);
  const states = (await client.health()).filter(({ state }) => state === 'ready');
  const raw = await client.request('POST', '/loss', {
    body: ['{', new Uint8Array(1)],
    contentType: 'application/json',
  });
  client.close();
  return answer.loss + (answer.terms.fr?.unweighted ?? 0) + states.length + raw.body.byteLength + (ids?.length ?? 0);
}

export function explain(error: unknown): string {
  return error instanceof RnnlossError ? `${error.type} ${error.status} ${error.pointer} ${error.requestId}` : '';
}

// @ts-expect-error there is no such weight
void client.loss({ lambdas: { lambda_frr: 1 } });
// @ts-expect-error there is no such dtype
void client.loss({ tensors: { fr: { dtype: 'F8', shape: [1], data: new Float32Array(1) } } });
// @ts-expect-error a tensor has a shape
void client.loss({ tensors: { fr: { data: new Float32Array(1) } } });
// @ts-expect-error claims are needed
void client.validate(problem);
// @ts-expect-error there is no such setting
new Client({ url: 'http://127.0.0.1:8080' });
