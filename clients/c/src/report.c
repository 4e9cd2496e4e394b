/* report.c - POST /validate: claims out, verdicts and diagnoses in */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct draft_report {
  rnnloss_client_report report; /* first: it is what the caller sees */
  struct pool pool;
  bool failed; /* out of memory */
};

/* ---- members ---- */

static const char *text_of(struct draft_report *draft, const cJSON *object, const char *name) {
  const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
  char *copy = text ? pool_text(&draft->pool, text, strlen(text)) : NULL;
  draft->failed |= text && !copy;
  return copy;
}

/* Numbers that are not finite are words; NaN, too, where there is none. */
static double number_of(const cJSON *object, const char *name) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
  const char *word = cJSON_GetStringValue(item);
  double value = (double)NAN;
  if (cJSON_IsNumber(item)) return item->valuedouble;
  if (word) number_word(RNNLOSS_CLIENT_F64, word, strlen(word), &value);
  return value;
}

static size_t size_of(const cJSON *list) {
  return cJSON_IsArray(list) || cJSON_IsObject(list) ? (size_t)cJSON_GetArraySize(list) : 0;
}

static void *room_for(struct draft_report *draft, size_t count, size_t size) {
  void *room = pool_take(&draft->pool, count, size);
  draft->failed |= !room;
  return room;
}

/* ---- one claim ---- */

static rnnloss_client_difference difference_of(struct draft_report *draft, const cJSON *parent, const char *name) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(parent, name), *index = NULL;
  const cJSON *list = cJSON_GetObjectItemCaseSensitive(item, "index");
  rnnloss_client_difference difference = {number_of(item, "difference"), number_of(item, "claimed"),
                                          number_of(item, "canonical"), NULL, 0};
  size_t *indices = room_for(draft, size_of(list), sizeof *indices);
  if (!indices) return difference;
  cJSON_ArrayForEach(index, list) {
    const double value = index->valuedouble;
    indices[difference.rank++] = value >= 0 && value < 0x1p53 ? (size_t)value : 0;
  }
  difference.index = indices;
  return difference;
}

static rnnloss_client_finding finding_of(struct draft_report *draft, const cJSON *item) {
  const cJSON *releases = cJSON_GetObjectItemCaseSensitive(item, "releases"), *release = NULL;
  rnnloss_client_finding finding = {.id = text_of(draft, item, "id"),
                                    .title = text_of(draft, item, "title"),
                                    .relation = text_of(draft, item, "relation"),
                                    .fix = text_of(draft, item, "fix"),
                                    .value = number_of(item, "value"),
                                    .weak = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(item, "weak"))};
  const char **names = room_for(draft, size_of(releases), sizeof *names);
  if (!names) return finding;
  cJSON_ArrayForEach(release, releases) {
    const char *name = cJSON_GetStringValue(release);
    if (name && (names[finding.release_count] = pool_text(&draft->pool, name, strlen(name)))) finding.release_count++;
  }
  finding.releases = names;
  return finding;
}

static void add_diagnosis(struct draft_report *draft, rnnloss_client_judgement *judgement, const cJSON *list) {
  const cJSON *item = NULL;
  rnnloss_client_finding *findings = room_for(draft, size_of(list), sizeof *findings);
  if (!findings) return;
  cJSON_ArrayForEach(item, list) {
    if (judgement->finding_count < size_of(list)) findings[judgement->finding_count++] = finding_of(draft, item);
  }
  judgement->diagnosis = findings;
}

static bool verdict_of(const cJSON *item, rnnloss_client_verdict *verdict) {
  static const char *const words[] = {
      [RNNLOSS_CLIENT_FAIL] = "fail", [RNNLOSS_CLIENT_PASS] = "pass", [RNNLOSS_CLIENT_INCONCLUSIVE] = "inconclusive"};
  const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "verdict"));
  for (size_t i = 0; text && i < RNNLOSS_CLIENT_COUNT(words); i++) {
    *verdict = (rnnloss_client_verdict)i;
    if (strcmp(text, words[i]) == 0) return true;
  }
  return false;
}

static bool read_judgement(struct draft_report *draft, const cJSON *item, rnnloss_client_judgement *judgement) {
  const cJSON *largest = cJSON_GetObjectItemCaseSensitive(item, "largest");
  *judgement = (rnnloss_client_judgement){.is_number = cJSON_HasObjectItem(item, "canonical"),
                                          .claimed = number_of(item, "claimed"),
                                          .canonical = number_of(item, "canonical"),
                                          .absolute = difference_of(draft, largest, "absolute"),
                                          .relative = difference_of(draft, largest, "relative"),
                                          .ulps = difference_of(draft, largest, "ulps"),
                                          .first_mismatch = difference_of(draft, item, "first_mismatch"),
                                          .mismatched = number_of(item, "mismatched"),
                                          .elements = number_of(item, "elements"),
                                          .nonfinite = number_of(item, "nonfinite"),
                                          .cosine = number_of(item, "cosine"),
                                          .scale = number_of(item, "scale")};
  judgement->path = item->string ? pool_text(&draft->pool, item->string, strlen(item->string)) : NULL;
  draft->failed |= !judgement->path;
  add_diagnosis(draft, judgement, cJSON_GetObjectItemCaseSensitive(item, "diagnosis"));
  return verdict_of(item, &judgement->verdict);
}

