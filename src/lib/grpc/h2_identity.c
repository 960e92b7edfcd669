/* SPDX-License-Identifier: MIT */
/* The identity of a connection's peer: its name, its access, its TLS handshake. */
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/sockaddr.h"
#include "grpc/h2_internal.h"
#include "stats/stats.h"

/* Bytes read from a plaintext client before it is answered. */
#define ANSWER_READ_BYTES 4096

int h2_identify(struct h2_conn *c)
{
	struct sockaddr_storage addr = {0};
	socklen_t len = sizeof(addr);
	char host[INET6_ADDRSTRLEN] = "", port[6] = "";
	int domain = AF_UNSPEC, one = 1;

	getsockopt(c->watch.fd, SOL_SOCKET, SO_DOMAIN, &domain, &(socklen_t){sizeof(domain)});
	if (domain == AF_UNIX) {
		c->access = access_of_unix(c->server->access, c->watch.fd, c->peer, sizeof(c->peer));
		return 0;
	}
	setsockopt(c->watch.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (getpeername(c->watch.fd, (struct sockaddr *)&addr, &len) < 0 ||
	    getnameinfo((struct sockaddr *)&addr, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		snprintf(c->peer, sizeof(c->peer), "peer");
	else
		snprintf(c->peer, sizeof(c->peer), strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
	/* With TLS, the access is known after the handshake. */
	if (c->server->tls)
		c->tls = tls_new(c->server->tls, c->watch.fd, NULL);
	else
		c->access = access_of_plain(c->server->access, sockaddr_is_loopback(&addr));
	return c->server->tls && !c->tls ? -ENOMEM : 0;
}

/* The type of a TLS record that begins a handshake (RFC 8446 5.1). */
#define TLS_HANDSHAKE_RECORD 22

/*
 * Return whether the peer's first byte is not TLS; if so, answer in HTTP/1, which
 * HTTP/2 clients and people can both read.
 */
static bool answer_plaintext(struct h2_conn *c)
{
	static const char text[] =
	    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
	    "xtcp2: this port speaks gRPC over TLS only; use TLS (xtcp2client -tls)\n";
	uint8_t data[ANSWER_READ_BYTES];

	if (recv(c->watch.fd, data, 1, MSG_PEEK | MSG_DONTWAIT) != 1 || data[0] == TLS_HANDSHAKE_RECORD)
		return false;
	/* Unread input would turn close(2) into a reset, which may overtake the answer. */
	recv(c->watch.fd, data, sizeof(data), MSG_DONTWAIT);
	send(c->watch.fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(c->watch.fd, SHUT_WR);
	return true;
}

static void log_handshake(struct h2_conn *c, struct log_limit *limit, const char *reason)
{
	uint64_t more;

	stat_add(STAT_GRPC_TLS_FAILED, 1);
	if (log_limit_pass(limit, H2_LOG_EVERY_NS, &more))
		log_notice("grpc", "%s: no TLS connection: %s (%llu more like it)", c->peer, reason,
			   (unsigned long long)more);
}

int h2_handshake(struct h2_conn *c)
{
	uint32_t events = EPOLLIN;

	if (!c->greeted && answer_plaintext(c)) {
		log_handshake(c, &c->server->plaintext_log, "the client speaks plaintext");
		return -EPROTO;
	}
	c->greeted = true;
	int r = tls_handshake(c->tls, &events);
	if (r == -EAGAIN) {
		c->armed = events;
		return loop_modify(c->server->loop, &c->watch, events);
	}
	if (r < 0) {
		log_handshake(c, &c->server->tls_log, tls_reason(c->tls));
		return r;
	}
	c->access = access_of_tls(c->server->access, c->tls);
	c->open = true;
	return 0;
}
