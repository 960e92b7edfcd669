/* SPDX-License-Identifier: MIT */
#include "dest/file_name.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* Digits of a numbered file. */
#define NUMBER_DIGITS 4
/* Directories with conversions, one in the other. */
#define DEPTH_MAX     8

/* The conversions and the digits that they become; 0 for any number of them. */
static const struct {
	char letter;
	const char *shape; /* n: a digit; *: digits */
	bool seconds;
} conversions[] = {
    {'Y', "nnnn"}, {'y', "nn"},	      {'m', "nn"},  {'d', "nn"},	 {'H', "nn"},
    {'M', "nn"},   {'S', "nn", true}, {'j', "nnn"}, {'F', "nnnn-nn-nn"}, {'s', "*", true},
};

static int find(char letter)
{
	for (size_t i = 0; i < ARRAY_SIZE(conversions); i++)
		if (conversions[i].letter == letter)
			return (int)i;
	return -1;
}

int file_name_parse(struct file_name *f, const char *path, char *error, size_t size)
{
	unsigned depth = 0;

	*f = (struct file_name){.path = path};
	size_t len = strlen(path);
	if (len == 0 || path[len - 1] == '/' || len >= FILE_PATH_MAX / 2) {
		snprintf(error, size,
			 len == 0		? "has no path"
			 : path[len - 1] == '/' ? "ends in a directory"
						: "has too long a path");
		return -EINVAL;
	}
	for (const char *p = path; *p; p++) {
		if (*p == '/') {
			f->base = (size_t)(p - path) + 1;
			if (!f->conversions)
				f->fixed = p == path ? 1 : (size_t)(p - path);
			else
				depth++;
		}
		if (*p != '%')
			continue;
		p++;
		if (*p != '%' && find(*p) < 0) {
			snprintf(
			    error, size,
			    "has %%%.1s in its path; possible are %%Y %%m %%d %%H %%M %%S %%F %%j %%y %%s, and %%%% "
			    "for a per cent sign",
			    p);
			return -EINVAL;
		}
		f->conversions |= *p != '%';
	}
	if (depth > DEPTH_MAX) {
		snprintf(error, size, "has conversions in more than %d directories", DEPTH_MAX);
		return -EINVAL;
	}
	return 0;
}

/* Write the digits of a conversion; return their number, at most 32. */
static int convert(char *to, size_t size, char letter, const struct tm *tm, int64_t seconds)
{
	int year = tm->tm_year + 1900, number = letter == 'm'	? tm->tm_mon + 1
						: letter == 'd' ? tm->tm_mday
						: letter == 'H' ? tm->tm_hour
						: letter == 'M' ? tm->tm_min
						: letter == 'S' ? tm->tm_sec
								: year % 100;

	switch (letter) {
	case 'Y':
		return snprintf(to, size, "%04d", year);
	case 'F':
		return snprintf(to, size, "%04d-%02d-%02d", year, tm->tm_mon + 1, tm->tm_mday);
	case 'j':
		return snprintf(to, size, "%03d", tm->tm_yday + 1);
	case 's':
		return snprintf(to, size, "%lld", (long long)seconds);
	default:
		return snprintf(to, size, "%02d", number);
	}
}

static int expand(const struct file_name *f, int64_t real_ns, bool seconds, char path[FILE_PATH_MAX])
{
	time_t time = real_ns / NS_PER_SEC;
	struct tm tm;
	size_t n = 0;

	gmtime_r(&time, &tm);
	for (const char *p = f->path; *p; p++) {
		if (n + 33 > FILE_PATH_MAX)
			return -ENAMETOOLONG;
		if (*p != '%' || *++p == '%')
			path[n++] = *p;
		else if (seconds || !conversions[find(*p)].seconds)
			n += (size_t)convert(path + n, FILE_PATH_MAX - n, *p, &tm, time);
	}
	path[n] = '\0';
	return 0;
}

int file_name_expand(const struct file_name *f, int64_t real_ns, char path[FILE_PATH_MAX])
{
	return expand(f, real_ns, true, path);
}

bool file_name_moves(const struct file_name *f, int64_t a_ns, int64_t b_ns)
{
	char a[FILE_PATH_MAX], b[FILE_PATH_MAX];

	return expand(f, a_ns, false, a) == 0 && expand(f, b_ns, false, b) == 0 && strcmp(a, b) != 0;
}

