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
#include "dest/s3_doubts.h"
#include "dest/s3_parts.h"
#include "dest/s3_spool.h"
#include "stats/stats.h"

#define SUBSYSTEM    "s3"
/* Keys that expire are asked for anew so long before. */
#define RENEW_NS     (120 * NS_PER_SEC)
/*
 * Failures, with others confirmed in between, until an object is set aside: the store refuses it or its file
 * cannot be read; or it fails otherwise (a busy store, a connection that breaks), which may be chance.
 */
#define REFUSALS     2
#define FAILURES     5
/* Refused objects that are tried in one go, and the time between two goes without success. */
#define BATCH	     16
#define AGAIN_NS     (10 * NS_PER_SEC)
#define AGAIN_MAX_NS (600 * NS_PER_SEC)

struct s3_upload {
	struct s3_upload_options options;
	char directory[FILE_PATH_MAX]; /* the spool */
	pthread_t thread;
	bool started;
	bool stop; /* atomic; also read by running requests */

	/* The thread's alone. */
	struct s3_request *request;
	struct s3_credentials keys;
	struct s3_spool spool;
	struct s3_doubts doubts;
	/* The objects that failed last: the next go begins behind them. */
	char failed[2 * FILE_PATH_MAX], refused[2 * FILE_PATH_MAX];
	int64_t again_ns, again_pause_ns; /* when refused ones are tried again */

	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t changed;
	bool more, idle; /* files were added; all are sent, but for refused ones */
	bool at_work;	 /* rather than at rest */
	bool refusing;	 /* the last failure may be of that object alone */
	uint64_t waiting, requests;
	enum s3_health health;
	char why[S3_WHY_MAX];
};

static bool stopping(struct s3_upload *u)
{
	return __atomic_load_n(&u->stop, __ATOMIC_RELAXED);
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

/* The store, or the disk, does not have this object; it may take others. */
static bool is_refusal(int result)
{
	return result == -EACCES || result == -EBADMSG;
}

/* The store has the object. */
static void confirmed(struct s3_upload *u, const char *path, uint64_t bytes)
{
	s3_doubts_confirm(&u->doubts, path);
	stat_add(STAT_S3_OBJECTS, 1);
	stat_add(STAT_S3_BYTES, bytes);
	if (unlinkat(AT_FDCWD, path, 0) < 0)
		log_warn(SUBSYSTEM, "%s is sent but cannot be removed, so it will be sent again: %s", path,
			 strerror(errno));
	pthread_mutex_lock(&u->lock);
	u->waiting -= u->waiting < bytes ? u->waiting : bytes;
	stat_set(STAT_S3_SPOOL_BYTES, u->waiting);
	pthread_mutex_unlock(&u->lock);
	set_health(u, S3_GOOD, "");
}

/* Send a file and remove it. Return 0, 1 when there is nothing left to send, or -errno, with why. */
static int send_file(struct s3_upload *u, const char *path, char why[static S3_WHY_MAX])
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_buf_ struct buf key = {0};
	struct stat st;

	/* Removed by somebody else. */
	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0 || fstat(fd, &st) < 0) {
		snprintf(why, S3_WHY_MAX, "%.150s: %s", path, strerror(errno));
		stat_add(STAT_S3_ERRORS, 1);
		return -EBADMSG;
	}
	s3_key(&key, u->options.prefix, path + strlen(u->directory) + 1);
	int r = renew(u, why);
	if (r == 0 && !buf_cstr(&key))
		r = -ENOMEM;
	if (r == 0)
		r = put_file(u, path, buf_cstr(&key), fd, st.st_size, why);
	if (is_refusal(r))
		u->keys.access_key[0] = '\0'; /* others may be there by now */
	if (r < 0 && r != -ECANCELED)
		stat_add(STAT_S3_ERRORS, 1);
	if (r == 0)
		confirmed(u, path, (uint64_t)st.st_size);
	return r;
}

/* A file that becomes whole meanwhile counts twice, until the next list, rather than not at all. */
static void list(struct s3_upload *u)
{
	pthread_mutex_lock(&u->lock);
	s3_spool_list(&u->spool);
	u->waiting = u->spool.waiting.bytes + u->spool.refused.bytes;
	stat_set(STAT_S3_SPOOL_BYTES, u->waiting);
	pthread_mutex_unlock(&u->lock);
}

/*
 * Send what waits. An object that fails ends this, and the next time begins behind it. When it was refused, the
 * next object is tried first, whose result tells whether the store takes any. Return 0; -EAGAIN when objects have
 * failed but the store took later ones; or -errno of the last failure, with why.
 */
