/* SPDX-License-Identifier: MIT */
/* The poll cycle with a source that invents records: these tests are about the cycle, not the kernel. */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/protowire.h"
#include "config/config.h"
#include "dest/dest.h"
#include "netns/netns.h"
#include "poll/poll.h"
#include "poll/shipper.h"
#include "record/wire_decode.h"
#include "stats/stats.h"

#define FAKE_COOKIE 4711

static struct {
	unsigned records;    /* records per dump */
	bool until_deadline; /* dump until the deadline, as a huge namespace would */
	ino_t ino;	     /* of the namespace to name records after; 0 for none */
	struct record named;
} fake;

struct source {
	unsigned worker;
};

static struct source *fake_create(const struct source_config *config, unsigned worker)
{
	struct source *s = calloc(1, sizeof(*s));
	s->worker = worker;
	return s;
}

static void fake_free(struct source *s)
{
	free(s);
}

static int fake_dump_all(struct source *s, struct netns_table *table, struct record *record,
			 struct record_sink *sink, int64_t deadline_ns, struct dump_result *result)
{
	record->sections = RECORD_HAS(META) | RECORD_HAS(DIAG);
	if (fake.ino) {
		struct netns *ns = netns_table_find_by_inode(table, fake.ino);
		assert_non_null(ns);
		ns->cookie = FAKE_COOKIE;
		assert_ptr_equal(netns_table_find_by_cookie(table, FAKE_COOKIE), ns);
		assert_null(netns_table_find_by_cookie(table, FAKE_COOKIE + 1));
		assert_null(netns_table_find_by_inode(table, fake.ino + 1));
		source_set_netns(record, ns);
		fake.named = *record;
	}
	for (unsigned i = 0; i < fake.records || fake.until_deadline; i++) {
		if (fake.until_deadline && clock_mono_ns() >= deadline_ns) {
			result->timed_out = true;
			break;
		}
		record->inet_diag_msg_socket_cookie = i;
		record->inet_diag_msg_socket_source_port = 1 + i % 65535;
		result->messages++;
		int r = sink->emit(sink, record);
		if (r < 0)
			return r;
	}
	return 0;
}

static const struct source_ops fake_source = {
    .create = fake_create, .free = fake_free, .dump_all = fake_dump_all};

/* The parts of a daemon with the fake source. */
struct rig {
	struct config config;
	struct source_config source;
	struct loop *loop;
	struct netns_table *table;
	struct dest *dest;
	struct poll *poll;
	struct poll_tap *tap;
	struct poll_result results[16];
	unsigned cycles, wanted;
};

static void on_done(void *data, const struct poll_result *result)
{
	struct rig *rig = data;

	rig->results[rig->cycles++] = *result;
	if (rig->cycles == rig->wanted)
		loop_stop(rig->loop);
}

static void set(struct rig *rig, const char *flag, const char *value)
{
	char error[256];
	assert_int_equal(config_set(&rig->config, option_find(flag), value, error, sizeof(error)), 0);
}

static int rig_setup(void **state)
{
	static const char *const nowhere[] = {NULL};
	struct rig *rig = calloc(1, sizeof(*rig));
	struct netns_options options = {.directories = nowhere, .own_only = true};

	*state = rig;
	log_init(LOG_LEVEL_ERR);
	memset(stat_cells, 0, sizeof(stat_cells));
	fake.records = 10;
	fake.until_deadline = false;
	fake.ino = 0;
	assert_int_equal(config_init(&rig->config), 0);
	set(rig, "dest", "null");
	set(rig, "marshal", "protobufList");
	set(rig, "frequency", "20ms");
	/* Far in the future: only the test of cut cycles reaches it, even on a busy machine. */
	set(rig, "timeout", "60s");
	rig->loop = loop_new();
	rig->table = netns_table_new(rig->loop, &options, NULL, NULL);
	assert_non_null(rig->table);
	return 0;
}