/* ---- all of it ---- */

static const char *read_report(struct draft_report *draft, const cJSON *root) {
  rnnloss_client_report *report = &draft->report;
  const cJSON *valid = cJSON_GetObjectItemCaseSensitive(root, "valid"), *item = NULL;
  const cJSON *claims = cJSON_GetObjectItemCaseSensitive(root, "claims");
  const cJSON *tolerance = cJSON_GetObjectItemCaseSensitive(root, "tolerance");
  const double contract = number_of(root, "contract");
  if (!valid || !cJSON_IsObject(claims) || !(contract >= 0 && contract < 1e6)) return "no report of /validate";
  report->verdict = cJSON_IsNull(valid)   ? RNNLOSS_CLIENT_INCONCLUSIVE
                    : cJSON_IsTrue(valid) ? RNNLOSS_CLIENT_PASS
                                          : RNNLOSS_CLIENT_FAIL;
  report->contract = (int)contract;
  report->version = text_of(draft, root, "version");
  report->inputs_sha256 = text_of(draft, root, "inputs_sha256");
  report->tolerance_dtype = text_of(draft, tolerance, "dtype");
  report->tolerance_source = text_of(draft, tolerance, "source");
  report->rtol = number_of(tolerance, "rtol");
  report->atol = number_of(tolerance, "atol");
  report->ulps = number_of(tolerance, "ulps");
  rnnloss_client_judgement *judgements = room_for(draft, size_of(claims), sizeof *judgements);
  if (!judgements) return no_memory;
  cJSON_ArrayForEach(item, claims) {
    if (!read_judgement(draft, item, &judgements[report->claim_count++])) return "a claim has no verdict";
  }
  report->claims = judgements;
  return draft->failed ? no_memory : NULL;
}

rnnloss_client_report *report_read(const char *json, size_t length, const char **why) {
  struct draft_report *draft = calloc(1, sizeof *draft);
  cJSON *root = length ? cJSON_ParseWithLength(json, length) : NULL;
  *why = !draft ? no_memory : cJSON_IsObject(root) ? read_report(draft, root) : "no report of /validate";
  cJSON_Delete(root);
  if (!*why) {
    draft->report.json = json;
    return &draft->report;
  }
  if (draft) rnnloss_client_report_free(&draft->report);
  return NULL;
}

bool rnnloss_client_validate(rnnloss_client *client, const rnnloss_client_problem *problem,
                             rnnloss_client_report **report, rnnloss_client_error *error) {
  struct exchange exchange = {0};
  const char *why = "no report of /validate";
  *report = NULL;
  if (!problem_send(client, "/validate", problem, JSON, &exchange, error)) return false;
  rnnloss_client_report *made = exchange.status == 200 ? report_read(exchange.body, exchange.length, &why) : NULL;
  struct draft_report *draft = (struct draft_report *)made;
  if (made && !(made->request_id = pool_text(&draft->pool, exchange.request_id, strlen(exchange.request_id)))) {
    rnnloss_client_report_free(made);
    made = NULL;
    why = no_memory;
  }
  if (!made) {
    if (why == no_memory)
      error_memory(error);
    else
      error_unexpected(error, &exchange, why);
    exchange_free(&exchange);
    return false;
  }
  pool_adopt(&draft->pool, exchange.block); /* the report's text lies in it */
  *report = made;
  return true;
}

bool rnnloss_client_validate_text(rnnloss_client *client, const rnnloss_client_problem *problem,
                                  rnnloss_client_response **response, rnnloss_client_error *error) {
  struct exchange exchange = {0};
  *response = NULL;
  if (!problem_send(client, "/validate", problem, "text/plain", &exchange, error)) return false;
  if (exchange.status != 200 || strncmp(exchange.content_type, "text/plain", strlen("text/plain")) != 0) {
    error_unexpected(error, &exchange, "no report of /validate");
    exchange_free(&exchange);
    return false;
  }
  *response = response_make(&exchange, error);
  return *response != NULL;
}

void rnnloss_client_report_free(rnnloss_client_report *report) {
  struct draft_report *draft = (struct draft_report *)report;
  if (!draft) return;
  pool_free(&draft->pool);
  free(draft);
}

const rnnloss_client_judgement *rnnloss_client_find_claim(const rnnloss_client_report *report, const char *path) {
  for (size_t i = 0; i < report->claim_count; i++) {
    if (strcmp(report->claims[i].path, path) == 0) return &report->claims[i];
  }
  return NULL;
}
