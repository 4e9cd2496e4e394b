/* options.c - the command line, from one table */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const char help[] =
    "usage: rnnloss-check [OPTION...] FILE\n"
    "       rnnloss-check --vectors [OPTION...] [--] COMMAND [ARGUMENT...]\n"
    "\n"
    "Holds numbers, or a whole implementation, against the exact losses of a rnnlossd.\n"
    "\n"
    "FILE is a request as POST /loss or /validate takes it, .safetensors or .json; - is standard input. With claims in "
    "it\n"
    "it goes to /validate, which says whether they are right and, if not, what was computed instead; else to /loss.\n"
    "\n"
    "With --vectors COMMAND is run once for each conformance vector: a request of POST /loss in JSON on its standard\n"
    "input, the answer in JSON, as /loss gives it, on its standard output. What must be refused is answered by an "
    "object\n"
    "with the \"type\" of the problem; the exit status may then be what it likes.\n"
    "\n"
    "Whom to ask:\n"
    "  --url URL               http://HOST:PORT, https://HOST:PORT or unix:PATH; several by commas\n"
    "                          (default: RNNLOSS_URL, or http://127.0.0.1:8080)\n"
    "  --token-file FILE       a file with the token in it (default: RNNLOSS_TOKEN)\n"
    "  --ca FILE               PEM of the CAs to trust, instead of the system's\n"
    "  --cert FILE, --key FILE PEM of a certificate to show, and of its key\n"
    "\n"
    "A file:\n"
    "  --loss, --validate      post it there, whatever is in it\n"
    "  --lambda NAME=X         a weight, as fr=0.1\n"
    "  --option NAME=VALUE     an option of the request, as gradients=per_term or nonfinite=propagate\n"
    "  --timeout SECONDS       of the request as a whole (60)\n"
    "\n"
    "Tolerance (default: what torch.testing.assert_close has for the loosest dtype involved):\n"
    "  --rtol X, --atol X      |claim - right| <= atol + rtol |right|\n"
    "  --ulps N                or so many units in the last place\n"
    "  --tolerance-dtype D     whose default tolerance or ulps: F16, BF16, F32, F64\n"
    "\n"
    "Vectors:\n"
    "  --exact                 every bit must be right, of every vector; and `unused` and `warnings`, if they are "
    "given\n"
    "  --all                   by the tolerance, but every vector. Without it those are skipped that plain floating "
    "point\n"
    "                          can't get right, however honest: flags cancellation, large-numbers, overflow,\n"
    "                          rounding-border, subnormal\n"
    "  --only WORD             only vectors whose id has WORD in it, or whose group, flag or result it is; may be "
    "repeated\n"
    "  --skip WORD             not those\n"
    "  --jobs N                so many at once (1)\n"
    "  --timeout SECONDS       of one run of COMMAND (10); then it is ended\n"
    "\n"
    "Output:\n"
    "  --format text|json      text for people (default), or what the daemon answered; with --vectors, all outcomes\n"
    "  --color auto|always|never\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 valid, 1 not valid (or inconclusive), 2 an error: of usage, no daemon, a request that it "
    "refuses.\n";

