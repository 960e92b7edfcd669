/* SPDX-License-Identifier: MIT */
#include "source/netlink_lookup.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "record/nl.h"
#include "source/netlink_socket.h"
#include "source/socket_ids.h"

/* Lookups sent at once: their answers fit the receive buffer of any host (net.core.rmem_max is 208 KiB or more). */
#define BATCH	     32
/* An answer has some 800 bytes; sections that only CAP_NET_ADMIN sees would make it longer, and the reading a failure. */
#define ANSWER_MAX   4096
/* What a lookup costs until it has been measured. */
#define LOOKUP_NS    3700
/* What a dump of the listeners costs until it has been measured. */
#define LISTENERS_NS (50 * 1000)
/* 16 polls without lookups, at most, after some that were not enough. */
#define MISSES_MAX   4

/* include/net/tcp_states.h */
#define STATE_SYN_RECV	     3
#define STATE_LISTEN	     10
#define STATE_BOUND_INACTIVE 13
#define STATES_HASHED	     0xffe /* 1 to 11 */

struct known_list {
	struct buf ids; /* socket_ids.h; failed: it lacks sockets */
	size_t count, listeners;
	bool sound; /* the last whole reading had exactly what the kernel counted */
	bool tried; /* lookups were made in this poll */
	bool
	    shared; /* a lookup did not find a listener: several of one port may be told apart by a dump alone */
	uint8_t misses;
	uint32_t skip;	  /* polls to leave without lookups */
	uint64_t counted; /* before this poll's reading; UINT64_MAX: unknown */
	int64_t begin_ns; /* CPU time of this thread when the dump began */
	int64_t dump_ns;  /* of the last dump */
	int64_t lookup_ns;
	int64_t listeners_ns; /* of a dump of the listeners */
};

/* Before a reading. */
static void list_clear(struct known_list *list)
{
	buf_reset(&list->ids);
	list->count = list->listeners = 0;
}

void known_list_free(struct known_list *list)
{
	if (list)
		buf_free(&list->ids);
	free(list);
}

void known_list_add(struct netlink_socket *socket, const struct nlmsghdr *h)
{
	struct known_list *list = socket->known;
	const struct inet_diag_msg *m = NLMSG_DATA(h);

	if (!list || m->idiag_state == STATE_SYN_RECV)
		return;
	bool listens = m->idiag_state == STATE_LISTEN;
	socket_ids_add(&list->ids, &(struct socket_id){m->id, m->idiag_family, listens});
	list->count++;
	list->listeners += listens;
}

bool netlink_lookups_fit(const struct source *s)
{
	return (s->config.states & STATES_HASHED) == STATES_HASHED &&
	       !(s->config.states >> STATE_BOUND_INACTIVE & 1) && s->filter.len == 0 && !s->config.capture;
}

/* The number behind `name` on the line that begins with `row`; false when it is not there. */
static bool counter_of(const char *text, const char *row, const char *name, uint64_t *sum)
{
	const char *line = strstr(text, row);
	const char *end = line ? strchrnul(line, '\n') : NULL;
	const char *at = line ? strstr(line, name) : NULL;

	if (!at || at > end)
		return false;
	*sum += strtoull(at + strlen(name), NULL, 10);
	return true;
}

/* How many sockets the kernel counts in the namespace; UINT64_MAX where it does not tell. */
static uint64_t count_sockets(const struct netlink_socket *socket)
{
	char text[1024], text6[1024];
	uint64_t sum = 0;
	ssize_t n6 = socket->sockstat6 >= 0 ? pread(socket->sockstat6, text6, sizeof(text6) - 1, 0) : 0;
	ssize_t n = socket->sockstat >= 0 ? pread(socket->sockstat, text, sizeof(text) - 1, 0) : -1;

	if (n <= 0 || n6 < 0)
		return UINT64_MAX;
	text[n] = text6[n6] = '\0';
	/* A kernel without IPv6 has no such file; one that has it shows it, or the count is not known. */
	if (!counter_of(text, "TCP:", " inuse ", &sum) || !counter_of(text, "TCP:", " tw ", &sum) ||
	    (n6 > 0 && !counter_of(text6, "TCP6:", " inuse ", &sum)))
		return UINT64_MAX;
	return sum;
}

