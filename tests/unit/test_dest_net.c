/* SPDX-License-Identifier: MIT */
/* Destinations with a peer, which is the test itself, on real sockets. */
#include "dest_fixture.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/buf.h"

static char dir[] = "/tmp/xtcp2-test-dest-net-XXXXXX";

static int setup(void **state)
{
	stats_reset();
	return 0;
}

static int group_setup(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int group_teardown(void **state)
{
	return rmdir(dir);
}

static void path_in_dir(char *out, size_t size, const char *name)
{
	snprintf(out, size, "%s/%s", dir, name);
}

/* Return a socket bound to 127.0.0.1 and *port (0: any), which is updated. */
static int bind_inet(int type, uint16_t *port)
{
	struct sockaddr_in sa = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(*port)};
	socklen_t len = sizeof(sa);
	int on = 1, fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	getsockname(fd, (struct sockaddr *)&sa, &len);
	*port = ntohs(sa.sin_port);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static int bind_unix(int type, const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 8), 0);
	return fd;
}

/* Read `bytes` bytes, or up to the end of the connection. */
static void read_bytes(int fd, struct buf *b, size_t bytes)
{
	while (b->len < bytes) {
		assert_true(readable(fd));
		assert_true(buf_reserve(b, 65536));
		ssize_t n = recv(fd, b->data + b->len, 65536, 0);
		assert_true(n >= 0);
		if (n == 0)
			return;
		b->len += n;
	}
}

/* Mark the numbers of complete envelopes of `size` bytes in the stream of one connection. */
static void mark_whole(const struct buf *b, size_t size, unsigned int *seen, size_t count)
{
	for (size_t at = 0; at + size <= b->len; at += size) {
		unsigned int n = strtoul((const char *)b->data + at, NULL, 10);
		assert_true(n < count);
		assert_int_equal(b->data[at + size - 1], '\n');
		seen[n]++;
	}
}

static void a_bad_address_gets_a_sentence(void **state)
{
	static const struct {
		const char *spec, *says;
	} bad[] = {
	    {"tcp:", "has no port; expected tcp:HOST:PORT"},
	    {"tcp:localhost", "has no port"},
	    {"tcp::80", "has no host"},
	    {"tcp:[]:80", "has no host"},
	    {"tcp:[::1", "no closing ]"},
	    {"tcp:[::1]", "has no port"},
	    {"tcp:::1:80", "IPv6 address goes into brackets"},
	    {"tcp:localhost:", "bad port"},
	    {"tcp:localhost:0", "bad port"},
	    {"tcp:localhost:65536", "bad port"},
	    {"tcp:localhost:1e3", "bad port"},
	    {"udp:localhost:-1", "bad port"},
	    {"udp:x", "has no port; expected udp:HOST:PORT"},
	    {"unix:", "has no path"},
	    {"unixgram:", "has no path"},
	    {"unix:/tmp/"
	     "01234567890123456789012345678901234567890123456789"
	     "01234567890123456789012345678901234567890123456789"
	     "0123456789",
	     "too long a path"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char error[512] = "";
		assert_null(dest_new(bad[i].spec, &(struct dest_config){0}, error, sizeof(error)));
		if (!strstr(error, bad[i].says))
			fail_msg("%s: \"%s\" does not say \"%s\"", bad[i].spec, error, bad[i].says);
	}
}

/* Send 200 envelopes of 1000 bytes through a stream and check each byte. */
static void stream_delivers(const char *spec, int listener)
{
	struct dest *d = dest_of(spec, &(struct dest_config){0});
	struct buf b = {0};

	assert_int_equal(dest_max_envelope(d), 0);
	for (int i = 0; i < 200; i++)
		submit(d, i, 1000, 2);
	_cleanup_close_ int fd = accept_one(listener);
	read_bytes(fd, &b, 200000);
	assert_int_equal(b.len, 200000);
	for (int i = 0; i < 200; i++)
		assert_int_equal(atoi((char *)b.data + i * 1000), i);
	assert_true(dest_healthy(d));
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_ledger(400, 0, 0, 0);
	read_bytes(fd, &b, 200001); /* and then end of file */
	assert_int_equal(b.len, 200000);
	buf_free(&b);
	dest_free(d);
}

static void tcp_delivers(void **state)
{
	char spec[64];
	uint16_t port = 0;
	_cleanup_close_ int listener = bind_inet(SOCK_STREAM, &port);

	snprintf(spec, sizeof(spec), "tcp:127.0.0.1:%u", port);
	stream_delivers(spec, listener);
}

static void tcp_finds_a_name(void **state)
{
	char spec[64];
	uint16_t port = 0;
	_cleanup_close_ int listener = bind_inet(SOCK_STREAM, &port);

	/* localhost may resolve to ::1 first, where nobody listens. */
	snprintf(spec, sizeof(spec), "tcp:localhost:%u", port);
	stream_delivers(spec, listener);
}

static void tcp6_delivers(void **state)
{
	struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	socklen_t len = sizeof(sa);
	char spec[64];
	_cleanup_close_ int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listener < 0 || bind(listener, (struct sockaddr *)&sa, len) < 0)
		skip(); /* a kernel without IPv6 */
	assert_int_equal(listen(listener, 8), 0);
	getsockname(listener, (struct sockaddr *)&sa, &len);
	snprintf(spec, sizeof(spec), "tcp:[::1]:%u", ntohs(sa.sin6_port));
	stream_delivers(spec, listener);
}

