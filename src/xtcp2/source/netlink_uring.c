/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation: dumps through io_uring
 *
 * After the request, one multishot recvmsg is armed on the namespace's socket. Within
 * that one system call the kernel receives batch after batch into a ring of provided
 * buffers, until the socket is empty (MSG_DONTWAIT ends the multishot then) or no
 * buffer is left. Completions are then taken -ioUringCqeBatch at a time, and each
 * buffer is given back once read. A dump of few batches costs one io_uring_enter(2),
 * where the plain reader makes one recvmsg(2) per batch.
 *
 * It does not save the largest part of the cost, the kernel's walk of the host's
 * sockets, which happens in the same call either way. And the batches lie in several
 * buffers, which together exceed the processor's cache.
 *
 * One ring per worker. Nothing is in flight between two dumps, so a namespace may go
 * to another worker or be closed. Batches are stamped when they are taken from the
 * ring. If the first completion shows that the kernel has no multishot recvmsg (before
 * 6.0), the plain reader takes over permanently.
 */
#include <errno.h>
#include <liburing.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/log.h"
#include "source/netlink.h"
#include "source/netlink_socket.h"

/* The group of buffers of a ring; there is only one. */
#define GROUP 0

/* Most requests in the ring: the receive, or its cancellation. */
#define SQ_ENTRIES 4

/* Identify completions: of the receive, and of its cancellation. */
#define TAG_RECV   1
#define TAG_CANCEL 2

struct uring {
	struct io_uring ring;
	struct io_uring_buf_ring *buffers; /* the ring of free buffers, shared with the kernel */
	size_t buffers_size;
	uint8_t *memory;
	size_t slot; /* bytes of one buffer: io_uring's header, the sender, the batch */
	unsigned count, entries;
	struct msghdr msg; /* defines the layout of a buffer */
	struct io_uring_cqe **cqes;
	unsigned cqe_batch, cqe_count, cqe_next; /* completions taken but not yet handled */
	int held;				 /* the buffer handed out last, -1 for none */
	bool armed, proved;
	unsigned filled; /* buffers used since the receive was armed */
};

static void *map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void give_back(struct uring *u, unsigned id)
{
	io_uring_buf_ring_add(u->buffers, u->memory + id * u->slot, u->slot, id,
			      io_uring_buf_ring_mask(u->entries), 0);
	io_uring_buf_ring_advance(u->buffers, 1);
}

/* Set up the ring. 0 or -errno; uring_close() frees it in either case. */
static int buffers_make(struct uring *u)
{
	u->entries = 1;
	while (u->entries < u->count)
		u->entries *= 2;
	u->buffers_size = u->entries * sizeof(struct io_uring_buf);
	u->buffers = map(u->buffers_size);
	u->memory = map(u->count * u->slot);
	if (!u->buffers || !u->memory)
		return -ENOMEM;
	struct io_uring_buf_reg reg = {
	    .ring_addr = (uintptr_t)u->buffers, .ring_entries = u->entries, .bgid = GROUP};
	int r = io_uring_register_buf_ring(&u->ring, &reg, 0);
	if (r < 0)
		return r;
	io_uring_buf_ring_init(u->buffers);
	for (unsigned i = 0; i < u->count; i++)
		give_back(u, i);
	return 0;
}

static void uring_close(struct source *s)
{
	struct uring *u = s->reader_data;

	if (u->ring.ring_fd >= 0)
		io_uring_queue_exit(&u->ring);
	if (u->buffers)
		munmap(u->buffers, u->buffers_size);
	if (u->memory)
		munmap(u->memory, u->count * u->slot);
	free(u->cqes);
	free(u);
	s->reader_data = NULL;
}

static int uring_open(struct source *s)
{
	struct io_uring_params params = {.flags = IORING_SETUP_CQSIZE};
	struct uring *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	s->reader_data = u;
	u->ring.ring_fd = u->held = -1;
	u->msg.msg_namelen = sizeof(struct sockaddr_nl);
	u->count = s->config.uring_recv_batch;
	u->slot = NLMSG_ALIGN(sizeof(struct io_uring_recvmsg_out) + u->msg.msg_namelen + s->size);
	u->cqe_batch = s->config.uring_cqe_batch;
	u->cqes = calloc(u->cqe_batch, sizeof(struct io_uring_cqe *));
	/* One completion per buffer, and those of the ends of the receive and its cancellation. */
	params.cq_entries = u->count + SQ_ENTRIES;
	int r = u->cqes ? io_uring_queue_init_params(SQ_ENTRIES, &u->ring, &params) : -ENOMEM;
	if (r < 0)
		u->ring.ring_fd = -1;
	else
		r = buffers_make(u);
	if (r < 0)
		uring_close(s);
	return r;
}

/* Give back the buffer that was handed out. */
static void release(struct uring *u)
{
	if (u->held >= 0)
		give_back(u, u->held);
	u->held = -1;
}

/* Return the next available completion, NULL for none. Valid until the next call. */
static struct io_uring_cqe *next_cqe(struct uring *u)
{
	if (u->cqe_next == u->cqe_count) {
		io_uring_cq_advance(&u->ring, u->cqe_count);
		u->cqe_next = 0;
		u->cqe_count = io_uring_peek_batch_cqe(&u->ring, u->cqes, u->cqe_batch);
	}
	return u->cqe_next < u->cqe_count ? u->cqes[u->cqe_next++] : NULL;
}

