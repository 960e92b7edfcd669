/* SPDX-License-Identifier: MIT */
#include "stats/stats.h"

const struct stat_info stat_table[STAT_MAX_] = {
#define STAT(id_, kind_, name_, labels_, scale_, function_, variable_, help_) \
	[STAT_##id_] = {#id_, STAT_KIND_##kind_, name_, labels_, scale_, function_, variable_, help_},
#include "stats/stats.def"
#undef STAT
};

uint64_t stat_cells[STAT_MAX_];
