/* SPDX-License-Identifier: MIT */
#ifndef ENRICH_NIC_H
#define ENRICH_NIC_H
/*
 * Network cards, as sysfs and the driver tell of them. The kernel may hold a reader up while it configures a card, so
 * none of this runs on a thread that polls. sysfs shows the interfaces of the namespace it was mounted in: an
 * interface whose number is another one there is left alone.
 *
 * The firmware's version is neither in sysfs nor in ethtool's netlink messages, so the driver is asked with ETHTOOL_GDRVINFO,
 * which takes no capability.
 */
#include <stddef.h>

#include "enrich/uplink.h"

/* Most interfaces that uplinks may consist of, such as the members of a bond. */
#define NIC_NAMES_MAX 16

/* Where to look. */
struct nic_paths {
	const char *sys;	    /* sysfs */
	const char *udev;	    /* directory of udev's data of devices */
	const char *const *pci_ids; /* names of PCI devices: the first file that exists, up to NULL */
};
extern const struct nic_paths nic_paths;

struct nic_names {
	char name[NIC_NAMES_MAX][UPLINK_IFNAME_SIZE];
	size_t count;
};

/* Append a name unless it is there already or no room is left. */
void nic_names_add(struct nic_names *names, const char *name);

/*
 * Append the cards that carry the interface: the members of a bond or a team, the device below a VLAN, and of a bridge the
 * physical ones; the interface itself when it is on nothing. In the order of their names.
 */
void nic_members(const struct nic_paths *paths, const char *name, struct nic_names *names);

/* Append the physical interfaces that are up, in the order of their names. */
void nic_physical(const struct nic_paths *paths, struct nic_names *names);

/*
 * Fill in what is known of the card `uplink->ifname`, whose interface has the number ifindex. before: the same card as it was
 * read before, whose model is not searched for again; NULL for none.
 */
void nic_read(const struct nic_paths *paths, unsigned ifindex, const struct uplink *before,
	      struct uplink *uplink);

#endif