/* Run until `done` has counted `cycles` cycles. */
static void rig_run_until(struct rig *rig, unsigned cycles,
			  void (*done)(void *data, const struct poll_result *result))
{
	char error[256];
	struct dest_config dest = {.queue_bytes = 1 << 28,
				   .encoder = &encoder_table[0],
				   .send_timeout_ns = NS_PER_SEC,
				   .capture_path = ".",
				   .topic = "",
				   .kafka_compression = "auto"};

	rig->dest = dest_new(rig->config.dest, &dest, error, sizeof(error));
	assert_non_null(rig->dest);
	assert_int_equal(dest_start(rig->dest), 0);
	rig->poll = poll_new(rig->loop, &rig->config, &fake_source, &rig->source, rig->table, rig->dest);
	assert_non_null(rig->poll);
	poll_set_tap(rig->poll, rig->tap);
	rig->wanted = cycles;
	assert_int_equal(poll_start(rig->poll, true, done, rig), 0);
	assert_int_equal(loop_run(rig->loop), 0);
	assert_int_equal(dest_stop(rig->dest, clock_mono_ns() + 5 * NS_PER_SEC), 0);
}

static void rig_run(struct rig *rig, unsigned cycles)
{
	rig_run_until(rig, cycles, on_done);
}

static int rig_teardown(void **state)
{
	struct rig *rig = *state;

	poll_free(rig->poll);
	dest_free(rig->dest);
	netns_table_free(rig->table);
	loop_free(rig->loop);
	config_free(&rig->config);
	free(rig);
	return 0;
}

static void every_cycle_ships_every_record(void **state)
{
	struct rig *rig = *state;

	fake.records = 25000;
	set(rig, "envelopeFlushRows", "1000");
	rig_run(rig, 1);
	assert_int_equal(rig->results[0].records, 25000);
	assert_int_equal(rig->results[0].messages, 25000);
	assert_false(rig->results[0].cut);
	assert_int_equal(stat_get(STAT_ENVELOPES), 25);
	assert_int_equal(stat_get(STAT_DEST_SENT_RECORDS), 25000);
}

static void a_source_of_all_namespaces_names_its_records(void **state)
{
	struct rig *rig = *state;
	struct stat own;

	assert_int_equal(stat("/proc/self/ns/net", &own), 0);
	fake.ino = own.st_ino;
	rig_run(rig, 1);
	assert_int_equal(rig->results[0].records, 10);
	assert_int_equal(fake.named.netns.len, strlen("self"));
	assert_memory_equal(fake.named.netns.p, "self", strlen("self"));
	assert_int_equal(fake.named.netns_inode, own.st_ino);
	assert_int_equal(fake.named.netns_cookie, FAKE_COOKIE);
	assert_int_equal(fake.named.nsid, 0);
	assert_int_equal(fake.named.container_id.len, 0);
}

static void bytes_cut_envelopes_too(void **state)
{
	struct rig *rig = *state;

	fake.records = 1000;
	set(rig, "envelopeFlushBytes", "1000");
	rig_run(rig, 1);
	assert_int_equal(rig->results[0].records, 1000);
	assert_true(stat_get(STAT_ENVELOPES) > 10);
	assert_int_equal(stat_get(STAT_DEST_SENT_RECORDS), 1000);
}

/* Cookies of the records of each poll, by the destination's own bytes. */
static struct cookies {
	struct poll_tap tap;
	uint64_t polls[16][256], runs[16];
	unsigned count[16];
} cookies;

static void cookies_take(struct poll_tap *tap, const uint8_t *data, size_t len, uint32_t rows)
{
	struct protowire rest = protowire_of((struct str){(const char *)data, (uint32_t)len});
	struct protowire_field row;
	struct record r;

	while (protowire_next(&rest, &row)) {
		assert_int_equal(wire_decode(&r, row.bytes), 0);
		assert_true(r.poll >= 1 && r.poll <= 15);
		assert_true(cookies.count[r.poll] <= 255);
		cookies.runs[r.poll] = r.run_id;
		cookies.polls[r.poll][cookies.count[r.poll]++] = r.inet_diag_msg_socket_cookie;
	}
}

