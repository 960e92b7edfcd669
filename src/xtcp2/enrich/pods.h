/* SPDX-License-Identifier: MIT */
#ifndef ENRICH_PODS_H
#define ENRICH_PODS_H
/*
 * Names of Kubernetes pods and their containers, from the files that the kubelet makes:
 * POD_LOGS holds a directory NAMESPACE_NAME_UID for each pod on the host, CONTAINER_LOGS a
 * link POD_NAMESPACE_CONTAINER-ID.log for each container. Every user may list them.
 */
#include "enrich/place.h"

#define POD_LOGS       "/var/log/pods"
#define CONTAINER_LOGS "/var/log/containers"

/* Take namespace and name out of the name of a directory of the pod with that uid. Pure. */
bool pods_parse_directory(const char *file, struct place *place);
/* Take the name of the container with that id out of the name of a link. Pure. */
bool pods_parse_link(const char *file, struct place *place);

/* Tell whether the text can be a name of Kubernetes of at most `max` characters, or a uid of a pod. Pure. */
bool pods_is_name(const char *text, size_t len, size_t max);
bool pods_is_uid(const char *text, size_t len);

/* Look for the names of the place, whose pod_uid is set; return whether its pod was found. Reads directories. */
bool pods_name(struct place *place);

#endif
