/* SPDX-License-Identifier: MIT */
/* The HTTP/2 server: listening, accepting, keepalive, shutdown. h2_conn.c serves each connection. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "grpc/h2_internal.h"
#include "stats/stats.h"

#define ACCEPT_ROUND 64	  /* connections accepted per event */
#define TICK_S	     5	  /* interval between checks for silent peers */
#define LISTEN_QUEUE 1024 /* backlog of listen(2) */

/* Return whether the server has no room for the peer of fd. */
static bool is_full(const struct h2_server *s, int fd)
{
	int domain = AF_UNSPEC;
	char name[64];

	if (s->conn_count < s->conn_most)
		return false;
	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &(socklen_t){sizeof(domain)});
	return s->conn_count >= s->conn_most + H2_CONNECTIONS_MORE || domain != AF_UNIX ||
	       access_of_unix(s->access, fd, name, sizeof(name)).access < ACCESS_ADMIN;
}

int h2_server_adopt(struct h2_server *s, int fd)
{
	_cleanup_close_ int owned = fd;
	struct peer *limits;

	if (is_full(s, fd))
		return -EUSERS;
	int r = h2_pace_admit(s, fd, &limits);
	if (r < 0)
		return r;
	r = h2_conn_new(s, fd, limits);
	if (r < 0) {
		peer_leave(limits);
		return r;
	}
	take_fd(owned);
	if (s->conn_count == 1)
		loop_timer_set(&s->tick, TICK_S * NS_PER_SEC, TICK_S * NS_PER_SEC);
	return 0;
}

static void refuse(struct h2_server *s, const char *why)
{
	uint64_t more;

	stat_add(STAT_GRPC_REFUSED, 1);
	if (log_limit_pass(&s->refused_log, H2_LOG_EVERY_NS, &more))
		log_warn("grpc", "connection refused: %s (%llu more like it)", why, (unsigned long long)more);
}

static void listener_event(struct loop_watch *w, uint32_t events)
{
	struct h2_server *s = w->data;
	int64_t begin = h2_pace_clock();

	for (int i = 0; i < ACCEPT_ROUND; i++) {
		int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			/*
			 * Out of descriptors or memory: the connection stays in
			 * the backlog until the next tick, so that the
			 * level-triggered watch does not spin.
			 */
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
				refuse(s, strerror(errno));
				loop_modify(s->loop, w, 0);
				loop_timer_set(&s->tick, TICK_S * NS_PER_SEC, TICK_S * NS_PER_SEC);
				return;
			}
			break;
		}
		int r = h2_server_adopt(s, fd);
		if (r < 0)
			refuse(s, r == -EUSERS	 ? "too many connections"
				  : r == -EDQUOT ? "too many connections of one peer"
						 : strerror(-r));
	}
	h2_pace_accepted(s, w, begin);
}

/* Send a PING to a silent peer. Return the reason to close the connection, or NULL. */
static const char *conn_check(struct h2_conn *c, int64_t now)
{
	if (!c->settled && now - c->opened_ns > H2_PREFACE_S * NS_PER_SEC)
		return "no HTTP/2 preface received";
	if (c->ping_ns && now - c->ping_ns > H2_PING_TIMEOUT_S * NS_PER_SEC)
		return "no answer to a keepalive ping";
	if (!c->ping_ns && now - c->heard_ns > H2_SILENCE_S * NS_PER_SEC) {
		c->ping_ns = now;
		if (nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, NULL) != 0 || h2_conn_write(c) < 0)
			return "cannot send a keepalive ping";
	}
	return NULL;
}

void h2_server_listeners(struct h2_server *s, uint32_t events)
{
	if (s->listener.fd >= 0)
		loop_modify(s->loop, &s->listener, events);
	if (s->unix_listener.fd >= 0)
		loop_modify(s->loop, &s->unix_listener, events);
}

static void tick_event(struct loop_watch *w, uint32_t events)
{
	struct h2_server *s = w->data;
	int64_t now = clock_mono_ns();

	loop_timer_read(w);
	for (struct h2_conn *c = LIST_FIRST(&s->conns), *next; c; c = next) {
		next = LIST_NEXT(c, link);
		const char *why = conn_check(c, now);
		if (why) {
			log_info("grpc", "%s: %s, connection closed", c->peer, why);
			h2_conn_close(c);
		}
	}
	h2_server_listeners(s, EPOLLIN);
	if (s->conn_count == 0)
		loop_timer_set(w, 0, 0);
}

/* Connections leave descriptors: without one no administrator would be let in, and no namespace read. */
static size_t conn_most(void)
{
	struct rlimit files = {0};

	getrlimit(RLIMIT_NOFILE, &files);
	size_t most = files.rlim_cur / H2_FILES_PART;
	return most < 4 ? 4 : most < H2_CONNECTIONS_MAX ? most : H2_CONNECTIONS_MAX;
}

struct h2_server *h2_server_new(struct loop *loop, const struct h2_owner *owner, void *data,
				const struct access_policy *access)
{
	struct h2_server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	*s = (struct h2_server){.loop = loop, .owner = owner, .data = data, .access = access};
	s->conn_most = conn_most();
	s->unix_socket.fd = -1;
	s->unix_listener =
	    (struct loop_watch){.fd = -1, .name = "grpc unix listener", .fn = listener_event, .data = s};
	s->listener = (struct loop_watch){.fd = -1, .name = "grpc listener", .fn = listener_event, .data = s};
	s->resume.fd = -1;
	s->tick = (struct loop_watch){.fd = -1, .name = "grpc keepalive", .fn = tick_event, .data = s};
	int r = h2_session_setup(s);
	if (r == 0)
		r = loop_timer_open(loop, &s->tick);
	if (r == 0)
		r = h2_pace_open(s);
	if (r < 0) {
		h2_server_free(s, 0);
		errno = -r;
		return NULL;
	}
	return s;
}

