/* SPDX-License-Identifier: MIT */
#include "source/source.h"

#include "stats/stats.h"

void source_count_decode(const struct decode_counts *counts)
{
	stat_add(STAT_DECODE_SHORT, counts->short_messages);
	stat_add(STAT_DECODE_BAD_FAMILY, counts->bad_family);
	stat_add(STAT_DECODE_BAD_ATTR, counts->bad_attributes);
	stat_add(STAT_DECODE_UNKNOWN_ATTR, counts->unknown_attributes);
	stat_add(STAT_DECODE_INFO_TAIL, counts->info_tails);
}
