/* SPDX-License-Identifier: MIT */
/*
 * record_sockets: makes sockets in many states, reads the memory of each with the BPF program of the daemon, asks
 * inet_diag before and after, and prints all of it with the layout of the running kernel. test_bpf_recorded
 * computes records of these bytes without a kernel. The format is described in tests/data/README.md.
 *
 * Only the bytes of the members of fields.def are kept; a pointer, of which the formulas want to know whether there is
 * one, becomes 1.
 *
 * Usage: unshare -n sh -c 'ip link set lo up && record_sockets' >tests/data/sockets-SERIES.txt     (root)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../../src/tools/population.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "record/kernel_abi.h"
#include "record/nl.h"
#include "source/bpf/walker.h"

#define SAMPLES_MAX  512
#define MESSAGE_MAX  2048
/* Readings, of which each socket's most restful one is kept. */
#define ROUNDS	     30
/* Sockets of one description that are kept: both ends of a connection. */
#define ALIKE_MAX    2
#define NETLINK_SIZE (1 << 20)

#define SO_NETNS_COOKIE_ 71

/* The longest wait for a state. */
#define WAIT_NS (20 * NS_PER_SEC)

/* A segment of the connection that waits in a queue fits the bucket of that. */
#define QUEUED_MSS 500

/* Of a TCP segment with timestamps. */
#define HEADER 32

enum part { PART_COMMON, PART_FULL, PART_V6, PART_CA, PART_TIME_WAIT, PART_REQUEST };

static const struct {
	const char *name;
	enum part part;
} members[] = {
#define MEMBER(id, PART, NEED, path) [M_##id] = {#id, PART_##PART},
#include "source/bpf/fields.def"
#undef MEMBER
};

static const enum member_id pointers[] = {M_CA_OPS, M_ULP_OPS,	 M_SOCKET,	    M_CGROUP,	   M_NET,
					  M_NODE,   M_BIND_NODE, M_KEEPALIVE_PPREV, M_DELACK_PPREV};

struct message {
	uint32_t len;
	_Alignas(4) uint8_t bytes[MESSAGE_MAX];
};

struct dump {
	size_t count;
	struct message messages[SAMPLES_MAX];
};

struct sample {
	uint64_t cookie;
	size_t unrest; /* bytes in which the two answers differ */
	struct walk_slot slot;
	struct message before, after;
};

static struct population population, extra;
static struct dump before, after;
static struct sample samples[SAMPLES_MAX];
static size_t sample_count;

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "record_sockets: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* --- sockets beside the population's --- */

static bool tool(const char *words)
{
	return system(words) == 0; // NOLINT(cert-env33-c)
}

static void own(int fd, const char *name)
{
	if (fd < 0 || extra.count == POPULATION_MAX)
		die(name);
	extra.sockets[extra.count++] = (struct held_socket){.fd = fd, .name = name, .state = -1};
}

static struct tcp_info info_of(int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		die("getsockopt");
	return info;
}

static int listener(struct sockaddr_in *address)
{
	socklen_t len = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), queue = 16;

	*address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof(queue)) < 0 ||
	    bind(fd, (struct sockaddr *)address, len) < 0 || listen(fd, 16) < 0 ||
	    getsockname(fd, (struct sockaddr *)address, &len) < 0)
		die("listener");
	return fd;
}

/* Data in the first segment: the first connection gets a cookie, the second uses it. */
static void fast_open(int to, const struct sockaddr_in *address)
{
	const char *const names[] = {"fast open, cookie asked for", "fast open with data"};

	if (!tool("sysctl -qw net.ipv4.tcp_fastopen=3 2>/dev/null"))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (sendto(fd, "early", 5, MSG_FASTOPEN, (const struct sockaddr *)address, sizeof(*address)) <
		    0)
			die(names[i]);
		own(fd, names[i]);
		own(accept4(to, NULL, NULL, SOCK_CLOEXEC), names[i]);
	}
}

static int connection(int to, const struct sockaddr_in *address, int mss, const char *name)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || (mss && setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mss, sizeof(mss)) < 0) ||
	    connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		die(name);
	own(fd, name);
	own(accept4(to, NULL, NULL, SOCK_CLOEXEC), name);
	return fd;
}

static void write_all(int fd, size_t len)
{
	static char data[1 << 20];

	if (send(fd, data, len, MSG_DONTWAIT) < 0)
		die("send");
}

/* From now on the socket never sees segments of this length, header included; with 0, any. Loss without any module. */
static void lose(int fd, unsigned length)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, length, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, length ? UINT32_MAX : 0),
	    BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {ARRAY_SIZE(code), code};

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
		die("SO_ATTACH_FILTER");
}

