/* verdict.c - one vector: was what COMMAND did right, and if not, what did it do instead */
#define _GNU_SOURCE /* strsignal */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define DIFFERENCES_MAX 20 /* of one vector */

/* ---- the outcome ---- */

static void set_text(cJSON *object, const char *name, const char *text) {
  cJSON_DeleteItemFromObjectCaseSensitive(object, name);
  checked(cJSON_AddStringToObject(object, name, text));
}

cJSON *verdict_new(const struct vector *vector) {
  cJSON *verdict = checked(cJSON_CreateObject());
  set_text(verdict, "id", vector->id);
  set_text(verdict, "group", vector->group);
  set_text(verdict, "comment", vector->comment);
  return verdict;
}

void verdict_set(cJSON *verdict, const char *outcome, const char *format, ...) {
  char *reason = NULL;
  va_list arguments;
  va_start(arguments, format);
  if (vasprintf(&reason, format, arguments) < 0) die("out of memory");
  va_end(arguments);
  set_text(verdict, "outcome", outcome);
  if (*reason) set_text(verdict, "reason", reason);
  free(reason);
}

static cJSON *list_of(cJSON *verdict, const char *name) {
  cJSON *list = cJSON_GetObjectItemCaseSensitive(verdict, name);
  return list ? list : checked(cJSON_AddArrayToObject(verdict, name));
}

size_t verdict_differences(const cJSON *verdict) {
  return (size_t)cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(verdict, "differences"));
}

void verdict_difference(cJSON *verdict, const char *path, const char *claimed, const char *expected, double ulps) {
  cJSON *list = list_of(verdict, "differences");
  if (cJSON_GetArraySize(list) == DIFFERENCES_MAX) {
    set_text(verdict, "more", "further differences are not listed");
    return;
  }
  cJSON *difference = checked(cJSON_CreateObject());
  set_text(difference, "path", path);
  set_text(difference, "claimed", claimed);
  set_text(difference, "expected", expected);
  if (isfinite(ulps)) checked(cJSON_AddNumberToObject(difference, "ulps", ulps));
  cJSON_AddItemToArray(list, difference);
}

static void add_finding(cJSON *verdict, const char *path, const rnnloss_client_finding *finding) {
  cJSON *entry = checked(cJSON_CreateObject());
  set_text(entry, "path", path);
  if (finding->id) set_text(entry, "id", finding->id);
  if (finding->title) set_text(entry, "title", finding->title);
  if (finding->relation) set_text(entry, "relation", finding->relation);
  if (finding->fix) set_text(entry, "fix", finding->fix);
  cJSON_AddItemToArray(list_of(verdict, "diagnosis"), entry);
}

/* ---- the judge's ---- */

static void add_claim(void *context, const char *path, bool gradient, const cJSON *expected,
                      const struct slice *given) {
  struct text text = {0};
  (void)gradient;
  (void)expected;
  if (!given) return;
  text_add(&text, given->at, (size_t)(given->end - given->at));
  if (!claims_add(context, path, &text)) die("out of memory");
}

/* The request, with what the output says as claims. False: it says nothing. */
static bool make_claims(const struct vector *vector, struct slice request, struct slice output, struct text *body) {
  cJSON *claims = checked(cJSON_CreateObject());
  walk_expected(vector, output, add_claim, claims);
  const bool any = claims->child != NULL;
  char *text = checked(cJSON_PrintUnformatted(claims));
  cJSON_Delete(claims);
  struct slice inside;
  if (any && slice_inside(request, '{', &inside)) {
    struct slice rest = inside, name, value;
    const bool members = slice_member(&rest, &name, &value);
    text_string(body, "{");
    text_add(body, inside.at, (size_t)(inside.end - inside.at));
    text_string(body, members ? ",\"claims\":" : "\"claims\":");
    text_string(body, text);
    text_string(body, "}");
  }
  cJSON_free(text);
  if (body->failed) die("out of memory");
  return any && body->length;
}

