/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation: the length of a connection
 *
 * The kernel keeps no time of birth. But it sets the times of the last data sent and
 * received (lsndtime, lrcvtime: net/ipv4/tcp_input.c tcp_finish_connect(),
 * tcp_minisocks.c tcp_create_openreq_child()) when the handshake ends, and from then on
 * with each segment of data. So of a connection that never sent data, or never received
 * any, the time since is its age. Of others it is a lower bound, as is the time since a
 * poll saw the socket first; the larger one is told.
 */
#include "source/lifetime.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "record/kernel_abi.h"

#define US_PER_MS 1000
#define NS_PER_US 1000

#define HAS(r, member)        \
	((r)->tcp_info_len >= \
	 offsetof(struct abi_tcp_info, member) + sizeof(((struct abi_tcp_info *)0)->member))

/*
 * A handshake was completed: data came, the SYN was acknowledged, or a round-trip time was measured. Before it the
 * two times are 0, and the kernel's clock is what tcp_info says.
 */
static bool was_established(const struct record *r)
{
	return r->tcp_info_bytes_received > 0 || r->tcp_info_bytes_acked > 0 || r->tcp_info_rtt > 0;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t lifetime_least_us(const struct record *r)
{
	if (!(r->sections & RECORD_HAS(TCP_INFO)) || !HAS(r, tcpi_data_segs_out) || !was_established(r))
		return 0;
	uint64_t sent = (uint64_t)r->tcp_info_last_data_sent * US_PER_MS;
	uint64_t received = (uint64_t)r->tcp_info_last_data_recv * US_PER_MS;
	return larger(larger(sent, received), r->tcp_info_busy_time);
}

static void tell(struct record *r, uint64_t us, enum lifetime_basis basis)
{
	/* Less than a tick is no unknown length. */
	r->duration_us = us > 0 ? us : 1;
	r->duration_basis = basis;
	r->sections |= RECORD_HAS(OWNER);
}

void lifetime_to_record(struct record *r, int64_t first_ns)
{
	uint64_t seen = first_ns > 0 && r->timestamp_ns > first_ns
			    ? (uint64_t)(r->timestamp_ns - first_ns) / NS_PER_US
			    : 0;

	r->duration_us = 0;
	r->duration_basis = LIFETIME_UNKNOWN;
	if (r->inet_diag_msg_socket_destination_port == 0)
		return;
	if (r->sections & RECORD_HAS(TCP_INFO) && HAS(r, tcpi_data_segs_out) && was_established(r)) {
		uint64_t sent = (uint64_t)r->tcp_info_last_data_sent * US_PER_MS;
		uint64_t received = (uint64_t)r->tcp_info_last_data_recv * US_PER_MS;
		if (r->tcp_info_data_segs_out == 0) {
			tell(r, sent, LIFETIME_EXACT);
			return;
		}
		if (r->tcp_info_data_segs_in == 0) {
			tell(r, received, LIFETIME_EXACT);
			return;
		}
		uint64_t least = lifetime_least_us(r);
		if (least > seen) {
			tell(r, least, LIFETIME_TCP_INFO);
			return;
		}
	}
	if (seen > 0)
		tell(r, seen, LIFETIME_FIRST_POLL);
}
