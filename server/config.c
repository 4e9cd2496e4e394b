/* config.c - one table of options: flag, variable, default and help of each come from its row */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"

#define PREFIX "RNNLOSSD_"
#define NAME_MAX_BYTES 64
#define THREADS_DEFAULT_MAX 16
#define THREADS_MAX 128

enum kind { KIND_LISTEN, KIND_BYTES, KIND_LARGE, KIND_SMALL, KIND_ORIGIN, KIND_BOOLEAN, KIND_LEVEL, KIND_FORMAT };

struct option {
  const char *flag; /* without its dashes; the variable and the name in /version are made of it */
  enum kind kind;
  const char *argument; /* its name in --help; NULL: the flag stands alone */
  const char *standard; /* the default, as it would be written; NULL: none, or found at the start */
  size_t offset;        /* in struct config */
  uint64_t least, most; /* of a number */
  const char *help;
};

#define AT(member) offsetof(struct config, member)
static const struct option options[] = {
    {"listen", KIND_LISTEN, "ADDRESS", "127.0.0.1:8080", 0, 0, 0,
     "HOST:PORT, [IPV6]:PORT or unix:PATH; port 0 picks a free one; may be repeated"},
    {"max-body", KIND_BYTES, "BYTES", "1GiB", AT(max_body), 1024, (uint64_t)1 << 50,
     "largest body taken; K, M and G (or KiB, MiB, GiB) count in 1024"},
    {"max-neurons", KIND_LARGE, "N", "131072", AT(max_neurons), 1, RNNLOSS_MAX_NEURONS, "largest N_hid taken"},
    {"threads", KIND_SMALL, "N", NULL, AT(threads), 1, THREADS_MAX,
     "event loops; default: the processors it may use, at most 16"},
    {"allow-origin", KIND_ORIGIN, "ORIGIN", NULL, AT(allow_origin), 0, 0,
     "let web pages of this origin (or *) call it; default: none"},
    {"allow-anonymous", KIND_BOOLEAN, NULL, "false", AT(allow_anonymous), 0, 1,
     "listen beyond loopback although anybody there may call"},
    {"drain-timeout", KIND_SMALL, "SECONDS", "30", AT(drain_seconds), 0, 86400,
     "how long SIGTERM waits for requests in flight"},
    {"drain-delay", KIND_SMALL, "SECONDS", "0", AT(drain_delay), 0, 86400,
     "how long /readyz says 503, with all else as ever, before that"},
    {"log-level", KIND_LEVEL, "LEVEL", "info", AT(log_level), 0, 0, "error, warning, info or debug"},
    {"log-format", KIND_FORMAT, "FORMAT", "logfmt", AT(log_format), 0, 0, "logfmt, or json: an object a line"},
    {"access-log", KIND_BOOLEAN, NULL, "false", AT(access_log), 0, 1, "a line for each request, whatever the level is"},
};
#define OPTIONS (sizeof options / sizeof *options)

/* --help puts a title before these options; those that follow belong to it. */
static const struct group {
  const char *first, *title;
} groups[] = {{"listen", "Where it listens"},
              {"max-body", "How much it takes"},
              {"allow-origin", "Who may call"},
              {"drain-timeout", "How it ends"},
              {"log-level", "What it says, on standard error"}};

/* ---- Values: each reader says what it expected, and returns false, if the text is not that ---------- */

struct reading {
  struct config *config;
  const struct option *option;
  char expected[128];
};

PRINTF_LIKE(2, 3) static bool expect(struct reading *reading, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reading->expected, sizeof reading->expected, format, arguments);
  va_end(arguments);
  return false;
}

/* digits of text, times unit. */
static bool read_number(struct reading *reading, const char *text, size_t digits, uint64_t unit, uint64_t *value) {
  const struct option *option = reading->option;
  errno = 0;
  uint64_t number = strtoull(text, NULL, 10);
  if (digits == 0 || digits != strspn(text, "0123456789") || errno || number > UINT64_MAX / unit ||
      number * unit < option->least || number * unit > option->most) {
    return expect(reading, "a whole number from %llu to %llu", (unsigned long long)option->least,
                  (unsigned long long)option->most);
  }
  *value = number * unit;
  return true;
}

