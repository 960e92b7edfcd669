/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_OPTION_NAME_H
#define CONTROL_OPTION_NAME_H
/*
 * The daemon's options for its control client, by name and by field of
 * xtcp_config.v1.XtcpConfig, from options.def.
 */
#include <stdint.h>

struct option_name {
	const char *flag;     /* "frequency" */
	uint32_t proto_field; /* 0 for none */
	const char *default_text;
};

/* Find by exact flag, or by field number (never 0). NULL when there is none. */
const struct option_name *option_name_find(const char *flag);
const struct option_name *option_name_of_field(uint32_t number);

#endif
