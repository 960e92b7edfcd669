/* SPDX-License-Identifier: MIT */
#include "dest/maker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/compress.h"
#include "dest/keep.h"
#include "dest/queue.h"
#include "parquet/parquet.h"
#include "record/rows.h"
#include "stats/stats.h"
#include "version.h"

/* Longest time between two looks at the clock, which may be set. */
#define LOOK_NS (60 * NS_PER_SEC)

struct maker {
	struct dest_io *io;
	struct file_name name;
	maker_done *done;
	void *data;
	struct compressor *compressor; /* NULL for none */
	struct buf packed;	       /* compressed bytes, or a row group */
	/* The file. */
	struct whole file;
	char directory[FILE_PATH_MAX];
	int64_t begun_ns, ends_ns; /* real time; INT64_MAX for no end */
	uint64_t records;
	bool rotate; /* the file is to end, whatever the clock says */
	/* Parquet: NULL for another format. */
	struct parquet *parquet;
	struct encoder encoder;
	struct buf footer;
	struct envelope_queue gathered;
	int64_t gathered_since_ns;
	bool failing; /* the last attempt to write has failed */
};

static const struct dest_config *config_of(const struct maker *m)
{
	return m->io->config;
}

static enum whole_sync sync_of(const char *word)
{
	if (!word || strcmp(word, "file") == 0)
		return WHOLE_SYNC_FILE;
	return strcmp(word, "envelope") == 0 ? WHOLE_SYNC_MARK : WHOLE_SYNC_NONE;
}

static bool ends_in(const char *path, const char *suffix)
{
	size_t len = strlen(path), n = strlen(suffix);

	return len > n && strcmp(path + len - n, suffix) == 0;
}

/* The compression that the suffix names. */
static int choose_compression(struct maker *m, const char *path)
{
	enum compression c = ends_in(path, ".zst")  ? COMPRESSION_ZSTD
			     : ends_in(path, ".gz") ? COMPRESSION_GZIP
						    : COMPRESSION_NONE;

	if (c == COMPRESSION_NONE)
		return 0;
	if (m->parquet) {
		dest_why(m->io, 0, "ends in .zst or .gz, but Parquet compresses its own pages");
		return -EINVAL;
	}
	m->compressor = compressor_new(c);
	if (!m->compressor)
		dest_why(m->io, 0,
			 "ends in .zst: this program was built without libzstd, or there is no memory");
	return m->compressor ? 0 : -EINVAL;
}

static int choose_parquet(struct maker *m)
{
	const struct dest_config *c = config_of(m);
	char error[DEST_WHY_MAX];

	if (!c->encoder || !c->encoder->rows)
		return 0;
	if (encoder_init(&m->encoder, c->encoder->name, c->columns, error, sizeof(error)) < 0) {
		dest_why(m->io, 0, "has bad columns: %s", error);
		return -EINVAL;
	}
	m->encoder.json_names = c->json_names;
	m->parquet = parquet_new(&m->encoder, "xtcp2 version " XTCP2_VERSION);
	if (!m->parquet)
		dest_why(m->io, errno, "cannot have a Parquet writer");
	return m->parquet ? 0 : -ENOMEM;
}

struct maker *maker_new(struct dest_io *io, const char *path, maker_done *done, void *data)
{
	struct maker *m = calloc(1, sizeof(*m));
	char error[DEST_WHY_MAX];

	if (!m) {
		dest_why(io, ENOMEM, "cannot make files");
		return NULL;
	}
	m->io = io;
	m->done = done;
	m->data = data;
	m->file = (struct whole)WHOLE_NONE;
	m->file.sync = sync_of(config_of(m)->file_sync);
	if (file_name_parse(&m->name, path, error, sizeof(error)) < 0)
		dest_why(io, 0, "%s", error);
	else if (choose_parquet(m) == 0 && choose_compression(m, path) == 0)
		return m;
	maker_free(m);
	return NULL;
}

void maker_free(struct maker *m)
{
	if (!m)
		return;
	whole_leave(&m->file);
	compressor_free(m->compressor);
	parquet_free(m->parquet);
	encoder_free(&m->encoder);
	buf_free(&m->packed);
	buf_free(&m->footer);
	free(m);
}

const struct file_name *maker_file_name(const struct maker *m)
{
	return &m->name;
}

enum whole_sync maker_sync(const struct maker *m)
{
	return m->file.sync;
}

uint64_t maker_bytes(const struct maker *m)
{
	return whole_is_open(&m->file) ? m->file.at + m->file.tail.len : 0;
}