/* Open a listening socket for one address. Return the descriptor or -errno. */
static int listen_on(const struct addrinfo *ai)
{
	int one = 1, zero = 0;
	_cleanup_close_ int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, LISTEN_QUEUE) < 0)
		return -errno;
	return take_fd(fd);
}

static void freeaddrinfop(struct addrinfo **ai)
{
	if (*ai)
		freeaddrinfo(*ai);
}

int h2_server_listen(struct h2_server *s, const char *address, uint16_t port, char *error, size_t size)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
	_cleanup_(freeaddrinfop) struct addrinfo *ai = NULL;
	char host[INET6_ADDRSTRLEN + 2], service[6];
	size_t len = strlen(address);
	bool bracketed = len >= 2 && address[0] == '[' && address[len - 1] == ']';

	snprintf(host, sizeof(host), "%.*s", (int)(bracketed ? len - 2 : len), address + bracketed);
	snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(*host ? host : "::", service, &hints, &ai) != 0) {
		snprintf(error, size, "gRPC cannot listen on \"%s\": not a numeric IPv4 or IPv6 address",
			 address);
		return -EINVAL;
	}
	int fd = listen_on(ai);
	if (fd < 0) {
		snprintf(error, size, "gRPC cannot listen on %s port %u: %s", *host ? host : "all addresses",
			 port, strerror(-fd));
		return fd;
	}
	return h2_server_listen_on(s, fd, error, size);
}

int h2_server_listen_on(struct h2_server *s, int fd, char *error, size_t size)
{
	struct sockaddr_storage addr = {0};
	socklen_t len = sizeof(addr);
	bool local = getsockname(fd, (struct sockaddr *)&addr, &len) == 0 && addr.ss_family == AF_UNIX;
	struct loop_watch *w = local ? &s->unix_listener : &s->listener;

	w->fd = fd;
	int r = loop_add(s->loop, w, EPOLLIN);
	if (r < 0)
		snprintf(error, size, "gRPC cannot watch its listening socket: %s", strerror(-r));
	return r;
}

int h2_server_listen_unix(struct h2_server *s, const char *path, mode_t mode,
			  const struct privilege_user *owner, char *error, size_t size)
{
	int r = unix_socket_listen(&s->unix_socket, path, mode, owner, error, size);

	if (r < 0)
		return r;
	return h2_server_listen_on(s, s->unix_socket.fd, error, size);
}

void h2_server_use_tls(struct h2_server *s, struct tls_context *tls)
{
	s->tls = tls;
}

uint16_t h2_server_port(const struct h2_server *s)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	char port[6] = "0";

	if (getsockname(s->listener.fd, (struct sockaddr *)&addr, &len) == 0)
		getnameinfo((struct sockaddr *)&addr, len, NULL, 0, port, sizeof(port), NI_NUMERICSERV);
	return (uint16_t)strtoul(port, NULL, 10);
}

/* Run one round over the connections with output left; close those that are done. */
static void drain_round(struct h2_server *s, int timeout_ms)
{
	struct pollfd fds[H2_CONNECTIONS_MAX + H2_CONNECTIONS_MORE];
	nfds_t n = 0;

	for (struct h2_conn *c = LIST_FIRST(&s->conns), *next; c; c = next) {
		next = LIST_NEXT(c, link);
		/* Unread input would turn close(2) into a reset, which may overtake the last frames. */
		int r = h2_conn_read(c);
		if (r < 0 || h2_conn_write(c) < 0 || (LIST_EMPTY(&c->streams) && c->out.len == 0))
			h2_conn_close(c);
		else
			fds[n++] = (struct pollfd){.fd = c->watch.fd,
						   .events = c->armed & EPOLLIN ? POLLIN : POLLOUT};
	}
	if (n > 0)
		poll(fds, n, timeout_ms);
}

void h2_server_free(struct h2_server *s, int drain_ms)
{
	if (!s)
		return;
	int64_t deadline = clock_mono_ns() + drain_ms * NS_PER_MS;

	if (s->listener.fd >= 0) {
		loop_remove(s->loop, &s->listener);
		close(s->listener.fd);
		s->listener.fd = -1;
	}
	if (s->unix_listener.fd >= 0) {
		loop_remove(s->loop, &s->unix_listener);
		/* A socket that unix_socket_listen() made is closed with its name. */
		if (s->unix_socket.fd < 0)
			close(s->unix_listener.fd);
		s->unix_listener.fd = -1;
	}
	unix_socket_close(&s->unix_socket);
	struct h2_conn *c;
	LIST_FOREACH(c, &s->conns, link)
	{
		int32_t last = nghttp2_session_get_last_proc_stream_id(c->session);
		nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0);
	}
	for (int64_t left = drain_ms; left > 0 && !LIST_EMPTY(&s->conns);
	     left = (deadline - clock_mono_ns()) / NS_PER_MS)
		drain_round(s, (int)left);
	while (!LIST_EMPTY(&s->conns))
		h2_conn_close(LIST_FIRST(&s->conns));
	loop_timer_close(s->loop, &s->tick);
	loop_timer_close(s->loop, &s->resume);
	nghttp2_session_callbacks_del(s->callbacks);
	nghttp2_option_del(s->option);
	free(s);
}
