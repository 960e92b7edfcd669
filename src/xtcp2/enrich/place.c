/* SPDX-License-Identifier: MIT */
#include "enrich/place.h"

#include <string.h>

#include "base/cleanup.h"

/* What ends a unit that processes run in. */
static const char *const suffixes[] = {".service", ".scope", ".socket", ".mount", ".swap"};

static bool ends_in(const char *p, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len > n && !memcmp(p + len - n, end, n);
}

/* A scope that a runtime made for a container has the container's identifier in its name. */
static bool is_containers(const char *p, size_t len, const struct container *c)
{
	size_t n = strlen(c->id);

	return p && n > 0 && memmem(p, len, c->id, n) != NULL;
}

static void look_for_unit(const char *p, size_t len, struct place *place)
{
	if (len > PLACE_UNIT_MAX)
		return;
	for (size_t i = 0; i < len; i++) {
		if (p[i] <= ' ' || p[i] > '~')
			return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		if (!ends_in(p, len, suffixes[i]) || is_containers(p, len, &place->container))
			continue;
		memcpy(place->unit, p, len);
		place->unit[len] = '\0';
	}
}

/* "podUID", or "kubepods-burstable-podU_I_D.slice" of systemd, where '_' stands for '-'. */
static void look_for_pod(const char *p, size_t len, struct place *place)
{
	const char *kube = memmem(p, len, "kubepods", strlen("kubepods"));
	const char *uid = NULL;
	size_t n;

	if (kube && ends_in(p, len, ".slice"))
		uid = memmem(kube, len - (size_t)(kube - p), "-pod", strlen("-pod"));
	if (uid)
		uid += strlen("-pod");
	else if (!kube && len > strlen("pod") && !memcmp(p, "pod", strlen("pod")))
		uid = p + strlen("pod");
	if (!uid)
		return;
	n = len - (size_t)(uid - p) - (kube ? strlen(".slice") : 0);
	if ((n != POD_UID_MAX && n != POD_UID_STATIC) || strspn(uid, "0123456789abcdef-_") < n)
		return;
	for (size_t i = 0; i < n; i++)
		place->pod_uid[i] = uid[i] == '_' ? '-' : uid[i];
	place->pod_uid[n] = '\0';
}

void place_parse(const char *path, struct place *place)
{
	*place = (struct place){.container.runtime = ""};
	container_parse(path, &place->container);
	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/:\n");
		look_for_pod(p, len, place);
		look_for_unit(p, len, place);
		p += len + (p[len] != '\0');
	}
}
