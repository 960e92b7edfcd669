/* SPDX-License-Identifier: MIT */
#include "dest/s3_upload.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/thread.h"
#include "dest/s3_credentials.h"
#include "dest/s3_parts.h"
#include "record/encoder.h"
#include "stats/stats.h"

#define SUBSYSTEM "s3"
/* Files that are listed in one go; the rest is found when these are sent. */
#define LIST_MAX  4096
/* Keys that expire are asked for anew so long before. */
#define RENEW_NS  (120 * NS_PER_SEC)
/* Interval between two looks for directories that have become empty. */
#define TIDY_NS	  (3600 * NS_PER_SEC)

struct s3_upload {
	struct s3_upload_options options;
	char directory[FILE_PATH_MAX]; /* the spool */
	pthread_t thread;
	bool started;
	bool stop; /* atomic; also read by running requests */

	/* The thread's alone. */
	struct s3_request *request;
	struct s3_credentials keys;
	char *paths[LIST_MAX];
	size_t count;
	uint64_t listed; /* bytes of them, and of those beyond LIST_MAX */
	int64_t tidied_ns;

	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t changed;
	bool more, idle; /* files were added; all are sent */
	uint64_t waiting, requests;
	enum s3_health health;
	char why[S3_WHY_MAX];
};

static bool stopping(struct s3_upload *u)
{
	return __atomic_load_n(&u->stop, __ATOMIC_RELAXED);
}

void s3_key(struct buf *key, const char *prefix, const char *path)
{
	const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;

	if (*prefix)
		buf_printf(key, "%s/", prefix);
	buf_append(key, path, (size_t)(file - path));
	buf_printf(key, "host=%.*s/%s", (int)strcspn(file, (char[]){S3_HOST_END, '\0'}), file, file);
}

const char *s3_content_type(const char *path)
{
	const char *dot = strrchr(path, '.'), *suffix = dot ? dot + 1 : "";

	if (strcmp(suffix, "gz") == 0)
		return "application/gzip";
	if (strcmp(suffix, "zst") == 0)
		return "application/zstd";
	for (const struct encoder_ops *ops = encoder_table; ops->name; ops++)
		if (strcmp(suffix, ops->suffix) == 0)
			return ops->content_type;
	return "application/octet-stream";
}