static void modulus_takes_the_same_sockets_in_each_poll(void **state)
{
	struct rig *rig = *state;

	memset(&cookies, 0, sizeof(cookies));
	cookies.tap.batch = cookies_take;
	rig->tap = &cookies.tap;
	fake.records = 1000;
	set(rig, "modulus", "10");
	rig_run(rig, 3);
	/* About one in ten, spread over sockets that were made one after the other. */
	assert_true(cookies.count[1] >= 70 && cookies.count[1] <= 130);
	for (unsigned poll = 2; poll <= 3; poll++) {
		assert_int_equal(cookies.count[poll], cookies.count[1]);
		assert_memory_equal(cookies.polls[poll], cookies.polls[1], sizeof(cookies.polls[1]));
		assert_int_equal(cookies.runs[poll], cookies.runs[1]);
	}
	assert_int_equal(stat_get(STAT_RECORDS), 3 * cookies.count[1]);
	assert_int_equal(stat_get(STAT_RECORDS_SAMPLED_OUT), 3000 - 3 * cookies.count[1]);
	/* The run is when the process began to count. */
	int64_t age_us = clock_real_ns() / 1000 - (int64_t)cookies.runs[1];
	assert_true(age_us >= 0 && age_us <= 60 * 1000000);
	poll_set_tap(rig->poll, NULL);
}

static void a_slow_cycle_is_cut_and_the_next_starts_clean(void **state)
{
	struct rig *rig = *state;

	fake.until_deadline = true;
	set(rig, "timeout", "10ms");
	rig_run(rig, 2);
	assert_true(rig->results[0].cut);
	assert_true(rig->results[1].cut);
	assert_int_equal(stat_get(STAT_POLL_CUT), 2);
	assert_true(rig->results[0].duration_ns >= 10 * NS_PER_MS);
	assert_int_equal(stat_get(STAT_RECORDS), rig->results[0].records + rig->results[1].records);
	assert_int_equal(stat_get(STAT_DEST_SENT_RECORDS), stat_get(STAT_RECORDS));
}

static void on_done_then_trigger(void *data, const struct poll_result *result)
{
	struct rig *rig = data;

	on_done(rig, result);
	if (rig->cycles < rig->wanted) {
		assert_int_equal(poll_trigger(rig->poll), 0);
		/* A trigger during a cycle causes one more cycle. */
		assert_int_equal(poll_trigger(rig->poll), -EBUSY);
	}
}

static void triggers_run_beside_the_timer(void **state)
{
	struct rig *rig = *state;

	set(rig, "frequency", "1h");
	rig->wanted = 1;
	rig_run(rig, 1);
	poll_free(rig->poll);
	dest_free(rig->dest);
	rig->cycles = 0;
	rig_run_until(rig, 4, on_done_then_trigger);
	assert_int_equal(rig->cycles, 4);
}

static void a_burst_runs_its_count(void **state)
{
	struct rig *rig = *state;
	set(rig, "frequency", "1h");
	rig_run(rig, 1);
	rig->wanted = 4;
	assert_int_equal(poll_burst(rig->poll, 3, 5 * NS_PER_MS), 0);
	/* A second one would take away what the first has promised. */
	assert_int_equal(poll_burst(rig->poll, 1, 5 * NS_PER_MS), -EBUSY);
	assert_int_equal(loop_run(rig->loop), 0);
	assert_int_equal(rig->cycles, 4);
	assert_int_equal(poll_burst(rig->poll, 1, 5 * NS_PER_MS), 0);
}

/* Each cycle lasts until its deadline, 20 intervals of the burst. */
static void a_burst_waits_for_slow_cycles(void **state)
{
	struct rig *rig = *state;

	set(rig, "frequency", "1h");
	set(rig, "timeout", "20ms");
	fake.until_deadline = true;
	rig_run(rig, 1);
	rig->wanted = 4;
	assert_int_equal(poll_burst(rig->poll, 3, NS_PER_MS), 0);
	assert_int_equal(loop_run(rig->loop), 0);
	assert_int_equal(rig->cycles, 4);
	assert_true(stat_get(STAT_POLL_LATE) > 0);
}

