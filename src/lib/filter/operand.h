/* SPDX-License-Identifier: MIT */
#ifndef FILTER_OPERAND_H
#define FILTER_OPERAND_H
/*
 * The right sides of comparisons: text (len bytes, not ended) into a node. Each
 * returns NULL, or what is wrong with the text as the end of a sentence. Static storage.
 */
#include <stddef.h>

#include "filter/node.h"

/* "established", "fin-wait-1,close-wait", "connected": the groups of ss(8) as well. */
const char *operand_states(const char *text, size_t len, uint32_t *states);
/* "10.0.0.0/8", "10.0.0.1:443", ":443", "[::1]:https", "fe80::/10", "*". */
const char *operand_host(const char *text, size_t len, struct filter_node *node);
/* ":443", "443", ":https", ":8000-8099", with the comparison op, which is not NE. */
const char *operand_ports(const char *text, size_t len, enum filter_op op, struct filter_node *node);
/* A number in the unit of node->field: "50ms", "1.5M", "10Ki", "0x1f". */
const char *operand_number(const char *text, size_t len, struct filter_node *node);

#endif
