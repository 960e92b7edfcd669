/* SPDX-License-Identifier: MIT */
#include "enrich/container.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "enrich/enrichment.h"
#include "stats/stats.h"

/* Files read per call: some 20 us each. The others are read after the next scan. */
#define RESOLVE_MAX 256

/* A line of /proc/PID/cgroup is a path; version 1 has a dozen of them. */
#define CGROUP_TEXT_MAX 16384

/* Patterns of one part of the path: the text before and after the identifier tells the runtime. */
static const struct pattern {
	const char *before, *after;
	bool name; /* the identifier is a name; else 64 hexadecimal digits */
	const char *runtime;
} patterns[] = {
    {"docker-", ".scope", false, "docker"},
    {"cri-containerd-", ".scope", false, "containerd"},
    {"nerdctl-", ".scope", false, "containerd"},
    {"crio-", ".scope", false, "cri-o"},
    {"crio-", "", false, "cri-o"},
    {"libpod-", ".scope", false, "podman"},
    {"libpod-", "", false, "podman"},
    {"lxc.payload.", "", true, "lxc"},
};

/* The runtime by the beginning of the part before one that is only an identifier. */
static const struct parent {
	const char *begins;
	bool whole, name;
	const char *runtime;
} parents[] = {
    {"docker", true, false, "docker"},
    {"cri-containerd", true, false, "containerd"},
    {"default", true, false, "containerd"}, /* this row and the next: names of containerd's own name spaces */
    {"k8s.io", true, false, "containerd"},
    {"crio", true, false, "cri-o"},
    {"libpod_parent", true, false, "podman"},
    {"lxc", true, true, "lxc"},
    {"lxc.payload", true, true, "lxc"},
    {"kubepods", false, false, "kubernetes"},
    {"pod", false, false, "kubernetes"},
    /* Last: docker run --cgroup-parent, ECS, runners of jobs, and a path seen from another cgroup namespace. */
    {"", false, false, ""},
};

/* Hexadecimal digits of the identifier of an ECS task. */
#define TASK_ID_LENGTH 32

struct part {
	const char *p;
	size_t len;
};

static bool is_hex_id(const char *p, size_t len)
{
	return len == CONTAINER_ID_MAX && strspn(p, "0123456789abcdef") >= len;
}

/* Printable ASCII: it goes into UTF-8 text. */
static bool is_name(const char *p, size_t len)
{
	if (len == 0 || len > CONTAINER_ID_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (p[i] <= ' ' || p[i] > '~')
			return false;
	}
	return true;
}

static bool take_id(struct container *c, const char *p, size_t len, bool name, const char *runtime)
{
	if (!(name ? is_name(p, len) : is_hex_id(p, len)))
		return false;
	memcpy(c->id, p, len);
	c->id[len] = '\0';
	c->runtime = runtime;
	return true;
}

static bool match_pattern(struct part part, struct container *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		const struct pattern *p = &patterns[i];
		size_t before = strlen(p->before), after = strlen(p->after);
		if (part.len > before + after && !memcmp(part.p, p->before, before) &&
		    !memcmp(part.p + part.len - after, p->after, after) &&
		    take_id(c, part.p + before, part.len - before - after, p->name, p->runtime))
			return true;
	}
	return false;
}

static bool match_parent(struct part parent, struct part part, struct container *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(parents) && parent.p; i++) {
		const struct parent *p = &parents[i];
		size_t len = strlen(p->begins);
		if (parent.len >= len && (!p->whole || parent.len == len) &&
		    !memcmp(parent.p, p->begins, len) && take_id(c, part.p, part.len, p->name, p->runtime))
			return true;
	}
	return false;
}

/* ECS without Docker: the part is the identifier of the task, which is the part before, and a number. */
static bool match_task(struct part parent, struct part part, struct container *c)
{
	size_t digits = parent.len + 1;

	return parent.len == TASK_ID_LENGTH && part.len > digits && part.len <= CONTAINER_ID_MAX &&
	       !memcmp(parent.p, part.p, parent.len) && part.p[parent.len] == '-' &&
	       strspn(parent.p, "0123456789abcdef") >= parent.len &&
	       strspn(part.p + digits, "0123456789") >= part.len - digits &&
	       take_id(c, part.p, part.len, true, "containerd");
}

bool container_parse(const char *text, struct container *c)
{
	struct part parent = {0}; /* none at the beginning of a line */
	bool found = false;

	/* A part ends at '/', ':' (containerd writes SLICE:cri-containerd:ID) or the end of the line; the
	 * innermost match counts. */
	for (const char *p = text; *p; p++) {
		struct part part = {p, strcspn(p, "/:\n")};
		if (part.len > 0 &&
		    (match_pattern(part, c) || match_parent(parent, part, c) || match_task(parent, part, c)))
			found = true;
		p += part.len;
		if (*p != '/' && *p != ':' && found)
			break;
		if (!*p)
			break;
		parent = part;
		if (*p == '\n')
			parent = (struct part){0};
	}
	return found;
}

struct container *container_named(const struct container *c, const char *name, const char *image)
{
	struct container *copy = malloc(sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = (struct container){.refs = 1, .runtime = c->runtime};
	memcpy(copy->id, c->id, sizeof(copy->id));
	snprintf(copy->name, sizeof(copy->name), "%s", strlen(name) < sizeof(copy->name) ? name : "");
	snprintf(copy->image, sizeof(copy->image), "%s", strlen(image) < sizeof(copy->image) ? image : "");
	return copy;
}

struct container *container_ref(struct container *c)
{
	if (c)
		__atomic_fetch_add(&c->refs, 1, __ATOMIC_RELAXED);
	return c;
}

void container_unref(struct container *c)
{
	if (c && __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) == 0)
		free(c);
}

void container_to_record(const struct container *c, struct record *r)
{
	static const struct container none = {.runtime = ""};

	if (!c)
		c = &none;
	r->container_id = str_of(c->id);
	r->container_runtime = str_of(c->runtime);
	r->container_name = str_of(c->name);
	r->container_image = str_of(c->image);
}

/* Return whether the process is still in the namespace: its number may belong to another process by now. */
static bool still_there(const struct netns *ns)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", ns->pid);
	return stat(path, &st) == 0 && st.st_ino == ns->ino && st.st_dev == ns->dev;
}

static void resolve(struct netns *ns, struct enrichment *e)
{
	char path[64], text[CGROUP_TEXT_MAX];
	struct container found = {0};

	e->asked_pid = ns->pid;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", ns->pid);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return;
	text[n] = '\0';
	if (container_parse(text, &found) && still_there(ns))
		e->container = container_named(&found, "", "");
	stat_add(STAT_CONTAINERS, e->container != NULL);
}

void containers_resolve(struct netns *const *entries, size_t count)
{
	unsigned left = RESOLVE_MAX;

	for (size_t i = 0; i < count && left > 0; i++) {
		struct netns *ns = entries[i];
		struct enrichment *e = ns->own || ns->pid == 0 ? NULL : enrichment_make(ns);
		if (!e || e->container || e->asked_pid == ns->pid)
			continue;
		resolve(ns, e);
		left--;
	}
}
