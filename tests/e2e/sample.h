/* sample.h - one problem with all seven terms, whose every value can be checked by hand, in each encoding
 *
 *   pred   [1 2; 3 4]   target [0 2; 3 2]    lambda_mse    1    5/4                     -> 1.25
 *   w_in   all 2, [2,3]                      lambda_in     1.5  1.5 x 24/6              -> 6
 *   w_hid  [1 2; 3 4]                        lambda_hid    2    2 x 30/4                -> 15
 *   w_out  all 1, [2,2]                      lambda_out    0.5  0.5 x 4/4               -> 0.5
 *   fr     [0 2; 2 4]                        lambda_fr     1    24/4                    -> 6
 *          m = (1, 3), mu = 2, sigma = 1     lambda_fr_sd  0.5  0.5 x 1                 -> 0.5
 *                                            lambda_fr_cv  1    1/2                     -> 0.5
 */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "client.h"
#include "rnnloss.h"

#define SAMPLE_LOSS 29.75
#define SAMPLE_ELEMENTS 6

struct sample_tensor {
  const char *name;
  unsigned count, shape[2]; /* pred, target and fr are sent as [1, 2, 2] */
  double x[SAMPLE_ELEMENTS], gradient[SAMPLE_ELEMENTS];
};
struct sample_term {
  const char *name;
  double lambda, loss, unweighted;
};
extern const struct sample_tensor sample_tensors[RNNLOSS_TENSORS];
extern const struct sample_term sample_terms[RNNLOSS_TERMS];

struct blob {
  char *bytes;
  size_t length;
};
void blob_release(struct blob *blob);
/* A safetensors file: the header is padded with spaces to a multiple of 8. */
struct blob blob_safetensors(const char *header, const void *data, size_t length);

enum sample_form { SAMPLE_NESTED, SAMPLE_DATA, SAMPLE_BASE64, SAMPLE_SAFETENSORS };
#define SAMPLE_FORMS 4
/* The sample as a body. more: further members of the JSON object (", \"wrt\": []"), or of the metadata. NESTED is F64.
 */
struct blob sample_body(enum sample_form form, rnnloss_dtype dtype, const char *more);
const char *sample_type(enum sample_form form); /* its media type */

/* An answer in either encoding, by the dotted names of the binary one. */
struct outcome {
  const struct reply *reply;
  cJSON *root; /* the JSON answer, or the safetensors header */
  bool binary;
  const char *data; /* of safetensors: where offset 0 is */
  size_t size;
};
/* Asserts status 200, the media type and the whole structure. */
struct outcome outcome_read(const struct reply *reply);
void outcome_release(struct outcome *outcome);
bool outcome_has(const struct outcome *outcome, const char *name);
double outcome_scalar(const struct outcome *outcome, const char *name);
/* Asserts the gradient's dtype (not in the nested form), its number of elements, and gives element i. */
double outcome_element(const struct outcome *outcome, const char *name, rnnloss_dtype dtype, unsigned count,
                       unsigned i);
/* Asserts all the values, and all gradients of the total but target's, of the sample; gradients of this dtype. */
void assert_sample(const struct reply *reply, rnnloss_dtype dtype);

#endif