static bool read_bytes(struct reading *reading, const char *text, uint64_t *value) {
  static const struct unit {
    const char *binary, *short_binary, *decimal;
    uint64_t binary_bytes, decimal_bytes;
  } units[] = {{"", "", "", 1, 1},
               {"KiB", "K", "kB", (uint64_t)1 << 10, 1000},
               {"MiB", "M", "MB", (uint64_t)1 << 20, 1000000},
               {"GiB", "G", "GB", (uint64_t)1 << 30, 1000000000},
               {"TiB", "T", "TB", (uint64_t)1 << 40, 1000000000000}};
  size_t digits = strspn(text, "0123456789");
  const char *written = text + digits;
  for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
    const struct unit *unit = &units[i];
    bool binary = strcmp(written, unit->binary) == 0 || strcmp(written, unit->short_binary) == 0;
    if (!binary && strcmp(written, unit->decimal) != 0) continue;
    return read_number(reading, text, digits, binary ? unit->binary_bytes : unit->decimal_bytes, value);
  }
  return expect(reading, "bytes, as 1048576, 512M or 1GiB");
}

static bool read_boolean(struct reading *reading, const char *text, bool *value) {
  bool yes = strcmp(text, "1") == 0 || strcmp(text, "true") == 0;
  bool no = strcmp(text, "0") == 0 || strcmp(text, "false") == 0;
  if (!yes && !no) return expect(reading, "1, 0, true or false");
  *value = yes;
  return true;
}

/* One of the names: its index. */
static bool read_choice(struct reading *reading, const char *text, const char *const *names, int *value) {
  for (*value = 0; names[*value]; ++*value) {
    if (strcmp(text, names[*value]) == 0) return true;
  }
  return expect(reading, "%s", reading->option->help);
}

static bool read_level(struct reading *reading, const char *text, enum log_level *value) {
  static const char *const names[] = {"error", "warning", "info", "debug", NULL};
  int choice = 0;
  if (!read_choice(reading, text, names, &choice)) return false;
  *value = (enum log_level)choice;
  return true;
}

static bool read_format(struct reading *reading, const char *text, enum log_format *value) {
  static const char *const names[] = {"logfmt", "json", NULL};
  int choice = 0;
  if (!read_choice(reading, text, names, &choice)) return false;
  *value = (enum log_format)choice;
  return true;
}

/* It will be the value of a header as it is: visible ASCII, and an origin, not a URL with a path. */
static bool read_origin(struct reading *reading, const char *text, const char **value) {
  const char *host = strstr(text, "://");
  bool fits = strcmp(text, "*") == 0 || (host && host > text && host[3] && !strpbrk(host + 3, "/?#@,"));
  for (const char *c = text; *c; c++) fits = fits && *c > ' ' && *c < 0x7f;
  if (!fits) return expect(reading, "* or one origin, as https://example.org");
  *value = text;
  return true;
}

static bool add_listen(struct reading *reading, const char *address) {
  struct config *config = reading->config;
  if (!*address) return expect(reading, "HOST:PORT or unix:PATH");
  if (config->listen_count == LISTEN_MAX) return expect(reading, "at most %d addresses", LISTEN_MAX);
  config->listen[config->listen_count++] = address;
  return true;
}

static bool value_set(struct reading *reading, const char *text) {
  void *member = (char *)reading->config + reading->option->offset;
  uint64_t number = 0;
  switch (reading->option->kind) {
  case KIND_LISTEN:
    return add_listen(reading, text);
  case KIND_BYTES:
    return read_bytes(reading, text, member);
  case KIND_LARGE:
    return read_number(reading, text, strlen(text), 1, member);
  case KIND_SMALL:
    if (!read_number(reading, text, strlen(text), 1, &number)) return false;
    *(unsigned *)member = (unsigned)number;
    return true;
  case KIND_ORIGIN:
    return read_origin(reading, text, member);
  case KIND_BOOLEAN:
    return read_boolean(reading, text, member);
  case KIND_LEVEL:
    return read_level(reading, text, member);
  case KIND_FORMAT:
    return read_format(reading, text, member);
  }
  return expect(reading, "another option");
}

/* ---- Sources: defaults, then variables, then flags --------------------------------------------------- */

