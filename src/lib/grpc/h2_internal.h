/* SPDX-License-Identifier: MIT */
#ifndef GRPC_H2_INTERNAL_H
#define GRPC_H2_INTERNAL_H
/* Shared by h2.c (the server), h2_conn.c (connections and streams), h2_identity.c and h2_pace.c. */
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/unix_socket.h"
#include "grpc/h2.h"
#include "grpc/peer.h"
#include "grpc/tls.h"

/* Log refused connections at most once per interval. */
#define H2_LOG_EVERY_NS (60 * NS_PER_SEC)

struct h2_stream {
	LIST_ENTRY(h2_stream) link;
	struct h2_conn *conn;
	void *call;
	size_t header_bytes;
	int32_t id;
	bool trailers;
};

struct h2_conn {
	LIST_ENTRY(h2_conn) link;
	LIST_HEAD(, h2_stream) streams;
	struct h2_server *server;
	struct loop_watch watch;
	nghttp2_session *session;
	struct buf out; /* frames to send; the first `sent` bytes are sent */
	size_t sent;
	uint32_t armed;			      /* events epoll watches for */
	int64_t opened_ns, heard_ns, ping_ns; /* ping_ns: when the unanswered PING was sent, or 0 */
	bool settled;			      /* the peer's SETTINGS came */
	bool blocked;			      /* the socket was full at the last send */
	struct tls *tls;		      /* NULL for plaintext */
	bool greeted;			      /* the first byte was checked */
	bool open;			      /* frames may be sent: any handshake is complete */
	struct access_peer access;
	struct peer *limits; /* shared by all connections of the peer */
	struct bucket control;
	size_t ping_bytes; /* bytes sent, less H2_PING_BYTES per PING that is not counted */
	bool paused;	   /* not read until the peer has credit again */
	char peer[INET6_ADDRSTRLEN + 10];
};

struct h2_server {
	struct loop *loop;
	const struct h2_owner *owner;
	void *data;
	const struct access_policy *access;
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	struct loop_watch listener, unix_listener, tick;
	struct unix_socket unix_socket;
	LIST_HEAD(, h2_conn) conns;
	struct peers peers;
	struct bucket accepting;
	struct loop_watch resume;
	int64_t resume_ns; /* expiry of the timer, or 0 */
	size_t conn_most;  /* limit of conn_count, without the reserve of administrators */
	size_t conn_count, stream_count;
	struct tls_context *tls; /* NULL: plaintext TCP */
	struct log_limit refused_log, tls_log, plaintext_log;
};

/* Set callbacks and option of a new server. Return 0 or -ENOMEM. */
int h2_session_setup(struct h2_server *s);
/* Create a connection over fd, in the server's list and on its loop. It owns fd and its place in limits; on
 * failure both stay with the caller. Return 0 or -errno. */
int h2_conn_new(struct h2_server *s, int fd, struct peer *limits);
/* Set the peer's name and access; begin TLS if the server uses it. Return 0 or -ENOMEM. */
int h2_identify(struct h2_conn *c);
/* Continue the TLS handshake. Return 0 if it is complete or waits for the peer, else -errno. */
int h2_handshake(struct h2_conn *c);
/* End the connection's streams, close its socket, free it. Never call this inside a callback of nghttp2. */
void h2_conn_close(struct h2_conn *c);
/* Read once. Return 0, or -errno if the connection must be closed. */
int h2_conn_read(struct h2_conn *c);
/* Send until the socket is full, the round is over or no output is left. Return 0 or -errno. */
int h2_conn_write(struct h2_conn *c);
/* Watch the listening sockets for these events. */
void h2_server_listeners(struct h2_server *s, uint32_t events);

/* h2_pace.c: rate limits per peer and connection. */

/* Open the timer of a new server. Return 0 or -errno. */
int h2_pace_open(struct h2_server *s);
/* Return the processor time of this thread in nanoseconds. */
int64_t h2_pace_clock(void);
/* Admit one more connection of the peer of fd and set *peer to its limits. Return 0 or -EDQUOT. */
int h2_pace_admit(struct h2_server *s, int fd, struct peer **peer);
/* Charge for a round of accept(2); may pause listening. */
void h2_pace_accepted(struct h2_server *s, struct loop_watch *listener, int64_t begin);
/* Return whether the connection may be read; if not, pause it until a timer resumes it. */
bool h2_pace_may_read(struct h2_conn *c);
void h2_pace_did_read(struct h2_conn *c, int64_t took);
/* Count a control frame. Return 0, or the value that the callback of nghttp2 must return. */
int h2_pace_control(struct h2_conn *c);
/* Count control frames: nghttp2_on_begin_frame_callback. */
int h2_pace_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *data);
/* Check the stream's header bytes. Return 0, or the value that the callback of nghttp2 must return. */
int h2_pace_headers(struct h2_stream *stream);

#endif
