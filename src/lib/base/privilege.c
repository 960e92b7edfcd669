/* SPDX-License-Identifier: MIT */
#include "base/privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"

/*
 * From systemd's range for DynamicUser= (uid_t 61184 to 65519): it has no named
 * users, and a name service knows those in use.
 */
#define SPARE_UID_FIRST 64978
#define SPARE_UID_COUNT 16

static void name_user(struct privilege_user *u, const char *name)
{
	if (name)
		snprintf(u->name, sizeof(u->name), "user %s", name);
	else
		snprintf(u->name, sizeof(u->name), "uid %u", u->uid);
}

void privilege_user_self(struct privilege_user *u)
{
	*u = (struct privilege_user){.uid = geteuid(), .gid = getegid()};
	const struct passwd *known = getpwuid(u->uid);
	name_user(u, known ? known->pw_name : NULL);
}

/* Read a number that is neither negative nor (uid_t)-1, which means "no change" to the kernel. */
static bool parse_id(const char *text, uint32_t *id)
{
	char *end;

	if (!*text || strspn(text, "0123456789") != strlen(text))
		return false;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	*id = (uint32_t)n;
	return errno == 0 && n < UINT32_MAX;
}

int privilege_user_add_groups(const char *list, struct privilege_user *u, char *error, size_t size)
{
	_cleanup_free_ char *copy = strdup(list);
	char *save = NULL;

	if (!copy) {
		snprintf(error, size, "no memory");
		return -ENOMEM;
	}
	for (char *name = strtok_r(copy, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		gid_t gid;
		const struct group *known = getgrnam(name);
		if (known) {
			gid = known->gr_gid;
		} else if (!parse_id(name, &gid)) {
			snprintf(error, size, "unknown group \"%s\"", name);
			return -EINVAL;
		}
		if (u->group_count == PRIVILEGE_GROUPS_MAX) {
			snprintf(error, size, "more than %d groups", PRIVILEGE_GROUPS_MAX);
			return -EINVAL;
		}
		u->groups[u->group_count++] = gid;
	}
	return 0;
}

int privilege_user_find(const char *user, struct privilege_user *u, char *error, size_t size)
{
	uint32_t id;

	*u = (struct privilege_user){0};
	const struct passwd *known = getpwnam(user);
	if (!known && parse_id(user, &id)) {
		u->uid = u->gid = id;
		known = getpwuid(id);
	} else if (!known) {
		snprintf(error, size, "unknown user \"%s\"", user);
		return -EINVAL;
	}
	if (known) {
		u->uid = known->pw_uid;
		u->gid = known->pw_gid;
	}
	name_user(u, known ? known->pw_name : NULL);
	return 0;
}

int privilege_user_spare(struct privilege_user *u, char *error, size_t size)
{
	*u = (struct privilege_user){0};
	for (uid_t id = SPARE_UID_FIRST; id < SPARE_UID_FIRST + SPARE_UID_COUNT; id++) {
		if (getpwuid(id) || getgrgid(id))
			continue;
		u->uid = u->gid = id;
		name_user(u, NULL);
		return 0;
	}
	snprintf(error, size, "no number from %d on is free", SPARE_UID_FIRST);
	return -EINVAL;
}

bool privilege_have(int capability)
{
	return capng_get_caps_process() == 0 && capng_have_capability(CAPNG_EFFECTIVE, capability);
}

bool privilege_can_become(const struct privilege_user *u)
{
	if (!privilege_have(CAP_SETUID) || !privilege_have(CAP_SETGID))
		return false;
	/* setfsuid(2) reports no error: a second call tells whether the first one worked. */
	uid_t before = setfsuid(u->uid);
	bool mapped = (uid_t)setfsuid(before) == u->uid;
	return mapped;
}

/* Return true when all sets of the process are exactly `have`. */
static bool is_exact(const int *capabilities, size_t count, unsigned have)
{
	for (int capability = 0; capability <= CAP_LAST_CAP; capability++) {
		bool wanted = false;
		for (size_t i = 0; i < count; i++)
			wanted |= capabilities[i] == capability && have & (1u << i);
		if (capng_have_capability(CAPNG_EFFECTIVE, capability) != wanted ||
		    capng_have_capability(CAPNG_PERMITTED, capability) != wanted ||
		    capng_have_capability(CAPNG_INHERITABLE, capability) != wanted)
			return false;
	}
	return true;
}

/* Set the sets of `select` to `have`, which has one bit per capability. */
static int set_capabilities(capng_select_t select, const int *capabilities, size_t count, unsigned have)
{
	capng_clear(select);
	for (size_t i = 0; i < count; i++) {
		if (!(have & (1u << i)))
			continue;
		if (select == CAPNG_SELECT_BOUNDS)
			capng_update(CAPNG_ADD, CAPNG_BOUNDING_SET, capabilities[i]);
		else
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE,
				     capabilities[i]);
	}
	return capng_apply(select) < 0 ? -EPERM : 0;
}

/* Permitted capabilities stay; the kernel takes them out of the effective set. */
static int become(const struct privilege_user *u)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(u->group_count, u->groups) < 0 ||
	    setresgid(u->gid, u->gid, u->gid) < 0 || setresuid(u->uid, u->uid, u->uid) < 0)
		return -errno;
	return prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0 ? -errno : 0;
}

int privilege_drop(const struct privilege_user *u, const int *capabilities, size_t count)
{
	unsigned have = 0;
	int r = 0;

	if (capng_get_caps_process() < 0)
		return -EPERM;
	for (size_t i = 0; i < count; i++) {
		if (capng_have_capability(CAPNG_EFFECTIVE, capabilities[i]))
			have |= 1u << i;
	}
	/* First, while the process still has the required capability. */
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		r = set_capabilities(CAPNG_SELECT_BOUNDS, capabilities, count, have);
	if (r == 0 && u)
		r = become(u);
	if (r == 0 && capng_get_caps_process() < 0)
		r = -EPERM;
	/* A service manager that grants exactly the needed capabilities need not allow capset(2). */
	if (r == 0 && !is_exact(capabilities, count, have))
		r = set_capabilities(CAPNG_SELECT_CAPS, capabilities, count, have);
	if (r == 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		r = -errno;
	for (size_t i = 0; i < count && r == 0; i++) {
		if (have & (1u << i) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capabilities[i], 0, 0) < 0)
			r = -errno;
	}
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = -errno;
	return r;
}

static int set_effective(int capability, capng_act_t action)
{
	if (capng_get_caps_process() < 0 || !capng_have_capability(CAPNG_PERMITTED, capability) ||
	    capng_update(action, CAPNG_EFFECTIVE, capability) < 0)
		return -EPERM;
	return capng_apply(CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
}

int privilege_raise(int capability)
{
	return set_effective(capability, CAPNG_ADD);
}

int privilege_lower(int capability)
{
	return set_effective(capability, CAPNG_DROP);
}
