/* SPDX-License-Identifier: MIT */
#include "control/option_name.h"

#include <stddef.h>
#include <string.h>

/* End with flag NULL. */
static const struct option_name table[] = {
#define OPTION(flag_, member_, TYPE_, default_, min_, max_, field_, help_) {flag_, field_, default_},
#define OPTION_GROUP(title)
#include "control/options.def"
#undef OPTION
#undef OPTION_GROUP
    {0},
};

const struct option_name *option_name_find(const char *flag)
{
	for (const struct option_name *o = table; o->flag; o++) {
		if (strcmp(o->flag, flag) == 0)
			return o;
	}
	return NULL;
}

const struct option_name *option_name_of_field(uint32_t number)
{
	for (const struct option_name *o = table; o->flag; o++) {
		if (o->proto_field == number)
			return o;
	}
	return NULL;
}
