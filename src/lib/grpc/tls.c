/* SPDX-License-Identifier: MIT */
#include "grpc/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/secret_file.h"

struct tls_context {
	SSL_CTX *ssl;
};

struct tls {
	SSL *ssl;
	char reason[200];
};

static const unsigned char alpn_h2[] = {2, 'h', '2'};

/* Contexts */

/* Return the library's description of its last error, without its codes. */
static const char *library_reason(void)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER)
		return "the other side does not speak TLS";
	return ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code)) : reason ? reason : "unknown error";
}

/* The same for a file: that it cannot be read stands before what follows from it. */
static const char *file_reason(void)
{
	unsigned long first = ERR_peek_error();

	return ERR_SYSTEM_ERROR(first) ? strerror(ERR_GET_REASON(first)) : library_reason();
}

/* Refuse a key with a passphrase rather than prompt on a terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *data)
{
	return -1;
}

static int use_key(SSL_CTX *ssl, const char *path, char *error, size_t size)
{
	_cleanup_close_ int fd = secret_file_open(path, error, size);

	if (fd < 0)
		return fd;
	BIO *bio = BIO_new_fd(fd, BIO_NOCLOSE);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	int r =
	    key && SSL_CTX_use_PrivateKey(ssl, key) == 1 && SSL_CTX_check_private_key(ssl) == 1 ? 0 : -EINVAL;
	if (r < 0)
		snprintf(error, size, "%.200s: no private key for the certificate: %s", path,
			 library_reason());
	EVP_PKEY_free(key);
	BIO_free(bio);
	return r;
}

static int use_files(SSL_CTX *ssl, const struct tls_options *o, char *error, size_t size)
{
	if (*o->cert && SSL_CTX_use_certificate_chain_file(ssl, o->cert) != 1) {
		snprintf(error, size, "%.200s: no certificate: %s", o->cert, file_reason());
		return -EINVAL;
	}
	if (*o->key && use_key(ssl, o->key, error, size) < 0)
		return -EINVAL;
	if (*o->ca && SSL_CTX_load_verify_file(ssl, o->ca) != 1) {
		snprintf(error, size, "%.200s: no certificates of an authority: %s", o->ca, file_reason());
		return -EINVAL;
	}
	return 0;
}

/* Select h2 from the client's offer, nothing else. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
			   const unsigned char *in, unsigned in_len, void *data)
{
	unsigned char *chosen;

	if (SSL_select_next_proto(&chosen, out_len, alpn_h2, sizeof(alpn_h2), in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static struct tls_context *context_new(const SSL_METHOD *method, const struct tls_options *options,
				       char *error, size_t size)
{
	struct tls_context *context = calloc(1, sizeof(*context));

	ERR_clear_error();
	if (context)
		context->ssl = SSL_CTX_new(method);
	if (!context || !context->ssl) {
		snprintf(error, size, "no memory for TLS");
		tls_context_free(context);
		return NULL;
	}
	SSL_CTX_set_min_proto_version(context->ssl, TLS1_3_VERSION);
	SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(context->ssl, 0);
	SSL_CTX_set_mode(context->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					   SSL_MODE_RELEASE_BUFFERS);
	if (use_files(context->ssl, options, error, size) < 0) {
		tls_context_free(context);
		return NULL;
	}
	return context;
}

struct tls_context *tls_server_context(const struct tls_options *options, char *error, size_t size)
{
	struct tls_context *context = context_new(TLS_server_method(), options, error, size);

	if (!context)
		return NULL;
	SSL_CTX_set_alpn_select_cb(context->ssl, choose_protocol, NULL);
	if (*options->ca) {
		/* A client without a certificate may still send a token. */
		SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
		SSL_CTX_set_client_CA_list(context->ssl, SSL_load_client_CA_file(options->ca));
	}
	return context;
}

struct tls_context *tls_client_context(const struct tls_options *options, char *error, size_t size)
{
	struct tls_context *context = context_new(TLS_client_method(), options, error, size);

	if (!context)
		return NULL;
	SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_alpn_protos(context->ssl, alpn_h2, sizeof(alpn_h2));
	if (!*options->ca)
		SSL_CTX_set_default_verify_paths(context->ssl);
	return context;
}

void tls_context_free(struct tls_context *context)
{
	if (!context)
		return;
	SSL_CTX_free(context->ssl);
	free(context);
}

/* Connections */

/* Require the server's certificate to have that name. */
static int expect(SSL *ssl, const char *name)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	if (X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1)
		return 0;
	ERR_clear_error();
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1 ? 0 : -EINVAL;
}