static void add_judgement(cJSON *verdict, const rnnloss_client_judgement *claim) {
  char claimed[NUMBER_MAX], canonical[NUMBER_MAX], where[256], place[160] = "";
  const rnnloss_client_difference *worst = &claim->absolute;
  number_print(claim->is_number ? claim->claimed : worst->claimed, claimed);
  number_print(claim->is_number ? claim->canonical : worst->canonical, canonical);
  for (size_t i = 0; i < worst->rank && strlen(place) < 100; i++)
    snprintf(place + strlen(place), sizeof place - strlen(place), "%s%zu", i ? ", " : "[", worst->index[i]);
  if (*place) strncat(place, "]", sizeof place - strlen(place) - 1);
  snprintf(where, sizeof where, "%s%s", claim->path, place);
  verdict_difference(verdict, where, claimed, canonical, claim->ulps.difference);
  for (size_t i = 0; i < claim->finding_count; i++) add_finding(verdict, claim->path, &claim->diagnosis[i]);
}

static rnnloss_client_report *ask_judge(rnnloss_client *client, const struct options *options, const struct text *body,
                                        rnnloss_client_response **response, rnnloss_client_error *error) {
  struct text path = {0};
  const char *why = NULL;
  text_string(&path, options->tolerance.length ? "/validate?" : "/validate");
  if (options->tolerance.length) text_add(&path, options->tolerance.bytes, options->tolerance.length);
  if (path.failed) die("out of memory");
  const rnnloss_client_request request = {.path = path.bytes,
                                          .post = true,
                                          .content_type = JSON,
                                          .accept = JSON,
                                          .body = body->bytes,
                                          .length = body->length};
  const bool well = rnnloss_client_send(client, &request, response, error);
  free(path.bytes);
  rnnloss_client_report *report = well ? report_read((*response)->body, (*response)->length, &why) : NULL;
  if (well && !report) die("the daemon's report can't be read: %s", why);
  if (!well && error->status < 400) die("%s: %s", error->type, error->detail);
  return report;
}

static void note_missing(void *context, const char *path, bool gradient, const cJSON *expected,
                         const struct slice *given) {
  const char *decimal = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(expected, "decimal"));
  if (!given) verdict_difference(context, path, "missing", gradient || !decimal ? "a gradient" : decimal, (double)NAN);
}

static void judge_by_tolerance(rnnloss_client *client, const struct options *options, const struct vector *vector,
                               struct slice request, struct slice output, cJSON *verdict) {
  struct text body = {0};
  rnnloss_client_response *response = NULL;
  rnnloss_client_error error = {0};
  rnnloss_client_report *report = NULL;
  if (!make_claims(vector, request, output, &body)) {
    verdict_set(verdict, "failed", "its output has nothing of what is expected: no loss");
  } else if (!(report = ask_judge(client, options, &body, &response, &error))) {
    verdict_set(verdict, "failed", "its numbers can't be judged: %s: %s", error.type, error.detail);
  } else {
    walk_expected(vector, output, note_missing, verdict);
    for (size_t i = 0; i < report->claim_count; i++) {
      if (report->claims[i].verdict != RNNLOSS_CLIENT_PASS) add_judgement(verdict, &report->claims[i]);
    }
    verdict_set(verdict, verdict_differences(verdict) ? "failed" : "passed", "%s", "");
  }
  rnnloss_client_report_free(report);
  rnnloss_client_response_free(response);
  free(body.bytes);
}

/* To the bit; the judge is asked only what was computed instead. */
static void judge_exactly(rnnloss_client *client, const struct options *options, const struct vector *vector,
                          struct slice request, struct slice output, cJSON *verdict) {
  struct text body = {0};
  rnnloss_client_response *response = NULL;
  rnnloss_client_error error = {0};
  rnnloss_client_report *report = NULL;
  compare_exactly(vector, output, verdict);
  verdict_set(verdict, verdict_differences(verdict) ? "failed" : "passed", "%s", "");
  if (verdict_differences(verdict) && make_claims(vector, request, output, &body))
    report = ask_judge(client, options, &body, &response, &error);
  for (size_t i = 0; report && i < report->claim_count; i++) {
    const rnnloss_client_judgement *claim = &report->claims[i];
    for (size_t j = 0; j < claim->finding_count; j++) add_finding(verdict, claim->path, &claim->diagnosis[j]);
  }
  rnnloss_client_report_free(report);
  rnnloss_client_response_free(response);
  free(body.bytes);
}

