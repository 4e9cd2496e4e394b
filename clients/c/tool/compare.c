/* compare.c - an output beside what a vector expects: path by path, to the bit */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "check.h"
#include "sha256.h"

static const cJSON *get(const cJSON *object, const char *name) {
  return cJSON_GetObjectItemCaseSensitive(object, name);
}

static const char *text_of(const cJSON *object, const char *name) {
  const char *text = cJSON_GetStringValue(get(object, name));
  return text ? text : "";
}

/* ---- path by path ---- */

static void visit_member(const struct slice *parent, const char *prefix, const char *name, bool gradient,
                         const cJSON *expected, on_expected *visit, void *context) {
  char path[128];
  struct slice value;
  snprintf(path, sizeof path, "%s%s", prefix, name);
  visit(context, path, gradient, expected, parent && slice_find(*parent, name, &value) ? &value : NULL);
}

static void visit_gradients(const struct slice *parent, const char *prefix, const cJSON *expected, on_expected *visit,
                            void *context) {
  char path[96];
  struct slice gradients;
  const cJSON *item = NULL;
  const bool given = parent && slice_find(*parent, "gradients", &gradients);
  snprintf(path, sizeof path, "%sgradients.", prefix);
  cJSON_ArrayForEach(item, expected)
      visit_member(given ? &gradients : NULL, path, item->string, true, item, visit, context);
}

void walk_expected(const struct vector *vector, struct slice output, on_expected *visit, void *context) {
  const cJSON *expect = get(vector->json, "expect"), *item = NULL;
  struct slice terms, term;
  const bool given = slice_find(output, "terms", &terms);
  visit_member(&output, "", "loss", false, get(expect, "loss"), visit, context);
  cJSON_ArrayForEach(item, get(expect, "terms")) {
    char prefix[64];
    snprintf(prefix, sizeof prefix, "terms.%s.", item->string);
    const struct slice *own = given && slice_find(terms, item->string, &term) ? &term : NULL;
    visit_member(own, prefix, "loss", false, get(item, "loss"), visit, context);
    visit_member(own, prefix, "unweighted", false, get(item, "unweighted"), visit, context);
    visit_gradients(own, prefix, get(item, "gradients"), visit, context);
  }
  visit_gradients(&output, "", get(expect, "gradients"), visit, context);
}

/* ---- numbers ---- */

static bool same(rnnloss_client_dtype dtype, const void *a, const void *b) {
  if (isnan(number_load(dtype, a)) && isnan(number_load(dtype, b))) return true;
  return memcmp(a, b, rnnloss_client_dtype_size(dtype)) == 0;
}

/* Numbers of the dtype in their order as whole ones: both zeros are 0. */
static int64_t place_of(rnnloss_client_dtype dtype, const void *element) {
  const size_t size = rnnloss_client_dtype_size(dtype);
  const uint64_t sign = (uint64_t)1 << (8 * size - 1);
  uint64_t bits = 0;
  memcpy(&bits, element, size);
  return bits & sign ? -(int64_t)(bits & ~sign) : (int64_t)bits;
}

static double ulps_between(rnnloss_client_dtype dtype, const void *a, const void *b) {
  if (isnan(number_load(dtype, a)) || isnan(number_load(dtype, b))) return (double)NAN;
  const int64_t x = place_of(dtype, a), y = place_of(dtype, b);
  if (x == y) return (double)NAN; /* zeros of either sign */
  return (double)(x > y ? (uint64_t)x - (uint64_t)y : (uint64_t)y - (uint64_t)x);
}

static void differ(cJSON *verdict, const char *path, const char *place, rnnloss_client_dtype dtype, const void *given,
                   const void *expected) {
  char claimed[NUMBER_MAX], right[NUMBER_MAX], where[256];
  number_text(dtype, given, claimed);
  number_text(dtype, expected, right);
  snprintf(where, sizeof where, "%s%s", path, place);
  verdict_difference(verdict, where, claimed, right, ulps_between(dtype, given, expected));
}

static void no_number(cJSON *verdict, const char *path, struct slice given, const char *expected) {
  char text[64];
  const int length = given.end - given.at < 40 ? (int)(given.end - given.at) : 40;
  snprintf(text, sizeof text, "%.*s%s", length, given.at, given.end - given.at > 40 ? "..." : "");
  verdict_difference(verdict, path, text, expected, (double)NAN);
}

