/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

/* The longest line written; longer lines are cut. */
#define LOG_LINE_MAX 1024

enum log_level log_level = LOG_LEVEL_INFO;
static bool journal_prefix;

void log_init(enum log_level level)
{
	log_level = level;
	journal_prefix = getenv("JOURNAL_STREAM") != NULL;
}

void log_write(enum log_level level, const char *subsystem, const char *fmt, ...)
{
	char line[LOG_LINE_MAX];
	int n = 0;

	if (journal_prefix)
		n = snprintf(line, sizeof(line), "<%d>", level);
	n += snprintf(line + n, sizeof(line) - n, "%s: ", subsystem);

	va_list ap;
	va_start(ap, fmt);
	int m = vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	va_end(ap);
	n = m < (int)sizeof(line) - n - 1 ? n + m : (int)sizeof(line) - 2;
	line[n++] = '\n';
	/* A log line that cannot be written has nowhere else to be reported. */
	ssize_t ignored = write(STDERR_FILENO, line, n);
	(void)ignored;
}

/* Append what fits, and keep room for the newline. */
static size_t append(char line[static LOG_LINE_MAX], size_t len, const char *text)
{
	while (*text && len < LOG_LINE_MAX - 1)
		line[len++] = *text++;
	return len;
}

void log_parts(enum log_level level, const char *subsystem, const char *const *parts)
{
	const char prefix[] = {'<', (char)('0' + level), '>', '\0'};
	char line[LOG_LINE_MAX];
	size_t len = 0;

	if (level > log_level)
		return;
	if (journal_prefix)
		len = append(line, len, prefix);
	len = append(line, len, subsystem);
	len = append(line, len, ": ");
	for (; *parts; parts++)
		len = append(line, len, *parts);
	line[len++] = '\n';
	ssize_t ignored = write(STDERR_FILENO, line, len);
	(void)ignored;
}

bool log_limit_pass(struct log_limit *limit, int64_t interval_ns, uint64_t *suppressed)
{
	int64_t now = clock_mono_ns();
	int64_t next = __atomic_load_n(&limit->next_ns, __ATOMIC_RELAXED);

	/* The winner of the exchange logs; a loser of the race counts as refused. */
	if (now < next || !__atomic_compare_exchange_n(&limit->next_ns, &next, now + interval_ns, false,
						       __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
		__atomic_fetch_add(&limit->suppressed, 1, __ATOMIC_RELAXED);
		return false;
	}
	*suppressed = __atomic_exchange_n(&limit->suppressed, 0, __ATOMIC_RELAXED);
	return true;
}

/* FNV-1a. Two texts of one hash would share a line per interval: harmless. */
static uint64_t hash_of(const char *text, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)text[i]) * UINT64_C(0x100000001b3);
	return h;
}

bool log_repeat_pass(struct log_repeat *repeat, int64_t interval_ns, const char *text, size_t len,
		     uint64_t *suppressed)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	uint64_t hash = hash_of(text, len);
	int64_t now = clock_mono_ns();
	int chosen = -1;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < LOG_REPEAT_TEXTS; i++) {
		bool expired = now >= repeat->slots[i].next_ns;
		if (repeat->slots[i].hash == hash) {
			chosen = expired ? i : -1;
			break;
		}
		if (expired)
			chosen = i;
	}
	if (chosen >= 0) {
		repeat->slots[chosen].hash = hash;
		repeat->slots[chosen].next_ns = now + interval_ns;
		*suppressed = repeat->suppressed;
		repeat->suppressed = 0;
	} else {
		repeat->suppressed++;
	}
	pthread_mutex_unlock(&lock);
	return chosen >= 0;
}
