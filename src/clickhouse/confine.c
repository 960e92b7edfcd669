/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Landlock only has rules that allow, and their effect adds up. The passwords are files in the data
 * directory, so the rules keep them from the engine by allowing everything else there: files may be made in
 * the directory itself but not read, apart from `status`, and its subdirectories may be used in full.
 */
#include "clickhouse/confine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

static int identity_of(const char *name, struct confine_identity *who)
{
	const struct passwd *p = getpwnam(name);

	if (!p)
		return -ENOENT;
	who->change = true;
	who->uid = p->pw_uid;
	who->gid = p->pw_gid;
	snprintf(who->name, sizeof(who->name), "%s", name);
	return 0;
}

int confine_identify(const char *user, const char *data, struct confine_identity *who, struct buf *error)
{
	struct stat st;

	*who = (struct confine_identity){0};
	if (user && *user) {
		if (identity_of(user, who)) {
			buf_printf(error, "-runAs %s: there is no such user", user);
			return -ENOENT;
		}
		who->change = who->uid != geteuid() || who->gid != getegid();
		if (!who->change || geteuid() == 0)
			return 0;
		buf_printf(error, "-runAs %s: only root can become another user", user);
		return -EPERM;
	}
	if (geteuid() != 0)
		return 0;
	if (stat(data, &st)) {
		if (!identity_of("xtcp2-clickhouse", who) || !identity_of("nobody", who))
			return 0;
	} else if (!S_ISDIR(st.st_mode)) {
		buf_printf(error, "%s: %s", data, strerror(ENOTDIR));
		return -ENOTDIR;
	} else if (st.st_uid) {
		who->change = true;
		who->uid = st.st_uid;
		who->gid = st.st_gid;
		snprintf(who->name, sizeof(who->name), "uid %u, the owner of %.30s", st.st_uid, data);
		return 0;
	}
	buf_printf(
	    error,
	    "does not run as root: %s belongs to root. Give it to the user who is to run it (chown -R USER "
	    "%s), or say -runAs root",
	    data, data);
	return -EPERM;
}

int confine_become(const struct confine_identity *who)
{
	if (!who->change)
		return 0;
	if (setgroups(0, NULL) || setresgid(who->gid, who->gid, who->gid) ||
	    setresuid(who->uid, who->uid, who->uid))
		return -errno;
	return 0;
}

/* Names that headers of older kernels lack: linux/landlock.h of 6.2 and 6.7. */
#define FS_REFER    (UINT64_C(1) << 13)
#define FS_TRUNCATE (UINT64_C(1) << 14)
#define NET_CONNECT (UINT64_C(1) << 1)

#define FS_READ \
	((uint64_t)LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_EXECUTE)
#define FS_MAKE_FILE                                                             \
	((uint64_t)LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR)
#define FS_ALL ((UINT64_C(1) << 13) - 1)

/* struct landlock_ruleset_attr with the network's word, which headers before 6.7 lack. */
struct ruleset {
	uint64_t fs, net;
};

struct landlock {
	int fd;
	struct ruleset handled;
};

/* Allow `access` below a path. A missing path needs no rule. */
static int allow(const struct landlock *l, const char *path, uint64_t access)
{
	struct stat st;
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st))
		return errno == ENOENT || errno == EACCES || errno == ENOTDIR ? 0 : -errno;
	if (!S_ISDIR(st.st_mode))
		access &= (uint64_t)LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
			  LANDLOCK_ACCESS_FS_EXECUTE | FS_TRUNCATE;
	const struct landlock_path_beneath_attr rule = {.allowed_access = access & l->handled.fs,
							.parent_fd = fd};
	return syscall(SYS_landlock_add_rule, l->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) ? -errno : 0;
}

/* Readable: libraries, time zones, names of hosts and users, certificates, properties of the machine. */
static const char *const readable[] = {
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/share/zoneinfo",
    "/usr/share/ca-certificates",
    "/nix/store",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/passwd",
    "/etc/group",
    "/etc/ssl/certs",
    "/etc/pki/tls/certs",
    "/run/systemd/resolve",
    "/proc",
    "/sys/fs/cgroup",
    "/sys/devices/system",
    "/sys/block",
};

static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"};

static int allow_data(const struct landlock *l, const char *data)
{
	DIR *dir = opendir(data);
	char path[PATH_MAX + NAME_MAX + 2];

	if (!dir)
		return -errno;
	int r = allow(l, data, FS_MAKE_FILE | LANDLOCK_ACCESS_FS_READ_DIR);

	for (const struct dirent *e; !r && (e = readdir(dir));) {
		if (e->d_name[0] == '.' || e->d_type != DT_DIR)
			continue;
		snprintf(path, sizeof(path), "%s/%s", data, e->d_name);
		r = allow(l, path, FS_ALL | FS_REFER | FS_TRUNCATE);
	}
	closedir(dir);
	snprintf(path, sizeof(path), "%s/status", data);
	return r ? r : allow(l, path, FS_ALL | FS_TRUNCATE);
}

static int allow_places(const struct landlock *l, const struct confine_places *p)
{
	char log[PATH_MAX];
	int r = allow_data(l, p->data);

	for (size_t i = 0; !r && i < ARRAY_SIZE(readable); i++)
		r = allow(l, readable[i], FS_READ);
	for (size_t i = 0; !r && i < ARRAY_SIZE(devices); i++)
		r = allow(l, devices[i], FS_ALL);
	if (!r && p->files && *p->files)
		r = allow(l, p->files, FS_ALL | FS_REFER | FS_TRUNCATE);
	if (!r && p->log && *p->log) {
		snprintf(log, sizeof(log), "%s", p->log);
		r = allow(l, dirname(log), FS_MAKE_FILE | FS_READ | FS_TRUNCATE | FS_REFER);
	}
	return r;
}

static int landlock_open(bool connect, struct landlock *l)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (abi < 1)
		return 0;
	l->handled.fs = FS_ALL | (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0);
	/* A broker may name other brokers, at any port: all of TCP or none. */
	l->handled.net = abi < 4 || connect ? 0 : NET_CONNECT;
	size_t size = abi < 4 ? sizeof(l->handled.fs) : sizeof(l->handled);
	l->fd = (int)syscall(SYS_landlock_create_ruleset, &l->handled, size, 0);
	return l->fd < 0 ? -errno : 1;
}

int confine_process(const struct confine_places *places, struct buf *error)
{
	struct landlock l = {-1, {0}};

	if (setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
		buf_printf(error, "no_new_privs cannot be set: %s", strerror(errno));
		return -EPERM;
	}
	int r = landlock_open(places->connect, &l);
	if (r <= 0)
		goto end;
	r = allow_places(&l, places);
	if (!r)
		r = syscall(SYS_landlock_restrict_self, l.fd, 0) ? -errno : 1;
	close(l.fd);
end:
	if (r < 0)
		buf_printf(error, "Landlock cannot be set up: %s", strerror(-r));
	return r;
}