static void unix_delivers(void **state)
{
	char path[64], spec[80];

	path_in_dir(path, sizeof(path), "stream");
	snprintf(spec, sizeof(spec), "unix:%s", path);
	_cleanup_close_ int listener = bind_unix(SOCK_STREAM, path);
	stream_delivers(spec, listener);
	unlink(path);
}

static void datagrams_are_envelopes(int peer, const char *spec, size_t size)
{
	struct dest *d = dest_of(spec, &(struct dest_config){0});
	static char data[1 << 20];

	assert_true(dest_max_envelope(d) >= size);
	for (int i = 0; i < 20; i++) {
		submit(d, i, size - i, 2);
		assert_true(readable(peer));
		assert_int_equal(recv(peer, data, sizeof(data), 0), size - i);
		assert_int_equal(atoi(data), i);
	}
	submit(d, 20, dest_max_envelope(d) + 1, 5); /* EMSGSIZE */
	submit(d, 21, 100, 2);
	assert_true(readable(peer));
	assert_int_equal(recv(peer, data, sizeof(data), 0), 100);
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_ledger(42, 0, 5, 0);
	dest_free(d);
}

static void udp_sends_one_datagram_an_envelope(void **state)
{
	char spec[64];
	uint16_t port = 0;
	_cleanup_close_ int peer = bind_inet(SOCK_DGRAM, &port);

	snprintf(spec, sizeof(spec), "udp:127.0.0.1:%u", port);
	datagrams_are_envelopes(peer, spec, 65507);
}

static void unixgram_sends_one_datagram_an_envelope(void **state)
{
	char path[64], spec[80], error[512];

	path_in_dir(path, sizeof(path), "gram");
	snprintf(spec, sizeof(spec), "unixgram:%s", path);
	struct dest *d = dest_new(spec, &(struct dest_config){0}, error, sizeof(error));
	size_t max = dest_max_envelope(d);
	dest_free(d);
	assert_true(max > 65507);
	_cleanup_close_ int peer = bind_unix(SOCK_DGRAM, path);
	datagrams_are_envelopes(peer, spec, max);
	unlink(path);
}

static void unixgram_waits_for_its_peer(void **state)
{
	char path[64], spec[80], data[100];

	path_in_dir(path, sizeof(path), "late");
	snprintf(spec, sizeof(spec), "unixgram:%s", path);
	struct dest *d = dest_of(spec, &(struct dest_config){0});
	for (int i = 0; i < 5; i++)
		submit(d, i, 100, 1);
	wait_for(stat_get(STAT_DEST_ERRORS) >= 1);
	for (int round = 0; round < 2; round++) {
		_cleanup_close_ int peer = bind_unix(SOCK_DGRAM, path);
		for (int i = round * 5; i < round * 5 + 5; i++) {
			assert_true(readable(peer));
			assert_int_equal(recv(peer, data, sizeof(data), 0), 100);
			assert_int_equal(atoi(data), i);
		}
		unlink(path);
		if (round == 0) {
			close(take_fd(peer)); /* ECONNREFUSED from here on */
			for (int i = 5; i < 10; i++)
				submit(d, i, 100, 1);
		}
	}
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_ledger(10, 0, 0, 0);
	dest_free(d);
}