static int send_waiting(struct s3_upload *u, char why[static S3_WHY_MAX])
{
	const struct s3_files *files = &u->spool.waiting;
	size_t begin = s3_files_after(files, u->failed);
	int failure = 0;
	bool doubtful = false; /* whether the store takes any */

	for (size_t i = 0; i < files->count && !stopping(u); i++) {
		const char *path = files->paths[(begin + i) % files->count];
		int r = send_file(u, path, why);
		if (r == -ECANCELED)
			return r;
		doubtful &= r != 0;
		if (r >= 0)
			continue;
		snprintf(u->failed, sizeof(u->failed), "%s", path);
		if (s3_doubts_fail(&u->doubts, path, is_refusal(r) ? REFUSALS : FAILURES)) {
			s3_spool_refuse(&u->spool, path, why);
			continue;
		}
		failure = r;
		if (doubtful || !is_refusal(r))
			return r;
		doubtful = true;
	}
	return doubtful || !failure ? failure : -EAGAIN;
}

/* Try some of the refused objects. They say nothing about the health of the store but when one arrives. */
static void send_refused(struct s3_upload *u)
{
	const struct s3_files *files = &u->spool.refused;
	size_t begin = s3_files_after(files, u->refused);
	char why[S3_WHY_MAX];
	bool arrived = false;
	int r = 0;

	if (clock_mono_ns() < u->again_ns)
		return;
	for (size_t i = 0; i < files->count && i < BATCH && !stopping(u) && (r >= 0 || is_refusal(r)); i++) {
		const char *path = files->paths[(begin + i) % files->count];
		r = send_file(u, path, why);
		snprintf(u->refused, sizeof(u->refused), "%s", path);
		if (r == 0) {
			log_notice(SUBSYSTEM, "%s has arrived", path);
			arrived = true;
		}
	}
	if (arrived || files->count == 0)
		u->again_pause_ns = AGAIN_NS;
	u->again_ns = clock_mono_ns() + (arrived ? 0 : u->again_pause_ns);
	if (files->count > 0 && !arrived && 2 * u->again_pause_ns <= AGAIN_MAX_NS)
		u->again_pause_ns *= 2;
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

/*
 * Wait for a file, or for the time of the refused ones; after a failure for the end of the pause, which a new file
 * ends when the store may take that one.
 */
static void rest(struct s3_upload *u, int64_t pause_ns)
{
	struct timespec until = at(pause_ns		     ? clock_mono_ns() + with_jitter(pause_ns)
				   : u->spool.refused.number ? u->again_ns
							     : INT64_MAX);

	pthread_mutex_lock(&u->lock);
	u->idle = pause_ns == 0 && !u->more;
	u->at_work = false;
	pthread_cond_broadcast(&u->changed);
	while (!stopping(u) && !(u->more && (pause_ns == 0 || u->refusing)) &&
	       pthread_cond_timedwait(&u->changed, &u->lock, &until) == 0)
		;
	u->more = false;
	u->at_work = true;
	pthread_mutex_unlock(&u->lock);
}

/* Before the first object: whether the bucket is there. */
static int probe(struct s3_upload *u, char why[static S3_WHY_MAX])
{
	int r = renew(u, why);

	if (r == 0)
		r = s3_request_probe(u->request, &u->keys, why);
	if (is_refusal(r)) /* these keys may still be able to write */
		return 0;
	if (r == 0)
		set_health(u, S3_GOOD, "");
	else if (r != -ECANCELED)
		stat_add(STAT_S3_ERRORS, 1);
	return r;
}

/* The store takes nothing. */
static void set_bad(struct s3_upload *u, int result, const char *why)
{
	pthread_mutex_lock(&u->lock);
	u->refusing = is_refusal(result);
	pthread_mutex_unlock(&u->lock);
	set_health(u, S3_BAD, why);
}

static void *upload_main(void *data)
{
	struct s3_upload *u = data;
	char why[S3_WHY_MAX];
	int64_t pause_ns = 0;
	bool probed = false;

	while (!stopping(u)) {
		uint64_t before = u->doubts.confirmed;
		int r = probed ? 0 : probe(u, why);
		if (r == 0) {
			probed = true;
			list(u);
			r = send_waiting(u, why);
		}
		if (r == 0)
			send_refused(u);
		else if (r != -EAGAIN && r != -ECANCELED)
			set_bad(u, r, why);
		if (r == 0)
			pause_ns = 0;
		else if (!pause_ns || u->doubts.confirmed > before)
			pause_ns = S3_PAUSE_NS;
		else
			pause_ns = 2 * pause_ns > S3_PAUSE_MAX_NS ? S3_PAUSE_MAX_NS : 2 * pause_ns;
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
	u->spool.names = options->spool;
	u->spool.refused_max = options->spool_bytes / 2;
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
	while (u->started && !u->idle && (u->health != S3_BAD || (u->refusing && (u->more || u->at_work))) &&
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
	s3_spool_forget(&u->spool);
	s3_doubts_free(&u->doubts);
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
