/* report_text.c - the verdicts for people: text/plain and text/html, from one walk */
#include <string.h>

#include "validate.h"

struct page {
  struct text text;
  bool html;
};

/* As it is in plain text, escaped in HTML. */
static void words(struct page *page, const char *string) {
  for (; *string; string++) {
    const char *escape = *string == '<' ? "&lt;" : *string == '>' ? "&gt;" : *string == '&' ? "&amp;" : NULL;
    if (page->html && escape)
      text_string(&page->text, escape);
    else
      text_bytes(&page->text, string, 1);
  }
}

static void markup(struct page *page, const char *html, const char *plain) {
  text_string(&page->text, page->html ? html : plain);
}

/* Without the quotes that JSON needs around what is not finite. */
static void number(struct page *page, double value) {
  char text[NUMBER_TEXT_MAX + 1];
  const size_t length = number_write(RNNLOSS_F64, &value, text);
  const bool quoted = text[0] == '"';
  text_bytes(&page->text, text + quoted, length - 2 * (size_t)quoted);
}

static void padding(struct page *page, const char *word, size_t width) {
  for (size_t i = strlen(word); i < width && !page->html; i++) text_bytes(&page->text, " ", 1);
}

static void head(struct page *page, const struct validation *validation, const char *inputs_sha256) {
  static const char *const answers[] = {
      [RNN_PASS] = "valid", [RNN_FAIL] = "not valid", [RNN_INCONCLUSIVE] = "inconclusive"};
  const char *answer = answers[validation_verdict(validation)];
  markup(page,
         "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>rnnlossd: validation</title>\n"
         "<style>body{font-family:sans-serif;max-width:60em;margin:2em auto}table{border-collapse:collapse}"
         "td,th{text-align:left;vertical-align:top;padding:.2em .8em .2em 0}.fail{color:#b00}.pass{color:#070}"
         "code{font-size:90%}</style>\n<h1>",
         "");
  words(page, answer);
  markup(page, "</h1>\n<p>", "\n");
  words(page, "tolerance: ");
  const struct rnn_tolerance *tolerance = &validation->tolerance;
  words(page, validation->stated ? "as requested, " : "torch.testing.assert_close, ");
  words(page, rnnloss_dtype_name(tolerance->dtype));
  words(page, tolerance->by_ulps ? ", ulps " : ", rtol ");
  number(page, tolerance->by_ulps ? tolerance->ulps : tolerance->rtol);
  if (!tolerance->by_ulps) {
    words(page, ", atol ");
    number(page, tolerance->atol);
  }
  markup(page, "<br>\n", "\n");
  words(page, "inputs: sha256 ");
  words(page, inputs_sha256);
  markup(page, "</p>\n<table>\n", "\n\n");
}

static void releases(struct page *page, unsigned profiles) {
  for (size_t i = 0; i < rnn_profile_count; i++) {
    if (!(profiles >> i & 1)) continue;
    words(page, profiles & ((1u << i) - 1) ? ", " : " (as in ");
    words(page, rnn_profiles[i].id);
  }
  if (profiles) words(page, ")");
}

static void findings(struct page *page, const struct verdict *verdict) {
  if (verdict->misshapen) {
    markup(page, "<br>", "        ");
    words(page, verdict_misshapen());
    markup(page, "", "\n");
  }
  for (size_t i = 0; i < verdict->findings; i++) {
    const struct finding *finding = &verdict->finding[i];
    markup(page, "<br><b>", "        ");
    words(page, finding->id);
    markup(page, "</b>", "");
    words(page, finding->weak ? " (weak): " : ": ");
    words(page, finding->title);
    releases(page, finding->profiles);
    markup(page, "<br><code>", "\n          ");
    words(page, finding->relation);
    markup(page, "</code><br>", "\n          ");
    words(page, "fix: ");
    words(page, finding->fix);
    markup(page, "", "\n");
  }
  if (verdict->verdict == RNN_FAIL && !verdict->findings) {
    markup(page, "<br>", "        ");
    words(page, "no well-known other definition fits");
    markup(page, "", "\n");
  }
}

static void claim(struct page *page, const struct verdict *verdict) {
  static const char *const names[] = {[RNN_PASS] = "pass", [RNN_FAIL] = "fail", [RNN_INCONCLUSIVE] = "inconclusive"};
  const char *name = names[verdict->verdict];
  markup(page, "<tr><td class=\"", "");
  if (page->html) words(page, name);
  markup(page, "\">", "");
  words(page, name);
  padding(page, name, 8);
  markup(page, "<td><code>", "");
  words(page, verdict->path);
  padding(page, verdict->path, 24);
  markup(page, "</code><td>", "");
  if (verdict->claim) {
    words(page, "claimed ");
    number(page, verdict->x);
    words(page, ", canonical ");
    number(page, verdict->canonical);
  } else {
    text_unsigned(&page->text, verdict->judge.mismatched);
    words(page, " of ");
    text_unsigned(&page->text, verdict->judge.count);
    words(page, " mismatched, cosine ");
    number(page, rnn_judge_cosine(&verdict->judge));
    words(page, ", scale ");
    number(page, rnn_judge_scale(&verdict->judge));
  }
  markup(page, "", "\n");
  findings(page, verdict);
  markup(page, "\n", "");
}

char *report_text(const struct validation *validation, const char *inputs_sha256, bool html, size_t *length) {
  struct page page = {.text = {.arena = validation->request->arena}, .html = html};
  head(&page, validation, inputs_sha256);
  for (size_t i = 0; i < validation->count; i++) claim(&page, &validation->verdict[i]);
  markup(&page, "</table>\n<p>", "\n");
  words(&page, "rnnlossd " SERVER_VERSION ", contract ");
  text_unsigned(&page.text, RNNLOSS_CONTRACT);
  markup(&page, "</p>\n</html>\n", "\n");
  *length = page.text.length;
  return page.text.failed ? NULL : page.text.bytes;
}