/* Addresses of *.example, NULL at the end; one after the other as the resolver returns them. */
static const char *addresses[3];

/* In place of libc's: names that move, and names with several addresses. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **list)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
	    dlsym(RTLD_NEXT, "getaddrinfo");

	if (!name || !strstr(name, ".example"))
		return real(name, service, hints, list);
	*list = NULL;
	for (struct addrinfo **end = list; *addresses && end; end = &(*end)->ai_next) {
		int i = 0;
		for (struct addrinfo *a = *list; a; a = a->ai_next)
			i++;
		if (!addresses[i])
			break;
		int r = real(addresses[i], service, hints, end);
		if (r)
			return r;
	}
	return *list ? 0 : EAI_NONAME;
}

/* A datagram socket on an address of loopback; the port as asked for (0: any), written back. */
static int bind_udp(const char *address, uint16_t *port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(*port)};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	inet_pton(AF_INET, address, &sa.sin_addr);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	getsockname(fd, (struct sockaddr *)&sa, &len);
	*port = ntohs(sa.sin_port);
	return fd;
}

static bool arrived(int fd)
{
	return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) == 1;
}

/* The collector moves and its old address swallows everything: the name is looked up now and then. */
static void udp_follows_its_name(void **state)
{
	char spec[64];
	uint16_t port = 0;
	_cleanup_close_ int old = bind_udp("127.0.0.2", &port), new = bind_udp("127.0.0.3", &port);
	int n = 0;

	addresses[0] = "127.0.0.2";
	addresses[1] = NULL;
	snprintf(spec, sizeof(spec), "udp:moves.example:%u", port);
	struct dest *d = dest_of(spec, &(struct dest_config){.look_up_ns = 20 * NS_PER_MS});
	submit(d, n++, 100, 1);
	assert_true(readable(old));
	__atomic_store_n(&addresses[0], "127.0.0.3", __ATOMIC_RELAXED);
	wait_for((submit(d, n++, 100, 1), arrived(new)));
	/* A resolver that has no answer for a while changes nothing. */
	uint64_t connects = stat_get(STAT_DEST_CONNECTS);
	__atomic_store_n(&addresses[0], NULL, __ATOMIC_RELAXED);
	nanosleep(&(struct timespec){.tv_nsec = 30 * NS_PER_MS}, NULL);
	submit(d, n++, 100, 1);
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_int_equal(stat_get(STAT_DEST_CONNECTS), connects);
	assert_ledger(n, 0, 0, 0);
	dest_free(d);
}

static void udp_goes_on_to_the_next_address(void **state)
{
	char spec[64];
	uint16_t port = 0;
	_cleanup_close_ int second = bind_udp("127.0.0.3", &port);

	addresses[0] = "127.0.0.2"; /* refuses */
	addresses[1] = "127.0.0.3";
	snprintf(spec, sizeof(spec), "udp:two.example:%u", port);
	struct dest *d = dest_of(spec, &(struct dest_config){0});
	submit(d, 0, 100, 1);
	assert_true(readable(second));
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_ledger(1, 0, 0, 0);
	dest_free(d);
}

/* A proxy accepts on the first address and has nobody behind it. */
static void tcp_goes_on_to_the_next_address(void **state)
{
	char spec[64];
	uint16_t port = 0;
	_cleanup_close_ int listener = bind_inet(SOCK_STREAM, &port);
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
	_cleanup_close_ int proxy = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, "127.0.0.2", &sa.sin_addr);
	assert_int_equal(bind(proxy, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(proxy, 8), 0);
	addresses[0] = "127.0.0.2";
	addresses[1] = "127.0.0.1";
	snprintf(spec, sizeof(spec), "tcp:two.example:%u", port);
	struct dest *d = dest_of(spec, &(struct dest_config){0});
	int fd = accept_one(proxy);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
	close(fd); /* with a reset */
	submit(d, 0, 100, 1);
	fd = accept_one(listener);
	assert_true(readable(fd));
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_ledger(1, 0, 0, 0);
	dest_free(d);
	close(fd);
}

