/* SPDX-License-Identifier: MIT */
/* make_mmdb [NETWORK/LENGTH NUMBER ORGANIZATION]...: write a file of autonomous systems (mmdb.h) to standard output. */
#include <unistd.h>

#include "mmdb.h"

int main(int argc, char **argv)
{
	struct mmdb_network networks[32];
	struct buf b = {0};
	size_t count = 0;

	for (int i = 1; i + 2 < argc && count < sizeof(networks) / sizeof(*networks); i += 3)
		networks[count++] = (struct mmdb_network){argv[i], (uint32_t)atol(argv[i + 1]), argv[i + 2]};
	bool good = argc == 1 + 3 * (int)count && mmdb_make(&b, networks, count);
	if (good)
		good = write(STDOUT_FILENO, b.data, b.len) == (ssize_t)b.len;
	buf_free(&b);
	if (!good)
		fprintf(stderr, "usage: make_mmdb [NETWORK/LENGTH NUMBER ORGANIZATION]... >FILE\n");
	return good ? 0 : 2;
}
