/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_CAPTURE_H
#define SOURCE_CAPTURE_H
/*
 * Raw dump bytes to files and back. A capture is a pcap file of link type
 * LINUX_NETLINK (253), one packet a receive call, so tcpdump and Wireshark read
 * it too, and the packet's time stamp is the receive time. TCP-MD5 keys are
 * blanked out. Errors are logged and counted, a file that fails is removed.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "record/decode.h"
#include "record/record.h"

struct capture;

/* Keeps the first `files` dumps, a file each, in directory (made when missing). NULL with errno. */
struct capture *capture_new(const char *directory, uint32_t files);
void capture_free(struct capture *c);

/*
 * A dump of one namespace and family (AF_UNSPEC: both) begins: returns a handle for
 * capture_write(), or -1 when enough files were written. Any thread.
 */
int capture_begin(struct capture *c, uint64_t netns_ino, int family);
void capture_write(struct capture *c, int handle, int64_t real_ns, const void *data, size_t len);
void capture_end(struct capture *c, int handle);

struct replay_result {
	uint64_t packets, messages, records;
	uint64_t damaged; /* packets or messages that were cut short or made no sense */
	struct decode_counts decode;
};

/*
 * Decodes a pcap (headers of both byte orders, micro- and nanosecond) through the
 * decoder that live dumps use and hands every record to sink, with the packet's
 * time as its timestamp_ns; the rest of META and ENRICH is the caller's. 0, or
 * -errno with a sentence in error (size bytes): -EBADMSG when it is no such file,
 * or what emit() returned. Damage inside the file is counted, not an error.
 */
int replay_file(const char *path, const struct decode_options *options, struct record *record,
		struct record_sink *sink, struct replay_result *result, char *error, size_t size);

/* The same from an open file, which stays open; adds to *result. `name` is for the sentence. */
int replay_stream(FILE *f, const char *name, const struct decode_options *options, struct record *record,
		  struct record_sink *sink, struct replay_result *result, char *error, size_t size);

#endif
