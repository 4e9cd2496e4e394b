// What both platforms export beside their Client.

export { RnnlossError } from './errors.js';
export { fromBFloat16, fromFloat16, toBFloat16, toFloat16 } from './float16.js';
export { tensor } from './tensors.js';

/**
 * @typedef {import('./types.js').Dtype} Dtype
 * @typedef {import('./types.js').TensorName} TensorName
 * @typedef {import('./types.js').TermName} TermName
 * @typedef {import('./types.js').LambdaName} LambdaName
 * @typedef {import('./types.js').TensorInput} TensorInput
 * @typedef {import('./types.js').Tensor} Tensor
 * @typedef {import('./types.js').Gradients} Gradients
 * @typedef {import('./types.js').Problem} Problem
 * @typedef {import('./types.js').Term} Term
 * @typedef {import('./types.js').Loss} Loss
 * @typedef {import('./types.js').ClaimedNumber} ClaimedNumber
 * @typedef {import('./types.js').TermClaims} TermClaims
 * @typedef {import('./types.js').ValidationProblem} ValidationProblem
 * @typedef {import('./types.js').Difference} Difference
 * @typedef {import('./types.js').Diagnosis} Diagnosis
 * @typedef {import('./types.js').Verdict} Verdict
 * @typedef {import('./types.js').Report} Report
 * @typedef {import('./types.js').Catalogue} Catalogue
 * @typedef {import('./types.js').VectorList} VectorList
 * @typedef {import('./types.js').Vector} Vector
 * @typedef {import('./types.js').Version} Version
 * @typedef {import('./types.js').Health} Health
 * @typedef {import('./types.js').Settings} Settings
 * @typedef {import('./types.js').CallOptions} CallOptions
 * @typedef {import('./types.js').TensorCallOptions} TensorCallOptions
 * @typedef {import('./types.js').Bytes} Bytes
 * @typedef {import('./types.js').RequestOptions} RequestOptions
 * @typedef {import('./types.js').RawAnswer} RawAnswer
 */
