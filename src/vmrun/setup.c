/* SPDX-License-Identifier: MIT */
#include "vmrun/setup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/input.h"
#include "base/port_holder.h"
#include "kernel_append.h"
#include "vmrun/child.h"
#include "vmrun/ports.h"

static int refuse(char error[static SETUP_ERROR_MAX], int r, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(char error[static SETUP_ERROR_MAX], int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, SETUP_ERROR_MAX, fmt, ap);
	va_end(ap);
	return r;
}

/* Remove the files in a directory below this one, if it is there. 0 or -errno. */
static int remove_files(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);

	if (!directory)
		return errno == ENOENT ? 0 : -errno;
	for (const struct dirent *e; (e = readdir(directory));) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    unlinkat(dirfd(directory), e->d_name, 0) < 0)
			r = -errno;
	}
	closedir(directory);
	return r;
}

/* Make the report directory, lock it for this run, and remove the files of an earlier run. */
static int take_report_dir(struct setup *s, char error[static SETUP_ERROR_MAX])
{
	static const char *const stale[] = {"events.jsonl", "results.json", "junit.xml",
					    "results.tap",  "autopsy.txt",  "console.log"};
	char path[PATH_MAX + 32];

	for (char *slash = s->report + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(s->report, 0777);
		*slash = '/';
	}
	if (mkdir(s->report, 0777) < 0 && errno != EEXIST)
		return refuse(error, -errno, "cannot make report directory %s: %s", s->report,
			      strerror(errno));
	s->lock_fd = open(s->report, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->lock_fd < 0)
		return refuse(error, -errno, "cannot open report directory %s: %s", s->report,
			      strerror(errno));
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return refuse(error, -EBUSY,
			      "report directory %s is in use by another run; choose another with --report",
			      s->report);
	for (size_t i = 0; i < ARRAY_SIZE(stale); i++) {
		snprintf(path, sizeof(path), "%s/%s", s->report, stale[i]);
		if (unlink(path) < 0 && errno != ENOENT)
			return refuse(error, -errno, "cannot write to report directory %s: %s", s->report,
				      strerror(errno));
	}
	int r = remove_files(s->lock_fd, "artifacts");
	return r < 0 ? refuse(error, r, "cannot write to %s/artifacts: %s", s->report, strerror(-r)) : 0;
}

static int find_image_file(struct setup *s, const char *name, char path[static PATH_MAX],
			   char error[static SETUP_ERROR_MAX])
{
	struct stat st;

	if (snprintf(path, PATH_MAX, "%s/%s", s->options->image, name) >= PATH_MAX)
		return refuse(error, -ENAMETOOLONG, "image directory: the path is too long");
	if (stat(path, &st) < 0 || access(path, R_OK) < 0)
		return refuse(error, -errno, "image %s: %s: %s", s->options->image, name, strerror(errno));
	if (!S_ISREG(st.st_mode) || !st.st_size)
		return refuse(error, -EINVAL, "image %s: %s is damaged (empty or not a file)",
			      s->options->image, name);
	json_object_set_new(s->image, name, json_integer(st.st_size));
	return 0;
}

/* Read the manifest: each file's size, which reveals a truncated copy, and more kernel arguments. */
static int read_manifest(struct setup *s, const char **append, json_t **manifest,
			 char error[static SETUP_ERROR_MAX])
{
	char path[PATH_MAX + 16];
	const char *name;
	json_t *entry;
	json_error_t where;

	snprintf(path, sizeof(path), "%s/manifest.json", s->options->image);
	_cleanup_fclose_ FILE *f = input_fopen(path);
	if (!f)
		return refuse(error, -EINVAL, "image %s: manifest.json: %s", s->options->image,
			      input_strerror(errno));
	*manifest = json_loadf(f, 0, &where);
	if (!*manifest)
		return refuse(error, -EINVAL, "image %s: manifest.json: %s", s->options->image, where.text);
	json_object_foreach(json_object_get(*manifest, "files"), name, entry)
	{
		const json_t *size = json_object_get(entry, "size"), *found = json_object_get(s->image, name);
		if (json_is_integer(size) && found && json_integer_value(size) != json_integer_value(found))
			return refuse(error, -EINVAL,
				      "image %s: %s is damaged: %" JSON_INTEGER_FORMAT
				      " bytes instead of %" JSON_INTEGER_FORMAT,
				      s->options->image, name, json_integer_value(found),
				      json_integer_value(size));
	}
	*append = json_string_value(json_object_get(*manifest, "append"));
	return 0;
}

static int check_image(struct setup *s, const char **append, json_t **manifest,
		       char error[static SETUP_ERROR_MAX])
{
	int r = find_image_file(s, "vmlinuz", s->kernel, error);

	if (r == 0)
		r = find_image_file(s, "initrd.img", s->initrd, error);
	if (r == 0)
		r = find_image_file(s, "root.erofs", s->root, error);
	return r == 0 ? read_manifest(s, append, manifest, error) : r;
}

