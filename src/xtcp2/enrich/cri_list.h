/* SPDX-License-Identifier: MIT */
#ifndef ENRICH_CRI_LIST_H
#define ENRICH_CRI_LIST_H
/*
 * Pods and containers as the answers of the Kubernetes container runtime interface list
 * them. The bytes are foreign: texts that are no names of Kubernetes are left out, and
 * decoding takes no more memory than CRI_DECODE_MAX, and a list no more than CRI_TEXT_MAX. Not thread-safe.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "enrich/place.h"

/* Pods, and containers; a node has some hundred. Further ones have no names. */
#define CRI_LIST_MAX   8192
/* Bytes that one decoded answer may take: labels and annotations are kept until it is read. */
#define CRI_DECODE_MAX (48u << 20)
/* Bytes of all texts; 9 MB if every pod and container has names of the greatest length. */
#define CRI_TEXT_MAX   (16u << 20)

/* Texts are offsets in cri_list.text; 0 is "". */
struct cri_pod {
	uint32_t id, uid, space, name;
};

struct cri_container {
	uint32_t id, pod_id, name, image;
};

/* All zero: empty. */
struct cri_list {
	struct buf text;
	struct cri_pod *pods;
	struct cri_container *containers;
	size_t pod_count, container_count;
};

void cri_list_free(struct cri_list *l);

/* Add the pods of a ListPodSandboxResponse. 0, -EBADMSG for other bytes, -ENOMEM. */
int cri_list_add_pods(struct cri_list *l, const uint8_t *data, size_t len);
/* Add the containers of a ListContainersResponse; as above. */
int cri_list_add_containers(struct cri_list *l, const uint8_t *data, size_t len);
/* Make the list ready for look-ups, after the last addition. */
void cri_list_settle(struct cri_list *l);

/*
 * Look for the container of the place, and for its pod: by the container, else by the pod's own
 * container (the sandbox), else by the uid. Fill what is missing in the place. Return whether it was found; *news
 * tells whether the place has changed.
 */
bool cri_list_name(const struct cri_list *l, struct place *place, bool *news);

#endif
