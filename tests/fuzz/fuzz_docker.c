/* SPDX-License-Identifier: MIT */
/* The Docker API's description of a container. */
#include <assert.h>
#include <string.h>

#include "enrich/docker.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[CONTAINER_NAME_MAX + 1], image[CONTAINER_NAME_MAX + 1];
	struct container none = {0};

	bool good = docker_parse((const char *)data, size, name, image);
	assert(memchr(name, '\0', sizeof(name)) && memchr(image, '\0', sizeof(image)));
	assert(good == (*name || *image));
	struct container *c = container_named(&none, name, image);
	assert(c && strcmp(c->name, name) == 0 && strcmp(c->image, image) == 0);
	container_unref(c);
	return 0;
}
