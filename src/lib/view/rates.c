/* SPDX-License-Identifier: MIT */
#include "view/rates.h"

#include <string.h>

#include "base/clock.h"

/* Return the growth per second between two counts; VIEW_NONE if the count fell, as of a reused socket. */
static double rate_of(uint64_t before, uint64_t now, double seconds)
{
	return now < before ? VIEW_NONE : (double)(now - before) / seconds;
}

/* A socket in TIME_WAIT, or one that is not connected, has no counters and so no rate. */
void view_rates(struct view_counts *last, const struct record *r, double rates[static VIEW_RATE_MAX_])
{
	const uint64_t counts[VIEW_RATE_MAX_] = {
	    [VIEW_SEND_RATE] = r->tcp_info_bytes_acked,
	    [VIEW_RECV_RATE] = r->tcp_info_bytes_received,
	    [VIEW_RETRANS_RATE] = r->tcp_info_total_retrans,
	};
	double seconds = (double)(r->timestamp_ns - last->time_ns) / (double)NS_PER_SEC;
	bool counted = r->sections & RECORD_HAS(TCP_INFO);

	for (size_t i = 0; i < VIEW_RATE_MAX_; i++) {
		if (!counted || !last->counted)
			rates[i] = VIEW_NONE;
		else if (seconds > 0)
			rates[i] = rate_of(last->counts[i], counts[i], seconds);
	}
	last->counted = counted;
	last->time_ns = r->timestamp_ns;
	memcpy(last->counts, counts, sizeof(counts));
}
