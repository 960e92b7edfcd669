/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_PCAP_H
#define SOURCE_PCAP_H
/*
 * The pcap file format (draft-ietf-opsawg-pcap) as far as netlink captures use
 * it. Headers are in the writer's byte order, which the magic number shows;
 * the cooked header before each packet is big-endian.
 */
#include <assert.h>
#include <stdint.h>

#define PCAP_MAGIC_US	   0xa1b2c3d4U
#define PCAP_MAGIC_NS	   0xa1b23c4dU
#define PCAPNG_MAGIC	   0x0a0d0d0aU /* the same in both byte orders */
#define PCAP_LINKTYPE_MASK 0x03ffffffU /* the bits above it describe checksums */
#define LINKTYPE_NETLINK   253U

/* The longest packet that libpcap accepts; a longer one is damage. */
#define PCAP_SNAPLEN 262144

struct pcap_file_header {
	uint32_t magic;
	uint16_t version_major, version_minor;
	uint32_t zone, accuracy;
	uint32_t snaplen;
	uint32_t linktype;
};
static_assert(sizeof(struct pcap_file_header) == 24, "pcap file header");

struct pcap_packet_header {
	uint32_t seconds, fraction;
	uint32_t captured; /* bytes that follow */
	uint32_t length;   /* bytes of the original packet */
};
static_assert(sizeof(struct pcap_packet_header) == 16, "pcap packet header");

/* The "Linux cooked" header, which nlmon puts before a packet. */
struct pcap_cooked {
	uint16_t packet_type; /* 4: outgoing */
	uint16_t arphrd;      /* ARPHRD_NETLINK */
	uint8_t unused[10];
	uint16_t protocol; /* NETLINK_SOCK_DIAG */
};
static_assert(sizeof(struct pcap_cooked) == 16, "cooked header");

#define COOKED_OUTGOING	      4
#define COOKED_ARPHRD_NETLINK 824

#endif
