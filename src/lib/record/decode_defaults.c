/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <sys/utsname.h>

#include "record/decode.h"

void decode_defaults(struct decode_options *options)
{
	struct utsname u;
	unsigned major = 0, minor = 0;

	*options = (struct decode_options){.attributes = UINT64_MAX};
	if (uname(&u) == 0 && sscanf(u.release, "%u.%u", &major, &minor) == 2)
		options->accecn_u16 = major == 6 && (minor == 18 || minor == 19);
}
