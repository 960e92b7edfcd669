/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_CAPTURE_H
#define SOURCE_CAPTURE_H
/*
 * Writes the raw bytes of dumps to files and replays them. A capture is a pcap file
 * of link type LINUX_NETLINK (253) with one packet per receive call, time-stamped at
 * the receive, so tcpdump and Wireshark read it too. TCP-MD5 keys are zeroed. Errors
 * are logged and counted; a file that cannot be written completely is removed.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "record/decode.h"
#include "record/record.h"

struct capture;

/* Capture the first `files` dumps, one file per dump, in directory (created if missing). NULL with errno. */
struct capture *capture_new(const char *directory, uint32_t files);
void capture_free(struct capture *c);

/*
 * Begin the capture of a dump of one namespace and family (AF_UNSPEC: both). Return a
 * handle for capture_write(), or -1 when enough files were written. Any thread.
 */
int capture_begin(struct capture *c, uint64_t netns_ino, int family);
void capture_write(struct capture *c, int handle, int64_t real_ns, const void *data, size_t len);
void capture_end(struct capture *c, int handle);

struct replay_result {
	uint64_t packets, messages, records;
	uint64_t damaged; /* packets or messages that are truncated or invalid */
	struct decode_counts decode;
};

/*
 * Decode a pcap file (of machines of both byte orders, micro- and nanosecond) with the
 * decoder of live dumps and hand each record to sink. timestamp_ns is the packet's
 * time; the caller has set the other META and ENRICH fields. Return 0, or -errno with
 * one sentence in error (size bytes): -EBADMSG for another kind of file, or the error
 * that emit() returned. Damage inside the file is counted and is no error.
 */
int replay_file(const char *path, const struct decode_options *options, struct record *record,
		struct record_sink *sink, struct replay_result *result, char *error, size_t size);

/* Replay an open file, which stays open; add to *result. `name` stands for the file in `error`. */
int replay_stream(FILE *f, const char *name, const struct decode_options *options, struct record *record,
		  struct record_sink *sink, struct replay_result *result, char *error, size_t size);

#endif
