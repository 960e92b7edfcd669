/* SPDX-License-Identifier: MIT */
/*
 * Replaces libFuzzer: runs a harness on files, so that every build replays the corpus, which includes the
 * inputs of repaired faults. Usage: replay_NAME [FILE or DIRECTORY]..., from the source root; the default
 * is tests/fuzz/corpus_NAME.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "fuzz.h"

/* Most bytes read from a file of the corpus. */
#define INPUT_MAX (1 << 20)

static size_t run_file(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	_cleanup_free_ uint8_t *data = malloc(INPUT_MAX);
	size_t n;

	if (!f || !data) {
		perror(path);
		exit(1);
	}
	n = fread(data, 1, INPUT_MAX, f);
	LLVMFuzzerTestOneInput(data, n);
	return 1;
}

static size_t run(const char *path)
{
	struct dirent *entry;
	DIR *d = opendir(path);
	size_t n = 0;

	if (!d)
		return run_file(path);
	while ((entry = readdir(d))) {
		_cleanup_free_ char *file = NULL;

		if (entry->d_name[0] == '.' || asprintf(&file, "%s/%s", path, entry->d_name) < 0)
			continue;
		n += run_file(file);
	}
	closedir(d);
	return n;
}

int main(int argc, char **argv)
{
	size_t n = 0;

	for (int i = 1; i < argc; i++)
		n += run(argv[i]);
	if (argc < 2) {
		_cleanup_free_ char *own = NULL;

		if (asprintf(&own, "tests/fuzz/corpus_%s",
			     program_invocation_short_name + strlen("replay_")) < 0)
			return 1;
		n = run(own);
	}
	printf("%zu inputs\n", n);
	return n ? 0 : 1;
}
