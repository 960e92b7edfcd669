/* SPDX-License-Identifier: MIT */
#include "enrich/cri_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "enrich/pods.h"
#include "runtime/v1/cri.pb-c.h"

/* An image that is named by its digest only: no name for people. */
#define DIGEST "sha256:"

/* An allocator of protobuf-c with a limit on all that is allocated. */
struct budget {
	ProtobufCAllocator allocator;
	size_t left;
};

static void *budget_alloc(void *data, size_t size)
{
	struct budget *b = data;

	if (size > b->left)
		return NULL;
	b->left -= size;
	return malloc(size);
}

static void budget_free(void *data, void *memory)
{
	free(memory);
}

static struct budget *budget_init(struct budget *b)
{
	*b = (struct budget){{budget_alloc, budget_free, b}, CRI_DECODE_MAX};
	return b;
}

void cri_list_free(struct cri_list *l)
{
	buf_free(&l->text);
	free(l->pods);
	free(l->containers);
	*l = (struct cri_list){0};
}

/* Keep a text. Return its offset, 0 for "", for one that is too long or not printable ASCII, and for one too many. */
static uint32_t keep(struct cri_list *l, const char *text, size_t max)
{
	size_t len = strlen(text);

	if (len == 0 || len > max)
		return 0;
	for (const char *p = text; *p; p++) {
		if (*p <= ' ' || *p > '~')
			return 0;
	}
	if (l->text.len == 0)
		buf_byte(&l->text, '\0');
	size_t at = l->text.len;
	if (at + len + 1 > CRI_TEXT_MAX)
		return 0;
	buf_append(&l->text, text, len + 1);
	return buf_ok(&l->text) ? (uint32_t)at : 0;
}

static uint32_t keep_name(struct cri_list *l, const char *text, size_t max)
{
	return pods_is_name(text, strlen(text), max) ? keep(l, text, max) : 0;
}

static const char *text_of(const struct cri_list *l, uint32_t at)
{
	return at ? (const char *)l->text.data + at : "";
}

static void add_pod(struct cri_list *l, const Runtime__V1__PodSandbox *from)
{
	const Runtime__V1__PodSandboxMetadata *m = from->metadata;

	if (!m)
		return;
	struct cri_pod pod = {
	    .id = keep(l, from->id, CONTAINER_ID_MAX),
	    .uid = pods_is_uid(m->uid, strlen(m->uid)) ? keep(l, m->uid, POD_UID_MAX) : 0,
	    .space = keep_name(l, m->namespace_, POD_NAMESPACE_MAX),
	    .name = keep_name(l, m->name, POD_NAME_MAX),
	};
	if (pod.id && pod.name)
		l->pods[l->pod_count++] = pod;
}

static void add_container(struct cri_list *l, const Runtime__V1__Container *from)
{
	const char *image = "";

	if (from->image)
		image = *from->image->user_specified_image ? from->image->user_specified_image
							   : from->image->image;
	struct cri_container c = {
	    .id = keep(l, from->id, CONTAINER_ID_MAX),
	    .pod_id = keep(l, from->pod_sandbox_id, CONTAINER_ID_MAX),
	    .name = from->metadata ? keep_name(l, from->metadata->name, CONTAINER_NAME_MAX) : 0,
	    .image = strncmp(image, DIGEST, strlen(DIGEST)) != 0 ? keep(l, image, CONTAINER_NAME_MAX) : 0,
	};
	if (c.id && c.name)
		l->containers[l->container_count++] = c;
}

/* Make room for n more elements; fewer when CRI_LIST_MAX is reached. Return their number, -ENOMEM. */
static ssize_t reserve(void **array, size_t count, size_t n, size_t size)
{
	size_t room = CRI_LIST_MAX - count, take = n < room ? n : room;
	void *more = take ? reallocarray(*array, count + take, size) : *array;

	if (take && !more)
		return -ENOMEM;
	*array = more;
	return (ssize_t)take;
}

