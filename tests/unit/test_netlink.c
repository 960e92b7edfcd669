/* SPDX-License-Identifier: MIT */
/*
 * The netlink source against a scripted kernel: sendto(2), recvmsg(2) and the
 * opening of namespaces are replaced at link time, so that a test can play every
 * reply that a kernel could send, and many invalid ones.
 */
#include "unit.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "record/states.h"
#include "source/netlink_socket.h"
#include "source/source.h"
#include "stats/stats.h"

#define FIRST_SEQ 100
#define PORTID	  4711
#define BATCHES	  16
#define COOKIES	  16

/* One answer of recvmsg(2): an error, or bytes. */
struct batch {
	int error;
	int flags;     /* MSG_TRUNC */
	uint32_t from; /* the sender's port id */
	size_t len;
	_Alignas(struct nlmsghdr) char data[2048];
};

static struct {
	struct batch batches[BATCHES];
	unsigned count, next;
	uint8_t families[BATCHES]; /* of the requests, in order; 0 for both at once */
	unsigned requests, opens;
	int send_error; /* of the first request */
	int open_error; /* of every open after the first */
} script;

static struct {
	struct record_sink sink;
	uint64_t cookies[COOKIES];
	unsigned count, stop_at;
} taken;

static uint64_t before[STAT_MAX_];
static struct record record;
static struct netns ns;
static struct netlink_socket diag; /* the socket of ns */
static struct source *source;

ssize_t __wrap_sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to,
		      socklen_t to_len);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);
int __wrap_netns_open(struct netns *n, int (*make)(struct netns *n));
void __wrap_netns_close(struct netns *n);

ssize_t __wrap_sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to,
		      socklen_t to_len)
{
	const struct nlmsghdr *h = data;
	const struct inet_diag_req *first = NLMSG_DATA(h);
	const struct inet_diag_req_v2 *second = NLMSG_DATA(h);
	bool both = h->nlmsg_type == TCPDIAG_GETSOCK;

	assert_int_equal(fd, diag.fd);
	assert_int_equal(h->nlmsg_len, len);
	assert_int_equal(h->nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
	assert_int_equal(h->nlmsg_seq, FIRST_SEQ + script.requests);
	assert_int_equal(len, NLMSG_LENGTH(both ? sizeof(*first) : sizeof(*second)));
	assert_int_equal(both ? first->idiag_ext : second->idiag_ext, 0x42);
	assert_int_equal(both ? first->idiag_states : second->idiag_states, 0x1ffe);
	assert_true(script.requests < BATCHES);
	script.families[script.requests++] = both ? AF_UNSPEC : second->sdiag_family;
	if (script.send_error) {
		errno = script.send_error;
		script.send_error = 0;
		return -1;
	}
	return len;
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	assert_int_equal(fd, diag.fd);
	if (script.next == script.count) { /* the script is over: no more messages */
		errno = EAGAIN;
		return -1;
	}
	const struct batch *b = &script.batches[script.next++];
	if (b->error) {
		errno = b->error;
		return -1;
	}
	struct sockaddr_nl *from = msg->msg_name;
	*from = (struct sockaddr_nl){.nl_family = AF_NETLINK, .nl_pid = b->from};
	msg->msg_namelen = sizeof(*from);
	msg->msg_flags = b->flags;
	assert_true(b->len <= msg->msg_iov->iov_len);
	memcpy(msg->msg_iov->iov_base, b->data, b->len);
	return b->len;
}

int __wrap_netns_open(struct netns *n, int (*make)(struct netns *n))
{
	if (diag.fd >= 0)
		return 0;
	if (script.opens++ > 0 && script.open_error) {
		n->state = NETNS_BLOCKED;
		return script.open_error;
	}
	diag.fd = eventfd(0, EFD_CLOEXEC);
	diag.portid = PORTID;
	n->cookie = 77;
	n->state = NETNS_OPEN;
	return 0;
}

void __wrap_netns_close(struct netns *n)
{
	if (diag.fd >= 0)
		close(diag.fd);
	diag.fd = -1;
	n->state = NETNS_SEEN;
}

static struct batch *batch_new(void)
{
	assert_true(script.count < BATCHES);
	struct batch *b = &script.batches[script.count++];
	*b = (struct batch){0};
	return b;
}

static struct nlmsghdr *append(struct batch *b, unsigned request, uint16_t type, size_t payload)
{
	struct nlmsghdr *h = (struct nlmsghdr *)(b->data + b->len);

	assert_true(b->len + NLMSG_SPACE(payload) <= sizeof(b->data));
	*h = (struct nlmsghdr){.nlmsg_len = NLMSG_LENGTH(payload),
			       .nlmsg_type = type,
			       .nlmsg_flags = NLM_F_MULTI,
			       .nlmsg_seq = FIRST_SEQ + request,
			       .nlmsg_pid = PORTID};
	b->len += NLMSG_SPACE(payload);
	return h;
}

static struct nlmsghdr *add_socket(struct batch *b, unsigned request, uint32_t cookie)
{
	struct nlmsghdr *h = append(b, request, TCPDIAG_GETSOCK, sizeof(struct inet_diag_msg));
	struct inet_diag_msg m = {.idiag_family = AF_INET, .idiag_state = 1, .id.idiag_cookie = {cookie, 0}};

	memcpy(NLMSG_DATA(h), &m, sizeof(m));
	return h;
}

static void add_end(struct batch *b, unsigned request, uint16_t type, int error)
{
	struct nlmsghdr *h =
	    append(b, request, type, type == NLMSG_ERROR ? sizeof(struct nlmsgerr) : sizeof(error));

	memcpy(NLMSG_DATA(h), &error, sizeof(error));
}

/* Append a batch that ends a dump without sockets. */
static void empty_dump(unsigned request)
{
	add_end(batch_new(), request, NLMSG_DONE, 0);
}

static int take(struct record_sink *sink, struct record *r)
{
	assert_true(taken.count < COOKIES);
	assert_int_equal(r->netns_inode, 12345);
	assert_int_equal(r->netns_cookie, 77);
	assert_int_equal(r->socket_fd, diag.fd);
	assert_int_equal(r->netlinker_id, 3);
	assert_memory_equal(r->netns.p, "test", r->netns.len);
	taken.cookies[taken.count++] = r->inet_diag_msg_socket_cookie;
	return taken.count == taken.stop_at ? -ENOSPC : 0;
}

/* io_uring is unavailable here: the source must read without it. Of liburing, which a build may lack. */
struct io_uring;
struct io_uring_params;
int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
				      struct io_uring_params *params);