static void recovered(void *data, const char *directory, const char *name)
{
	struct maker *m = data;

	m->done(m->data, directory, name, 0, 0);
}

void maker_recover(struct maker *m)
{
	keep_recover(&m->name, m->file.sync, dest_name(m->io), m->done ? recovered : NULL, m);
}

static enum dest_result failed(struct maker *m, int err, const char *action)
{
	m->failing = true;
	stat_add(STAT_FILE_ERRORS, 1);
	dest_why(m->io, -err, "%s", action);
	return DEST_RETRY;
}

/* Begin a file for the present time, unless there is one. */
static enum dest_result begin(struct maker *m)
{
	int64_t now = clock_real_ns(), every = config_of(m)->file_rotate_every_ns;
	char path[FILE_PATH_MAX];

	if (whole_is_open(&m->file))
		return DEST_SENT;
	int r = file_name_expand(&m->name, now, path);
	if (r == 0)
		r = file_name_make_directories(&m->name, path);
	if (r < 0)
		return failed(m, r, "make the directory");
	char *slash = strrchr(path, '/');
	snprintf(m->directory, sizeof(m->directory), "%.*s",
		 slash ? (int)(slash - path) + (slash == path) : 1, slash ? path : ".");
	r = whole_begin(&m->file, m->directory, slash ? slash + 1 : path);
	/* One that this daemon, or another with the same path, has left. */
	if (r == -EEXIST) {
		maker_recover(m);
		r = whole_begin(&m->file, m->directory, slash ? slash + 1 : path);
	}
	if (r < 0)
		return failed(m, r, "begin a file");
	m->begun_ns = now;
	m->ends_ns = every > 0 ? (now / every + 1) * every : INT64_MAX;
	m->records = 0;
	m->rotate = false;
	if (m->parquet)
		parquet_begin(m->parquet);
	return DEST_SENT;
}

enum dest_result maker_finish(struct maker *m)
{
	char name[WHOLE_NAME_SIZE];

	if (!whole_is_open(&m->file))
		return DEST_SENT;
	uint64_t bytes = m->file.marked + m->file.tail.len;
	if (bytes == 0) {
		whole_abandon(&m->file);
		return DEST_SENT;
	}
	int r = whole_finish(&m->file, name);
	if (r < 0) {
		m->rotate = true;
		return failed(m, r, "finish the file");
	}
	stat_add(STAT_FILES_FINISHED, 1);
	stat_add(STAT_FILE_BYTES, bytes);
	if (m->done)
		m->done(m->data, m->directory, name, bytes, m->records);
	return DEST_SENT;
}

/* Tell whether the file has reached its time or, with `more` bytes, its size. */
static bool is_over(const struct maker *m, uint64_t more)
{
	const struct dest_config *c = config_of(m);
	int64_t now = clock_real_ns();
	uint64_t bytes = m->file.at + m->file.tail.len;

	if (!whole_is_open(&m->file))
		return false;
	if (m->rotate || now >= m->ends_ns ||
	    (c->file_rotate_bytes && bytes > 0 && bytes + more > c->file_rotate_bytes))
		return true;
	if (m->parquet && parquet_groups(m->parquet) >= PARQUET_GROUPS_MAX)
		return true;
	return !c->file_rotate_bytes && !c->file_rotate_every_ns &&
	       file_name_moves(&m->name, m->begun_ns, now);
}

static void gathered_changed(struct maker *m)
{
	m->io->gathered = m->gathered.sum.envelopes;
}

static void complete_all(struct maker *m, enum dest_result result)
{
	struct envelope *e;

	while ((e = envelope_queue_pop(&m->gathered)))
		dest_complete(m->io, e, result);
	gathered_changed(m);
}

void maker_undo(struct maker *m)
{
	if (whole_is_open(&m->file) && m->file.at > m->file.marked) {
		int r = whole_back(&m->file);
		if (r < 0)
			failed(m, r, "cut the file back");
	}
	if (m->parquet)
		parquet_undo(m->parquet);
	complete_all(m, DEST_RETRY);
}

/* Append bytes that end with a tail; the file is as before when that fails. */
static int append(struct maker *m, const void *data, size_t len, const struct buf *tail)
{
	int r = m->file.at > m->file.marked ? whole_back(&m->file) : 0;

	if (r == 0)
		r = whole_write(&m->file, data, len);
	if (r == 0)
		r = whole_mark(&m->file, tail ? (const void *)tail->data : "", tail ? tail->len : 0);
	if (r < 0 && m->file.at > m->file.marked)
		whole_back(&m->file);
	return r;
}

