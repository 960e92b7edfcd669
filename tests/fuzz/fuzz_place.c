/* SPDX-License-Identifier: MIT */
/* The path of a cgroup and names of the kubelet's files: who makes a cgroup chooses its name. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "enrich/pods.h"
#include "fuzz.h"

/* It goes into UTF-8 text and to terminals. */
static void is_text(const char *text, size_t max)
{
	assert(strlen(text) <= max);
	for (const char *p = text; *p; p++)
		assert(*p > ' ' && *p <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct place place;

	place_parse(text, &place);
	is_text(place.unit, PLACE_UNIT_MAX);
	is_text(place.pod_uid, POD_UID_MAX);
	place = (struct place){.pod_uid = "0b1c2d3e-1111-2222-3333-444455556666", .container.id = "0123"};
	if (pods_parse_directory(text, &place)) {
		is_text(place.pod_namespace, POD_NAMESPACE_MAX);
		is_text(place.pod_name, POD_NAME_MAX);
	}
	if (pods_parse_link(text, &place))
		is_text(place.container.name, CONTAINER_NAME_MAX);
	free(text);
	return 0;
}
