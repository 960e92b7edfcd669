/* SPDX-License-Identifier: MIT */
#include "run/bpf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/privilege.h"
#include "config/config.h"
#include "run/handover.h"
#include "run/refusal.h"
#include "version.h"
#if XTCP2_BPF
#include "source/bpf/self_check.h"
#include "source/bpf/walker.h"
#endif

/* Inode of the pid namespace of the machine (PROC_PID_INIT_INO in include/linux/proc_ns.h). */
#define PID_NS_INITIAL 0xEFFFFFFCU

static int fall_back(const struct config *config, const char *why)
{
	if (strcmp(config->source, "bpf") == 0)
		return refuse("source", " bpf: %s", why);
	log_info("xtcp2", "-source auto reads through netlink: %s", why);
	return 0;
}

#if XTCP2_BPF
/* No path is like these. */
static const char *const fd_names[WALKER_FDS] = {[WALKER_SLOTS] = "bpf:slots",
						 [WALKER_SHARED] = "bpf:shared",
						 [WALKER_WALK] = "bpf:walk",
						 [WALKER_NETS] = "bpf:nets",
						 [WALKER_DESCRIPTORS] = "bpf:descriptors",
						 [WALKER_PROCESSES] = "bpf:processes"};

/* The programs of the process before, which this one has no capability to load. false when it left none. */
static bool take(const struct handover *received, int fds[WALKER_FDS])
{
	for (int i = 0; i < WALKER_FDS; i++) {
		fds[i] = handover_take(received, fd_names[i]);
		if (fds[i] >= 0)
			continue;
		while (i-- > 0)
			close(fds[i]);
		return false;
	}
	return true;
}

/* This process follows another one, or is its trial: it has no right to load programs. */
static bool is_successor(const struct handover *received)
{
	return received->fallback >= 0 || received->report >= 0;
}

static struct walker *prepare(const struct handover *received, char *error, size_t size)
{
	int fds[WALKER_FDS];

	if (take(received, fds))
		return walker_adopt(fds, error, size);
	if (!is_successor(received))
		return walker_new(error, size);
	snprintf(error, size, "this daemon was started with it, and loads programs at a new start alone");
	return NULL;
}

void bpf_lend(const struct source_config *source, struct handover *left)
{
	for (int i = 0; source->walker && i < WALKER_FDS; i++)
		handover_leave(left, fd_names[i], source->walker->fds[i]);
}

void bpf_give(const struct source_config *source, struct handover *left)
{
	for (int i = 0; source->walker && i < WALKER_FDS; i++) {
		int copy = fcntl(source->walker->fds[i], F_DUPFD_CLOEXEC, 3);
		if (copy >= 0)
			handover_leave(left, fd_names[i], copy);
	}
}

int bpf_processes(void *source, void (*fn)(void *data, pid_t pid, ino_t inode), void *data)
{
	struct walker *walker = ((struct source_config *)source)->walker;

	return walker ? walker_processes(walker, fn, data) : -EOPNOTSUPP;
}
#else
int bpf_processes(void *source, void (*fn)(void *data, pid_t pid, ino_t inode), void *data)
{
	return -EOPNOTSUPP;
}

static struct walker *prepare(const struct handover *received, char *error, size_t size)
{
	snprintf(error, size, "this build has no BPF source (-Dbpf=enabled)");
	return NULL;
}

void bpf_lend(const struct source_config *source, struct handover *left)
{
}

void bpf_give(const struct source_config *source, struct handover *left)
{
}
#endif

/*
 * Why -source auto leaves a kernel that may have all it takes alone; NULL for no reason. It reads by BPF only what
 * netlink would read, too.
 */
static const char *unsuited(const struct config *config)
{
	struct stat st;

	if (config->io_uring)
		return "-ioUring is a way to read netlink";
	if (config->write_files)
		return "-writeFiles keeps what netlink sends";
	if (!privilege_have(CAP_SYS_ADMIN))
		return "CAP_SYS_ADMIN is missing";
	if (stat("/proc/self/ns/pid", &st) < 0 || st.st_ino != PID_NS_INITIAL)
		return "a walk would read the sockets of the whole machine, of which this container sees a part";
	return NULL;
}

int bpf_prepare(const struct config *config, struct source_config *source, const struct handover *received)
{
	char error[256];

	if (strcmp(config->source, "netlink") == 0)
		return 0;
	const char *reason = strcmp(config->source, "auto") == 0 ? unsuited(config) : NULL;
	if (reason)
		return fall_back(config, reason);
	source->walker = prepare(received, error, sizeof(error));
	return source->walker ? 0 : fall_back(config, error);
}

void bpf_release(struct source_config *source)
{
#if XTCP2_BPF
	walker_free(source->walker);
#endif
	source->walker = NULL;
}

#if XTCP2_BPF
/* 0, also after falling back, or -EINVAL. */
static int check_reading(const struct config *config, struct source_config *source, struct netns_table *table)
{
	char why[200] = "";
	char line[256];

	int r = source->walker ? bpf_self_check(source, table, why, sizeof(why)) : 0;
	if (r == 0)
		return 0;
	if (r == -EAGAIN && strcmp(config->source, "bpf") == 0) {
		log_notice("xtcp2", "-source bpf is not compared with netlink: %s", why);
		return 0;
	}
	snprintf(line, sizeof(line),
		 r == -EAGAIN ? "it could not be compared with netlink: %s"
			      : "it does not read what netlink does: %s",
		 why);
	r = fall_back(config, line);
	bpf_release(source);
	return r;
}
#else
static int check_reading(const struct config *config, struct source_config *source, struct netns_table *table)
{
	return 0;
}
#endif

const struct source_ops *bpf_choose(const struct config *config, struct source_config *source,
				    struct netns_table *table, bool trial, const char **name)
{
	int r = trial ? 0 : check_reading(config, source, table);

	*name = source->walker ? "bpf" : config->io_uring ? "netlink-uring" : "netlink";
	return r < 0 ? NULL : source_find(*name);
}
