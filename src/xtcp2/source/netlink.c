/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation: netlink source
 *
 * For each dump the kernel walks the host's whole table of sockets, whatever
 * namespace and family are requested, and that walk is most of the cost. So one
 * request asks for both families. Only the first generation of the request,
 * TCPDIAG_GETSOCK, can do that (SOCK_DIAG_BY_FAMILY has no AF_UNSPEC); it returns the
 * same attributes and halves the cost of a namespace with few sockets. If a kernel
 * refuses it, later dumps make one request per family.
 *
 * The kernel answers with batches of at most 32 KiB, each built by the receive
 * call that fetches it. So a batch is stamped with the time of its own receive, no
 * batch waits in a queue, and a receive call seldom blocks; -nltimeout limits it.
 *
 * Listening sockets are part of the same dump. A separate dump of them is cheap (their
 * table is small) and has its use where the other sockets are known
 * (netlink_lookup.c). Beside a dump of all it would help only if a record larger
 * than a batch cut that short, and such records exist only for a reader with
 * CAP_NET_ADMIN, which is never in effect here.
 *
 * Decisions, each with a counter:
 *   NLM_F_DUMP_INTR, MSG_TRUNC      read the rest of the dump, then ask once more
 *   NLMSG_ERROR, errno in DONE      the dump is over; ask once more
 *   ENOBUFS, NLMSG_OVERRUN,         replace the socket, since the rest of the
 *   a failed send or receive,       dump may still come on it; ask once more
 *   a receive that timed out
 *   a second failure, the deadline  take what came as partial and mark it so
 *   another sequence number, port   skip the message: a sender with rights in a
 *   or sender                       container's namespace could forge records
 * A second request repeats records that were already emitted, and the kernel's walk
 * may repeat a socket when its table changes meanwhile. The set of cookies, which are
 * unique on the host, removes both kinds of duplicates.
 */
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "enrich/enrichment.h"
#include "filter/filter.h"
#include "record/nl.h"
#include "source/capture.h"
#include "source/known_sockets.h"
#include "source/netlink.h"
#include "source/netlink_lookup.h"
#include "source/netlink_socket.h"
#include "version.h"

/* The largest batch of a dump that the kernel makes: a larger buffer has no use. */
#define RECV_SIZE_DEFAULT (32 * 1024)

/*
 * The kernel makes the first batch before it knows the size of the buffer, up to this
 * size with any page size; a smaller buffer would truncate it.
 */
#define RECV_SIZE_MIN (8 * 1024)

/* Most attempts at one request in one dump of a namespace. */
#define DUMP_ATTEMPTS 2

#define NL_LOG_NS (60 * NS_PER_SEC)

static const struct request both_at_once = {TCPDIAG_GETSOCK, AF_UNSPEC, "IPv4 and IPv6"};
static const struct request by_family[] = {{SOCK_DIAG_BY_FAMILY, AF_INET, "IPv4"},
					   {SOCK_DIAG_BY_FAMILY, AF_INET6, "IPv6"}};
static const struct request listeners = {TCPDIAG_GETSOCK, AF_UNSPEC, "listeners", .listeners = true};

static void netlink_free(struct source *s)
{
	if (!s)
		return;
	s->reader->close(s);
	cookie_set_free(&s->seen);
	free(s);
}

/* The text has been checked; without memory for the tree the kernel filters nothing, and who reads does. */
static void set_filter(struct source *s)
{
	char error[256];
	struct filter *f = s->config.filter ? filter_new(s->config.filter, error, sizeof(error)) : NULL;

	bytecode_make(&s->filter, f);
	s->config.states &= s->filter.states;
	s->config.filter = NULL;
	filter_free(f);
}

#if !XTCP2_URING
static int no_ring(struct source *s)
{
	return -ENOSYS;
}

/* In the place of netlink_uring.c's reader. */
const struct netlink_reader netlink_uring = {.open = no_ring};
#endif

