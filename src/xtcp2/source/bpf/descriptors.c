/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "source/bpf/pass.h"

#define LOG_NS (60 * NS_PER_SEC)

struct reading {
	struct poll_pass *pass;
	struct owner_table *owners;
	uint64_t cookie; /* of the namespace looked at last */
	uint32_t pid;	 /* whose descriptors come */
};

/* A namespace that is not in the table is called by the first process that holds it. */
static int note_namespace(struct reading *r, const struct walk_descriptor *d)
{
	struct source *s = r->pass->source;

	if (d->held.net_cookie == r->cookie || !d->held.net_cookie)
		return 0;
	r->cookie = d->held.net_cookie;
	struct name *name = names_find(&s->names, r->pass->table, d->held.net_cookie, d->held.net_inode);
	if (!name)
		return -ENOMEM;
	if (!name->ns && !name->held[0])
		snprintf(name->held, sizeof(name->held), "%s:%u", d->kind == WALK_SOCKET ? "socket" : "fd",
			 r->pid);
	return 0;
}

static int on_descriptor(void *data, const struct walk_descriptor *d)
{
	struct reading *r = data;

	if (d->kind == WALK_PROCESS) {
		r->pid = d->process.pid;
		return owner_table_process(r->owners, r->pid, d->process.comm, d->process.cgroup_id);
	}
	int error = note_namespace(r, d);
	return error < 0 || d->kind != WALK_SOCKET || !d->held.inode
		   ? error
		   : owner_table_socket(r->owners, d->held.inode);
}

static void log_failure(int error)
{
	static struct log_limit limit;
	uint64_t suppressed;

	if (log_limit_pass(&limit, LOG_NS, &suppressed))
		log_warn(
		    "bpf",
		    "a pass through the descriptors of all processes failed: %s; the owners are those of "
		    "the pass before; %llu more like this in the last minute",
		    strerror(-error), (unsigned long long)suppressed);
}

void pass_read_descriptors(struct poll_pass *p)
{
	struct source *s = p->source;
	const struct attributor *a = s->config.attributor;
	struct reading r = {.pass = p, .owners = a ? a->told : NULL};
	int64_t now = clock_mono_ns(), begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);

	if (!r.owners)
		return;
	int error = owner_table_begin(r.owners);
	if (error == 0)
		error = walker_descriptors(s->walker, now + (p->deadline_ns - now) / 2, on_descriptor, &r);
	owner_table_end(r.owners, error == 0);
	s->count[STAT_OWNER_ROUNDS] += error == 0;
	s->count[STAT_OWNER_CUT] += error == -ETIMEDOUT;
	s->count[STAT_OWNER_NS] += (uint64_t)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin);
	if (error < 0 && error != -ETIMEDOUT)
		log_failure(error);
}
