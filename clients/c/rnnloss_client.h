/* rnnloss_client.h - a client of rnnlossd: exact losses of recurrent neural networks, over HTTP
 *
 * POST tensors and weights to a daemon; get every term's value and the gradients, to the bit.
 *
 * HOW TO USE IT. Make a handle, make calls, free what they gave, free the handle:
 *
 *   rnnloss_client_error error;
 *   rnnloss_client *client = rnnloss_client_new(NULL, &error);
 *   rnnloss_client_answer *answer = NULL;
 *   if (client && rnnloss_client_loss(client, &problem, &answer, &error))
 *     printf("%g\n", answer->loss);
 *   else
 *     fprintf(stderr, "%s: %s\n", error.type, error.detail);
 *   rnnloss_client_answer_free(answer);
 *   rnnloss_client_free(client);
 *
 * NAMES. Weights (lambda_mse .. lambda_fr_cv), tensors (pred, target, fr, w_in, w_hid, w_out) and options (gradients,
 * wrt, gradient_dtype, nonfinite, contract, digest; rtol, atol, ulps, tolerance_dtype) have the names of the wire
 * contract, server/PROTOCOL.md. They are sent as they are given: which problems are valid is decided by the daemon.
 *
 * OWNERSHIP. What you pass in stays yours, and is read until the call returns; nothing of it is kept. What a call
 * gives (answer, report, response) is yours: free it with the function of its name, once, before or after the handle,
 * in any thread. Pointers in it live as long as it does. All the free functions take NULL.
 *
 * WHAT IS COPIED. With safetensors, the default, a tensor goes from your memory into the connection's buffer, and each
 * gradient is a part of the buffer that the answer was received into. With JSON, both are converted.
 *
 * THREADS. A handle serves one thread at a time; give each thread its own, or a lock. Different handles do not
 * disturb each other. Nothing here reads or changes the process's locale.
 *
 * ERRORS. Every fallible function returns true, or false after describing what went wrong in *error (which may be
 * NULL); what it should have given is then NULL. See rnnloss_client_error.
 *
 * MACHINES. Those that keep numbers little-endian, as the wire does: on others this does not compile.
 */
#ifndef RNNLOSS_CLIENT_H
#define RNNLOSS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RNNLOSS_CLIENT_VERSION "0.1.0"

#if defined(__GNUC__)
#define RNNLOSS_CLIENT_API __attribute__((visibility("default")))
#else
#define RNNLOSS_CLIENT_API
#endif

/* ---- Errors ---------------------------------------------------------------------------------------------------- */

/* What went wrong. Texts are cut where they do not fit, and empty where there is nothing to say.
 *
 * type is the problem's without its '#': "shape-mismatch", "missing-tensor" .. (server/PROTOCOL.md has all of them);
 * or one of the client's own:
 *
 *   unreachable         no endpoint could be reached, each connection broke, or a certificate is not trusted
 *   timeout             the time of the call was up (with status 0; the daemon's own timeout has 408)
 *   unexpected-answer   the answer is none of a rnnlossd; detail has its beginning
 *   invalid-argument    what was passed in cannot be sent at all: no name, no data, an endpoint that is none
 *   out-of-memory       of this process
 */
typedef struct rnnloss_client_error {
  int status;          /* of HTTP; 0: there was no answer */
  char type[64];       /* for programs */
  char title[128];     /* for people: which kind of mistake it is */
  char detail[1024];   /* what is wrong, what was expected and what was found */
  char pointer[256];   /* the member of the request that is wrong: "/tensors/w_hid" */
  char request_id[65]; /* to look it up in the daemon's log */
} rnnloss_client_error;

/* ---- The handle ------------------------------------------------------------------------------------------------ */

typedef struct rnnloss_client rnnloss_client;

