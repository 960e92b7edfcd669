/* SPDX-License-Identifier: MIT */
#include "record/still.h"

#include <string.h>

#include "base/hash.h"
#include "record/encoder.h"
#include "record/field.h"

/* Of a listener the kernel sends no ages. */
#define TCP_LISTEN 10

/* Fields that do not count. F(name) */
/* clang-format off */
#define ABOUT_THE_POLL(F) \
	F(timestamp_ns) F(record_counter) F(socket_fd) F(netlinker_id) F(poll) F(since_full) F(poll_sockets)
#define AGES(F) \
	F(tcp_info_last_data_sent) F(tcp_info_last_ack_sent) F(tcp_info_last_data_recv) F(tcp_info_last_ack_recv) \
	F(inet_diag_msg_expires)
/* clang-format on */

uint64_t record_fingerprint(struct record *r, struct buf *room)
{
	/* Zero is not on the wire. The values are put back: the record is that of the worker. */
#define KEEP(name) __typeof__(r->name) kept_##name = r->name;
#define ZERO(name) r->name = 0;
#define BACK(name) r->name = kept_##name;
	ABOUT_THE_POLL(KEEP)
	AGES(KEEP)
	ABOUT_THE_POLL(ZERO)
	AGES(ZERO)
	buf_reset(room);
	wire_encode(room, r);
	ABOUT_THE_POLL(BACK)
	AGES(BACK)
#undef KEEP
#undef ZERO
#undef BACK
	return buf_ok(room) ? hash_bytes(room->data, room->len) : 0;
}

static void grow(uint32_t *age, int64_t ms)
{
	int64_t sum = *age + ms;

	*age = sum < 0 ? 0 : sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

void record_pass_time(struct record *r, int64_t ms)
{
	if ((r->sections & RECORD_HAS(TCP_INFO)) && r->tcp_info_state != TCP_LISTEN) {
		grow(&r->tcp_info_last_data_sent, ms);
		grow(&r->tcp_info_last_data_recv, ms);
		grow(&r->tcp_info_last_ack_recv, ms);
	}
	if (r->inet_diag_msg_timer)
		grow(&r->inet_diag_msg_expires, -ms);
}