/* Unfinished files begin with a dot, finished ones without a host have not got their name yet. */
static void list_one(void *data, int dir, const char *directory, const char *name)
{
	struct s3_upload *u = data;
	struct stat st;

	if (name[0] == '.' || !strchr(name, S3_HOST_END) ||
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return;
	u->listed += (uint64_t)st.st_size;
	if (u->count < LIST_MAX && asprintf(&u->paths[u->count], "%s/%s", directory, name) > 0)
		u->count++;
}

/* By date and hour; within an hour by host and time. */
static int by_path(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(struct s3_upload *u)
{
	int64_t now = clock_mono_ns();
	bool tidy = now - u->tidied_ns >= TIDY_NS;

	u->count = 0;
	u->listed = 0;
	if (tidy)
		u->tidied_ns = now;
	file_name_walk(u->options.spool, tidy, list_one, u);
	qsort(u->paths, u->count, sizeof(*u->paths), by_path);
}

static void forget_list(struct s3_upload *u)
{
	while (u->count > 0)
		free(u->paths[--u->count]);
}

/* Tell the others the result of a request. */
static void set_health(struct s3_upload *u, enum s3_health health, const char *why)
{
	uint64_t one = 1;

	pthread_mutex_lock(&u->lock);
	u->health = health;
	u->requests++;
	snprintf(u->why, sizeof(u->why), "%s", why);
	pthread_cond_broadcast(&u->changed);
	pthread_mutex_unlock(&u->lock);
	ssize_t ignored = write(u->options.wake_fd, &one, sizeof(one));
	(void)ignored;
}

/* Have keys that are valid for a while. Return 0 or -errno, with why. */
static int renew(struct s3_upload *u, char why[static S3_WHY_MAX])
{
	if (u->keys.access_key[0] && (!u->keys.until_ns || u->keys.until_ns > clock_real_ns() + RENEW_NS))
		return 0;
	return s3_credentials_find(&u->keys, u->options.access_key, u->options.secret_key, why, S3_WHY_MAX);
}

static int put_file(struct s3_upload *u, const char *path, const char *key, int fd, off_t size,
		    char why[static S3_WHY_MAX])
{
	const struct s3_parts_file file = {
	    .path = path, .key = key, .content_type = s3_content_type(path), .fd = fd, .size = size};

	return size > S3_PART_BYTES ? s3_parts_put(u->request, &u->keys, &file, why)
				    : s3_request_put(u->request, &u->keys, key, fd, file.content_type, why);
}

/* Send a file and remove it. 0 or -errno, with why. */
static int send_file(struct s3_upload *u, const char *path, char why[static S3_WHY_MAX])
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_buf_ struct buf key = {0};
	struct stat st;

	/* Removed by somebody else: nothing is left to send. */
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0) {
		int err = errno;
		snprintf(why, S3_WHY_MAX, "%.150s: %s", path, strerror(err));
		return -err;
	}
	s3_key(&key, u->options.prefix, path + strlen(u->directory) + 1);
	int r = renew(u, why);
	if (r == 0 && !buf_cstr(&key))
		r = -ENOMEM;
	if (r == 0)
		r = put_file(u, path, buf_cstr(&key), fd, st.st_size, why);
	if (r == -EACCES)
		u->keys.access_key[0] = '\0'; /* others may be there by now */
	if (r < 0)
		return r;
	stat_add(STAT_S3_OBJECTS, 1);
	stat_add(STAT_S3_BYTES, (uint64_t)st.st_size);
	if (unlinkat(AT_FDCWD, path, 0) < 0)
		log_warn(SUBSYSTEM, "%s is sent but cannot be removed, so it will be sent again: %s", path,
			 strerror(errno));
	pthread_mutex_lock(&u->lock);
	u->waiting -= u->waiting < (uint64_t)st.st_size ? u->waiting : (uint64_t)st.st_size;
	stat_set(STAT_S3_SPOOL_BYTES, u->waiting);
	pthread_mutex_unlock(&u->lock);
	return 0;
}

/* Send what is in the spool. 0 or -errno, with why. */
static int send_all(struct s3_upload *u, char why[static S3_WHY_MAX])
{
	int r = 0;

	/* A file that becomes whole meanwhile counts twice, until the next list, rather than not at all. */
	pthread_mutex_lock(&u->lock);
	list(u);
	u->waiting = u->listed;
	stat_set(STAT_S3_SPOOL_BYTES, u->waiting);
	pthread_mutex_unlock(&u->lock);
	for (size_t i = 0; r == 0 && i < u->count && !stopping(u); i++) {
		r = send_file(u, u->paths[i], why);
		if (r == 0)
			set_health(u, S3_GOOD, "");
	}
	forget_list(u);
	return r;
}

static int64_t with_jitter(int64_t ns)
{
	uint16_t x = 0;

	if (getrandom(&x, sizeof(x), GRND_NONBLOCK) != sizeof(x))
		x = UINT16_MAX / 2;
	return ns / 2 + ns / 2 * x / UINT16_MAX;
}

static struct timespec at(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / NS_PER_SEC, .tv_nsec = ns % NS_PER_SEC};
}

/* Wait for a file, or after a failure for the end of the pause. */
static void rest(struct s3_upload *u, int64_t pause_ns)
{
	struct timespec until = at(clock_mono_ns() + with_jitter(pause_ns));

	pthread_mutex_lock(&u->lock);
	u->idle = pause_ns == 0 && !u->more;
	pthread_cond_broadcast(&u->changed);
	if (pause_ns)
		while (!stopping(u) && pthread_cond_timedwait(&u->changed, &u->lock, &until) == 0)
			;
	else
		while (!stopping(u) && !u->more)
			pthread_cond_wait(&u->changed, &u->lock);
	u->more = false;
	pthread_mutex_unlock(&u->lock);
}

