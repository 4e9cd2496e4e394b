/* tls.c - certificates and client CAs, which can be read anew while connections are open
 *
 * The HTTP library asks for the certificate at each handshake, and asks for the client's if it is
 * told of CAs at its start; it verifies nothing. Both are done here, with what was read last. A
 * connection holds the certificate that was there when it began, so that it lives until its
 * handshake is over. (Copies for each handshake would cost parsing, and libtasn1 doesn't survive
 * running out of memory there.)
 */
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include "server.h"

#define FILE_MAX ((size_t)4 << 20)
#define CHAIN_MAX 16
#define RECHECK_NS ((uint64_t)60 * 1000000000U) /* a certificate may expire while its connection lives */

struct pair {
  _Atomic unsigned holders; /* tls, and connections; the last one releases it */
  gnutls_privkey_t key;
  unsigned count;
  gnutls_pcert_st chain[CHAIN_MAX]; /* the server's own first */
  uint64_t not_after;
};
struct tls {
  const char *certificate_path, *key_path, *client_ca_path;
  pthread_rwlock_t lock; /* of what follows */
  struct pair *pair;
  gnutls_x509_trust_list_t client_cas;
  size_t client_ca_count;
  unsigned generation;   /* how often client CAs were read */
  struct file first_cas; /* as they were read at the start */
};

/* What is known of a connection's client. */
struct peer {
  struct tls *tls;
  struct pair *pair;
  unsigned generation; /* of the CAs that it was held against; 0: of none yet */
  uint64_t checked_ns;
  bool trusted;
  char name[HOLDER_NAME_MAX + 1];
  char why[320];
};

/* ---- The server's certificate ------------------------------------------------------------------------- */

static void pair_leave(struct pair *pair) {
  if (!pair || atomic_fetch_sub(&pair->holders, 1) > 1) return;
  for (unsigned i = 0; i < pair->count; i++) gnutls_pcert_deinit(&pair->chain[i]);
  if (pair->key) gnutls_privkey_deinit(pair->key);
  memory_release(pair);
}

static struct pair *pair_enter(struct tls *tls) {
  pthread_rwlock_rdlock(&tls->lock);
  struct pair *pair = tls->pair;
  if (pair) atomic_fetch_add(&pair->holders, 1);
  pthread_rwlock_unlock(&tls->lock);
  return pair;
}

static gnutls_datum_t datum_of(const struct file *file) {
  return (gnutls_datum_t){.data = (unsigned char *)file->bytes, .size = (unsigned)file->length};
}

static bool fits(gnutls_pubkey_t public, gnutls_privkey_t key) {
  unsigned char ids[2][64] = {{0}};
  size_t sizes[2] = {sizeof ids[0], sizeof ids[1]};
  gnutls_pubkey_t of_key = NULL;
  bool same = gnutls_pubkey_init(&of_key) >= 0 && gnutls_pubkey_import_privkey(of_key, key, 0, 0) >= 0 &&
              gnutls_pubkey_get_key_id(public, GNUTLS_KEYID_USE_SHA256, ids[0], &sizes[0]) == 0 &&
              gnutls_pubkey_get_key_id(of_key, GNUTLS_KEYID_USE_SHA256, ids[1], &sizes[1]) == 0 &&
              sizes[0] == sizes[1] && memcmp(ids[0], ids[1], sizes[0]) == 0;
  if (of_key) gnutls_pubkey_deinit(of_key);
  return same;
}

/* The certificates into the pair, whose key is there already. */
static bool take_chain(const struct tls *tls, struct pair *pair, gnutls_x509_crt_t *list, unsigned count, char *error,
                       size_t size) {
  if (count == 0 || count > CHAIN_MAX) {
    return error_set(error, size, "%.200s: expected 1 to %d certificates, found %u", tls->certificate_path, CHAIN_MAX,
                     count);
  }
  for (; pair->count < count; pair->count++) {
    int status = gnutls_pcert_import_x509(&pair->chain[pair->count], list[pair->count], 0);
    if (status < 0) return error_set(error, size, "%.200s: %s", tls->certificate_path, gnutls_strerror(status));
  }
  if (!fits(pair->chain[0].pubkey, pair->key)) {
    return error_set(error, size, "%.200s: is not the key of the certificate in %.200s", tls->key_path,
                     tls->certificate_path);
  }
  time_t until = gnutls_x509_crt_get_expiration_time(list[0]);
  pair->not_after = until > 0 ? (uint64_t)until : 0;
  return true;
}

