/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_BYTE_ORDER_H
#define SOURCE_BYTE_ORDER_H
/*
 * Netlink messages are in the byte order of the machine that captured them. The headers of a pcap file need not be: a
 * tool that rewrites the file writes them in its own. So each message is asked, whose length makes sense in one order
 * only.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Convert in place those of the messages in data (len bytes, aligned to 4) that are in the other byte order: headers and
 * replies of inet_diag with all the attributes that the decoder knows, bit-fields included, which the two orders begin
 * at opposite ends. accecn_u16 as in struct decode_options. Stops at the first length that makes sense in neither.
 */
void byte_order_convert(uint8_t *data, size_t len, bool accecn_u16);

#endif
