/* SPDX-License-Identifier: MIT */
#include "vmrun/accel.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "vmrun/canary.h"
#include "vmrun/child.h"
#include "vmrun/crc32c.h"

/* A working KVM boots the canary in less than a second. */
#define KVM_DEADLINE_MS 5000
#define TCG_DEADLINE_MS 90000

/*
 * The canary's boot time on the machine that time-outs are written for: two cores, TCG.
 * A slower canary, or a host with more work than cores, stretches the time-outs.
 */
#define CANARY_REFERENCE_MS 4000
#define SCALE_MAX_PERCENT   800
#define LOAD_SCALE_MAX	    4.0

/* In order of trial. arch-capabilities is the feature that nested KVM most often cannot pass on. */
static const char *const kvm_cpus[] = {"host", "max,arch-capabilities=off"};

bool accel_parse(const char *text, enum accel_want *want)
{
	static const char *const names[] = {[ACCEL_AUTO] = "auto", [ACCEL_KVM] = "kvm", [ACCEL_TCG] = "tcg"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(text, names[i]) == 0) {
			*want = i;
			return true;
		}
	}
	return false;
}

/* Return the check sum of a file's content; that of an empty file when it cannot be read. */
static uint32_t file_sum(const char *path)
{
	struct stat st;

	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !st.st_size)
		return 0;
	void *p = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return 0;
	uint32_t crc = crc32c(0, p, st.st_size);
	munmap(p, st.st_size);
	return crc;
}

/* Make dir and its parents. */
static int make_dirs(char *dir)
{
	for (char *slash = dir + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(dir, 0777);
		*slash = '/';
	}
	return mkdir(dir, 0777) < 0 && errno != EEXIST ? -errno : 0;
}

static bool read_boot_id(char *id, size_t cap)
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	bool good = f && fgets(id, (int)cap, f);

	if (f)
		fclose(f);
	id[strcspn(id, "\n")] = '\0';
	return good;
}

/* Write the path of the cached answer for these inputs. Return false without a cache directory. */
static bool cache_path(const char *qemu, const char *kernel, const char *accel, char path[static PATH_MAX])
{
	char boot_id[64] = "", dir[PATH_MAX - 200], program[PATH_MAX];
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	struct stat st = {0};

	if (!read_boot_id(boot_id, sizeof(boot_id)) || (!home && !cache))
		return false;
	int n = cache && *cache ? snprintf(dir, sizeof(dir), "%s/xtcp2/accel", cache)
				: snprintf(dir, sizeof(dir), "%s/.cache/xtcp2/accel", home ? home : "");
	if (n >= (int)sizeof(dir) || make_dirs(dir) < 0)
		return false;
	child_find(qemu, program);
	stat(program, &st);
	snprintf(path, PATH_MAX, "%s/%s-%" PRIx64 "-%" PRIx64 "-%08" PRIx32 "-%s.json", dir, boot_id,
		 (uint64_t)st.st_mtime, (uint64_t)st.st_size, file_sum(kernel), accel);
	return true;
}

static bool cache_read(const char *path, struct canary *c, int *cpu)
{
	json_t *json = json_load_file(path, 0, NULL);
	const char *reason = NULL;
	json_int_t ms;
	int ok;
	bool good = json &&
		    json_unpack(json, "{s:b, s:I, s:i, s:s}", "ok", &ok, "ms", &ms, "cpu", cpu, "reason",
				&reason) == 0 &&
		    *cpu >= 0 && *cpu < (int)ARRAY_SIZE(kvm_cpus);

	if (good) {
		*c = (struct canary){.ok = ok, .ms = ms};
		snprintf(c->reason, sizeof(c->reason), "%s", reason);
	}
	json_decref(json);
	return good;
}

/* Write to a temporary file and rename it: concurrent runs never see half an answer. */
static void cache_write(const char *path, const struct canary *c, int cpu)
{
	char part[PATH_MAX + 16];
	json_t *json = json_pack("{s:b, s:I, s:i, s:s}", "ok", c->ok, "ms", (json_int_t)c->ms, "cpu", cpu,
				 "reason", c->reason);

	snprintf(part, sizeof(part), "%s.%d", path, (int)getpid());
	if (json_dump_file(json, part, 0) < 0 || rename(part, path) < 0)
		unlink(part);
	json_decref(json);
}

