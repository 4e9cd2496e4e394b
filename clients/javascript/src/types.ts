// The shapes of what goes in and comes out. Names are those of the wire contract (server/PROTOCOL.md).

export type Dtype = 'F16' | 'BF16' | 'F32' | 'F64';
export type TensorName = 'pred' | 'target' | 'fr' | 'w_in' | 'w_hid' | 'w_out';
export type TermName = 'mse' | 'in' | 'hid' | 'out' | 'fr' | 'fr_sd' | 'fr_cv';
export type LambdaName = `lambda_${TermName}`;

/**
 * A tensor to be sent: row-major elements in a typed array, which is not copied and must not be changed until the call
 * has ended. The dtype of a Float32Array is F32 and that of a Float64Array F64; F16 and BF16 are bit patterns in a
 * Uint16Array, and must be named.
 */
export interface TensorInput {
  dtype?: Dtype;
  shape: readonly number[];
  data: Float32Array | Float64Array | Uint16Array;
}

/** A tensor that was received: `data` is a view of the answer's own buffer, yours to keep and to change. */
export type Tensor =
  | { dtype: 'F32'; shape: number[]; data: Float32Array }
  | { dtype: 'F64'; shape: number[]; data: Float64Array }
  | { dtype: 'F16' | 'BF16'; shape: number[]; data: Uint16Array };

/** Tensors by name, of which any may be missing. */
export type Gradients = { [name in TensorName]?: Tensor };

/** A request of POST /loss. The client sends it as it is: the daemon says what is valid. */
export interface Problem {
  /** Weights, finite and >= 0; a missing one is 0, and its term is not computed. */
  lambdas?: { [name in LambdaName]?: number };
  /** pred, target [..., N_out]; fr [..., N_hid]; w_in [N_hid, N_in]; w_hid [N_hid, N_hid]; w_out [N_out, N_hid]. */
  tensors?: { [name in TensorName]?: TensorInput };
  /** Gradients of the total (default), also of each term, or none. */
  gradients?: 'total' | 'per_term' | 'none';
  /** Which tensors to differentiate; by default all that an active term uses, but `target`. */
  wrt?: readonly TensorName[];
  /** The dtype of all gradients; by default each has its tensor's. */
  gradient_dtype?: 'F32' | 'F64';
  /** What to do about NaN and infinities in tensors: refuse them (default), or compute with them. */
  nonfinite?: 'error' | 'propagate';
  /** Refuse to be answered by another version of the definitions. */
  contract?: 1;
  /** Ask for `inputs_sha256`. */
  digest?: 1;
}

/** One term of a loss. */
export interface Term {
  lambda: number;
  /** Its share of the total, with lambda. */
  loss: number;
  /** The same without lambda. */
  unweighted: number;
  /** With `gradients: 'per_term'`: the gradients of this term alone, with lambda. */
  gradients?: Gradients;
}

/** The answer of POST /loss. */
export interface Loss {
  /** The total: the exact sum of the active terms, rounded once. */
  loss: number;
  /** The active terms. */
  terms: { [name in TermName]?: Term };
  /** Of the total, in the shape and dtype of their tensors; missing with `gradients: 'none'`. */
  gradients?: Gradients;
  /** Tensors that no active term needed. */
  unused: TensorName[];
  /** What is legal but a trap, as `negative-mean-rate`. */
  warnings: string[];
  /** The version of the definitions. */
  contract: number;
  /** With `digest`: the SHA-256 of weights and tensors. */
  inputs_sha256?: string;
}

/** A claimed number. In safetensors it may be a tensor of shape [] or [1], to say another dtype than F64. */
export type ClaimedNumber = number | TensorInput;

/** Claims about one term: its loss, or what is given of these. */
export type TermClaims =
  | ClaimedNumber
  | { loss?: ClaimedNumber; unweighted?: ClaimedNumber; gradients?: { [name in TensorName]?: TensorInput } };

/** A request of POST /validate. */
export interface ValidationProblem extends Problem {
  /** What your own code computed: at least one of these. */
  claims: {
    loss?: ClaimedNumber;
    terms?: { [name in TermName]?: TermClaims };
    gradients?: { [name in TensorName]?: TensorInput };
  };
  /** How near is near enough; by default what torch.testing.assert_close has for `dtype`. */
  tolerance?: { dtype?: Dtype; rtol?: number; atol?: number; ulps?: number };
}

/** A difference between claim and right value, and the index of its element. */
export interface Difference {
  difference: number;
  index: number[];
  claimed?: number;
  canonical?: number;
}

/** Another definition that a failed claim fits. */
export interface Diagnosis {
  id: string;
  title: string;
  relation: string;
  fix: string;
  value?: number;
  releases?: string[];
  weak?: boolean;
}

