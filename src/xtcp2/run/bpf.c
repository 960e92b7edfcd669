/* SPDX-License-Identifier: MIT */
#include "run/bpf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "config/config.h"
#include "run/handover.h"
#include "run/refusal.h"
#include "version.h"
#if XTCP2_BPF
#include "source/bpf/self_check.h"
#include "source/bpf/walker.h"
#endif

static int fall_back(const struct config *config, const char *why)
{
	if (strcmp(config->source, "bpf") == 0)
		return refuse("source", " bpf: %s", why);
	log_notice("xtcp2", "-source auto reads through netlink: %s", why);
	return 0;
}

#if XTCP2_BPF
/* No path is like these. */
static const char *const fd_names[WALKER_FDS] = {[WALKER_SLOTS] = "bpf:slots",
						 [WALKER_SHARED] = "bpf:shared",
						 [WALKER_WALK] = "bpf:walk",
						 [WALKER_NETS] = "bpf:nets"};

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

static struct walker *prepare(const struct handover *received, char *error, size_t size)
{
	int fds[WALKER_FDS];

	return take(received, fds) ? walker_adopt(fds, error, size) : walker_new(error, size);
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
#else
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

int bpf_prepare(const struct config *config, struct source_config *source, const struct handover *received)
{
	char error[256];

	if (strcmp(config->source, "netlink") == 0)
		return 0;
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

	if (!source->walker || bpf_self_check(source, table, why, sizeof(why)) == 0)
		return 0;
	snprintf(line, sizeof(line), "it does not read what netlink does: %s", why);
	int r = fall_back(config, line);
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
