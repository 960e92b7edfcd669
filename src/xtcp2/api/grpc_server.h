/* SPDX-License-Identifier: MIT */
#ifndef API_GRPC_SERVER_H
#define API_GRPC_SERVER_H
/*
 * The daemon's gRPC server, put together: records, configuration, reflection
 * and health over one transport. Main thread only; poll workers reach it
 * through the tap that it hands to the backend.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/backend.h"
#include "base/loop.h"
#include "base/privilege.h"
#include "grpc/h2.h"
#include "grpc/tls.h"

struct grpc_server;

struct grpc_server_options {
	const char *listen; /* numeric address; NULL for no TCP */
	uint16_t port;	    /* 0 takes any */
	int listen_fd;	    /* a socket that listens there already; 0 or less to open one */
	const char *socket; /* path of the UNIX socket; NULL or "" for none */
	int socket_fd;	    /* the same for it */
	const struct privilege_user *socket_owner; /* who it is given to; NULL for nobody; borrowed */
	bool socket_needed;  /* a socket that cannot be made is an error, not only a line in the log */
	size_t stream_bytes; /* bound of the records that wait for one client */
	size_t total_bytes;  /* bound of those of all clients, a quarter of it for the hand-over */
	const char *readers, *admins; /* groups, separated by commas; NULL or "" for none */
	const char *token_file;	      /* NULL or "" for none */
	/* TLS on the TCP port, unless NULL; with ca, client certificates are asked for. Borrowed until it returns. */
	const struct tls_options *tls;
	const char *tls_admins; /* names in client certificates, separated by commas; NULL or "" for none */
};

/*
 * backend and loop are borrowed, options only read, but for the sockets in them,
 * which are the server's from here on. Without listen and socket it
 * serves what h2_server_adopt() gives it. NULL with one sentence in error.
 */
struct grpc_server *grpc_server_new(struct loop *loop, const struct grpc_backend *backend,
				    const struct grpc_server_options *options, char *error, size_t size);
/* Main thread, after each poll cycle and before the next one begins. NULL is fine. */
void grpc_server_poll_done(struct grpc_server *s);
struct h2_server *grpc_server_transport(struct grpc_server *s);
/*
 * Ends all calls, sends what is queued for at most drain_ms (it blocks that
 * long) and GOAWAY, closes. Streams that close untap, and ask for the poll that
 * was promised to them: call it when no worker runs any more, after poll_end(),
 * but before poll_free(). NULL is fine.
 */
void grpc_server_free(struct grpc_server *s, int drain_ms);

#endif
