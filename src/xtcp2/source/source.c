/* SPDX-License-Identifier: MIT */
#include "source/source.h"

#include <string.h>

#include "enrich/enrichment.h"
#include "stats/stats.h"
#include "version.h"

const struct source_row source_table[] = {
    {"netlink", &source_netlink},	      /* dumps of each namespace, with recvmsg(2) */
    {"netlink-uring", &source_netlink_uring}, /* the same with io_uring */
#if XTCP2_BPF
    {"bpf", &source_bpf}, /* one walk over the sockets of all namespaces */
#endif
    {NULL},
};

const struct source_ops *source_find(const char *name)
{
	for (const struct source_row *row = source_table; row->name; row++) {
		if (strcmp(row->name, name) == 0)
			return row->ops;
	}
	return NULL;
}

void source_set_netns(struct record *record, const struct netns *ns)
{
	record->netns = str_of(ns->name);
	record->netns_inode = ns->ino;
	record->netns_cookie = ns->cookie;
	record->nsid = ns->nsid > 0 ? (uint32_t)ns->nsid : 0;
	container_to_record(enrichment_container(ns), record);
}

void source_count_decode(const struct decode_counts *counts)
{
	stat_add(STAT_DECODE_SHORT, counts->short_messages);
	stat_add(STAT_DECODE_BAD_FAMILY, counts->bad_family);
	stat_add(STAT_DECODE_BAD_ATTR, counts->bad_attributes);
	stat_add(STAT_DECODE_UNKNOWN_ATTR, counts->unknown_attributes);
	stat_add(STAT_DECODE_INFO_TAIL, counts->info_tails);
}
