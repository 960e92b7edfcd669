/* SPDX-License-Identifier: MIT */
#ifndef RECORD_STATES_H
#define RECORD_STATES_H
#include <stddef.h>
#include <stdint.h>

/*
 * Parse -states into a mask with bit N for TCP state N: "default" (all but BOUND_INACTIVE, which costs the
 * kernel a walk of a second table), "all", a mask ("0x1ffe"), or a comma-separated list of names in any case,
 * with '_', '-' or neither between their parts. Return 0, or -EINVAL with the unknown word in bad (size
 * bytes).
 */
int tcp_states_parse(const char *text, uint32_t *mask, char *bad, size_t size);

#endif
