/* SPDX-License-Identifier: MIT */
#ifndef DEST_WHOLE_H
#define DEST_WHOLE_H
/*
 * Theory of operation
 *
 * A file that appears under its name when it is whole, and not before. Until then
 * it is DIRECTORY/.NAME.part, locked by its writer (flock). Whoever writes it marks
 * the places where it could end, and with which bytes (the footer of Parquet;
 * nothing for lines and frames); the last mark is kept beside it, in
 * .NAME.part.end. After a crash, whole_recover() cuts the file at its last mark,
 * appends those bytes and gives it its name: all that was marked is kept, and
 * nothing that is cut in the middle is ever seen.
 *
 *	whole_begin(&w, directory, "a.csv")
 *	whole_write(&w, ...), whole_mark(&w, "", 0)		again and again
 *	whole_finish(&w, name)	or  whole_abandon(&w)
 *
 * A write that fails is taken back to the last mark with whole_back(). No file is
 * ever overwritten: where NAME exists, the new one becomes a-1.csv, a-2.csv and so on.
 *
 * All functions block for as long as the file system does; one thread. Those that
 * return int return 0 or -errno.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* The longest NAME without its NUL: dot, ".part.end" and "-9999" fit into 255 bytes around it. */
#define WHOLE_NAME_MAX	230
/* The longest name of a finished file, with the NUL. */
#define WHOLE_NAME_SIZE 256

/* When bytes are forced to the disk. */
enum whole_sync {
	WHOLE_SYNC_NONE, /* when the kernel likes */
	WHOLE_SYNC_FILE, /* before a file gets its name */
	WHOLE_SYNC_MARK, /* before whole_mark() returns, too */
};

struct whole {
	int dir;	      /* of the file; -1 between files */
	int fd, end_fd;	      /* .NAME.part and .NAME.part.end */
	uint64_t at;	      /* bytes written */
	uint64_t marked;      /* of them, bytes before the last mark ... */
	struct buf tail;      /* ... and what follows them in a whole file */
	enum whole_sync sync; /* set by the caller at any time */
	char name[WHOLE_NAME_MAX + 1];
};

/* An object without a file. */
/* Releases of clang-format differ over braces in a macro. */
/* clang-format off */
#define WHOLE_NONE {.dir = -1, .fd = -1, .end_fd = -1}
/* clang-format on */

static inline bool whole_is_open(const struct whole *w)
{
	return w->fd >= 0;
}

/*
 * Begin DIRECTORY/NAME, with no mark: w has no file. -EBUSY when another process is at it,
 * -EEXIST when an unfinished one is there, which whole_recover() ends.
 */
int whole_begin(struct whole *w, const char *directory, const char *name);
/* Append all of the bytes. After an error some may be there: whole_back(). */
int whole_write(struct whole *w, const void *data, size_t len);
/* Say that the file may end here, followed by the tail. After an error the mark before this one holds. */
int whole_mark(struct whole *w, const void *tail, size_t len);
/* Remove what was written after the last mark. */
int whole_back(struct whole *w);
/*
 * End the file at its last mark and give it its name, which is written to name when that is not NULL.
 * w has no file then. After an error it still has, and whole_finish() may be tried again.
 */
int whole_finish(struct whole *w, char name[WHOLE_NAME_SIZE]);
/* Remove the file. Without one, do nothing. */
void whole_abandon(struct whole *w);
/* Leave the unfinished file for whole_recover(). Without one, do nothing. */
void whole_leave(struct whole *w);

/* Write the name of the n-th file that would be NAME: NAME itself for 0, else with -N before its first dot. */
void whole_numbered(const char *name, unsigned n, char numbered[WHOLE_NAME_SIZE]);

/* Tell whether it is the name of an unfinished file, and write what it is to become. */
bool whole_is_part(const char *file, char name[WHOLE_NAME_MAX + 1]);
/*
 * Finish DIRECTORY/.NAME.part that a crash has left, at its last mark, as whole_finish() does. -EBUSY while
 * its writer lives. Without a mark nothing in it was ever confirmed: it is removed, and name is "".
 * -EBADMSG when it is shorter than its mark (the disk lost bytes): it is left as it is.
 */
int whole_recover(const char *directory, const char *name, enum whole_sync sync,
		  char finished[WHOLE_NAME_SIZE]);

#endif
