/* SPDX-License-Identifier: MIT */
#include "source/bpf/self_check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* The readings together end after this. */
#define CHECK_NS (10 * NS_PER_SEC)

/* Attempts while readings are cut: a machine that boots, or has too much to do, is no reason against a source. */
#define ATTEMPTS 3

/* Sockets made for the check: a listener and both ends of a connection. They rest while they are read. */
#define SOCKETS 3

/* Sections that inet_diag fills. */
/* clang-format off */
#define COMPARED(S) \
	S(DIAG) S(TCP_INFO) S(CONG) S(TOS) S(TCLASS) S(SKMEMINFO) S(SHUTDOWN) S(BBR) S(CLASS_ID) S(SOCKOPT) S(CGROUP) S(V6ONLY)
/* clang-format on */

static const char *const field_names[] = {
#define F(number, name, ...) #name,
#define S(section)	     RECORD_FIELDS_##section(F)
    COMPARED(S)
#undef S
#undef F
};
#define FIELDS ARRAY_SIZE(field_names)

struct sample {
	bool seen;
	uint32_t sections;
	uint64_t values[FIELDS];
};

struct reading {
	struct record_sink sink; /* first: the sink is the reading */
	const uint64_t *cookies;
	struct sample samples[SOCKETS];
	bool cut; /* the reading may lack sockets */
};

static uint64_t number_of_text(struct str text)
{
	uint64_t n = text.len;

	for (size_t i = 0; i < text.len; i++)
		n = n * 31 + (uint8_t)text.p[i];
	return n;
}

static uint64_t number_of(uint64_t value)
{
	return value;
}

static void sample_take(struct sample *s, const struct record *r)
{
	size_t i = 0;

	s->seen = true;
	s->sections = r->sections;
/* Releases of clang-format differ over a generic selection. */
/* clang-format off */
#define F(number, name, ...) \
	s->values[i++] = present ? _Generic(r->name, struct str: number_of_text, default: number_of)(r->name) : 0;
/* clang-format on */
#define S(section)                                                \
	{                                                         \
		bool present = r->sections & RECORD_HAS(section); \
		RECORD_FIELDS_##section(F)                        \
	}
	COMPARED(S)
#undef S
#undef F
}

static int on_record(struct record_sink *sink, struct record *record)
{
	struct reading *reading = (struct reading *)sink;

	for (size_t i = 0; i < SOCKETS; i++) {
		if (reading->cookies[i] && record->inet_diag_msg_socket_cookie == reading->cookies[i])
			sample_take(&reading->samples[i], record);
	}
	return 0;
}

/* Read with a source. */
static int read_with(const struct source_ops *ops, const struct source_config *config,
		     struct netns_table *table, struct netns *own, struct reading *reading,
		     const uint64_t *cookies)
{
	struct record record = {0};
	struct dump_result result = {0};
	struct source *source = ops->create(config, 0);
	int64_t deadline = clock_mono_ns() + CHECK_NS;

	if (!source)
		return -errno;
	*reading = (struct reading){.sink = {.emit = on_record}, .cookies = cookies};
	int r = ops->dump ? ops->dump(source, own, &record, &reading->sink, deadline, &result)
			  : ops->dump_all(source, table, &record, &reading->sink, deadline, &result);
	ops->free(source);
	reading->cut = result.partial;
	return r;
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) < 0 ? 0 : cookie;
}

/* Make the sockets. Where loopback is down there is the listener alone. 0 or -errno. */
static int make_sockets(int fds[SOCKETS])
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	char text[100] = "self-check";

	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fds[0] < 0 || bind(fds[0], (struct sockaddr *)&address, len) < 0 || listen(fds[0], 1) < 0 ||
	    getsockname(fds[0], (struct sockaddr *)&address, &len) < 0)
		return -errno;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fds[1] < 0)
		return -errno;
	/* Over loopback a handshake is over when connect() returns. */
	if (connect(fds[1], (struct sockaddr *)&address, len) < 0 && errno != EINPROGRESS)
		return 0;
	fds[2] = accept4(fds[0], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fds[2] >= 0 && (send(fds[1], text, sizeof(text), MSG_NOSIGNAL) < 0 ||
			    send(fds[2], text, sizeof(text) / 2, MSG_NOSIGNAL) < 0))
		return -errno;
	return 0;
}

