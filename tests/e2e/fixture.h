/* fixture.h - one daemon and one client for all tests of a program */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon.h"
#include "sample.h"

extern struct daemon daemon_here;
extern struct client *client;
extern const char *fixture_log; /* a scratch file for what the daemon logs; NULL: standard error */

/* Starts the daemon with these arguments (NULL: none), runs the tests, stops it: that it lives, and ends with exit
 * status 0, is checked. Returns the exit status of the program. */
int fixture_run(const char *group, const struct CMUnitTest *tests, size_t count, const char *const *arguments);
#define FIXTURE_RUN(group, tests, arguments) fixture_run(group, tests, sizeof(tests) / sizeof *(tests), arguments)

#endif
