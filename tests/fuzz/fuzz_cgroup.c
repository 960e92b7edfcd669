/* SPDX-License-Identifier: MIT */
/* The text of /proc/PID/cgroup: the creator of a cgroup chooses its name. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "enrich/container.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct container c = {0};

	if (container_parse(text, &c)) {
		assert(c.runtime && *c.id && strlen(c.id) <= CONTAINER_ID_MAX);
		/* The identifier is used in a URL, in UTF-8 text and on terminals. */
		for (const char *p = c.id; *p; p++)
			assert(*p > ' ' && *p <= '~' && *p != '/');
	}
	free(text);
	return 0;
}
