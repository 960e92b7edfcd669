/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_SOURCE_H
#define SOURCE_SOURCE_H
/*
 * A source produces records, as a destination takes them (dest/dest.h): a small vtable, chosen by name from
 * source_table. The poll cycle knows nothing else of it. A source has either dump(), which reads one
 * namespace (netlink: one job per namespace), or dump_all(), which reads all namespaces in one pass (a BPF
 * walk: one job and one worker).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netns/netns.h"
#include "record/decode.h"
#include "record/record.h"

struct asn;
struct attributor;
struct capture;
struct known_sockets;
struct uplinks;
struct walker;

struct source_config {
	uint8_t ext;	 /* idiag_ext */
	uint32_t states; /* idiag_states: bit N for TCP state N */
	struct decode_options decode;
	uint32_t recv_size;	 /* receive buffer in bytes; the source enlarges one too small for a batch */
	int64_t recv_timeout_ns; /* one receive call waits at most this long (-nltimeout) */
	uint32_t first_seq;	 /* -nlmsgSeq */
	bool lookups;		 /* ask for known sockets where that is cheaper (source/netlink_lookup.h) */
	uint32_t uring_recv_batch; /* buffers of a ring */
	uint32_t uring_cqe_batch;  /* completions taken at once */
	const char *
	    filter; /* the kernel leaves out what it can; NULL or empty for nothing. Checked, borrowed during create() */
	const struct attributor *attributor; /* whose the sockets are; NULL for unasked. Not owned */
	struct asn *asn;		     /* tells of remote addresses; NULL for unasked. Not owned */
	struct uplinks *uplinks;	     /* go into each record; NULL for unasked. Not owned */
	struct capture *capture;	     /* raw bytes go here as well; NULL for none. Not owned */
	struct known_sockets *known; /* what was read is remembered here; NULL for nothing. Not owned */
	struct walker *walker; /* programs in the kernel, for the BPF source; NULL for none. Not owned */
};

/* What one dump of one namespace did. */
struct dump_result {
	uint64_t messages; /* inet_diag messages read */
	bool partial;	   /* the records that came are good, but some are missing */
	bool timed_out;	   /* cut at the deadline */
};

struct source; /* one per worker: holds its receive buffer; not shared between threads */

struct source_ops {
	/* Return NULL with errno. worker is the worker's number, shown as netlinker_id. */
	struct source *(*create)(const struct source_config *config, unsigned worker);
	void (*free)(struct source *source);
	/*
	 * Read every socket of ns and hand each to sink, with META fields timestamp_ns (receive time of its
	 * batch), socket_fd, netlinker_id, those of source_set_netns() and all kernel sections set in
	 * `record`. Stop at deadline_ns (CLOCK_MONOTONIC). Errors are counted inside and retried once; 0 also
	 * when partial. Return -errno when nothing could be read, or the result of emit(). The netlink source
	 * opens ns itself when it is not open (see netns_open() for the errors; -EAGAIN: blocked and not due)
	 * and leaves it OPEN, or SEEN after a dump that was cut, so that the next one starts on a clean
	 * socket.
	 */
	int (*dump)(struct source *source, struct netns *ns, struct record *record, struct record_sink *sink,
		    int64_t deadline_ns, struct dump_result *result);
	/*
	 * Read every socket of every namespace; otherwise as dump(), which is NULL then. The worker owns the
	 * entries of the table until the call returns, and finds them with netns_table_find_by_inode().
	 */
	int (*dump_all)(struct source *source, struct netns_table *table, struct record *record,
			struct record_sink *sink, int64_t deadline_ns, struct dump_result *result);
};

/* The sources, up to a row without a name. */
extern const struct source_row {
	const char *name;
	const struct source_ops *ops;
} source_table[];

/* Return the source of that name, NULL for none. */
const struct source_ops *source_find(const char *name);

/*
 * The rows of the table. The last one is there when the build has it (-Dbpf) and needs source_config.walker
 * (source/bpf/walker.h). The second receives through io_uring, and as the first does where the kernel refuses that.
 */
extern const struct source_ops source_netlink, source_netlink_uring, source_bpf;

/* Set the fields netns, netns_inode, netns_cookie, nsid and those of the container. They borrow from ns. */
void source_set_netns(struct record *record, const struct netns *ns);

/* Add the counts of the decoder to the stats. */
void source_count_decode(const struct decode_counts *counts);

#endif