/* The list of the namespace, made at its first poll; NULL without memory. */
static struct known_list *list_of(struct netlink_socket *socket)
{
	if (!socket->known)
		socket->known = calloc(1, sizeof(*socket->known));
	if (socket->known && !socket->known->lookup_ns) {
		socket->known->lookup_ns = LOOKUP_NS;
		socket->known->listeners_ns = LISTENERS_NS;
	}
	return socket->known;
}

/* Whether a dump tells of the listeners, because lookups cannot, or cost more. */
static bool dumps_listeners(const struct attempt *a, const struct known_list *list)
{
	return list->listeners > 0 && !a->source->ask_by_family &&
	       (list->shared || (int64_t)list->listeners * list->lookup_ns > list->listeners_ns);
}

/* Whether to look up what is known: it may be all there is, and costs less than a dump. */
static bool is_worth(struct known_list *list, bool dump_listeners)
{
	int64_t cost = dump_listeners
			   ? (int64_t)(list->count - list->listeners) * list->lookup_ns + list->listeners_ns
			   : (int64_t)list->count * list->lookup_ns;

	if (!list->sound || !buf_ok(&list->ids) || list->counted == UINT64_MAX || list->count < list->counted)
		return false;
	if (list->skip > 0) {
		list->skip--;
		return false;
	}
	return cost < list->dump_ns;
}

struct lookup_message {
	struct nlmsghdr nlh;
	struct inet_diag_req_v2 request;
};

/* Ask for the next sockets from *at on, BATCH at most, *count of them; the sequence numbers end at the socket's. 0 or -errno. */
static int send_lookups(struct attempt *a, const struct buf *known, size_t *at, size_t *count)
{
	const struct source_config *config = &a->source->config;
	struct lookup_message messages[BATCH];
	struct socket_id one;

	for (*count = 0; *count < BATCH && socket_ids_next(known, at, &one); ++*count)
		messages[*count] = (struct lookup_message){
		    .nlh = {.nlmsg_len = sizeof(messages[0]),
			    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			    .nlmsg_flags = NLM_F_REQUEST,
			    .nlmsg_seq = netlink_next_seq(a)},
		    .request = {.sdiag_family = one.family,
				.sdiag_protocol = IPPROTO_TCP,
				.idiag_ext = config->ext,
				.idiag_states = config->states,
				.id = one.id},
		};
	a->source->count[STAT_NL_LOOKUPS] += *count;
	return netlink_send(a, messages, *count * sizeof(messages[0]));
}

/* Handle one datagram: the answers in it are counted down in *left. 0, -errno, or what emit() returned with *stop set. */
static int take_answers(struct attempt *a, const uint8_t *data, size_t len, size_t *left, bool *stop)
{
	struct nl_walk walk = {data, len};
	const struct nlmsghdr *h;
	int r = 0;

	nl_for_each_msg (h, walk) {
		if (h->nlmsg_pid != a->ns->socket->portid || a->ns->socket->seq - h->nlmsg_seq >= BATCH ||
		    *left == 0) {
			a->source->count[STAT_NL_STRAY]++;
			continue;
		}
		(*left)--;
		if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY)
			continue; /* an error: the socket is no more */
		r = netlink_take_socket(a, h);
		*stop = r < 0;
		if (r < 0)
			return r;
	}
	return walk.left > 0 ? -EBADMSG : 0;
}

struct answer {
	uint8_t bytes[ANSWER_MAX];
};

