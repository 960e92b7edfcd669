/* SPDX-License-Identifier: MIT */
/*
 * A guest that misbehaves on command: the init of a tiny initramfs, whose output the word
 * chaos=MODE of the kernel command line selects. The runner's own tests boot it once per
 * mode. Linked statically, with result_line.c.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "vmrun/crc32c.h"
#include "vmrun/result_line.h"

#define FLOOD_BYTES    (1024 * 1024)
#define ARTIFACT_BYTES (1024 * 1024)
/* Virtio devices, and ports per device, that are tried: 16 and 4. */
#define PORT_PLACES    64

static int port = -1, artifact_port = -1;
static uint64_t seq;
static char nonce[RESULT_NONCE_MAX] = "none", mode[32] = "pass";

static void load_modules(void)
{
	char path[256];
	FILE *list = fopen("/modules", "re");

	while (list && fgets(path, sizeof(path), list)) {
		path[strcspn(path, "\n")] = '\0';
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			syscall(SYS_finit_module, fd, "", 0);
			close(fd);
		}
	}
	if (list)
		fclose(list);
}

static void read_word(const char *cmdline, const char *key, char *out, size_t cap)
{
	const char *at = strstr(cmdline, key);
	size_t n = at ? strcspn(at + strlen(key), " \n") : 0;

	if (n && n < cap) {
		memcpy(out, at + strlen(key), n);
		out[n] = '\0';
	}
}

static int open_port(const char *name)
{
	char path[64], text[64];

	for (int i = 0; i < PORT_PLACES; i++) {
		snprintf(path, sizeof(path), "/sys/class/virtio-ports/vport%dp%d/name", i / 4, i % 4);
		FILE *f = fopen(path, "re");
		if (!f)
			continue;
		bool found = fgets(text, sizeof(text), f) && strncmp(text, name, strlen(name)) == 0;
		fclose(f);
		snprintf(path, sizeof(path), "/dev/vport%dp%d", i / 4, i % 4);
		if (found)
			return open(path, O_RDWR | O_CLOEXEC);
	}
	return -1;
}

static void say(const char *text)
{
	ssize_t ignored = write(STDOUT_FILENO, text, strlen(text));
	(void)ignored;
}

/* Send one record; arguments are "key", "value" pairs up to NULL. */
static void record(enum result_verb verb, const char *k1, const char *v1, const char *k2, const char *v2)
{
	struct result_line line = {.seq = seq++, .mono_ms = 1, .verb = verb};
	char out[RESULT_LINE_MAX];

	strcpy(line.nonce, nonce);
	if (k1)
		line.pair[line.pairs++] = (struct result_pair){k1, v1};
	if (k2)
		line.pair[line.pairs++] = (struct result_pair){k2, v2};
	int n = result_line_format(&line, out);
	if (strcmp(mode, "badcrc") == 0 && verb == RESULT_END)
		out[n - 2] ^= 1;
	ssize_t ignored = write(port, out, n);
	(void)ignored;
}

static void check(const char *name, bool pass)
{
	char line[128];

	record(RESULT_BEGIN, "check", name, "timeout_ms", strcmp(mode, "hang") == 0 ? "1000" : "20000");
	if (strcmp(mode, "hang") == 0)
		for (;;) /* busy on purpose */
			;
	snprintf(line, sizeof(line), "\n" SENTINEL_PREFIX "%s_%s\n", name,
		 pass == (strcmp(mode, "disagree") != 0) ? "PASS" : "FAIL");
	say(line);
	record(RESULT_END, "check", name, "verdict", pass ? "PASS" : "FAIL");
}

static void bye(void)
{
	char answer[8];
	struct pollfd p = {.fd = port, .events = POLLIN};

	/* Bytes still in the tty would be lost at power-off. */
	tcdrain(STDOUT_FILENO);
	record(RESULT_BYE, NULL, NULL, NULL, NULL);
	if (poll(&p, 1, 30000) == 1 && read(port, answer, sizeof(answer)) > 0)
		say("chaos: acknowledged\n");
}

static void send_artifact(void)
{
	static char body[ARTIFACT_BYTES];
	char header[128];
	struct pollfd p = {.fd = artifact_port, .events = POLLIN};

	memset(body, 'x', sizeof(body));
	int n = snprintf(header, sizeof(header), "XA %s blob.bin %d %08x\n", nonce, ARTIFACT_BYTES,
			 crc32c(0, body, sizeof(body)));
	ssize_t ignored = write(artifact_port, header, n);
	for (size_t done = 0; done < sizeof(body); done += ignored) {
		ignored = write(artifact_port, body + done, sizeof(body) - done);
		if (ignored < 0)
			return;
	}
	poll(&p, 1, 30000);
}

static void flood(void)
{
	static char line[1024];

	memset(line, 'f', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	for (size_t done = 0; done < FLOOD_BYTES; done += sizeof(line)) {
		ssize_t ignored = write(STDOUT_FILENO, line, sizeof(line));
		(void)ignored;
	}
}

/* Send notes until the host no longer reads them. */
static void flood_records(void)
{
	static char text[512];

	memset(text, 'n', sizeof(text) - 1);
	for (;;)
		record(RESULT_NOTE, "text", text, NULL, NULL);
}

static bool is(const char *name)
{
	return strcmp(mode, name) == 0;
}

static void panic(void)
{
	FILE *f = fopen("/proc/sysrq-trigger", "we");

	if (f) {
		fputs("c", f);
		fclose(f);
	}
}

static void misbehave(void)
{
	if (is("panic_early"))
		panic();
	record(RESULT_PLAN, "checks", "ONE,TWO", NULL, NULL);
	if (is("off"))
		reboot(RB_POWER_OFF);
	if (is("reset"))
		reboot(RB_AUTOBOOT);
	if (is("exit"))
		exit(1);
	if (is("gap"))
		seq++;
	if (is("flood"))
		flood();
	if (is("records"))
		flood_records();
	if (is("oops"))
		say("\nBUG: soft lockup - CPU#0 stuck for 22s! [chaos:1]\n");
	if (is("artifact"))
		send_artifact();
	check("ONE", true);
	if (is("panic"))
		panic();
	if (is("silent"))
		pause();
	if (is("forge")) {
		char mine[RESULT_NONCE_MAX];
		strcpy(mine, nonce);
		strcpy(nonce, "deadbeef");
		record(RESULT_END, "check", "TWO", "verdict", "FAIL");
		seq--;
		strcpy(nonce, mine);
	}
	if (!is("lie"))
		check("TWO", !is("fail"));
	record(RESULT_OVERALL, "verdict", is("fail") ? "FAIL" : "PASS", NULL, NULL);
	say(is("fail") ? "\n" SENTINEL_PREFIX "OVERALL_FAIL\n" : "\n" SENTINEL_PREFIX "OVERALL_PASS\n");
	if (is("no_bye"))
		reboot(RB_POWER_OFF);
	bye();
	if (is("stay"))
		pause();
}

int main(void)
{
	char cmdline[4096] = "";

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	load_modules();
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, cmdline, sizeof(cmdline) - 1) < 0)
		say("chaos: no command line\n");
	read_word(cmdline, "xtcp2.nonce=", nonce, sizeof(nonce));
	read_word(cmdline, "chaos=", mode, sizeof(mode));
	for (int i = 0; (port < 0 || artifact_port < 0) && i < 500; i++) {
		port = port < 0 ? open_port(RESULT_PORT) : port;
		artifact_port = artifact_port < 0 ? open_port(ARTIFACT_PORT) : artifact_port;
		poll(NULL, 0, 10);
	}
	say("chaos: ready\n");
	misbehave();
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