static struct source *create_with(const struct netlink_reader *reader, const struct source_config *config,
				  unsigned worker)
{
	size_t size = config->recv_size ? config->recv_size : RECV_SIZE_DEFAULT;
	struct source *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->config = *config;
	s->worker = worker;
	s->size = size < RECV_SIZE_MIN ? RECV_SIZE_MIN : size;
	s->reader = reader;
	set_filter(s);
	s->config.lookups = s->config.lookups && netlink_lookups_fit(s);
	int r = reader->open(s);
	if (r < 0 && reader != &netlink_plain) {
		if (worker == 0 && !XTCP2_URING)
			log_notice(
			    "netlink",
			    "-ioUring: this program was built without liburing 2.3: reading without it");
		else if (worker == 0)
			log_notice(
			    "netlink",
			    "-ioUring: the kernel refuses a ring of %u buffers (%s): reading without it",
			    config->uring_recv_batch, strerror(-r));
		s->reader = &netlink_plain;
		r = s->reader->open(s);
	}
	if (r < 0) {
		free(s);
		errno = -r;
		return NULL;
	}
	return s;
}

static struct source *netlink_create(const struct source_config *config, unsigned worker)
{
	return create_with(&netlink_plain, config, worker);
}

static struct source *netlink_uring_create(const struct source_config *config, unsigned worker)
{
	return create_with(&netlink_uring, config, worker);
}

int netlink_wait(struct attempt *a)
{
	struct pollfd p = {.fd = a->ns->socket->fd, .events = POLLIN};
	int64_t now = clock_mono_ns();
	int64_t until = now + a->source->config.recv_timeout_ns;

	if (until > a->deadline_ns)
		until = a->deadline_ns;
	for (;; now = clock_mono_ns()) {
		int64_t wait = until > now ? until - now : 0;
		struct timespec ts = {.tv_sec = wait / NS_PER_SEC, .tv_nsec = wait % NS_PER_SEC};
		int n = ppoll(&p, 1, &ts, NULL);

		if (n > 0)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

int netlink_recv_failed(struct attempt *a, int error)
{
	uint64_t *count = a->source->count;

	if (error == -ETIMEDOUT) {
		count[STAT_NL_ERR_TIMEOUT]++;
		a->timed_out = clock_mono_ns() >= a->deadline_ns;
	} else {
		count[error == -ENOBUFS ? STAT_NL_ERR_NOBUFS : STAT_NL_ERR_RECV]++;
	}
	return error;
}

ssize_t netlink_received(struct attempt *a, ssize_t n, const struct sockaddr_nl *from, socklen_t from_len,
			 int flags)
{
	uint64_t *count = a->source->count;

	count[STAT_NL_RECVS]++;
	count[STAT_NL_BYTES] += n;
	if (from_len != sizeof(*from) || from->nl_pid != 0) {
		count[STAT_NL_STRAY]++;
		return 0;
	}
	if (flags & MSG_TRUNC) {
		count[STAT_NL_ERR_TRUNC]++;
		a->damaged = true;
	}
	return n;
}

int netlink_take_socket(struct attempt *a, const struct nlmsghdr *h)
{
	struct source *s = a->source;

	a->messages++;
	if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct inet_diag_msg))) {
		const struct inet_diag_msg *m = NLMSG_DATA(h);
		uint64_t cookie = diag_cookie(m->id.idiag_cookie);

		if (!cookie_set_add(&s->seen, cookie)) {
			s->count[STAT_RECORDS_DUPLICATE]++;
			return 0;
		}
	}
	if (decode_inet_diag(h, h->nlmsg_len, &s->config.decode, a->record, &s->decode) < 0)
		return 0;
	if (s->config.lookups)
		known_list_add(a->ns->socket, h);
	if (s->config.attributor)
		attribute(s->config.attributor, enrichment_container(a->ns), a->deadline_ns, &s->room,
			  a->record);
	if (s->config.known)
		known_sockets_put(s->config.known, a->record);
	return a->sink->emit(a->sink, a->record);
}

/* Return the errno in the payload of DONE and ERROR; 0 for none. */
static int payload_errno(const struct nlmsghdr *h)
{
	int error = 0;

	if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(error)))
		memcpy(&error, NLMSG_DATA(h), sizeof(error));
	return error < 0 ? error : 0;
}

