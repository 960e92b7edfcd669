/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/http.h"
#include "base/clock.h"
#include "base/listen.h"
#include "stats/stats.h"

/* The server runs in its own loop and thread; the test is the client. */
struct fixture {
	struct loop *loop;
	struct http_server *server;
	struct loop_watch stop;
	pthread_t thread;
	bool ready; /* the answer of /readyz; set between requests */
};

static void on_stop(struct loop_watch *w, uint32_t events)
{
	loop_stop(w->data);
}

static void *serve(void *data)
{
	loop_run(data);
	return NULL;
}

static bool is_healthy(void *data, struct buf *why)
{
	return true;
}

static bool is_ready(void *data, struct buf *why)
{
	const struct fixture *f = data;

	if (!__atomic_load_n(&f->ready, __ATOMIC_SEQ_CST))
		buf_str(why, "destination: not reached yet\n");
	return __atomic_load_n(&f->ready, __ATOMIC_SEQ_CST);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct http_options options = {.listen = "127.0.0.1:0",
				       .prom_path = "/metrics",
				       .healthy = is_healthy,
				       .ready = is_ready,
				       .data = f};
	char error[256];

	*state = f;
	f->loop = loop_new();
	f->server = http_start(f->loop, &options, error, sizeof(error));
	if (!f->server)
		fail_msg("%s", error);
	f->stop = (struct loop_watch){
	    .fd = eventfd(0, EFD_CLOEXEC), .name = "stop", .fn = on_stop, .data = f->loop};
	assert_int_equal(loop_add(f->loop, &f->stop, EPOLLIN), 0);
	return pthread_create(&f->thread, NULL, serve, f->loop);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	eventfd_write(f->stop.fd, 1);
	pthread_join(f->thread, NULL);
	loop_remove(f->loop, &f->stop);
	close(f->stop.fd);
	http_stop(f->server);
	loop_free(f->loop);
	free(f);
	return 0;
}