static int check_ports(const struct setup *s, char error[static SETUP_ERROR_MAX])
{
	char who[PORT_HOLDER_MAX];

	for (size_t i = 0; !s->options->ports_auto && i < s->flavor.forwards_count; i++) {
		const struct forward *f = &s->flavor.forwards[i];
		int r = port_probe(f->host);
		if (r == 0)
			continue;
		if (r != -EADDRINUSE)
			return refuse(error, r, "port %d (%s) on 127.0.0.1: %s", f->host, f->name,
				      strerror(-r));
		port_holder(f->host, who);
		return refuse(error, r,
			      "port %d (%s) on 127.0.0.1 is in use by %s; --ports auto chooses free ones",
			      f->host, f->name, who);
	}
	return 0;
}

static int make_nonce(struct setup *s)
{
	uint8_t bytes[NONCE_BYTES];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -EIO;
	for (int i = 0; i < NONCE_BYTES; i++)
		snprintf(s->nonce + (size_t)2 * i, 3, "%02x", bytes[i]);
	return 0;
}

/* Return true when a user may want to log in: the guest then serves a shell. */
static bool has_shell(const struct setup *s)
{
	return s->options->keep_alive || s->options->debug_shell || !json_array_size(s->flavor.checks);
}

/*
 * Write the words of guest/kernel-append as one line, without the lines that begin with '#'; the console is the
 * architecture's.
 */
static void append_words(const struct arch *arch, char *to, size_t size)
{
	const char *text = (const char *)kernel_append, *end = text + kernel_append_len;
	size_t n = 0;

	for (const char *line = text, *next; line < end && n < size; line = next + 1) {
		next = memchr(line, '\n', (size_t)(end - line));
		if (!next)
			next = end;
		if (strncmp(line, "console=", 8) == 0)
			n += (size_t)snprintf(to + n, size - n, "console=%s ", arch->console);
		else if (*line != '#')
			n += (size_t)snprintf(to + n, size - n, "%.*s ", (int)(next - line), line);
	}
}

/* Make the guest's parameters: on the kernel command line and, one per line, in the fw_cfg file. */
static int make_run_file(struct setup *s, const char *more, char error[static SETUP_ERROR_MAX])
{
	char params[512], words[512] = "";

	append_words(s->options->arch, words, sizeof(words));
	snprintf(params, sizeof(params),
		 "xtcp2.flavor=%s\nxtcp2.nonce=%s\nxtcp2.duration=%" PRId64 "\nxtcp2.scale=%d\n%s%s%s",
		 s->flavor.name, s->nonce, s->duration_ns / NS_PER_SEC, s->accel.scale_percent,
		 s->options->keep_alive ? "xtcp2.keep_alive=1\n" : "", has_shell(s) ? "xtcp2.shell=1\n" : "",
		 json_array_size(s->flavor.checks) ? "" : "xtcp2.no_checks=1\n");
	snprintf(s->run_file, sizeof(s->run_file), "%s/run.env", s->report);
	_cleanup_fclose_ FILE *f = fopen(s->run_file, "we");
	if (!f || fputs(params, f) == EOF || fflush(f) != 0)
		return refuse(error, -EIO, "cannot write %s: %s", s->run_file, strerror(errno));
	for (char *c = params; *c; c++) {
		if (*c == '\n')
			*c = ' ';
	}
	int n = snprintf(s->append, sizeof(s->append), "%s%s%s%s%s", words, params, more ? more : "",
			 s->options->append ? " " : "", s->options->append ? s->options->append : "");
	if (n >= (int)sizeof(s->append))
		return refuse(error, -E2BIG, "the kernel command line is too long");
	return 0;
}

static int make_argv(struct setup *s, char error[static SETUP_ERROR_MAX])
{
	const struct run_options *o = s->options;
	struct machine m = {
	    .qemu = o->qemu,
	    .arch = o->arch,
	    .type = o->machine ? o->machine : o->arch->machine,
	    .accel = s->accel.name,
	    .cpu = s->accel.cpu,
	    .kernel = s->kernel,
	    .initrd = s->initrd,
	    .root = s->root,
	    .append = s->append,
	    .run_file = s->run_file,
	    .flavor = &s->flavor,
	    .ports_auto = o->ports_auto,
	};
	if (!o->launcher) {
		qemu_argv(&s->argv, &m);
		return s->argv.failed ? -ENOMEM : 0;
	}
	struct argv extra = {0};
	struct buf text = {0};
	int r = 0;
	qemu_launcher_args(&extra, &m);
	for (size_t i = 0; i < extra.n; i++) {
		if (strpbrk(extra.v[i], " \t\n"))
			r = refuse(error, -EINVAL,
				   "report directory %s: a launcher requires a path without blanks",
				   s->report);
		buf_printf(&text, "%s%s", i ? " " : "", extra.v[i]);
	}
	if (r == 0 && buf_ok(&text)) {
		setenv("XTCP2_VMRUN_QEMU_ARGS", buf_cstr(&text), 1);
		setenv("XTCP2_VMRUN_ACCEL", s->accel.name, 1);
		setenv("XTCP2_VMRUN_CPU", s->accel.cpu, 1);
		argv_add(&s->argv, "%s", o->launcher);
	}
	argv_free(&extra);
	buf_free(&text);
	return r;
}

