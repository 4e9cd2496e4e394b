/* tokens.c - bearer tokens: a table of hashes that can be read anew while requests are in flight
 *
 * Only SHA-256 hashes of tokens are kept, and what is presented is hashed and held against all of
 * them: how long that takes says nothing of how much of it was right.
 */
#include <gnutls/crypto.h>
#include <stdio.h>
#include <string.h>

#include "server.h"

#define TOKENS_MAX 1024
#define TOKEN_MIN 16
#define TOKEN_MAX 4096
#define FILE_MAX ((size_t)8 << 20)
#define HASH_BYTES 32

struct token {
  unsigned char hash[HASH_BYTES];
  struct holder *holder;
};
struct table {
  size_t count;
  struct token tokens[TOKENS_MAX];
};
struct tokens {
  pthread_rwlock_t lock;
  const char *path;
  struct table *table;
  struct holder *holders;
};

/* ---- Reading ------------------------------------------------------------------------------------------ */

struct reading {
  const char *path;
  struct table *table;
  struct holder *fresh; /* of names that the present table lacks */
  struct holder *known;
  size_t line;
  char *error;
  size_t error_size;
};

/* The phrase never quotes a token. */
PRINTF_LIKE(2, 3) static bool wrong(struct reading *reading, const char *format, ...) {
  char phrase[160];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(phrase, sizeof phrase, format, arguments);
  va_end(arguments);
  snprintf(reading->error, reading->error_size, "%.200s: line %zu: %s", reading->path, reading->line, phrase);
  return false;
}

static bool is_one_of(char c, const char *others) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr(others, c));
}

static bool is_name(const char *text, size_t length) {
  for (size_t i = 0; i < length; i++) {
    if (!is_one_of(text[i], "_.-")) return false;
  }
  return length > 0 && length <= HOLDER_NAME_MAX;
}

/* RFC 6750's b64token: "=" stands at the end only. */
static bool is_token(const char *text, size_t length) {
  size_t body = length;
  while (body > 0 && text[body - 1] == '=') body--;
  for (size_t i = 0; i < body; i++) {
    if (!is_one_of(text[i], "-._~+/")) return false;
  }
  return body > 0;
}

static struct holder *find_holder(struct holder *list, const char *name, size_t length) {
  while (list && (strlen(list->name) != length || memcmp(list->name, name, length) != 0)) list = list->next;
  return list;
}

/* The one that the name has now, or a fresh one. NULL: no memory. */
static struct holder *holder_of(struct reading *reading, const char *name, size_t length) {
  struct holder *holder = find_holder(reading->known, name, length);
  if (!holder) holder = find_holder(reading->fresh, name, length);
  if (holder) return holder;
  holder = memory_allocate(sizeof *holder);
  if (!holder) return NULL;
  *holder = (struct holder){.next = reading->fresh};
  memcpy(holder->name, name, length);
  reading->fresh = holder;
  return holder;
}

static bool add_token(struct reading *reading, const char *name, size_t name_length, const char *text, size_t length) {
  struct table *table = reading->table;
  if (table->count == TOKENS_MAX) return wrong(reading, "more than %d tokens", TOKENS_MAX);
  struct token *token = &table->tokens[table->count];
  if (gnutls_hash_fast(GNUTLS_DIG_SHA256, text, length, token->hash) < 0) return wrong(reading, "no hash of the token");
  for (size_t i = 0; i < table->count; i++) {
    if (memcmp(table->tokens[i].hash, token->hash, HASH_BYTES) == 0)
      return wrong(reading, "the token was there before");
  }
  token->holder = holder_of(reading, name, name_length);
  if (!token->holder) return wrong(reading, "no memory to keep it");
  table->count++;
  return true;
}

/* A line of two words, of white space, or of a comment. */
static bool read_line(struct reading *reading, const char *line, size_t length) {
  static const char space[] = " \t\r";
  const char *end = line + length;
  while (line < end && strchr(space, *line)) line++;
  while (end > line && strchr(space, end[-1])) end--;
  if (line == end || *line == '#') return true;
  if (memchr(line, '\0', (size_t)(end - line))) return wrong(reading, "a NUL byte");
  size_t name = strcspn(line, " \t\r\n");
  const char *token = line + name + strspn(line + name, " \t");
  if (token >= end) return wrong(reading, "expected NAME TOKEN, found one word");
  size_t token_length = (size_t)(end - token);
  if (!is_name(line, name)) {
    return wrong(reading, "the name must be 1 to %d letters, digits or _.-", HOLDER_NAME_MAX);
  }
  if (token_length < TOKEN_MIN) {
    return wrong(reading, "the token is shorter than %d characters, and could be guessed", TOKEN_MIN);
  }
  if (token_length > TOKEN_MAX) return wrong(reading, "the token is longer than %d characters", TOKEN_MAX);
  if (!is_token(token, token_length)) {
    return wrong(reading, "the token must be one word of letters, digits or -._~+/, with = at its end only");
  }
  return add_token(reading, line, name, token, token_length);
}

