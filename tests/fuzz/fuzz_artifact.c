/* SPDX-License-Identifier: MIT */
/*
 * The byte stream of the artifact port, in two pieces; the first byte is the place of the cut. No file is
 * written outside of the directory of artifacts, and no incomplete file stays in it.
 */
#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "vmrun/artifact.h"
#include "vmrun/result_line.h"

static unsigned stored;

static void on_artifact(const struct artifact_result *result, void *data)
{
	assert(result->error || result_name_valid(result->name));
	stored += result->error == NULL;
}

/* Empty the directory, whose files must all be complete artifacts. Return their number. */
static unsigned collect(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *entry;
	unsigned n = 0;

	while (d && (entry = readdir(d))) {
		char file[400];
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		assert(result_name_valid(entry->d_name));
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		int r = lstat(file, &st);
		assert(r == 0 && S_ISREG(st.st_mode));
		unlink(file);
		n++;
	}
	if (d)
		closedir(d);
	rmdir(path);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char inner[100];

	if (!size)
		return 0;
	size_t cut = data[0] < size ? data[0] : size;
	snprintf(inner, sizeof(inner), "%s/artifacts", fuzz_directory());
	stored = 0;
	struct artifacts *a = artifacts_new(inner, "n", on_artifact, NULL);
	assert(a);
	artifacts_feed(a, data + 1, cut ? cut - 1 : 0);
	artifacts_feed(a, data + (cut ? cut : 1), size - (cut ? cut : 1));
	artifacts_free(a);
	unsigned there = collect(inner);
	assert(there <= stored && (there > 0 || stored == 0));
	there = collect(fuzz_directory());
	assert(there == 0);
	mkdir(fuzz_directory(), 0700);
	return 0;
}