int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring, struct io_uring_params *params)
{
	return -EPERM;
}

static int setup(void **state)
{
	struct source_config config = {.ext = 0x42,
				       .states = 0x1ffe,
				       .decode.attributes = UINT64_MAX,
				       .recv_timeout_ns = NS_PER_MS,
				       .first_seq = FIRST_SEQ};

	memset(&script, 0, sizeof(script));
	memset(&taken, 0, sizeof(taken));
	memset(&record, 0, sizeof(record));
	taken.sink.emit = take;
	ns = (struct netns){.name = (char *)"test", .ino = 12345, .socket = &diag};
	diag = (struct netlink_socket){.fd = -1};
	for (int i = 0; i < STAT_MAX_; i++)
		before[i] = stat_get(i);
	source = source_netlink.create(&config, 3);
	return source ? 0 : -1;
}

static int teardown(void **state)
{
	__wrap_netns_close(&ns);
	source_netlink.free(source);
	return 0;
}

static int dump(struct dump_result *result)
{
	return source_netlink.dump(source, &ns, &record, &taken.sink, clock_mono_ns() + 10 * NS_PER_SEC,
				   result);
}

static void assert_counted(enum stat_id id, uint64_t n)
{
	if (stat_get(id) - before[id] != n)
		fail_msg("%s grew by %llu, not %llu", stat_table[id].id,
			 (unsigned long long)(stat_get(id) - before[id]), (unsigned long long)n);
}

static void assert_taken(unsigned count, const uint64_t *cookies)
{
	assert_int_equal(taken.count, count);
	assert_memory_equal(taken.cookies, cookies, count * sizeof(*cookies));
}

static void reads_without_io_uring_where_it_is_refused(void **state)
{
	struct source_config config = {.ext = 0x42,
				       .states = 0x1ffe,
				       .decode.attributes = UINT64_MAX,
				       .recv_timeout_ns = NS_PER_MS,
				       .first_seq = FIRST_SEQ,
				       .uring_recv_batch = 8,
				       .uring_cqe_batch = 8};
	struct dump_result result;

	source_netlink.free(source);
	source = source_netlink_uring.create(&config, 3);
	assert_non_null(source);
	struct batch *b = batch_new();
	add_socket(b, 0, 1);
	add_end(b, 0, NLMSG_DONE, 0);
	assert_int_equal(dump(&result), 0);
	assert_taken(1, (uint64_t[]){1});
	assert_counted(STAT_NL_RECVS, 1);
}