static bool read_chain(const struct tls *tls, struct pair *pair, char *error, size_t size) {
  struct file file;
  if (!file_read(&file, tls->certificate_path, FILE_MAX, error, size)) return false;
  gnutls_x509_crt_t *list = NULL;
  unsigned count = 0;
  gnutls_datum_t text = datum_of(&file);
  int status = gnutls_x509_crt_list_import2(&list, &count, &text, GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_SORT);
  bool good = status >= 0 ? take_chain(tls, pair, list, count, error, size)
                          : error_set(error, size, "%.200s: no certificate in PEM: %s", tls->certificate_path,
                                      gnutls_strerror(status));
  for (unsigned i = 0; status >= 0 && i < count; i++) gnutls_x509_crt_deinit(list[i]);
  if (status >= 0) gnutls_free(list);
  file_release(&file);
  return good;
}

static bool read_key(const struct tls *tls, struct pair *pair, char *error, size_t size) {
  struct file file;
  if (!file_read(&file, tls->key_path, FILE_MAX, error, size)) return false;
  if (file.open_to_all)
    log_line(LOG_WARNING, "certificate", "%s: everybody on this machine may read it", tls->key_path);
  gnutls_datum_t text = datum_of(&file);
  int status = gnutls_privkey_init(&pair->key);
  if (status >= 0) status = gnutls_privkey_import_x509_raw(pair->key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
  file_release(&file);
  return status >= 0 || error_set(error, size, "%.200s: no private key in PEM, or one that is encrypted: %s",
                                  tls->key_path, gnutls_strerror(status));
}

bool tls_load_certificate(struct tls *tls, char *error, size_t size) {
  struct pair *pair = memory_allocate(sizeof *pair);
  if (!pair) return error_set(error, size, "no memory");
  *pair = (struct pair){.holders = 1};
  bool good = read_key(tls, pair, error, size) && read_chain(tls, pair, error, size);
  if (good) {
    pthread_rwlock_wrlock(&tls->lock);
    struct pair *old = tls->pair;
    tls->pair = pair;
    pthread_rwlock_unlock(&tls->lock);
    pair = old;
  }
  pair_leave(pair);
  return good;
}

uint64_t tls_not_after(struct tls *tls) {
  pthread_rwlock_rdlock(&tls->lock);
  uint64_t until = tls->pair ? tls->pair->not_after : 0;
  pthread_rwlock_unlock(&tls->lock);
  return until;
}

/* ---- Handshakes --------------------------------------------------------------------------------------- */

static int retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **certificates,
                    unsigned *count, gnutls_ocsp_data_st **ocsp, unsigned *ocsp_count, gnutls_privkey_t *key,
                    unsigned *flags) {
  const struct peer *peer = gnutls_session_get_ptr(session);
  (void)info;
  if (!peer) return -1; /* there was no memory for it: the handshake fails */
  *certificates = peer->pair->chain;
  *count = peer->pair->count;
  *key = peer->pair->key;
  *ocsp = NULL;
  *ocsp_count = 0;
  *flags = 0; /* they stay ours */
  return 0;
}

tls_function *tls_retriever(void) {
  return (tls_function *)retrieve;
}

static bool has_aes(void) {
#if defined(__x86_64__) || defined(__i386__)
  return __builtin_cpu_supports("aes");
#elif defined(__aarch64__)
  return getauxval(AT_HWCAP) & 8; /* HWCAP_AES */
#else
  return false;
#endif
}

/* Only what is quick, and secret even from who learns the key later. */
#define COMMON                                                                                                         \
  "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-GROUP-ALL:+GROUP-X25519:"               \
  "+GROUP-SECP256R1:+GROUP-SECP384R1:+GROUP-SECP521R1:-CIPHER-ALL:"

const char *tls_priorities(void) {
  return has_aes() ? COMMON "+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:%SERVER_PRECEDENCE"
                   : COMMON "+CHACHA20-POLY1305:+AES-128-GCM:+AES-256-GCM";
}