static void compare_number(cJSON *verdict, const char *path, const cJSON *expected, struct slice given) {
  double claimed = 0, right = strtod(text_of(expected, "hex"), NULL);
  if (!slice_number(given, RNNLOSS_CLIENT_F64, &claimed)) {
    no_number(verdict, path, given, text_of(expected, "decimal"));
    return;
  }
  if (!same(RNNLOSS_CLIENT_F64, &claimed, &right)) differ(verdict, path, "", RNNLOSS_CLIENT_F64, &claimed, &right);
}

/* ---- gradients ---- */

struct shape {
  size_t sizes[8], rank, count;
};

static struct shape shape_of(const cJSON *expected) {
  struct shape shape = {.count = 1};
  const cJSON *size = NULL;
  cJSON_ArrayForEach(size, get(expected, "shape")) {
    if (shape.rank == RNNLOSS_CLIENT_COUNT(shape.sizes)) die("a vector's tensor has too many axes");
    shape.count *= (size_t)size->valuedouble;
    shape.sizes[shape.rank++] = (size_t)size->valuedouble;
  }
  return shape;
}

static bool nested_as(struct slice value, const size_t *sizes, size_t rank) {
  struct slice list, item;
  size_t count = 0;
  if (!rank) return value.at < value.end && *value.at != '[';
  if (!slice_inside(value, '[', &list)) return false;
  for (; slice_next(&list, &item); count++) {
    if (!nested_as(item, sizes + 1, rank - 1)) return false;
  }
  return count == sizes[0];
}

static bool described_as(struct slice given, const char *dtype, const struct shape *shape) {
  struct slice value, list, item;
  size_t i = 0;
  if (!slice_find(given, "dtype", &value) || !slice_string(value, &value) || !slice_is(value, dtype)) return false;
  if (!slice_find(given, "shape", &value) || !slice_inside(value, '[', &list)) return false;
  for (; slice_next(&list, &item); i++) {
    double size = 0;
    if (i == shape->rank || !slice_number(item, RNNLOSS_CLIENT_F64, &size) || size != (double)shape->sizes[i])
      return false;
  }
  return i == shape->rank;
}

/* The elements, in whichever of the three forms they came; NULL, or why there are none. */
static const char *read_elements(struct slice given, const char *name, rnnloss_client_dtype dtype,
                                 const struct shape *shape, void *elements) {
  struct slice data, text;
  size_t written = 0;
  const size_t bytes = shape->count * rnnloss_client_dtype_size(dtype);
  if (given.at < given.end && *given.at == '[') {
    if (!nested_as(given, shape->sizes, shape->rank)) return "nested otherwise than its tensor";
    return slice_numbers(given, dtype, elements, shape->count) == shape->count ? NULL : "something is no number";
  }
  if (!described_as(given, name, shape)) return "another dtype or shape than its tensor";
  if (slice_find(given, "data", &data))
    return slice_numbers(data, dtype, elements, shape->count) == shape->count ? NULL : "data do not fill the shape";
  if (!slice_find(given, "data_base64", &data) || !slice_string(data, &text)) return "no data";
  const size_t length = (size_t)(text.end - text.at);
  if (length != BASE64_LENGTH(bytes)) return "data_base64 does not fill the shape";
  return base64_decode(text.at, length, elements, &written) && written == bytes ? NULL : "no base64";
}

static void compare_element(cJSON *verdict, const char *path, rnnloss_client_dtype dtype, const struct shape *shape,
                            const char *elements, size_t index, const char *bits) {
  const size_t size = rnnloss_client_dtype_size(dtype);
  const uint64_t expected = strtoull(bits, NULL, 16);
  if (index >= shape->count || same(dtype, elements + index * size, &expected)) return;
  char place[160] = "[";
  size_t below = shape->count;
  for (size_t axis = 0; axis < shape->rank; axis++) {
    below /= shape->sizes[axis];
    const size_t length = strlen(place);
    snprintf(place + length, sizeof place - length, "%s%zu", axis ? ", " : "", index / below % shape->sizes[axis]);
  }
  strncat(place, "]", sizeof place - strlen(place) - 1);
  differ(verdict, path, place, dtype, elements + index * size, &expected);
}

