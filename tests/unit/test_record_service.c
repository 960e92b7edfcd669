/* SPDX-License-Identifier: MIT */
/*
 * The time at which records of a worker reach a stream: a server and a client on one
 * loop, with the test in the place of the worker. Also the pool of their chunks.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "api/grpc_server.h"
#include "base/clock.h"
#include "base/log.h"
#include "client/grpc_target.h"
#include "config/config.h"
#include "grpc/grpc_chunk.h"
#include "loop_rounds.h"
#include "poll/poll.h"
#include "stats/stats.h"
#include "xtcp_flat_record/v1/xtcp_flat_record.pb-c.h"

#define STREAM_BYTES 65536
#define LIST_BYTES   65536 /* of the hand-over: a quarter of the next */
#define TOTAL_BYTES  (4 * LIST_BYTES)
#define PATIENCE_NS  (10 * NS_PER_SEC)

static struct rig {
	struct loop_rounds rounds;
	struct config config;
	struct grpc_server *server;
	struct grpc_client *client;
	struct grpc_client_call call;
	struct poll_tap *tap;
	uint64_t records;
	bool done;
} rig;

/* The parts of the daemon that a stream of records needs. */

static const struct config *get_config(void *data)
{
	return &rig.config;
}

static void set_tap(void *data, struct poll_tap *tap)
{
	rig.tap = tap;
}

static bool ready(void *data, struct buf *why)
{
	return true;
}

static const struct grpc_backend backend = {.config = get_config, .set_tap = set_tap, .ready = ready};

/* The client */

static void on_message(struct grpc_client_call *call, struct str message)
{
	/* field 1 of FlatRecordsResponse, and in it the field "tag" of one letter */
	assert_int_equal(message.len, 6);
	assert_memory_equal(message.p, ((const uint8_t[]){0x0a, 4, 0x9a, 0x03, 1, 'x'}), 6);
	rig.records++;
}

static void on_done(struct grpc_client_call *call)
{
	rig.done = true;
}

static void round_of_loop(void)
{
	loop_rounds_run(&rig.rounds);
}