static void reads_both_families_at_once_over_many_batches(void **state)
{
	struct dump_result result;
	struct batch *b = batch_new();

	add_socket(b, 0, 1);
	add_socket(b, 0, 2);
	add_socket(batch_new(), 0, 3);
	b = batch_new(); /* DONE may share the batch with sockets */
	add_socket(b, 0, 4);
	add_end(b, 0, NLMSG_DONE, 0);

	assert_int_equal(dump(&result), 0);
	assert_taken(4, (uint64_t[]){1, 2, 3, 4});
	assert_int_equal(result.messages, 4);
	assert_false(result.partial);
	assert_int_equal(script.requests, 1);
	assert_int_equal(script.families[0], AF_UNSPEC);
	assert_int_equal(ns.state, NETNS_OPEN);
	assert_counted(STAT_NL_DUMPS, 1);
	assert_counted(STAT_NL_DONE, 1);
	assert_counted(STAT_NL_RECVS, 3);
	assert_counted(STAT_NL_MESSAGES, 4);
}

static void asks_by_family_where_both_at_once_are_refused(void **state)
{
	struct dump_result result;

	add_end(batch_new(), 0, NLMSG_ERROR, -EOPNOTSUPP);
	add_end(batch_new(), 1, NLMSG_ERROR, -EOPNOTSUPP);
	for (unsigned request = 2; request < 6; request++) {
		struct batch *b = batch_new();
		add_socket(b, request, request)->nlmsg_type = SOCK_DIAG_BY_FAMILY;
		add_end(b, request, NLMSG_DONE, 0);
	}
	assert_int_equal(dump(&result), 0);
	assert_false(result.partial);
	assert_taken(2, (uint64_t[]){2, 3});
	/* From then on without another attempt. */
	assert_int_equal(dump(&result), 0);
	assert_taken(4, (uint64_t[]){2, 3, 4, 5});
	assert_int_equal(script.requests, 6);
	for (unsigned request = 2; request < 6; request++)
		assert_int_equal(script.families[request], request % 2 ? AF_INET6 : AF_INET);
	assert_counted(STAT_NL_PARTIAL, 0);
}

static void drops_repeats_by_cookie(void **state)
{
	struct dump_result result;
	struct batch *b = batch_new();

	add_socket(b, 0, 1);
	add_socket(b, 0, 1);
	add_socket(b, 0, 0); /* no cookie: never a repeat */
	add_socket(b, 0, 0);
	b = batch_new();
	add_socket(b, 0, 1);
	add_end(b, 0, NLMSG_DONE, 0);

	assert_int_equal(dump(&result), 0);
	assert_taken(3, (uint64_t[]){1, 0, 0});
	assert_counted(STAT_RECORDS_DUPLICATE, 2);
}

static void skips_what_is_not_the_answer(void **state)
{
	struct dump_result result;
	struct batch *b = batch_new();

	b->from = 999; /* another process, not the kernel */
	add_socket(b, 0, 66);
	add_end(b, 0, NLMSG_DONE, 0);
	b = batch_new();
	add_socket(b, 50, 67); /* a late answer to another request */
	add_socket(b, 0, 68)->nlmsg_pid = PORTID + 1;
	add_socket(b, 0, 1);
	append(b, 0, NLMSG_NOOP, 0);
	add_end(b, 0, NLMSG_DONE, 0);

	assert_int_equal(dump(&result), 0);
	assert_taken(1, (uint64_t[]){1});
	assert_false(result.partial);
	assert_counted(STAT_NL_STRAY, 4);
}

/* An interrupted, cut or damaged dump is read to its end and asked for once more;
 * repeats do not come through. */
