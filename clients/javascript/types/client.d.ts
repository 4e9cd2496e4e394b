/**
 * The calls of a rnnlossd. One client may be used for any number of calls at once; it keeps its connections for later
 * ones. All calls but `health` reject with an RnnlossError if they can't give their result, with the reason of their
 * `signal` if that was aborted, and with a TypeError if what they are given cannot be sent.
 */
export class BaseClient {
    /**
     * @param {Settings} settings
     * @param {Platform} platform
     * @internal
     */
    constructor(settings: Settings, platform: Platform);
    /**
     * POST /loss: each active term's value, and gradients, in the dtypes and shapes of their tensors.
     * @param {Problem} problem
     * @param {TensorCallOptions} [options]
     * @returns {Promise<Loss>}
     */
    loss(problem: Problem, { encoding: name, ...options }?: TensorCallOptions): Promise<Loss>;
    /**
     * POST /validate: whether your own numbers are right and, if not, which other definition they fit.
     * @param {ValidationProblem} problem
     * @param {TensorCallOptions} [options]
     * @returns {Promise<Report>}
     */
    validate(problem: ValidationProblem, { encoding: name, ...options }?: TensorCallOptions): Promise<Report>;
    /**
     * POST /validate: the same, as text for people.
     * @param {ValidationProblem} problem
     * @param {TensorCallOptions} [options]
     * @returns {Promise<string>}
     */
    validateText(problem: ValidationProblem, { encoding: name, ...options }?: TensorCallOptions): Promise<string>;
    /**
     * GET /terms: the catalogue of terms, with formulas and conventions.
     * @param {CallOptions} [options]
     * @returns {Promise<Catalogue>}
     */
    terms(options?: CallOptions): Promise<Catalogue>;
    /**
     * GET /vectors: the list of the conformance vectors.
     * @param {CallOptions} [options]
     * @returns {Promise<VectorList>}
     */
    vectors(options?: CallOptions): Promise<VectorList>;
    /**
     * GET /vectors/{name}: one of them.
     * @param {string} name
     * @param {CallOptions} [options]
     * @returns {Promise<Vector>}
     */
    vector(name: string, options?: CallOptions): Promise<Vector>;
    /**
     * GET /version: the daemon's version, kernel and limits.
     * @param {CallOptions} [options]
     * @returns {Promise<Version>}
     */
    version(options?: CallOptions): Promise<Version>;
    /**
     * GET /readyz of every endpoint, once each and all at once. Never rejects: what can't be asked is `unreachable`.
     * @param {CallOptions} [options]
     * @returns {Promise<Health[]>} in the order of the endpoints
     */
    health(options?: CallOptions): Promise<Health[]>;
    /**
     * Sends bytes as they are, with all that a call has: retries, failover, the same errors.
     * @param {string} method
     * @param {string} path with query
     * @param {RequestOptions} [options]
     * @returns {Promise<RawAnswer>} of status 200
     */
    request(method: string, path: string, options?: RequestOptions): Promise<RawAnswer>;
    /** Closes the connections that are idle; a later call opens new ones. */
    close(): void;
    #private;
}
import type { Problem } from './types.js';
import type { TensorCallOptions } from './types.js';
import type { Loss } from './types.js';
import type { ValidationProblem } from './types.js';
import type { Report } from './types.js';
import type { CallOptions } from './types.js';
import type { Catalogue } from './types.js';
import type { VectorList } from './types.js';
import type { Vector } from './types.js';
import type { Version } from './types.js';
import type { Health } from './types.js';
import type { RequestOptions } from './types.js';
import type { RawAnswer } from './types.js';
import type { Settings } from './types.js';
import type { Platform } from './types.js';
