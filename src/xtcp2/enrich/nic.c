/* SPDX-License-Identifier: MIT */
#include "enrich/nic.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

/* A VLAN on a bond on cards is three levels. */
#define MEMBERS_DEPTH 8

static const char *const pci_ids[] = {"/usr/share/hwdata/pci.ids", "/usr/share/misc/pci.ids", NULL};

const struct nic_paths nic_paths = {
    .sys = "/sys",
    .udev = "/run/udev/data",
    .pci_ids = pci_ids,
};

void nic_names_add(struct nic_names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++) {
		if (strcmp(names->name[i], name) == 0)
			return;
	}
	if (names->count < NIC_NAMES_MAX && strlen(name) < UPLINK_IFNAME_SIZE)
		strcpy(names->name[names->count++], name);
}

static void path_of(char to[static PATH_MAX], const struct nic_paths *paths, const char *name,
		    const char *file)
{
	snprintf(to, PATH_MAX, "%s/class/net/%.*s%s", paths->sys, UPLINK_IFNAME_SIZE, name, file);
}

static bool has(const struct nic_paths *paths, const char *name, const char *file)
{
	char path[PATH_MAX];

	path_of(path, paths, name, file);
	return access(path, F_OK) == 0;
}

/* Read the first line of a file of the interface. Return whether there is one. */
static bool line_of(const struct nic_paths *paths, const char *name, const char *file, char *to, size_t size)
{
	char path[PATH_MAX];

	path_of(path, paths, name, file);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, to, size - 1);
	to[n > 0 ? n : 0] = '\0';
	to[strcspn(to, "\n")] = '\0';
	return *to != '\0';
}

/* Return the number in a file of the interface; 0 for none, and for -1, which is an unknown speed. */
static uint32_t number_of(const struct nic_paths *paths, const char *name, const char *file)
{
	char text[32];

	if (!line_of(paths, name, file, text, sizeof(text)))
		return 0;
	long value = strtol(text, NULL, 0);
	return value > 0 && value < UINT32_MAX ? (uint32_t)value : 0;
}

/* Copy the last part of where a link of the interface points to. */
static void target_of(const struct nic_paths *paths, const char *name, const char *file, char *to,
		      size_t size)
{
	char path[PATH_MAX], target[PATH_MAX];

	path_of(path, paths, name, file);
	ssize_t n = readlink(path, target, sizeof(target));
	if (n <= 0 || (size_t)n == sizeof(target))
		return;
	target[n] = '\0';
	const char *slash = strrchr(target, '/');
	const char *last = slash ? slash + 1 : target;
	uplink_text(to, size, last, strlen(last));
}

static int by_name(const void *a, const void *b)
{
	return strverscmp(a, b);
}

/* Append the names in a directory of interfaces that begin with the prefix, without it, sorted. */
static void list(const char *path, const char *prefix, struct nic_names *names)
{
	DIR *dir = opendir(path);
	size_t from = names->count;

	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));) {
		if (e->d_name[0] != '.' && strncmp(e->d_name, prefix, strlen(prefix)) == 0)
			nic_names_add(names, e->d_name + strlen(prefix));
	}
	closedir(dir);
	qsort(names->name[from], names->count - from, sizeof(names->name[0]), by_name);
}

static bool is_physical(const struct nic_paths *paths, const char *name)
{
	return has(paths, name, "/device");
}

static void members(const struct nic_paths *paths, const char *name, bool physical_only, int depth,
		    struct nic_names *names)
{
	struct nic_names lower = {.count = 0};
	char path[PATH_MAX];
	size_t before = names->count;
	bool bridge = has(paths, name, "/bridge");

	path_of(path, paths, name, "");
	if (depth < MEMBERS_DEPTH)
		list(path, "lower_", &lower);
	/* What else is on a bridge is the host's own: containers and virtual machines. */
	for (size_t i = 0; i < lower.count; i++)
		members(paths, lower.name[i], physical_only || bridge, depth + 1, names);
	if (names->count > before || (lower.count > 0 && !bridge))
		return;
	if (!physical_only || is_physical(paths, name))
		nic_names_add(names, name);
}

void nic_members(const struct nic_paths *paths, const char *name, struct nic_names *names)
{
	members(paths, name, false, 0, names);
}

void nic_physical(const struct nic_paths *paths, struct nic_names *names)
{
	struct nic_names all = {.count = 0};
	char path[PATH_MAX], state[16];

	snprintf(path, sizeof(path), "%s/class/net", paths->sys);
	DIR *dir = opendir(path);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		/* Drivers that cannot tell say "unknown". */
		if (e->d_name[0] == '.' || !is_physical(paths, e->d_name) ||
		    !line_of(paths, e->d_name, "/operstate", state, sizeof(state)) ||
		    (strcmp(state, "up") != 0 && strcmp(state, "unknown") != 0))
			continue;
		nic_names_add(&all, e->d_name);
	}
	if (dir)
		closedir(dir);
	qsort(all.name, all.count, sizeof(all.name[0]), by_name);
	for (size_t i = 0; i < all.count; i++)
		nic_names_add(names, all.name[i]);
}

