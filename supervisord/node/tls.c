#include "node/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

struct tls {
	enum tls_mode mode;
	SSL_CTX *ctx;	     /* NULL in mode none */
	struct keyring keys; /* wiped at the end */
};

/* The one cipher, as the bytes of its name on the wire. */
static const unsigned char cipher_id[2] = {0x13, 0x01};

/* A session that stands for 'key'; NULL without memory. */
static SSL_SESSION *
make_session(SSL *ssl, const struct key *key)
{
	SSL_SESSION *session = SSL_SESSION_new();
	const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, cipher_id);
	if (session && cipher &&
		SSL_SESSION_set1_master_key(
			session, key->secret, sizeof key->secret) &&
		SSL_SESSION_set_cipher(session, cipher) &&
		SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION))
		return session;
	SSL_SESSION_free(session);
	return NULL;
}

static const struct keyring *
keys_of(SSL *ssl)
{
	const struct tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	return &tls->keys;
}

/* The client's choice: always the first key.  'md' is set when the server
 * asked for another round, and then names the hash it settled on. */
static int
use_key(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *id_size,
	SSL_SESSION **session)
{
	*session = NULL;
	if (md && !EVP_MD_is_a(md, "SHA256"))
		return 1;
	const struct key *key = &keys_of(ssl)->keys[0];
	*session = make_session(ssl, key);
	*id = (const unsigned char *)key->identity;
	*id_size = strlen(key->identity);
	return *session != NULL;
}

/* The server's look-up.  An unknown identity is no error here: without a
 * session the handshake finds nothing to go on with. */
static int
find_key(SSL *ssl, const unsigned char *id, size_t id_size,
	SSL_SESSION **session)
{
	const struct key *key = keyring_find(keys_of(ssl), id, id_size);
	*session = key ? make_session(ssl, key) : NULL;
	return !key || *session != NULL;
}

/* Everything that could weaken or cost is off; see the header. */
static bool
configure(SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
				      SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_psk_use_session_callback(ctx, use_key);
	SSL_CTX_set_psk_find_session_callback(ctx, find_key);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) &&
	       SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) &&
	       SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") &&
	       SSL_CTX_set_num_tickets(ctx, 0) &&
	       SSL_CTX_set_max_early_data(ctx, 0);
}

int
tls_new(enum tls_mode mode, const struct keyring *keys, struct tls **out,
	struct err *err)
{
	*out = NULL;
	struct tls *tls = calloc(1, sizeof *tls);
	if (!tls)
		return err_sys(err, -ENOMEM, "tls");
	tls->mode = mode;
	/* OpenSSL writes with write(2), which knows no MSG_NOSIGNAL. */
	signal(SIGPIPE, SIG_IGN);
	if (mode == TLS_MODE_PSK) {
		CHECK(keys && keys->count > 0);
		/* All that openssl.cnf could say is set by 'configure'. */
		OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
		tls->keys = *keys;
		tls->ctx = SSL_CTX_new(TLS_method());
		if (!tls->ctx || !configure(tls->ctx)) {
			char text[200];
			tls_read_fault(text, sizeof text);
			tls_free(tls);
			return err_set(err, -EIO,
				"OpenSSL cannot do TLS 1.3 with a pre-shared "
				"key: %s",
				text);
		}
		SSL_CTX_set_app_data(tls->ctx, tls);
	}
	*out = tls;
	return 0;
}

void
tls_free(struct tls *tls)
{
	if (!tls)
		return;
	SSL_CTX_free(tls->ctx);
	keyring_wipe(&tls->keys);
	free(tls);
}

enum tls_mode
tls_get_mode(const struct tls *tls)
{
	return tls->mode;
}

SSL *
tls_start(struct tls *tls, int fd, bool is_client)
{
	CHECK(tls->mode == TLS_MODE_PSK);
	SSL *ssl = SSL_new(tls->ctx);
	if (!ssl || !SSL_set_fd(ssl, fd)) {
		SSL_free(ssl);
		return NULL;
	}
	if (is_client) {
		/* A server that comes with a certificate instead fails. */
		SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
		SSL_set_connect_state(ssl);
	} else {
		SSL_set_accept_state(ssl);
	}
	return ssl;
}

bool
tls_is_proven(const SSL *ssl)
{
	return SSL_version(ssl) == TLS1_3_VERSION && SSL_session_reused(ssl);
}

static bool
is_loopback(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		struct sockaddr_in v4;
		memcpy(&v4, address, sizeof v4);
		return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;
		memcpy(&v6, address, sizeof v6);
		const uint8_t *b = v6.sin6_addr.s6_addr;
		return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) ||
		       (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) && b[12] == 127);
	}
	return false;
}

int
tls_check_addresses(enum tls_mode mode, const struct sockaddr *local,
	const struct sockaddr *peer, struct err *err)
{
	if (mode != TLS_MODE_NONE || (is_loopback(local) && is_loopback(peer)))
		return 0;
	return err_set(err, -EPERM,
		"[tls] mode = none is for loopback addresses only");
}

/* Alerts and errors that mean "no common key" in a PSK-only handshake. */
static bool
is_key_fault(int reason)
{
	switch (reason) {
	case SSL_R_BINDER_DOES_NOT_VERIFY:
	case SSL_R_BAD_PSK:
	case SSL_R_NO_SHARED_CIPHER:
	case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
	case SSL_R_CERTIFICATE_VERIFY_FAILED:
	case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
	case SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER:
	case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
	case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
	case SSL_AD_REASON_OFFSET + SSL_AD_UNKNOWN_PSK_IDENTITY:
		return true;
	default: /* OpenSSL's list is open */
		return false;
	}
}

enum tls_fault
tls_read_fault(char *text, size_t size)
{
	unsigned long code = ERR_peek_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;
	snprintf(text, size, "%s", reason ? reason : "no reason given");
	ERR_clear_error();
	if (code == 0 || ERR_GET_LIB(code) != ERR_LIB_SSL)
		return TLS_FAULT_OTHER;
	int number = ERR_GET_REASON(code);
	if (is_key_fault(number))
		return TLS_FAULT_KEY;
	if (number > SSL_AD_REASON_OFFSET)
		return TLS_FAULT_OTHER;
	return TLS_FAULT_GARBAGE;
}
