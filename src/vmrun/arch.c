/* SPDX-License-Identifier: MIT */
#include "vmrun/arch.h"

#include <elf.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "vmrun/canary.h"

/*
 * The canary: write(1, CANARY_READY), where descriptor 1 is /dev/console, then reboot(RB_POWER_OFF), then an endless loop; the
 * text follows the code. Bytes and not assembler, since each machine may have to boot those of all.
 */
static const uint8_t x86_64_code[] = {
    0xb8, 1,	0,    0,    0,		/*	mov $1, %eax		write(2) */
    0xbf, 1,	0,    0,    0,		/*	mov $1, %edi */
    0x48, 0x8d, 0x35, 0x1f, 0,	  0, 0, /*	lea text(%rip), %rsi */
    0xba, 20,	0,    0,    0,		/*	mov $20, %edx */
    0x0f, 0x05,				/*	syscall */
    0xb8, 0xa9, 0,    0,    0,		/*	mov $169, %eax		reboot(2) */
    0xbf, 0xad, 0xde, 0xe1, 0xfe,	/*	mov $0xfee1dead, %edi */
    0xbe, 0x69, 0x19, 0x12, 0x28,	/*	mov $0x28121969, %esi */
    0xba, 0xdc, 0xfe, 0x21, 0x43,	/*	mov $0x4321fedc, %edx */
    0x0f, 0x05,				/*	syscall */
    0xeb, 0xfe,				/* 1:	jmp 1b */
};

static const uint8_t arm64_code[] = {
    0x08, 0x08, 0x80, 0xd2, /*	mov x8, #64		write(2) */
    0x20, 0x00, 0x80, 0xd2, /*	mov x0, #1 */
    0x81, 0x01, 0x00, 0x10, /*	adr x1, text */
    0x82, 0x02, 0x80, 0xd2, /*	mov x2, #20 */
    0x01, 0x00, 0x00, 0xd4, /*	svc #0 */
    0xc8, 0x11, 0x80, 0xd2, /*	mov x8, #142		reboot(2) */
    0xa0, 0xd5, 0x9b, 0xd2, /*	mov x0, #0xdead */
    0x20, 0xdc, 0xbf, 0xf2, /*	movk x0, #0xfee1, lsl #16 */
    0x21, 0x2d, 0x83, 0xd2, /*	mov x1, #0x1969 */
    0x41, 0x02, 0xa5, 0xf2, /*	movk x1, #0x2812, lsl #16 */
    0x82, 0xdb, 0x9f, 0xd2, /*	mov x2, #0xfedc */
    0x22, 0x64, 0xa8, 0xf2, /*	movk x2, #0x4321, lsl #16 */
    0x01, 0x00, 0x00, 0xd4, /*	svc #0 */
    0x00, 0x00, 0x00, 0x14, /* 1:	b 1b */
};

static const uint8_t s390x_code[] = {
    0xa7, 0x29, 0x00, 0x01,		/*	lghi %r2, 1 */
    0xc0, 0x30, 0x00, 0x00, 0x00, 0x13, /*	larl %r3, text */
    0xa7, 0x49, 0x00, 0x14,		/*	lghi %r4, 20 */
    0x0a, 0x04,				/*	svc 4			write(2) */
    0xc0, 0x2f, 0xfe, 0xe1, 0xde, 0xad, /*	llilf %r2, 0xfee1dead */
    0xc0, 0x3f, 0x28, 0x12, 0x19, 0x69, /*	llilf %r3, 0x28121969 */
    0xc0, 0x4f, 0x43, 0x21, 0xfe, 0xdc, /*	llilf %r4, 0x4321fedc */
    0x0a, 0x58,				/*	svc 88			reboot(2) */
    0xa7, 0xf4, 0x00, 0x00,		/* 1:	j 1b */
    0x07, 0x00,				/*	nopr */
};
_Static_assert(sizeof(CANARY_READY) - 1 == 20, "the length is part of each code");

static const struct arch table[] = {
    {
	.name = "amd64",
	.uname = "x86_64",
	.qemu = "qemu-system-x86_64",
	.package = "qemu-system-x86",
	.machine = "q35",
	/* Firmware and kernel would look for disks on it: half a second of an emulated boot. */
	.without = ",sata=off,smbus=off",
	/*
	 * Emulated byte by byte: "fast" string instructions, which the kernel would clear and copy pages with. The
	 * others are state that each change of the mode costs time for. XSAVE stays: from 7.1 on Linux takes AVX for
	 * granted beside PCLMULQDQ.
	 */
	.tcg_cpu = "max,-erms,-fsrm,-smap,-smep,-pku,-la57",
	.bus = "pci",
	.console = "ttyS0",
	.isa = true,
	.pci = true,
	.fw_cfg = true,
	.elf_machine = EM_X86_64,
	.code = x86_64_code,
	.code_size = sizeof(x86_64_code),
    },
    {
	.name = "arm64",
	.uname = "aarch64",
	.qemu = "qemu-system-aarch64",
	.package = "qemu-system-arm",
	.machine = "virt",
	/* Pointer authentication by a cheap function: the architecture's costs half of an emulation's time. */
	.tcg_cpu = "max,pauth-impdef=on",
	.bus = "pci",
	.console = "ttyAMA0",
	.pci = true,
	.fw_cfg = true,
	.elf_machine = EM_AARCH64,
	.code = arm64_code,
	.code_size = sizeof(arm64_code),
    },
    {
	.name = "s390x",
	.uname = "s390x",
	.qemu = "qemu-system-s390x",
	.package = "qemu-system-misc",
	.machine = "s390-ccw-virtio",
	.tcg_cpu = "max",
	.bus = "ccw",
	.console = "ttysclp0",
	.big_endian = true,
	.elf_machine = EM_S390,
	.code = s390x_code,
	.code_size = sizeof(s390x_code),
    },
};

const struct arch *arch_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (strcmp(table[i].name, name) == 0 || strcmp(table[i].uname, name) == 0)
			return &table[i];
	return NULL;
}

const struct arch *arch_host(void)
{
	struct utsname host;

	return uname(&host) == 0 ? arch_find(host.machine) : NULL;
}
