/* SPDX-License-Identifier: MIT */
#ifndef API_ACCESS_H
#define API_ACCESS_H
/*
 * Access control of gRPC calls. Main thread only.
 *
 * Theory of operation
 *
 * Access belongs to a connection and is decided once, when the connection is
 * accepted: on a UNIX socket by the peer's credentials, which the kernel
 * supplies; over TLS by the client's certificate. A token in a request may raise
 * it for that one call. Anonymous clients of the TCP port all get one value
 * (`everybody`): read access if nothing identifies clients (no token file, no
 * client certificates, no -grpcReaders), otherwise none. Every peer on the UNIX
 * socket gets at least that.
 *
 * A method's row states the access it needs; the only comparison is in grpc.c,
 * before the method is called.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum access { ACCESS_NONE, ACCESS_READ, ACCESS_ADMIN };

/* The transport of a connection. */
enum access_way { ACCESS_WAY_UNIX, ACCESS_WAY_PLAIN, ACCESS_WAY_TLS };

/* The peer of one connection; lives as long as the connection. */
struct access_peer {
	enum access_way way;
	enum access access; /* of the connection, without a token */
	bool loopback;	    /* the peer is on this host */
	bool named;	    /* the peer presented a certificate that was verified */
};

struct access_options {
	const char *socket;	/* path of the UNIX socket, for the text of refusals; "" for none */
	const char *readers;	/* groups, separated by commas; "" for none */
	const char *admins;	/* groups */
	const char *token_file; /* "" for none */
	const char *tls_admins; /* names in client certificates, separated by commas */
	bool certificates;	/* client certificates are requested */
	bool tcp;		/* there is a TCP port */
};

struct access_policy;

/* Look up the groups and read the token file (both may block). Strings are copied. Return NULL with one
 * sentence in error on failure. */
struct access_policy *access_new(const struct access_options *options, char *error, size_t size);
void access_free(struct access_policy *p);

/* Return the access of an anonymous connection. */
enum access access_everybody(const struct access_policy *p);
/* Return whether -grpcReaders or -grpcAdmins name a group: the socket must then let any user connect. */
bool access_has_groups(const struct access_policy *p);

/*
 * Determine the access of the peer of a connected UNIX stream socket; write "uid
 * 1000 pid 4711" to name. A peer without credentials gets what everybody gets.
 */
struct access_peer access_of_unix(const struct access_policy *p, int fd, char *name, size_t size);
struct access_peer access_of_plain(const struct access_policy *p, bool loopback);
/* Call after the handshake. */
struct tls;
struct access_peer access_of_tls(const struct access_policy *p, const struct tls *tls);

struct access_answer {
	enum access access;
	bool unauthenticated; /* refused, and the peer has not identified itself */
	char text[600];	      /* when refused: one sentence that tells how to get access */
};

/* Determine the access of one call; authorization is the value of its header field, "" if absent. */
void access_check(const struct access_policy *p, const struct access_peer *peer, const char *authorization,
		  enum access needs, struct access_answer *answer);

#endif
