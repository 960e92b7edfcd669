/* SPDX-License-Identifier: MIT */
#include "vmrun/autopsy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "vmrun/qmp.h"
#include "vmrun/vm.h"

/* The wait for QEMU's answer to one command. */
#define REPLY_MS 1000

#define SAMPLES	       10
#define SAMPLE_GAP_MS  50
#define VCPUS_SAMPLED  8
#define TAIL_LINES     60
/* "w" on a 97 KiB/s console; "t" writes a few hundred bytes per task. */
#define SYSRQ_MS       700
#define SYSRQ_TASKS_MS 3000

struct reply {
	struct vm *vm;
	struct buf text;
	bool done;
};

static void on_reply(const json_t *result, const char *error, void *data)
{
	struct reply *r = data;
	char *dump = NULL;

	if (error)
		buf_str(&r->text, error);
	else if (json_is_string(result))
		buf_str(&r->text, json_string_value(result));
	else if (result && (dump = json_dumps(result, JSON_INDENT(2))))
		buf_str(&r->text, dump);
	free(dump);
	r->done = true;
	loop_stop(r->vm->loop);
}

/*
 * Send a command and wait for the answer. The caller frees the text; "" without an answer. A
 * reply may come after the wait has ended, so `r` must outlive this call.
 */
static const char *ask(struct reply *r, const char *command, bool human)
{
	buf_reset(&r->text);
	r->done = false;
	int error = human ? qmp_human(r->vm->qmp, command, on_reply, r)
			  : qmp_command(r->vm->qmp, command, NULL, on_reply, r);
	for (int waited = 0; !error && !r->done && r->vm->child.pid && waited < REPLY_MS; waited += 100)
		vm_pump(r->vm, 100);
	return buf_cstr(&r->text);
}

/* One virtual processor as the samples show it. */
struct cpu {
	char rip[SAMPLES][20];
	int samples, halted;
};

/* Read "CPU#n", "RIP=..." and "HLT=n" out of "info registers -a". */
static void read_sample(struct cpu *cpus, const char *text)
{
	struct cpu *c = NULL;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		int n;
		const char *at;
		line += *line == '\n';
		if (sscanf(line, "CPU#%d", &n) == 1)
			c = n >= 0 && n < VCPUS_SAMPLED ? &cpus[n] : NULL;
		if (!c || c->samples == SAMPLES || strncmp(line, "RIP=", 4) != 0)
			continue;
		sscanf(line, "RIP=%19[0-9a-f]", c->rip[c->samples++]);
		at = strstr(line, "HLT=");
		c->halted += at && at[4] == '1';
	}
}

/* Return how often the most frequent address was sampled, and that address in *rip. */
static int commonest(const struct cpu *c, const char **rip)
{
	int best = 0;

	for (int i = 0; i < c->samples; i++) {
		int same = 0;
		for (int k = 0; k < c->samples; k++)
			same += strcmp(c->rip[i], c->rip[k]) == 0;
		if (same > best) {
			best = same;
			*rip = c->rip[i];
		}
	}
	return best;
}

static void sample_cpus(const struct autopsy *a, struct reply *r, FILE *f, char *summary, size_t cap)
{
	struct cpu cpus[VCPUS_SAMPLED] = {0};
	size_t n = 0;

	for (int i = 0; i < (a->paused ? 1 : SAMPLES); i++) {
		const char *text = ask(r, "info registers -a", true);
		read_sample(cpus, text ? text : "");
		if (i == 0)
			fprintf(f, "== registers\n%s\n", text ? text : "");
		if (!a->paused)
			vm_pump(a->vm, SAMPLE_GAP_MS);
	}
	fprintf(f, "== instruction pointer, %d samples\n", a->paused ? 1 : SAMPLES);
	for (int c = 0; c < VCPUS_SAMPLED && cpus[c].samples; c++) {
		const char *rip = "?";
		int often = commonest(&cpus[c], &rip);
		char line[160];
		snprintf(line, sizeof(line), "vCPU %d: %d of %d samples at %.20s, %d halted", c, often,
			 cpus[c].samples, rip, cpus[c].halted);
		fprintf(f, "%s\n", line);
		if (n < cap)
			n += snprintf(summary + n, cap - n, "%s%s", n ? "; " : "", line);
	}
}

