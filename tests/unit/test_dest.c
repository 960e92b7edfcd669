/* SPDX-License-Identifier: MIT */
/* The queue, the pool, the ledger, and the destinations that need no peer. */
#include "dest_fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "dest/queue.h"
#include "dest/state.h"
#include "record/encoder.h"

static int setup(void **state)
{
	stats_reset();
	return 0;
}

static char *read_file(const char *path, size_t *len)
{
	_cleanup_fclose_ FILE *f = fopen(path, "r");
	static char data[1 << 20];

	assert_non_null(f);
	*len = fread(data, 1, sizeof(data) - 1, f);
	data[*len] = '\0';
	return data;
}

static void a_bad_spec_gets_a_sentence(void **state)
{
	static const struct {
		const char *spec, *says;
	} bad[] = {
	    {"", "possible are null, stdout"},
	    {"nosuch:x", "unknown scheme"},
	    {"file", "has no path; expected file:PATH"},
	    {"file:", "has no path"},
	    {"null:x", "takes no address"},
	    {"stdout:x", "takes no address"},
	    {"files:/tmp/x", "unknown scheme"},
	    {":", "unknown scheme"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char error[512] = "";
		struct dest *d = dest_new(bad[i].spec, &(struct dest_config){0}, error, sizeof(error));
		assert_null(d);
		if (!strstr(error, bad[i].says))
			fail_msg("%s: \"%s\" does not say \"%s\"", bad[i].spec, error, bad[i].says);
		for (const struct dest_scheme *s = dest_table; strstr(bad[i].says, "scheme") && s->scheme;
		     s++)
			assert_non_null(strstr(error, s->syntax));
		assert_null(strchr(error, '\n'));
	}
	char tiny[10];
	assert_null(dest_new("nosuch:x", &(struct dest_config){0}, tiny, sizeof(tiny)));
	assert_int_equal(strlen(tiny), sizeof(tiny) - 1);
}

static void null_takes_everything(void **state)
{
	struct dest *d = dest_of("null", &(struct dest_config){0});

	for (int i = 0; i < 1000; i++)
		submit(d, i, 100, 3);
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_ledger(3000, 0, 0, 0);
	assert_int_equal(stat_get(STAT_DEST_SENT_BYTES), 100000);
	assert_int_equal(stat_get(STAT_DEST_SENT_ENVELOPES), 1000);
	assert_int_equal(stat_get(STAT_DEST_QUEUE_BYTES), 0);
	dest_free(d);
}

static void an_envelope_without_records_is_not_sent(void **state)
{
	struct dest *d = dest_of("null", &(struct dest_config){0});

	dest_submit(d, dest_envelope_get(d));
	dest_envelope_put(d, dest_envelope_get(d));
	dest_envelope_put(d, NULL);
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_int_equal(stat_get(STAT_ENVELOPES), 0);
	dest_free(d);
}

static void the_oldest_is_dropped_when_the_queue_is_full(void **state)
{
	char path[] = "/tmp/xtcp2-test-dest-XXXXXX", spec[64], error[512];
	struct dest_config config = {.queue_bytes = 1000};
	size_t len;

	close(mkstemp(path));
	snprintf(spec, sizeof(spec), "file:%s", path);
	struct dest *d = dest_new(spec, &config, error, sizeof(error));
	assert_non_null(d);
	for (int i = 0; i < 25; i++)
		submit(d, i, 100, 2); /* ten of them fit */
	assert_int_equal(stat_get(STAT_RECORDS_QUEUE_FULL), 30);
	assert_int_equal(stat_get(STAT_DEST_DROPPED_BYTES), 1500);
	assert_int_equal(stat_get(STAT_DEST_QUEUE_BYTES), 1000);
	assert_int_equal(stat_get(STAT_DEST_QUEUE_ENVELOPES), 10);
	submit(d, 99, 1001, 5); /* never fits: only it is dropped */
	assert_int_equal(stat_get(STAT_DEST_QUEUE_BYTES), 1000);
	for (int i = 40; i < 55; i++)
		submit(d, i, 100, 2);
	assert_int_equal(dest_start(d), 0);
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_ledger(20, 65, 0, 0);
	const char *data = read_file(path, &len);
	assert_int_equal(len, 1000);
	for (int i = 0; i < 10; i++)
		assert_int_equal(atoi(data + i * 100), 45 + i);
	dest_free(d);
	unlink(path);
}

static void what_the_deadline_leaves_behind_is_counted(void **state)
{
	struct dest *d = dest_of("file:/nonexistent/xtcp2", &(struct dest_config){0});

	for (int i = 0; i < 7; i++)
		submit(d, i, 50, 3);
	wait_for(stat_get(STAT_DEST_ERRORS) >= 2);
	assert_false(dest_healthy(d));
	assert_int_equal(dest_stop(d, seconds_from_now(0.05)), 7);
	submit(d, 8, 50, 3); /* too late, but counted */
	assert_ledger(0, 0, 0, 24);
	assert_int_equal(stat_get(STAT_DEST_DROPPED_BYTES), 400);
	dest_free(d);
}

static void a_destination_that_never_started_counts_too(void **state)
{
	char error[512];
	struct dest *d = dest_new("null", &(struct dest_config){0}, error, sizeof(error));

	submit(d, 1, 50, 3);
	dest_free(d);
	assert_ledger(0, 0, 0, 3);
	dest_free(NULL);
}

static void the_pool_is_bounded(void **state)
{
	struct envelope_pool pool;
	struct envelope *taken[ENVELOPE_POOL_COUNT * 2];

	assert_int_equal(envelope_pool_init(&pool), 0);
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		taken[i] = envelope_pool_get(&pool);
		buf_printf(&taken[i]->body, "%*d", i % 2 ? 1 << 20 : 10, 1);
		taken[i]->rows = 4;
	}
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		envelope_pool_put(&pool, taken[i]);
		assert_true(pool.count <= ENVELOPE_POOL_COUNT && pool.bytes <= ENVELOPE_POOL_BYTES);
	}
	assert_true(pool.count > 0);
	struct envelope *e = envelope_pool_get(&pool);
	assert_true(e->rows == 0 && e->body.len == 0 && e->next == NULL);
	buf_reserve(&e->body, ENVELOPE_POOL_BODY_BYTES + 1);
	size_t count = pool.count;
	envelope_pool_put(&pool, e); /* too large for the pool */
	assert_int_equal(pool.count, count);
	envelope_pool_destroy(&pool);
}

