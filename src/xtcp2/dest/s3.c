/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * s3://BUCKET/PREFIX: envelopes become whole files in the spool (-s3Spool; maker.h), of at
 * most -s3MaxBytes and -s3MaxAge, in any format that a file may have. A thread sends them to
 * the store (s3_upload.h). A record is delivered, in the ledger, when it is in the spool and
 * marked there: from then on it survives a crash and an end. Up is what the store says: the
 * last request was confirmed.
 *
 * When the spool holds -s3SpoolBytes, envelopes wait in the queue, whose bound drops the oldest
 * and counts them. What was delivered to the spool is deleted unsent only when the store refuses
 * it while it takes other objects, and such objects fill half of the spool: see s3_spool.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/own_directory.h"
#include "dest/keep.h"
#include "dest/maker.h"
#include "dest/password.h"
#include "dest/s3_credentials.h"
#include "dest/s3_spool.h"
#include "dest/s3_upload.h"
#include "record/encoder.h"

/* Directories and names in the spool; the host comes before the name when the file is whole. */
#define LAYOUT	   "/date=%Y-%m-%d/hour=%H/%Y%m%dT%H%M%SZ"
#define BUCKET_MAX 63
#define PREFIX_MAX 512
#define HOST_MAX   128

struct s3_dest {
	struct dest_io io;
	char bucket[BUCKET_MAX + 1], prefix[PREFIX_MAX + 1], host[HOST_MAX + 1];
	char secret[S3_KEY_MAX];
	char path[FILE_PATH_MAX];
	struct maker *maker;
	struct s3_upload *upload;
	bool recovered;
	uint64_t told; /* bytes of which the log says that they stay */
	uint64_t seen; /* requests whose result is known here ... */
	bool good;     /* ... and that the last one was confirmed */
};

/* A file without the host in its name is whole, but has no name of its own yet: two in one second would be the same object. */
static bool give_name(struct s3_dest *s, const char *directory, const char *name, uint64_t records,
		      uint64_t *bytes)
{
	char from[2 * FILE_PATH_MAX], to[2 * FILE_PATH_MAX], number[24] = "";
	size_t stem = strcspn(name, ".");
	uint64_t unique = 0;
	struct stat st;

	if (getrandom(&unique, sizeof(unique), 0) != sizeof(unique))
		unique = (uint64_t)clock_real_ns();
	snprintf(from, sizeof(from), "%s/%s", directory, name);
	if (records)
		snprintf(number, sizeof(number), "+%llu", (unsigned long long)records);
	snprintf(to, sizeof(to), "%s/%s%c%.*s-%016llx%s%s", directory, s->host, S3_HOST_END, (int)stem, name,
		 (unsigned long long)unique, name + stem, number);
	if (stat(from, &st) < 0 || renameat2(AT_FDCWD, from, AT_FDCWD, to, 0) < 0) {
		log_warn("s3", "%s stays in the spool until the next start: %s", from, strerror(errno));
		return false;
	}
	*bytes = (uint64_t)st.st_size;
	return true;
}

static void on_done(void *data, const char *directory, const char *name, uint64_t bytes, uint64_t records)
{
	struct s3_dest *s = data;

	if (give_name(s, directory, name, records, &bytes))
		s3_upload_wake(s->upload, bytes);
}

/* Whole files that a crash has left without their name. */
static void name_left(void *data, int dir, const char *directory, const char *name)
{
	struct s3_dest *s = data;

	if (name[0] != '.' && file_name_is_own(maker_file_name(s->maker), name))
		on_done(s, directory, name, 0, 0);
}

static int refuse(struct dest_io *io, const char *clause)
{
	dest_why(io, 0, "%s", clause);
	return -EINVAL;
}