int cri_list_add_pods(struct cri_list *l, const uint8_t *data, size_t len)
{
	struct budget budget;
	ProtobufCAllocator *allocator = &budget_init(&budget)->allocator;
	Runtime__V1__ListPodSandboxResponse *m =
	    runtime__v1__list_pod_sandbox_response__unpack(allocator, len, data);

	if (!m)
		return -EBADMSG;
	ssize_t n = reserve((void **)&l->pods, l->pod_count, m->n_items, sizeof(*l->pods));
	for (ssize_t i = 0; i < n; i++)
		add_pod(l, m->items[i]);
	runtime__v1__list_pod_sandbox_response__free_unpacked(m, allocator);
	return n < 0 || !buf_ok(&l->text) ? -ENOMEM : 0;
}

int cri_list_add_containers(struct cri_list *l, const uint8_t *data, size_t len)
{
	struct budget budget;
	ProtobufCAllocator *allocator = &budget_init(&budget)->allocator;
	Runtime__V1__ListContainersResponse *m =
	    runtime__v1__list_containers_response__unpack(allocator, len, data);

	if (!m)
		return -EBADMSG;
	ssize_t n =
	    reserve((void **)&l->containers, l->container_count, m->n_containers, sizeof(*l->containers));
	for (ssize_t i = 0; i < n; i++)
		add_container(l, m->containers[i]);
	runtime__v1__list_containers_response__free_unpacked(m, allocator);
	return n < 0 || !buf_ok(&l->text) ? -ENOMEM : 0;
}

/* Elements of both arrays begin with the offset of their id. */
static int compare(const void *a, const void *b, void *list)
{
	return strcmp(text_of(list, *(const uint32_t *)a), text_of(list, *(const uint32_t *)b));
}

void cri_list_settle(struct cri_list *l)
{
	if (l->pod_count)
		qsort_r(l->pods, l->pod_count, sizeof(*l->pods), compare, l);
	if (l->container_count)
		qsort_r(l->containers, l->container_count, sizeof(*l->containers), compare, l);
}

/* Return the element with that id of a sorted array, NULL for none. */
static const void *find(const struct cri_list *l, const void *array, size_t count, size_t size,
			const char *id)
{
	const char *base = array;
	size_t low = 0, high = count;

	while (low < high) {
		size_t at = (low + high) / 2;
		const void *element = base + at * size;
		int order = strcmp(text_of(l, *(const uint32_t *)element), id);
		if (order == 0)
			return element;
		if (order < 0)
			low = at + 1;
		else
			high = at;
	}
	return NULL;
}

static const struct cri_pod *find_pod(const struct cri_list *l, const char *id)
{
	return find(l, l->pods, l->pod_count, sizeof(*l->pods), id);
}

static const struct cri_pod *find_uid(const struct cri_list *l, const char *uid)
{
	for (size_t i = 0; *uid && i < l->pod_count; i++) {
		if (strcmp(text_of(l, l->pods[i].uid), uid) == 0)
			return &l->pods[i];
	}
	return NULL;
}

static void fill(char *to, const char *text, bool *news)
{
	if (*to || !*text)
		return;
	strcpy(to, text);
	*news = true;
}

bool cri_list_name(const struct cri_list *l, struct place *place, bool *news)
{
	const struct cri_container *c =
	    find(l, l->containers, l->container_count, sizeof(*l->containers), place->container.id);
	const struct cri_pod *pod = find_pod(l, c ? text_of(l, c->pod_id) : place->container.id);

	*news = false;
	if (!pod)
		pod = find_uid(l, place->pod_uid);
	if (c) {
		fill(place->container.name, text_of(l, c->name), news);
		fill(place->container.image, text_of(l, c->image), news);
	}
	if (pod) {
		fill(place->pod_uid, text_of(l, pod->uid), news);
		fill(place->pod_namespace, text_of(l, pod->space), news);
		fill(place->pod_name, text_of(l, pod->name), news);
	}
	return c || pod;
}
