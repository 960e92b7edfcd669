/* SPDX-License-Identifier: MIT */
/* valkey: in a build without hiredis. */
#include <errno.h>

#include "dest/ops.h"

static int valkey_parse(struct dest_io *io, const char *address)
{
	dest_why(io, 0,
		 "is not in this build, which was made without hiredis (meson setup -Dvalkey=enabled)");
	return -EINVAL;
}

const struct dest_ops dest_valkey_ops = {
    .state_size = sizeof(struct dest_io),
    .parse = valkey_parse,
};
