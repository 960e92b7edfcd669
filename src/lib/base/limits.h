/* SPDX-License-Identifier: MIT */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H
/* Resource limits of this process. */
#include <sys/resource.h>

/* Raise the soft limit of open files to the hard one and return it; the soft one when that fails. */
static inline rlim_t limits_raise_files(void)
{
	struct rlimit limit = {0};

	getrlimit(RLIMIT_NOFILE, &limit);
	rlim_t soft = limit.rlim_cur;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : soft;
}

#endif
