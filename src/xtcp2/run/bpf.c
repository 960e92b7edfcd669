/* SPDX-License-Identifier: MIT */
#include "run/bpf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "config/config.h"
#include "run/refusal.h"
#include "version.h"
#if XTCP2_BPF
#include "source/bpf/self_check.h"
#include "source/bpf/walker.h"
#endif

static const char *const choices[] = {"auto", "netlink", "bpf"};

static int check(const struct config *config)
{
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
		if (strcmp(config->source, choices[i]) == 0)
			return 0;
	}
	return refuse("source", ": unknown source \"%s\"; possible: auto, netlink, bpf", config->source);
}

static int fall_back(const struct config *config, const char *why)
{
	if (strcmp(config->source, "bpf") == 0)
		return refuse("source", " bpf: %s", why);
	log_notice("xtcp2", "-source auto reads through netlink: %s", why);
	return 0;
}

int bpf_prepare(const struct config *config, struct source_config *source)
{
	int r = check(config);

	if (r < 0 || strcmp(config->source, "netlink") == 0)
		return r;
#if XTCP2_BPF
	char error[256];
	source->walker = walker_new(error, sizeof(error));
	return source->walker ? 0 : fall_back(config, error);
#else
	return fall_back(config, "this build has no BPF source (-Dbpf=enabled)");
#endif
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
				    struct netns_table *table, const char **name)
{
	int r = check_reading(config, source, table);

	*name = source->walker ? "bpf" : config->io_uring ? "netlink-uring" : "netlink";
	return r < 0 ? NULL : source_find(*name);
}
