/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_GRPC_TARGET_H
#define CLIENT_GRPC_TARGET_H
/*
 * The address of the daemon and the connection to it: the flags that all clients
 * share. Without these flags a client connects to the daemon's UNIX socket if it may,
 * else to the daemon's port on this machine.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/flags.h"
#include "base/loop.h"
#include "grpc/grpc_client.h"

#define GRPC_TARGET_HOST "localhost"
#define GRPC_TARGET_PORT 8889

/* Set by the flags. Texts are borrowed. */
struct grpc_target {
	const char *host, *socket;
	uint32_t port;
	bool tls;
	const char *tls_ca, *tls_cert, *tls_key, *tls_name;
	const char *token_file;
};

/* Rows of a table of flags for t, a struct grpc_target initialised with GRPC_TARGET_INIT. */
/* Releases of clang-format differ over braces in a macro. */
/* clang-format off */
#define GRPC_TARGET_INIT {.host = "", .socket = "", .port = GRPC_TARGET_PORT, .tls_ca = "", .tls_cert = "", .tls_key = "", .tls_name = "", \
	 .token_file = ""}
#define GRPC_TARGET_FLAGS(t)                                                                                   \
	{"socket", FLAG_FILE, &(t).socket,                                                                   \
	 "the daemon's -grpcSocket; empty for the usual one or, where there is none, this machine's -port"},    \
	{"target", FLAG_STRING, &(t).host, "host of the daemon, over TCP"},                                     \
	{"port", FLAG_PORT, &(t).port, "its -grpcPort, over TCP"},                                             \
	{"tls", FLAG_BOOL, &(t).tls, "TLS, over TCP"},                                                        \
	{"tlsCa", FLAG_FILE, &(t).tls_ca, "whose certificate of the daemon to believe, PEM; empty for the system's authorities"}, \
	{"tlsCert", FLAG_FILE, &(t).tls_cert, "client certificate, PEM"},                                   \
	{"tlsKey", FLAG_FILE, &(t).tls_key, "its private key, PEM, not readable by others"},                \
	{"tlsName", FLAG_STRING, &(t).tls_name, "name in the daemon's certificate; empty for -target"},       \
	{"tokenFile", FLAG_FILE, &(t).token_file,                                                           \
	 "file whose first line is a token to send, not readable by others; empty for the variable XTCP2_TOKEN"}
/* clang-format on */

/* Check the values of the flags. 0, or -EINVAL with one sentence in error. */
int grpc_target_check(const struct grpc_target *t, char *error, size_t size);

/*
 * Connect; blocks for at most five seconds, and as long again for TLS. NULL with one
 * sentence in error that says what to do.
 */
struct grpc_client *grpc_target_client(struct loop *loop, const struct grpc_target *t, char *error,
				       size_t size);

#endif
