/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * tcp:HOST:PORT and unix:PATH. The stream carries the envelopes without further
 * framing: protobufList has its length in front, text is lines.
 *
 * write(2) does not mean that the peer has the bytes: those in the socket's
 * buffer are lost with the connection. So an envelope is kept until SIOCOUTQ shows
 * that the kernel of the peer acknowledged its last byte (tcp) or that the peer
 * read it (unix, where SIOCOUTQ counts memory and so errs on the safe side).
 * When the connection breaks, unacknowledged envelopes return to the queue and
 * are sent again from their beginning: the peer may receive an envelope twice,
 * or cut at the end of a connection, but misses none unless it loses data that
 * its kernel had acknowledged.
 *
 * A connection that breaks before anything was acknowledged leads to the name's
 * next address: a proxy may accept on the first one and have nobody behind it.
 *
 * The kernel signals no event for acknowledgements, so while some are
 * outstanding the thread checks every ACK_TICK_NS.
 *
 * End of file from the peer does not end the connection: the peer may have shut
 * down only its sending side ("socat -u" does). If it is gone, the next segment
 * is answered with a reset, and nothing is lost.
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
/* Time after which an unresponsive path counts as broken. */
#define TCP_USER_TIMEOUT_MS 30000
/* Size of one read of data from the peer, which is discarded. */
#define DRAIN_BYTES	    4096

struct stream_dest {
	struct dest_io io;
	struct host_port host; /* tcp */
	struct sockaddr_un path;
	socklen_t path_len;
	int fd;
	bool eof;	  /* the peer has shut down its sending side */
	bool proven;	  /* it has acknowledged an envelope since the connection was made */
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
	s->eof = s->proven = false;
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
		/* Failure is harmless: a dead path is then noticed later. */
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

/* Discard data from the peer and detect its end. */
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
 * Complete acknowledged envelopes. A peer that closes with unread bytes discards
 * them, which looks as if it had read them, but sets an error on the socket
 * first: the count is valid only if no error is set after it was taken.
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
		while (s->unacked.head && s->unacked.head->mark <= arrived) {
			dest_complete(io, envelope_queue_pop(&s->unacked), DEST_SENT);
			s->proven = true;
		}
	}
	io->tick_ns = s->unacked.head ? ACK_TICK_NS : 0;
	return DEST_SENT;
}

static enum dest_result stream_send(struct dest_io *io, struct envelope *e, int64_t deadline_ns)
{
	struct stream_dest *s = (struct stream_dest *)io;
	/* A reader that begins here needs the header. */
	size_t done = e->skip = s->written > 0 ? e->header : 0;

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
		if (err == ETIMEDOUT) {
			dest_why(io, 0, "the peer has read nothing within -produceTimeout");
			return DEST_RETRY;
		}
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
	if (!s->proven)
		s->host.first++;
}

static void stream_explain(struct dest_io *io)
{
	dest_why(io, 0, "the peer does not read");
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
    .explain = stream_explain,
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
    .explain = stream_explain,
    .idle_fd = stream_idle_fd,
    .idle = stream_idle,
};
