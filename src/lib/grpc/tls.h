/* SPDX-License-Identifier: MIT */
#ifndef GRPC_TLS_H
#define GRPC_TLS_H
/*
 * TLS 1.3 with ALPN h2 over nonblocking sockets. No older version, no resumption:
 * connections are few and long. Certificates and keys are PEM files, read once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tls_context; /* shared by all connections */
struct tls;	    /* one connection */

struct tls_options {
	const char *cert, *key; /* own certificate with its chain, and its key; "" for none */
	/* Trusted authorities; "": a server requests no certificate, a client uses the system's. */
	const char *ca;
};

/* Create a context; refuse a key that others may read. Return NULL with one sentence in error that names the
 * file on failure. */
struct tls_context *tls_server_context(const struct tls_options *options, char *error, size_t size);
struct tls_context *tls_client_context(const struct tls_options *options, char *error, size_t size);
void tls_context_free(struct tls_context *context);

/*
 * Create a connection over fd, which is borrowed. name is the host name or address
 * that a client expects, NULL for a server. Return NULL without memory.
 */
struct tls *tls_new(struct tls_context *context, int fd, const char *name);
/* Notify the peer, if the socket has room, and free the connection. NULL is fine. */
void tls_free(struct tls *t);

/* Continue the handshake. Return 0 when it is complete; -EAGAIN with the events to wait for in *events; else
 * -errno, with the cause in tls_reason(). */
int tls_handshake(struct tls *t, uint32_t *events);
/* Return the cause of the last failure: "certificate verify failed: self-signed certificate". */
const char *tls_reason(const struct tls *t);

/* Like recv(2) and send(2) with MSG_DONTWAIT. A 16 KiB buffer holds all data already read from the socket. */
ssize_t tls_recv(struct tls *t, void *data, size_t size);
ssize_t tls_send(struct tls *t, const void *data, size_t size);

/* Return whether the peer presented a certificate; the handshake has then verified it. */
bool tls_peer_verified(const struct tls *t);
/* Return whether the peer's certificate has exactly this common name, or DNS, URI or e-mail name. */
bool tls_peer_is(const struct tls *t, const char *name, size_t len);

#endif