static void compare_elements(cJSON *verdict, const char *path, const cJSON *expected, rnnloss_client_dtype dtype,
                             const struct shape *shape, const char *elements) {
  const cJSON *item = NULL;
  const size_t before = verdict_differences(verdict);
  char hex[SHA256_HEX];
  size_t i = 0;
  cJSON_ArrayForEach(item, get(expected, "bits")) /* all of them, or a sample and the digest of all */
      compare_element(verdict, path, dtype, shape, elements, i++, cJSON_GetStringValue(item));
  if (i) return;
  cJSON_ArrayForEach(item, get(expected, "sample")) {
    const cJSON *index = cJSON_GetArrayItem(item, 0), *bits = cJSON_GetArrayItem(item, 1);
    if (!cJSON_IsNumber(index) || !cJSON_IsString(bits)) die("a vector's sample is not as it must be");
    compare_element(verdict, path, dtype, shape, elements, (size_t)index->valuedouble, cJSON_GetStringValue(bits));
  }
  sha256_hex(elements, shape->count * rnnloss_client_dtype_size(dtype), hex);
  if (verdict_differences(verdict) == before && strcmp(hex, text_of(expected, "sha256")) != 0)
    verdict_difference(verdict, path, hex, text_of(expected, "sha256"), (double)NAN);
}

static void compare_gradient(cJSON *verdict, const char *path, const cJSON *expected, struct slice given) {
  const char *name = text_of(expected, "dtype");
  const int found = dtype_find(name, strlen(name));
  const struct shape shape = shape_of(expected);
  if (found < 0) die("a vector's gradient has no dtype");
  const rnnloss_client_dtype dtype = (rnnloss_client_dtype)found;
  /* base64 of one element too many may be decoded before it is counted */
  char *elements = checked(malloc(shape.count * rnnloss_client_dtype_size(dtype) + 4));
  const char *why = read_elements(given, name, dtype, &shape, elements);
  if (why)
    verdict_difference(verdict, path, why, "as its tensor", (double)NAN);
  else
    compare_elements(verdict, path, expected, dtype, &shape, elements);
  free(elements);
}

/* ---- all of it ---- */

static void compare_member(void *context, const char *path, bool gradient, const cJSON *expected,
                           const struct slice *given) {
  cJSON *verdict = context;
  if (!given)
    verdict_difference(verdict, path, "missing", gradient ? "a gradient" : text_of(expected, "decimal"), (double)NAN);
  else if (gradient)
    compare_gradient(verdict, path, expected, *given);
  else
    compare_number(verdict, path, expected, *given);
}

static void compare_words(cJSON *verdict, const char *name, const cJSON *expected, struct slice given) {
  struct slice list, item, word;
  const cJSON *next = expected ? expected->child : NULL;
  bool equal = slice_inside(given, '[', &list);
  while (equal && slice_next(&list, &item)) {
    equal = next && slice_string(item, &word) && slice_is(word, cJSON_GetStringValue(next));
    if (next) next = next->next;
  }
  if (equal && !next) return;
  char *right = checked(cJSON_PrintUnformatted(expected));
  no_number(verdict, name, given, right);
  cJSON_free(right);
}

static void compare_rest(const struct vector *vector, struct slice output, cJSON *verdict) {
  static const char *const lists[] = {"unused", "warnings"};
  const cJSON *expect = get(vector->json, "expect");
  struct slice value, list, name;
  for (size_t i = 0; i < RNNLOSS_CLIENT_COUNT(lists); i++) {
    if (slice_find(output, lists[i], &value)) compare_words(verdict, lists[i], get(expect, lists[i]), value);
  }
  if (!slice_find(output, "terms", &value) || !slice_inside(value, '{', &list)) return;
  while (slice_member(&list, &name, &value)) {
    char path[64], term[32];
    snprintf(term, sizeof term, "%.*s", (int)(name.end - name.at < 31 ? name.end - name.at : 31), name.at);
    snprintf(path, sizeof path, "terms.%s", term);
    if (!get(get(expect, "terms"), term))
      verdict_difference(verdict, path, "given", "absent: it is not active", (double)NAN);
  }
}

void compare_exactly(const struct vector *vector, struct slice output, cJSON *verdict) {
  walk_expected(vector, output, compare_member, verdict);
  compare_rest(vector, output, verdict);
}
