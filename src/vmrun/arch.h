/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_ARCH_H
#define VMRUN_ARCH_H
/* The architectures of test machines, with all that QEMU's command line says differently for each. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arch {
	const char *name;    /* Debian's */
	const char *uname;   /* Linux's */
	const char *qemu;    /* program */
	const char *package; /* Debian's package of the program */
	const char *machine; /* -M */
	const char *without; /* -M's words for devices that it brings and no guest uses; NULL: none */
	const char *tcg_cpu; /* -cpu of emulation */
	const char *bus;     /* the end of the names of virtio's devices */
	const char *console; /* the kernel's name of the first serial port */
	bool isa;	     /* a second serial port; else the shell is on virtio's console */
	bool pci;	     /* pvpanic-pci; network cards with a ROM */
	bool fw_cfg;
	/* The canary (canary.h) as an ELF program. */
	bool big_endian;
	uint16_t elf_machine;
	const uint8_t *code;
	size_t code_size;
};

/* Return the architecture of Debian's or Linux's name; NULL when there is none. */
const struct arch *arch_find(const char *name);

/* Return this machine's; NULL when test machines cannot have it. */
const struct arch *arch_host(void);

#endif
