/* SPDX-License-Identifier: MIT */
#include "run/ledger.h"

#include <poll.h>

#include "stats/stats.h"

static bool reader_gone(const struct dest *d)
{
	struct pollfd p = {.fd = dest_ended_fd(d), .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

uint64_t ledger_lost(void)
{
	return stat_get(STAT_RECORDS_QUEUE_FULL) + stat_get(STAT_RECORDS_SEND_FAILED) +
	       stat_get(STAT_RECORDS_DEADLINE) + stat_get(STAT_RECORDS_OVERSIZE);
}

const char *ledger_verdict(const struct dest *d)
{
	if (reader_gone(d))
		return stat_get(STAT_RECORDS_QUEUE_FULL) + stat_get(STAT_RECORDS_OVERSIZE) > 0
			   ? "; exit status 3: records were lost before the reader went"
			   : "";
	if (ledger_lost() > 0)
		return "; exit status 3: records were lost";
	if (stat_get(STAT_S3_DROPPED) > 0)
		return "; exit status 3: objects that the store refused were dropped";
	return dest_failing(d) ? "; exit status 3: the destination was not reached" : "";
}

int ledger_status(const struct dest *d)
{
	return ledger_verdict(d)[0] ? STATUS_UNDELIVERED : 0;
}
