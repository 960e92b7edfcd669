/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Most states are held by what their owner did last: a FIN that the other end does not answer with its own.
 * The states that wait for an acknowledgement of a FIN (FIN_WAIT1, LAST_ACK, CLOSING) never last on a
 * loopback, so their FIN is kept from being sent: the sender has filled its peer's receive buffer, the window
 * is closed, and the FIN is queued behind data. SYN_SENT is a connection to a listener whose queue is full,
 * SYN_RECV one whose listener waits for data (TCP_DEFER_ACCEPT).
 */
#include "population.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define STATE_LIMIT_NS (20 * NS_PER_SEC)

/* Lossy transfers: kernels draw their losses at random, so enough segments for one to be lost for certain. */
#define LOSSY_ROUNDS 200

#ifndef SOL_TLS
#define SOL_TLS 282
#endif
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static _Thread_local struct population *p; /* the one that this thread makes */

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "population: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int keep(int fd, const char *name, int state)
{
	if (fd < 0)
		die(name);
	if (p->count == POPULATION_MAX) {
		errno = E2BIG;
		die(name);
	}
	p->sockets[p->count++] = (struct held_socket){.fd = fd, .name = name, .state = state};
	return fd;
}

/* The descriptor has another state by now, or (-2) is no longer there. */
#define GONE -2
static void becomes(int fd, const char *name, int state)
{
	size_t i = 0;

	while (p->sockets[i].fd != fd)
		i++;
	if (state == GONE) {
		p->sockets[i] = p->sockets[--p->count];
		close(fd);
		return;
	}
	p->sockets[i].name = name;
	p->sockets[i].state = state;
}

static void feature(const char *word)
{
	size_t len = strlen(p->features);

	if (!strstr(p->features, word))
		snprintf(p->features + len, sizeof(p->features) - len, "%s%s", len ? " " : "", word);
}

static void set(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof(value));
}

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Set the listener's address, as a client of `family` dials it. */
static socklen_t address_of(int listener, int family, union address *to)
{
	union address own = {0};
	socklen_t len = sizeof(own);

	if (getsockname(listener, &own.any, &len) < 0)
		die("getsockname");
	memset(to, 0, sizeof(*to));
	to->any.sa_family = (sa_family_t)family;
	to->v4.sin_port = own.v4.sin_port; /* the port is in the same place in both families */
	if (family == AF_INET) {
		to->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(to->v4);
	}
	to->v6.sin6_addr = in6addr_loopback;
	return sizeof(to->v6);
}

static int listener(int family, bool v6only, int backlog, int defer, const char *name)
{
	int fd = keep(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), name, TCP_LISTEN);
	union address any = {.any.sa_family = (sa_family_t)family};

	if (family == AF_INET6)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6only);
	if (defer)
		set(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, defer);
	if (bind(fd, &any.any, family == AF_INET ? sizeof(any.v4) : sizeof(any.v6)) < 0 ||
	    listen(fd, backlog) < 0)
		die(name);
	return fd;
}

static int dial(int to, int family, bool wait, const char *name, int state)
{
	union address address;
	socklen_t len = address_of(to, family, &address);
	int fd =
	    keep(socket(family, SOCK_STREAM | SOCK_CLOEXEC | (wait ? 0 : SOCK_NONBLOCK), 0), name, state);

	if (connect(fd, &address.any, len) < 0 && errno != EINPROGRESS)
		die(name);
	return fd;
}

static void say(int from, int to, size_t bytes)
{
	char data[4096] = {0};

	while (bytes > 0) {
		ssize_t n = send(from, data, bytes < sizeof(data) ? bytes : sizeof(data), 0);
		if (n <= 0 || recv(to, data, (size_t)n, MSG_WAITALL) != n)
			die("a transfer");
		bytes -= (size_t)n;
	}
}

struct pair {
	int client, server;
};

static struct pair pair(int to, int family, const char *name)
{
	struct pair pair = {.client = dial(to, family, true, name, TCP_ESTABLISHED)};

	pair.server = keep(accept4(to, NULL, NULL, SOCK_CLOEXEC), name, TCP_ESTABLISHED);
	say(pair.client, pair.server, 3000);
	say(pair.server, pair.client, 700);
	return pair;
}

