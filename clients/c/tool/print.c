/* print.c - answers, verdicts and problems for people */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

void number_print(double value, char out[NUMBER_MAX]) {
  number_text(RNNLOSS_CLIENT_F64, &value, out);
}

/* ---- a problem ---- */

static void add_member(cJSON *object, const char *name, const char *text) {
  if (*text) checked(cJSON_AddStringToObject(object, name, text));
}

static void print_error_json(const rnnloss_client_error *error) {
  cJSON *object = checked(cJSON_CreateObject());
  add_member(object, "type", error->type);
  add_member(object, "title", error->title);
  checked(cJSON_AddNumberToObject(object, "status", error->status));
  add_member(object, "detail", error->detail);
  add_member(object, "pointer", error->pointer);
  add_member(object, "request_id", error->request_id);
  char *text = checked(cJSON_PrintUnformatted(object));
  puts(text);
  cJSON_free(text);
  cJSON_Delete(object);
}

void print_error(const rnnloss_client_error *error, bool json) {
  if (json) print_error_json(error);
  fprintf(stderr, "rnnloss-check: %s", error->type);
  if (error->status) fprintf(stderr, " (%d)", error->status);
  fprintf(stderr, ": %s\n", error->title);
  if (*error->detail) fprintf(stderr, "  %s\n", error->detail);
  if (*error->pointer) fprintf(stderr, "  at %s\n", error->pointer);
  if (*error->request_id) fprintf(stderr, "  request id %s\n", error->request_id);
}

/* ---- an answer of /loss ---- */

/* Words for what is not finite are strings already. */
static void number_cell(struct table *table, enum tone tone, const cJSON *item) {
  char text[NUMBER_MAX];
  if (cJSON_IsNumber(item)) number_print(item->valuedouble, text);
  table_cell(table, tone, "%s", cJSON_IsNumber(item) ? text : cJSON_IsString(item) ? cJSON_GetStringValue(item) : "");
}

static void print_words(const cJSON *answer, const char *member, const char *title) {
  const cJSON *item = NULL, *list = cJSON_GetObjectItemCaseSensitive(answer, member);
  if (!cJSON_GetArraySize(list)) return;
  printf("%s", title);
  cJSON_ArrayForEach(item, list) printf("%s%s", item == list->child ? " " : ", ", cJSON_GetStringValue(item));
  putchar('\n');
}

void print_answer(const char *json, size_t length, bool color) {
  cJSON *answer = cJSON_ParseWithLength(json, length);
  const cJSON *item = NULL;
  struct table table = {.columns = 4};
  if (!cJSON_IsObject(answer)) die("the answer is no JSON object");
  static const char *const heads[] = {"term", "λ", "loss", "unweighted"};
  for (size_t i = 0; i < RNNLOSS_CLIENT_COUNT(heads); i++) table_cell(&table, TONE_HEAD, "%s", heads[i]);
  cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(answer, "terms")) {
    table_cell(&table, TONE_PLAIN, "%s", item->string);
    number_cell(&table, TONE_PLAIN, cJSON_GetObjectItemCaseSensitive(item, "lambda"));
    number_cell(&table, TONE_PLAIN, cJSON_GetObjectItemCaseSensitive(item, "loss"));
    number_cell(&table, TONE_PLAIN, cJSON_GetObjectItemCaseSensitive(item, "unweighted"));
  }
  table_cell(&table, TONE_HEAD, "total");
  table_cell(&table, TONE_PLAIN, "%s", "");
  number_cell(&table, TONE_HEAD, cJSON_GetObjectItemCaseSensitive(answer, "loss"));
  table_cell(&table, TONE_PLAIN, "%s", "");
  table_print(&table, color);
  table_free(&table);
  print_words(answer, "unused", "unused:");
  print_words(answer, "warnings", "warnings:");
  const char *digest = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "inputs_sha256"));
  if (digest) printf("inputs: sha256 %s\n", digest);
  cJSON_Delete(answer);
}

/* ---- a report of /validate ---- */

static const char *verdict_word(rnnloss_client_verdict verdict) {
  return verdict == RNNLOSS_CLIENT_PASS ? "pass" : verdict == RNNLOSS_CLIENT_FAIL ? "FAIL" : "inconclusive";
}

static enum tone verdict_tone(rnnloss_client_verdict verdict) {
  return verdict == RNNLOSS_CLIENT_PASS ? TONE_GOOD : verdict == RNNLOSS_CLIENT_FAIL ? TONE_BAD : TONE_DOUBT;
}

static void difference_cell(struct table *table, double value) {
  if (isnan(value))
    table_cell(table, TONE_PLAIN, "%s", "");
  else
    table_cell(table, TONE_PLAIN, "%.3g", value);
}

