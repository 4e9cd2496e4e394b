/* support.h - what the tests have in common */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../src/internal.h"

/* The environment that tests/clients/run describes; fails the test if the variable is not there. */
const char *variable(const char *name);

rnnloss_client *client_of(const char *endpoints); /* default settings but for these */
rnnloss_client *client_with(const rnnloss_client_settings *settings);

/* lambda_mse = 1 over pred {1, 2, 3, 4} and target {0, 2, 3, 2}, F64 [2, 2]: loss 1.25, gradient {.5, 0, 0, 1}. */
extern const rnnloss_client_problem small;
rnnloss_client_problem small_with_id(const char *id);
void check_small(const rnnloss_client_answer *answer);

void check_error(const rnnloss_client_error *error, const char *type, int status);
int attempts(const char *id); /* of faults.py */
int connections(const char *id);

/* A server that reads one request on each connection and writes these bytes, until it is stopped. */
struct fake {
  int listener;
  char url[64];
  const char *answer;
  size_t length;
  unsigned long thread;
  atomic_int requests;
};
void fake_start(struct fake *fake, const char *answer, size_t length);
void fake_stop(struct fake *fake);

int test_conformance(void);
int test_calls(void);
int test_faults(void);
int test_security(void);
int test_hostile(void);
int test_numbers(void);
int test_threads(void);

#endif
