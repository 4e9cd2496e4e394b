/* validate.h - the rooms behind POST /validate
 *
 *   claims -> struct verdict, one each -> judged (lib/judge.h) -> diagnosed (lib/deviations.h) -> report
 *
 * The gradients that are claimed of the total, or of one term, are kept as the tensors of a request of their own:
 * whatever reads a tensor reads a claimed one.
 */
#ifndef VALIDATE_H
#define VALIDATE_H

#include "deviations.h"
#include "guesses.h"
#include "judge.h"
#include "server.h"

#define CLAIM_PATH_MAX 48

struct claim_scalar {
  bool given;
  rnnloss_dtype dtype;
  unsigned char bytes[8];
  char path[CLAIM_PATH_MAX]; /* "terms.fr.loss" */
};
struct claims {
  struct claim_scalar loss, term_loss[RNNLOSS_TERMS], unweighted[RNNLOSS_TERMS];
  struct request *gradients[1 + RNNLOSS_TERMS]; /* of the total, of each term; NULL: none are claimed */
};
#define CLAIMS_MAX (1 + 2 * RNNLOSS_TERMS + RNNLOSS_TENSORS * (1 + RNNLOSS_TERMS))

/* ---- claims.c: what is claimed ---- */

void claims_begin(struct claims *claims);
/* The claimed gradients of a term (-1: of the total); NULL: out of memory, problem set. */
struct request *claims_gradients(struct request *request, int term);
void claims_release(struct claims *claims);
bool claim_again(struct request *request, const struct claim_scalar *claim); /* given twice: false, problem set */
bool claim_invalid(struct request *request, const char *path, const char *detail, ...) PRINTF_LIKE(3, 4);
/* safetensors: what a name "claims.…" is about, its dtype and shape, its bytes. */
bool claim_find(struct request *request, const char *name, size_t length, struct safetensors_entry *entry);
bool claim_header(struct request *request, struct claim_scalar *claim, const struct safetensors_header *header);
void claim_bytes(struct claim_scalar *claim, size_t offset, const void *bytes, size_t length);
/* "loss", "terms.fr.loss", "gradients.fr" as a JSON pointer into the request. */
void claim_pointer(const char *path, char out[POINTER_MAX]);

/* ---- json_claims.c: the member "claims" of a JSON request ---- */

struct json_claims {
  struct request *request;
  struct json_tensor *tensor; /* the decoder's reader, lent */
  int place, term;
  bool done, in_tensor, opening;
  bool terms, bare;                    /* "terms" has come; the present term is just a number */
  unsigned seen_terms, seen_gradients; /* bits k, and k + 1 (0: of the total) */
  struct claim_scalar *scalar;
  size_t word_length;
  char word[16];
};
void json_claims_begin(struct json_claims *claims, struct request *request, struct json_tensor *tensor);
bool json_claims_event(struct json_claims *claims, enum json_event event, const char *text, size_t length);

/* ---- verdict.c: each claim against the right value ---- */

struct finding { /* another definition that the claim fits */
  char id[96];
  const char *title, *relation, *fix;
  double value, error; /* of that definition; the claim's distance from it, relative */
  unsigned profiles;   /* bit i: that published package computes this term so */
  bool weak;
};
#define FINDINGS_MAX 8

struct verdict {
  char path[CLAIM_PATH_MAX + 16];
  int term;                         /* -1: the total */
  const struct claim_scalar *claim; /* NULL: a gradient */
  bool unweighted;
  const struct tensor *claimed; /* of a gradient .. */
  struct gradient gradient;     /* .. and the right one */
  const struct tensor *own;     /* .. and the tensor */
  bool misshapen;               /* its shape is that of the transpose, with which it is compared; it fails */
  double canonical;             /* of a number */
  double x;                     /* .. as claimed */
  rnnloss_dtype dtype;          /* of the claim */
  struct rnn_judge judge;
  enum rnn_verdict verdict;
  struct finding finding[FINDINGS_MAX];
  size_t findings;
};

/* A matrix by its columns. */
struct columns {
  const struct tensor *tensor;
  struct cursor *row; /* where each row begins */
  uint64_t made, count;
};

/* The search for what a gradient is instead. */
struct diagnosis {
  enum { DIAGNOSE_BEGIN, DIAGNOSE_COLUMNS, DIAGNOSE_PROBE, DIAGNOSE_SEARCH, DIAGNOSE_ROWS, DIAGNOSE_WALK } phase;
  struct rnn_guesser guesser;
  struct rnn_guess guess; /* that is being tried */
  struct rnn_judge trial;
  struct rnn_probe probe;
  size_t probed;
  struct rnn_row *rows; /* of all neurons */
  uint64_t neuron;
};

struct validation {
  struct request *request;
  const struct result *result;
  struct verdict *verdict;
  size_t count;
  struct rnn_tolerance tolerance; /* of the loosest of the claims */
  bool stated;
  size_t at; /* the verdict that is being judged, or diagnosed */
  unsigned pass;
  struct body body; /* the right gradient, as it is made */
  struct cursor cursor;
  uint64_t position;
  struct rnn_moments *moments;
  int tensor; /* whose moments are being taken */
  struct columns columns;
  struct cursor x, y;
  struct diagnosis diagnosis;
};
/* Lists the claims and checks that they can be judged; sets which gradients are evaluated. */
bool validation_begin(struct validation *validation, struct request *request);
enum step validation_settle(struct validation *validation); /* numbers of claims that came before their dtype */
const char *verdict_misshapen(void);                        /* what a misshapen claim is told */
enum step validation_judge(struct validation *validation, const struct result *result);

/* ---- transposed.c: matrices read by their columns ---- */

enum step columns_make(struct columns *columns, struct request *request, const struct tensor *tensor);
/* Elements [first, first + n) of the transpose. */
void columns_read(const struct columns *columns, uint64_t first, size_t n, unsigned char *out);
void cursor_skip(struct cursor *cursor, uint64_t bytes); /* across blocks */
/* Is its shape that of this one's transpose? */
bool is_transposed_shape(const struct tensor *tensor, const struct tensor *own);

/* ---- moments.c, diagnose.c: which other definitions they fit ---- */

enum step moments_step(struct validation *validation); /* nothing to do if no claim fails */
enum step diagnose_step(struct validation *validation);
/* One that is tried, of any kind. */
struct candidate {
  char id[96];
  const char *title, *relation, *fix;
  double value; /* of a number; the factor of a gradient */
  unsigned profiles;
};
void candidate_add(struct candidate *candidate, struct arena *arena, const char *id, const char *title,
                   const char *relation, const char *fix); /* one thing more that it is, joined by a plus sign */
bool is_coarse(const struct verdict *verdict);             /* the tolerance: chance may explain a fit */
void diagnosis_list(struct verdict *verdict, const struct candidate *candidate, double error); /* best first */
enum step diagnose_gradient(struct validation *validation, struct verdict *verdict);           /* diagnose_gradient.c */

/* ---- report.c, report_text.c: all of it as JSON, and for people ---- */

enum rnn_verdict validation_verdict(const struct validation *validation); /* of all claims together */
char *report_json(const struct validation *validation, const char *inputs_sha256, size_t *length); /* NULL: no memory */
char *report_text(const struct validation *validation, const char *inputs_sha256, bool html, size_t *length);

#endif