void file_name_fixed(const struct file_name *f, char directory[FILE_PATH_MAX])
{
	snprintf(directory, FILE_PATH_MAX, "%.*s", f->fixed ? (int)f->fixed : 1, f->fixed ? f->path : ".");
}

int file_name_make_directories(const struct file_name *f, const char *path)
{
	char directory[FILE_PATH_MAX];

	/* The fixed part is the same in both, and each component is between slashes. */
	for (const char *p = strchr(path + f->fixed + (f->fixed > 0), '/'); p; p = strchr(p + 1, '/')) {
		snprintf(directory, sizeof(directory), "%.*s", (int)(p - path), path);
		if (mkdir(directory, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

/* Match digits of the shape at *name and move behind them. */
static bool match_shape(const char *shape, const char **name)
{
	if (*shape == '*') {
		size_t n = strspn(*name, "0123456789");
		*name += n;
		return n > 0;
	}
	for (; *shape; shape++, (*name)++)
		if (*shape == 'n' ? !isdigit((unsigned char)**name) : **name != *shape)
			return false;
	return true;
}

/* Match pattern[0..len) against the begin of *name and move behind it. */
static bool match(const char *pattern, size_t len, const char **name)
{
	for (const char *p = pattern; p < pattern + len; p++) {
		if (*p == '%' && *++p != '%') {
			if (!match_shape(conversions[find(*p)].shape, name))
				return false;
		} else if (**name == '\0' || *(*name)++ != *p) {
			return false;
		}
	}
	return true;
}

bool file_name_is_own(const struct file_name *f, const char *name)
{
	const char *pattern = f->path + f->base, *at = name;
	size_t stem = 1 + strcspn(pattern + 1, ".");

	if (!match(pattern, stem, &at))
		return false;
	const char *plain = at, *number = at;
	if (*number == '-') {
		size_t digits = strspn(++number, "0123456789");
		number += digits;
		if (digits > 0 && digits <= NUMBER_DIGITS &&
		    match(pattern + stem, strlen(pattern + stem), &number) && !*number)
			return true;
	}
	return match(pattern + stem, strlen(pattern + stem), &plain) && !*plain;
}

struct walk {
	const struct file_name *f;
	bool tidy;
	void (*fn)(void *data, int dir, const char *directory, const char *name);
	void *data;
};

static int walk_directory(const struct walk *w, int fd, const char *directory, const char *pattern);

/* Enter a directory when the component of the pattern, which ends before `slash`, is its name. */
static void walk_component(const struct walk *w, int dir, const char *directory, const char *name,
			   const char *pattern, const char *slash)
{
	char path[FILE_PATH_MAX];
	const char *at = name;

	if (!match(pattern, (size_t)(slash - pattern), &at) || *at)
		return;
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path)) {
		if (fd >= 0)
			close(fd);
		return;
	}
	walk_directory(w, fd, path, slash + 1);
	if (w->tidy)
		unlinkat(dir, name, AT_REMOVEDIR);
}

/* Take over fd. */
static int walk_directory(const struct walk *w, int fd, const char *directory, const char *pattern)
{
	const char *slash = strchr(pattern, '/');
	DIR *d = fdopendir(fd);

	if (!d) {
		int err = errno;
		close(fd);
		return -err;
	}
	for (struct dirent *e; (e = readdir(d));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (slash)
			walk_component(w, fd, directory, e->d_name, pattern, slash);
		else
			w->fn(w->data, fd, directory, e->d_name);
	}
	closedir(d);
	return 0;
}

int file_name_walk(const struct file_name *f, bool tidy,
		   void (*fn)(void *data, int dir, const char *directory, const char *name), void *data)
{
	struct walk w = {f, tidy, fn, data};
	char fixed[FILE_PATH_MAX];

	file_name_fixed(f, fixed);
	int fd = open(fixed, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* The pattern below the fixed directory: "/" and "a" are followed by different things. */
	const char *pattern = f->path + f->fixed;
	return walk_directory(&w, fd, fixed, *pattern == '/' ? pattern + 1 : pattern);
}
