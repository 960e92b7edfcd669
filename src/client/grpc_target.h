/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_GRPC_TARGET_H
#define CLIENT_GRPC_TARGET_H
/*
 * Where the daemon is, and how its clients get there: flags that they share, and
 * one connection. Without any of the flags that is the daemon's UNIX socket where
 * there is one that lets us in, else its port on this machine.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/flags.h"

#define GRPC_TARGET_HOST "localhost"
#define GRPC_TARGET_PORT 8889

/* Set by the flags. Texts are borrowed. */
struct grpc_target {
	const char *host, *socket;
	uint32_t port;
};

/* Lines of a table of flags for t, a struct grpc_target that GRPC_TARGET_INIT has set. */
/* Releases of clang-format differ over braces in a macro. */
/* clang-format off */
#define GRPC_TARGET_INIT {.host = "", .socket = "", .port = GRPC_TARGET_PORT}
#define GRPC_TARGET_FLAGS(t)                                                                                   \
	{"socket", FLAG_STRING, &(t).socket,                                                                   \
	 "the daemon's -grpcSocket; empty for the usual one or, where there is none, this machine's -port"},    \
	{"target", FLAG_STRING, &(t).host, "host of the daemon, over TCP"},                                     \
	{"port", FLAG_U32, &(t).port, "its -grpcPort, over TCP"}
/* clang-format on */

/* Checks what the flags have set. 0, or -EINVAL with one sentence in error. */
int grpc_target_check(const struct grpc_target *t, char *error, size_t size);

/* Longest name that grpc_target_connect() gives, with its NUL. */
#define GRPC_TARGET_NAME_MAX 300

/*
 * A connected non-blocking socket; blocks for at most five seconds. name becomes
 * what to call the other end in messages, authority what to call it in requests.
 * -errno with one sentence in error that says what to do.
 */
int grpc_target_connect(const struct grpc_target *t, char name[static GRPC_TARGET_NAME_MAX],
			char authority[static GRPC_TARGET_NAME_MAX], char *error, size_t size);

#endif
