/* SPDX-License-Identifier: MIT */
#ifndef API_GRPC_SERVER_H
#define API_GRPC_SERVER_H
/*
 * The daemon's gRPC server: records, configuration, reflection and health over
 * one transport. Main thread only; poll workers reach it through the tap that it
 * gives to the backend.
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
	uint16_t port;	    /* 0 picks a free one */
	int listen_fd;	    /* a socket that already listens there; 0 or less to open one */
	const char *socket; /* path of the UNIX socket; NULL or "" for none */
	int socket_fd;	    /* a UNIX socket that already listens; 0 or less to open one */
	const struct privilege_user *socket_owner; /* the UNIX socket's owner; NULL for no change; borrowed */
	bool socket_needed;	      /* failure to open the UNIX socket is an error, not only logged */
	size_t stream_bytes;	      /* bound of the records queued per client */
	size_t total_bytes;	      /* bound for all clients, a quarter of it for the hand-over */
	const char *readers, *admins; /* groups, separated by commas; NULL or "" for none */
	const char *token_file;	      /* NULL or "" for none */
	/* TLS on the TCP port, NULL for none; ca: request client certificates. Borrowed for the call. */
	const struct tls_options *tls;
	const char *tls_admins; /* names in client certificates, separated by commas; NULL or "" for none */
};

/*
 * Start the server. backend and loop are borrowed, options are only read, but the
 * server takes ownership of the sockets in them. Without listen and socket it
 * serves the connections of h2_server_adopt(). Return NULL with one sentence in
 * error on failure.
 */
struct grpc_server *grpc_server_new(struct loop *loop, const struct grpc_backend *backend,
				    const struct grpc_server_options *options, char *error, size_t size);
/*
 * Return whether a peer of another server of the daemon, without TLS, may read records: one of this host, as over the TCP
 * port, with a token where that wants one (authorization is the header, "" for none). Otherwise say why in one sentence,
 * and whether a token would help. NULL, which is no gRPC, lets nobody read.
 */
bool grpc_server_may_read(const struct grpc_server *s, bool loopback, const char *authorization, char *why,
			  size_t size, bool *token);
/* Call this on the main thread after each poll cycle, before the next one begins. NULL is fine. */
void grpc_server_poll_done(struct grpc_server *s);
struct h2_server *grpc_server_transport(struct grpc_server *s);
/*
 * End all calls, send queued data for at most drain_ms (blocking) and GOAWAY,
 * close. Streams that close remove the tap and request the poll they were
 * promised: call this when no worker runs any more, after poll_end(), but before
 * poll_free(). NULL is fine.
 */
void grpc_server_free(struct grpc_server *s, int drain_ms);

#endif