enum dest_result maker_drain(struct maker *m)
{
	if (!m->parquet || !m->gathered.head)
		return DEST_SENT;
	enum dest_result result = begin(m);
	if (result != DEST_SENT)
		return result;
	buf_reset(&m->packed);
	buf_reset(&m->footer);
	int r = parquet_group(m->parquet, &m->packed, &m->footer);
	if (r == 0)
		r = append(m, m->packed.data, m->packed.len, &m->footer);
	if (r < 0)
		return failed(m, r, "write a row group");
	parquet_keep(m->parquet);
	m->failing = false;
	stat_add(STAT_PARQUET_GROUPS, 1);
	m->records += m->gathered.sum.records;
	complete_all(m, DEST_SENT);
	return DEST_SENT;
}

/* Add the rows of the envelope to the row group, which gives them up when it is undone. */
static enum dest_result gather(struct maker *m, struct envelope *e)
{
	struct rows_reader reader = rows_of(e->body.data, e->body.len);
	struct record r;

	while (rows_next(&reader, &r))
		if (parquet_add(m->parquet, &r) < 0)
			return failed(m, -ENOMEM, "gather a row group");
	if (reader.bad) {
		maker_undo(m);
		dest_why(m->io, 0, "the envelope is not one of rows");
		return DEST_LOST;
	}
	if (!m->gathered.head)
		m->gathered_since_ns = clock_mono_ns();
	envelope_queue_push(&m->gathered, e);
	gathered_changed(m);
	/* A file was begun: that is as far as a destination can be reached before it has a row group. */
	if (!m->failing)
		dest_reached(m->io);
	return DEST_TAKEN;
}

/* The bytes that the file gets for the envelope: whole, or without the header that it has. */
static struct str bytes_for(struct maker *m, struct envelope *e)
{
	e->skip = m->file.marked > 0 ? e->header : 0;
	struct str bytes = {(const char *)e->body.data + e->skip, (uint32_t)e->body.len - e->skip};
	if (!m->compressor)
		return bytes;
	buf_reset(&m->packed);
	compressor_run(m->compressor, &m->packed, bytes.p, bytes.len);
	return (struct str){(const char *)m->packed.data, (uint32_t)m->packed.len};
}

enum dest_result maker_send(struct maker *m, struct envelope *e)
{
	enum dest_result result = begin(m);

	if (result != DEST_SENT)
		return result;
	if (m->parquet)
		return gather(m, e);
	struct str bytes = bytes_for(m, e);
	if (buf_ok(&m->packed) && is_over(m, bytes.len)) {
		result = maker_finish(m);
		if (result == DEST_SENT)
			result = begin(m);
		if (result != DEST_SENT)
			return result;
		bytes = bytes_for(m, e);
	}
	int r = buf_ok(&m->packed) ? append(m, bytes.p, bytes.len, NULL) : -ENOMEM;
	if (r < 0)
		return failed(m, r, "write");
	m->records += e->rows;
	return DEST_SENT;
}

/* Set the time until the next look. */
static void set_tick(struct maker *m)
{
	int64_t tick = LOOK_NS, left;

	if (whole_is_open(&m->file) && m->ends_ns != INT64_MAX) {
		left = m->ends_ns - clock_real_ns();
		tick = left < tick ? left : tick;
	}
	if (m->gathered.head) {
		left = m->gathered_since_ns + config_of(m)->parquet_group_every_ns - clock_mono_ns();
		tick = left < tick ? left : tick;
	}
	/* The name of a file without other limits may move on at the full minute. */
	left = LOOK_NS - clock_real_ns() % LOOK_NS;
	if (left < tick)
		tick = left;
	m->io->tick_ns = tick > NS_PER_MS ? tick : NS_PER_MS;
}

enum dest_result maker_service(struct maker *m)
{
	const struct dest_config *c = config_of(m);
	enum dest_result result = DEST_SENT;
	bool over;

	if (__atomic_exchange_n(&m->io->reopen, false, __ATOMIC_ACQ_REL))
		m->rotate = whole_is_open(&m->file);
	over = is_over(m, 0);
	if (m->gathered.head && (over || m->gathered.sum.bytes >= c->parquet_group_bytes ||
				 clock_mono_ns() - m->gathered_since_ns >= c->parquet_group_every_ns)) {
		result = maker_drain(m);
		over = is_over(m, 0);
	}
	if (result == DEST_SENT && over)
		result = maker_finish(m);
	set_tick(m);
	return result;
}
