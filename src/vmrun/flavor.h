/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_FLAVOR_H
#define VMRUN_FLAVOR_H
/* One row of nix/microvms/flavors.json: what the runner needs to know of a flavor. */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bounds that a row is held to; the machine has to fit on a developer's computer. */
#define FLAVOR_MEMORY_MIN 128
#define FLAVOR_MEMORY_MAX 65536
#define FLAVOR_VCPUS_MAX  64
#define FORWARDS_MAX	  32
#define FLAVOR_ERROR_MAX  512

struct forward {
	const char *name;
	int host, guest;
	bool only_nix; /* nothing listens there in the Debian-built guest */
};

struct flavor {
	json_t *row; /* owns every string below */
	const char *name;
	int memory_mib, vcpus;
	bool stays;		     /* without a duration it is there to be used, and tests nothing */
	const char *try;	     /* a command for who uses it, {NAME} for a forward's port; may be NULL */
	int64_t duration_ns;	     /* 0: the flavor ends when its checks have ended */
	int64_t timeout_ns;	     /* of the whole run, without duration */
	const json_t *checks;	     /* array of names; empty: no self-test */
	const json_t *console_allow; /* array of texts that are no reason to fail; may be NULL */
	struct forward forwards[FORWARDS_MAX];
	size_t forwards_count;
};

/*
 * Reads row `name` of the file. On failure writes one line for the user into
 * error: the file is missing or broken (with the line), there is no such flavor
 * (with those there are), a field is wrong. 0 or -errno.
 */
int flavor_load(struct flavor *f, const char *path, const char *name, char error[static FLAVOR_ERROR_MAX]);
/* The same from len bytes; path is for the sentences. Takes no file. */
int flavor_parse(struct flavor *f, const char *text, size_t len, const char *path, const char *name,
		 char error[static FLAVOR_ERROR_MAX]);
void flavor_free(struct flavor *f);

/* Leaves out the forwards to what only the NixOS machine has. */
void flavor_as_debian(struct flavor *f);
/* No self-test: the machine is there to be used. */
void flavor_without_checks(struct flavor *f);

#endif