/* "//BUCKET/PREFIX" */
static int parse_address(struct s3_dest *s, const char *address)
{
	const char *bucket = address + 2;
	size_t len = strcspn(bucket, "/");
	const char *prefix = bucket + len;

	if (strncmp(address, "//", 2) != 0 || len < 3 || len > BUCKET_MAX ||
	    strspn(bucket, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") < len)
		return refuse(&s->io, "has no bucket, a name of 3 to 63 letters, digits, '.', '-' and '_'");
	memcpy(s->bucket, bucket, len);
	prefix += strspn(prefix, "/");
	len = strlen(prefix);
	while (len > 0 && prefix[len - 1] == '/')
		len--;
	if (len > PREFIX_MAX)
		return refuse(&s->io, "has a prefix of more than 512 bytes");
	memcpy(s->prefix, prefix, len);
	return 0;
}

static void set_host(struct s3_dest *s)
{
	const char *name = s->io.config->hostname;

	if (!name || !*name)
		gethostname(s->host, sizeof(s->host) - 1);
	else
		snprintf(s->host, sizeof(s->host), "%s", name);
	for (char *c = s->host; *c; c++) {
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-", *c))
			*c = '-';
	}
	if (!s->host[0] || s->host[0] == '.')
		snprintf(s->host, sizeof(s->host), "unknown");
}

static const char *text(const char *value)
{
	return value ? value : "";
}

/* The pattern of files in the spool. */
static int set_path(struct s3_dest *s)
{
	const struct dest_config *c = s->io.config;
	const char *compression = text(c->s3_compression);
	const char *packed = strcmp(compression, "gzip") == 0	? ".gz"
			     : strcmp(compression, "zstd") == 0 ? ".zst"
								: "";

	if (strchr(text(c->s3_spool), '%'))
		return refuse(&s->io, "has a '%' in -s3Spool");
	if (*packed && c->encoder && c->encoder->rows)
		return refuse(&s->io, "cannot have -s3Compression: Parquet compresses its own pages");
	int n = snprintf(s->path, sizeof(s->path), "%s%s.%s%s", text(c->s3_spool), LAYOUT,
			 c->encoder ? c->encoder->suffix : "dat", packed);
	if (n < 0 || (size_t)n >= sizeof(s->path))
		return refuse(&s->io, "has too long a path in -s3Spool");
	return 0;
}

static int s3_parse(struct dest_io *io, const char *address)
{
	struct s3_dest *s = (struct s3_dest *)io;
	const struct dest_config *c = io->config;

	io->kept = true;
	int r = parse_address(s, address);
	if (r == 0)
		r = password_read(&s->io, "s3SecretKeyFile", s->io.config->s3_secret_key_file, s->secret,
				  sizeof(s->secret));
	if (r == 0)
		r = set_path(s);
	if (r < 0)
		return r;
	set_host(s);
	s->maker = maker_new(io, s->path, on_done, s);
	if (!s->maker)
		return -EINVAL;
	const struct s3_upload_options options = {
	    .place = {s->bucket, text(c->s3_endpoint), text(c->s3_region), text(c->s3_encryption),
		      c->s3_path_style},
	    .prefix = s->prefix,
	    .access_key = text(c->s3_access_key),
	    .secret_key = s->secret,
	    .spool = maker_file_name(s->maker),
	    .spool_bytes = c->s3_spool_bytes,
	    .wake_fd = dest_wake_fd(io),
	};
	s->upload = s3_upload_new(io, &options);
	return s->upload ? 0 : -EINVAL;
}

static void s3_free(struct dest_io *io)
{
	struct s3_dest *s = (struct s3_dest *)io;

	maker_free(s->maker);
	s3_upload_free(s->upload);
	explicit_bzero(s->secret, sizeof(s->secret));
}

static void s3_prepare(struct dest_io *io, uid_t owner, gid_t group, int given)
{
	const char *directory = io->config->s3_spool;

	if (given >= 0)
		close(given);
	int r = own_directory_make(directory, 0700, owner, group);
	if (r < 0)
		dest_why(io, -r, "make %s", directory);
}

static int s3_connect(struct dest_io *io, int64_t deadline_ns)
{
	struct s3_dest *s = (struct s3_dest *)io;
	const char *directory = io->config->s3_spool;

	if (access(directory, W_OK | X_OK) < 0) {
		int err = errno;
		dest_why(io, err,
			 "uid %u cannot write in the spool %s (give it that directory, or name one that is "
			 "missing, which is made)",
			 (unsigned)geteuid(), directory);
		return -err;
	}
	if (!s->recovered) {
		maker_recover(s->maker);
		file_name_walk(maker_file_name(s->maker), false, name_left, s);
		s->recovered = true;
	}
	int r = s3_upload_start(s->upload);
	if (r < 0)
		dest_why(io, -r, "start the thread of uploads");
	return r;
}

/* Pass on what the store has said since the last call. */
static void follow_health(struct s3_dest *s)
{
	char why[S3_WHY_MAX];
	uint64_t requests;
	enum s3_health health = s3_upload_health(s->upload, why, &requests);

	if (requests == s->seen)
		return;
	s->seen = requests;
	s->good = health == S3_GOOD;
	if (health == S3_GOOD) {
		dest_confirmed(&s->io);
	} else if (health == S3_BAD) {
		dest_why(&s->io, 0, "%s; objects wait in %s", why, s->io.config->s3_spool);
		dest_down(&s->io);
	}
}

static enum dest_result s3_send(struct dest_io *io, struct envelope *e, int64_t deadline_ns)
{
	struct s3_dest *s = (struct s3_dest *)io;
	uint64_t unfinished = maker_bytes(s->maker);
	char why[S3_WHY_MAX];
	uint64_t requests;

	if (s3_upload_waiting(s->upload) + unfinished < io->config->s3_spool_bytes) {
		enum dest_result result = maker_send(s->maker, e);
		/* The disk may have failed before. */
		if (result != DEST_RETRY && s->good)
			dest_confirmed(io);
		return result;
	}
	/* Whole, it can be sent, which makes room. */
	if (unfinished > 0 && maker_finish(s->maker) != DEST_SENT)
		return DEST_RETRY;
	s3_upload_health(s->upload, why, &requests);
	dest_why(io, 0, "the spool %s is full (-s3SpoolBytes)%s%s", io->config->s3_spool, why[0] ? ": " : "",
		 why);
	return DEST_RETRY;
}

static enum dest_result s3_service(struct dest_io *io)
{
	struct s3_dest *s = (struct s3_dest *)io;

	follow_health(s);
	return maker_service(s->maker);
}

static enum dest_result s3_drain(struct dest_io *io)
{
	return maker_drain(((struct s3_dest *)io)->maker);
}

/* At the end the file becomes whole and is sent, as far as time allows; what is left is the next process's. */
static void s3_disconnect(struct dest_io *io)
{
	struct s3_dest *s = (struct s3_dest *)io;

	maker_undo(s->maker);
	if (dest_deadline(io, INT64_MAX) == INT64_MAX)
		return;
	if (maker_finish(s->maker) != DEST_SENT) {
		dest_down(io);
		return;
	}
	s3_upload_flush(s->upload, dest_deadline(io, INT64_MAX));
	follow_health(s);
	uint64_t left = s3_upload_waiting(s->upload);
	if (left > 0 && left != s->told)
		log_warn("s3", "%llu bytes stay in %s: the next start sends them", (unsigned long long)left,
			 io->config->s3_spool);
	s->told = left;
}

const struct dest_ops dest_s3_ops = {
    .state_size = sizeof(struct s3_dest),
    .parse = s3_parse,
    .prepare = s3_prepare,
    .connect = s3_connect,
    .send = s3_send,
    .service = s3_service,
    .drain = s3_drain,
    .disconnect = s3_disconnect,
    .free = s3_free,
    .lazy = true,
    .rows = true,
};
