/* SPDX-License-Identifier: MIT */
#ifndef API_RECENT_SOCKETS_H
#define API_RECENT_SOCKETS_H
/*
 * The first sockets of a poll by each of several orders. Not thread-safe.
 *
 * Beyond RECENT_SOCKETS_MAX sockets the others have no rates, which is counted and shown.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "record/record.h"
#include "view/rates.h"

/* Sockets whose counters are kept from one poll to the next: 56 bytes each, in a table that is half empty. */
#define RECENT_SOCKETS_MAX 32768
/* Sockets shown by each order. */
#define RECENT_TOP	   25

struct recent_sockets;

/* own_port: of the server of the page, whose connections on this host are not shown; 0 for none. NULL without memory. */
struct recent_sockets *recent_sockets_new(uint16_t own_port);
void recent_sockets_free(struct recent_sockets *s);

/* Take one record, decoded and as wire bytes. */
void recent_sockets_take(struct recent_sockets *s, const struct record *r, struct str wire);
/* The poll has ended: what was taken is what recent_sockets_json() shows. */
void recent_sockets_turn(struct recent_sockets *s);
void recent_sockets_json(const struct recent_sockets *s, const char *order, struct buf *b);

#endif