/* Compare what netlink said before and after with what BPF said in between. */
static int compare(const struct sample *before, const struct sample *bpf, const struct sample *after,
		   bool cut, char *why, size_t size)
{
	if ((!before->seen || !bpf->seen || !after->seen) && cut) {
		snprintf(why, size, "the readings were cut, so busy is this machine");
		return -EAGAIN;
	}
	if (!before->seen || !after->seen)
		return 0;
	if (!bpf->seen) {
		snprintf(why, size,
			 "a socket that netlink shows is not in the kernel's tables as BPF reads them");
		return -EBADMSG;
	}
	if (before->sections == after->sections && bpf->sections != after->sections) {
		snprintf(why, size, "netlink gives sections 0x%x of a record, BPF 0x%x", after->sections,
			 bpf->sections);
		return -EBADMSG;
	}
	for (size_t i = 0; i < FIELDS; i++) {
		if (before->values[i] != after->values[i] || bpf->values[i] == after->values[i])
			continue;
		snprintf(why, size, "netlink gives %s %llu, BPF %llu", field_names[i],
			 (unsigned long long)after->values[i], (unsigned long long)bpf->values[i]);
		return -EBADMSG;
	}
	return 0;
}

static struct netns *own_namespace(struct netns_table *table)
{
	size_t count;
	struct netns **entries = netns_table_entries(table, &count);

	for (size_t i = 0; i < count; i++) {
		if (entries[i]->own)
			return entries[i];
	}
	return NULL;
}

static int read_and_compare(const struct source_config *config, struct netns_table *table, struct netns *own,
			    const uint64_t *cookies, char *why, size_t size)
{
	struct source_config plain = *config;
	struct reading before = {0}, bpf = {0}, after = {0};

	/* Nothing of this is part of a poll. */
	plain.capture = NULL;
	plain.known = NULL;
	plain.attributor = NULL;
	plain.filter = NULL;
	plain.states = UINT32_MAX & ~(UINT32_C(1) << 13);
	int r = read_with(&source_netlink, &plain, table, own, &before, cookies);
	if (r == 0)
		r = read_with(&source_bpf, &plain, table, own, &bpf, cookies);
	if (r == 0)
		r = read_with(&source_netlink, &plain, table, own, &after, cookies);
	if (r < 0)
		snprintf(why, size, "a reading failed: %s", strerror(-r));
	for (size_t i = 0; i < SOCKETS && r == 0; i++)
		r = compare(&before.samples[i], &bpf.samples[i], &after.samples[i],
			    cookies[i] && (before.cut || bpf.cut || after.cut), why, size);
	return r;
}

int bpf_self_check(const struct source_config *config, struct netns_table *table, char *why, size_t size)
{
	struct netns *own = own_namespace(table);
	int fds[SOCKETS] = {-1, -1, -1};
	uint64_t cookies[SOCKETS] = {0};

	int r = own ? make_sockets(fds) : -ENOENT;
	if (r < 0)
		snprintf(why, size, "no sockets to read: %s", strerror(-r));
	for (size_t i = 0; i < SOCKETS; i++)
		cookies[i] = fds[i] >= 0 ? cookie_of(fds[i]) : 0;
	if (r == 0)
		r = -EAGAIN;
	for (int i = 0; i < ATTEMPTS && r == -EAGAIN; i++)
		r = read_and_compare(config, table, own, cookies, why, size);
	for (size_t i = 0; i < SOCKETS; i++)
		cleanup_closep(&fds[i]);
	return r;
}