/* Set the time-outs: the flavor's or the user's, scaled by the canary's measurement, plus the duration. */
static void set_times(struct setup *s)
{
	s->duration_ns = s->options->duration_ns >= 0 ? s->options->duration_ns : s->flavor.duration_ns;
	s->timeout_ns = s->options->timeout_ns >= 0
			    ? s->options->timeout_ns
			    : s->flavor.timeout_ns / 100 * s->accel.scale_percent + s->duration_ns;
	if (s->flavor.stays && !s->duration_ns)
		flavor_without_checks(&s->flavor);
}

static int choose_accel(struct setup *s, char error[static SETUP_ERROR_MAX])
{
	int r;

	if (s->options->launcher) {
		/* The canary needs the launcher's kernel; without it choose TCG, which always works. */
		bool kvm = s->options->accel == ACCEL_KVM;
		s->accel = (struct accel){.name = kvm ? "kvm" : "tcg",
					  .cpu = kvm ? "host" : s->options->arch->tcg_cpu,
					  .scale_percent = 100};
		strcpy(s->accel.reason, "launcher: as asked for, TCG otherwise");
		snprintf(s->kernel, sizeof(s->kernel), "%s", s->options->kernel ? s->options->kernel : "");
		if (!s->kernel[0])
			return 0;
	}
	r = accel_choose(&s->accel, s->options->accel, s->options->arch, s->options->qemu, s->kernel);
	if (r < 0)
		return refuse(error, r, "%s: %s",
			      s->options->accel == ACCEL_KVM ? "KVM does not work here"
							     : "no accelerator works",
			      s->accel.reason);
	return 0;
}

int setup_prepare(struct setup *s, const struct run_options *o, char error[static SETUP_ERROR_MAX])
{
	const char *append = NULL;
	json_t *manifest = NULL;
	char flavor_error[FLAVOR_ERROR_MAX], program[PATH_MAX];

	*s = (struct setup){.options = o, .lock_fd = -1, .image = json_object()};
	if (flavor_load(&s->flavor, o->flavors, o->flavor, flavor_error) < 0)
		return refuse(error, -EINVAL, "%s", flavor_error);
	if (!o->launcher)
		flavor_as_debian(&s->flavor);
	int n = o->report ? snprintf(s->report, sizeof(s->report), "%s", o->report)
			  : snprintf(s->report, sizeof(s->report), "xtcp2-vm/%s", s->flavor.name);
	if (n >= (int)sizeof(s->report))
		return refuse(error, -ENAMETOOLONG, "the report directory's path is too long");
	int r = o->image ? check_image(s, &append, &manifest, error) : 0;
	if (r == 0 && !child_find(o->launcher ? o->launcher : o->qemu, program))
		r = refuse(error, -ENOENT, "%s is missing or cannot be executed%s%s%s", program,
			   o->launcher ? "" : " (Debian: apt install ", o->launcher ? "" : o->arch->package,
			   o->launcher ? "" : ")");
	if (r == 0)
		r = check_ports(s, error);
	if (r == 0)
		r = take_report_dir(s, error);
	if (r == 0)
		r = make_nonce(s);
	if (r == 0)
		r = choose_accel(s, error);
	if (r == 0) {
		set_times(s);
		r = make_run_file(s, append, error);
	}
	if (r == 0)
		r = make_argv(s, error);
	json_decref(manifest);
	return r;
}

void setup_free(struct setup *s)
{
	flavor_free(&s->flavor);
	argv_free(&s->argv);
	json_decref(s->image);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
}

json_t *setup_json(const struct setup *s)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:I, s:O, s:O*, s:O*, s:O*, s:O, s:o}", "flavor",
			 s->flavor.name, "nonce", s->nonce, "accel", s->accel.name, "accel_reason",
			 s->accel.reason, "scale_percent", s->accel.scale_percent, "canary_ms",
			 (json_int_t)s->accel.canary_ms, "checks", s->flavor.checks, "allow",
			 s->flavor.console_allow, "asserts", json_object_get(s->flavor.row, "asserts"),
			 "tunables", json_object_get(s->flavor.row, "tunables"), "image", s->image, "argv",
			 argv_json(&s->argv));
}
