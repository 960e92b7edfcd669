/* SPDX-License-Identifier: MIT */
#ifndef BASE_PRIVILEGE_H
#define BASE_PRIVILEGE_H
/*
 * User, groups and capabilities (credentials(7), capabilities(7)) of this process,
 * and how to drop them. Call before threads are started: a drop
 * of capabilities applies to the calling thread and to those it starts later.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Supplementary groups that a user of privilege_become() may have. */
#define PRIVILEGE_GROUPS_MAX 16

struct privilege_user {
	uid_t uid;
	gid_t gid;
	gid_t groups[PRIVILEGE_GROUPS_MAX]; /* supplementary */
	size_t group_count;
	char name[64]; /* for logs: "user NAME" or "uid N" */
};

/* Get the current user of this process. */
void privilege_user_self(struct privilege_user *u);

/*
 * Find a user by name or number; no supplementary groups. A number need not be
 * known to the system: its group is the same number. 0, or -EINVAL with a clause
 * in error (size bytes). Reads files and may ask name services.
 */
int privilege_user_find(const char *user, struct privilege_user *u, char *error, size_t size);

/* Find an unused user: the first number of a small range that no name service knows. Errors as above. */
int privilege_user_spare(struct privilege_user *u, char *error, size_t size);

/* Add the groups of a comma-separated list of names and numbers. As above. */
int privilege_user_add_groups(const char *list, struct privilege_user *u, char *error, size_t size);

/* Return true when privilege_drop() can become the user: a container may forbid it, a user namespace may
 * lack it. */
bool privilege_can_become(const struct privilege_user *u);

/* capability is a CAP_ number of linux/capability.h. */
bool privilege_have(int capability);

/*
 * Become the user (NULL: no change) with its supplementary groups and no others.
 * Keep those of the `count` capabilities that the process has, and drop all others
 * from the effective, permitted, inheritable, ambient and, where allowed, bounding
 * set. Kept capabilities are also ambient, so that they survive an exec as an
 * ordinary user. No later exec gains privileges (no_new_privs). Return 0 or
 * -errno; after an error the process must end.
 */
int privilege_drop(const struct privilege_user *u, const int *capabilities, size_t count);

/*
 * Take a permitted capability into or out of the effective set of the calling
 * thread. 0 (also when it was so already) or -EPERM.
 */
int privilege_raise(int capability);
int privilege_lower(int capability);

#endif
