/* SPDX-License-Identifier: MIT */
#include "enrich/uplink.h"

#include <string.h>

#include "base/utf8.h"

void uplink_text(char *to, size_t size, const char *from, size_t len)
{
	const uint8_t *p = (const uint8_t *)from, *end = p + strnlen(from, len);
	size_t used = 0;

	while (p < end) {
		size_t n = utf8_length(p, (size_t)(end - p));
		bool good = n > 1 || (n == 1 && *p >= ' ' && *p != 0x7f);

		if (used + (good ? n : 1) >= size)
			break;
		if (good)
			memcpy(to + used, p, n);
		else
			to[used] = '?';
		used += good ? n : 1;
		p += n ? n : 1;
	}
	to[used] = '\0';
}

/* clang-format off */
#define TO_RECORD(prefix, u) \
	do { \
		record->prefix##_ifname = str_of((u)->ifname); \
		record->prefix##_nic_driver = str_of((u)->driver); \
		record->prefix##_nic_model = str_of((u)->model); \
		record->prefix##_nic_pci_vendor = (u)->pci_vendor; \
		record->prefix##_nic_pci_device = (u)->pci_device; \
		record->prefix##_nic_bus_info = str_of((u)->bus_info); \
		record->prefix##_nic_speed_mbps = (u)->speed_mbps; \
		record->prefix##_nic_fw_version = str_of((u)->fw_version); \
		record->prefix##_lldp_chassis_name = str_of((u)->neighbour.chassis_name); \
		record->prefix##_lldp_chassis_id = str_of((u)->neighbour.chassis_id); \
		record->prefix##_lldp_mgmt_ip = str_of((u)->neighbour.mgmt_ip); \
		record->prefix##_lldp_port_id = str_of((u)->neighbour.port_id); \
		record->prefix##_lldp_port_descr = str_of((u)->neighbour.port_descr); \
	} while (0)
/* clang-format on */

void uplink_to_record(const struct uplink_facts *facts, struct record *record)
{
	if (!facts->up[0].ifname[0]) {
		record->sections &= ~RECORD_HAS(ENRICH);
		return;
	}
	TO_RECORD(uplink1, &facts->up[0]);
	TO_RECORD(uplink2, &facts->up[1]);
	record->sections |= RECORD_HAS(ENRICH);
}