void tls_begin(struct tls *tls, void *session) {
  if (!tls || !session) return;
  struct peer *peer = memory_allocate(sizeof *peer);
  if (peer) *peer = (struct peer){.tls = tls, .pair = pair_enter(tls)};
  gnutls_session_set_ptr(session, peer); /* where the HTTP library has left a pointer of its own */
  /* Names of CAs would be those of the start: clients would keep back what newer ones have signed. */
  gnutls_certificate_send_x509_rdn_sequence(session, 1);
}

void tls_end(void *session) {
  struct peer *peer = session ? gnutls_session_get_ptr(session) : NULL;
  if (peer) pair_leave(peer->pair);
  memory_release(peer);
}

/* ---- Clients' certificates ------------------------------------------------------------------------------ */

bool tls_load_client_ca(struct tls *tls, char *error, size_t size) {
  struct file file;
  gnutls_x509_trust_list_t list = NULL;
  if (!file_read(&file, tls->client_ca_path, FILE_MAX, error, size)) return false;
  gnutls_datum_t text = datum_of(&file);
  int status = gnutls_x509_trust_list_init(&list, 0);
  if (status >= 0) status = gnutls_x509_trust_list_add_trust_mem(list, &text, NULL, GNUTLS_X509_FMT_PEM, 0, 0);
  if (status <= 0) {
    error_set(error, size, "%.200s: no certificates of CAs in PEM: %s", tls->client_ca_path,
              status < 0 ? gnutls_strerror(status) : "it holds none");
    if (list) gnutls_x509_trust_list_deinit(list, 1);
    file_release(&file);
    return false;
  }
  pthread_rwlock_wrlock(&tls->lock);
  gnutls_x509_trust_list_t old = tls->client_cas;
  tls->client_cas = list;
  tls->client_ca_count = (size_t)status;
  tls->generation++;
  pthread_rwlock_unlock(&tls->lock);
  if (old) gnutls_x509_trust_list_deinit(old, 1);
  if (!tls->first_cas.bytes) {
    tls->first_cas = file;
  } else {
    file_release(&file);
  }
  return true;
}

size_t tls_client_cas(struct tls *tls) {
  pthread_rwlock_rdlock(&tls->lock);
  size_t count = tls->client_ca_count;
  pthread_rwlock_unlock(&tls->lock);
  return count;
}

const char *tls_first_client_ca(const struct tls *tls) {
  return tls->first_cas.bytes;
}

/* The common name, or the first alternative name; what doesn't belong into a log is replaced. */
static void name_client(struct peer *peer, gnutls_x509_crt_t certificate) {
  char text[256] = "";
  size_t size = sizeof text - 1;
  if (gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, text, &size) < 0) {
    size = sizeof text - 1;
    if (gnutls_x509_crt_get_subject_alt_name(certificate, 0, text, &size, NULL) < 0) {
      memcpy(text, "unnamed", 8);
      size = 7;
    }
  }
  size_t length = 0;
  for (; length < HOLDER_NAME_MAX && length < size && text[length]; length++) {
    char c = text[length];
    peer->name[length] = (char)(c > ' ' && c < 0x7f && c != '"' && c != '\\' ? c : '?');
  }
  peer->name[length] = '\0';
}

static void verify(struct peer *peer, gnutls_x509_crt_t *chain, unsigned count) {
  struct tls *tls = peer->tls;
  gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                   .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT};
  unsigned verdict = 0;
  pthread_rwlock_rdlock(&tls->lock);
  peer->generation = tls->generation;
  int status = gnutls_x509_trust_list_verify_crt2(tls->client_cas, chain, count, &purpose, 1, 0, &verdict, NULL);
  pthread_rwlock_unlock(&tls->lock);
  peer->trusted = status >= 0 && verdict == 0;
  if (peer->trusted) {
    name_client(peer, chain[0]);
    return;
  }
  gnutls_datum_t text = {NULL, 0};
  if (status >= 0) gnutls_certificate_verification_status_print(verdict, GNUTLS_CRT_X509, &text, 0);
  snprintf(peer->why, sizeof peer->why, "the client certificate is refused: %s",
           text.data ? (const char *)text.data : "it could not be verified");
  for (size_t end = strlen(peer->why); end > 0 && peer->why[end - 1] == ' '; end--) peer->why[end - 1] = '\0';
  gnutls_free(text.data);
}

