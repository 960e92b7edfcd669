/* SPDX-License-Identifier: MIT */
#ifndef GRPC_H2_INTERNAL_H
#define GRPC_H2_INTERNAL_H
/* What h2.c (the server: sockets, time, limits) and h2_conn.c (one connection, its streams) share. */
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

/* A line about refused connections at most this often. */
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
	struct buf out; /* frames on their way to the socket, the first `sent` bytes are gone */
	size_t sent;
	uint32_t armed;			      /* events epoll watches for */
	int64_t opened_ns, heard_ns, ping_ns; /* ping_ns: when the unanswered PING went out, or 0 */
	bool settled;			      /* the peer's SETTINGS came */
	bool blocked;			      /* the socket took no more at the last try */
	struct tls *tls;		      /* NULL for a connection in the clear */
	bool greeted;			      /* the first byte was looked at */
	bool open;			      /* frames may go: the handshake, if there is one, is over */
	struct access_peer access;
	struct peer *limits; /* what all its peer's connections share */
	struct bucket control;
	size_t ping_bytes; /* sent, and not yet used up by PINGs that are not counted */
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
	int64_t resume_ns; /* what the timer is set to, or 0 */
	size_t conn_count, stream_count;
	struct tls_context *tls; /* NULL: TCP in the clear */
	struct log_limit refused_log, tls_log, plaintext_log;
};

/* Fills callbacks and option of a new server. 0 or -ENOMEM. */
int h2_session_setup(struct h2_server *s);
/* A connection over fd, in the server's list and on its loop, which leaves limits in the end;
 * both are the caller's again when it fails. 0 or -errno. */
int h2_conn_new(struct h2_server *s, int fd, struct peer *limits);
/* Who the peer is, in name and in what it may do; begins TLS where the server has it. 0 or -ENOMEM. */
int h2_identify(struct h2_conn *c);
/* Goes on with TLS. 0 when the connection is open, or the peer must first say more; else -errno. */
int h2_handshake(struct h2_conn *c);
/* Ends its streams, closes the socket, frees it. Never inside a callback of nghttp2. */
void h2_conn_close(struct h2_conn *c);
/* Reads once. 0, or -errno when the connection is of no more use. */
int h2_conn_read(struct h2_conn *c);
/* Sends until the socket is full, the round is over or there is nothing left. 0 or -errno. */
int h2_conn_write(struct h2_conn *c);
/* Watches the listening sockets for these events. */
void h2_server_listeners(struct h2_server *s, uint32_t events);

/* h2_pace.c: what peers may cost. */

/* The timer of a new server. 0 or -errno. */
int h2_pace_open(struct h2_server *s);
/* Processor time of this thread. */
int64_t h2_pace_clock(void);
/* Whether the peer of fd may have one more connection; *peer is then its own. 0 or -EDQUOT. */
int h2_pace_admit(struct h2_server *s, int fd, struct peer **peer);
/* Charges for a round of accept(2); may stop to listen for a while. */
void h2_pace_accepted(struct h2_server *s, struct loop_watch *listener, int64_t begin);
/* Whether the connection may be read; else it is paused, and resumed by itself. */
bool h2_pace_may_read(struct h2_conn *c);
void h2_pace_did_read(struct h2_conn *c, int64_t took);
/* One more control frame: 0, or what the callback of nghttp2 must return. */
int h2_pace_control(struct h2_conn *c);
/* nghttp2_on_begin_frame_callback: counts those. */
int h2_pace_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *data);
/* With each header field: 0, or what the callback of nghttp2 must return. */
int h2_pace_headers(struct h2_stream *stream);

#endif
