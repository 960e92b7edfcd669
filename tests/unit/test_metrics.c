/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "api/exposition.h"
#include "api/metrics.h"
#include "record/record.h"
#include "stats/stats.h"
#include "tally/tally.h"

/* More families than the table has rows. */
#define FAMILIES_MAX (STAT_MAX_ + 32)

/* Copy the metric name at the beginning of a line. */
static void name_of(const char *line, char name[static 128])
{
	size_t n = strcspn(line, "{ ");
	assert_true(n >= 1 && n <= 127);
	snprintf(name, 128, "%.*s", (int)n, line);
}

/* The parts of the format that scrapers rely on: HELP, TYPE, then the samples, each family once. */
static void families_stand_together(void **state)
{
	_cleanup_buf_ struct buf b = {0};
	char families[FAMILIES_MAX][128];
	size_t count = 0, samples = 0;
	bool typed = false;

	metrics_render(&b, NULL, false);
	assert_non_null(buf_cstr(&b));
	assert_int_equal(b.data[b.len - 1], '\n');
	for (char *save, *line = strtok_r((char *)b.data, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char name[128];
		if (strncmp(line, "# HELP ", 7) == 0) {
			name_of(line + 7, name);
			for (size_t i = 0; i < count; i++)
				assert_string_not_equal(families[i], name);
			assert_true(count < FAMILIES_MAX);
			strcpy(families[count++], name);
			typed = false;
			continue;
		}
		assert_true(count > 0);
		if (strncmp(line, "# TYPE ", 7) == 0) {
			name_of(line + 7, name);
			assert_string_equal(name, families[count - 1]);
			assert_false(typed);
			typed = true;
			bool total = strlen(name) > 6 && strcmp(name + strlen(name) - 6, "_total") == 0;
			assert_int_equal(total, strstr(line, " counter") != NULL);
			continue;
		}
		name_of(line, name);
		assert_string_equal(name, families[count - 1]);
		assert_true(typed);
		char *end;
		const char *value = strrchr(line, ' ');
		assert_non_null(value);
		strtod(value, &end);
		assert_true(end > value && *end == '\0');
		samples++;
	}
	assert_true(samples > STAT_MAX_);
}

static void samples_are_unique(void **state)
{
	for (size_t i = 0; i < STAT_MAX_; i++) {
		const struct stat_info *a = &stat_table[i];
		for (size_t j = 0; j < i; j++) {
			const struct stat_info *b = &stat_table[j];
			if (strcmp(a->name, b->name) == 0)
				assert_string_not_equal(a->labels, b->labels);
			if (*a->function && strcmp(a->function, b->function) == 0)
				assert_string_not_equal(a->variable, b->variable);
		}
	}
}

static void assert_sample(const char *text, const char *sample)
{
	if (!strstr(text, sample))
		fail_msg("no sample %s", sample);
}

static void values_are_scaled_to_base_units(void **state)
{
	_cleanup_buf_ struct buf b = {0};

	stat_set(STAT_NL_MESSAGES, UINT64_MAX);
	stat_set(STAT_POLL_LAST_NS, 1500000001);
	stat_set(STAT_NETNS, 7);
	metrics_render(&b, NULL, false);
	const char *text = buf_cstr(&b);
	assert_sample(text, "\nxtcp2_netlink_messages_total 18446744073709551615\n");
	assert_sample(
	    text,
	    "\nxtcp_counts{function=\"Netlinker\",variable=\"p\",type=\"count\"} 18446744073709551615\n");
	assert_sample(text, "\nxtcp_counts{function=\"Destination\",variable=\"errors\",type=\"error\"} ");
	assert_sample(text, "\nxtcp2_poll_last_duration_seconds 1.500000001\n");
	assert_sample(text, "\nxtcp2_namespaces 7\n");
	assert_sample(text, "\nxtcp2_build_info{version=\"");
	stat_set(STAT_NL_MESSAGES, 0);
	stat_set(STAT_POLL_LAST_NS, 0);
	stat_set(STAT_NETNS, 0);
}

static void *read_to_end(void *fd)
{
	char byte;
	ssize_t n = read(*(int *)fd, &byte, 1);
	return n == 0 ? fd : NULL;
}

/* Return the value of a sample without labels. */
static double sample_value(const char *name)
{
	_cleanup_buf_ struct buf b = {0};
	char line[140];

	metrics_render(&b, NULL, false);
	snprintf(line, sizeof(line), "\n%s ", name);
	const char *at = strstr(buf_cstr(&b), line);
	if (!at)
		fail_msg("no sample %s", name);
	return strtod(at + strlen(line), NULL);
}

static void process_figures_are_this_process(void **state)
{
	/* An emulator's /proc/self/stat has no sizes. */
	if (getenv("XTCP2_EMULATED"))
		skip();
	double before = sample_value("process_open_fds");
	int fd = dup(STDERR_FILENO);
	assert_true(sample_value("process_open_fds") == before + 1);
	close(fd);
	assert_true(sample_value("process_open_fds") == before);
	assert_true(sample_value("process_max_fds") > before);
	assert_true(sample_value("process_resident_memory_bytes") > 100000);
	assert_true(sample_value("process_virtual_memory_bytes") >=
		    sample_value("process_resident_memory_bytes"));
	int pipe_fds[2];
	pthread_t first, second;
	assert_int_equal(pipe(pipe_fds), 0);
	/* With the first thread ThreadSanitizer starts one of its own. */
	assert_int_equal(pthread_create(&first, NULL, read_to_end, &pipe_fds[0]), 0);
	double threads = sample_value("process_threads");
	assert_int_equal(pthread_create(&second, NULL, read_to_end, &pipe_fds[0]), 0);
	assert_true(sample_value("process_threads") == threads + 1);
	close(pipe_fds[1]);
	pthread_join(first, NULL);
	pthread_join(second, NULL);
	close(pipe_fds[0]);
	/* The start time, in seconds since the epoch, is before now and within the last day. */
	double age = (double)time(NULL) - sample_value("process_start_time_seconds");
	assert_true(age > -2 && age < 86400);
}

/* A tally after a poll over two connections, one in a namespace with a name that has to be escaped. */
static struct tally *tally_of_a_poll(const char *labels)
{
	char error[256];
	struct tally *t = tally_new(&(struct tally_options){.labels = labels, .top = 5, .sockets = 1024},
				    error, sizeof(error));
	struct tally_part *p = tally_part_new(t);
	struct record r = {
	    .sections = RECORD_HAS(META) | RECORD_HAS(DIAG) | RECORD_HAS(TCP_INFO),
	    .netns = str_of("a \"b\"\\\n\xc3\xa9"),
	    .inet_diag_msg_state = TCP_ESTABLISHED,
	    .inet_diag_msg_socket_destination_port = 443,
	    .inet_diag_msg_socket_cookie = 1,
	    .tcp_info_rtt = 260,
	};

	tally_begin(t, 1);
	tally_add(p, &r, true);
	r.inet_diag_msg_socket_cookie = 2;
	r.tcp_info_rtt = 1500000;
	tally_add(p, &r, true);
	tally_end(t, true);
	return t;
}

static void sums_are_families(void **state)
{
	_cleanup_buf_ struct buf b = {0};
	struct tally *t = tally_of_a_poll("netns");

	metrics_render(&b, t, false);
	const char *text = buf_cstr(&b);
#define NETNS "netns=\"a \\\"b\\\"\\\\\\n\xc3\xa9\""
	assert_sample(text, "\n# TYPE xtcp2_tcp_sockets gauge\n");
	assert_sample(text, "\nxtcp2_tcp_sockets{" NETNS ",state=\"ESTABLISHED\"} 2\n");
	assert_sample(text, "\nxtcp2_tcp_sockets{netns=\"other\",state=\"ESTABLISHED\"} 0\n");
	assert_sample(
	    text,
	    "\n# TYPE xtcp2_tcp_sent_bytes_total counter\nxtcp2_tcp_sent_bytes_total{netns=\"other\"} 0\n");
	assert_sample(text, "\n# TYPE xtcp2_tcp_rtt_seconds histogram\n");
	assert_sample(text, "\nxtcp2_tcp_rtt_seconds_bucket{" NETNS ",le=\"0.00025\"} 0\n");
	assert_sample(text, "\nxtcp2_tcp_rtt_seconds_bucket{" NETNS ",le=\"0.0005\"} 1\n");
	assert_sample(text, "\nxtcp2_tcp_rtt_seconds_bucket{" NETNS ",le=\"1.0\"} 1\n");
	assert_sample(text, "\nxtcp2_tcp_rtt_seconds_bucket{" NETNS ",le=\"2.5\"} 2\n");
	assert_sample(text, "\nxtcp2_tcp_rtt_seconds_bucket{" NETNS ",le=\"+Inf\"} 2\n");
	assert_sample(text, "\nxtcp2_tcp_rtt_seconds_sum{" NETNS "} 1.500260000\n");
	assert_sample(text, "\nxtcp2_tcp_rtt_seconds_count{" NETNS "} 2\n");
	assert_null(strstr(text, "# EOF"));
	tally_free(t);

	/* Without labels one series each. */
	buf_reset(&b);
	t = tally_of_a_poll("none");
	metrics_render(&b, t, false);
	text = buf_cstr(&b);
	assert_sample(text, "\nxtcp2_tcp_sockets{state=\"ESTABLISHED\"} 2\n");
	assert_sample(text, "\nxtcp2_tcp_sent_bytes_total 0\n");
	tally_free(t);
}

static void openmetrics_names_families_without_suffixes(void **state)
{
	_cleanup_buf_ struct buf b = {0};
	struct tally *t = tally_of_a_poll("netns");

	metrics_render(&b, t, true);
	const char *text = buf_cstr(&b);
	assert_sample(text, "# TYPE xtcp2_polls counter\nxtcp2_polls_total ");
	assert_sample(
	    text,
	    "\n# TYPE xtcp2_tcp_sent_bytes counter\n# UNIT xtcp2_tcp_sent_bytes bytes\nxtcp2_tcp_sent_bytes_total{");
	assert_sample(text,
		      "\n# TYPE xtcp2_tcp_rtt_seconds histogram\n# UNIT xtcp2_tcp_rtt_seconds seconds\n");
	assert_sample(text, "\n# TYPE xtcp2_build info\nxtcp2_build_info{");
	assert_sample(text, "\n# TYPE xtcp_counts unknown\n");
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
	assert_null(strstr(strstr(text, "# EOF") + 1, "# EOF"));
	tally_free(t);
}

/* Prometheus writes a counter's family and a scraper of text sees its sample: the names in stats.def fit both. */
static void counters_end_in_total(void **state)
{
	for (size_t i = 0; i < STAT_MAX_; i++) {
		const char *name = stat_table[i].name, *end = name + strlen(name) - 6;
		assert_int_equal(strcmp(end, "_total") == 0, stat_table[i].kind == STAT_KIND_COUNTER);
		assert_null(strpbrk(stat_table[i].help, "\"\\\n"));
	}
	for (const struct tally_family *f = tally_families; f->name; f++) {
		assert_null(strstr(f->name, "_total"));
		assert_null(strpbrk(f->help, "\"\\\n"));
	}
}

static void the_header_accept_chooses(void **state)
{
	static const struct {
		const char *accept;
		bool openmetrics;
	} cases[] = {
	    {NULL, false},
	    {"", false},
	    {"*/*", false},
	    {"text/html,*/*;q=0.8", false},
	    {"application/openmetrics-text", true},
	    {"Application/OpenMetrics-Text; version=1.0.0", true},
	    {"application/openmetrics-text;version=\"1.0.0\"", true},
	    {"application/openmetrics-text;version=0.0.1", false},
	    {"application/openmetrics-text;q=0", false},
	    {"text/plain;q=0.5,application/openmetrics-text;q=0.4", false},
	    {"text/plain , application/openmetrics-text", true},
	    /* As Prometheus 2.42 and 3.5 ask. */
	    {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
	     "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
	     true},
	    {"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;"
	     "version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,"
	     "*/*;q=0.2",
	     true},
	    {",;,;=;q,q=;version", false},
	    {"application/openmetrics-text;;q=0.5;", true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (exposition_wants_openmetrics(cases[i].accept) != cases[i].openmetrics)
			fail_msg("Accept: %s", cases[i].accept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(families_stand_together),
	    cmocka_unit_test(samples_are_unique),
	    cmocka_unit_test(values_are_scaled_to_base_units),
	    cmocka_unit_test(process_figures_are_this_process),
	    cmocka_unit_test(sums_are_families),
	    cmocka_unit_test(openmetrics_names_families_without_suffixes),
	    cmocka_unit_test(counters_end_in_total),
	    cmocka_unit_test(the_header_accept_chooses),
	};
	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
