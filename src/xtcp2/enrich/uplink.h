/* SPDX-License-Identifier: MIT */
#ifndef ENRICH_UPLINK_H
#define ENRICH_UPLINK_H
/*
 * The facts about one uplink: an interface by which the host reaches the network, its card, and the neighbour
 * at the other end of the cable. Texts are UTF-8; "" and 0 are unknown.
 */
#include <stddef.h>
#include <stdint.h>

#include "record/record.h"

/* A record has fields for so many. */
#define UPLINKS_MAX 2

#define UPLINK_IFNAME_SIZE 16  /* IFNAMSIZ */
#define UPLINK_TEXT_SIZE   256 /* the longest text of an LLDP frame, 255 bytes, and its NUL */

struct uplink {
	char ifname[UPLINK_IFNAME_SIZE];
	/* -enrichNic */
	char driver[32], bus_info[32], fw_version[32]; /* as long as the kernel's */
	char model[128];
	uint32_t pci_vendor, pci_device;
	uint32_t speed_mbps;
	/* -enrichLldp */
	struct uplink_neighbour {
		char chassis_name[UPLINK_TEXT_SIZE], chassis_id[UPLINK_TEXT_SIZE];
		char mgmt_ip[64];
		char port_id[UPLINK_TEXT_SIZE], port_descr[UPLINK_TEXT_SIZE];
	} neighbour;
};

/* All of them; unused ones have no name. */
struct uplink_facts {
	uint64_t version; /* another one: other facts; 0: none yet */
	struct uplink up[UPLINKS_MAX];
};

/*
 * Copy a text of at most len bytes that ends at a NUL. Control characters and bytes that are not UTF-8 become '?', for a
 * neighbour may send anything; a text that is too long is cut at a character.
 */
void uplink_text(char *to, size_t size, const char *from, size_t len);

/* Fill the section ENRICH of the record. It borrows from the facts. */
void uplink_to_record(const struct uplink_facts *facts, struct record *record);

#endif
