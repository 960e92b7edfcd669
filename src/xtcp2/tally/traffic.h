/* SPDX-License-Identifier: MIT */
#ifndef TALLY_TRAFFIC_H
#define TALLY_TRAFFIC_H
/*
 * Theory of operation
 *
 * tcp_info counts since a connection began. What was added between two polls is the difference to the last
 * reading, which is remembered here, by cookie, in 52 to 57 bytes per socket. A socket that was not there in the last
 * complete poll was born since and is new with all it has; but one from before the first complete poll, or one
 * that is older by its own tcp_info, begins with nothing, as what it has was added some other time. A counter is
 * hence rather too small than too large: it lacks what a connection adds after its last poll, and connections
 * that no poll saw. Final records (-closeEvents) add both.
 *
 * The table is split by cookie into shards, each with a lock that workers seldom share. Address space is taken for
 * the most sockets there may be, memory for those there are. The hash table of a shard doubles when it is full of sockets;
 * before that the ones that are gone make room: those that a complete poll did not see, or FORGET_POLLS polls.
 * Beyond the limit sockets are untracked: they add nothing, and are counted.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record;
struct traffic;

/* What a socket has added since its last reading. */
struct traffic_delta {
	uint64_t sent_bytes, retransmitted_bytes, received_bytes;
	uint32_t sent_segments, retransmitted_segments, received_segments, listen_drops;
	bool first;	/* there was no reading before */
	bool untracked; /* there is no room for this one: the rest is 0 */
};

/* Create a table for at most `sockets` sockets; the kernel supplies memory as they come. NULL with errno. */
struct traffic *traffic_new(size_t sockets);
/* NULL is fine. */
void traffic_free(struct traffic *t);

/* A poll begins, at CLOCK_MONOTONIC now_ns; the one before has ended, as complete or not. No traffic_add() runs. */
void traffic_begin(struct traffic *t, int64_t now_ns);
void traffic_end(struct traffic *t, bool complete);

/* Begin to load what traffic_add() of this cookie will look at, unless that is loaded in any case. Any thread. */
void traffic_expect(const struct traffic *t, uint64_t cookie);
/* Return what the socket has added and remember its reading. Any thread. */
struct traffic_delta traffic_add(struct traffic *t, const struct record *r);
/* The same for the last record of a socket that is closed, which is forgotten. Any thread, at any time. */
struct traffic_delta traffic_close(struct traffic *t, const struct record *r);

/* Return the sockets in the table, those that are gone and not yet forgotten included. */
size_t traffic_count(const struct traffic *t);

#endif
