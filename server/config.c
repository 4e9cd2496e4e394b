/* config.c - one table of options: flag, variable, default and help of each come from its row */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_values.h"
#include "server.h"

#define PREFIX "RNNLOSSD_"
#define NAME_MAX_BYTES 64
#define THREADS_DEFAULT_MAX 16
#define THREADS_MAX 128

#define AT(member) offsetof(struct config, member)
static const struct option options[] = {
    {"listen", KIND_LISTEN, "ADDRESS", "127.0.0.1:8080", 0, 0, 0,
     "HOST:PORT, [IPV6]:PORT or unix:PATH; port 0 picks a free one; may be repeated"},
    {"max-body", KIND_BYTES, "BYTES", "1GiB", AT(max_body), 1024, (uint64_t)1 << 50,
     "largest body taken; K, M and G (or KiB, MiB, GiB) count in 1024"},
    {"max-memory", KIND_BYTES, "BYTES", NULL, AT(max_memory), (uint64_t)16 << 20, (uint64_t)1 << 50,
     "memory for all requests and connections; default: half of what there is"},
    {"max-neurons", KIND_LARGE, "N", "131072", AT(max_neurons), 1, RNNLOSS_MAX_NEURONS, "largest N_hid taken"},
    {"max-connections", KIND_SMALL, "N", "2048", AT(max_connections), 1, 1000000, "connections at once"},
    {"header-timeout", KIND_SMALL, "SECONDS", "10", AT(header_seconds), 1, 86400,
     "how long a request's headers may take"},
    {"transfer-timeout", KIND_SMALL, "SECONDS", "10", AT(transfer_seconds), 1, 86400,
     "how long a body or an answer may take, and its bytes / min-rate beyond"},
    {"min-rate", KIND_BYTES, "BYTES", "1MiB", AT(min_rate), 1, (uint64_t)1 << 50, "bytes a second, see above"},
    {"idle-timeout", KIND_SMALL, "SECONDS", "60", AT(idle_seconds), 1, 86400, "how long a connection may be silent"},
    {"threads", KIND_SMALL, "N", NULL, AT(threads), 1, THREADS_MAX,
     "event loops; default: the processors it may use, at most 16"},
    {"allow-origin", KIND_ORIGIN, "ORIGIN", NULL, AT(allow_origin), 0, 0,
     "let web pages of this origin (or *) call it; default: none"},
    {"allow-anonymous", KIND_BOOLEAN, NULL, "false", AT(allow_anonymous), 0, 1,
     "listen beyond loopback although anybody there may call"},
    {"tokens", KIND_FILE, "FILE", NULL, AT(tokens), 0, 0, "ask for a bearer token; a line each: NAME TOKEN"},
    {"max-requests-per-token", KIND_SMALL, "N", "0", AT(max_requests_per_token), 0, 1000000,
     "requests in flight of one NAME, at most; 0: any number"},
    {"metrics-anonymous", KIND_BOOLEAN, NULL, "false", AT(metrics_anonymous), 0, 1,
     "/metrics asks for neither token nor certificate"},
    {"tls-cert", KIND_FILE, "FILE", NULL, AT(tls_cert), 0, 0, "speak TLS: the certificate chain, PEM"},
    {"tls-key", KIND_FILE, "FILE", NULL, AT(tls_key), 0, 0, "its private key, PEM"},
    {"tls-client-ca", KIND_FILE, "FILE", NULL, AT(tls_client_ca), 0, 0,
     "ask for a client certificate that one of these CAs has signed, PEM"},
    {"unix-mode", KIND_MODE, "MODE", NULL, AT(unix_mode), 1, 0777,
     "permissions of unix sockets, octal, as 0660; default: by the umask"},
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
  *config = (struct config){.threads = processors(), .max_memory = limits_memory() / 2};
  for (size_t i = 0; i < OPTIONS; i++) {
    struct reading reading = {.config = config, .option = &options[i]};
    if (options[i].standard) value_set(&reading, options[i].standard);
  }
}

/* Lists are written with commas in a variable. */
static bool read_listed(struct reading *reading, const char *text) {
  struct config *config = reading->config;
  size_t length = strlen(text);
  if (length >= sizeof config->listen_text)
    return value_expect(reading, "fewer than %zu bytes", sizeof config->listen_text);
  memcpy(config->listen_text, text, length + 1);
  config->listen_count = 0;
  config->listen_given = true;
  for (char *address = config->listen_text, *comma; address; address = comma ? comma + 1 : NULL) {
    comma = strchr(address, ',');
    if (comma) *comma = '\0';
    if (!value_listen(reading, address)) return false;
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
  printf("\n  --check [URL]\n        exit 0 if GET /readyz there succeeds within 5 s, else 1; default: the first\n"
         "        address of --listen; http://HOST:PORT[/PATH], https:// or unix:PATH\n"
         "  --help, --version\n        print this, or the version, and exit\n\n"
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

/* --check, --check=URL or --check URL, which is none if it looks like a flag; false: it is another flag. */
static bool read_check(struct config *config, char **argv, int i, int *used) {
  const char *after = argv[i] + strlen("--check"), *next = argv[i + 1];
  if (strncmp(argv[i], "--check", strlen("--check")) != 0 || (*after && *after != '=')) return false;
  bool separate = !*after && next && strncmp(next, "--", 2) != 0;
  config->check = separate ? next : *after ? after + 1 : after;
  *used = separate ? 2 : 1;
  return true;
}

/* Options that make sense only together. */
static enum config_outcome check_together(const struct config *config) {
  const struct pair {
    bool wrong;
    const char *name, *why;
  } pairs[] = {{config->tls_cert && !config->tls_key, "--tls-cert", "needs --tls-key, too"},
               {config->tls_key && !config->tls_cert, "--tls-key", "needs --tls-cert, too"},
               {config->tls_client_ca && !config->tls_cert, "--tls-client-ca", "needs --tls-cert and --tls-key, too"},
               {config->max_requests_per_token && !config->tokens, "--max-requests-per-token", "needs --tokens, too"}};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    if (pairs[i].wrong) return wrong(pairs[i].name, NULL, pairs[i].why, "");
  }
  return CONFIG_RUN;
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
    if (!read_check(config, argv, i, &used)) outcome = read_flag(config, argv, i, &used, &seen);
  }
  if (outcome == CONFIG_RUN) outcome = check_together(config);
  return outcome == CONFIG_RUN && config->check ? CONFIG_CHECK : outcome;
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
