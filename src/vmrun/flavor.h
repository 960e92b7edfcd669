/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_FLAVOR_H
#define VMRUN_FLAVOR_H
/* One row of nix/microvms/flavors.json, as far as the runner uses it. */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bounds on a row: the machine must fit on a developer's computer. */
#define FLAVOR_MEMORY_MIN 128
#define FLAVOR_MEMORY_MAX 65536
#define FLAVOR_VCPUS_MAX  64
#define FORWARDS_MAX	  32
#define FLAVOR_ERROR_MAX  512

struct forward {
	const char *name;
	int host, guest;
	bool only_nix; /* the Debian-built guest has no listener there */
};

struct flavor {
	json_t *row; /* owns every string below */
	const char *name;
	int memory_mib, vcpus;
	bool network;	      /* the guest reaches the host's network */
	bool stays;	      /* without a duration the machine is for interactive use and tests nothing */
	const char *example;  /* a command to try by hand, {NAME} for a forward's port; may be NULL */
	int64_t duration_ns;  /* 0: the flavor ends when its checks have ended */
	int64_t timeout_ns;   /* of the whole run, without duration */
	const json_t *checks; /* array of names; empty: no self-test */
	const json_t *console_allow; /* array of texts that do not fail the run; may be NULL */
	struct forward forwards[FORWARDS_MAX];
	size_t forwards_count;
};

/*
 * Read row `name` of the file. On failure write one line for the user into error:
 * the file is missing or broken (with the line number), the flavor is unknown
 * (with a list of the flavors), a field is wrong. Return 0 or -errno.
 */
int flavor_load(struct flavor *f, const char *path, const char *name, char error[static FLAVOR_ERROR_MAX]);
/* Read row `name` from len bytes; path only appears in errors. */
int flavor_parse(struct flavor *f, const char *text, size_t len, const char *path, const char *name,
		 char error[static FLAVOR_ERROR_MAX]);
void flavor_free(struct flavor *f);

/* Drop the forwards to services that only the NixOS machine has. */
void flavor_as_debian(struct flavor *f);
/* Drop the self-test: the machine is for interactive use. */
void flavor_without_checks(struct flavor *f);

#endif
