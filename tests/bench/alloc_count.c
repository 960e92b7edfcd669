/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into the daemon by the bench: counts allocations and writes the
 * number into the file that ALLOC_COUNT_FILE names when the process ends.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned long long count;

/* glibc's internal names of malloc(3) and others: looking them up with dlsym(3) would itself allocate. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t size);

void *malloc(size_t size)
{
	__atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	__atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	__atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);
	return __libc_realloc(p, size);
}

__attribute__((destructor)) static void report(void)
{
	unsigned long long n = count;
	const char *path = getenv("ALLOC_COUNT_FILE");
	FILE *f = path ? fopen(path, "w") : NULL;
	if (f) {
		fprintf(f, "%llu\n", n);
		fclose(f);
	}
}