static void asks_again_after_damage(void **state)
{
	const enum stat_id counters[] = {STAT_NL_ERR_INTR, STAT_NL_ERR_TRUNC, STAT_DECODE_SHORT};
	const enum stat_id counter = counters[*(int *)*state];
	struct dump_result result;
	struct batch *b = batch_new();
	struct nlmsghdr *h = add_socket(b, 0, 1);

	if (counter == STAT_NL_ERR_INTR)
		h->nlmsg_flags |= NLM_F_DUMP_INTR;
	if (counter == STAT_NL_ERR_TRUNC)
		b->flags = MSG_TRUNC;
	if (counter == STAT_DECODE_SHORT)
		add_socket(b, 0, 66)->nlmsg_len += 8;
	empty_dump(0);
	b = batch_new();
	add_socket(b, 1, 1);
	add_socket(b, 1, 2);
	add_end(b, 1, NLMSG_DONE, 0);

	assert_int_equal(dump(&result), 0);
	assert_taken(2, (uint64_t[]){1, 2});
	assert_false(result.partial);
	assert_int_equal(script.requests, 2);
	assert_counted(counter, 1);
	assert_counted(STAT_NL_RETRIES, 1);
	assert_counted(STAT_NL_PARTIAL, 0);
	assert_int_equal(script.opens, 1);
}

static void takes_the_second_failure_as_partial(void **state)
{
	struct dump_result result;
	struct batch *b = batch_new();

	add_socket(b, 0, 1);
	add_end(b, 0, NLMSG_DONE, -ENOMEM);
	b = batch_new();
	add_socket(b, 1, 2);
	add_end(b, 1, NLMSG_ERROR, -EBUSY);

	assert_int_equal(dump(&result), 0);
	assert_taken(2, (uint64_t[]){1, 2});
	assert_true(result.partial);
	assert_counted(STAT_NL_ERR_DONE, 1);
	assert_counted(STAT_NL_ERR_NLMSG, 1);
	assert_counted(STAT_NL_PARTIAL, 1);
	assert_counted(STAT_NL_DONE, 0);
	assert_int_equal(ns.state, NETNS_OPEN); /* both ended: nothing of them is left in the socket */
}

static void says_so_when_nothing_could_be_read(void **state)
{
	struct dump_result result;

	for (unsigned i = 0; i < 6; i++) /* twice both families at once, then twice each */
		add_end(batch_new(), i, NLMSG_ERROR, -ENOENT);
	assert_int_equal(dump(&result), -ENOENT);
	assert_true(result.partial);
	assert_int_equal(script.requests, 6);
	assert_counted(STAT_NL_PARTIAL, 2);
}

/* After these the rest of the dump may still arrive: a new socket is needed. */
static void replaces_the_socket(void **state)
{
	const enum stat_id counters[] = {STAT_NL_ERR_NOBUFS, STAT_NL_ERR_OVERRUN, STAT_NL_ERR_RECV,
					 STAT_NL_ERR_TIMEOUT, STAT_NL_ERR_SEND};
	const enum stat_id counter = counters[*(int *)*state];
	struct dump_result result;
	struct batch *b = batch_new();

	if (counter == STAT_NL_ERR_SEND) {
		script.send_error = ENOBUFS;
		script.count = 0;
	} else {
		add_socket(b, 0, 1);
		if (counter == STAT_NL_ERR_OVERRUN)
			append(b, 0, NLMSG_OVERRUN, 0);
		else
			batch_new()->error = counter == STAT_NL_ERR_NOBUFS ? ENOBUFS : EIO;
		if (counter == STAT_NL_ERR_TIMEOUT)
			script.batches[1].error = EAGAIN;
	}
	b = batch_new();
	add_socket(b, 1, 1);
	add_socket(b, 1, 2);
	add_end(b, 1, NLMSG_DONE, 0);

	assert_int_equal(dump(&result), 0);
	assert_taken(2, (uint64_t[]){1, 2});
	assert_false(result.partial);
	assert_false(result.timed_out);
	assert_counted(counter, 1);
	assert_counted(STAT_NL_RETRIES, 1);
	assert_int_equal(script.opens, 2);
}

static void stops_at_the_deadline(void **state)
{
	struct dump_result result;

	add_socket(batch_new(), 0, 1); /* and then silence */
	assert_int_equal(
	    source_netlink.dump(source, &ns, &record, &taken.sink, clock_mono_ns() + NS_PER_MS / 2, &result),
	    0);
	assert_taken(1, (uint64_t[]){1});
	assert_true(result.timed_out);
	assert_true(result.partial);
	assert_int_equal(script.requests, 1);
	assert_int_equal(ns.state, NETNS_SEEN);
	assert_counted(STAT_NL_ERR_TIMEOUT, 1);
	assert_counted(STAT_NL_RETRIES, 0);

	/* The next dump has a new sequence number. */
	empty_dump(1);
	assert_int_equal(dump(&result), 0);
	assert_false(result.timed_out);
	assert_int_equal(script.opens, 2);
}