static void a_file_holds_whole_envelopes_only(void **state)
{
	char path[] = "/tmp/xtcp2-test-dest-XXXXXX", spec[64];
	struct rlimit old, limit;
	struct stat st;

	close(mkstemp(path));
	snprintf(spec, sizeof(spec), "file:%s", path);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	limit = old;
	limit.rlim_cur = 2500; /* as a full disk: the third envelope is cut in the middle */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	struct dest *d = dest_of(spec, &(struct dest_config){0});
	for (int i = 0; i < 5; i++)
		submit(d, i, 1000, 1);
	wait_for(stat_get(STAT_DEST_ERRORS) >= 1);
	wait_for(!dest_healthy(d));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 2000);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0); /* space is back */
	wait_for(stat_get(STAT_DEST_SENT_RECORDS) == 5);
	assert_true(dest_healthy(d));
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_ledger(5, 0, 0, 0);
	size_t len;
	const char *data = read_file(path, &len);
	assert_int_equal(len, 5000);
	for (int i = 0; i < 5; i++)
		assert_int_equal(atoi(data + i * 1000), i);
	dest_free(d);
	unlink(path);
}

static void a_renamed_file_is_made_anew(void **state)
{
	char path[] = "/tmp/xtcp2-test-dest-XXXXXX", spec[64], other[64];
	size_t len;

	close(mkstemp(path));
	snprintf(spec, sizeof(spec), "file:%s", path);
	snprintf(other, sizeof(other), "%s.1", path);
	struct dest *d = dest_of(spec, &(struct dest_config){0});
	submit(d, 1, 10, 1);
	wait_for(stat_get(STAT_DEST_SENT_RECORDS) == 1);
	assert_int_equal(rename(path, other), 0);
	submit(d, 2, 10, 1);
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_string_equal(read_file(path, &len), "00000002.\n");
	assert_string_equal(read_file(other, &len), "00000001.\n");
	dest_free(d);
	unlink(path);
	unlink(other);
}

/* An envelope of records [first, end) as a worker makes it. */
static struct envelope *encoded(struct dest *d, const struct encoder_ops *ops, int first, int end)
{
	struct envelope *e = dest_envelope_get(d);
	struct encoder encoder = {.ops = ops};
	static struct record r;

	r.sections = RECORD_HAS(META);
	r.hostname = str_of("a host, with a comma");
	ops->begin(&encoder, &e->body);
	e->header = ops->header ? e->body.len : 0;
	for (int i = first; i < end; i++) {
		uint32_t at = e->body.len;
		buf_append(&e->cuts, &at, sizeof(at));
		r.record_counter = i;
		ops->row(&encoder, &e->body, &r);
	}
	e->rows = end - first;
	e->rows_end = e->body.len;
	ops->end(&encoder, &e->body);
	return e;
}

static void assert_same(struct dest *d, struct envelope *got, struct envelope *want)
{
	assert_int_equal(got->body.len, want->body.len);
	assert_memory_equal(got->body.data, want->body.data, want->body.len);
	assert_int_equal(got->rows, want->rows);
	assert_int_equal(got->header, want->header);
	dest_envelope_put(d, got);
	dest_envelope_put(d, want);
}

