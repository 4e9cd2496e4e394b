/* check.h - what the files of rnnloss-check know of each other
 *
 *   rnnloss-check FILE                   file.c: post it; print.c: the answer or the verdicts as a table
 *   rnnloss-check --vectors -- COMMAND   suite.c: the vectors; run.c: COMMAND once a vector; verdict.c, compare.c: was
 * it right; vectors.c: all of them; summary.c: the outcome
 */
#ifndef CHECK_H
#define CHECK_H

#include "../src/internal.h"

#include <cjson/cJSON.h>

enum { EXIT_VALID = 0, EXIT_NOT_VALID = 1, EXIT_ERROR = 2 };

/* Ends the program, with EXIT_ERROR and a line on standard error. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void *checked(void *allocated); /* ends the program if it is NULL */

/* ---- options.c ---- */

enum route { ROUTE_BY_CONTENT, ROUTE_LOSS, ROUTE_VALIDATE };
enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct options {
  rnnloss_client_settings settings;
  struct text endpoints, token;
  bool json;
  enum color color;
  double timeout; /* 0: the default */
  enum route route;
  struct text query;     /* "name=value&name=value" of --lambda and --option */
  struct text tolerance; /* likewise, of --rtol, --atol, --ulps, --tolerance-dtype */
  bool gradients_given;  /* by --option */
  const char *file;
  bool vectors, exact, all;
  unsigned jobs;
  const char **only, **skip; /* NULL behind the last */
  size_t only_count, skip_count;
  char **command; /* NULL behind the last */
};
void options_read(int argc, char **argv,
                  struct options *options); /* ends the program at a mistake, --help, --version */
void options_free(struct options *options);
rnnloss_client *options_client(const struct options *options);

/* ---- table.c ---- */

enum tone { TONE_PLAIN, TONE_HEAD, TONE_GOOD, TONE_BAD, TONE_DOUBT };

/* Cells row by row; columns are as wide as their widest cell. */
struct table {
  size_t columns, count, room;
  struct cell *cells;
};
void table_cell(struct table *table, enum tone tone, const char *format, ...) __attribute__((format(printf, 3, 4)));
void table_print(const struct table *table, bool color);
void table_free(struct table *table);
void tone_text(enum tone tone, bool color, const char *text); /* on standard output */
bool color_wanted(enum color color);

/* ---- file.c, print.c ---- */

int check_file(rnnloss_client *client, const struct options *options);
void print_error(const rnnloss_client_error *error, bool json);
void print_answer(const char *json, size_t length, bool color);
void print_report(const rnnloss_client_report *report, bool color);
void number_print(double value, char out[NUMBER_MAX]);

/* ---- suite.c ---- */

struct vector {
  cJSON *json;                             /* as GET /vectors/{name} has it */
  const char *id, *group, *comment, *body; /* body: the request in JSON, NULL: there is none */
  bool invalid;
};
struct suite {
  struct vector *vectors;
  size_t count;
  char sha256[65];
};
void suite_fetch(rnnloss_client *client, struct suite *suite); /* ends the program if it can't */
void suite_free(struct suite *suite);
bool vector_flagged(const struct vector *vector, const char *flag);
bool vector_matches(const struct vector *vector, const char *word); /* id has it, or group, flag or result are it */
/* The request's bytes, with the elements of large tensors put in. False: the vector is not as it must be. */
bool vector_request(const struct vector *vector, struct text *request);

/* ---- run.c ---- */

struct run {
  struct text output, errors;  /* errors: the beginning of what came on standard error */
  bool late, flooded, stopped; /* ended for its time; for too much output; because the user wished so */
  int signal, status;
};
/* False, and errno: COMMAND could not be started. */
bool run_command(char **command, const char *input, size_t length, double seconds, struct run *run);
void run_free(struct run *run);
void stop_on_signals(void);
bool stop_wanted(void);

/* ---- verdict.c, compare.c ---- */

/* The outcome is a JSON object: id, group, outcome ("passed", "failed", "skipped"), and of these the reason; of a
 * failed one also differences [{path, claimed, expected, ulps}] and diagnosis [{path, id, title, relation, fix}]. */
cJSON *verdict_new(const struct vector *vector);
void verdict_set(cJSON *verdict, const char *outcome, const char *format, ...) __attribute__((format(printf, 3, 4)));
void verdict_difference(cJSON *verdict, const char *path, const char *claimed, const char *expected, double ulps);
size_t verdict_differences(const cJSON *verdict);
void verdict_judge(rnnloss_client *client, const struct options *options, const struct vector *vector,
                   struct slice request, const struct run *run, cJSON *verdict);

/* Adds a difference for each number that is not the same to the bit, or missing. */
void compare_exactly(const struct vector *vector, struct slice output, cJSON *verdict);

/* What the vector expects, path by path: "loss", "terms.fr.loss", "gradients.fr" .. The callback gets the expected
 * member and the same one of the output, NULL if it is missing. */
typedef void on_expected(void *context, const char *path, bool gradient, const cJSON *expected,
                         const struct slice *given);
void walk_expected(const struct vector *vector, struct slice output, on_expected *visit, void *context);

/* ---- vectors.c, summary.c ---- */

int check_vectors(rnnloss_client *client, const struct options *options);
/* Prints all of it; the exit status. */
int summary_print(const struct options *options, const struct suite *suite, cJSON **verdicts);

#endif
