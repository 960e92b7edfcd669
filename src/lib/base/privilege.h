/* SPDX-License-Identifier: MIT */
#ifndef BASE_PRIVILEGE_H
#define BASE_PRIVILEGE_H
/*
 * Capabilities (capabilities(7)): what this process has, and giving up the rest.
 * Call before threads are started: a drop applies to the calling thread and to
 * those it starts later.
 */
#include <stdbool.h>
#include <stddef.h>

/* capability is a CAP_ number of linux/capability.h. */
bool privilege_have(int capability);

/*
 * Keeps those of the `count` capabilities that the process has and drops every
 * other one from the effective, permitted, inheritable and, where allowed,
 * bounding set. 0 or -errno.
 */
int privilege_keep(const int *capabilities, size_t count);

/*
 * Takes a permitted capability into or out of the effective set of the calling
 * thread. 0 (also when it was so already) or -EPERM.
 */
int privilege_raise(int capability);
int privilege_lower(int capability);

#endif
