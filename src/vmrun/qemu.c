/* SPDX-License-Identifier: MIT */
#include "vmrun/qemu.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "vmrun/child.h"
#include "vmrun/result_line.h"

#define FD(channel) (CHILD_FD_FIRST + CHANNEL_##channel)

/* The time for measuring the time stamp counter: 50 ms are precise to some 10 ppm. */
#define TSC_MEASURE_NS (50 * NS_PER_MS)

void argv_add(struct argv *a, const char *fmt, ...)
{
	va_list ap;
	char **v = realloc(a->v, (a->n + 2) * sizeof(*v));

	if (!v) {
		a->failed = true;
		return;
	}
	a->v = v;
	va_start(ap, fmt);
	if (vasprintf(&v[a->n], fmt, ap) < 0)
		a->failed = true;
	else
		a->n++;
	va_end(ap);
	v[a->n] = NULL;
}

void argv_free(struct argv *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->v[i]);
	free(a->v);
	*a = (struct argv){0};
}

json_t *argv_json(const struct argv *a)
{
	json_t *list = json_array();

	for (size_t i = 0; i < a->n; i++)
		json_array_append_new(list, json_string(a->v[i]));
	return list;
}

/* Double the commas, as an option's value requires (qemu(1)). NULL when memory is exhausted. */
static char *escape_commas(const char *value)
{
	char *out = malloc(2 * strlen(value) + 1), *to = out;

	for (; out && *value; value++) {
		if (*value == ',')
			*to++ = ',';
		*to++ = *value;
	}
	if (out)
		*to = '\0';
	return out;
}

static void add_netdev(struct argv *a, const struct machine *m)
{
	char forwards[FORWARDS_MAX * 48] = "";
	size_t n = 0;

	for (size_t i = 0; i < m->flavor->forwards_count; i++) {
		const struct forward *f = &m->flavor->forwards[i];
		n += snprintf(forwards + n, sizeof(forwards) - n, ",hostfwd=tcp:127.0.0.1:%d-:%d",
			      m->ports_auto ? 0 : f->host, f->guest);
	}
	/* restrict=on isolates the guest from the host's network; forwards still work. */
	argv_add(a, "-netdev");
	argv_add(a, "user,id=net0,restrict=%s%s", m->flavor->network ? "off" : "on", forwards);
	argv_add(a, "-device");
	argv_add(a, "virtio-net-%s,netdev=net0%s", m->arch->bus, m->arch->pci ? ",romfile=" : "");
}

void qemu_launcher_args(struct argv *a, const struct machine *m)
{
	_cleanup_free_ char *run_file = m->run_file ? escape_commas(m->run_file) : NULL;
	static const char *const fixed[] = {"-S",   "-no-reboot", "-display",
					    "none", "-action",	  "panic=pause,watchdog=pause"};

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		argv_add(a, "%s", fixed[i]);
	argv_add(a, "-chardev");
	argv_add(a, "socket,id=xcon,fd=%d", FD(CONSOLE));
	argv_add(a, "-serial");
	argv_add(a, "chardev:xcon");
	argv_add(a, "-chardev");
	argv_add(a, "socket,id=xshell,fd=%d", FD(SHELL));
	if (m->arch->isa) {
		argv_add(a, "-device");
		argv_add(a, "isa-serial,chardev=xshell,index=1");
	}
	argv_add(a, "-chardev");
	argv_add(a, "socket,id=xqmp,fd=%d", FD(QMP));
	argv_add(a, "-mon");
	argv_add(a, "chardev=xqmp,mode=control");
	argv_add(a, "-device");
	argv_add(a, "virtio-serial-%s,id=xser", m->arch->bus);
	if (!m->arch->isa) {
		argv_add(a, "-device");
		argv_add(a, "virtconsole,bus=xser.0,chardev=xshell");
	}
	argv_add(a, "-chardev");
	argv_add(a, "socket,id=xres,fd=%d", FD(RESULT));
	argv_add(a, "-device");
	argv_add(a, "virtserialport,bus=xser.0,chardev=xres,name=%s", RESULT_PORT);
	argv_add(a, "-chardev");
	argv_add(a, "socket,id=xart,fd=%d", FD(ARTIFACT));
	argv_add(a, "-device");
	argv_add(a, "virtserialport,bus=xser.0,chardev=xart,name=%s", ARTIFACT_PORT);
	if (m->arch->pci) {
		argv_add(a, "-device");
		argv_add(a, "pvpanic-pci");
	}
	if (run_file && m->arch->fw_cfg) {
		argv_add(a, "-fw_cfg");
		argv_add(a, "name=opt/org.xtcp2/run,file=%s", run_file);
	}
	add_netdev(a, m);
}

/* Return the host's time stamp counter in kHz, 0 without one. Blocks for TSC_MEASURE_NS. */
static int64_t tsc_khz(void)
{
#ifdef __x86_64__
	int64_t start = clock_ns(CLOCK_MONOTONIC_RAW), now;
	uint64_t first = __builtin_ia32_rdtsc();
	do {
		now = clock_ns(CLOCK_MONOTONIC_RAW);
	} while (now - start < TSC_MEASURE_NS);
	return (int64_t)(__builtin_ia32_rdtsc() - first) * NS_PER_MS / (now - start);
#else
	return 0;
#endif
}

void qemu_argv(struct argv *a, const struct machine *m)
{
	bool microvm = strcmp(m->type, "microvm") == 0, tcg = strcmp(m->accel, "tcg") == 0;
	_cleanup_free_ char *root = m->root ? escape_commas(m->root) : NULL;
	char extra[64] = "";

	/* Without it the microvm's kernel waits forever for timer ticks to calibrate the TSC. */
	if (microvm && tcg)
		snprintf(extra, sizeof(extra), " tsc_early_khz=%" PRId64, tsc_khz());
	argv_add(a, "%s", m->qemu);
	argv_add(a, "-name");
	argv_add(a, "guest=xtcp2-%s,debug-threads=on", m->flavor->name);
	argv_add(a, "-M");
	argv_add(a, "%s%s", microvm ? "microvm,acpi=on,pcie=on,rtc=on" : m->type,
		 microvm || !m->arch->without ? "" : m->arch->without);
	argv_add(a, "-accel");
	argv_add(a, "%s", tcg ? "tcg,thread=multi" : m->accel);
	argv_add(a, "-cpu");
	argv_add(a, "%s", m->cpu);
	argv_add(a, "-smp");
	argv_add(a, "%d", m->flavor->vcpus);
	argv_add(a, "-m");
	argv_add(a, "%d", m->flavor->memory_mib);
	argv_add(a, "-nodefaults");
	argv_add(a, "-no-user-config");
	argv_add(a, "-device");
	argv_add(a, "virtio-rng-%s", m->arch->bus);
	if (root) {
		argv_add(a, "-drive");
		argv_add(a, "if=none,id=root,file=%s,format=raw,readonly=on", root);
		argv_add(a, "-device");
		argv_add(a, "virtio-blk-%s,drive=root", m->arch->bus);
	}
	qemu_launcher_args(a, m);
	argv_add(a, "-kernel");
	argv_add(a, "%s", m->kernel);
	if (m->initrd) {
		argv_add(a, "-initrd");
		argv_add(a, "%s", m->initrd);
	}
	argv_add(a, "-append");
	argv_add(a, "%s%s", m->append, extra);
}