/* Receive the answers to `left` lookups. Returns as take_answers(). */
static int receive_answers(struct attempt *a, struct answer *buffers, size_t left, bool *stop)
{
	struct mmsghdr messages[BATCH];
	struct sockaddr_nl from[BATCH];
	struct iovec iov[BATCH];

	while (left > 0) {
		for (size_t i = 0; i < left; i++) {
			iov[i] = (struct iovec){buffers[i].bytes, ANSWER_MAX};
			messages[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &from[i],
								   .msg_namelen = sizeof(from[i]),
								   .msg_iov = &iov[i],
								   .msg_iovlen = 1}};
		}
		int n = recvmmsg(a->ns->socket->fd, messages, left, MSG_DONTWAIT, NULL);
		int r = n < 0 ? -errno : 0;
		if (r == -EAGAIN)
			r = netlink_wait(a);
		if (r < 0 && r != -EINTR)
			return netlink_recv_failed(a, r);
		a->record->timestamp_ns = clock_real_ns();
		for (int i = 0; i < n; i++) {
			const struct msghdr *m = &messages[i].msg_hdr;
			ssize_t len = netlink_received(a, messages[i].msg_len, m->msg_name, m->msg_namelen,
						       m->msg_flags);
			r = m->msg_flags & MSG_TRUNC ? -EMSGSIZE
						     : take_answers(a, buffers[i].bytes, len, &left, stop);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* Look up the sockets; what is found is added to the list. Returns as take_answers(). */
static int look_up(struct attempt *a, const struct buf *known, bool *stop)
{
	struct answer *buffers = malloc(BATCH * sizeof(*buffers));
	int r = buffers ? 0 : -ENOMEM;
	size_t at = 0, count;

	while (at < known->len && r == 0) {
		if (clock_mono_ns() >= a->deadline_ns)
			r = netlink_recv_failed(a, -ETIMEDOUT);
		if (r == 0)
			r = send_lookups(a, known, &at, &count);
		if (r == 0)
			r = receive_answers(a, buffers, count, stop);
	}
	free(buffers);
	if (r < 0 && !*stop)
		netns_close(a->ns); /* answers may still come */
	return r;
}

/* Take the listeners, of which a dump has told, off what is to be looked up. Return how many of them it has found. */
static size_t take_listeners(const struct cookie_set *seen, struct buf *known)
{
	size_t found = 0, at = 0, end = known->len;
	struct socket_id one;

	for (known->len = 0; socket_ids_next(&(struct buf){.data = known->data, .len = end}, &at, &one);) {
		if (one.listens)
			found += cookie_set_has(seen, diag_cookie(one.id.idiag_cookie));
		else
			socket_ids_add(known, &one);
	}
	return found;
}

/* The mean of what something has cost, and what it costs now. */
static void take_cost(int64_t *mean, int64_t cost)
{
	*mean = (3 * *mean + cost) / 4;
}

/*
 * Read what was known; what is found is the list from now on, *fresh sockets in it that were not known before. Returns
 * as take_answers().
 */
static int read_known(struct attempt *a, struct known_list *list, bool dump_listeners, bool *stop,
		      size_t *fresh)
{
	_cleanup_buf_ struct buf known = list->ids;
	size_t count = list->count, listeners = list->listeners;
	int64_t begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	int r = 0;

	*fresh = 0;
	list->ids = (struct buf){0};
	list_clear(list);
	buf_reserve(&list->ids, known.len);
	if (dump_listeners) {
		r = netlink_dump_listeners(a, stop);
		*fresh = list->count - take_listeners(&a->source->seen, &known);
		count -= listeners;
		int64_t end = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		take_cost(&list->listeners_ns, end - begin);
		begin = end;
	}
	if (r == 0)
		r = look_up(a, &known, stop);
	if (r == 0 && count > 0)
		take_cost(&list->lookup_ns, (clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin) / (int64_t)count);
	list->shared |= r == 0 && list->listeners < listeners;
	buf_trim(&list->ids);
	return r;
}

bool netlink_lookup(struct attempt *a, bool *stop, int *error)
{
	struct known_list *list = list_of(a->ns->socket);
	uint64_t *stats = a->source->count;
	size_t fresh;

	*error = 0;
	if (!list)
		return false;
	list->counted = count_sockets(a->ns->socket);
	bool dump_listeners = dumps_listeners(a, list);
	list->tried = is_worth(list, dump_listeners);
	list->begin_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	if (!list->tried) {
		list_clear(list);
		return false;
	}
	a->record->socket_fd = a->ns->socket->fd;
	*error = read_known(a, list, dump_listeners, stop, &fresh);
	/* One that was not known may have come after the kernel had counted, in the place of one that was not found. */
	bool whole = *error == 0 && buf_ok(&list->ids) && list->count - fresh >= list->counted;
	list->begin_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	list->misses = whole ? 0 : list->misses + (list->misses < MISSES_MAX);
	list->skip = whole ? 0 : 1U << (list->misses - 1);
	stats[whole ? STAT_NL_LOOKED_UP : STAT_NL_LOOKUPS_SHORT]++;
	return whole || *stop;
}

void netlink_dumped(struct attempt *a, bool whole)
{
	struct known_list *list = a->ns->socket ? a->ns->socket->known : NULL;

	if (!list)
		return;
	list->dump_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - list->begin_ns;
	buf_trim(&list->ids);
	list->sound = whole && buf_ok(&list->ids) && list->count == list->counted &&
		      count_sockets(a->ns->socket) == list->counted;
}