/* RNNLOSSD_MAX_BODY of max-body; with an empty prefix and lower case, max_body. */
static void name_make(char name[NAME_MAX_BYTES], const char *prefix, const char *flag, bool upper) {
  size_t length = (size_t)snprintf(name, NAME_MAX_BYTES, "%s%s", prefix, flag);
  for (size_t i = strlen(prefix); i < length; i++) {
    if (name[i] == '-') name[i] = '_';
    if (upper && name[i] >= 'a' && name[i] <= 'z') name[i] = (char)(name[i] - 'a' + 'A');
  }
}

static enum config_outcome wrong(const char *name, const char *text, const char *why, const char *expected) {
  if (text) {
    fprintf(stderr, "rnnlossd: %s: \"%s\": %s%s\n", name, text, why, expected);
  } else {
    fprintf(stderr, "rnnlossd: %s: %s%s\n", name, why, expected);
  }
  return CONFIG_WRONG;
}

static unsigned processors(void) {
  cpu_set_t allowed;
  int count = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
  if (count < 1) count = 1;
  return count > THREADS_DEFAULT_MAX ? THREADS_DEFAULT_MAX : (unsigned)count;
}

static void set_defaults(struct config *config) {
  *config = (struct config){.threads = processors()};
  for (size_t i = 0; i < OPTIONS; i++) {
    struct reading reading = {.config = config, .option = &options[i]};
    if (options[i].standard) value_set(&reading, options[i].standard);
  }
}

/* Lists are written with commas in a variable. */
static bool read_listed(struct reading *reading, const char *text) {
  struct config *config = reading->config;
  size_t length = strlen(text);
  if (length >= sizeof config->listen_text) return expect(reading, "fewer than %zu bytes", sizeof config->listen_text);
  memcpy(config->listen_text, text, length + 1);
  config->listen_count = 0;
  for (char *address = config->listen_text, *comma; address; address = comma ? comma + 1 : NULL) {
    comma = strchr(address, ',');
    if (comma) *comma = '\0';
    if (!add_listen(reading, address)) return false;
  }
  return true;
}

static const struct option *option_of_variable(const char *variable, size_t length) {
  char name[NAME_MAX_BYTES];
  for (size_t i = 0; i < OPTIONS; i++) {
    name_make(name, PREFIX, options[i].flag, true);
    if (strlen(name) == length && memcmp(name, variable, length) == 0) return &options[i];
  }
  return NULL;
}

/* Kubernetes injects these for a Service named rnnlossd. */
static bool is_injected(const char *variable) {
  return strncmp(variable, PREFIX "PORT=", 14) == 0 || strncmp(variable, PREFIX "PORT_", 14) == 0 ||
         strncmp(variable, PREFIX "SERVICE_", 17) == 0;
}

static enum config_outcome read_variables(struct config *config, char **environment) {
  for (char **variable = environment; variable && *variable; variable++) {
    const char *equals = strchr(*variable, '=');
    if (!equals || strncmp(*variable, PREFIX, strlen(PREFIX)) != 0 || is_injected(*variable)) continue;
    size_t length = (size_t)(equals - *variable);
    char name[NAME_MAX_BYTES];
    snprintf(name, sizeof name, "%.*s", (int)(length < 60 ? length : 60), *variable);
    struct reading reading = {.config = config, .option = option_of_variable(*variable, length)};
    if (!reading.option) return wrong(name, NULL, "there is no such variable; see rnnlossd --help", "");
    config->listen_given = config->listen_given || reading.option->kind == KIND_LISTEN;
    bool fits =
        reading.option->kind == KIND_LISTEN ? read_listed(&reading, equals + 1) : value_set(&reading, equals + 1);
    if (!fits) return wrong(name, equals + 1, "expected ", reading.expected);
  }
  return CONFIG_RUN;
}

static const struct option *option_of_flag(const char *flag, size_t length) {
  for (size_t i = 0; i < OPTIONS; i++) {
    if (strlen(options[i].flag) == length && memcmp(options[i].flag, flag, length) == 0) return &options[i];
  }
  return NULL;
}