#define WAIT_FOR(condition_)                                                    \
	do {                                                                    \
		int64_t until = clock_mono_ns() + PATIENCE_NS;                  \
		while (!(condition_)) {                                         \
			if (clock_mono_ns() > until)                            \
				fail_msg("waited in vain for %s", #condition_); \
			round_of_loop();                                        \
		}                                                               \
	} while (0)

static int setup(void **state)
{
	const struct grpc_server_options options = {
	    .listen = "127.0.0.1", .stream_bytes = STREAM_BYTES, .total_bytes = TOTAL_BYTES};
	XtcpFlatRecord__V1__FlatRecordsRequest request = XTCP_FLAT_RECORD__V1__FLAT_RECORDS_REQUEST__INIT;
	char error[200];

	rig = (struct rig){0};
	log_init(LOG_LEVEL_ERR);
	if (!loop_rounds_begin(&rig.rounds) || config_init(&rig.config) < 0)
		return -1;
	rig.server = grpc_server_new(rig.rounds.loop, &backend, &options, error, sizeof(error));
	if (!rig.server)
		return -1;
	struct grpc_target target = GRPC_TARGET_INIT;
	target.host = "127.0.0.1";
	target.port = h2_server_port(grpc_server_transport(rig.server));
	rig.client = grpc_target_client(rig.rounds.loop, &target, error, sizeof(error));
	rig.call = (struct grpc_client_call){.path = "/xtcp_flat_record.v1.XTCPFlatRecordService/FlatRecords",
					     .trailer = "xtcp2-missed-records",
					     .message = on_message,
					     .done = on_done};
	if (!rig.client || grpc_client_start(rig.client, &rig.call) < 0)
		return -1;
	grpc_client_send(&rig.call, &request.base, true);
	WAIT_FOR(rig.tap);
	return 0;
}

/* A client of bare frames, which reads only when the test reads. */

#define RECORDS_PATH "/xtcp_flat_record.v1.XTCPFlatRecordService/FlatRecords"
#define MESSAGE	     11	 /* bytes of a record with gRPC's prefix */
#define BARE_WINDOW  100 /* nine messages, and the first byte of the next */

static void frame_put(struct buf *b, uint8_t type, uint8_t flags, uint8_t stream, const struct buf *payload)
{
	const uint8_t head[] = {0, 0, (uint8_t)payload->len, type, flags, 0, 0, 0, stream};

	buf_append(b, head, sizeof(head));
	buf_append(b, payload->data, payload->len);
}

/* Open a FlatRecords stream whose window has room for BARE_WINDOW bytes. */
static int bare_client(void)
{
	_cleanup_buf_ struct buf all = {0}, payload = {0};
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(h2_server_port(grpc_server_transport(rig.server))),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	buf_str(&all, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	buf_append(&payload, (const uint8_t[]){0, 4, 0, 0, 0, BARE_WINDOW}, 6);
	frame_put(&all, 4, 0, 0, &payload);
	/* :method POST, :scheme http, :authority, :path, content-type */
	buf_reset(&payload);
	buf_append(&payload, (const uint8_t[]){0x83, 0x86, 1, 1, 'a', 4, sizeof(RECORDS_PATH) - 1}, 7);
	buf_str(&payload, RECORDS_PATH);
	buf_append(&payload, (const uint8_t[]){0x0f, 0x10, 16}, 3);
	buf_str(&payload, "application/grpc");
	frame_put(&all, 1, 4, 1, &payload);
	buf_reset(&payload);
	buf_append(&payload, (const uint8_t[GRPC_PREFIX]){0}, GRPC_PREFIX);
	frame_put(&all, 0, 1, 1, &payload);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(send(fd, all.data, all.len, 0), all.len);
	return fd;
}

static void bare_window(int fd, uint32_t bytes)
{
	_cleanup_buf_ struct buf all = {0}, payload = {0};
	uint32_t increment = htonl(bytes);

	buf_append(&payload, &increment, sizeof(increment));
	frame_put(&all, 8, 0, 1, &payload);
	assert_int_equal(send(fd, all.data, all.len, 0), all.len);
}

/* Append the received bytes to `in` and move complete DATA frames to `data`. */
static void bare_read(int fd, struct buf *in, struct buf *data)
{
	uint8_t part[65536];
	ssize_t n = recv(fd, part, sizeof(part), MSG_DONTWAIT);

	if (n > 0)
		buf_append(in, part, (size_t)n);
	while (in->len >= 9) {
		size_t size = (size_t)in->data[0] << 16 | (size_t)in->data[1] << 8 | in->data[2];
		if (in->len < 9 + size)
			return;
		if (in->data[3] == 0)
			buf_append(data, in->data + 9, size);
		buf_consume(in, 9 + size);
	}
}

static int teardown(void **state)
{
	grpc_client_free(rig.client);
	grpc_server_free(rig.server, 0);
	loop_rounds_end(&rig.rounds);
	config_free(&rig.config);
	return 0;
}

/* Hand over `rows` rows of an Envelope, as a worker does. */
#define ROW_BYTES 6
static void hand_over(uint32_t rows)
{
	uint8_t data[STREAM_BYTES], *p = data;

	assert_true(rows <= sizeof(data) / ROW_BYTES);
	for (uint32_t i = 0; i < rows; i++, p += ROW_BYTES)
		memcpy(p, ((const uint8_t[]){0x52, 4, 0x9a, 0x03, 1, 'x'}), ROW_BYTES);
	rig.tap->batch(rig.tap, data, (size_t)rows * ROW_BYTES, rows);
}

/* Tests */

static void records_come_after_the_poll(void **state)
{
	hand_over(3);
	round_of_loop();
	round_of_loop();
	assert_int_equal(rig.records, 0);
	grpc_server_poll_done(rig.server);
	WAIT_FOR(rig.records == 3);
}

static void records_of_a_long_poll_do_not_wait_for_its_end(void **state)
{
	int64_t start = clock_mono_ns();
	uint64_t given = 0;

	/* A long interval: the list does not fill up before. */
	while (rig.records == 0 && given < 1000) {
		hand_over(1);
		given++;
		for (int i = 0; i < 16 && rig.records == 0; i++)
			round_of_loop();
	}
	int64_t waited = clock_mono_ns() - start;
	assert_true(rig.records > 0);
	assert_true(waited >= 100 * NS_PER_MS);
	assert_true(waited < 5 * NS_PER_SEC);
}

static void a_list_half_full_goes_out(void **state)
{
	hand_over(LIST_BYTES / 2 / MESSAGE + 1);
	WAIT_FOR(rig.records == LIST_BYTES / 2 / MESSAGE + 1);
}

static void between_polls_records_hurry(void **state)
{
	hand_over(1);
	rig.tap->hurry(rig.tap);
	WAIT_FOR(rig.records == 1);
}

static void what_finds_the_list_full_is_counted_and_told(void **state)
{
	hand_over(4000);
	hand_over(4000); /* 88,000 bytes: beyond the list */
	grpc_server_poll_done(rig.server);
	WAIT_FOR(rig.records == 4000);
	grpc_server_free(rig.server, 1000);
	rig.server = NULL;
	WAIT_FOR(rig.done);
	assert_string_equal(rig.call.trailer_value, "4000");
	assert_int_equal(rig.call.code, GRPC_UNAVAILABLE);
}

/* Streams that do not read share one budget, and take nothing from those that read. */
static void who_does_not_read_loses_the_oldest(void **state)
{
	_cleanup_buf_ struct buf in = {0}, data = {0};
	const uint32_t rows = 2000, chunk = rows * MESSAGE;
	int fds[6];
	uint64_t given = 0, missed = stat_get(STAT_GRPC_MISSED);

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		/* One after another: without a common budget each would hold different records. */
		uint64_t calls = stat_get(STAT_GRPC_STREAMS);
		fds[i] = bare_client();
		WAIT_FOR(stat_get(STAT_GRPC_STREAMS) == calls + 1);
		for (int n = 0; n < 4; n++, given += rows) {
			hand_over(rows);
			grpc_server_poll_done(rig.server);
			WAIT_FOR(rig.records == given + rows);
			assert_true(stat_get(STAT_GRPC_WAITING_BYTES) <= TOTAL_BYTES - LIST_BYTES);
		}
	}
	assert_true(stat_get(STAT_GRPC_WAITING_BYTES) > chunk);
	assert_true(stat_get(STAT_GRPC_MISSED) > missed);

	/* The first lost the rest of a chunk behind the message that was on its way, and goes on with whole
	 * ones. */
	for (size_t i = 1; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	WAIT_FOR((bare_read(fds[0], &in, &data), data.len == BARE_WINDOW));
	bare_window(fds[0], 1 << 20);
	WAIT_FOR((bare_read(fds[0], &in, &data), stat_get(STAT_GRPC_WAITING_BYTES) == 0));
	WAIT_FOR((bare_read(fds[0], &in, &data), data.len % MESSAGE == 0));
	assert_true(data.len > BARE_WINDOW && data.len <= STREAM_BYTES + MESSAGE);
	for (size_t at = 0; at < data.len; at += MESSAGE)
		assert_memory_equal(data.data + at,
				    ((const uint8_t[]){0, 0, 0, 0, 6, 0x0a, 4, 0x9a, 0x03, 1, 'x'}), MESSAGE);
	close(fds[0]);
}

static void the_tap_goes_with_the_last_stream(void **state)
{
	hand_over(3);
	grpc_client_free(rig.client);
	rig.client = NULL;
	WAIT_FOR(!rig.tap);
}

static void a_pool_gives_again_what_it_got(void **state)
{
	struct grpc_chunk_pool pool;

	assert_int_equal(grpc_chunk_pool_init(&pool), 0);
	struct grpc_chunk *first = grpc_chunk_new(&pool, 30000, 100);
	size_t room = first->cap;
	grpc_chunk_unref(first);
	assert_int_equal(pool.bytes, 0); /* nothing is kept by default */

	grpc_chunk_pool_keep(&pool, 2 * room);
	struct grpc_chunk *chunks[3];
	for (size_t i = 0; i < ARRAY_SIZE(chunks); i++)
		chunks[i] = grpc_chunk_new(&pool, 30000, 100);
	for (size_t i = 0; i < ARRAY_SIZE(chunks); i++)
		grpc_chunk_unref(chunks[i]);
	assert_int_equal(pool.bytes, 2 * room);

	struct grpc_chunk *again = grpc_chunk_new(&pool, 20000, 7);
	assert_ptr_equal(again, chunks[1]); /* the last that it kept */
	assert_int_equal(again->len, 20000);
	assert_int_equal(again->messages, 7);
	assert_int_equal(again->refs, 1);
	struct grpc_chunk *larger =
	    grpc_chunk_new(&pool, room + 1, 1); /* the kept one is too small for it and is freed */
	assert_true(larger->cap > room);
	assert_int_equal(pool.bytes, 0);
	grpc_chunk_unref(larger);
	assert_true(pool.bytes > room);
	grpc_chunk_pool_keep(&pool, 0);
	assert_int_equal(pool.bytes, 0);
	grpc_chunk_unref(again);
	grpc_chunk_pool_destroy(&pool);
}

#define RIGGED(test_) cmocka_unit_test_setup_teardown(test_, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    RIGGED(records_come_after_the_poll),
	    RIGGED(records_of_a_long_poll_do_not_wait_for_its_end),
	    RIGGED(a_list_half_full_goes_out),
	    RIGGED(between_polls_records_hurry),
	    RIGGED(what_finds_the_list_full_is_counted_and_told),
	    RIGGED(who_does_not_read_loses_the_oldest),
	    RIGGED(the_tap_goes_with_the_last_stream),
	    cmocka_unit_test(a_pool_gives_again_what_it_got),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
