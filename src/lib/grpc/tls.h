/* SPDX-License-Identifier: MIT */
#ifndef GRPC_TLS_H
#define GRPC_TLS_H
/*
 * TLS 1.3 with ALPN h2, over sockets that do not block. Nothing older, no
 * resumption: connections here are few and long. Certificates and keys are PEM
 * files, read once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tls_context; /* what all connections share */
struct tls;	    /* one connection */

struct tls_options {
	const char *cert, *key; /* one's own certificate with its chain, and its key; "" for none */
	const char
	    *ca; /* whom to believe; "": a server asks for no certificate, a client takes the system's */
};

/* A key that others may read is refused. NULL with one sentence in error that names the file. */
struct tls_context *tls_server_context(const struct tls_options *options, char *error, size_t size);
struct tls_context *tls_client_context(const struct tls_options *options, char *error, size_t size);
void tls_context_free(struct tls_context *context);

/*
 * fd is borrowed. A client says whom it expects: name is a host name or an
 * address; for a server it is NULL. NULL without memory.
 */
struct tls *tls_new(struct tls_context *context, int fd, const char *name);
/* Tells the peer, if the socket takes it. NULL is fine. */
void tls_free(struct tls *t);

/* 0 when both sides agree; -EAGAIN with *events what epoll shall wait for; else -errno and tls_reason(). */
int tls_handshake(struct tls *t, uint32_t *events);
/* One sentence part about what failed last: "certificate verify failed: self-signed certificate". */
const char *tls_reason(const struct tls *t);

/* As recv(2) and send(2) with MSG_DONTWAIT. A buffer of 16 KiB takes all that has been read from the socket. */
ssize_t tls_recv(struct tls *t, void *data, size_t size);
ssize_t tls_send(struct tls *t, const void *data, size_t size);

/* Whether the peer presented a certificate; the handshake has then verified it. */
bool tls_peer_verified(const struct tls *t);
/* Whether that certificate has exactly this name: its common name, or a DNS, URI or e-mail name. */
bool tls_peer_is(const struct tls *t, const char *name, size_t len);

#endif