/* Up is what confirms: a peer that accepts, and does not read, is not. */
static void a_peer_that_does_not_read_is_not_up(void **state)
{
	char path[64], spec[80], reason[DEST_REASON_MAX], data[100];

	path_in_dir(path, sizeof(path), "mute");
	snprintf(spec, sizeof(spec), "unix:%s", path);
	_cleanup_close_ int listener = bind_unix(SOCK_STREAM, path);
	struct dest *d = dest_of(spec, &(struct dest_config){.send_timeout_ns = 50 * NS_PER_MS});
	wait_for(dest_healthy(d)); /* nothing waits */
	submit(d, 0, 100, 1);
	wait_for(!dest_healthy(d));
	dest_reason(d, reason);
	assert_string_equal(reason, "nothing is confirmed within -produceTimeout: the peer does not read");
	assert_true(dest_failing(d));
	int fd = accept_one(listener);
	assert_int_equal(recv(fd, data, sizeof(data), 0), 100);
	wait_for(dest_healthy(d));
	dest_reason(d, reason);
	assert_string_equal(reason, "");
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_false(dest_failing(d));
	assert_ledger(1, 0, 0, 0);
	dest_free(d);
	close(fd);
	unlink(path);
}

static void udp_waits_for_a_peer_that_refuses(void **state)
{
	char spec[64], data[100];
	uint16_t port = 0;

	close(bind_inet(SOCK_DGRAM, &port));
	snprintf(spec, sizeof(spec), "udp:127.0.0.1:%u", port);
	struct dest *d = dest_of(spec, &(struct dest_config){0});
	submit(d, 7, 100, 1);
	wait_for(stat_get(STAT_DEST_ERRORS) >= 1);
	assert_false(dest_healthy(d));
	_cleanup_close_ int peer = bind_inet(SOCK_DGRAM, &port);
	assert_true(readable(peer));
	assert_int_equal(recv(peer, data, sizeof(data), 0), 100);
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_ledger(1, 0, 0, 0);
	dest_free(d);
}

/* The peer repeatedly reads some and closes; every envelope arrives complete at least once. */
static void restarts_lose_nothing(const char *spec, int (*listen_again)(void *), void *arg)
{
	enum { COUNT = 300, SIZE = 10000, ROUNDS = 4 };
	struct dest *d = dest_of(spec, &(struct dest_config){0});
	unsigned int seen[COUNT] = {0};
	unsigned int missing = COUNT;

	for (int round = 0; round <= ROUNDS; round++) {
		int listener = listen_again(arg);
		for (int i = 0; round < ROUNDS && i < COUNT / ROUNDS; i++)
			submit(d, round * (COUNT / ROUNDS) + i, SIZE, 1);
		int fd = accept_one(listener);
		struct buf b = {0};
		/* The first connections end in the middle of an envelope, the last one reads all the rest. */
		do {
			read_bytes(fd, &b, round < ROUNDS ? SIZE * 30 + SIZE / 2 : b.len + 1);
			mark_whole(&b, SIZE, seen, COUNT);
			missing = 0;
			for (int i = 0; i < COUNT; i++)
				missing += seen[i] == 0;
		} while (round == ROUNDS && missing);
		buf_free(&b);
		close(listener);
		close(fd);
	}
	dest_stop(d, seconds_from_now(0.2));
	uint64_t deadline =
	    stat_get(STAT_RECORDS_DEADLINE); /* sent, but unacknowledged when the last peer closed */
	assert_ledger(COUNT - deadline, 0, 0, deadline);
	assert_true(stat_get(STAT_DEST_CONNECTS) >= ROUNDS);
	dest_free(d);
}

static int listen_unix_again(void *path)
{
	unlink(path);
	return bind_unix(SOCK_STREAM, path);
}

static void unix_peer_restarts_lose_nothing(void **state)
{
	char path[64], spec[80];

	path_in_dir(path, sizeof(path), "restart");
	snprintf(spec, sizeof(spec), "unix:%s", path);
	restarts_lose_nothing(spec, listen_unix_again, path);
	unlink(path);
}

