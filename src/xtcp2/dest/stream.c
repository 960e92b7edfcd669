/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * tcp:HOST:PORT and unix:PATH. The stream carries the envelopes as they are:
 * protobufList is framed by its own length, text is lines.
 *
 * What write(2) took is not what the peer has: bytes in the socket's buffer
 * are lost with the connection. So an envelope is kept until SIOCOUTQ shows
 * that the kernel of the peer acknowledged its last byte (tcp) or that the peer
 * read it (unix, where SIOCOUTQ counts memory and so errs on the safe side).
 * When the connection breaks, what is not acknowledged goes back to the queue
 * and is sent again from its beginning: the peer may see an envelope twice or
 * one cut short at the end of a connection, but none is missing unless the
 * peer itself loses what its kernel had acknowledged.
 *
 * No event tells of acknowledgements, so while some are outstanding the thread
 * looks every ACK_TICK_NS.
 *
 * End of file from the peer is no reason to disconnect: it may have shut down
 * only its sending side ("socat -u" does). If it is gone altogether, the next
 * segment is answered with a reset, and nothing is lost.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "dest/address.h"
#include "dest/queue.h"

#define ACK_TICK_NS	    (10 * NS_PER_MS)
/* A path that swallows everything is given up after this long. */
#define TCP_USER_TIMEOUT_MS 30000
/* What a peer has to say is thrown away in pieces of this size. */
#define DRAIN_BYTES	    4096

struct stream_dest {
	struct dest_io io;
	struct host_port host; /* tcp */
	struct sockaddr_un path;
	socklen_t path_len;
	int fd;
	bool eof;	  /* the peer does not send any more */
	uint64_t written; /* bytes since the connection was made */
	struct envelope_queue unacked;
};

static int tcp_parse(struct dest_io *io, const char *address)
{
	struct stream_dest *s = (struct stream_dest *)io;

	s->fd = -1;
	return host_port_parse(io, address, &s->host);
}

static int unix_parse(struct dest_io *io, const char *address)
{
	struct stream_dest *s = (struct stream_dest *)io;

	s->fd = -1;
	return unix_path_parse(io, address, &s->path, &s->path_len);
}

static int begin(struct stream_dest *s, int fd)
{
	if (fd < 0)
		return fd;
	s->fd = fd;
	s->eof = false;
	s->written = 0;
	return 0;
}

static int tcp_connect(struct dest_io *io, int64_t deadline_ns)
{
	struct stream_dest *s = (struct stream_dest *)io;
	int fd = host_port_connect(io, &s->host, SOCK_STREAM, deadline_ns);

	if (fd >= 0) {
		unsigned int timeout = TCP_USER_TIMEOUT_MS;
		int on = 1;
		/* Only hints: without them a dead path is noticed later. */
		(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
		(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	}
	return begin(s, fd);
}

static int unix_connect(struct dest_io *io, int64_t deadline_ns)
{
	struct stream_dest *s = (struct stream_dest *)io;

	return begin(s,
		     address_connect(io, (struct sockaddr *)&s->path, s->path_len, SOCK_STREAM, deadline_ns));
}

/* Reads away what the peer says and sees whether it is still there. */
static enum dest_result stream_idle(struct dest_io *io, short revents)
{
	struct stream_dest *s = (struct stream_dest *)io;
	char sink[DRAIN_BYTES];

	ssize_t n = recv(s->fd, sink, sizeof(sink), MSG_DONTWAIT);
	if (n == 0)
		s->eof = true;
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		dest_why(io, errno, "connection");
		return DEST_RETRY;
	}
	if (n <= 0 && revents & (POLLHUP | POLLERR)) {
		dest_why(io, 0, "the peer closed the connection");
		return DEST_RETRY;
	}
	return DEST_SENT;
}

/*
 * Completes what has arrived. A peer that closes with bytes unread throws them
 * away, which looks like reading them: but it leaves an error behind before it
 * does, so the count is only good when no error is there after it was taken.
 */
static enum dest_result stream_service(struct dest_io *io)
{
	struct stream_dest *s = (struct stream_dest *)io;
	struct pollfd p = {.fd = s->fd};
	int outstanding = 0;

	if (s->unacked.head && ioctl(s->fd, SIOCOUTQ, &outstanding) == 0) {
		if (poll(&p, 1, 0) == 1 && p.revents & POLLERR)
			return stream_idle(io, p.revents);
		uint64_t arrived = s->written > (uint64_t)outstanding ? s->written - outstanding : 0;
		while (s->unacked.head && s->unacked.head->mark <= arrived)
			dest_complete(io, envelope_queue_pop(&s->unacked), DEST_SENT);
	}
	io->tick_ns = s->unacked.head ? ACK_TICK_NS : 0;
	return DEST_SENT;
}

static enum dest_result stream_send(struct dest_io *io, struct envelope *e, int64_t deadline_ns)
{
	struct stream_dest *s = (struct stream_dest *)io;
	size_t done = 0;

	while (done < e->body.len) {
		ssize_t n = send(s->fd, e->body.data + done, e->body.len - done, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0) {
			done += n;
			s->written += n;
			continue;
		}
		int err = errno;
		if (err == EAGAIN || err == EINTR)
			err = -dest_wait(io, s->fd, POLLOUT, deadline_ns);
		if (err) {
			dest_why(io, err, "send");
			return DEST_RETRY;
		}
	}
	e->mark = s->written;
	envelope_queue_push(&s->unacked, e);
	return DEST_TAKEN;
}

static void stream_disconnect(struct dest_io *io)
{
	struct stream_dest *s = (struct stream_dest *)io;

	if (s->fd < 0)
		return;
	while (s->unacked.head)
		dest_complete(io, envelope_queue_pop(&s->unacked), DEST_RETRY);
	io->tick_ns = 0;
	close(s->fd);
	s->fd = -1;
}

static int stream_idle_fd(struct dest_io *io, short *events)
{
	struct stream_dest *s = (struct stream_dest *)io;

	*events = s->eof ? 0 : POLLIN;
	return s->fd;
}

const struct dest_ops dest_tcp_ops = {
    .state_size = sizeof(struct stream_dest),
    .parse = tcp_parse,
    .connect = tcp_connect,
    .send = stream_send,
    .disconnect = stream_disconnect,
    .service = stream_service,
    .idle_fd = stream_idle_fd,
    .idle = stream_idle,
};

const struct dest_ops dest_unix_ops = {
    .state_size = sizeof(struct stream_dest),
    .parse = unix_parse,
    .connect = unix_connect,
    .send = stream_send,
    .disconnect = stream_disconnect,
    .service = stream_service,
    .idle_fd = stream_idle_fd,
    .idle = stream_idle,
};
