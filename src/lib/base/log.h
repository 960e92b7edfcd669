/* SPDX-License-Identifier: MIT */
#ifndef BASE_LOG_H
#define BASE_LOG_H
/*
 * Log lines go to stderr, one write(2) per line, as "subsystem: sentence", in which control characters are '?': peers
 * and containers write parts of it. Where
 * stderr is the journal's (JOURNAL_STREAM names it), each line carries the
 * sd-daemon(3) "<N>" prefix; elsewhere log_times() puts the time before it.
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

/* The names of levels, for messages. */
#define LOG_LEVEL_NAMES	  "error, warning, notice, info or debug"
#define LOG_LEVEL_CHOICES "error|warning|notice|info|debug"

/* Return the level of a name, in any case, or one of syslog(3)'s short names; 0 for an unknown one. */
unsigned log_level_find(const char *name);

/* Set the level and look at JOURNAL_STREAM. Call once, before threads start. */
void log_init(enum log_level level);

/* Begin lines with the time in UTC, 2026-11-26T15:49:03.123Z: never, always, or unless they go to the journal. */
enum log_time { LOG_TIME_OFF, LOG_TIME_ON, LOG_TIME_AUTO };
void log_times(enum log_time when);

void log_write(enum log_level level, const char *subsystem, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Write that form of a time, of the years 1970 to 2262. Async-signal-safe, unlike
 * gmtime_r(3).
 */
#define LOG_TIME_MAX 25
void log_time_text(int64_t real_ns, char text[static LOG_TIME_MAX]);

/* Answer who started the program with an error of his: without the time. */
void log_answer(const char *subsystem, const char *sentence);

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
 * slots none passes in the interval. Texts that differ only in a time or in bytes
 * ("after 3 ms", "5 bytes remaining") are one. Zero-initialise. Any thread.
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