static bool read_lines(struct reading *reading, const struct file *file) {
  const char *at = file->bytes, *end = file->bytes + file->length;
  while (at < end) {
    const char *next = memchr(at, '\n', (size_t)(end - at));
    size_t length = (size_t)((next ? next : end) - at);
    reading->line++;
    if (!read_line(reading, at, length)) return false;
    at += length + 1;
  }
  if (reading->table->count > 0) return true;
  snprintf(reading->error, reading->error_size, "%.200s: holds no token", reading->path);
  return false;
}

/* ---- Taking over ---------------------------------------------------------------------------------------- */

static void release_holders(struct holder *holder) {
  while (holder) {
    struct holder *next = holder->next;
    memory_release(holder);
    holder = next;
  }
}

/* Under the lock: names that are gone are forgotten once their last request is. */
static void replace(struct tokens *tokens, struct table *table, struct holder *fresh) {
  while (fresh) {
    struct holder *next = fresh->next;
    fresh->next = tokens->holders;
    tokens->holders = fresh;
    fresh = next;
  }
  memory_release(tokens->table);
  tokens->table = table;
  for (struct holder *holder = tokens->holders; holder; holder = holder->next) holder->named = false;
  for (size_t i = 0; i < table->count; i++) table->tokens[i].holder->named = true;
  for (struct holder **link = &tokens->holders; *link;) {
    struct holder *holder = *link;
    if (holder->named || atomic_load(&holder->in_flight) > 0) {
      link = &holder->next;
    } else {
      *link = holder->next;
      memory_release(holder);
    }
  }
}

bool tokens_load(struct tokens *tokens, char *error, size_t size) {
  struct file file;
  if (!file_read(&file, tokens->path, FILE_MAX, error, size)) return false;
  if (file.open_to_all) log_line(LOG_WARNING, "tokens", "%s: everybody on this machine may read it", tokens->path);
  /* Only this thread ever adds holders or frees them, so the list may be read without the lock. */
  struct reading reading = {.path = tokens->path, .known = tokens->holders, .error = error, .error_size = size};
  reading.table = memory_allocate(sizeof *reading.table);
  bool good = reading.table != NULL;
  if (good) {
    reading.table->count = 0;
    good = read_lines(&reading, &file);
  } else {
    snprintf(error, size, "%.200s: no memory to read it", tokens->path);
  }
  file_release(&file);
  if (good) {
    pthread_rwlock_wrlock(&tokens->lock);
    replace(tokens, reading.table, reading.fresh);
    pthread_rwlock_unlock(&tokens->lock);
  } else {
    release_holders(reading.fresh);
    memory_release(reading.table);
  }
  return good;
}

struct tokens *tokens_create(const char *path) {
  struct tokens *tokens = memory_allocate(sizeof *tokens);
  if (!tokens) return NULL;
  *tokens = (struct tokens){.path = path};
  if (pthread_rwlock_init(&tokens->lock, NULL) == 0) return tokens;
  memory_release(tokens);
  return NULL;
}

void tokens_release(struct tokens *tokens) {
  if (!tokens) return;
  release_holders(tokens->holders);
  memory_release(tokens->table);
  pthread_rwlock_destroy(&tokens->lock);
  memory_release(tokens);
}

void tokens_count(struct tokens *tokens, size_t *count, size_t *names) {
  pthread_rwlock_rdlock(&tokens->lock);
  *count = tokens->table ? tokens->table->count : 0;
  *names = 0;
  for (const struct holder *holder = tokens->holders; holder; holder = holder->next) *names += holder->named;
  pthread_rwlock_unlock(&tokens->lock);
}

/* ---- Asking --------------------------------------------------------------------------------------------- */

static struct holder *find(const struct table *table, const unsigned char hash[HASH_BYTES]) {
  size_t found = SIZE_MAX;
  for (size_t i = 0; i < table->count; i++) {
    size_t equal = (size_t)0 - (size_t)(gnutls_memcmp(table->tokens[i].hash, hash, HASH_BYTES) == 0);
    found = (equal & i) | (~equal & found); /* all of them are looked at, whichever it is */
  }
  return found == SIZE_MAX ? NULL : table->tokens[found].holder;
}

static bool enter(struct holder *holder, unsigned most) {
  unsigned before = atomic_fetch_add(&holder->in_flight, 1);
  if (most == 0 || before < most) return true;
  atomic_fetch_sub(&holder->in_flight, 1);
  return false;
}

enum token_verdict tokens_enter(struct tokens *tokens, const char *token, unsigned most, struct holder **holder) {
  unsigned char hash[HASH_BYTES];
  if (gnutls_hash_fast(GNUTLS_DIG_SHA256, token, strlen(token), hash) < 0) return TOKEN_WRONG;
  enum token_verdict verdict = TOKEN_WRONG;
  pthread_rwlock_rdlock(&tokens->lock); /* until the request is counted: from then on its holder stays */
  *holder = tokens->table ? find(tokens->table, hash) : NULL;
  if (*holder) verdict = enter(*holder, most) ? TOKEN_GOOD : TOKEN_BUSY;
  pthread_rwlock_unlock(&tokens->lock);
  if (verdict != TOKEN_GOOD) *holder = NULL;
  return verdict;
}

void holder_leave(struct holder *holder) {
  if (holder) atomic_fetch_sub(&holder->in_flight, 1);
}
