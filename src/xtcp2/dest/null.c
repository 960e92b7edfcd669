/* SPDX-License-Identifier: MIT */
/* null: discards every envelope. For benches, and for a daemon that only streams over gRPC. */
#include <errno.h>

#include "dest/ops.h"

static int null_parse(struct dest_io *io, const char *address)
{
	if (address[0]) {
		dest_why(io, 0, "takes no address");
		return -EINVAL;
	}
	return 0;
}

static enum dest_result null_send(struct dest_io *io, struct envelope *e, int64_t deadline_ns)
{
	return DEST_SENT;
}

const struct dest_ops dest_null_ops = {
    .state_size = sizeof(struct dest_io),
    .parse = null_parse,
    .send = null_send,
};