void die(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("rnnloss-check: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(EXIT_ERROR);
}

void *checked(void *allocated) {
  if (!allocated) die("out of memory");
  return allocated;
}

/* ---- values ---- */

static double number_value(const char *flag, const char *text, double least, double most) {
  char *end = NULL;
  errno = 0;
  const double value = strtod(text, &end);
  if (end == text || *end || !(value >= least && value <= most))
    die("--%s: %s is no number from %g to %g", flag, text, least, most);
  return value;
}

static void add_pair(struct text *query, const char *prefix, const char *name, size_t length, const char *value) {
  char *copy = checked(malloc(length + 1));
  memcpy(copy, name, length);
  copy[length] = '\0';
  if (query->length) text_string(query, "&");
  text_string(query, prefix);
  text_escaped(query, copy);
  text_string(query, "=");
  text_escaped(query, value);
  free(copy);
  if (query->failed) die("out of memory");
}

static const char *equals(const char *flag, const char *value) {
  const char *sign = strchr(value, '=');
  if (!sign || sign == value) die("--%s: %s is not NAME=VALUE", flag, value);
  return sign;
}

static void read_token(struct options *options, const char *name) {
  char line[4096] = "";
  FILE *file = fopen(name, "r");
  if (!file) die("--token-file: %s: %s", name, strerror(errno));
  if (!fgets(line, sizeof line, file)) die("--token-file: %s is empty", name);
  fclose(file);
  if (strlen(line) == sizeof line - 1) die("--token-file: the line of %s is too long", name);
  line[strcspn(line, "\r\n")] = '\0';
  text_string(&options->token, line);
  if (options->token.failed) die("out of memory");
  options->settings.token = options->token.bytes;
}

static void add_word(const char ***list, size_t *count, const char *word) {
  *list = checked(realloc(*list, (*count + 2) * sizeof **list));
  (*list)[(*count)++] = word;
  (*list)[*count] = NULL;
}

/* ---- one function for each flag ---- */

typedef void set_option(struct options *options, const char *flag, const char *value);

static void set_url(struct options *options, const char *flag, const char *value) {
  (void)flag;
  if (options->endpoints.length) text_string(&options->endpoints, ",");
  text_string(&options->endpoints, value);
  if (options->endpoints.failed) die("out of memory");
  options->settings.endpoints = options->endpoints.bytes;
}

static void set_security(struct options *options, const char *flag, const char *value) {
  if (strcmp(flag, "token-file") == 0) read_token(options, value);
  if (strcmp(flag, "ca") == 0) options->settings.ca = value;
  if (strcmp(flag, "cert") == 0) options->settings.certificate = value;
  if (strcmp(flag, "key") == 0) options->settings.key = value;
}

static void set_route(struct options *options, const char *flag, const char *value) {
  (void)value;
  options->route = strcmp(flag, "loss") == 0 ? ROUTE_LOSS : ROUTE_VALIDATE;
}

static void set_lambda(struct options *options, const char *flag, const char *value) {
  static const char prefix[] = "lambda_";
  const char *sign = equals(flag, value);
  const bool whole = strncmp(value, prefix, sizeof prefix - 1) == 0;
  add_pair(&options->query, whole ? "" : prefix, value, (size_t)(sign - value), sign + 1);
}

static void set_any(struct options *options, const char *flag, const char *value) {
  const char *sign = equals(flag, value);
  if (strncmp(value, "gradients=", 10) == 0 || strncmp(value, "wrt=", 4) == 0) options->gradients_given = true;
  add_pair(&options->query, "", value, (size_t)(sign - value), sign + 1);
}

static void set_tolerance(struct options *options, const char *flag, const char *value) {
  const bool dtype = strcmp(flag, "tolerance-dtype") == 0;
  if (!dtype) number_value(flag, value, 0, HUGE_VAL);
  if (dtype && dtype_find(value, strlen(value)) < 0) die("--%s: %s is none of F16, BF16, F32, F64", flag, value);
  const char *name = dtype ? "tolerance_dtype" : flag;
  add_pair(&options->tolerance, "", name, strlen(name), value);
}

static void set_switch(struct options *options, const char *flag, const char *value) {
  (void)value;
  if (strcmp(flag, "vectors") == 0) options->vectors = true;
  if (strcmp(flag, "exact") == 0) options->exact = true;
  if (strcmp(flag, "all") == 0) options->all = true;
}

static void set_number(struct options *options, const char *flag, const char *value) {
  if (strcmp(flag, "timeout") == 0) options->timeout = number_value(flag, value, 0.001, 1e6);
  if (strcmp(flag, "jobs") == 0) options->jobs = (unsigned)number_value(flag, value, 1, 256);
}

static void set_word(struct options *options, const char *flag, const char *value) {
  if (strcmp(flag, "only") == 0)
    add_word(&options->only, &options->only_count, value);
  else
    add_word(&options->skip, &options->skip_count, value);
}

static void set_output(struct options *options, const char *flag, const char *value) {
  static const char *const formats[] = {"text", "json", NULL}, *const colors[] = {"auto", "always", "never", NULL};
  const bool format = strcmp(flag, "format") == 0;
  const char *const *words = format ? formats : colors;
  size_t i = 0;
  while (words[i] && strcmp(words[i], value) != 0) i++;
  if (!words[i]) die("--%s: %s is none of %s", flag, value, format ? "text, json" : "auto, always, never");
  if (format)
    options->json = i == 1;
  else
    options->color = (enum color)i;
}

static void say(struct options *options, const char *flag, const char *value) {
  (void)options;
  (void)value;
  if (strcmp(flag, "help") == 0)
    fputs(help, stdout);
  else
    puts("rnnloss-check " RNNLOSS_CLIENT_VERSION);
  exit(fflush(stdout) == 0 ? EXIT_VALID : EXIT_ERROR);
}

static const struct flag {
  const char *name;
  bool value; /* takes one */
  enum { BOTH, FILES, VECTORS } use;
  set_option *set;
} flags[] = {
    {"url", true, BOTH, set_url},
    {"token-file", true, BOTH, set_security},
    {"ca", true, BOTH, set_security},
    {"cert", true, BOTH, set_security},
    {"key", true, BOTH, set_security},
    {"loss", false, FILES, set_route},
    {"validate", false, FILES, set_route},
    {"lambda", true, FILES, set_lambda},
    {"option", true, FILES, set_any},
    {"rtol", true, BOTH, set_tolerance},
    {"atol", true, BOTH, set_tolerance},
    {"ulps", true, BOTH, set_tolerance},
    {"tolerance-dtype", true, BOTH, set_tolerance},
    {"vectors", false, BOTH, set_switch},
    {"exact", false, VECTORS, set_switch},
    {"all", false, VECTORS, set_switch},
    {"only", true, VECTORS, set_word},
    {"skip", true, VECTORS, set_word},
    {"jobs", true, VECTORS, set_number},
    {"timeout", true, BOTH, set_number},
    {"format", true, BOTH, set_output},
    {"color", true, BOTH, set_output},
    {"help", false, BOTH, say},
    {"version", false, BOTH, say},
};

static const struct flag *find_flag(const char *text, size_t length) {
  for (size_t i = 0; i < RNNLOSS_CLIENT_COUNT(flags); i++) {
    if (strlen(flags[i].name) == length && memcmp(flags[i].name, text, length) == 0) return &flags[i];
  }
  die("there is no option --%.*s; see rnnloss-check --help", (int)length, text);
}

/* The flag at argv[i], written --flag value or --flag=value; returns where the next one is. */
static int read_flag(int argc, char **argv, int i, struct options *options, const char *of[2]) {
  const char *text = argv[i] + 2, *value = strchr(text, '=');
  const struct flag *flag = find_flag(text, value ? (size_t)(value - text) : strlen(text));
  if (value && !flag->value) die("--%s takes no value", flag->name);
  if (!value && flag->value) {
    if (++i >= argc) die("--%s needs a value", flag->name);
    value = argv[i];
  } else if (value) {
    value++;
  }
  if (flag->use == FILES) of[0] = flag->name;
  if (flag->use == VECTORS) of[1] = flag->name;
  flag->set(options, flag->name, value);
  return i + 1;
}

void options_read(int argc, char **argv, struct options *options) {
  const char *of[2] = {NULL, NULL}; /* a flag that files, that vectors alone have */
  *options = (struct options){.jobs = 1};
  rnnloss_client_settings_init(&options->settings);
  int i = 1;
  while (i < argc && strncmp(argv[i], "--", 2) == 0 && argv[i][2]) i = read_flag(argc, argv, i, options, of);
  if (i < argc && strcmp(argv[i], "--") == 0) i++;
  if (i >= argc) die("%s is missing; see rnnloss-check --help", options->vectors ? "COMMAND" : "FILE");
  if (options->vectors && of[0]) die("--%s is for a file, not for --vectors", of[0]);
  if (!options->vectors && of[1]) die("--%s needs --vectors", of[1]);
  if (options->exact && options->tolerance.length) die("--exact leaves no tolerance");
  if (options->vectors) {
    options->command = argv + i;
    return;
  }
  options->file = argv[i++];
  while (i < argc && strncmp(argv[i], "--", 2) == 0 && argv[i][2]) i = read_flag(argc, argv, i, options, of);
  if (of[1]) die("--%s needs --vectors", of[1]);
  if (i < argc) die("one FILE at a time: what is %s?", argv[i]);
}

void options_free(struct options *options) {
  free(options->endpoints.bytes);
  free(options->token.bytes);
  free(options->query.bytes);
  free(options->tolerance.bytes);
  free((void *)options->only);
  free((void *)options->skip);
}

rnnloss_client *options_client(const struct options *options) {
  rnnloss_client_error error = {0};
  rnnloss_client_settings settings = options->settings;
  if (options->timeout > 0 && !options->vectors) settings.timeout = options->timeout;
  rnnloss_client *client = rnnloss_client_new(&settings, &error);
  if (!client) die("%s", error.detail);
  return client;
}
