/* SPDX-License-Identifier: MIT */
#ifndef BASE_LOG_H
#define BASE_LOG_H
/*
 * Log lines go to stderr, one write(2) per line, as "subsystem: sentence". Under
 * systemd (JOURNAL_STREAM set) each line carries the sd-daemon(3) "<N>" prefix.
 * Five verbs; the level test lives in the macro, so a silent verb costs one
 * load. All functions may be called from any thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers are syslog(3) priorities. */
enum log_level {
	LOG_LEVEL_ERR = 3,
	LOG_LEVEL_WARN = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7
};

extern enum log_level log_level;

/* Set the level and look at JOURNAL_STREAM. Call once, before threads start. */
void log_init(enum log_level level);

void log_write(enum log_level level, const char *subsystem, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Log the concatenated parts, up to NULL. Async-signal-safe, for signal handlers. */
void log_parts(enum log_level level, const char *subsystem, const char *const *parts);

#define log_at(level_, sub_, ...)                                 \
	do {                                                      \
		if ((level_) <= log_level)                        \
			log_write((level_), (sub_), __VA_ARGS__); \
	} while (0)

#define log_err(sub_, ...)    log_at(LOG_LEVEL_ERR, sub_, __VA_ARGS__)
#define log_warn(sub_, ...)   log_at(LOG_LEVEL_WARN, sub_, __VA_ARGS__)
#define log_notice(sub_, ...) log_at(LOG_LEVEL_NOTICE, sub_, __VA_ARGS__)
#define log_info(sub_, ...)   log_at(LOG_LEVEL_INFO, sub_, __VA_ARGS__)
#define log_debug(sub_, ...)  log_at(LOG_LEVEL_DEBUG, sub_, __VA_ARGS__)

/*
 * Limits a repeated line to one per interval; zero-initialise, one object per call
 * site. Return true when the line may be written now, and set *suppressed to the
 * number of calls refused since the last permitted one.
 */
struct log_limit {
	int64_t next_ns;
	uint64_t suppressed;
};
bool log_limit_pass(struct log_limit *limit, int64_t interval_ns, uint64_t *suppressed);

/*
 * The same for lines of varying text: each text passes once per interval, so that
 * a harmless line never hides an important one; of further texts than there are
 * slots none passes in the interval. Zero-initialise. Any thread.
 */
#define LOG_REPEAT_TEXTS 8
struct log_repeat {
	struct {
		uint64_t hash; /* of the text */
		int64_t next_ns;
	} slots[LOG_REPEAT_TEXTS];
	uint64_t suppressed;
};
bool log_repeat_pass(struct log_repeat *repeat, int64_t interval_ns, const char *text, size_t len,
		     uint64_t *suppressed);

#endif