/** What is said of one claim. */
export interface Verdict {
  verdict: 'pass' | 'fail' | 'inconclusive';
  claimed?: number;
  canonical?: number;
  claimed_hex?: string;
  canonical_hex?: string;
  tolerance: { dtype: Dtype; rtol?: number; atol?: number; ulps?: number };
  largest?: { absolute?: Difference; relative?: Difference; ulps?: Difference };
  first_mismatch?: Difference;
  mismatched: number;
  elements: number;
  nonfinite: number;
  cosine?: number;
  scale?: number;
  diagnosis?: Diagnosis[];
}

/** The answer of POST /validate. */
export interface Report {
  /** True if all claims pass, false if any fails, else null. */
  valid: boolean | null;
  contract: number;
  version: string;
  inputs_sha256: string;
  tolerance: { dtype: Dtype; rtol?: number; atol?: number; ulps?: number; source: string };
  /** By dotted path: `loss`, `terms.fr.loss`, `gradients.fr`, ... */
  claims: { [path: string]: Verdict };
}

/** The answer of GET /terms. */
export interface Catalogue {
  contract: number;
  terms: { name: TermName; lambda: LambdaName; title: string; tensors: TensorName[]; [member: string]: unknown }[];
  [member: string]: unknown;
}

/** The answer of GET /vectors. */
export interface VectorList {
  contract: number;
  sha256: string;
  count: number;
  vectors: {
    id: string;
    group: string;
    result: 'valid' | 'invalid';
    comment: string;
    flags: string[];
    url: string;
    sizes: { [form: string]: number };
  }[];
}

/** The answer of GET /vectors/{name}: tests/vectors/schema.json. */
export interface Vector {
  id: string;
  group: string;
  result: 'valid' | 'invalid';
  comment: string;
  flags: string[];
  [member: string]: unknown;
}

/** The answer of GET /version. */
export interface Version {
  version: string;
  commit: string;
  contract: number;
  kernel: string;
  vectors_sha256: string;
  limits: { [limit: string]: number };
  [member: string]: unknown;
}

/** How one endpoint does. */
export interface Health {
  endpoint: string;
  state: 'ready' | 'draining' | 'not-ready' | 'unreachable';
}

/** Settings of a client. */
export interface Settings {
  /** One or several of `http://HOST:PORT`, `https://HOST:PORT`, `unix:PATH` (Node only); RNNLOSS_URL by default. */
  endpoints?: string | readonly string[];
  /** Sent as `Authorization: Bearer`; RNNLOSS_TOKEN by default. An empty one is none. */
  token?: string;
  /** Node only: a PEM file of the CAs to trust instead of Node's own (a path, or the file's bytes). */
  ca?: string | URL | Uint8Array;
  /** Node only: a PEM file of the certificate to show. */
  cert?: string | URL | Uint8Array;
  /** Node only: a PEM file of its key. */
  key?: string | URL | Uint8Array;
  /** Milliseconds that a call may take as a whole; 60,000 by default. */
  timeout?: number;
  /** Node only: milliseconds that opening one connection may take; 5,000 by default. */
  connectTimeout?: number;
  /** Attempts after the first; 3 by default. */
  retries?: number;
}

/** Options of one call. */
export interface CallOptions {
  /** Instead of the client's. */
  timeout?: number;
  /** Ends the call when it is aborted; the call then rejects with the signal's reason. */
  signal?: AbortSignal;
  /** X-Request-Id, the same at each attempt: 1 to 64 letters, digits or -_.:/+=@. Made by the client by default. */
  requestId?: string;
}

/** Options of a call that sends tensors. */
export interface TensorCallOptions extends CallOptions {
  /** How to send and be answered: `safetensors` (default), or `json`, for people. */
  encoding?: 'safetensors' | 'json';
}

/** What can be sent as the body of a request; memory is not copied. */
export type Bytes = string | ArrayBuffer | ArrayBufferView;

/** Options of a request of bytes. */
export interface RequestOptions extends CallOptions {
  /** Pieces are sent one after the other. */
  body?: Bytes | readonly Bytes[];
  contentType?: string;
  accept?: string;
}

/** An answer as it came. */
export interface RawAnswer {
  status: number;
  contentType: string;
  requestId: string;
  body: ArrayBuffer;
}

// ---- between the client and what carries its messages ----

/** @internal */
export type TransportSettings = Pick<Settings, 'ca' | 'cert' | 'key'> & { connectTimeout: number };

/** @internal */
export interface Endpoint {
  name: string;
  /** What a path is appended to; empty for a unix socket. */
  url: string;
  socketPath: string;
}

/** @internal */
export interface Message {
  method: string;
  path: string;
  headers: { [name: string]: string };
  /** As Transport.body made it. */
  body: unknown;
}

/** @internal */
export interface Answer {
  status: number;
  header(name: string): string;
  body: ArrayBuffer;
}

/** @internal Sends one message to one endpoint; rejects with ConnectionError if there is no whole answer. */
export interface Transport {
  body(pieces: Uint8Array[]): unknown;
  send(endpoint: Endpoint, message: Message, signal: AbortSignal): Promise<Answer>;
  close(): void;
}

/** @internal */
export interface Platform {
  environment(name: string): string | undefined;
  transport(settings: TransportSettings): Transport;
  schemes: readonly string[];
}
