/* SPDX-License-Identifier: MIT */
#ifndef BASE_EXPAND_H
#define BASE_EXPAND_H
/*
 * Reads a file that may be compressed: gzip and zstd are recognised by their first bytes, several members or frames one
 * after the other are read as one, everything else passes unchanged. Memory is constant. One thread per object.
 */
#include <stddef.h>
#include <sys/types.h>

struct expand;

/* Read from a descriptor, which stays the caller's. NULL without memory. */
struct expand *expand_new(int fd);
void expand_free(struct expand *e);

/*
 * Read up to `size` bytes of the content. Return their number, 0 at the end, -EBADMSG where the compression is damaged or ends too
 * early, -ENOTSUP for zstd in a program built without it, or another -errno of read(2). May block.
 */
ssize_t expand_read(struct expand *e, void *to, size_t size);

/* "", "gzip", "zstd"; known after the first read. */
const char *expand_kind(const struct expand *e);

#endif
