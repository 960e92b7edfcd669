/* SPDX-License-Identifier: MIT */
#ifndef RECORD_POLICY_H
#define RECORD_POLICY_H
/*
 * The table of inet_diag attributes: how decode.c expands each, and its name in
 * -deserializers. Internal to the record stage.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/decode.h"
#include "record/kernel_abi.h"
#include "record/nl.h"

struct decoder {
	const struct decode_options *options;
	struct record *r;
	struct decode_counts *counts;
};

struct attribute_policy {
	const char *name; /* of -deserializers; NULL where there is nothing to choose */
	size_t min;	  /* a shorter payload is damage; a longer one comes from a newer kernel */
	uint8_t asked_by; /* attribute whose bit in idiag_ext brings this one; 0: comes unasked */
	/* Return false on damage, with the section left out of the record. */
	bool (*decode)(struct decoder *d, const struct attr *a);
};

extern const struct attribute_policy attribute_policy[ABI_INET_DIAG_MAX + 1];

#endif
