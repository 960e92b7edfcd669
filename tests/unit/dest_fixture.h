/* SPDX-License-Identifier: MIT */
#ifndef DEST_FIXTURE_H
#define DEST_FIXTURE_H
/* Helpers for tests of destinations: envelopes of known bytes, the ledger, waiting for a condition. */
#include "unit.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "dest/dest.h"
#include "record/encoder.h"
#include "stats/stats.h"

/* Longer than any condition takes in a passing test, even on a loaded machine under a sanitizer. */
#define PATIENCE_NS (30 * NS_PER_SEC)

/* Evaluate the condition until it holds; fail the test if it never does. */
#define wait_for(condition)                                                        \
	do {                                                                       \
		int64_t give_up_ = clock_mono_ns() + PATIENCE_NS;                  \
		while (!(condition)) {                                             \
			if (clock_mono_ns() > give_up_)                            \
				fail_msg("never came true: %s", #condition);       \
			nanosleep(&(struct timespec){.tv_nsec = NS_PER_MS}, NULL); \
		}                                                                  \
	} while (0)

/* Wait until fd is readable. Return false after the time limit. */
static inline bool readable(int fd)
{
	return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, PATIENCE_NS / NS_PER_MS) == 1;
}

/* Return the next connection; the caller closes it. */
static inline int accept_one(int listener)
{
	assert_true(readable(listener));
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* A destination that is refused, and words of the reason. */
struct bad_spec {
	const char *spec;
	struct dest_config config;
	const char *says;
};

static inline void assert_refused(const struct bad_spec *bad, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char error[512] = "";
		assert_null(dest_new(bad[i].spec, &bad[i].config, error, sizeof(error)));
		if (!strstr(error, bad[i].says))
			fail_msg("%s: \"%s\" does not say \"%s\"", bad[i].spec, error, bad[i].says);
	}
}

static inline void stats_reset(void)
{
	for (int i = 0; i < STAT_MAX_; i++)
		stat_set(i, 0);
}

/* submitted = sent + queue_full + send_failed + deadline, whenever no envelope is in flight. */
static inline void assert_ledger(uint64_t sent, uint64_t queue_full, uint64_t send_failed, uint64_t deadline)
{
	assert_int_equal(stat_get(STAT_DEST_SENT_RECORDS), sent);
	assert_int_equal(stat_get(STAT_RECORDS_QUEUE_FULL), queue_full);
	assert_int_equal(stat_get(STAT_RECORDS_SEND_FAILED), send_failed);
	assert_int_equal(stat_get(STAT_RECORDS_DEADLINE), deadline);
	assert_int_equal(stat_get(STAT_DEST_SUBMITTED_RECORDS), sent + queue_full + send_failed + deadline);
}

/* Return a started destination; fail the test on an error. */
static inline struct dest *dest_of(const char *spec, const struct dest_config *config)
{
	char error[512] = "";
	struct dest *d = dest_new(spec, config, error, sizeof(error));

	if (!d)
		fail_msg("%s", error);
	assert_int_equal(dest_start(d), 0);
	return d;
}

/* Submits an envelope of `size` bytes and `rows` records:
 * its number in 8 digits, then '.', then a line end. */
static inline void submit(struct dest *d, unsigned int number, size_t size, uint32_t rows)
{
	struct envelope *e = dest_envelope_get(d);

	assert_non_null(e);
	buf_printf(&e->body, "%08u", number);
	while (e->body.len < size - 1)
		buf_byte(&e->body, '.');
	buf_byte(&e->body, '\n');
	e->rows = rows;
	dest_submit(d, e);
}

static inline const struct encoder_ops *encoder_find(const char *name)
{
	const struct encoder_ops *ops = encoder_table;

	while (strcmp(ops->name, name) != 0)
		ops++;
	return ops;
}

/* Submits an envelope of JSON lines that may be split: rows {"n":NUMBER,"pad":"..."} of `size` bytes. */
static inline void submit_rows(struct dest *d, unsigned int first, uint32_t rows, size_t size)
{
	struct envelope *e = dest_envelope_get(d);

	assert_non_null(e);
	for (uint32_t i = 0; i < rows; i++) {
		uint32_t at = e->body.len;
		buf_append(&e->cuts, &at, sizeof(at));
		buf_printf(&e->body, "{\"n\":%08u,\"pad\":\"", first + i);
		while (e->body.len - at < size - 3)
			buf_byte(&e->body, '.');
		buf_str(&e->body, "\"}\n");
	}
	e->rows = rows;
	e->rows_end = e->body.len;
	dest_submit(d, e);
}

/* Counts the rows of submit_rows() in a message by their numbers; each is whole. */
static inline uint32_t mark_rows(const char *text, size_t len, size_t size, unsigned int *seen)
{
	assert_int_equal(len % size, 0);
	for (size_t at = 0; at < len; at += size) {
		assert_memory_equal(text + at, "{\"n\":", 5);
		assert_memory_equal(text + at + size - 3, "\"}\n", 3);
		seen[strtoul(text + at + 5, NULL, 10)]++;
	}
	return len / size;
}

static inline int64_t seconds_from_now(double seconds)
{
	return clock_mono_ns() + (int64_t)(seconds * NS_PER_SEC);
}

/* A listener on a free port of loopback. */
static inline int listen_on_loopback(in_port_t *port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(listen(fd, 8), 0);
	getsockname(fd, (struct sockaddr *)&sa, &len);
	*port = ntohs(sa.sin_port);
	return fd;
}

#endif
