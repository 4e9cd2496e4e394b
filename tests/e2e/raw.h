/* raw.h - bare sockets to the daemon, for what no HTTP client would send */
#ifndef RAW_H
#define RAW_H

#include <stddef.h>

int raw_connect(const char *address); /* "http://127.0.0.1:40000", or https; reads wait 20 s at most */
void raw_send(int fd, const void *bytes, size_t length);
void raw_text(int fd, const char *text);
/* Reads to the end of the stream, or until the text (NULL: none) has come; what came, NUL-terminated. */
size_t raw_read(int fd, const char *until, char *out, size_t size);
/* Sends a ClientHello of TLS 1.minor that offers what suits 1.1 and what suits 1.2. *first is the first byte of the
 * answer: 22 is a ServerHello, 21 an alert; 0: there is none. */
int raw_hello(const char *address, unsigned char minor, int *first);

int shell(const char *command); /* its wait status: 0 if it succeeded */

/* A folder of its own for a test's files; the name of one of them in it. Both are valid until the program ends. */
const char *scratch_make(void);
void scratch_remove(void);
const char *scratch_path(const char *name);
/* Writes a file there, at one stroke, with these permissions. */
void scratch_write(const char *name, const char *text, unsigned mode);
/* The file as text; to be freed. */
char *scratch_read(const char *name);

/* Everything that this process and its daemons write to standard error goes to that file there, until NULL. */
void scratch_catch(const char *name);

/* CAs "ca" and "other"; "server", "client" of the first, "server2" (for 5 days), "stranger" of the second;
 * "expired" of the first: each NAME.pem and NAME.key. */
void scratch_certificates(void);

#endif