struct tls *tls_new(struct tls_context *context, int fd, const char *name)
{
	struct tls *t = calloc(1, sizeof(*t));

	if (t)
		t->ssl = SSL_new(context->ssl);
	if (!t || !t->ssl || SSL_set_fd(t->ssl, fd) != 1 || (name && expect(t->ssl, name) < 0)) {
		tls_free(t);
		return NULL;
	}
	if (name)
		SSL_set_connect_state(t->ssl);
	else
		SSL_set_accept_state(t->ssl);
	return t;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	ERR_clear_error();
	if (t->ssl && SSL_is_init_finished(t->ssl))
		SSL_shutdown(t->ssl);
	SSL_free(t->ssl);
	free(t);
}

static void keep_reason(struct tls *t, int error)
{
	long verify = SSL_get_verify_result(t->ssl);

	if (error == SSL_ERROR_SYSCALL)
		snprintf(t->reason, sizeof(t->reason), "%s", errno ? strerror(errno) : "connection closed");
	else if (verify != X509_V_OK)
		snprintf(t->reason, sizeof(t->reason), "%s: %s", library_reason(),
			 X509_verify_cert_error_string(verify));
	else
		snprintf(t->reason, sizeof(t->reason), "%s", library_reason());
}

int tls_handshake(struct tls *t, uint32_t *events)
{
	const unsigned char *protocol;
	unsigned len;

	ERR_clear_error();
	errno = 0;
	int r = SSL_do_handshake(t->ssl), error = SSL_get_error(t->ssl, r);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
		*events = error == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT;
		return -EAGAIN;
	}
	if (r != 1) {
		keep_reason(t, error);
		return -EPROTO;
	}
	SSL_get0_alpn_selected(t->ssl, &protocol, &len);
	if (len == alpn_h2[0] && memcmp(protocol, alpn_h2 + 1, len) == 0)
		return 0;
	snprintf(t->reason, sizeof(t->reason), "the peer does not offer HTTP/2 (ALPN h2)");
	return -EPROTO;
}

const char *tls_reason(const struct tls *t)
{
	return t->reason;
}

/* Convert a result of SSL_read() or SSL_write() to one of recv(2) or send(2). */
static ssize_t result(struct tls *t, int done, size_t n)
{
	if (done == 1)
		return (ssize_t)n;
	int error = SSL_get_error(t->ssl, done);
	if (error == SSL_ERROR_ZERO_RETURN)
		return 0;
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
		errno = EAGAIN;
	} else {
		keep_reason(t, error);
		if (error != SSL_ERROR_SYSCALL || !errno)
			errno = EPROTO;
	}
	return -1;
}

ssize_t tls_recv(struct tls *t, void *data, size_t size)
{
	size_t n = 0;

	ERR_clear_error();
	errno = 0;
	int done = SSL_read_ex(t->ssl, data, size, &n);
	return result(t, done, n);
}

ssize_t tls_send(struct tls *t, const void *data, size_t size)
{
	size_t n = 0;

	ERR_clear_error();
	errno = 0;
	int done = SSL_write_ex(t->ssl, data, size, &n);
	return result(t, done, n);
}

/* Names */

bool tls_peer_verified(const struct tls *t)
{
	return SSL_get0_peer_certificate(t->ssl) != NULL && SSL_get_verify_result(t->ssl) == X509_V_OK;
}

/* Compare by length: an embedded NUL byte must match too. */
static bool string_is(const ASN1_STRING *s, const char *name, size_t len)
{
	return s && (size_t)ASN1_STRING_length(s) == len && memcmp(ASN1_STRING_get0_data(s), name, len) == 0;
}

static bool common_name_is(const X509 *cert, const char *name, size_t len)
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	int i = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	const X509_NAME_ENTRY *entry = i < 0 ? NULL : X509_NAME_get_entry(subject, i);

	return entry && string_is(X509_NAME_ENTRY_get_data(entry), name, len);
}

static bool alternative_name_is(const X509 *cert, const char *name, size_t len)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	bool found = false;

	for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);
		if (n->type == GEN_DNS || n->type == GEN_URI || n->type == GEN_EMAIL)
			found = string_is(n->d.ia5, name, len);
	}
	GENERAL_NAMES_free(names);
	return found;
}

bool tls_peer_is(const struct tls *t, const char *name, size_t len)
{
	const X509 *cert = tls_peer_verified(t) ? SSL_get0_peer_certificate(t->ssl) : NULL;

	return cert && len > 0 && (common_name_is(cert, name, len) || alternative_name_is(cert, name, len));
}