/* Set by rnnloss_client_settings_init; then change what you like. */
typedef struct rnnloss_client_settings {
  const char *endpoints;   /* one, or several by commas: http://HOST:PORT, https://HOST:PORT, unix:PATH.
                            * NULL: RNNLOSS_URL of the environment, or http://127.0.0.1:8080 */
  const char *token;       /* NULL: RNNLOSS_TOKEN of the environment; "" or neither: none */
  const char *ca;          /* PEM file of the CAs to trust; NULL: the system's */
  const char *certificate; /* PEM file of the certificate to show, NULL: none */
  const char *key;         /* PEM file of its key; NULL: it is in the file of the certificate */
  double timeout;          /* seconds of a call as a whole, its retries included: 60 */
  double connect_timeout;  /* seconds of opening one connection: 5 */
  unsigned retries;        /* after the first attempt: 3 */
} rnnloss_client_settings;

RNNLOSS_CLIENT_API void rnnloss_client_settings_init(rnnloss_client_settings *settings);

/* A handle; settings (NULL: the defaults) are copied. NULL with *error set: invalid-argument or out-of-memory. It
 * connects to nobody yet. The first call in a process sets up libcurl. */
RNNLOSS_CLIENT_API rnnloss_client *rnnloss_client_new(const rnnloss_client_settings *settings,
                                                      rnnloss_client_error *error);
RNNLOSS_CLIENT_API void rnnloss_client_free(rnnloss_client *client);

/* ---- Problems -------------------------------------------------------------------------------------------------- */

typedef enum rnnloss_client_dtype {
  RNNLOSS_CLIENT_F16,
  RNNLOSS_CLIENT_BF16,
  RNNLOSS_CLIENT_F32,
  RNNLOSS_CLIENT_F64
} rnnloss_client_dtype;

RNNLOSS_CLIENT_API const char *rnnloss_client_dtype_name(rnnloss_client_dtype dtype); /* "F32"; NULL: there is none */
RNNLOSS_CLIENT_API size_t rnnloss_client_dtype_size(rnnloss_client_dtype dtype);      /* in bytes; 0: there is none */

/* A tensor in memory: elements of dtype, row-major, the unit (neuron) axis last. pred and target [.., N_out], fr
 * [.., N_hid], w_in [N_hid, N_in] or [N_in, N_hid], w_hid [N_hid, N_hid], w_out [N_out, N_hid] or [N_hid, N_out].
 * One that you pass in needs no alignment; a gradient that you get is aligned for its dtype.
 *
 * A claim is one, too. Its name is the path by which the report speaks of it: "loss", "terms.fr.loss",
 * "terms.fr.unweighted" (one number: rank 0), "gradients.fr", "terms.fr.gradients.fr" (the shape of fr). */
typedef struct rnnloss_client_tensor {
  const char *name;
  rnnloss_client_dtype dtype;
  size_t rank;
  const size_t *shape; /* rank sizes */
  const void *data;
} rnnloss_client_tensor;

RNNLOSS_CLIENT_API size_t rnnloss_client_elements(const rnnloss_client_tensor *tensor); /* the product of its shape */

typedef struct rnnloss_client_weight {
  const char *name; /* lambda_mse .. lambda_fr_cv */
  double value;
} rnnloss_client_weight;

/* An option, its value as text: {"gradients", "per_term"}, {"wrt", "pred,fr"}, {"digest", "1"}, {"rtol", "1e-6"}. */
typedef struct rnnloss_client_option {
  const char *name, *value;
} rnnloss_client_option;

typedef enum rnnloss_client_encoding {
  RNNLOSS_CLIENT_SAFETENSORS, /* bytes as they lie in memory */
  RNNLOSS_CLIENT_JSON         /* decimals, of the same bits (a NaN becomes the canonical one) */
} rnnloss_client_encoding;

/* Lists may be in any order. RNNLOSS_CLIENT_COUNT counts an array's elements. */
typedef struct rnnloss_client_problem {
  const rnnloss_client_weight *weights;
  size_t weight_count;
  const rnnloss_client_tensor *tensors;
  size_t tensor_count;
  const rnnloss_client_option *options;
  size_t option_count;
  const rnnloss_client_tensor *claims; /* for rnnloss_client_validate; the others do not send them */
  size_t claim_count;
  rnnloss_client_encoding encoding;
  const char *request_id; /* 1 to 64 letters, digits or -_.:/+=@; NULL: the client makes one for each call */
} rnnloss_client_problem;

