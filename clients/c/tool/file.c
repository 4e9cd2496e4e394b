/* file.c - one request in a file: where it goes, and what comes back */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static void read_file(const char *name, struct text *bytes) {
  const bool standard = strcmp(name, "-") == 0;
  FILE *file = standard ? stdin : fopen(name, "rb");
  char piece[65536];
  size_t length = 0;
  if (!file) die("%s: %s", name, strerror(errno));
  while ((length = fread(piece, 1, sizeof piece, file)) > 0) text_add(bytes, piece, length);
  if (ferror(file)) die("%s: %s", name, strerror(errno));
  if (!standard) fclose(file);
  text_add(bytes, "", 0);
  if (bytes->failed) die("%s: out of memory", name);
}

/* ---- what is in it ---- */

struct content {
  bool safetensors, claims, gradients; /* gradients: it says itself which gradients it wants */
};

/* As the daemon tells them: a header of less than 4 GB has zeros there, JSON has none. */
static bool is_safetensors(const struct text *bytes) {
  static const char zeros[4] = {0};
  return bytes->length >= 8 && memcmp(bytes->bytes + 4, zeros, sizeof zeros) == 0;
}

static void look_at_safetensors(const struct text *bytes, struct content *content) {
  uint64_t size = 0;
  memcpy(&size, bytes->bytes, sizeof size);
  if (size > bytes->length - sizeof size) return; /* the daemon will say what is wrong */
  cJSON *header = cJSON_ParseWithLength(bytes->bytes + sizeof size, (size_t)size);
  const cJSON *item = NULL, *metadata = cJSON_GetObjectItemCaseSensitive(header, "__metadata__");
  cJSON_ArrayForEach(item, header) content->claims |= item->string && strncmp(item->string, "claims.", 7) == 0;
  content->gradients = cJSON_HasObjectItem(metadata, "gradients") || cJSON_HasObjectItem(metadata, "wrt");
  cJSON_Delete(header);
}

static void look_at_json(const struct text *bytes, struct content *content) {
  const struct slice root = {bytes->bytes, bytes->bytes + bytes->length};
  struct slice value;
  if (!slice_valid(root)) return;
  content->claims = slice_find(root, "claims", &value);
  content->gradients = slice_find(root, "gradients", &value) || slice_find(root, "wrt", &value);
}

/* ---- there and back ---- */

static void add_query(struct text *path, const char *query, size_t length) {
  if (!length) return;
  text_string(path, strchr(path->bytes, '?') ? "&" : "?");
  text_add(path, query, length);
  if (path->failed) die("out of memory");
}

static void make_path(const struct options *options, const struct content *content, bool validate, struct text *path) {
  static const char none[] = "gradients=none";
  text_string(path, validate ? "/validate" : "/loss");
  if (path->failed) die("out of memory");
  add_query(path, options->query.bytes, options->query.length);
  add_query(path, options->tolerance.bytes, options->tolerance.length);
  const bool table = !validate && !options->json; /* which shows no gradients */
  if (table && !content->gradients && !options->gradients_given) add_query(path, none, sizeof none - 1);
}

static int print_response(const rnnloss_client_response *response, const struct options *options, bool validate) {
  const bool color = color_wanted(options->color);
  if (options->json) {
    fwrite(response->body, 1, response->length, stdout);
    if (response->length && response->body[response->length - 1] != '\n') putchar('\n');
  } else if (!validate) {
    print_answer(response->body, response->length, color);
  }
  if (!validate) return EXIT_VALID;
  const char *why = NULL;
  rnnloss_client_report *report = report_read(response->body, response->length, &why);
  if (!report) die("the answer is no report: %s", why);
  if (!options->json) print_report(report, color);
  const int status = report->verdict == RNNLOSS_CLIENT_PASS ? EXIT_VALID : EXIT_NOT_VALID;
  rnnloss_client_report_free(report);
  return status;
}

int check_file(rnnloss_client *client, const struct options *options) {
  struct text bytes = {0}, path = {0};
  struct content content = {0};
  rnnloss_client_response *response = NULL;
  rnnloss_client_error error = {0};
  int status = EXIT_ERROR;
  read_file(options->file, &bytes);
  content.safetensors = is_safetensors(&bytes);
  if (content.safetensors)
    look_at_safetensors(&bytes, &content);
  else
    look_at_json(&bytes, &content);
  const bool validate = options->route == ROUTE_BY_CONTENT ? content.claims : options->route == ROUTE_VALIDATE;
  make_path(options, &content, validate, &path);
  const rnnloss_client_request request = {.path = path.bytes,
                                          .post = true,
                                          .content_type = content.safetensors ? SAFETENSORS : JSON,
                                          .accept = JSON,
                                          .body = bytes.bytes,
                                          .length = bytes.length};
  if (rnnloss_client_send(client, &request, &response, &error))
    status = print_response(response, options, validate);
  else
    print_error(&error, options->json);
  rnnloss_client_response_free(response);
  free(bytes.bytes);
  free(path.bytes);
  return status;
}