/* Return the slow-down caused by other load on the host: 1 to LOAD_SCALE_MAX. */
static double load_factor(void)
{
	double load = 0;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (getloadavg(&load, 1) != 1 || cores < 1 || load <= cores)
		return 1;
	return load / cores > LOAD_SCALE_MAX ? LOAD_SCALE_MAX : load / cores;
}

/* Get the canary under one accelerator, cached or booted; for KVM *cpu is the index that worked. */
static void try_accel(struct canary *c, const char *accel, const struct arch *arch, const char *qemu,
		      const char *kernel, int *cpu)
{
	char path[PATH_MAX];
	bool cached = cache_path(qemu, kernel, accel, path);

	*cpu = 0;
	if (cached && cache_read(path, c, cpu))
		return;
	if (strcmp(accel, "tcg") == 0) {
		canary_boot(c, arch, qemu, kernel, "tcg,thread=multi", arch->tcg_cpu, TCG_DEADLINE_MS);
	} else {
		for (*cpu = 0; *cpu < (int)ARRAY_SIZE(kvm_cpus); ++*cpu) {
			canary_boot(c, arch, qemu, kernel, accel, kvm_cpus[*cpu], KVM_DEADLINE_MS);
			if (c->ok)
				break;
		}
		*cpu = c->ok ? *cpu : 0;
	}
	/* Cached as on an idle host: the current load is applied when the answer is used. */
	c->ms = (int64_t)(c->ms / load_factor());
	/* A TCG failure means a broken QEMU or kernel: never cache it. */
	if (cached && (c->ok || strcmp(accel, "tcg") != 0))
		cache_write(path, c, *cpu);
}

/* Return true when the device can be opened; otherwise write the reason. */
static bool kvm_present(char *reason, size_t cap)
{
	_cleanup_close_ int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return true;
	snprintf(reason, cap, "/dev/kvm: %s%s", strerror(errno),
		 errno == EACCES ? " (add yourself to the group kvm)" : "");
	return false;
}

static int scale_percent(int64_t canary_ms)
{
	double scale = (double)canary_ms / CANARY_REFERENCE_MS;
	int percent = (int)((scale < 1 ? 1 : scale) * load_factor() * 100);

	return percent > SCALE_MAX_PERCENT ? SCALE_MAX_PERCENT : percent;
}

int accel_choose(struct accel *a, enum accel_want want, const struct arch *arch, const char *qemu,
		 const char *kernel)
{
	struct canary c = {0};
	char why[288] = "asked for";
	int cpu = 0;

	*a = (struct accel){0};
	if (want != ACCEL_TCG) {
		if (arch != arch_host()) {
			snprintf(why, sizeof(why), "KVM is for this machine's architecture, not %s",
				 arch->name);
		} else if (kvm_present(why, sizeof(why))) {
			try_accel(&c, "kvm", arch, qemu, kernel, &cpu);
			snprintf(why, sizeof(why), "KVM's canary: %s", c.reason);
		}
		if (c.ok) {
			*a = (struct accel){.name = "kvm", .cpu = kvm_cpus[cpu], .canary_ms = c.ms};
			snprintf(a->reason, sizeof(a->reason), "canary booted in %" PRId64 " ms", c.ms);
			a->scale_percent = scale_percent(c.ms);
			return 0;
		}
		if (want == ACCEL_KVM) {
			snprintf(a->reason, sizeof(a->reason), "%s", why);
			return -ENOTSUP;
		}
	}
	try_accel(&c, "tcg", arch, qemu, kernel, &cpu);
	*a = (struct accel){.name = "tcg", .cpu = arch->tcg_cpu, .canary_ms = c.ms};
	snprintf(a->reason, sizeof(a->reason), "%s", c.ok ? why : c.reason);
	a->scale_percent = scale_percent(c.ms);
	return c.ok ? 0 : -ENOTSUP;
}
