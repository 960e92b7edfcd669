/* SPDX-License-Identifier: MIT */
#ifndef DEST_ADDRESS_H
#define DEST_ADDRESS_H
/*
 * HOST:PORT, where HOST is an IPv4 address, an [IPv6 address] or a name; and
 * the path of a UNIX socket. Parsing is pure; only host_port_connect() resolves
 * a name.
 */
#include <netdb.h>
#include <sys/un.h>

#include "dest/ops.h"

struct host_port {
	char host[NI_MAXHOST];
	char port[6];
	/* Which of the name's addresses to try first, modulo their number: the owner steps it when the
	 * one it was connected to has proved to be the wrong one. */
	unsigned int first;
};

/* Parse "HOST:PORT". Return 0, or -EINVAL with a clause in io->why. */
int host_port_parse(struct dest_io *io, const char *text, struct host_port *out);

/* Parse a path; a leading '@' is an abstract name. Set *len for bind(2) and connect(2).
 * Return 0, or -EINVAL with a clause in io->why. */
int unix_path_parse(struct dest_io *io, const char *text, struct sockaddr_un *out, socklen_t *len);

/*
 * Return a connected, non-blocking socket of type SOCK_STREAM or SOCK_DGRAM to
 * the first address of the host that answers, or to the one address given;
 * -errno with why. The caller closes it. A name is looked up each time.
 */
int host_port_connect(struct dest_io *io, const struct host_port *hp, int type, int64_t deadline_ns);

/* Look the name up again and tell whether fd's peer is no longer among its addresses; false without an answer. */
bool host_port_moved(const struct host_port *hp, int type, int fd);

int address_connect(struct dest_io *io, const struct sockaddr *sa, socklen_t len, int type,
		    int64_t deadline_ns);

#endif
