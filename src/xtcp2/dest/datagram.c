/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * udp:HOST:PORT and unixgram:PATH, one datagram per envelope. Workers cut
 * envelopes at dest_max_envelope(); one that is still too large (EMSGSIZE) is
 * cut in two. While the peer does not exist (ECONNREFUSED, ENOENT) or its
 * queue is full, envelopes wait, bounded by the queue. UDP guarantees no
 * delivery: "sent" means handed to the network, unless a refusal arrived at
 * once, as it does from a port of this machine.
 *
 * The name in udp: is looked up after each failure, which also moves on to the
 * name's next address, and each LOOK_UP_NS, because nothing else would tell that
 * the collector has moved.
 */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "dest/address.h"

/* The largest UDP payload over IPv4: 65535 - 20 (IP) - 8 (UDP). */
#define UDP_PAYLOAD_MAX	  65507
/* af_unix fails with EMSGSIZE for a datagram larger than the buffer less this. */
#define UNIXGRAM_OVERHEAD 32
/* Interval between two look-ups of the name while all goes well; dest_config may say another. */
#define LOOK_UP_NS	  (60 * NS_PER_SEC)

struct datagram_dest {
	struct dest_io io;
	struct host_port host; /* udp; no name for unixgram */
	int64_t look_up_ns;    /* when to look the name up again */
	struct sockaddr_un path;
	socklen_t path_len;
	int fd;
};

static int udp_parse(struct dest_io *io, const char *address)
{
	struct datagram_dest *g = (struct datagram_dest *)io;

	g->fd = -1;
	io->max_envelope = UDP_PAYLOAD_MAX;
	return host_port_parse(io, address, &g->host);
}

/*
 * Return the largest datagram that fits into the send buffer of fd. The buffer
 * keeps the kernel's default (net.core.wmem_default), because receivers size
 * their buffers by it and would truncate longer datagrams.
 */
static int largest(int fd)
{
	int bytes = 0;
	socklen_t size = sizeof(bytes);

	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &size) < 0)
		return -errno;
	return bytes - UNIXGRAM_OVERHEAD;
}

static int unixgram_parse(struct dest_io *io, const char *address)
{
	struct datagram_dest *g = (struct datagram_dest *)io;
	_cleanup_close_ int probe = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	g->fd = -1;
	int max = probe < 0 ? -errno : largest(probe);
	if (max <= 0) {
		dest_why(io, -max, "cannot make a socket");
		return max;
	}
	io->max_envelope = max;
	return unix_path_parse(io, address, &g->path, &g->path_len);
}

static int64_t next_look_up(const struct datagram_dest *g)
{
	return clock_mono_ns() + (g->io.config->look_up_ns > 0 ? g->io.config->look_up_ns : LOOK_UP_NS);
}

static int udp_connect(struct dest_io *io, int64_t deadline_ns)
{
	struct datagram_dest *g = (struct datagram_dest *)io;
	int fd = host_port_connect(io, &g->host, SOCK_DGRAM, deadline_ns);

	g->fd = fd;
	g->look_up_ns = next_look_up(g);
	return fd < 0 ? fd : 0;
}

static int unixgram_connect(struct dest_io *io, int64_t deadline_ns)
{
	struct datagram_dest *g = (struct datagram_dest *)io;

	g->fd = address_connect(io, (struct sockaddr *)&g->path, g->path_len, SOCK_DGRAM, deadline_ns);
	return g->fd < 0 ? g->fd : 0;
}

/* Return the errno of a refusal that has already arrived for the last datagram; 0 otherwise. */
static int refusal(int fd)
{
	struct pollfd p = {.fd = fd};
	int err = 0;
	socklen_t size = sizeof(err);

	if (poll(&p, 1, 0) == 1 && p.revents & POLLERR &&
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) == 0)
		return err;
	return 0;
}

/* Follow the name to its new address, if it has one. Return 0 or -errno, with why. */
static int follow_name(struct datagram_dest *g, int64_t deadline_ns)
{
	if (!g->host.host[0] || clock_mono_ns() < g->look_up_ns)
		return 0;
	bool moved = host_port_moved(&g->host, SOCK_DGRAM, g->fd);
	g->look_up_ns = next_look_up(g);
	if (!moved)
		return 0;
	close(g->fd);
	return udp_connect(&g->io, deadline_ns);
}

static enum dest_result fails(struct datagram_dest *g, int err, const char *what)
{
	dest_why(&g->io, err, "%s", what);
	g->host.first++;
	return DEST_RETRY;
}

static enum dest_result datagram_send(struct dest_io *io, struct envelope *e, int64_t deadline_ns)
{
	struct datagram_dest *g = (struct datagram_dest *)io;

	if (follow_name(g, deadline_ns) < 0)
		return DEST_RETRY;
	for (;;) {
		int err = send(g->fd, e->body.data, e->body.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0
			      ? errno
			      : refusal(g->fd);
		if (err == 0)
			return DEST_SENT;
		if (err == EMSGSIZE) {
			dest_why(io, err, "a datagram of %zu bytes", e->body.len);
			return DEST_SPLIT;
		}
		if (err == EAGAIN || err == EINTR)
			err = -dest_wait(io, g->fd, POLLOUT, deadline_ns);
		if (err)
			return fails(g, err, "send");
	}
}

static void datagram_disconnect(struct dest_io *io)
{
	struct datagram_dest *g = (struct datagram_dest *)io;

	if (g->fd >= 0)
		close(g->fd);
	g->fd = -1;
}

static int datagram_idle_fd(struct dest_io *io, short *events)
{
	*events = 0; /* only errors: a late refusal, or the end of a UNIX peer */
	return ((struct datagram_dest *)io)->fd;
}

static enum dest_result datagram_idle(struct dest_io *io, short revents)
{
	struct datagram_dest *g = (struct datagram_dest *)io;

	return fails(g, refusal(g->fd), "the peer is gone");
}

const struct dest_ops dest_udp_ops = {
    .state_size = sizeof(struct datagram_dest),
    .lazy = true,
    .splits = true,
    .parse = udp_parse,
    .connect = udp_connect,
    .send = datagram_send,
    .disconnect = datagram_disconnect,
    .idle_fd = datagram_idle_fd,
    .idle = datagram_idle,
};

const struct dest_ops dest_unixgram_ops = {
    .state_size = sizeof(struct datagram_dest),
    .splits = true,
    .parse = unixgram_parse,
    .connect = unixgram_connect,
    .send = datagram_send,
    .disconnect = datagram_disconnect,
    .idle_fd = datagram_idle_fd,
    .idle = datagram_idle,
};
