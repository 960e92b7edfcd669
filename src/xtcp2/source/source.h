/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_SOURCE_H
#define SOURCE_SOURCE_H
/*
 * Where records come from, as destinations are where they go: a small vtable.
 * The poll cycle knows only this. A source either reads namespace by namespace
 * (netlink) or, with `all_at_once`, everything in one call (a BPF walk); the
 * poll then makes one job a namespace or one job in all.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netns/netns.h"
#include "record/decode.h"
#include "record/record.h"

struct capture;
struct known_sockets;

struct source_config {
	uint8_t ext;	 /* idiag_ext */
	uint32_t states; /* idiag_states: bit N for TCP state N */
	struct decode_options decode;
	uint32_t recv_size;	 /* receive buffer in bytes; the source enlarges one too small for a batch */
	int64_t recv_timeout_ns; /* one receive call waits at most this long (-nltimeout) */
	uint32_t first_seq;	 /* -nlmsgSeq */
	uint32_t uring_recv_batch;   /* buffers of a ring */
	uint32_t uring_cqe_batch;    /* completions taken at once */
	struct capture *capture;     /* raw bytes go here as well; NULL for none. Not owned */
	struct known_sockets *known; /* what was read is remembered here; NULL for nothing. Not owned */
};

/* What one dump of one namespace did. */
struct dump_result {
	uint64_t messages; /* inet_diag messages read */
	bool partial;	   /* the records that came are good, but some are missing */
	bool timed_out;	   /* cut at the deadline */
};

struct source; /* one a worker: holds its receive buffer; not shared between threads */

struct source_ops {
	const char *name;
	bool all_at_once;
	/* NULL with errno. worker is the worker's number, shown as netlinker_id. */
	struct source *(*create)(const struct source_config *config, unsigned worker);
	void (*free)(struct source *source);
	/*
	 * Reads every socket of ns (NULL for an all-at-once source) and hands each to
	 * sink, with META fields timestamp_ns (receive time of its batch), socket_fd,
	 * netlinker_id and all kernel sections set in `record`. Stops at deadline_ns
	 * (CLOCK_MONOTONIC). Errors are counted inside and retried once; 0 also when
	 * partial. -errno when nothing could be read, or what emit() returned. The
	 * netlink source opens ns itself when it is not open (see netns_open() for the
	 * errors; -EAGAIN: blocked and not due) and leaves it OPEN, or SEEN after a
	 * dump that was cut, so that the next one starts on a clean socket.
	 */
	int (*dump)(struct source *source, struct netns *ns, struct record *record, struct record_sink *sink,
		    int64_t deadline_ns, struct dump_result *result);
};

/* The second receives through io_uring, and as the first does where the kernel refuses that. */
extern const struct source_ops source_netlink, source_netlink_uring;

/* Adds what decoding met to the stats. */
void source_count_decode(const struct decode_counts *counts);

#endif
