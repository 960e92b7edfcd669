/* SPDX-License-Identifier: MIT */
#ifndef DEST_MAKER_H
#define DEST_MAKER_H
/*
 * Theory of operation
 *
 * Makes whole files (whole.h) out of envelopes, one after the other, for destinations
 * that keep files or upload them. A file ends at -fileRotateBytes, at -fileRotateEvery
 * (at multiples of it in UTC), with neither when its name for the present time is
 * another one; and at dest_reopen() and at the end of the daemon.
 *
 * An envelope of lines or bytes is written as it is, or as one frame of zstd or one
 * member of gzip; it is delivered when it is in the file and marked. Rows for Parquet
 * are gathered into a row group: their envelopes are DEST_TAKEN until the group is
 * written, at -parquetGroupBytes of envelopes or -parquetGroupEvery after the first.
 * What is gathered is in dest_io.gathered, so that it does not count as waiting.
 *
 * An error takes the file back to its last mark, and the envelopes return to the queue.
 * All functions are for the sending thread; they return as the operations of dest_ops
 * do, with why.
 */
#include "dest/file_name.h"
#include "dest/ops.h"

struct maker;

/* A file is finished: its directory, its name there, its bytes, its records (0: not known, after a crash). */
typedef void maker_done(void *data, const char *directory, const char *name, uint64_t bytes,
			uint64_t records);

/*
 * Make files of the encoder of io->config, at this path (borrowed), compressed by its suffix .zst or .gz.
 * NULL with why, a clause for the error of parse().
 */
struct maker *maker_new(struct dest_io *io, const char *path, maker_done *done, void *data);
/* Free the maker; an unfinished file is left for maker_recover(). NULL is fine. */
void maker_free(struct maker *m);

const struct file_name *maker_file_name(const struct maker *m);
/* When bytes are forced to the disk (-fileSync). */
enum whole_sync maker_sync(const struct maker *m);

/* The bytes of the unfinished file; 0 between files. */
uint64_t maker_bytes(const struct maker *m);

/* Finish what a crash has left. */
void maker_recover(struct maker *m);

/* Take an envelope: DEST_SENT, DEST_TAKEN, DEST_RETRY or DEST_LOST. */
enum dest_result maker_send(struct maker *m, struct envelope *e);
/* Write a row group and end the file, if it is time: DEST_SENT or DEST_RETRY. Sets io->tick_ns. */
enum dest_result maker_service(struct maker *m);
/* Write the row group now. DEST_SENT or DEST_RETRY. */
enum dest_result maker_drain(struct maker *m);
/* After DEST_RETRY: forget what is not in the file; its envelopes go back to the queue. */
void maker_undo(struct maker *m);
/* End the file, if there is one. DEST_SENT or DEST_RETRY. */
enum dest_result maker_finish(struct maker *m);

#endif
