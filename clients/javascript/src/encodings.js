/** @import { Loss, Problem, TensorInput, ValidationProblem } from './types.js' */
/** @import { AnyTensor } from './tensors.js' */
import { isObject, numberText, writeJson } from './json.js';
import { lossFromJson, lossFromSafetensors } from './loss.js';
import { writeFile } from './safetensors.js';
import { complete, isTensor } from './tensors.js';

/**
 * @typedef {object} Encoding how problems are written and their answers read
 * @property {string} mediaType
 * @property {(problem: Problem | ValidationProblem) => Uint8Array[]} write
 * @property {(body: ArrayBuffer, problem: Problem) => Loss} readLoss
 */

/** @type {Record<string, Encoding>} */
const ENCODINGS = {
  safetensors: { mediaType: 'application/vnd.safetensors', write: toSafetensors, readLoss: lossFromSafetensors },
  json: { mediaType: 'application/json', write: toJson, readLoss: lossFromJson },
};

/** @param {string} name */
export function encodingOf(name = 'safetensors') {
  const encoding = Object.hasOwn(ENCODINGS, name) ? ENCODINGS[name] : undefined;
  if (!encoding) throw new TypeError(`no encoding ${name}; there are: ${Object.keys(ENCODINGS).join(', ')}`);
  return encoding;
}

/**
 * Options come first, so that the daemon can reduce tensors while they arrive.
 * @param {Problem} problem
 */
function toJson({ lambdas, tensors, ...options }) {
  const { claims, tolerance, ...rest } = /** @type {Partial<ValidationProblem>} */ (options);
  const completed = tensors && Object.fromEntries(completeAll(tensors));
  return writeJson({ ...rest, lambdas, tolerance, tensors: completed, claims });
}

/**
 * Options and weights are metadata, claims are tensors. Members that this client has never heard of are sent like
 * options: whether there are such is the daemon's to say.
 * @param {Problem} problem
 */
function toSafetensors({ lambdas = {}, tensors = {}, ...options }) {
  const { claims, tolerance = {}, ...rest } = /** @type {Partial<ValidationProblem>} */ (options);
  const { dtype: tolerance_dtype, ...limits } = tolerance;
  const metadata = Object.entries({ ...rest, ...limits, tolerance_dtype })
    .concat(Object.entries(lambdas))
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => /** @type {[string, string]} */ ([name, metadataText(value)]));
  return writeFile(metadata, [...completeAll(tensors), ...(claims ? claimTensors(claims) : [])]);
}

/** @param {unknown} value */
const metadataText = (value) => (typeof value === 'number' ? numberText(value) : String(value));

/**
 * @param {{[name: string]: TensorInput | undefined}} tensors
 * @param {string} prefix
 * @returns {[string, AnyTensor][]}
 */
function completeAll(tensors, prefix = '') {
  return Object.entries(tensors).flatMap(([name, tensor]) =>
    tensor === undefined ? [] : [[prefix + name, complete(prefix + name, tensor)]],
  );
}

/**
 * @param {ValidationProblem['claims']} claims
 * @returns {[string, AnyTensor][]}
 */
function claimTensors({ terms = {}, ...total }) {
  return [
    ...claimsAbout('claims.', total),
    ...Object.entries(terms).flatMap(([name, claim]) => {
      const members = isObject(claim) && !isTensor(claim) ? claim : { loss: claim };
      return claimsAbout(`claims.terms.${name}.`, members);
    }),
  ];
}

/**
 * @param {string} prefix
 * @param {{[name: string]: unknown}} claims numbers, or tensors of one, by name; gradients by tensor
 * @returns {[string, AnyTensor][]}
 */
function claimsAbout(prefix, { gradients, ...numbers }) {
  const tensors = Object.entries(numbers).flatMap(([name, claim]) =>
    claim === undefined ? [] : [[name, typeof claim === 'number' ? scalar(claim) : claim]],
  );
  return [
    ...completeAll(Object.fromEntries(tensors), prefix),
    ...completeAll(/** @type {{[name: string]: TensorInput}} */ (gradients ?? {}), `${prefix}gradients.`),
  ];
}

/** @param {number} x */
const scalar = (x) => ({ shape: [], data: Float64Array.of(x) });