/* Send BREAK and a key on the serial console: the kernel answers on the console, into the tail. */
static void sysrq(const struct autopsy *a, char key, int ms)
{
	json_t *id = json_pack("{s:s}", "id", "xcon");

	if (!a->vm->child.pid || qmp_command(a->vm->qmp, "chardev-send-break", id, NULL, NULL) < 0)
		return;
	vm_pump(a->vm, SAMPLE_GAP_MS);
	vm_write(a->vm, CHANNEL_CONSOLE, &key, 1);
	vm_pump(a->vm, ms);
}

/* Return the offset of the last `lines` lines of the text. */
static size_t last_lines(const struct buf *b, int lines)
{
	size_t at = b->len;

	while (at > 0 && lines >= 0) {
		at--;
		lines -= b->data[at] == '\n' && at + 1 < b->len;
	}
	return at ? at + 1 : 0;
}

static void write_tail(FILE *f, const char *title, const struct buf *tail, size_t from)
{
	fprintf(f, "== %s\n", title);
	fwrite(tail->data + from, 1, tail->len - from, f);
	fputs("\n", f);
}

/* Copy the text between the first `mark` after offset `from` and the next character of `ends`.
 * Copy "" when there is no mark. */
static void text_after(const struct buf *b, size_t from, const char *mark, const char *ends, char *out,
		       size_t cap)
{
	const char *end = (const char *)b->data + b->len;
	const char *at = from < b->len ? memmem(b->data + from, b->len - from, mark, strlen(mark)) : NULL;
	size_t n = 0;

	for (at = at ? at + strlen(mark) : end; at < end && !strchr(ends, *at) && n + 1 < cap; at++)
		out[n++] = *at;
	out[n] = '\0';
}

void autopsy_run(const struct autopsy *a, const char *path, char summary[static AUTOPSY_SUMMARY_MAX])
{
	static struct reply r;
	char cpus[256] = "", task[32] = "", function[96] = "";
	const char *text;

	summary[0] = '\0';
	_cleanup_fclose_ FILE *f = fopen(path, "we");
	if (!f || !a->vm->child.pid || !a->vm->qmp) {
		log_warn("vmrun", "no autopsy: %s", f ? "QEMU is gone" : strerror(errno));
		return;
	}
	r.vm = a->vm;
	size_t before = last_lines(a->tail, TAIL_LINES);
	fprintf(f, "%s\nlast check: %s\n", a->why, a->last_check ? a->last_check : "none");
	write_tail(f, "last console lines", a->tail, before);
	text = ask(&r, "query-status", false);
	fprintf(f, "== status\n%s\n", text ? text : "");
	text = ask(&r, "query-cpus-fast", false);
	fprintf(f, "== processors\n%s\n", text ? text : "");
	sample_cpus(a, &r, f, cpus, sizeof(cpus));
	text = ask(&r, "info usernet", true);
	fprintf(f, "== network\n%s\n", text ? text : "");
	if (!a->paused) {
		/* 7: all levels on the console, l: backtraces of running processors, w: blocked tasks, t: all tasks. */
		size_t mark = a->tail->len;
		sysrq(a, '7', SAMPLE_GAP_MS);
		sysrq(a, 'l', SYSRQ_MS);
		sysrq(a, 'w', SYSRQ_MS);
		sysrq(a, 't', SYSRQ_TASKS_MS);
		mark = mark < a->tail->len ? mark : 0;
		text_after(a->tail, mark, " Comm: ", " \n", task, sizeof(task));
		text_after(a->tail, mark, "RIP: 0010:", "/ \n", function, sizeof(function));
		write_tail(f, "SysRq l, w, t", a->tail, mark);
	}
	buf_free(&r.text);
	snprintf(summary, AUTOPSY_SUMMARY_MAX, "%s%s%s%s%s", cpus, task[0] ? "; running " : "", task,
		 function[0] ? " in " : "", function);
}