/* Of hosts that start together, each polls at a time of its own, from the first poll on. */
static void delays_at_random_cover_their_range(void **state)
{
	static const struct {
		int64_t frequency_ns;
		uint32_t pct;
		bool first;
		int64_t below;
	} rows[] = {
	    {10 * NS_PER_SEC, 20, true, 2 * NS_PER_SEC},      {10 * NS_PER_SEC, 20, false, 2 * NS_PER_SEC},
	    {10 * NS_PER_SEC, 100, false, 10 * NS_PER_SEC},   {3600 * NS_PER_SEC, 20, true, 30 * NS_PER_SEC},
	    {3600 * NS_PER_SEC, 20, false, 720 * NS_PER_SEC},
	};
	enum { HOSTS = 1000 };

	assert_int_equal(poll_delay_ns(10 * NS_PER_SEC, 0, true), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned tenths[10] = {0};
		for (int host = 0; host < HOSTS; host++) {
			int64_t delay = poll_delay_ns(rows[i].frequency_ns, rows[i].pct, rows[i].first);
			assert_true(delay >= 0 && delay < rows[i].below);
			tenths[delay / (rows[i].below / 10)]++;
		}
		/* A tenth of the range without one host of a thousand: once in 10^45 runs. */
		for (int t = 0; t < 10; t++)
			assert_true(tenths[t] > 0);
	}
}

/* The records that a tap has seen, numbered from 1 by their record_counter (field 60). */
struct seen {
	struct poll_tap tap;
	uint64_t rows, batches, out_of_order;
};

static uint64_t counter_of(struct str record)
{
	struct protowire r = protowire_of(record);
	struct protowire_field f;

	while (protowire_next(&r, &f))
		if (f.number == 60)
			return f.value;
	return 0;
}

static void see_batch(struct poll_tap *tap, const uint8_t *data, size_t len, uint32_t rows)
{
	struct seen *seen = (struct seen *)(void *)tap;
	struct protowire r = {data, data + len, false};
	struct protowire_field f;
	uint32_t found = 0;

	while (protowire_next(&r, &f) && f.type == PROTOWIRE_LEN) {
		found++;
		seen->out_of_order += counter_of(f.bytes) != ++seen->rows;
	}
	seen->out_of_order += r.bad || found != rows;
	seen->batches++;
}

static void see_hurry(struct poll_tap *tap)
{
}

/* Two cycles; envelopes are much smaller than a batch in the first run and larger in the second. */
static void a_tap_sees_each_record_once(struct rig *rig, const char *envelope_bytes)
{
	struct seen seen = {.tap = {see_batch, see_hurry}};

	rig->tap = &seen.tap;
	fake.records = 3000;
	set(rig, "envelopeFlushBytes", envelope_bytes);
	rig_run(rig, 2);
	assert_int_equal(seen.rows, 6000);
	assert_int_equal(seen.out_of_order, 0);
	assert_true(seen.batches > 4);
}

static void a_tap_reads_small_envelopes(void **state)
{
	a_tap_sees_each_record_once(*state, "1000");
}

static void a_tap_reads_large_envelopes(void **state)
{
	a_tap_sees_each_record_once(*state, "1000000");
}

static void a_tap_gets_wire_bytes_whatever_the_format(void **state)
{
	set(*state, "marshal", "csv");
	a_tap_sees_each_record_once(*state, "1000000");
}

/* A row that overflows a datagram is removed and begins the next one. */
static void a_tap_sees_rows_that_move_on_once(void **state)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(sin);
	char dest[32];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sin, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &size), 0);
	snprintf(dest, sizeof(dest), "udp:127.0.0.1:%d", ntohs(sin.sin_port));
	set(*state, "dest", dest);
	a_tap_sees_each_record_once(*state, "1000000");
	assert_true(stat_get(STAT_ENVELOPES) > 2);
	close(fd);
}

int main(void)
{
#define RIG_TEST(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
	    RIG_TEST(every_cycle_ships_every_record),
	    RIG_TEST(a_source_of_all_namespaces_names_its_records),
	    RIG_TEST(bytes_cut_envelopes_too),
	    RIG_TEST(modulus_takes_the_same_sockets_in_each_poll),
	    RIG_TEST(a_slow_cycle_is_cut_and_the_next_starts_clean),
	    RIG_TEST(triggers_run_beside_the_timer),
	    RIG_TEST(a_burst_runs_its_count),
	    RIG_TEST(a_burst_waits_for_slow_cycles),
	    cmocka_unit_test(delays_at_random_cover_their_range),
	    RIG_TEST(a_tap_reads_small_envelopes),
	    RIG_TEST(a_tap_reads_large_envelopes),
	    RIG_TEST(a_tap_gets_wire_bytes_whatever_the_format),
	    RIG_TEST(a_tap_sees_rows_that_move_on_once),
	};
	return cmocka_run_group_tests_name("poll", tests, NULL, NULL);
}
