/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "api/metrics.h"
#include "stats/stats.h"

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

	metrics_render(&b);
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
	metrics_render(&b);
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

	metrics_render(&b);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(families_stand_together),
	    cmocka_unit_test(samples_are_unique),
	    cmocka_unit_test(values_are_scaled_to_base_units),
	    cmocka_unit_test(process_figures_are_this_process),
	};
	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