static void print_help(void) {
  printf("rnnlossd " SERVER_VERSION ": exact losses of recurrent neural networks, over HTTP\n\n"
         "usage: rnnlossd [--flag value | --flag=value]...\n\n");
  for (size_t i = 0; i < OPTIONS; i++) {
    char variable[NAME_MAX_BYTES];
    name_make(variable, PREFIX, options[i].flag, true);
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
      if (strcmp(groups[g].first, options[i].flag) == 0) printf("%s%s:\n", g ? "\n" : "", groups[g].title);
    }
    printf("  --%s%s%s  (%s)", options[i].flag, options[i].argument ? " " : "",
           options[i].argument ? options[i].argument : "", variable);
    if (options[i].standard) printf("  [%s]", options[i].standard);
    printf("\n        %s\n", options[i].help);
  }
  printf("\n  --help, --version\n        print this, or the version, and exit\n\n"
         "A flag beats the variable that stands after it in parentheses, a variable the\n"
         "default in brackets. Booleans in variables are 1, 0, true or false; several\n"
         "addresses in RNNLOSSD_LISTEN are separated by commas.\n\n"
         "SIGTERM and SIGINT end it once the requests in flight are answered; a second one\n"
         "ends it at once. SIGHUP makes it read anew what can change. It serves sockets\n"
         "that systemd passes, and tells systemd when it is ready.\n");
}

/* One flag at argv[i]; *used is how many arguments it took. seen: a bit for each option that a flag has set. */
static enum config_outcome read_flag(struct config *config, char **argv, int i, int *used, uint64_t *seen) {
  const char *argument = argv[i];
  if (strncmp(argument, "--", 2) != 0) return wrong(argument, NULL, "flags begin with --; see rnnlossd --help", "");
  const char *equals = strchr(argument, '=');
  size_t length = equals ? (size_t)(equals - argument) - 2 : strlen(argument) - 2;
  char name[NAME_MAX_BYTES];
  snprintf(name, sizeof name, "--%.*s", (int)(length < 60 ? length : 60), argument + 2);

  struct reading reading = {.config = config, .option = option_of_flag(argument + 2, length)};
  const struct option *option = reading.option;
  if (!option) return wrong(name, NULL, "there is no such flag; see rnnlossd --help", "");
  const char *value = equals ? equals + 1 : option->argument ? argv[i + 1] : "true";
  *used = option->argument && !equals ? 2 : 1;
  if (!value) return wrong(name, NULL, "a value is missing: ", option->argument);

  _Static_assert(OPTIONS <= 64, "a bit for each option");
  uint64_t bit = (uint64_t)1 << (option - options);
  if (option->kind != KIND_LISTEN && *seen & bit) return wrong(name, NULL, "given twice", "");
  if (option->kind == KIND_LISTEN && !(*seen & bit)) config->listen_count = 0;
  if (option->kind == KIND_LISTEN) config->listen_given = true;
  *seen |= bit;
  return value_set(&reading, value) ? CONFIG_RUN : wrong(name, value, "expected ", reading.expected);
}

enum config_outcome config_read(struct config *config, int argc, char **argv, char **environment) {
  for (int i = 1; i < argc; i++) {
    bool help = strcmp(argv[i], "--help") == 0;
    if (!help && strcmp(argv[i], "--version") != 0) continue;
    if (help) {
      print_help();
    } else {
      printf("rnnlossd " SERVER_VERSION "\n");
    }
    return fflush(stdout) == 0 ? CONFIG_EXIT : CONFIG_WRONG;
  }
  set_defaults(config);
  enum config_outcome outcome = read_variables(config, environment);
  uint64_t seen = 0;
  for (int i = 1, used = 1; outcome == CONFIG_RUN && i < argc; i += used) {
    outcome = read_flag(config, argv, i, &used, &seen);
  }
  return outcome;
}

void config_each(const struct config *config, void (*visit)(void *context, const char *name, uint64_t value),
                 void *context) {
  for (size_t i = 0; i < OPTIONS; i++) {
    const void *member = (const char *)config + options[i].offset;
    bool large = options[i].kind == KIND_BYTES || options[i].kind == KIND_LARGE;
    if (!large && options[i].kind != KIND_SMALL) continue;
    char name[NAME_MAX_BYTES];
    name_make(name, "", options[i].flag, false);
    visit(context, name, large ? *(const uint64_t *)member : *(const unsigned *)member);
  }
}