#define WAIT_UNTIL(condition)                                                            \
	for (int64_t end = clock_mono_ns() + WAIT_NS; !(condition); poll(NULL, 0, 10)) { \
		errno = ETIMEDOUT;                                                       \
		if (clock_mono_ns() > end)                                               \
			die(#condition);                                                 \
	}

static int peer(void)
{
	return extra.sockets[extra.count - 1].fd;
}

/* Segments that are lost: all of them, some that came again, and one in front of others that arrive. */
static void losses(int to, const struct sockaddr_in *address)
{
	int one = 1, fd = connection(to, address, 0, "all lost");

	lose(peer(), 0);
	write_all(fd, 100000);
	WAIT_UNTIL(info_of(fd).tcpi_retransmits >= 2);

	fd = connection(to, address, 0, "lost and repeated");
	lose(peer(), 0);
	write_all(fd, 4000);
	WAIT_UNTIL(info_of(fd).tcpi_total_retrans > 0);
	setsockopt(peer(), SOL_SOCKET, SO_DETACH_FILTER, &one, sizeof(one));
	WAIT_UNTIL(info_of(fd).tcpi_unacked == 0);

	fd = connection(to, address, 0, "the first lost");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	lose(peer(), HEADER + 1000);
	write_all(fd, 1000);
	write_all(fd, 500);
	WAIT_UNTIL(info_of(fd).tcpi_sacked > 0);
}

/*
 * Where the kernel can delay segments: a connection whose first window waits below it, so that what it holds for the layers
 * below is much (TSQ). Loopback is as slow from then on.
 */
static void queued(int fd)
{
	if (tool("tc qdisc add dev lo root tbf rate 1kbit burst 2kb limit 10mb 2>/dev/null"))
		write_all(fd, 300000);
}

/* --- readings --- */

static int diag_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG), size = NETLINK_SIZE;

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

/* Keep the sockets of one batch. Return whether the dump goes on. */
static bool take_batch(struct dump *dump, const void *data, size_t len)
{
	struct nl_walk walk = {data, len};
	const struct nlmsghdr *h;

	nl_for_each_msg (h, walk) {
		if (h->nlmsg_type == NLMSG_DONE)
			return false;
		if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY || h->nlmsg_len > MESSAGE_MAX ||
		    dump->count == SAMPLES_MAX)
			die("an answer");
		struct message *m = &dump->messages[dump->count++];
		m->len = h->nlmsg_len;
		memcpy(m->bytes, h, h->nlmsg_len);
	}
	return true;
}

static void ask(int fd, struct dump *dump)
{
	static _Alignas(4) uint8_t buffer[64 * 1024];
	const uint8_t families[] = {AF_INET, AF_INET6};

	dump->count = 0;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		struct {
			struct nlmsghdr nlh;
			struct inet_diag_req_v2 body;
		} request = {.nlh = {.nlmsg_len = sizeof(request),
				     .nlmsg_type = SOCK_DIAG_BY_FAMILY,
				     .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
			     .body = {.sdiag_family = families[i],
				      .sdiag_protocol = IPPROTO_TCP,
				      .idiag_ext = UINT8_MAX,
				      .idiag_states = UINT32_MAX}};
		ssize_t n = send(fd, &request, sizeof(request), 0);
		do {
			n = n < 0 ? n : recv(fd, buffer, sizeof(buffer), 0);
			if (n < 0)
				die("inet_diag");
		} while (take_batch(dump, buffer, (size_t)n));
	}
}

static uint64_t cookie_of(const struct message *m)
{
	struct inet_diag_msg msg;

	memcpy(&msg, m->bytes + NLMSG_HDRLEN, sizeof(msg));
	return diag_cookie(msg.id.idiag_cookie);
}

static const struct message *find(const struct dump *dump, uint64_t cookie)
{
	for (size_t i = 0; i < dump->count; i++)
		if (cookie_of(&dump->messages[i]) == cookie)
			return &dump->messages[i];
	return NULL;
}

/* Slots of the walk, by cookie; those of this namespace. */
static struct walk_slot slots[SAMPLES_MAX];
static size_t slot_count;

static void walk_table(struct walker *w, const struct walk_table *table, uint32_t kind, uint64_t net_cookie)
{
	*w->request = (struct walk_request){
	    .hashinfo = table->hashinfo, .states = UINT32_MAX, .budget_ns = 300000, .kind = kind};
	do {
		if (walker_run(w) < 0 || w->answer->gone)
			die("walk");
		for (uint32_t i = 0; i < w->answer->count && slot_count < SAMPLES_MAX; i++)
			if (w->slots[i].net_cookie == net_cookie)
				slots[slot_count++] = w->slots[i];
		w->request->bucket = w->answer->bucket;
		w->request->skip = w->answer->skip;
	} while (w->answer->bucket < w->answer->buckets);
}

