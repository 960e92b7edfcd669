/* SPDX-License-Identifier: MIT */
#ifndef API_ACCESS_H
#define API_ACCESS_H
/*
 * Who may do what over gRPC. Main thread only.
 *
 * Theory of operation
 *
 * Access belongs to a connection and is decided once, when the connection is
 * accepted: on a UNIX socket by the peer's credentials, which the kernel vouches
 * for; over TLS by the client's certificate. A token in a request may raise it for
 * that one call. What everybody gets who reaches the TCP port is one value
 * (`everybody`): reading as long as nothing says who is who (no token file, no
 * client certificates, no -grpcReaders), nothing otherwise. The UNIX socket gives
 * nobody less than that.
 *
 * A method's row says which access it needs; the one comparison is in grpc.c,
 * before the method is called.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum access { ACCESS_NONE, ACCESS_READ, ACCESS_ADMIN };

/* How a connection came. */
enum access_way { ACCESS_WAY_UNIX, ACCESS_WAY_PLAIN, ACCESS_WAY_TLS };

/* One peer, as long as its connection. */
struct access_peer {
	enum access_way way;
	enum access access; /* of the connection, without a token */
	bool loopback;	    /* no other host is involved */
	bool named;	    /* it presented a certificate that was verified */
};

struct access_options {
	const char *socket;	/* path of the UNIX socket, for what refusals say; "" for none */
	const char *readers;	/* groups, separated by commas; "" for none */
	const char *admins;	/* groups */
	const char *token_file; /* "" for none */
	const char *tls_admins; /* names in client certificates, separated by commas */
	bool certificates;	/* client certificates are asked for */
	bool tcp;		/* there is a TCP port */
};

struct access_policy;

/* Looks the groups up and reads the token file (both may block). Texts are copied. NULL with one sentence in
 * error. */
struct access_policy *access_new(const struct access_options *options, char *error, size_t size);
void access_free(struct access_policy *p);

/* What a connection may do that says nothing about itself. */
enum access access_everybody(const struct access_policy *p);
/* Whether -grpcReaders or -grpcAdmins name a group: the socket must then let strangers connect. */
bool access_has_groups(const struct access_policy *p);

/*
 * Decides about the peer of a connected UNIX stream socket; writes "uid 1000 pid
 * 4711" to name. A peer whose credentials cannot be had gets what everybody gets.
 */
struct access_peer access_of_unix(const struct access_policy *p, int fd, char *name, size_t size);
struct access_peer access_of_plain(const struct access_policy *p, bool loopback);
/* After the handshake. */
struct tls;
struct access_peer access_of_tls(const struct access_policy *p, const struct tls *tls);

struct access_answer {
	enum access access;
	bool unauthenticated; /* refused, and the peer has not said who it is */
	char text[600];	      /* when refused: one sentence that names who may, and by which way */
};

/* The access of one call; authorization is the value of its header field, "" when it has none. */
void access_check(const struct access_policy *p, const struct access_peer *peer, const char *authorization,
		  enum access needs, struct access_answer *answer);

#endif