/* Bytes that the peer's kernel had not acknowledged when the peer closed are sent again. */
static void tcp_resends_what_was_not_acknowledged(void **state)
{
	enum { COUNT = 40, SIZE = 200000 };
	unsigned int seen[COUNT] = {0};
	char spec[64];
	uint16_t port = 0;
	int listener = bind_inet(SOCK_STREAM, &port), small = 4096;
	struct buf b = {0};

	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	snprintf(spec, sizeof(spec), "tcp:127.0.0.1:%u", port);
	struct dest *d = dest_of(spec, &(struct dest_config){0});
	for (int i = 0; i < COUNT; i++)
		submit(d, i, SIZE, 1);
	int fd = accept_one(listener);
	assert_true(readable(fd));
	/* The peer's buffer is full and unread: none counts as sent. */
	assert_int_equal(stat_get(STAT_DEST_SENT_RECORDS), 0);
	close(listener);
	close(fd);
	wait_for(stat_get(STAT_DEST_ERRORS) >= 1);
	listener = bind_inet(SOCK_STREAM, &port);
	fd = accept_one(listener);
	read_bytes(fd, &b, (size_t)COUNT * SIZE);
	mark_whole(&b, SIZE, seen, COUNT);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(seen[i], 1);
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_ledger(COUNT, 0, 0, 0);
	dest_free(d);
	buf_free(&b);
	close(fd);
	close(listener);
}

/* "socat -u" shuts its sending side down at once, which does not end the connection. */
static void a_half_closed_peer_still_reads(void **state)
{
	char spec[64];
	uint16_t port = 0;
	_cleanup_close_ int listener = bind_inet(SOCK_STREAM, &port);
	struct buf b = {0};

	snprintf(spec, sizeof(spec), "tcp:127.0.0.1:%u", port);
	struct dest *d = dest_of(spec, &(struct dest_config){0});
	_cleanup_close_ int fd = accept_one(listener);
	assert_int_equal(send(fd, "hello\n", 6, 0), 6);
	shutdown(fd, SHUT_WR);
	for (int i = 0; i < 3; i++) {
		submit(d, i, 100, 1);
		wait_for(stat_get(STAT_DEST_SENT_RECORDS) == (uint64_t)i + 1);
	}
	read_bytes(fd, &b, 300);
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_int_equal(stat_get(STAT_DEST_CONNECTS), 1);
	assert_ledger(3, 0, 0, 0);
	dest_free(d);
	buf_free(&b);
}

/* A peer slower than the submitter: the bound holds,
 * submitting does not wait, and every record is accounted for. */
static void the_ledger_holds_under_a_slow_peer(void **state)
{
	enum { COUNT = 2000, SIZE = 20000, BOUND = 1000000 };
	char path[64], spec[80];
	struct buf b = {0};
	unsigned int last = 0, whole = 0;

	path_in_dir(path, sizeof(path), "slow");
	snprintf(spec, sizeof(spec), "unix:%s", path);
	_cleanup_close_ int listener = bind_unix(SOCK_STREAM, path);
	struct dest *d = dest_of(spec, &(struct dest_config){.queue_bytes = BOUND});
	_cleanup_close_ int fd = accept_one(listener);
	int64_t slowest = 0;
	for (int i = 1; i <= COUNT; i++) {
		int64_t begin = clock_mono_ns();
		submit(d, i, SIZE, 3);
		int64_t took = clock_mono_ns() - begin;
		slowest = took > slowest ? took : slowest;
		assert_true(stat_get(STAT_DEST_QUEUE_BYTES) <= BOUND);
		if (i % 100 == 0)
			read_bytes(fd, &b, b.len + 5000);
	}
	assert_true(slowest < NS_PER_SEC); /* the peer has read very little for longer than that */
	/* The peer now reads the rest, while the destination stops. */
	while (stat_get(STAT_DEST_QUEUE_BYTES) > 0)
		if (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 1) == 1)
			read_bytes(fd, &b, b.len + 1);
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	read_bytes(fd, &b, SIZE_MAX); /* to the end of file */
	assert_int_equal(b.len % SIZE, 0);
	for (size_t at = 0; at < b.len; at += SIZE, whole++) {
		unsigned int n = strtoul((char *)b.data + at, NULL, 10);
		assert_true(n > last);
		last = n;
	}
	assert_int_equal(last, COUNT); /* the oldest are dropped, the newest stays */
	uint64_t dropped = stat_get(STAT_RECORDS_QUEUE_FULL);
	assert_true(dropped > 0);
	assert_int_equal(whole * 3, stat_get(STAT_DEST_SENT_RECORDS));
	assert_ledger(COUNT * 3 - dropped, dropped, 0, 0);
	assert_int_equal(stat_get(STAT_DEST_SENT_BYTES) + stat_get(STAT_DEST_DROPPED_BYTES), COUNT * SIZE);
	buf_free(&b);
	dest_free(d);
	unlink(path);
}