/* Of a gradient the numbers where claim and right value differ most. */
static void claim_row(struct table *table, const rnnloss_client_judgement *claim) {
  char claimed[NUMBER_MAX], canonical[NUMBER_MAX];
  const rnnloss_client_difference *worst = &claim->absolute;
  number_print(claim->is_number ? claim->claimed : worst->claimed, claimed);
  number_print(claim->is_number ? claim->canonical : worst->canonical, canonical);
  const bool shown = claim->is_number || worst->index;
  table_cell(table, TONE_PLAIN, "%s", claim->path);
  table_cell(table, TONE_PLAIN, "%s", shown ? claimed : "");
  table_cell(table, TONE_PLAIN, "%s", shown ? canonical : "");
  difference_cell(table, claim->relative.difference);
  difference_cell(table, claim->ulps.difference);
  table_cell(table, verdict_tone(claim->verdict), "%s", verdict_word(claim->verdict));
}

static void print_place(const rnnloss_client_difference *difference) {
  char claimed[NUMBER_MAX], canonical[NUMBER_MAX];
  number_print(difference->claimed, claimed);
  number_print(difference->canonical, canonical);
  printf("[");
  for (size_t i = 0; i < difference->rank; i++) printf("%s%zu", i ? ", " : "", difference->index[i]);
  printf("]: claimed %s, canonical %s", claimed, canonical);
}

static void print_finding(const rnnloss_client_finding *finding) {
  printf("  %s%s: %s", finding->id ? finding->id : "?", finding->weak ? " (weak)" : "",
         finding->title ? finding->title : "");
  for (size_t i = 0; i < finding->release_count; i++) printf("%s%s", i ? ", " : " (as in ", finding->releases[i]);
  printf("%s\n", finding->release_count ? ")" : "");
  if (finding->relation) printf("    %s\n", finding->relation);
  if (finding->fix) printf("    fix: %s\n", finding->fix);
}

static void print_failure(const rnnloss_client_judgement *claim, bool color) {
  if (claim->verdict == RNNLOSS_CLIENT_PASS) return;
  putchar('\n');
  tone_text(TONE_HEAD, color, claim->path);
  putchar('\n');
  if (!claim->is_number) {
    char cosine[NUMBER_MAX], scale[NUMBER_MAX];
    number_print(claim->cosine, cosine);
    number_print(claim->scale, scale);
    printf("  %.0f of %.0f elements differ, cosine %s, scale %s\n", claim->mismatched, claim->elements, cosine, scale);
    if (claim->first_mismatch.index) {
      printf("  first at ");
      print_place(&claim->first_mismatch);
      putchar('\n');
    }
  }
  for (size_t i = 0; i < claim->finding_count; i++) print_finding(&claim->diagnosis[i]);
  if (claim->verdict == RNNLOSS_CLIENT_INCONCLUSIVE)
    printf("  so small that the absolute tolerance excuses it, which certifies nothing\n");
  else if (!claim->finding_count)
    printf("  no well-known other definition fits\n");
}

static void print_end(const rnnloss_client_report *report, bool color) {
  static const char *const answers[] = {[RNNLOSS_CLIENT_PASS] = "valid",
                                        [RNNLOSS_CLIENT_FAIL] = "not valid",
                                        [RNNLOSS_CLIENT_INCONCLUSIVE] = "inconclusive"};
  size_t passed = 0;
  for (size_t i = 0; i < report->claim_count; i++) passed += report->claims[i].verdict == RNNLOSS_CLIENT_PASS;
  const char *source = report->tolerance_source ? report->tolerance_source : "";
  putchar('\n');
  tone_text(verdict_tone(report->verdict), color, answers[report->verdict]);
  printf(": %zu of %zu claims pass; tolerance: %s", passed, report->claim_count,
         strcmp(source, "request") == 0 ? "as requested" : source);
  if (!isnan(report->ulps)) printf(", %.17g ulps of %s\n", report->ulps, report->tolerance_dtype);
  if (isnan(report->ulps)) printf(", rtol %.3g, atol %.3g\n", report->rtol, report->atol);
  if (report->inputs_sha256) printf("inputs: sha256 %s\n", report->inputs_sha256);
}

void print_report(const rnnloss_client_report *report, bool color) {
  struct table table = {.columns = 6};
  static const char *const heads[] = {"claim", "claimed", "canonical", "relative", "ulps", "verdict"};
  for (size_t i = 0; i < RNNLOSS_CLIENT_COUNT(heads); i++) table_cell(&table, TONE_HEAD, "%s", heads[i]);
  for (size_t i = 0; i < report->claim_count; i++) claim_row(&table, &report->claims[i]);
  table_print(&table, color);
  table_free(&table);
  for (size_t i = 0; i < report->claim_count; i++) print_failure(&report->claims[i], color);
  print_end(report, color);
}