#define RNNLOSS_CLIENT_COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- POST /loss ------------------------------------------------------------------------------------------------ */

typedef struct rnnloss_client_gradients {
  const rnnloss_client_tensor *items; /* each has name and shape of its tensor, and its dtype or gradient_dtype */
  size_t count;
} rnnloss_client_gradients;

typedef struct rnnloss_client_term {
  const char *name; /* "mse" .. "fr_cv" */
  double lambda, loss, unweighted;
  rnnloss_client_gradients gradients; /* the term's own: with {"gradients", "per_term"} */
} rnnloss_client_term;

typedef struct rnnloss_client_answer {
  double loss;
  const rnnloss_client_term *terms; /* the active ones: mse, in, hid, out, fr, fr_sd, fr_cv */
  size_t term_count;
  rnnloss_client_gradients gradients; /* of the total */
  const char *const *unused;          /* tensors that no active term needed */
  size_t unused_count;
  const char *const *warnings; /* "negative-mean-rate", "underflow" */
  size_t warning_count;
  int contract;
  const char *inputs_sha256; /* with {"digest", "1"}, else NULL */
  const char *request_id;
} rnnloss_client_answer;

/* Evaluates the problem. The answer has been checked: a gradient in it has dtype and shape that its tensor asks for. */
RNNLOSS_CLIENT_API bool rnnloss_client_loss(rnnloss_client *client, const rnnloss_client_problem *problem,
                                            rnnloss_client_answer **answer, rnnloss_client_error *error);
RNNLOSS_CLIENT_API void rnnloss_client_answer_free(rnnloss_client_answer *answer);

/* By name; NULL: there is none. */
RNNLOSS_CLIENT_API const rnnloss_client_term *rnnloss_client_find_term(const rnnloss_client_answer *answer,
                                                                       const char *name);
RNNLOSS_CLIENT_API const rnnloss_client_tensor *rnnloss_client_find_gradient(const rnnloss_client_gradients *gradients,
                                                                             const char *name);

/* ---- POST /validate -------------------------------------------------------------------------------------------- */

typedef enum rnnloss_client_verdict {
  RNNLOSS_CLIENT_FAIL,
  RNNLOSS_CLIENT_PASS,
  RNNLOSS_CLIENT_INCONCLUSIVE
} rnnloss_client_verdict;

/* Another definition that a failed claim fits. */
typedef struct rnnloss_client_finding {
  const char *id, *title, *relation, *fix; /* "sample-sd"; what was computed instead; how to compute the right one */
  double value;                            /* what that definition gives; of a gradient, the factor */
  bool weak;                               /* the tolerance is so coarse that chance may explain it */
  const char *const *releases;             /* published packages that compute it so */
  size_t release_count;
} rnnloss_client_finding;

/* A difference between claim and right value, and where it is. */
typedef struct rnnloss_client_difference {
  double difference;         /* NaN: there is none */
  double claimed, canonical; /* there; NaN if the claim is one number */
  const size_t *index;
  size_t rank;
} rnnloss_client_difference;

/* How one claim turned out. What a claim of its kind does not have is NaN, NULL or 0. */
typedef struct rnnloss_client_judgement {
  const char *path; /* "terms.fr.loss" */
  rnnloss_client_verdict verdict;
  bool is_number;            /* or a gradient */
  double claimed, canonical; /* of a number */
  rnnloss_client_difference absolute, relative, ulps, first_mismatch;
  double mismatched, elements, nonfinite; /* counts; nonfinite: of the claimed elements */
  double cosine, scale;                   /* of a gradient */
  const rnnloss_client_finding *diagnosis;
  size_t finding_count;
} rnnloss_client_judgement;