/* Update the state of the receive from a completion. Return its buffer or -1. */
static int note(struct uring *u, const struct io_uring_cqe *cqe)
{
	if (cqe->user_data == TAG_RECV && !(cqe->flags & IORING_CQE_F_MORE))
		u->armed = false;
	return cqe->flags & IORING_CQE_F_BUFFER ? (int)(cqe->flags >> IORING_CQE_BUFFER_SHIFT) : -1;
}

/* Arm the receive; the kernel fills buffers inside this call. 0 or -errno. */
static int arm(struct uring *u, int fd)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_recvmsg_multishot(sqe, fd, &u->msg, MSG_DONTWAIT);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	io_uring_sqe_set_data64(sqe, TAG_RECV);
	int r = io_uring_submit(&u->ring);
	if (r < 0)
		return r;
	u->armed = true;
	u->filled = 0;
	return 0;
}

/* Wait for a completion of the armed receive, as netlink_wait() waits for the socket. */
static int wait_cqe(struct attempt *a, struct uring *u)
{
	struct io_uring_cqe *cqe;
	int64_t wait = a->deadline_ns - clock_mono_ns();

	if (wait > a->source->config.recv_timeout_ns)
		wait = a->source->config.recv_timeout_ns;
	if (wait < 0)
		wait = 0;
	struct __kernel_timespec ts = {.tv_sec = wait / NS_PER_SEC, .tv_nsec = wait % NS_PER_SEC};
	int r = io_uring_wait_cqe_timeout(&u->ring, &cqe, &ts);
	return r == -ETIME ? -ETIMEDOUT : r == -EINTR || r > 0 ? 0 : r;
}

/* The kernel lacks support: use the plain reader from here on. */
static ssize_t fall_back(struct attempt *a, const uint8_t **data)
{
	struct source *s = a->source;

	log_notice("netlink", "-ioUring: this kernel has no multishot recvmsg: reading without it");
	uring_close(s);
	s->reader = &netlink_plain;
	int r = s->reader->open(s);
	return r < 0 ? r : s->reader->recv(a, data);
}

/* Handle a receive that ended without a batch. 0 to go on, 1 to fall back, or -errno. */
static int take_error(struct attempt *a, struct uring *u, int error)
{
	switch (error) {
	case -EAGAIN: /* the socket was empty */
		return netlink_wait(a);
	case -ENOBUFS: /* ENOBUFS of the ring, not of the socket: all its buffers are filled */
		return u->filled >= u->count ? 0 : error;
	case -EINTR:
	case -ECANCELED:
		return 0;
	case -EINVAL:
		return u->proved ? error : 1;
	default:
		return error;
	}
}

static ssize_t uring_recv(struct attempt *a, const uint8_t **data)
{
	struct uring *u = a->source->reader_data;
	struct io_uring_cqe *cqe;
	int r = 0;

	release(u);
	for (;;) {
		cqe = next_cqe(u);
		if (!cqe) {
			r = u->armed ? wait_cqe(a, u) : arm(u, a->ns->socket->fd);
			if (r < 0)
				return netlink_recv_failed(a, r);
			continue;
		}
		r = 0;
		int id = note(u, cqe);
		if (cqe->res >= 0 && id >= 0) {
			u->held = id;
			break;
		}
		if (id >= 0)
			give_back(u, id);
		if (cqe->user_data == TAG_RECV && cqe->res < 0)
			r = take_error(a, u, cqe->res);
		if (r > 0)
			return fall_back(a, data);
		if (r < 0)
			return netlink_recv_failed(a, r);
	}
	u->proved = true;
	u->filled++;
	uint8_t *slot = u->memory + u->held * u->slot;
	struct io_uring_recvmsg_out *out = io_uring_recvmsg_validate(slot, cqe->res, &u->msg);
	if (!out)
		return netlink_recv_failed(a, -EPROTO);
	*data = io_uring_recvmsg_payload(out, &u->msg);
	return netlink_received(a, io_uring_recvmsg_payload_length(out, cqe->res, &u->msg),
				io_uring_recvmsg_name(out), out->namelen, out->flags);
}

/* Take the remaining completions; if the receive is still armed, cancel it and wait for its end. */
static void uring_end(struct source *s)
{
	struct uring *u = s->reader_data;
	struct io_uring_cqe *cqe;
	bool cancelled = false;

	release(u);
	for (;;) {
		while ((cqe = next_cqe(u))) {
			int id = note(u, cqe);
			if (id >= 0)
				give_back(u, id);
		}
		if (!u->armed)
			return;
		struct io_uring_sqe *sqe = cancelled ? NULL : io_uring_get_sqe(&u->ring);
		if (sqe) {
			io_uring_prep_cancel64(sqe, TAG_RECV, 0);
			io_uring_sqe_set_data64(sqe, TAG_CANCEL);
			cancelled = true;
		}
		int r = io_uring_submit_and_wait(&u->ring, 1);
		if (r < 0 && r != -EINTR) {
			log_err("netlink", "-ioUring: a receive cannot be cancelled: %s", strerror(-r));
			abort(); /* the kernel would still write to its buffers */
		}
	}
}

const struct netlink_reader netlink_uring = {
    .open = uring_open,
    .close = uring_close,
    .recv = uring_recv,
    .end = uring_end,
};
