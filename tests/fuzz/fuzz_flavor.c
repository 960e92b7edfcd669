/* SPDX-License-Identifier: MIT */
/* A file of flavors, from which flavor "a" is read. */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "vmrun/flavor.h"
#include "vmrun/result_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct flavor f;
	char error[FLAVOR_ERROR_MAX] = "";

	int r = flavor_parse(&f, size ? (const char *)data : "", size, "flavors.json", "a", error);
	assert(r == 0 || (*error && memchr(error, '\0', sizeof(error))));
	if (r < 0)
		return 0;
	assert(result_name_valid(f.name) && f.timeout_ns > 0 && f.forwards_count <= FORWARDS_MAX);
	assert(f.memory_mib >= FLAVOR_MEMORY_MIN && f.memory_mib <= FLAVOR_MEMORY_MAX);
	flavor_as_debian(&f);
	flavor_without_checks(&f);
	assert(json_array_size(f.checks) == 0);
	flavor_free(&f);
	return 0;
}
