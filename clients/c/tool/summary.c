/* summary.c - how all vectors turned out: for people, or as JSON */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define SHOWN_MAX 20 /* failures that are printed in full */

enum { PASSED, FAILED, SKIPPED, OUTCOMES };
static const char *const outcomes[OUTCOMES] = {"passed", "failed", "skipped"};

static const char *text_of(const cJSON *object, const char *name) {
  const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
  return text ? text : "";
}

static size_t outcome_of(const cJSON *verdict) {
  size_t outcome = 0;
  while (outcome < OUTCOMES - 1 && strcmp(text_of(verdict, "outcome"), outcomes[outcome]) != 0) outcome++;
  return outcome;
}

/* ---- as JSON ---- */

static void print_json(const struct options *options, const struct suite *suite, cJSON **verdicts,
                       const size_t counts[OUTCOMES]) {
  cJSON *root = checked(cJSON_CreateObject());
  for (size_t i = 0; i < OUTCOMES; i++) checked(cJSON_AddNumberToObject(root, outcomes[i], (double)counts[i]));
  checked(cJSON_AddStringToObject(root, "vectors_sha256", suite->sha256));
  checked(cJSON_AddStringToObject(root, "tolerance",
                                  options->exact              ? "exact"
                                  : options->tolerance.length ? options->tolerance.bytes
                                                              : "torch.testing.assert_close"));
  cJSON *list = checked(cJSON_AddArrayToObject(root, "vectors"));
  for (size_t i = 0; i < suite->count; i++) {
    if (verdicts[i]) cJSON_AddItemReferenceToArray(list, verdicts[i]);
  }
  char *text = checked(cJSON_Print(root));
  puts(text);
  cJSON_free(text);
  cJSON_Delete(root);
}

/* ---- failures ---- */

static void print_differences(const cJSON *verdict) {
  const cJSON *item = NULL;
  struct table table = {.columns = 4};
  cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(verdict, "differences")) {
    const cJSON *ulps = cJSON_GetObjectItemCaseSensitive(item, "ulps");
    table_cell(&table, TONE_PLAIN, "  %s", text_of(item, "path"));
    table_cell(&table, TONE_PLAIN, "claimed %s", text_of(item, "claimed"));
    table_cell(&table, TONE_PLAIN, "expected %s", text_of(item, "expected"));
    if (ulps)
      table_cell(&table, TONE_PLAIN, "%.3g ulps", ulps->valuedouble);
    else
      table_cell(&table, TONE_PLAIN, "%s", "");
  }
  table_print(&table, false);
  table_free(&table);
  if (*text_of(verdict, "more")) printf("  ... %s\n", text_of(verdict, "more"));
}

/* A loss that deviates in one term is "fr:mean-rate-squared", the term itself "mean-rate-squared". */
static const char *bare_id(const cJSON *entry) {
  const char *id = text_of(entry, "id"), *colon = strrchr(id, ':');
  return colon ? colon + 1 : id;
}

/* Only the best one of each claim, and each only once. */
static bool is_repeated(const cJSON *diagnosis, const cJSON *item) {
  const cJSON *other = NULL;
  cJSON_ArrayForEach(other, diagnosis) {
    if (other == item) return false;
    if (strcmp(text_of(other, "path"), text_of(item, "path")) == 0) return true;
    if (strcmp(bare_id(other), bare_id(item)) == 0) return true;
  }
  return false;
}

static void print_failure(const struct vector *vector, const cJSON *verdict, bool color) {
  const cJSON *item = NULL, *diagnosis = cJSON_GetObjectItemCaseSensitive(verdict, "diagnosis");
  tone_text(TONE_BAD, color, "FAIL ");
  tone_text(TONE_HEAD, color, vector->id);
  printf(": %s\n", vector->comment);
  if (*text_of(verdict, "reason")) printf("  %s\n", text_of(verdict, "reason"));
  print_differences(verdict);
  cJSON_ArrayForEach(item, diagnosis) {
    if (!is_repeated(diagnosis, item)) printf("  as %s: %s\n", bare_id(item), text_of(item, "title"));
  }
  putchar('\n');
}

static void print_failures(const struct suite *suite, cJSON **verdicts, bool color) {
  size_t failures = 0;
  for (size_t i = 0; i < suite->count; i++) {
    if (!verdicts[i] || outcome_of(verdicts[i]) != FAILED) continue;
    if (failures++ < SHOWN_MAX)
      print_failure(&suite->vectors[i], verdicts[i], color);
    else
      printf("%s%s", failures == SHOWN_MAX + 1 ? "FAIL, too: " : ", ", suite->vectors[i].id);
  }
  if (failures > SHOWN_MAX) printf("\n(--only ID shows one in full, --format json all)\n\n");
}

/* ---- what it seems to compute ---- */

struct finding {
  const cJSON *entry;
  size_t vectors;
};

static void count_finding(struct finding *findings, size_t *count, const cJSON *entry) {
  size_t i = 0;
  while (i < *count && strcmp(bare_id(findings[i].entry), bare_id(entry)) != 0) i++;
  if (i == *count) findings[(*count)++] = (struct finding){.entry = entry};
  findings[i].vectors++;
}