/* ---- what COMMAND did ---- */

/* A line of it that is fit to be shown: the last one, of errors. */
static void show(const struct text *text, bool last, char *out, size_t room) {
  const char *begin = text->bytes, *end = begin + text->length;
  while (end > begin && (end[-1] == '\n' || end[-1] == '\r')) end--;
  if (last) {
    const char *at = end;
    while (at > begin && at[-1] != '\n') at--;
    begin = at;
  }
  size_t length = 0;
  for (; begin < end && length + 4 < room; begin++) out[length++] = *begin >= ' ' && *begin <= '~' ? *begin : '.';
  out[length] = '\0';
  if (begin < end) snprintf(out + length, room - length, "...");
}

/* What ended badly whatever the output is; false: nothing. */
static bool broke(const struct options *options, const struct run *run, cJSON *verdict) {
  char errors[200];
  show(&run->errors, true, errors, sizeof errors);
  const char *colon = *errors ? ": " : "";
  if (run->late)
    verdict_set(verdict, "failed", "it was ended after %g s", options->timeout > 0 ? options->timeout : 10);
  else if (run->flooded)
    verdict_set(verdict, "failed", "it was ended for writing too much");
  else if (run->signal)
    verdict_set(verdict, "failed", "it crashed: signal %d (%s)%s%s", run->signal, strsignal(run->signal), colon,
                errors);
  else
    return false;
  return true;
}

static void no_json(const struct run *run, cJSON *verdict) {
  char errors[200], output[80];
  show(&run->errors, true, errors, sizeof errors);
  show(&run->output, false, output, sizeof output);
  const char *colon = *errors ? ": " : "";
  if (run->output.length)
    verdict_set(verdict, "failed", "its output is no JSON: %s", output);
  else if (run->status)
    verdict_set(verdict, "failed", "exit status %d, and nothing on its output%s%s", run->status, colon, errors);
  else
    verdict_set(verdict, "failed", "it wrote nothing%s%s", colon, errors);
}

static void judge_refusal(const struct vector *vector, const char *type, cJSON *verdict) {
  const cJSON *problem = cJSON_GetObjectItemCaseSensitive(vector->json, "problem");
  const char *expected = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(problem, "type"));
  if (!expected) die("the vector %s has no problem", vector->id);
  if (!type)
    verdict_set(verdict, "failed", "it answered, but this must be refused: %s", expected);
  else if (strcmp(type, expected) != 0)
    verdict_set(verdict, "failed", "refused as %s instead of %s", type, expected);
  else
    verdict_set(verdict, "passed", "%s", "");
}

void verdict_judge(rnnloss_client *client, const struct options *options, const struct vector *vector,
                   struct slice request, const struct run *run, cJSON *verdict) {
  const struct slice output = {run->output.bytes, run->output.bytes + run->output.length};
  struct slice value, text = {NULL, NULL};
  char type[80];
  if (broke(options, run, verdict)) return;
  if (!slice_valid(output)) {
    no_json(run, verdict);
    return;
  }
  const bool refused = slice_find(output, "type", &value) && slice_string(value, &text);
  if (refused && text.at < text.end && *text.at == '#') text.at++;
  if (refused) snprintf(type, sizeof type, "%.*s", (int)(text.end - text.at < 79 ? text.end - text.at : 79), text.at);
  if (vector->invalid)
    judge_refusal(vector, refused ? type : NULL, verdict);
  else if (refused)
    verdict_set(verdict, "failed", "it refused what is valid, as %s", type);
  else if (run->status)
    verdict_set(verdict, "failed", "exit status %d, in spite of an answer", run->status);
  else if (options->exact)
    judge_exactly(client, options, vector, request, output, verdict);
  else
    judge_by_tolerance(client, options, vector, request, output, verdict);
}