static void a_stalled_peer_does_not_hold_the_stop(void **state)
{
	char spec[64];
	uint16_t port = 0;
	_cleanup_close_ int listener = bind_inet(SOCK_STREAM, &port);

	snprintf(spec, sizeof(spec), "tcp:127.0.0.1:%u", port);
	struct dest *d = dest_of(spec, &(struct dest_config){.send_timeout_ns = 60 * NS_PER_SEC});
	_cleanup_close_ int fd = accept_one(listener);
	for (int i = 0; i < 30; i++)
		submit(d, i, 1000000, 1);
	assert_true(readable(fd));
	int64_t begin = clock_mono_ns();
	size_t left = dest_stop(d, seconds_from_now(0.1));
	assert_true(clock_mono_ns() - begin < 1 * NS_PER_SEC);
	assert_true(left > 0);
	assert_ledger(30 - left, 0, 0, left);
	dest_free(d);
}

static void a_send_that_takes_too_long_starts_over(void **state)
{
	enum { SIZE = 10000000 };
	char spec[64];
	uint16_t port = 0;
	_cleanup_close_ int listener = bind_inet(SOCK_STREAM, &port);
	struct buf b = {0};

	snprintf(spec, sizeof(spec), "tcp:127.0.0.1:%u", port);
	struct dest *d = dest_of(spec, &(struct dest_config){.send_timeout_ns = 200 * NS_PER_MS});
	_cleanup_close_ int stalled = accept_one(listener);
	submit(d, 1, SIZE, 1);
	wait_for(stat_get(STAT_DEST_ERRORS) >= 1);
	/* A slow machine may need more than one connection. */
	while (b.len < SIZE) {
		_cleanup_close_ int fd = accept_one(listener);
		buf_reset(&b);
		read_bytes(fd, &b, SIZE);
	}
	assert_int_equal(b.len, SIZE);
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_ledger(1, 0, 0, 0);
	dest_free(d);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_bad_address_gets_a_sentence, setup),
	    cmocka_unit_test_setup(tcp_delivers, setup),
	    cmocka_unit_test_setup(tcp_finds_a_name, setup),
	    cmocka_unit_test_setup(tcp6_delivers, setup),
	    cmocka_unit_test_setup(unix_delivers, setup),
	    cmocka_unit_test_setup(udp_sends_one_datagram_an_envelope, setup),
	    cmocka_unit_test_setup(unixgram_sends_one_datagram_an_envelope, setup),
	    cmocka_unit_test_setup(unixgram_waits_for_its_peer, setup),
	    cmocka_unit_test_setup(udp_follows_its_name, setup),
	    cmocka_unit_test_setup(udp_goes_on_to_the_next_address, setup),
	    cmocka_unit_test_setup(tcp_goes_on_to_the_next_address, setup),
	    cmocka_unit_test_setup(a_peer_that_does_not_read_is_not_up, setup),
	    cmocka_unit_test_setup(udp_waits_for_a_peer_that_refuses, setup),
	    cmocka_unit_test_setup(unix_peer_restarts_lose_nothing, setup),
	    cmocka_unit_test_setup(tcp_resends_what_was_not_acknowledged, setup),
	    cmocka_unit_test_setup(a_half_closed_peer_still_reads, setup),
	    cmocka_unit_test_setup(the_ledger_holds_under_a_slow_peer, setup),
	    cmocka_unit_test_setup(a_stalled_peer_does_not_hold_the_stop, setup),
	    cmocka_unit_test_setup(a_send_that_takes_too_long_starts_over, setup),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("dest_net", tests, group_setup, group_teardown);
}