/* Ask the driver. */
static void read_driver(struct uplink *u)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq ifr = {.ifr_data = (char *)&info};

	memcpy(ifr.ifr_name, u->ifname, sizeof(u->ifname));
	if (fd < 0 || ioctl(fd, SIOCETHTOOL, &ifr) < 0)
		return;
	uplink_text(u->driver, sizeof(u->driver), info.driver, sizeof(info.driver));
	if (strcmp(info.bus_info, "N/A") != 0)
		uplink_text(u->bus_info, sizeof(u->bus_info), info.bus_info, sizeof(info.bus_info));
	if (strcmp(info.fw_version, "N/A") != 0)
		uplink_text(u->fw_version, sizeof(u->fw_version), info.fw_version, sizeof(info.fw_version));
}

/* Read the PCI function that the card is, or, of a virtual one, the function that its device is on. */
static void read_pci(const struct nic_paths *paths, struct uplink *u)
{
	static const char *const places[] = {"/device", "/device/.."};
	char file[64], subsystem[16] = "";

	for (size_t i = 0; i < ARRAY_SIZE(places) && !u->pci_vendor; i++) {
		snprintf(file, sizeof(file), "%s/subsystem", places[i]);
		target_of(paths, u->ifname, file, subsystem, sizeof(subsystem));
		if (strcmp(subsystem, "pci") != 0)
			continue;
		snprintf(file, sizeof(file), "%s/vendor", places[i]);
		u->pci_vendor = number_of(paths, u->ifname, file);
		snprintf(file, sizeof(file), "%s/device", places[i]);
		u->pci_device = number_of(paths, u->ifname, file);
	}
}

/* Take the model that udev has found in its own table of devices. */
static bool model_of_udev(const struct nic_paths *paths, unsigned ifindex, struct uplink *u)
{
	static const char key[] = "E:ID_MODEL_FROM_DATABASE=";
	char path[PATH_MAX], line[512];

	snprintf(path, sizeof(path), "%s/n%u", paths->udev, ifindex);
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, strlen(key)) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		uplink_text(u->model, sizeof(u->model), line + strlen(key), strlen(line + strlen(key)));
		return true;
	}
	return false;
}

/*
 * Look the device up in pci.ids: "VVVV  vendor" begins the lines of a vendor's devices, a tab and "DDDD  device", each in
 * lower case.
 */
static void model_of_pci_ids(const struct nic_paths *paths, struct uplink *u)
{
	char line[512], vendor[8], device[8];
	_cleanup_fclose_ FILE *f = NULL;
	bool inside = false;

	for (size_t i = 0; paths->pci_ids[i] && !f; i++)
		f = fopen(paths->pci_ids[i], "re");
	snprintf(vendor, sizeof(vendor), "%04x ", u->pci_vendor & 0xffff);
	snprintf(device, sizeof(device), "\t%04x ", u->pci_device & 0xffff);
	while (f && fgets(line, sizeof(line), f)) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (line[0] != '\t') {
			if (inside)
				return;
			inside = strncmp(line, vendor, strlen(vendor)) == 0;
		} else if (inside && strncmp(line, device, strlen(device)) == 0) {
			line[strcspn(line, "\n")] = '\0';
			const char *name = line + strlen(device) + strspn(line + strlen(device), " ");
			uplink_text(u->model, sizeof(u->model), name, strlen(name));
			return;
		}
	}
}

void nic_read(const struct nic_paths *paths, unsigned ifindex, const struct uplink *before, struct uplink *u)
{
	read_driver(u);
	if (number_of(paths, u->ifname, "/ifindex") != ifindex)
		return;
	u->speed_mbps = number_of(paths, u->ifname, "/speed");
	if (!u->driver[0])
		target_of(paths, u->ifname, "/device/driver", u->driver, sizeof(u->driver));
	if (!u->bus_info[0])
		target_of(paths, u->ifname, "/device", u->bus_info, sizeof(u->bus_info));
	read_pci(paths, u);
	if (model_of_udev(paths, ifindex, u) || !u->pci_vendor)
		return;
	if (before && before->pci_vendor == u->pci_vendor && before->pci_device == u->pci_device)
		memcpy(u->model, before->model, sizeof(u->model));
	else
		model_of_pci_ids(paths, u);
}