typedef struct rnnloss_client_report {
  rnnloss_client_verdict verdict; /* PASS: all pass; FAIL: any fails */
  const rnnloss_client_judgement *claims;
  size_t claim_count;
  const char *tolerance_dtype, *tolerance_source;
  double rtol, atol, ulps; /* NaN where the tolerance is of the other kind */
  const char *inputs_sha256, *version;
  int contract;
  const char *request_id;
  const char *json; /* the whole report as it came */
} rnnloss_client_report;

/* Judges the problem's claims, and says what was computed instead. That a claim is wrong is no error. */
RNNLOSS_CLIENT_API bool rnnloss_client_validate(rnnloss_client *client, const rnnloss_client_problem *problem,
                                                rnnloss_client_report **report, rnnloss_client_error *error);
RNNLOSS_CLIENT_API void rnnloss_client_report_free(rnnloss_client_report *report);
RNNLOSS_CLIENT_API const rnnloss_client_judgement *rnnloss_client_find_claim(const rnnloss_client_report *report,
                                                                             const char *path);

/* ---- Bytes, and the other routes ------------------------------------------------------------------------------- */

typedef struct rnnloss_client_response {
  int status; /* 200 */
  const char *content_type, *request_id;
  const char *body; /* with a NUL behind, which length does not count */
  size_t length;
} rnnloss_client_response;

RNNLOSS_CLIENT_API void rnnloss_client_response_free(rnnloss_client_response *response);

/* The same judgement as text for people. */
RNNLOSS_CLIENT_API bool rnnloss_client_validate_text(rnnloss_client *client, const rnnloss_client_problem *problem,
                                                     rnnloss_client_response **response, rnnloss_client_error *error);

/* A request of your own making, with all that a call has: retries, failover, errors. */
typedef struct rnnloss_client_request {
  const char *path;         /* with the query: "/loss?gradients=none" */
  bool post;                /* or GET */
  const char *content_type; /* NULL: none is sent */
  const char *accept;       /* NULL: none is sent */
  const void *body;         /* length bytes; not copied */
  size_t length;
  const char *request_id; /* NULL: the client makes one */
} rnnloss_client_request;

RNNLOSS_CLIENT_API bool rnnloss_client_send(rnnloss_client *client, const rnnloss_client_request *request,
                                            rnnloss_client_response **response, rnnloss_client_error *error);

/* GET /terms and /vectors: the catalogue of the terms, the list of the conformance vectors; JSON. */
RNNLOSS_CLIENT_API bool rnnloss_client_terms(rnnloss_client *client, rnnloss_client_response **response,
                                             rnnloss_client_error *error);
RNNLOSS_CLIENT_API bool rnnloss_client_vectors(rnnloss_client *client, rnnloss_client_response **response,
                                               rnnloss_client_error *error);

/* GET /vectors/{name}: a vector as JSON; with form "json" or "safetensors", the bytes of its request. */
RNNLOSS_CLIENT_API bool rnnloss_client_vector(rnnloss_client *client, const char *name, const char *form,
                                              rnnloss_client_response **response, rnnloss_client_error *error);

typedef struct rnnloss_client_version {
  const char *version, *commit, *kernel, *vectors_sha256;
  int contract;
  const char *json; /* the whole answer, with the daemon's limits */
} rnnloss_client_version;

/* GET /version */
RNNLOSS_CLIENT_API bool rnnloss_client_get_version(rnnloss_client *client, rnnloss_client_version **version,
                                                   rnnloss_client_error *error);
RNNLOSS_CLIENT_API void rnnloss_client_version_free(rnnloss_client_version *version);

/* ---- Endpoints ------------------------------------------------------------------------------------------------- */

RNNLOSS_CLIENT_API size_t rnnloss_client_endpoint_count(const rnnloss_client *client);
RNNLOSS_CLIENT_API const char *rnnloss_client_endpoint(const rnnloss_client *client,
                                                       size_t index); /* as it was given */

/* GET /readyz of one endpoint, once: "ready", "draining", "not-ready" or "unreachable". It waits for an answer no
 * longer than for a connection. Never NULL. */
RNNLOSS_CLIENT_API const char *rnnloss_client_health(rnnloss_client *client, size_t index);

#ifdef __cplusplus
}
#endif

#endif