static void passes_the_sinks_refusal_on(void **state)
{
	struct dump_result result;
	struct batch *b = batch_new();

	taken.stop_at = 2;
	for (uint32_t cookie = 1; cookie <= 4; cookie++)
		add_socket(b, 0, cookie);
	assert_int_equal(dump(&result), -ENOSPC);
	assert_int_equal(taken.count, 2);
	assert_int_equal(script.requests, 1);
	assert_int_equal(ns.state, NETNS_SEEN);
}

static void ends_with_a_namespace_that_closed_its_doors(void **state)
{
	struct dump_result result;
	struct batch *b = batch_new();

	script.open_error = -EPERM;
	add_socket(b, 0, 1);
	batch_new()->error = ENOBUFS;
	assert_int_equal(dump(&result), 0);
	assert_taken(1, (uint64_t[]){1});
	assert_true(result.partial);
	assert_int_equal(ns.state, NETNS_BLOCKED);
}

static void states_are_read_in_any_spelling(void **state)
{
	static const struct {
		const char *text;
		uint32_t mask;
	} good[] = {
	    {"default", 0x1ffe},
	    {"all", 0x3ffe},
	    {"established", 1 << 1},
	    {"ESTABLISHED,listen", 1 << 1 | 1 << 10},
	    {"fin-wait-1", 1 << 4},
	    {"FIN_WAIT1", 1 << 4},
	    {"syn_recv", 1 << 3},
	    {"ESTAB,unconn", 1 << 1 | 1 << 7},
	    {"connected", 0x1ffe & ~(1 << 7 | 1 << 10)},
	    {"time-wait,closewait", 1 << 6 | 1 << 8},
	    {"default,bound_inactive", 0x3ffe},
	    {"0x402", 0x402},
	    {"2", 2},
	};
	char bad[512], wanted[64];
	uint32_t mask;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		if (tcp_states_parse(good[i].text, &mask, bad, sizeof(bad)) != 0 || mask != good[i].mask)
			fail_msg("%s gives 0x%x", good[i].text, mask);
	}
	static const char *const wrong[][2] = {
	    {"", ""},	     {"establ", "establ"},   {"listen,nope", "nope"},
	    {"listen,", ""}, {"0x4000", "0x4000"},   {"0", "0"},
	    {"1", "1"},	     {"0x1ffez", "0x1ffez"}, {"99999999999999999999", "99999999999999999999"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(tcp_states_parse(wrong[i][0], &mask, bad, sizeof(bad)), -EINVAL);
		snprintf(wanted, sizeof(wanted), "unknown state \"%s\"; possible: ", wrong[i][1]);
		assert_memory_equal(bad, wanted, strlen(wanted));
	}
}

#define test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
/* Releases of clang-format differ over braces in a macro. */
/* clang-format off */
#define test_with(fn, i) {#fn " " #i, fn, setup, teardown, &(int){i}}
/* clang-format on */

int main(void)
{
	const struct CMUnitTest tests[] = {
	    test(reads_without_io_uring_where_it_is_refused),
	    test(reads_both_families_at_once_over_many_batches),
	    test(asks_by_family_where_both_at_once_are_refused),
	    test(drops_repeats_by_cookie),
	    test(skips_what_is_not_the_answer),
	    test_with(asks_again_after_damage, 0),
	    test_with(asks_again_after_damage, 1),
	    test_with(asks_again_after_damage, 2),
	    test(takes_the_second_failure_as_partial),
	    test(says_so_when_nothing_could_be_read),
	    test_with(replaces_the_socket, 0),
	    test_with(replaces_the_socket, 1),
	    test_with(replaces_the_socket, 2),
	    test_with(replaces_the_socket, 3),
	    test_with(replaces_the_socket, 4),
	    test(stops_at_the_deadline),
	    test(passes_the_sinks_refusal_on),
	    test(ends_with_a_namespace_that_closed_its_doors),
	    cmocka_unit_test(states_are_read_in_any_spelling),
	};
	return cmocka_run_group_tests_name("netlink", tests, NULL, NULL);
}
