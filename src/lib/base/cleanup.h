/* SPDX-License-Identifier: MIT */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H
/*
 * Scope-bound ownership for locals. A file descriptor starts at -1 and a
 * pointer at NULL; both are released when the scope ends unless handed over
 * with take_fd() or take_ptr().
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* "unused": a variable that only exists to be released is one to clang. */
#define _cleanup_(fn) __attribute__((cleanup(fn), unused))

static inline void cleanup_freep(void *p)
{
	free(*(void **)p);
}

/* Keep errno, so that "return -errno" after a failed call stays right. */
static inline void cleanup_closep(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;
		close(*fd);
		errno = saved;
	}
}

static inline void cleanup_fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define _cleanup_free_	 _cleanup_(cleanup_freep)
#define _cleanup_close_	 _cleanup_(cleanup_closep)
#define _cleanup_fclose_ _cleanup_(cleanup_fclosep)

/* Hand over ownership: the variable is left empty, the value returned. */
#define take_fd(fd)             \
	({                      \
		int fd_ = (fd); \
		(fd) = -1;      \
		fd_;            \
	})
#define take_ptr(p)                     \
	({                              \
		__typeof__(p) p_ = (p); \
		(p) = NULL;             \
		p_;                     \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