static void algorithms(int to)
{
	static const char *const names[] = {"cubic", "reno", "bbr", "dctcp", "vegas"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int r = setsockopt(probe, IPPROTO_TCP, TCP_CONGESTION, names[i], strlen(names[i]));
		close(probe);
		if (r < 0)
			continue;
		struct pair both = pair(to, AF_INET, names[i]);
		setsockopt(both.client, IPPROTO_TCP, TCP_CONGESTION, names[i], strlen(names[i]));
		setsockopt(both.server, IPPROTO_TCP, TCP_CONGESTION, names[i], strlen(names[i]));
		say(both.client, both.server, 30000);
		say(both.server, both.client, 10000);
		feature(names[i]);
	}
}

/* Senders whose peers' windows are closed: what they write next stays queued. */
enum { AT_REST, WITH_FIN, BOTH_AT_ONCE, LAST_FIN, ORPHAN, STUCK };

/* Write until nothing more is taken. Once the buffer is full that stays so until the peer reads, which it never does. */
static void fill(const struct pair stuck[STUCK])
{
	static const char data[65536];
	struct pollfd writable[STUCK];

	for (int quiet = 0; quiet < 5;) {
		for (size_t i = 0; i < STUCK; i++)
			writable[i] = (struct pollfd){.fd = stuck[i].client, .events = POLLOUT};
		if (poll(writable, STUCK, 20) == 0)
			quiet++;
		for (size_t i = 0; i < STUCK; i++)
			if (writable[i].revents &&
			    send(stuck[i].client, data, sizeof(data), MSG_DONTWAIT) > 0)
				quiet = 0;
	}
}

static void stuck_states(int to)
{
	static const char *const stuck_names[STUCK] = {"sender at a closed window", "FIN behind data",
						       "both at once", "last FIN",
						       "peer of an orphan with data"};
	struct pair stuck[STUCK];

	for (size_t i = 0; i < STUCK; i++) {
		stuck[i] = pair(to, AF_INET, stuck_names[i]);
		set(stuck[i].server, SOL_SOCKET, SO_RCVBUF, 4096);
		set(stuck[i].client, SOL_SOCKET, SO_SNDBUF, 65536);
	}
	fill(stuck);

	struct pair both = stuck[WITH_FIN];
	shutdown(both.client, SHUT_WR);
	becomes(both.client, "FIN behind data", TCP_FIN_WAIT1);
	becomes(both.server, "peer of FIN behind data", TCP_ESTABLISHED);

	both = stuck[BOTH_AT_ONCE];
	shutdown(both.client, SHUT_WR);
	shutdown(both.server, SHUT_WR);
	becomes(both.client, "both at once", TCP_CLOSING);
	becomes(both.server, "peer of both at once", TCP_FIN_WAIT2);

	both = stuck[LAST_FIN];
	shutdown(both.server, SHUT_WR);
	becomes(both.server, "peer of last FIN", TCP_FIN_WAIT2);
	/* The FIN has to be there before ours is queued, or both close at once. */
	struct pollfd closed = {.fd = both.client, .events = POLLRDHUP};
	if (poll(&closed, 1, 20000) != 1)
		die("a FIN");
	shutdown(both.client, SHUT_WR);
	becomes(both.client, "last FIN", TCP_LAST_ACK);

	both = stuck[ORPHAN];
	becomes(both.client, NULL, GONE);
	becomes(both.server, "peer of an orphan with data", TCP_ESTABLISHED);
}

static void closing_states(int to)
{
	struct pair both = pair(to, AF_INET, "half closed");

	shutdown(both.client, SHUT_WR);
	becomes(both.client, "half closed", TCP_FIN_WAIT2);
	becomes(both.server, "half closed", TCP_CLOSE_WAIT);

	both = pair(to, AF_INET, "peer of an orphan");
	becomes(both.client, NULL, GONE);
	becomes(both.server, "peer of an orphan", TCP_CLOSE_WAIT);

	both = pair(to, AF_INET, "time wait");
	becomes(both.client, NULL, GONE);
	becomes(both.server, NULL, GONE);
}