static size_t differences(const struct message *a, const struct message *b)
{
	size_t n = 0;

	for (size_t i = NLMSG_HDRLEN; i < a->len; i++)
		n += a->bytes[i] != b->bytes[i];
	return n;
}

/* Whether a timer was set anew between the answers: what it shows in between is neither. */
static bool is_restarted(const struct message *a, const struct message *b)
{
	struct inet_diag_msg x, y;

	memcpy(&x, a->bytes + NLMSG_HDRLEN, sizeof(x));
	memcpy(&y, b->bytes + NLMSG_HDRLEN, sizeof(y));
	return y.idiag_expires > x.idiag_expires || y.idiag_retrans != x.idiag_retrans;
}

/* Keep what was read of one socket, where it rested more than in readings before. */
static void keep(const struct walk_slot *slot, uint64_t cookie)
{
	const struct message *first = find(&before, cookie), *second = find(&after, cookie);
	size_t i = 0;

	if (!cookie || !first || !second || first->len != second->len || is_restarted(first, second))
		return;
	while (i < sample_count && samples[i].cookie != cookie)
		i++;
	size_t unrest = differences(first, second);
	if (i == SAMPLES_MAX || (i < sample_count && samples[i].unrest <= unrest))
		return;
	sample_count += i == sample_count;
	samples[i] = (struct sample){cookie, unrest, *slot, *first, *second};
}

static void read_all(struct walker *w, const struct walk_table *table, int diag, uint64_t net_cookie)
{
	slot_count = 0;
	ask(diag, &before);
	walk_table(w, table, WALK_LHASH, net_cookie);
	if (w->layout.bound_inactive)
		walk_table(w, table, WALK_BHASH, net_cookie);
	walk_table(w, table, WALK_EHASH, net_cookie);
	ask(diag, &after);
	for (size_t i = 0; i < slot_count; i++)
		keep(&slots[i], member_of(&w->layout, slots[i].raw, M_COOKIE));
}

/* --- output --- */

/* Bytes in hexadecimal; *N is as many zeros. */
static void print_bytes(const char *word, const uint8_t *bytes, size_t len)
{
	printf("%s ", word);
	for (size_t i = 0; i < len;) {
		size_t zeros = 0;
		while (i + zeros < len && !bytes[i + zeros])
			zeros++;
		if (zeros >= 3) {
			printf("*%zu ", zeros);
			i += zeros;
		} else {
			printf("%02x", bytes[i++]);
			if (i + 2 < len && !bytes[i] && !bytes[i + 1] && !bytes[i + 2])
				putchar(' ');
		}
	}
	putchar('\n');
}

static bool has_part(const struct layout *l, const struct walk_slot *slot, enum part part)
{
	switch (part) {
	case PART_COMMON:
		return true;
	case PART_TIME_WAIT:
		return slot->kind == WALK_TIME_WAIT;
	case PART_REQUEST:
		return slot->kind == WALK_REQUEST;
	case PART_V6:
		return slot->kind == WALK_FULL && member_of(l, slot->raw, M_FAMILY) == AF_INET6;
	case PART_CA:
		return slot->kind == WALK_FULL &&
		       (!strcmp(slot->cong, "bbr") || !strcmp(slot->cong, "dctcp") ||
			!strcmp(slot->cong, "vegas"));
	default:
		return slot->kind == WALK_FULL;
	}
}

/* The bytes of members alone. */
static void copy_members(const struct layout *l, const struct walk_slot *slot, uint8_t raw[WALK_RAW])
{
	memset(raw, 0, WALK_RAW);
	for (int id = 0; id < M_MAX_; id++) {
		const struct member *m = &l->members[id];
		uint64_t bits = m->mask << m->shift, word, old;
		if (!m->mask || !has_part(l, slot, members[id].part))
			continue;
		/* An address of 16 bytes is one member. */
		size_t more = id == M_V6_RCV_SADDR || id == M_V6_DADDR ? 8 : 0;
		memcpy(raw + m->at + more, slot->raw + m->at + more, more);
		memcpy(&word, slot->raw + m->at, sizeof(word));
		memcpy(&old, raw + m->at, sizeof(old));
		word = (word & bits) | (old & ~bits);
		for (size_t i = 0; i < ARRAY_SIZE(pointers); i++)
			if (pointers[i] == (enum member_id)id)
				word = word ? 1 : 0;
		memcpy(raw + m->at, &word, sizeof(word));
	}
}