/* Handle a message other than a socket's. 0, or the -errno with which the dump failed. */
static int take_control(struct attempt *a, const struct nlmsghdr *h)
{
	uint64_t *count = a->source->count;
	int error;

	switch (h->nlmsg_type) {
	case NLMSG_DONE:
		a->ended = true;
		error = payload_errno(h);
		count[error ? STAT_NL_ERR_DONE : STAT_NL_DONE]++;
		return error;
	case NLMSG_ERROR:
		a->ended = a->refused = true;
		count[STAT_NL_ERR_NLMSG]++;
		error = payload_errno(h);
		return error ? error : -EPROTO;
	case NLMSG_OVERRUN:
		count[STAT_NL_ERR_OVERRUN]++;
		return -ENOBUFS;
	default:
		count[STAT_NL_STRAY]++;
		return 0;
	}
}

/* Begin to load what the next socket of the batch will take. */
static void expect_next(const struct attempt *a, const struct nl_walk *walk)
{
	const struct nlmsghdr *h = walk->p;

	if (walk->left < NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
		return;
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	record_expect(a->sink, diag_cookie(m->id.idiag_cookie));
}

/* Handle one batch. 0 to go on, -errno of the dump, or the error of emit() with *stop set. */
static int walk_batch(struct attempt *a, const uint8_t *data, size_t len, bool *stop)
{
	struct nl_walk walk = {data, len};
	const struct nlmsghdr *h;
	bool interrupted = false;
	int r = 0;

	nl_for_each_msg (h, walk) {
		if (h->nlmsg_seq != a->ns->socket->seq || h->nlmsg_pid != a->ns->socket->portid) {
			a->source->count[STAT_NL_STRAY]++;
			continue;
		}
		interrupted |= (h->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
		expect_next(a, &walk);
		if (h->nlmsg_type == SOCK_DIAG_BY_FAMILY || h->nlmsg_type == TCPDIAG_GETSOCK) {
			r = netlink_take_socket(a, h);
			*stop = r < 0;
		} else {
			r = take_control(a, h);
		}
		if (r < 0 || a->ended)
			break;
	}
	if (r == 0 && !a->ended && walk.left > 0) { /* a message longer than the bytes received */
		a->source->decode.short_messages++;
		a->damaged = true;
	}
	if (interrupted) {
		a->source->count[STAT_NL_ERR_INTR]++;
		a->damaged = true;
	}
	return r;
}

/* Read batches until the dump ends. 0, -errno, or the error of emit() with *stop set. */
static int read_dump(struct attempt *a, bool *stop)
{
	struct source *s = a->source;
	const uint8_t *data = NULL;

	while (!a->ended) {
		if (clock_mono_ns() >= a->deadline_ns)
			return netlink_recv_failed(a, -ETIMEDOUT);
		ssize_t n = s->reader->recv(a, &data);
		if (n < 0)
			return n;
		a->record->timestamp_ns = clock_real_ns();
		if (a->capture >= 0 && n > 0)
			capture_write(s->config.capture, a->capture, a->record->timestamp_ns, data, n);
		int r = walk_batch(a, data, n, stop);
		if (r < 0)
			return r;
	}
	return a->damaged ? -EINTR : 0;
}

/* Make one request once. Returns as read_dump(); the socket is then closed or empty of the dump. */
static int dump_once(struct attempt *a, const struct request *q, bool *stop)
{
	struct source *s = a->source;
	int r = s->config.lookups ? netlink_socket_open_counted(a->ns) : netlink_socket_open(a->ns);

	if (r < 0)
		return r;
	a->ns->state = NETNS_DUMPING;
	a->record->socket_fd = a->ns->socket->fd;
	a->capture = s->config.capture ? capture_begin(s->config.capture, a->ns->ino, q->family) : -1;
	r = netlink_send_dump(a, q);
	if (r == 0)
		r = read_dump(a, stop);
	if (s->reader->end)
		s->reader->end(s);
	if (a->capture >= 0)
		capture_end(s->config.capture, a->capture);
	a->ns->state = NETNS_OPEN;
	if (!a->ended)
		netns_close(a->ns);
	return r;
}

static void log_failure(const struct netns *ns, const struct request *q, int error)
{
	static struct log_limit limit;
	uint64_t suppressed;

	if (log_limit_pass(&limit, NL_LOG_NS, &suppressed))
		log_warn("netlink",
			 "dump of namespace %s, %s, failed: %s; %llu more like this in the last minute",
			 ns->name, q->shown, strerror(-error), (unsigned long long)suppressed);
}

/* Make one request, and once more if it fails. 0 or the last error; count and mark a partial result. */
static int dump_request(struct attempt *a, const struct request *q, struct dump_result *result, bool *stop)
{
	int r = 0;

	for (int i = 0; i < DUMP_ATTEMPTS; i++) {
		if (i > 0)
			a->source->count[STAT_NL_RETRIES]++;
		a->refused = a->ended = a->damaged = false;
		r = dump_once(a, q, stop);
		if (r == 0 || *stop)
			return r;
		if (a->timed_out || a->ns->state == NETNS_GONE || a->ns->state == NETNS_BLOCKED)
			break;
	}
	if (q == &both_at_once && a->refused && a->messages == 0) {
		a->source->ask_by_family = true;
		log_info("netlink", "this kernel does not give %s at once (%s): asking for each", q->shown,
			 strerror(-r));
		return r;
	}
	result->partial = true;
	a->source->count[STAT_NL_PARTIAL]++;
	if (!a->timed_out)
		log_failure(a->ns, q, r);
	return r;
}

int netlink_dump_listeners(struct attempt *a, bool *stop)
{
	a->refused = a->ended = a->damaged = false;
	return dump_once(a, &listeners, stop);
}

/* Make the requests for all sockets of the namespace. 0, the last error, or the error of emit() with *stop
 * set. */
static int dump_all(struct attempt *a, struct dump_result *result, bool *stop)
{
	int r = 0, error = 0;

	if (!a->source->ask_by_family) {
		r = dump_request(a, &both_at_once, result, stop);
		if (!a->source->ask_by_family)
			return r;
	}
	for (size_t i = 0; i < ARRAY_SIZE(by_family) && !*stop && !a->timed_out; i++) {
		r = dump_request(a, &by_family[i], result, stop);
		if (r < 0)
			error = r;
	}
	return error;
}

static void set_meta(struct source *s, const struct netns *ns, struct record *record)
{
	record->sections |= RECORD_HAS(META);
	record->netlinker_id = s->worker;
	source_set_netns(record, ns);
}

static void publish(struct source *s)
{
	for (int i = 0; i < STAT_MAX_; i++)
		stat_add(i, s->count[i]);
	source_count_decode(&s->decode);
}

static int netlink_dump(struct source *s, struct netns *ns, struct record *record, struct record_sink *sink,
			int64_t deadline_ns, struct dump_result *result)
{
	struct attempt a = {
	    .source = s, .ns = ns, .record = record, .sink = sink, .deadline_ns = deadline_ns};
	bool stop = false;
	int r = s->config.lookups ? netlink_socket_open_counted(ns) : netlink_socket_open(ns);

	*result = (struct dump_result){0};
	if (r < 0)
		return r; /* counted and logged there */
	r = cookie_set_reset(&s->seen);
	if (r < 0)
		return r;
	memset(s->count, 0, sizeof(s->count));
	s->decode = (struct decode_counts){0};
	set_meta(s, ns, record);
	if (!s->config.lookups || !netlink_lookup(&a, &stop, &r)) {
		r = dump_all(&a, result, &stop);
		if (s->config.lookups)
			netlink_dumped(&a, r == 0 && !result->partial);
	}
	result->messages = a.messages;
	result->timed_out = a.timed_out;
	s->count[STAT_NL_MESSAGES] = a.messages;
	publish(s);
	return stop || a.messages == 0 ? r : 0;
}

const struct source_ops source_netlink = {
    .create = netlink_create,
    .free = netlink_free,
    .dump = netlink_dump,
};

const struct source_ops source_netlink_uring = {
    .create = netlink_uring_create,
    .free = netlink_free,
    .dump = netlink_dump,
};
