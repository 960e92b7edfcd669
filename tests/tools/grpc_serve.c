/* SPDX-License-Identifier: MIT */
/*
 * grpc_serve: the daemon's gRPC server with simulated polls, for tests and benches of
 * the server alone. One thread makes -records records per cycle; the rest is the
 * daemon's own code. On stdout, one line each:
 *   listening PORT
 *   poll RECORDS NANOSECONDS     after each cycle
 *   tap on|off                   when listening begins and ends
 * SIGUSR1 toggles readiness; SIGTERM and SIGINT end it cleanly. Set re-executes it with
 * the new -tag.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include "api/config_message.h"
#include "api/grpc_server.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/flags.h"
#include "base/log.h"
#include "config/config.h"
#include "poll/poll.h"
#include "record/encoder.h"

/* As the poll's own workers do. */
#define BATCH_BYTES 65536
/* A client that reads shall see the end of its stream, however slow the machine is. */
#define DRAIN_MS    20000

struct server {
	struct loop *loop;
	struct grpc_server *grpc;
	struct config *config, *next; /* next: the configuration to re-execute with */
	struct loop_watch tick, burst, done, signals;
	struct poll_tap *tap;
	bool ready, ticking, running, pending;
	uint32_t records, burst_left;
	int64_t begin_ns;
	pthread_t worker;
	pthread_mutex_t lock; /* guards go, quit */
	pthread_cond_t wake;
	bool go, quit;
};

/* The worker */

/* The fields of a busy IPv4 socket, for records of a realistic size. */
static void record_fill(struct record *r, uint64_t counter, const char *tag)
{
	memset(r, 0, sizeof(*r));
	r->sections = RECORD_HAS(META) | RECORD_HAS(DIAG) | RECORD_HAS(TCP_INFO) | RECORD_HAS(CONG) |
		      RECORD_HAS(SKMEMINFO);
	for (size_t i = 0; i < record_field_count; i++) {
		const struct record_field *f = &record_fields[i];
		uint8_t *at = (uint8_t *)r + f->offset;
		uint32_t u32 = (uint32_t)(f->number * 7 + counter % 1000);
		uint64_t u64 = counter + f->number;
		if (f->kind == FIELD_U32)
			memcpy(at, &u32, sizeof(u32));
		else if (f->kind == FIELD_U64 || f->kind == FIELD_TIME)
			memcpy(at, &u64, sizeof(u64));
	}
	r->record_counter = counter;
	r->timestamp_ns = clock_real_ns();
	r->tag = str_of(tag);
	r->hostname = str_of("example");
	r->inet_diag_msg_state = r->tcp_info_state = 1;
	r->inet_diag_msg_socket_source = (struct str){"\x7f\0\0\1", 4};
	r->inet_diag_msg_socket_destination = (struct str){"\x7f\0\0\2", 4};
	r->congestion_algorithm_string = str_of("cubic");
	r->congestion_algorithm_enum = RECORD_CC_CUBIC;
}

static void batch_append(struct buf *batch, struct buf *row, const struct record *r)
{
	buf_reset(row);
	wire_encode(row, r);
	buf_byte(batch, 10 << 3 | 2); /* Envelope.row */
	for (size_t len = row->len;; len >>= 7) {
		buf_byte(batch, (uint8_t)((len & 0x7f) | (len > 0x7f ? 0x80 : 0)));
		if (len <= 0x7f)
			break;
	}
	buf_append(batch, row->data, row->len);
}

static void cycle(struct server *s, struct poll_tap *tap)
{
	static struct buf batch, row, sink;
	struct record r;
	uint32_t rows = 0;

	for (uint32_t i = 1; i <= s->records; i++) {
		record_fill(&r, i, s->config->tag);
		buf_reset(&sink); /* the destination's share of the work */
		wire_encode(&sink, &r);
		if (!tap)
			continue;
		batch_append(&batch, &row, &r);
		rows++;
		if (batch.len >= BATCH_BYTES || i == s->records) {
			tap->batch(tap, batch.data, batch.len, rows);
			buf_reset(&batch);
			rows = 0;
		}
	}
	if (s->quit)
		buf_free(&batch), buf_free(&row), buf_free(&sink);
}