/* Before the first object: whether the bucket is there. */
static int probe(struct s3_upload *u, char why[static S3_WHY_MAX])
{
	int r = renew(u, why);

	if (r == 0)
		r = s3_request_probe(u->request, &u->keys, why);
	if (r == -EACCES) /* these keys may still be able to write */
		return 0;
	if (r == 0)
		set_health(u, S3_GOOD, "");
	return r;
}

static void *upload_main(void *data)
{
	struct s3_upload *u = data;
	char why[S3_WHY_MAX];
	int64_t pause_ns = 0;
	bool probed = false;

	while (!stopping(u)) {
		int r = probed ? 0 : probe(u, why);
		if (r == 0) {
			probed = true;
			r = send_all(u, why);
		}
		if (r < 0 && r != -ECANCELED) {
			stat_add(STAT_S3_ERRORS, 1);
			set_health(u, S3_BAD, why);
		}
		if (r == 0)
			pause_ns = 0;
		else
			pause_ns = !pause_ns			    ? S3_PAUSE_NS
				   : 2 * pause_ns > S3_PAUSE_MAX_NS ? S3_PAUSE_MAX_NS
								    : 2 * pause_ns;
		rest(u, pause_ns);
	}
	explicit_bzero(&u->keys, sizeof(u->keys));
	return NULL;
}

struct s3_upload *s3_upload_new(struct dest_io *io, const struct s3_upload_options *options)
{
	struct s3_upload *u = calloc(1, sizeof(*u));
	pthread_condattr_t monotonic;

	if (!u) {
		dest_why(io, ENOMEM, "cannot send objects");
		return NULL;
	}
	u->options = *options;
	file_name_fixed(options->spool, u->directory);
	pthread_mutex_init(&u->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&u->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	u->request = s3_request_new(io, &options->place, &u->stop);
	if (u->request)
		return u;
	s3_upload_free(u);
	return NULL;
}

int s3_upload_start(struct s3_upload *u)
{
	int r = u->started ? 0 : thread_start(&u->thread, "s3", 0, upload_main, u);

	u->started |= r == 0;
	return r;
}

void s3_upload_wake(struct s3_upload *u, uint64_t bytes)
{
	pthread_mutex_lock(&u->lock);
	u->more = true;
	u->idle = false;
	u->waiting += bytes;
	stat_set(STAT_S3_SPOOL_BYTES, u->waiting);
	pthread_cond_broadcast(&u->changed);
	pthread_mutex_unlock(&u->lock);
}

void s3_upload_flush(struct s3_upload *u, int64_t deadline_ns)
{
	struct timespec until = at(deadline_ns);

	pthread_mutex_lock(&u->lock);
	while (u->started && !u->idle && u->health != S3_BAD &&
	       pthread_cond_timedwait(&u->changed, &u->lock, &until) == 0)
		;
	pthread_mutex_unlock(&u->lock);
}

void s3_upload_free(struct s3_upload *u)
{
	if (!u)
		return;
	if (u->started) {
		pthread_mutex_lock(&u->lock);
		__atomic_store_n(&u->stop, true, __ATOMIC_RELAXED);
		pthread_cond_broadcast(&u->changed);
		pthread_mutex_unlock(&u->lock);
		pthread_join(u->thread, NULL);
	}
	s3_request_free(u->request);
	pthread_cond_destroy(&u->changed);
	pthread_mutex_destroy(&u->lock);
	free(u);
}

uint64_t s3_upload_waiting(struct s3_upload *u)
{
	pthread_mutex_lock(&u->lock);
	uint64_t waiting = u->waiting;
	pthread_mutex_unlock(&u->lock);
	return waiting;
}

enum s3_health s3_upload_health(struct s3_upload *u, char why[static S3_WHY_MAX], uint64_t *requests)
{
	pthread_mutex_lock(&u->lock);
	enum s3_health health = u->health;
	*requests = u->requests;
	memcpy(why, u->why, S3_WHY_MAX);
	pthread_mutex_unlock(&u->lock);
	return health;
}