static void opening_states(void)
{
	int full = listener(AF_INET, false, 0, 0, "full listener");
	int deferring = listener(AF_INET, false, 16, 1000, "deferring listener");
	int unbound;
	union address any = {.v4.sin_family = AF_INET};

	dial(full, AF_INET, true, "connection in the queue", TCP_ESTABLISHED);
	/* It is in the queue when its last acknowledgement has arrived, not when connect() returns. */
	struct pollfd queued = {.fd = full, .events = POLLIN};
	if (poll(&queued, 1, 20000) != 1)
		die("connection in the queue");
	int asking = dial(full, AF_INET, false, "connection beyond the queue", TCP_SYN_SENT);
	/* It must not give up before a slow machine has compared it: the default is two minutes. */
	set(asking, IPPROTO_TCP, TCP_SYNCNT, 12);
	dial(deferring, AF_INET, true, "deferred connection", TCP_ESTABLISHED);
	unbound = keep(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "bound", TCP_CLOSE);
	if (bind(unbound, &any.any, sizeof(any.v4)) < 0)
		die("bind");
	p->sockets[p->count - 1].bare = true;
}

/* The end that connects has a small buffer, so the two windows are scaled differently. */
static void small_window(int to)
{
	union address address;
	socklen_t len = address_of(to, AF_INET, &address);
	int fd = keep(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "small window", TCP_ESTABLISHED);

	set(fd, SOL_SOCKET, SO_RCVBUF, 8192);
	if (connect(fd, &address.any, len) < 0)
		die("small window");
	int server = keep(accept4(to, NULL, NULL, SOCK_CLOEXEC), "peer of small window", TCP_ESTABLISHED);
	say(fd, server, 3000);
}

static void options(int to)
{
	struct pair both = pair(to, AF_INET, "with options");

	set(both.client, IPPROTO_IP, IP_TOS, 0x10);
	set(both.client, SOL_SOCKET, SO_PRIORITY, 5);
	set(both.client, IPPROTO_IP, IP_RECVERR, 1);
	set(both.client, IPPROTO_TCP, TCP_NODELAY, 1);
	set(both.client, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(both.client, SOL_SOCKET, SO_MAX_PACING_RATE, 12345678);
	set(both.server, IPPROTO_TCP, TCP_MAXSEG, 500);
	/* A rest that nobody reads. */
	if (send(both.client, "unread", 6, 0) != 6)
		die("with options");
}

/*
 * Set a key of kernel TLS. A kernel without the cipher looks for its modules each time, a second on an emulated machine:
 * the first refusal counts for all.
 */
static void set_key(int fd, int direction)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static bool refused;
	struct tls12_crypto_info_aes_gcm_128 keys = {
	    .info = {.version = TLS_1_2_VERSION, .cipher_type = TLS_CIPHER_AES_GCM_128}};

	pthread_mutex_lock(&lock);
	if (!refused)
		refused = setsockopt(fd, SOL_TLS, direction, &keys, sizeof(keys)) < 0;
	pthread_mutex_unlock(&lock);
}

/* Kernel TLS: the same key for both ends and directions, which nobody uses. */
static void tls(int to)
{
	struct pair both = pair(to, AF_INET, "kTLS");

	if (setsockopt(both.client, IPPROTO_TCP, TCP_ULP, "tls", 4) < 0)
		return;
	setsockopt(both.server, IPPROTO_TCP, TCP_ULP, "tls", 4);
	set_key(both.client, TLS_TX);
	set_key(both.server, TLS_RX);
	feature("kTLS");
}

static void mptcp(void)
{
	int to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
	union address address = {.v4 = {.sin_family = AF_INET}};
	socklen_t len;

	if (to < 0)
		return;
	keep(to, "MPTCP listener", -1);
	if (bind(to, &address.any, sizeof(address.v4)) < 0 || listen(to, 1) < 0)
		die("MPTCP listener");
	len = address_of(to, AF_INET, &address);
	int client = keep(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP), "MPTCP", -1);
	if (connect(client, &address.any, len) < 0)
		die("MPTCP connect");
	int server = keep(accept4(to, NULL, NULL, SOCK_CLOEXEC), "MPTCP", -1);
	say(client, server, 3000);
	feature("MPTCP");
}

