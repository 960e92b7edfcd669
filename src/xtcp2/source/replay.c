/* SPDX-License-Identifier: MIT */
/*
 * Reads captures of this program, and those that tcpdump writes from an nlmon
 * interface. The latter also contain requests and other netlink traffic: only replies
 * of sock_diag are decoded, all else is skipped. A file may be truncated or damaged
 * anywhere; readable packets are decoded and damaged ones counted.
 */
#include <byteswap.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/input.h"
#include "record/nl.h"
#include "source/byte_order.h"
#include "source/capture.h"
#include "source/pcap.h"

struct replay {
	FILE *f;
	bool swapped; /* the headers are in the other byte order */
	bool nanosecond;
	const struct decode_options *options;
	struct record *record;
	struct record_sink *sink;
	struct replay_result *result;
};

static uint32_t order(const struct replay *p, uint32_t v)
{
	return p->swapped ? bswap_32(v) : v;
}

static int replay_header(struct replay *p, const char *name, char *error, size_t size)
{
	struct pcap_file_header header;

	if (fread(&header, sizeof(header), 1, p->f) != 1) {
		snprintf(error, size, "%s: too short for a pcap file", name);
		return -EBADMSG;
	}
	if (header.magic == PCAPNG_MAGIC) {
		snprintf(error, size,
			 "%s: this is pcapng, only pcap can be read: convert it with editcap -F pcap", name);
		return -EBADMSG;
	}
	p->swapped = header.magic == bswap_32(PCAP_MAGIC_US) || header.magic == bswap_32(PCAP_MAGIC_NS);
	p->nanosecond = order(p, header.magic) == PCAP_MAGIC_NS;
	if (!p->nanosecond && order(p, header.magic) != PCAP_MAGIC_US) {
		snprintf(error, size, "%s: not a pcap file", name);
		return -EBADMSG;
	}
	uint32_t linktype = order(p, header.linktype) & PCAP_LINKTYPE_MASK;

	if (linktype != LINKTYPE_NETLINK) {
		snprintf(error, size, "%s: link type %u, only netlink captures (%u) can be read", name,
			 linktype, LINKTYPE_NETLINK);
		return -EBADMSG;
	}
	return 0;
}

static int replay_message(struct replay *p, const struct nlmsghdr *nlh)
{
	uint64_t before = p->result->decode.short_messages;

	if ((nlh->nlmsg_type != SOCK_DIAG_BY_FAMILY && nlh->nlmsg_type != TCPDIAG_GETSOCK) ||
	    nlh->nlmsg_flags & NLM_F_REQUEST)
		return 0;
	p->result->messages++;
	if (decode_inet_diag(nlh, nlh->nlmsg_len, p->options, p->record, &p->result->decode)) {
		p->result->damaged += p->result->decode.short_messages - before;
		return 0;
	}
	p->result->records++;
	return p->sink->emit(p->sink, p->record);
}

/* Decode one packet, whose bytes may be changed; `whole` is false if bytes of it are missing. */
static int replay_packet(struct replay *p, uint8_t *data, size_t len, bool whole)
{
	struct pcap_cooked cooked;
	const struct nlmsghdr *nlh;
	int err;

	p->result->packets++;
	if (len < sizeof(cooked)) {
		p->result->damaged++;
		return 0;
	}
	memcpy(&cooked, data, sizeof(cooked));
	if (ntohs(cooked.protocol) != NETLINK_SOCK_DIAG)
		return 0;
	struct nl_walk walk = {data + sizeof(cooked), len - sizeof(cooked)};

	byte_order_convert(data + sizeof(cooked), walk.left, p->options->accecn_u16);
	nl_for_each_msg (nlh, walk) {
		err = replay_message(p, nlh);
		if (err)
			return err;
	}
	if (walk.left || !whole)
		p->result->damaged++;
	return 0;
}

static int64_t packet_time(const struct replay *p, const struct pcap_packet_header *h)
{
	int64_t fraction = order(p, h->fraction);

	return order(p, h->seconds) * NS_PER_SEC + fraction * (p->nanosecond ? 1 : 1000);
}

/* Decode all packets. After a packet with an impossible length the next one cannot be found. */
static int replay_packets(struct replay *p)
{
	_cleanup_free_ uint8_t *data = malloc(PCAP_SNAPLEN);
	struct pcap_packet_header header;
	size_t n;

	if (!data)
		return -ENOMEM;
	while ((n = fread(&header, 1, sizeof(header), p->f)) == sizeof(header)) {
		size_t captured = order(p, header.captured);

		if (captured > PCAP_SNAPLEN) {
			p->result->damaged++;
			return 0;
		}
		n = fread(data, 1, captured, p->f);
		p->record->timestamp_ns = packet_time(p, &header);
		p->record->sections |= RECORD_HAS(META);
		int err = replay_packet(p, data, n, n == order(p, header.length));

		if (err || n < captured)
			return err;
	}
	p->result->damaged += n > 0;
	return 0;
}

int replay_stream(FILE *f, const char *name, const struct decode_options *options, struct record *record,
		  struct record_sink *sink, struct replay_result *result, char *error, size_t size)
{
	struct replay p = {.f = f, .options = options, .record = record, .sink = sink, .result = result};
	int err = replay_header(&p, name, error, size);

	if (!err) {
		err = replay_packets(&p);
		if (err)
			snprintf(error, size, "%s: %s", name, strerror(-err));
	}
	if (ferror(f)) {
		snprintf(error, size, "%s: cannot be read: %s", name, strerror(errno));
		return -EIO;
	}
	return err;
}

int replay_file(const char *path, const struct decode_options *options, struct record *record,
		struct record_sink *sink, struct replay_result *result, char *error, size_t size)
{
	_cleanup_fclose_ FILE *f = input_fopen(path);

	*result = (struct replay_result){0};
	if (!f) {
		int err = -errno;

		snprintf(error, size, "%s: %s", path, input_strerror(-err));
		return err;
	}
	return replay_stream(f, path, options, record, sink, result, error, size);
}
