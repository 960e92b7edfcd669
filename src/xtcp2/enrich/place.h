/* SPDX-License-Identifier: MIT */
#ifndef ENRICH_PLACE_H
#define ENRICH_PLACE_H
/*
 * The place of a socket or a process: what the path of its cgroup says. The names of the
 * pod and its container come from elsewhere (enrich/pods.h).
 */
#include <stdbool.h>

#include "enrich/container.h"

/* Longest unit that is kept, as systemd limits it; a longer one is left out. */
#define PLACE_UNIT_MAX	  255
/* A uid is a UUID, that of a static pod 32 hexadecimal digits. */
#define POD_UID_MAX	  36
#define POD_UID_STATIC	  32
/* Limits of Kubernetes (RFC 1123 labels and names). */
#define POD_NAMESPACE_MAX 63
#define POD_NAME_MAX	  253

struct place {
	struct container container; /* its id is "" for none */
	char unit[PLACE_UNIT_MAX + 1];
	char pod_uid[POD_UID_MAX + 1];
	char pod_namespace[POD_NAMESPACE_MAX + 1];
	char pod_name[POD_NAME_MAX + 1];
};

/*
 * Find container, unit and pod in the path of a cgroup or in the text of /proc/PID/cgroup. The innermost unit
 * counts; the scope that systemd makes for a container is none. Pure; anybody may choose the path.
 */
void place_parse(const char *path, struct place *place);

#endif