/* Run tc(8) or ip(8). Return whether it succeeded. */
static bool tool(const char *words)
{
	char command[200];

	/* The shell is asked for its redirection only. */
	snprintf(command, sizeof(command), "%s 2>/dev/null", words);
	return system(command) == 0; // NOLINT(cert-env33-c)
}

/*
 * What a closed window holds back is asked for again and again: each sender rests the sooner the longer its first
 * pause is.
 */
static void slow_timers(void)
{
	if (!tool(
		"ip route replace local 127.0.0.1 dev lo table local proto kernel scope host src 127.0.0.1 rto_min 10s"))
		die("ip route");
}

/* A connection that has lost and repeated segments, where the kernel can lose some on purpose. */
static void lossy(int to)
{
	struct pair both = pair(to, AF_INET, "after loss");
	struct tcp_info info;
	socklen_t len;

	if (!tool("tc qdisc add dev lo root netem loss 30%"))
		return;
	for (int i = 0; i < LOSSY_ROUNDS; i++) {
		say(both.client, both.server, 4096);
		len = sizeof(info);
		if (getsockopt(both.client, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
		    info.tcpi_total_retrans > 0)
			break;
	}
	if (!tool("tc qdisc delete dev lo root"))
		die("tc qdisc delete");
	/* The segment lost last arrives now. */
	say(both.client, both.server, 4096);
	say(both.server, both.client, 4096);
	feature("netem");
}

static int state_of(int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ? -errno : info.tcpi_state;
}

static void wait_for_states(void)
{
	const struct timespec ms = {.tv_nsec = 1000000};
	int64_t end = clock_mono_ns() + STATE_LIMIT_NS;

	for (size_t i = 0; i < p->count; i++) {
		const struct held_socket *s = &p->sockets[i];
		int state;

		while (s->state >= 0 && (state = state_of(s->fd)) != s->state) {
			if (clock_mono_ns() > end) {
				fprintf(stderr, "population: \"%s\" is in state %d, not %d\n", s->name, state,
					s->state);
				exit(1);
			}
			nanosleep(&ms, NULL);
		}
	}
}

/* Set the namespace's option to the first of the values that the kernel takes. Return its index, or -1. */
static int choose(const char *option, const char *const *values, int n)
{
	char path[100];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", option);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
	for (int i = 0; fd >= 0 && i < n; i++)
		if (pwrite(fd, values[i], strlen(values[i]), 0) > 0)
			return i;
	return -1;
}

static void prepare(void)
{
	/* Accurate ECN, where the kernel has it, fills the last fields of tcp_info. */
	static const char *const ecn[] = {"3", "1"}, *const names[] = {"AccECN", "ECN"},
				 *const none[] = {"0"};
	int mode = choose("tcp_ecn", ecn, ARRAY_SIZE(ecn));

	if (mode >= 0)
		feature(names[mode]);
	/* SYN_SENT rests the longer between two of its segments when each pause is twice the one before. */
	choose("tcp_syn_linear_timeouts", none, ARRAY_SIZE(none));
}

void population_make(struct population *population)
{
	p = population;
	memset(p, 0, sizeof(*p));
	prepare();
	int v4 = listener(AF_INET, false, 64, 0, "IPv4 listener");
	int v6 = listener(AF_INET6, true, 64, 0, "IPv6 listener");
	int dual = listener(AF_INET6, false, 64, 0, "listener of both families");

	lossy(v4);
	slow_timers();
	algorithms(v4);
	pair(v6, AF_INET6, "IPv6");
	pair(dual, AF_INET, "IPv4-mapped");
	options(v4);
	small_window(v4);
	tls(v4);
	mptcp();
	closing_states(v4);
	stuck_states(v4);
	opening_states();
	/* Not accepted: the server's end has no owner. */
	dial(dual, AF_INET6, true, "not accepted", TCP_ESTABLISHED);
	wait_for_states();
}
