/* TLS for the connections between hosts: version 1.3 and nothing older.
 *
 * Mode psk proves the cluster: both ends know a key of the key file, used as
 * an external pre-shared key (RFC 8446 section 2.2) with an ephemeral
 * Diffie-Hellman exchange, so that a key that leaks later opens no old
 * recording.  There are no certificates, no tickets, no resumption and no
 * early data; the one cipher is TLS_AES_128_GCM_SHA256, because a PSK is
 * bound to one hash.  A peer without the key cannot finish the handshake,
 * neither as client nor as server.
 *
 * Mode none is plain TCP, for tests and demonstrations: both ends must have
 * loopback addresses ('tls_check_addresses').
 */
#ifndef SKEP_NODE_TLS_H
#define SKEP_NODE_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "sys/err.h"
#include "sys/keyfile.h"

enum tls_mode {
	TLS_MODE_NONE, /* plain TCP, loopback only */
	TLS_MODE_PSK,  /* keys of the key file */
};

/* What connections share. */
struct tls;

/* Starts TLS in 'mode'; 'keys' (copied) is for psk, NULL otherwise.  From
 * then on the process ignores SIGPIPE. */
int tls_new(enum tls_mode mode, const struct keyring *keys, struct tls **out,
	struct err *err);

/* Frees it; connections made from it must be gone. NULL is accepted. */
void tls_free(struct tls *tls);

/* The mode it was made with. */
enum tls_mode tls_get_mode(const struct tls *tls);

/* One connection's TLS over the connected socket 'fd' (borrowed), as client
 * or server, ready for SSL_do_handshake.  NULL: out of memory.  Mode psk
 * only. */
SSL *tls_start(struct tls *tls, int fd, bool is_client);

/* Whether a handshake that OpenSSL calls complete has proven the key. */
bool tls_is_proven(const SSL *ssl);

/* Whether a connection between these two ends is allowed in 'mode'; -EPERM
 * with a sentence if not. */
int tls_check_addresses(enum tls_mode mode, const struct sockaddr *local,
	const struct sockaddr *peer, struct err *err);

/* What went wrong in a handshake, from OpenSSL's error queue (emptied):
 * a kind that people can act on. */
enum tls_fault {
	TLS_FAULT_KEY,	   /* the other end has none of our keys */
	TLS_FAULT_GARBAGE, /* what came is not TLS 1.3 */
	TLS_FAULT_OTHER,   /* see the text */
};
enum tls_fault tls_read_fault(char *text, size_t size);

#endif
