// The answer of POST /loss, out of either encoding. What isn't as the contract says is refused, what it doesn't name
// is left alone: members may be added.

/** @import { Gradients, Loss, Problem, Tensor, Term } from './types.js' */
import { AnswerError } from './errors.js';
import { isObject, parseObject, readNumber } from './json.js';
import { readFile } from './safetensors.js';
import { complete, count, fromNumbers, isDtype } from './tensors.js';

/** Tensors in the order in which gradients are given, whatever order they lie in. */
const NAMES = ['pred', 'target', 'fr', 'w_in', 'w_hid', 'w_out'];

/**
 * @param {ArrayBuffer} body
 * @param {Problem} problem
 * @returns {Loss}
 * @throws {AnswerError}
 */
export function lossFromSafetensors(body, problem) {
  const { metadata, tensors } = readFile(body);
  const scalar = (/** @type {string} */ name) => scalarOf(name, tensors.get(name));
  const named = [...tensors.keys()].map((name) => /^terms\.([^.]+)\.loss$/.exec(name)?.[1] ?? []).flat();
  const terms = named.map((name) => {
    const path = `terms.${name}.`;
    const lambda = number(`lambda_${name}`, decimal(metadata.get(`lambda_${name}`)));
    const values = { lambda, loss: scalar(`${path}loss`), unweighted: scalar(`${path}unweighted`) };
    const own = problem.gradients === 'per_term' && { gradients: viewsOf(tensors, `${path}gradients.`, problem) };
    return /** @type {[string, Term]} */ ([name, { ...values, ...own }]);
  });
  return assemble(
    {
      loss: scalar('loss'),
      terms,
      gradients: viewsOf(tensors, 'gradients.', problem),
      unused: words(metadata.get('unused')),
      warnings: words(metadata.get('warnings')),
      contract: decimal(metadata.get('contract')),
      inputs_sha256: metadata.get('inputs_sha256'),
    },
    problem,
  );
}

/**
 * @param {ArrayBuffer} body
 * @param {Problem} problem
 * @returns {Loss}
 * @throws {AnswerError}
 */
export function lossFromJson(body, problem) {
  const answer = parseObject(body);
  const terms = Object.entries(object('terms', answer.terms)).map(([name, term]) => {
    const { lambda, loss, unweighted, gradients } = object(`terms.${name}`, term);
    const values = {
      lambda: number(`terms.${name}.lambda`, lambda),
      loss: number(`terms.${name}.loss`, loss),
      unweighted: number(`terms.${name}.unweighted`, unweighted),
    };
    const own = problem.gradients === 'per_term' && { gradients: tensorsOf(gradients, problem) };
    return /** @type {[string, Term]} */ ([name, { ...values, ...own }]);
  });
  return assemble(
    {
      loss: number('loss', answer.loss),
      terms,
      gradients: problem.gradients === 'none' ? {} : tensorsOf(answer.gradients, problem),
      unused: answer.unused,
      warnings: answer.warnings,
      contract: answer.contract,
      inputs_sha256: answer.inputs_sha256,
    },
    problem,
  );
}

/**
 * @param {Record<string, any> & {terms: [string, Term][]}} found
 * @param {Problem} problem
 * @returns {Loss}
 */
function assemble({ loss, terms, gradients, unused, warnings, contract, inputs_sha256: digest }, problem) {
  if (!Number.isSafeInteger(contract)) throw new AnswerError('it names no contract');
  if (![unused, warnings].every((list) => Array.isArray(list) && list.every((word) => typeof word === 'string'))) {
    throw new AnswerError('unused or warnings are no lists of names');
  }
  return {
    loss,
    terms: Object.fromEntries(terms),
    ...(problem.gradients !== 'none' && { gradients }),
    unused,
    warnings,
    contract,
    ...(digest !== undefined && { inputs_sha256: String(digest) }),
  };
}

/**
 * @param {Map<string, Tensor>} tensors
 * @param {string} prefix
 * @param {Problem} problem
 * @returns {Gradients}
 */
function viewsOf(tensors, prefix, problem) {
  const found = [...tensors].filter(([name]) => name.startsWith(prefix));
  return gradientsOf(
    found.map(([name, tensor]) => [name.slice(prefix.length), tensor]),
    problem,
  );
}

/**
 * @param {unknown} gradients
 * @param {Problem} problem
 * @returns {Gradients}
 */
function tensorsOf(gradients, problem) {
  const found = Object.entries(object('gradients', gradients));
  return gradientsOf(
    found.map(([name, value]) => [name, tensorOf(name, value)]),
    problem,
  );
}

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {Tensor}
 */
function tensorOf(name, value) {
  const { dtype, shape, data } = object(`gradients.${name}`, value);
  if (!isDtype(dtype) || !Array.isArray(data) || count(shape) !== data.length) {
    throw new AnswerError(`gradients.${name} has a dtype, shape and data that disagree`);
  }
  return fromNumbers(
    dtype,
    shape,
    data.map((x) => number(`gradients.${name}`, x)),
  );
}

/**
 * Holds each gradient against the tensor that it is of.
 * @param {[string, Tensor][]} gradients
 * @param {Problem} problem
 * @returns {Gradients}
 */
function gradientsOf(gradients, { tensors = {}, gradient_dtype: asked }) {
  const sent = new Map(Object.entries(tensors));
  for (const [name, { dtype, shape }] of gradients) {
    const input = sent.get(name);
    if (!input) throw new AnswerError(`gradients.${name} is of no tensor that was sent`);
    const due = asked ?? complete(name, input).dtype;
    if (dtype !== due || String(shape) !== String(input.shape)) {
      throw new AnswerError(`gradients.${name} is ${dtype} [${shape}], its tensor ${due} [${input.shape}]`);
    }
  }
  const place = (/** @type {[string, Tensor]} */ [name]) => NAMES.indexOf(name);
  return Object.fromEntries(gradients.sort((a, b) => place(a) - place(b)));
}

/**
 * @param {string} name
 * @param {Tensor | undefined} tensor
 */
function scalarOf(name, tensor) {
  const [x] = tensor?.dtype === 'F64' && tensor.shape.length === 0 ? tensor.data : [];
  return number(name, x);
}

/** @param {string | undefined} text */
const words = (text = '') => (text ? text.split(',') : []);

/** @param {string | undefined} text */
const decimal = (text) => (text ? Number(text) : undefined);

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {number}
 */
function number(name, value) {
  const x = readNumber(value);
  if (x === undefined) throw new AnswerError(`it has no number ${name}`);
  return x;
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function object(name, value) {
  if (!isObject(value)) throw new AnswerError(`it has no ${name}`);
  return value;
}