static void print_layout(const struct layout *l)
{
	struct utsname uts;

	uname(&uts);
	printf("kernel %.*s %s\n", (int)strspn(uts.release, "0123456789."), uts.release, uts.machine);
	printf("layout hz=%u tcp_info=%u accecn=%d ecn_packed=%d delack_timer=%d orphan_uid=%d inet_flag=",
	       l->hz, l->tcp_info_len, l->accecn, l->ecn_packed, l->delack_timer, l->orphan_uid);
	for (size_t i = 0; i < sizeof(l->inet_flag); i++)
		printf("%s%u", i ? "," : "", l->inet_flag[i]);
	putchar('\n');
	for (int id = 0; id < M_MAX_; id++)
		if (l->members[id].mask)
			printf("member %s %u %u %llx\n", members[id].name, l->members[id].at,
			       l->members[id].shift, (unsigned long long)l->members[id].mask);
}

static const char *name_in(const struct population *p, uint64_t cookie)
{
	for (size_t i = 0; i < p->count; i++) {
		uint64_t own_cookie = 0;
		socklen_t len = sizeof(own_cookie);
		getsockopt(p->sockets[i].fd, SOL_SOCKET, SO_COOKIE, &own_cookie, &len);
		if (own_cookie == cookie)
			return p->sockets[i].name;
	}
	return NULL;
}

static void describe(const struct sample *s, char *text, size_t size)
{
	const char *name = name_in(&population, s->cookie);
	struct inet_diag_msg msg;

	if (!name)
		name = name_in(&extra, s->cookie);
	memcpy(&msg, s->before.bytes + NLMSG_HDRLEN, sizeof(msg));
	if (name)
		snprintf(text, size, "%s", name);
	else
		snprintf(text, size, "without a descriptor, %s%s, state %u",
			 s->slot.kind == WALK_FULL	? "whole"
			 : s->slot.kind == WALK_REQUEST ? "request"
							: "small",
			 s->slot.kind == WALK_FULL && *s->slot.ulp ? ", subflow" : "", msg.idiag_state);
}

static void print_sample(const struct layout *l, const struct sample *s, const char *name)
{
	uint8_t raw[WALK_RAW], changes[MESSAGE_MAX];
	bool full = s->slot.kind == WALK_FULL;
	size_t used = WALK_RAW;

	copy_members(l, &s->slot, raw);
	while (used > 0 && !raw[used - 1])
		used--;
	printf(
	    "socket kind=%u bound=%u jiffies=%llu mono_ns=%llu inode=%llu cgroup=%llu cong=%s ulp=%s name=%s\n",
	    s->slot.kind, s->slot.bound, (unsigned long long)s->slot.jiffies,
	    (unsigned long long)s->slot.mono_ns, full ? (unsigned long long)s->slot.inode : 0,
	    full ? (unsigned long long)s->slot.cgroup_id : 0, full ? s->slot.cong : "",
	    full ? s->slot.ulp : "", name);
	print_bytes("raw", raw, used);
	print_bytes("before", s->before.bytes, s->before.len);
	for (size_t i = 0; i < s->before.len; i++)
		changes[i] = i < NLMSG_HDRLEN ? 0 : s->before.bytes[i] ^ s->after.bytes[i];
	print_bytes("change", changes, s->before.len);
}

static void print_samples(const struct layout *l)
{
	char names[SAMPLES_MAX][64];

	for (size_t i = 0; i < sample_count; i++) {
		size_t alike = 0;
		describe(&samples[i], names[i], sizeof(names[i]));
		for (size_t k = 0; k < i; k++)
			alike += !strcmp(names[k], names[i]);
		if (alike < ALIKE_MAX)
			print_sample(l, &samples[i], names[i]);
	}
}

int main(void)
{
	char error[256];
	struct walker *w = walker_new(error, sizeof(error));
	struct walk_table shared = {0};
	struct sockaddr_in address;
	uint64_t net_cookie = 0;
	socklen_t len = sizeof(net_cookie);
	int diag = diag_open();

	if (!w) {
		fprintf(stderr, "record_sockets: %s\n", error);
		return 1;
	}
	if (getsockopt(diag, SOL_SOCKET, SO_NETNS_COOKIE_, &net_cookie, &len) < 0)
		die("SO_NETNS_COOKIE");
	int to = listener(&address);
	own(to, "fast open listener");
	fast_open(to, &address);
	losses(to, &address);
	int slow = connection(to, &address, QUEUED_MSS, "queued below");
	population_make(&population);
	queued(slow);
	w->nets->after = 0;
	w->nets->budget_ns = NS_PER_SEC;
	if (walker_run_nets(w) < 0)
		die("tables");
	for (uint32_t i = 0; i < w->nets->count; i++)
		if (!w->nets->tables[i].private)
			shared = w->nets->tables[i];
	for (int i = 0; i < ROUNDS; i++)
		read_all(w, &shared, diag, net_cookie);
	printf("# Made by tests/tools/record_sockets: tests/data/README.md.\n");
	print_layout(&w->layout);
	print_samples(&w->layout);
	return 0;
}