static void *worker_main(void *data)
{
	struct server *s = data;

	pthread_mutex_lock(&s->lock);
	while (!s->quit) {
		if (!s->go) {
			pthread_cond_wait(&s->wake, &s->lock);
			continue;
		}
		s->go = false;
		pthread_mutex_unlock(&s->lock);
		cycle(s, s->tap);
		eventfd_write(s->done.fd, 1);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	s->records = 0;
	cycle(s, NULL);
	return NULL;
}

static void worker_tell(struct server *s, bool *what)
{
	pthread_mutex_lock(&s->lock);
	*what = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

/* The backend */

static const struct config *backend_config(void *data)
{
	struct server *s = data;

	return s->config;
}

static int backend_trigger(void *data)
{
	struct server *s = data;

	if (s->running) {
		s->pending = true;
		return -EBUSY;
	}
	s->running = true;
	s->begin_ns = clock_mono_ns();
	worker_tell(s, &s->go);
	return 0;
}

static int backend_set_frequency(void *data, int64_t frequency_ns, int64_t timeout_ns)
{
	struct server *s = data;

	s->config->frequency_ns = frequency_ns;
	s->config->timeout_ns = timeout_ns;
	return loop_timer_set(&s->tick, frequency_ns, frequency_ns);
}

static int backend_burst(void *data, uint32_t count, int64_t interval_ns)
{
	struct server *s = data;

	s->burst_left = count;
	return loop_timer_set(&s->burst, 1, interval_ns);
}

/* Every configuration is taken, at once. */
static int backend_reconfigure(void *data, struct config *config, struct backend_attempt *attempt)
{
	struct server *s = data;

	s->next = config;
	attempt->taken(attempt, config);
	loop_stop(s->loop);
	return 0;
}

static void backend_give_up(void *data, struct backend_attempt *attempt)
{
}

static void backend_set_tap(void *data, struct poll_tap *tap)
{
	struct server *s = data;

	printf("tap %s\n", tap ? "on" : "off");
	s->tap = tap;
}

static bool backend_ready(void *data, struct buf *why)
{
	struct server *s = data;

	return s->ready;
}

/* The loop */

static void on_tick(struct loop_watch *w, uint32_t events)
{
	loop_timer_read(w);
	backend_trigger(w->data);
}

static void on_burst(struct loop_watch *w, uint32_t events)
{
	struct server *s = w->data;

	loop_timer_read(w);
	backend_trigger(s);
	if (--s->burst_left == 0)
		loop_timer_set(w, 0, 0);
}

static void on_done(struct loop_watch *w, uint32_t events)
{
	struct server *s = w->data;
	eventfd_t value;

	eventfd_read(w->fd, &value);
	printf("poll %" PRIu32 " %" PRId64 "\n", s->records, clock_mono_ns() - s->begin_ns);
	s->running = false;
	grpc_server_poll_done(s->grpc);
	if (s->pending) {
		s->pending = false;
		backend_trigger(s);
	}
}

static void on_signal(struct loop_watch *w, uint32_t events)
{
	struct server *s = w->data;
	struct signalfd_siginfo info;

	if (read(w->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGUSR1)
		s->ready = !s->ready;
	else
		loop_stop(s->loop);
}

static int watches_open(struct server *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->tick = (struct loop_watch){.fd = -1, .name = "tick", .fn = on_tick, .data = s};
	s->burst = (struct loop_watch){.fd = -1, .name = "burst", .fn = on_burst, .data = s};
	s->done = (struct loop_watch){eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "done", on_done, s};
	s->signals =
	    (struct loop_watch){signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), "signals", on_signal, s};
	int r = loop_timer_open(s->loop, &s->tick);
	if (r == 0)
		r = loop_timer_open(s->loop, &s->burst);
	if (r == 0)
		r = loop_add(s->loop, &s->done, EPOLLIN);
	return r < 0 ? r : loop_add(s->loop, &s->signals, EPOLLIN);
}

static int serve(struct server *s, const struct grpc_server_options *options)
{
	const struct grpc_backend backend = {
	    s,
	    backend_config,
	    backend_set_frequency,
	    backend_trigger,
	    backend_burst,
	    backend_reconfigure,
	    backend_give_up,
	    backend_set_tap,
	    backend_ready,
	};
	char error[256];

	s->grpc = grpc_server_new(s->loop, &backend, options, error, sizeof(error));
	if (!s->grpc) {
		fprintf(stderr, "grpc_serve: %s\n", error);
		return 1;
	}
	printf("listening %u\n", h2_server_port(grpc_server_transport(s->grpc)));
	if (s->ticking)
		loop_timer_set(&s->tick, s->config->frequency_ns, s->config->frequency_ns);
	pthread_create(&s->worker, NULL, worker_main, s);
	loop_run(s->loop);
	worker_tell(s, &s->quit);
	pthread_join(s->worker, NULL);
	grpc_server_free(s->grpc, DRAIN_MS);
	return 0;
}

static void server_free(struct server *s)
{
	loop_timer_close(s->loop, &s->tick);
	loop_timer_close(s->loop, &s->burst);
	loop_remove(s->loop, &s->done);
	loop_remove(s->loop, &s->signals);
	close(s->done.fd);
	close(s->signals.fd);
	loop_free(s->loop);
	config_delete(s->config);
}

/* The same process, the same port and socket, the new tag. */
static void reexec(char **argv, uint32_t port, const char *socket, const char *tag)
{
	char port_text[16];
	_cleanup_free_ char *copy = strdup(tag);

	snprintf(port_text, sizeof(port_text), "%u", port);
	char *args[] = {argv[0], "-port",   port_text,
			"-tag",	 copy,	    "-frequency",
			"0",	 "-socket", (char *)(uintptr_t)socket,
			NULL};
	/* Signals stay blocked: one that comes now waits for the next program's signalfd. */
	execv("/proc/self/exe", args);
	perror("grpc_serve: exec");
}

int main(int argc, char **argv)
{
	struct server s = {.ready = true, .records = 1000, .lock = PTHREAD_MUTEX_INITIALIZER};
	uint32_t port = 0, stream_bytes = 4 << 20, total_bytes = 128 << 20;
	int64_t frequency = NS_PER_SEC;
	const char *tag = "", *socket = getenv("XTCP_GRPC_SOCKET"), *admins = "", *readers = "";
	const struct flag flags[] = {
	    {"port", FLAG_U32, &port, "0 takes any"},
	    {"records", FLAG_U32, &s.records, "records of one poll"},
	    {"frequency", FLAG_DURATION, &frequency, "poll this often; 0 only when asked to"},
	    {"streamBytes", FLAG_U32, &stream_bytes, "bound of what waits for one client"},
	    {"totalBytes", FLAG_U32, &total_bytes, "bound of what waits for all clients"},
	    {"tag", FLAG_STRING, &tag, "tag in the records"},
	    {"socket", FLAG_STRING, &socket, "UNIX socket; XTCP_GRPC_SOCKET where it is not given"},
	    {"admins", FLAG_STRING, &admins, "groups that may control it over the socket"},
	    {"readers", FLAG_STRING, &readers, "groups that may read over the socket"},
	    {0},
	};
	char error[256];

	socket = socket ? socket : "";
	flags_parse(flags, argc, argv, "serves gRPC with made-up polls");
	setlinebuf(stdout);
	log_init(LOG_LEVEL_INFO);
	pthread_cond_init(&s.wake, NULL);
	s.loop = loop_new();
	s.config = calloc(1, sizeof(*s.config));
	if (!s.loop || !s.config || config_init(s.config) < 0 || watches_open(&s) < 0) {
		perror("grpc_serve");
		return 1;
	}
	if (config_set(s.config, option_find("tag"), tag, error, sizeof(error)) < 0) {
		fprintf(stderr, "grpc_serve: %s\n", error);
		return 2;
	}
	if (frequency > 0) {
		s.config->frequency_ns = frequency;
		s.config->timeout_ns = frequency / 2;
	}
	s.ticking = frequency > 0;
	struct grpc_server_options options = {
	    .listen = "127.0.0.1",
	    .port = (uint16_t)port,
	    .socket = socket,
	    .socket_needed = true,
	    .stream_bytes = stream_bytes,
	    .total_bytes = total_bytes,
	    .admins = admins,
	    .readers = readers,
	};
	int r = serve(&s, &options);
	struct config *next = s.next;
	server_free(&s);
	if (next) {
		reexec(argv, port, socket, next->tag);
		r = 1;
	}
	config_delete(next);
	return r;
}
