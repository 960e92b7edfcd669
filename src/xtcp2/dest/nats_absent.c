/* SPDX-License-Identifier: MIT */
/* nats: in a build without libnats. */
#include <errno.h>

#include "dest/ops.h"

static int nats_parse(struct dest_io *io, const char *address)
{
	dest_why(io, 0, "is not in this build, which was made without libnats (meson setup -Dnats=enabled)");
	return -EINVAL;
}

const struct dest_ops dest_nats_ops = {
    .state_size = sizeof(struct dest_io),
    .parse = nats_parse,
};
