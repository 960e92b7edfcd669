/* SPDX-License-Identifier: MIT */
#ifndef GRPC_CONNECTION_H
#define GRPC_CONNECTION_H
/* The connection of a gRPC client: a non-blocking stream socket, with or without TLS. */
#include <stddef.h>
#include <sys/types.h>

#include "grpc/tls.h"

/* Longest name of a peer, and longest header field of a token, each with its NUL. */
#define GRPC_PEER_NAME_MAX     300
#define GRPC_AUTHORIZATION_MAX 600

/* Initialise with GRPC_DISCONNECTED. */
struct grpc_connection {
	int fd; /* non-blocking */
	struct tls_context *tls_context;
	struct tls *tls;		    /* NULL without TLS */
	const char *advice;		    /* for a peer that does not speak gRPC, static; NULL for none */
	char name[GRPC_PEER_NAME_MAX];	    /* in messages: "localhost port 8889" */
	char authority[GRPC_PEER_NAME_MAX]; /* in requests */
	char authorization[GRPC_AUTHORIZATION_MAX]; /* "Bearer TOKEN", "" for none */
};

#define GRPC_DISCONNECTED ((struct grpc_connection){.fd = -1})

/* Connect to a UNIX socket; never blocks. 0 or -errno as unix_socket_connect(); the name is set in any case. */
int grpc_connect_unix(struct grpc_connection *c, const char *path);
/* Close the connection; fine for a closed one. */
void grpc_disconnect(struct grpc_connection *c);
/* As recv(2) and send(2), with or without TLS; they do not block. */
ssize_t grpc_recv(struct grpc_connection *c, void *data, size_t size);
ssize_t grpc_transmit(struct grpc_connection *c, const void *data, size_t size);

#endif
