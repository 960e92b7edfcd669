/* SPDX-License-Identifier: MIT */
/* A container runtime's lists: the first half of the bytes are pods, the rest containers. */
#include <assert.h>
#include <string.h>

#include "enrich/cri_list.h"
#include "fuzz.h"

static void assert_text(const char *text, size_t size)
{
	assert(memchr(text, '\0', size));
	for (; *text; text++)
		assert(*text > ' ' && *text <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cri_list l = {0};
	size_t half = size ? 1 + data[0] % size : 0;

	if (half) {
		cri_list_add_pods(&l, data + 1, half - 1);
		cri_list_add_containers(&l, data + half, size - half);
	}
	cri_list_settle(&l);
	for (size_t i = 0; i < l.container_count; i++) {
		struct place p = {.container.runtime = ""};
		bool news;
		strcpy(p.container.id, (const char *)l.text.data + l.containers[i].id);
		assert(cri_list_name(&l, &p, &news) && news);
		assert_text(p.container.name, sizeof(p.container.name));
		assert_text(p.container.image, sizeof(p.container.image));
		assert_text(p.pod_name, sizeof(p.pod_name));
		assert(cri_list_name(&l, &p, &news) && !news);
	}
	cri_list_free(&l);
	return 0;
}
