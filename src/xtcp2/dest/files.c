/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * file:PATH with conversions of strftime(3), a suffix that compresses, Parquet or
 * limits of size and time makes whole files (maker.h), deletes old ones (keep.h), and
 * at its start completes what a crash has left. Files are made with the rights of the
 * user that the daemon runs as; a missing directory without conversions is made
 * before, and given to that user.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own_directory.h"
#include "dest/files.h"
#include "dest/keep.h"
#include "dest/maker.h"
#include "record/encoder.h"

/* Interval between two looks at the ages of files. */
#define KEEP_NS (60 * NS_PER_SEC)

struct files_dest {
	struct dest_io io;
	struct maker *maker;
	bool recovered;
	int64_t next_keep_ns;
};

bool files_wanted(const struct dest_config *c, const char *address)
{
	size_t len = strlen(address);

	return c->file_rotate_bytes || c->file_rotate_every_ns || strchr(address, '%') ||
	       (c->encoder && c->encoder->rows) || (len > 4 && strcmp(address + len - 4, ".zst") == 0) ||
	       (len > 3 && strcmp(address + len - 3, ".gz") == 0);
}

static void apply_limits(struct files_dest *f)
{
	struct keep k = {f->io.config->file_keep_age_ns, f->io.config->file_keep_bytes};

	keep_apply(&k, maker_file_name(f->maker), dest_name(&f->io));
	f->next_keep_ns = clock_mono_ns() + KEEP_NS;
}

static void on_done(void *data, const char *directory, const char *name, uint64_t bytes, uint64_t records)
{
	struct files_dest *f = data;

	/* The new file is among those whose size counts. */
	if (f->recovered)
		apply_limits(f);
}

static int files_parse(struct dest_io *io, const char *address)
{
	struct files_dest *f = (struct files_dest *)io;

	f->maker = maker_new(io, address, on_done, f);
	return f->maker ? 0 : -EINVAL;
}

static void files_free(struct dest_io *io)
{
	maker_free(((struct files_dest *)io)->maker);
}

static void files_prepare(struct dest_io *io, uid_t owner, gid_t group, int given)
{
	struct files_dest *f = (struct files_dest *)io;
	char directory[FILE_PATH_MAX];

	if (given >= 0)
		close(given);
	file_name_fixed(maker_file_name(f->maker), directory);
	int r = own_directory_make(directory, 0755, owner, group);
	if (r < 0)
		dest_why(io, -r, "make %s", directory);
}

static int files_connect(struct dest_io *io, int64_t deadline_ns)
{
	struct files_dest *f = (struct files_dest *)io;
	char directory[FILE_PATH_MAX];

	file_name_fixed(maker_file_name(f->maker), directory);
	if (access(directory, W_OK | X_OK) < 0) {
		int err = errno;
		dest_why(
		    io, err,
		    "uid %u cannot write in %s (give it that directory, or name one that is missing, which is made)",
		    (unsigned)geteuid(), directory);
		return -err;
	}
	if (!f->recovered) {
		maker_recover(f->maker);
		f->recovered = true;
		apply_limits(f);
	}
	return 0;
}

static enum dest_result files_send(struct dest_io *io, struct envelope *e, int64_t deadline_ns)
{
	return maker_send(((struct files_dest *)io)->maker, e);
}

static enum dest_result files_service(struct dest_io *io)
{
	struct files_dest *f = (struct files_dest *)io;
	enum dest_result result = maker_service(f->maker);

	if (clock_mono_ns() >= f->next_keep_ns)
		apply_limits(f);
	return result;
}

static enum dest_result files_drain(struct dest_io *io)
{
	return maker_drain(((struct files_dest *)io)->maker);
}

/* The file that is being written goes on after an error; at the end it becomes whole. */
static void files_disconnect(struct dest_io *io)
{
	struct files_dest *f = (struct files_dest *)io;

	maker_undo(f->maker);
	if (dest_deadline(io, INT64_MAX) != INT64_MAX && maker_finish(f->maker) != DEST_SENT)
		dest_down(io);
}

const struct dest_ops dest_files_ops = {
    .state_size = sizeof(struct files_dest),
    .parse = files_parse,
    .prepare = files_prepare,
    .connect = files_connect,
    .send = files_send,
    .service = files_service,
    .drain = files_drain,
    .disconnect = files_disconnect,
    .free = files_free,
    .rows = true,
};