static int client(const struct fixture *f)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(http_port(f->server)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* Send one request and read to the end: the answer, with its headers, as a string in b. */
static const char *ask(const struct fixture *f, const char *method, const char *path, struct buf *b)
{
	_cleanup_close_ int fd = client(f);
	char request[256], part[4096];
	ssize_t n;

	snprintf(request, sizeof(request),
		 "%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", method, path);
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	buf_reset(b);
	while ((n = recv(fd, part, sizeof(part), 0)) > 0)
		buf_append(b, part, (size_t)n);
	const char *text = buf_cstr(b);
	assert_non_null(text);
	return text;
}

static const char *body_of(const char *answer)
{
	const char *body = strstr(answer, "\r\n\r\n");
	assert_non_null(body);
	return body + 4;
}

static void assert_status(const char *answer, int status)
{
	char line[32];
	snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
	if (strncmp(answer, line, strlen(line)) != 0)
		fail_msg("not status %d: %.60s", status, answer);
}

/* Each byte restarts libmicrohttpd's own time-out; the deadline of the whole request stays. */
static void a_request_that_does_not_end_is_given_up(void **state)
{
	struct fixture *f = *state;
	_cleanup_close_ int fd = client(f);
	int64_t start = clock_mono_ns();
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	assert_int_equal(send(fd, "GET /met", 8, MSG_NOSIGNAL), 8);
	while (poll(&pfd, 1, 100) == 0 && clock_mono_ns() - start < 9 * NS_PER_SEC)
		send(fd, "r", 1, MSG_NOSIGNAL);
	/* The server counts on its own thread, possibly after the client has seen the end. */
	while (stat_get(STAT_HTTP_CLOSED) == 0 && clock_mono_ns() - start < 9 * NS_PER_SEC)
		poll(NULL, 0, 1);
	assert_true(clock_mono_ns() - start < 9 * NS_PER_SEC);
	assert_true(stat_get(STAT_HTTP_CLOSED) > 0);
}

static void routes_answer(void **state)
{
	struct fixture *f = *state;
	_cleanup_buf_ struct buf b = {0};

	const char *answer = ask(f, "GET", "/metrics", &b);
	assert_status(answer, 200);
	assert_non_null(strstr(answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
	assert_non_null(
	    strstr(body_of(answer), "\nxtcp_counts{function=\"Netlinker\",variable=\"p\",type=\"count\"} "));
	assert_status(ask(f, "GET", "/metrics?x=1", &b), 200);

	answer = ask(f, "GET", "/healthz", &b);
	assert_status(answer, 200);
	assert_string_equal(body_of(answer), "ok\n");

	answer = ask(f, "GET", "/readyz", &b);
	assert_status(answer, 503);
	assert_string_equal(body_of(answer), "not ok\ndestination: not reached yet\n");
	__atomic_store_n(&f->ready, true, __ATOMIC_SEQ_CST);
	assert_status(ask(f, "GET", "/readyz", &b), 200);

	answer = ask(f, "GET", "/nothing", &b);
	assert_status(answer, 404);
	assert_string_equal(body_of(answer), "not found; there is /metrics, /healthz, /readyz\n");
	assert_status(ask(f, "GET", "/metrics/", &b), 404);
}

static void methods_are_told_apart(void **state)
{
	_cleanup_buf_ struct buf b = {0};

	const char *answer = ask(*state, "HEAD", "/metrics", &b);
	assert_status(answer, 200);
	assert_null(strstr(answer, "Content-Length: 0\r\n"));
	assert_string_equal(body_of(answer), "");
	static const char *const others[] = {"POST", "PUT", "DELETE", "OPTIONS", "BREW"};
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		answer = ask(*state, others[i], "/healthz", &b);
		assert_status(answer, 405);
		assert_non_null(strstr(answer, "Allow: GET, HEAD\r\n"));
		assert_status(ask(*state, others[i], "/nothing", &b), 404);
	}
}

/* Clients that connect and say nothing, or half a request,
 * or do not read, keep nobody else from an answer. */
static void slow_clients_delay_nobody(void **state)
{
	_cleanup_buf_ struct buf b = {0};
	int slow[24];
	static const char *const parts[] = {"", "GET /metr", "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"};

	for (size_t i = 0; i < ARRAY_SIZE(slow); i++) {
		const char *part = parts[i % ARRAY_SIZE(parts)];
		slow[i] = client(*state);
		assert_int_equal(send(slow[i], part, strlen(part), MSG_NOSIGNAL), strlen(part));
		assert_status(ask(*state, "GET", "/metrics", &b), 200);
	}
	for (size_t i = 0; i < ARRAY_SIZE(slow); i++)
		close(slow[i]);
	assert_status(ask(*state, "GET", "/healthz", &b), 200);
}

/* More bytes of headers than the memory limit of a connection. */
static void huge_requests_are_refused(void **state)
{
	_cleanup_buf_ struct buf b = {0};
	_cleanup_close_ int fd = client(*state);
	char part[4096], answer[256] = "";

	memset(part, 'x', sizeof(part));
	send(fd, "GET /metrics HTTP/1.1\r\nA: ", 26, MSG_NOSIGNAL);
	for (int i = 0; i < 64 && send(fd, part, sizeof(part), MSG_NOSIGNAL) > 0; i++)
		;
	ssize_t n = recv(fd, answer, sizeof(answer) - 1, 0);
	/* Refused with an answer, or closed if it kept sending. */
	if (n > 0)
		assert_status(answer, 431);
	assert_status(ask(*state, "GET", "/healthz", &b), 200);
}

static void healthcheck_tells_ready_from_not(void **state)
{
	struct fixture *f = *state;
	char listen[64];

	snprintf(listen, sizeof(listen), "127.0.0.1:%u", (unsigned int)http_port(f->server));
	assert_int_equal(http_healthcheck(listen), 1);
	__atomic_store_n(&f->ready, true, __ATOMIC_SEQ_CST);
	assert_int_equal(http_healthcheck(listen), 0);
	snprintf(listen, sizeof(listen), ":%u", (unsigned int)http_port(f->server));
	assert_int_equal(http_healthcheck(listen), 0);
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	assert_int_equal(http_healthcheck(listen), 0);
	unsetenv("http_proxy");
	assert_int_equal(http_healthcheck("127.0.0.1:1"), 1);
	assert_int_equal(http_healthcheck("nonsense"), 1);
}

static size_t descriptors(void)
{
	size_t count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void stopping_closes_everything(void **state)
{
	struct http_options options = {.listen = "127.0.0.1:0", .prom_path = "/metrics"};
	struct fixture f = {.loop = loop_new()};
	char error[256];
	size_t before = descriptors();

	f.server = http_start(f.loop, &options, error, sizeof(error));
	assert_non_null(f.server);
	int fd = client(&f);
	assert_true(descriptors() > before + 1);
	http_stop(f.server);
	close(fd);
	assert_int_equal(descriptors(), before);
	http_stop(NULL);
	loop_free(f.loop);
}

static void a_taken_port_is_named(void **state)
{
	struct fixture *f = *state;
	char error[256], listen[64], wanted[128], name[16];
	struct http_options options = {.listen = listen, .prom_path = "/metrics"};

	snprintf(listen, sizeof(listen), "localhost:%u", (unsigned int)http_port(f->server));
	/* Of the emulator, where one runs this. */
	assert_int_equal(prctl(PR_GET_NAME, name), 0);
	snprintf(wanted, sizeof(wanted), "%s: Address already in use by %s (pid %d)", listen, name,
		 (int)getpid());
	assert_null(http_start(f->loop, &options, error, sizeof(error)));
	assert_string_equal(error, wanted);
}

static void listen_addresses_are_split(void **state)
{
	static const struct {
		const char *address, *host, *port; /* host NULL: refused */
	} rows[] = {
	    {"127.0.0.1:9088", "127.0.0.1", "9088"},
	    {":9088", "", "9088"},
	    {"[::1]:9088", "::1", "9088"},
	    {"localhost:0", "localhost", "0"},
	    {"[::]:65535", "::", "65535"},
	    {"9088", NULL},
	    {"", NULL},
	    {"host:", NULL},
	    {"host:65536", NULL},
	    {"host:-1", NULL},
	    {"host:80x", NULL},
	    {"host:http", NULL},
	    {"::1:9088", NULL},
	    {"[]:1", NULL},
	    {"[::1:1", NULL},
	    {"host:000001", NULL},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char host[LISTEN_HOST_MAX], port[LISTEN_PORT_MAX], error[300];
		int r = listen_split(rows[i].address, host, port);
		assert_int_equal(r, rows[i].host ? 0 : -EINVAL);
		if (rows[i].host) {
			assert_string_equal(host, rows[i].host);
			assert_string_equal(port, rows[i].port);
		} else {
			assert_int_equal(listen_open(rows[i].address, error, sizeof(error)), -EINVAL);
			assert_non_null(strstr(error, "must be HOST:PORT, :PORT or [IPv6]:PORT"));
		}
	}
	char error[300];
	_cleanup_close_ int all = listen_open(":0", error, sizeof(error));
	assert_true(all >= 0 && listen_port(all) > 0);
	assert_true(listen_open("192.0.2.1:9", error, sizeof(error)) < 0);
	assert_string_equal(error, "192.0.2.1:9: Cannot assign requested address");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(routes_answer, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_request_that_does_not_end_is_given_up, setup, teardown),
	    cmocka_unit_test_setup_teardown(methods_are_told_apart, setup, teardown),
	    cmocka_unit_test_setup_teardown(slow_clients_delay_nobody, setup, teardown),
	    cmocka_unit_test_setup_teardown(huge_requests_are_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(healthcheck_tells_ready_from_not, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_taken_port_is_named, setup, teardown),
	    cmocka_unit_test(stopping_closes_everything),
	    cmocka_unit_test(listen_addresses_are_split),
	};
	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
