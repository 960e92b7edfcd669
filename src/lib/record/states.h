/* SPDX-License-Identifier: MIT */
#ifndef RECORD_STATES_H
#define RECORD_STATES_H
#include <stddef.h>
#include <stdint.h>

/*
 * Parse -states into a mask with bit N for TCP state N: "default" (all but BOUND_INACTIVE, which costs the
 * kernel a walk of a second table), "all", a mask ("0x1ffe"), or a comma-separated list of names in any case,
 * with '_', '-' or neither between their parts: those of the kernel, and the short ones and groups of ss(8).
 * Return 0, or -EINVAL with one sentence in error (size bytes).
 */
int tcp_states_parse(const char *text, uint32_t *mask, char *error, size_t size);

/* The state or states of one name (len bytes) as above, without masks; 0 for an unknown one. */
uint32_t tcp_states_find(const char *name, size_t len);

/* Offer all names. */
struct suggest;
void tcp_states_suggest(struct suggest *s);
/* The name of the i-th state or group, in lower case; NULL behind the last. */
const char *tcp_states_name(size_t i);

#endif
