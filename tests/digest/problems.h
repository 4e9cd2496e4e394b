/* Problems for the digest, made of integers alone: the same on every machine. */
#ifndef DIGEST_PROBLEMS_H
#define DIGEST_PROBLEMS_H

#include "rnnloss.h"

struct made {
  rnnloss_batch batch;
  void *owned[RNNLOSS_TENSORS];     /* the tensors' memory */
  void *gradients[RNNLOSS_TENSORS]; /* of the gradients */
};

uint64_t made_random(uint64_t *state);              /* the next of a sequence */
void made_begin(struct made *made, uint64_t index); /* the index-th problem */
void made_end(struct made *made);
uint64_t made_elements(const struct made *made, int t); /* of tensor t; 0: not there */
void *made_memory(size_t size);                         /* exits if there is none */

#endif