/* The halves of an envelope are what the encoder would have made of half of the records. */
static void an_envelope_of_any_format_is_cut_in_two(void **state)
{
	static const int sizes[] = {2, 3, 7, 100, 1000}; /* with lengths of one to three bytes */

	for (const struct encoder_ops *ops = encoder_table; ops->name; ops++) {
		if (ops->rows) /* gathered, not sent */
			continue;
		struct dest *d = dest_of("null", &(struct dest_config){.encoder = ops});
		struct envelope *halves[2], *quarters[2];

		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			int n = sizes[i];
			assert_int_equal(dest_split(d, encoded(d, ops, 0, n), halves), 0);
			assert_same(d, halves[0], encoded(d, ops, 0, n / 2));
			/* And halves of halves. */
			if (n - n / 2 < 2) {
				assert_true(dest_split(d, halves[1], quarters) < 0);
				assert_same(d, halves[1], encoded(d, ops, n / 2, n));
				continue;
			}
			int middle = n / 2 + (n - n / 2) / 2;
			assert_int_equal(dest_split(d, halves[1], quarters), 0);
			assert_same(d, quarters[0], encoded(d, ops, n / 2, middle));
			assert_same(d, quarters[1], encoded(d, ops, middle, n));
		}
		dest_free(d);
	}
}

/* Replace stdout by the write end of a new pipe. Return the read end. */
static int pipe_as_stdout(int *saved)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	fflush(stdout);
	*saved = dup(STDOUT_FILENO);
	dup2(fds[1], STDOUT_FILENO);
	close(fds[1]);
	return fds[0];
}

static void stdout_without_reader_ends(void **state)
{
	int saved, in = pipe_as_stdout(&saved);
	struct dest *d = dest_of("stdout", &(struct dest_config){0});
	struct pollfd p = {.fd = dest_ended_fd(d), .events = POLLIN};
	char text[11] = "";

	submit(d, 1, 10, 1);
	ssize_t n = read(in, text, 10);
	int early = poll(&p, 1, 0);
	close(in); /* noticed while idle, without a send */
	int ended = poll(&p, 1, PATIENCE_NS / NS_PER_MS);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	assert_int_equal(n, 10);
	assert_string_equal(text, "00000001.\n");
	assert_int_equal(early, 0);
	assert_int_equal(ended, 1);
	submit(d, 2, 10, 1);
	dest_stop(d, seconds_from_now(30));
	assert_ledger(1, 0, 1, 0);
	assert_false(dest_healthy(d));
	dest_free(d);
}

static void a_reader_that_stands_still_does_not_hold_the_stop(void **state)
{
	int saved, in = pipe_as_stdout(&saved);
	struct dest *d = dest_of("stdout", &(struct dest_config){0});

	submit(d, 1, 300000, 1); /* a pipe holds 64 KiB */
	submit(d, 2, 300000, 2);
	wait_for(poll(&(struct pollfd){.fd = in, .events = POLLIN}, 1, 0) == 1);
	int64_t begin = clock_mono_ns();
	size_t left = dest_stop(d, seconds_from_now(0.1));
	int64_t took = clock_mono_ns() - begin;
	dup2(saved, STDOUT_FILENO);
	close(saved);
	assert_int_equal(left, 2);
	assert_true(took < 1 * NS_PER_SEC);
	assert_ledger(0, 0, 0, 3);
	dest_free(d);
	close(in);
}

static void copies_of_the_first_envelopes_are_kept(void **state)
{
	char dir[] = "/tmp/xtcp2-test-dest-XXXXXX", path[96];
	size_t len;

	assert_non_null(mkdtemp(dir));
	struct dest *d = dest_of("null", &(struct dest_config){.write_files = 2, .capture_path = dir});
	for (int i = 1; i <= 3; i++) {
		submit(d, i, 10, 1);
		wait_for(stat_get(STAT_DEST_SENT_RECORDS) ==
			 (uint64_t)i); /* so that the pool returns the same one */
	}
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	dest_free(d);
	for (int i = 1; i <= 2; i++) {
		char want[16];
		snprintf(path, sizeof(path), "%s/xtcp2-envelope-%06d.bin", dir, i);
		snprintf(want, sizeof(want), "%08d.\n", i);
		assert_string_equal(read_file(path, &len), want);
		unlink(path);
	}
	assert_int_equal(stat_get(STAT_CAPTURE_FILES), 2);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_bad_spec_gets_a_sentence, setup),
	    cmocka_unit_test_setup(null_takes_everything, setup),
	    cmocka_unit_test_setup(an_envelope_without_records_is_not_sent, setup),
	    cmocka_unit_test_setup(the_oldest_is_dropped_when_the_queue_is_full, setup),
	    cmocka_unit_test_setup(what_the_deadline_leaves_behind_is_counted, setup),
	    cmocka_unit_test_setup(a_destination_that_never_started_counts_too, setup),
	    cmocka_unit_test_setup(the_pool_is_bounded, setup),
	    cmocka_unit_test_setup(a_file_holds_whole_envelopes_only, setup),
	    cmocka_unit_test_setup(a_renamed_file_is_made_anew, setup),
	    cmocka_unit_test_setup(an_envelope_of_any_format_is_cut_in_two, setup),
	    cmocka_unit_test_setup(stdout_without_reader_ends, setup),
	    cmocka_unit_test_setup(a_reader_that_stands_still_does_not_hold_the_stop, setup),
	    cmocka_unit_test_setup(copies_of_the_first_envelopes_are_kept, setup),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("dest", tests, NULL, NULL);
}
