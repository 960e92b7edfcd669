/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"

/* The longest line written; longer lines are cut. */
#define LOG_LINE_MAX 1024

enum log_level log_level = LOG_LEVEL_INFO;
static bool journal_prefix, time_prefix;

unsigned log_level_find(const char *name)
{
	static const struct {
		const char *name;
		enum log_level level;
	} names[] = {
	    {"error", LOG_LEVEL_ERR},	{"err", LOG_LEVEL_ERR},	      {"warning", LOG_LEVEL_WARN},
	    {"warn", LOG_LEVEL_WARN},	{"notice", LOG_LEVEL_NOTICE}, {"info", LOG_LEVEL_INFO},
	    {"debug", LOG_LEVEL_DEBUG},
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcasecmp(names[i].name, name) == 0)
			return names[i].level;
	}
	return 0;
}

/* Tell whether stderr is the stream that systemd connected to the journal: JOURNAL_STREAM is "DEVICE:INODE". */
static bool to_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_init(enum log_level level)
{
	log_level = level;
	journal_prefix = to_journal();
}

void log_times(enum log_time when)
{
	time_prefix = when == LOG_TIME_ON || (when == LOG_TIME_AUTO && !journal_prefix);
}

/* Append what fits, and keep room for the newline. */
static size_t append(char line[static LOG_LINE_MAX], size_t len, const char *text)
{
	while (*text && len < LOG_LINE_MAX - 1)
		line[len++] = *text++;
	return len;
}

/* Write a number of that many digits. */
static char *put_digits(char *to, unsigned digits, uint64_t number)
{
	for (unsigned i = digits; i-- > 0; number /= 10)
		to[i] = (char)('0' + number % 10);
	return to + digits;
}

#define SECONDS_PER_DAY 86400

/* Days since 0000-03-01, so that a leap day ends its year, by the lengths of 400, 100, 4 and 1 years. */
void log_time_text(int64_t real_ns, char text[static LOG_TIME_MAX])
{
	uint64_t ns = real_ns > 0 ? (uint64_t)real_ns : 0, seconds = ns / NS_PER_SEC;
	uint64_t day = seconds / SECONDS_PER_DAY + 719468, of_day = seconds % SECONDS_PER_DAY;
	uint64_t era = day / 146097, of_era = day % 146097;
	uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	uint64_t month = (5 * of_year + 2) / 153; /* from March */
	const struct {
		unsigned digits;
		uint64_t number;
		char then;
	} parts[] = {
	    {4, era * 400 + year + (month >= 10), '-'},
	    {2, month < 10 ? month + 3 : month - 9, '-'},
	    {2, of_year - (153 * month + 2) / 5 + 1, 'T'},
	    {2, of_day / 3600, ':'},
	    {2, of_day / 60 % 60, ':'},
	    {2, of_day % 60, '.'},
	    {3, ns / NS_PER_MS % 1000, 'Z'},
	};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		text = put_digits(text, parts[i].digits, parts[i].number);
		*text++ = parts[i].then;
	}
	*text = '\0';
}

/* Write what stands before every sentence. Async-signal-safe. */
static size_t append_prefix(char line[static LOG_LINE_MAX], enum log_level level, const char *subsystem,
			    bool with_time)
{
	const char priority[] = {'<', (char)('0' + level), '>', '\0'};
	char now[LOG_TIME_MAX];
	size_t len = journal_prefix ? append(line, 0, priority) : 0;

	if (with_time) {
		log_time_text(clock_real_ns(), now);
		len = append(line, len, now);
		len = append(line, len, " ");
	}
	len = append(line, len, subsystem);
	return append(line, len, ": ");
}

void log_write(enum log_level level, const char *subsystem, const char *fmt, ...)
{
	char line[LOG_LINE_MAX];
	size_t len = append_prefix(line, level, subsystem, time_prefix), room = sizeof(line) - len - 1;

	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(line + len, room, fmt, ap);
	va_end(ap);
	if (n >= 0)
		str_to_line(line + len);
	len += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
	line[len++] = '\n';
	/* A log line that cannot be written has nowhere else to be reported. */
	ssize_t ignored = write(STDERR_FILENO, line, len);
	(void)ignored;
}

/* Write the parts, up to NULL, behind what is in the line. */
static void write_parts(char line[static LOG_LINE_MAX], size_t len, const char *const *parts)
{
	for (; *parts; parts++)
		len = append(line, len, *parts);
	line[len++] = '\n';
	ssize_t ignored = write(STDERR_FILENO, line, len);
	(void)ignored;
}

void log_parts(enum log_level level, const char *subsystem, const char *const *parts)
{
	char line[LOG_LINE_MAX];

	if (level <= log_level)
		write_parts(line, append_prefix(line, level, subsystem, time_prefix), parts);
}

void log_answer(const char *subsystem, const char *sentence)
{
	const char *const parts[] = {sentence, NULL};
	char line[LOG_LINE_MAX];

	if (log_level >= LOG_LEVEL_ERR)
		write_parts(line, append_prefix(line, LOG_LEVEL_ERR, subsystem, false), parts);
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

/* Return the length of a time or a number of bytes that begins the text, such as "12 ms" or "5 bytes"; 0 for none. */
static size_t measure_length(const char *text, size_t len)
{
	static const char *const units[] = {"ms", "milliseconds", "bytes", "out of"};
	size_t digits = 0;

	while (digits < len && text[digits] >= '0' && text[digits] <= '9')
		digits++;
	size_t unit = digits + (digits < len && text[digits] == ' ');
	for (size_t i = 0; digits > 0 && i < sizeof(units) / sizeof(*units); i++) {
		size_t n = strlen(units[i]);
		if (len - unit >= n && memcmp(text + unit, units[i], n) == 0)
			return unit + n;
	}
	return 0;
}

/* FNV-1a, measures apart. Two texts of one hash would share a line per interval: harmless. */
static uint64_t hash_of(const char *text, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len;) {
		size_t skip = measure_length(text + i, len - i);
		if (skip == 0)
			h = (h ^ (uint8_t)text[i]) * UINT64_C(0x100000001b3);
		i += skip ? skip : 1;
	}
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