static int by_vectors(const void *a, const void *b) {
  const struct finding *x = a, *y = b;
  if (x->vectors != y->vectors) return x->vectors < y->vectors ? 1 : -1;
  return strcmp(bare_id(x->entry), bare_id(y->entry));
}

static void print_findings(const struct suite *suite, cJSON **verdicts, bool color) {
  size_t count = 0, room = 0;
  const cJSON *item = NULL;
  for (size_t i = 0; i < suite->count; i++)
    room += (size_t)cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(verdicts[i], "diagnosis"));
  if (!room) return;
  struct finding *findings = checked(calloc(room, sizeof *findings));
  for (size_t i = 0; i < suite->count; i++) {
    const cJSON *diagnosis = cJSON_GetObjectItemCaseSensitive(verdicts[i], "diagnosis");
    cJSON_ArrayForEach(item, diagnosis) {
      if (!is_repeated(diagnosis, item)) count_finding(findings, &count, item);
    }
  }
  qsort(findings, count, sizeof *findings, by_vectors);
  tone_text(TONE_HEAD, color, "What it seems to compute instead:\n");
  for (size_t i = 0; i < count && i < SHOWN_MAX; i++) {
    const cJSON *entry = findings[i].entry;
    printf("  %s (%zu vector%s): %s\n    %s\n    fix: %s\n", bare_id(entry), findings[i].vectors,
           findings[i].vectors == 1 ? "" : "s", text_of(entry, "title"), text_of(entry, "relation"),
           text_of(entry, "fix"));
  }
  putchar('\n');
  free(findings);
}

/* ---- the table ---- */

static void add_row(struct table *table, const struct suite *suite, cJSON **verdicts, const char *group) {
  size_t counts[OUTCOMES] = {0};
  for (size_t i = 0; i < suite->count; i++) {
    if (verdicts[i] && strcmp(suite->vectors[i].group, group) == 0) counts[outcome_of(verdicts[i])]++;
  }
  if (!counts[PASSED] && !counts[FAILED] && !counts[SKIPPED]) return;
  table_cell(table, TONE_PLAIN, "%s", group);
  for (size_t i = 0; i < OUTCOMES; i++)
    table_cell(table, i == FAILED && counts[i] ? TONE_BAD : TONE_PLAIN, "%7zu", counts[i]);
}

static bool is_first(const struct suite *suite, size_t i) {
  for (size_t j = 0; j < i; j++) {
    if (strcmp(suite->vectors[j].group, suite->vectors[i].group) == 0) return false;
  }
  return true;
}

static void print_groups(const struct suite *suite, cJSON **verdicts, bool color) {
  struct table table = {.columns = 1 + OUTCOMES};
  table_cell(&table, TONE_HEAD, "group");
  for (size_t i = 0; i < OUTCOMES; i++) table_cell(&table, TONE_HEAD, "%7s", outcomes[i]);
  for (size_t i = 0; i < suite->count; i++) {
    if (is_first(suite, i)) add_row(&table, suite, verdicts, suite->vectors[i].group);
  }
  table_print(&table, color);
  table_free(&table);
}

static void print_skipped(const struct suite *suite, cJSON **verdicts) {
  size_t forms = 0, floats = 0;
  for (size_t i = 0; i < suite->count; i++) {
    if (!verdicts[i] || outcome_of(verdicts[i]) != SKIPPED) continue;
    *(suite->vectors[i].body ? &floats : &forms) += 1;
  }
  if (floats) printf("skipped: %zu that plain floating point can't get right (--all or --exact tries them)\n", floats);
  if (forms) printf("skipped: %zu that are about safetensors alone\n", forms);
}

static void print_tolerance(const struct options *options) {
  if (options->exact)
    puts("held to every bit");
  else if (options->tolerance.length)
    printf("tolerance: %s\n", options->tolerance.bytes);
  else
    puts("tolerance: torch.testing.assert_close, for the loosest dtype of each claim");
}

int summary_print(const struct options *options, const struct suite *suite, cJSON **verdicts) {
  size_t counts[OUTCOMES] = {0};
  for (size_t i = 0; i < suite->count; i++) {
    if (verdicts[i]) counts[outcome_of(verdicts[i])]++;
  }
  if (options->json) {
    print_json(options, suite, verdicts, counts);
  } else {
    const bool color = color_wanted(options->color);
    print_failures(suite, verdicts, color);
    print_findings(suite, verdicts, color);
    print_groups(suite, verdicts, color);
    putchar('\n');
    print_tolerance(options);
    print_skipped(suite, verdicts);
    printf("%zu passed, %zu failed, %zu skipped\n", counts[PASSED], counts[FAILED], counts[SKIPPED]);
  }
  if (counts[FAILED]) return EXIT_NOT_VALID;
  return counts[PASSED] ? EXIT_VALID : EXIT_ERROR; /* that nothing was tried certifies nothing */
}