static void check_client(struct peer *peer, gnutls_session_t session) {
  unsigned count = 0, imported = 0;
  gnutls_x509_crt_t chain[CHAIN_MAX];
  const gnutls_datum_t *shown = gnutls_certificate_get_peers(session, &count);
  peer->trusted = false;
  peer->generation = 0;
  if (!shown || count == 0 || count > CHAIN_MAX) {
    snprintf(peer->why, sizeof peer->why, "%s",
             shown && count ? "the client certificate's chain is too long" : "a client certificate is needed");
    return;
  }
  for (; imported < count; imported++) {
    if (gnutls_x509_crt_init(&chain[imported]) < 0) break;
    if (gnutls_x509_crt_import(chain[imported], &shown[imported], GNUTLS_X509_FMT_DER) >= 0) continue;
    gnutls_x509_crt_deinit(chain[imported]);
    break;
  }
  snprintf(peer->why, sizeof peer->why, "the client certificate can't be read");
  if (imported == count) verify(peer, chain, count);
  while (imported > 0) gnutls_x509_crt_deinit(chain[--imported]);
}

bool tls_client(void *session, const char **name, const char **why) {
  struct peer *peer = gnutls_session_get_ptr(session);
  if (!peer) {
    *why = "no memory to look at the client certificate with";
    return false;
  }
  uint64_t now = clock_ns();
  pthread_rwlock_rdlock(&peer->tls->lock);
  unsigned generation = peer->tls->generation;
  pthread_rwlock_unlock(&peer->tls->lock);
  if (peer->generation != generation || now - peer->checked_ns > RECHECK_NS) check_client(peer, session);
  peer->checked_ns = now;
  *name = peer->trusted ? peer->name : NULL;
  *why = peer->why;
  return peer->trusted;
}

/* ---- The other side: a daemon that is asked by itself ------------------------------------------------------ */

static int talk(gnutls_session_t session, const char *request, struct heard *answer) {
  int status;
  ssize_t length;
  while ((status = gnutls_handshake(session)) < 0 && !gnutls_error_is_fatal(status)) {
  }
  if (status < 0) return status;
  while ((length = gnutls_record_send(session, request, strlen(request))) == GNUTLS_E_INTERRUPTED) {
  }
  while (length > 0 && answer->length < sizeof answer->bytes - 1) {
    length = gnutls_record_recv(session, answer->bytes + answer->length, sizeof answer->bytes - 1 - answer->length);
    if (length > 0) answer->length += (size_t)length;
    if (length < 0 && !gnutls_error_is_fatal((int)length)) length = 1; /* of TLS 1.3: a ticket, say */
  }
  return length == GNUTLS_E_PREMATURE_TERMINATION ? 0 : (int)length; /* its reader sees whether it is whole */
}

bool tls_ask(int fd, const char *request, struct heard *answer, char *error, size_t size) {
  gnutls_session_t session = NULL;
  gnutls_certificate_credentials_t credentials = NULL;
  int status = gnutls_certificate_allocate_credentials(&credentials);
  if (status >= 0) status = gnutls_init(&session, GNUTLS_CLIENT);
  if (status >= 0) status = gnutls_priority_set_direct(session, tls_priorities(), NULL);
  if (status >= 0) status = gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
  if (status >= 0) {
    gnutls_transport_set_int(session, fd);
    status = talk(session, request, answer);
  }
  if (session) gnutls_deinit(session);
  if (credentials) gnutls_certificate_free_credentials(credentials);
  return status >= 0 || error_set(error, size, "TLS: %s", gnutls_strerror(status));
}

/* ---- Start and end --------------------------------------------------------------------------------------- */

struct tls *tls_create(const struct config *config) {
  struct tls *tls = memory_allocate(sizeof *tls);
  if (!tls) return NULL;
  *tls = (struct tls){
      .certificate_path = config->tls_cert, .key_path = config->tls_key, .client_ca_path = config->tls_client_ca};
  if (pthread_rwlock_init(&tls->lock, NULL) == 0) return tls;
  memory_release(tls);
  return NULL;
}

void tls_release(struct tls *tls) {
  if (!tls) return;
  pair_leave(tls->pair);
  if (tls->client_cas) gnutls_x509_trust_list_deinit(tls->client_cas, 1);
  file_release(&tls->first_cas);
  pthread_rwlock_destroy(&tls->lock);
  memory_release(tls);
}
