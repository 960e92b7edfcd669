/* SPDX-License-Identifier: MIT */
#include "dest/s3_doubts.h"

#include <stdlib.h>
#include <string.h>

static void forget(struct s3_doubt *doubt)
{
	free(doubt->path);
	*doubt = (struct s3_doubt){0};
}

static struct s3_doubt *find(struct s3_doubts *d, const char *path)
{
	for (unsigned i = 0; i < S3_DOUBTS_MAX; i++)
		if (d->list[i].path && strcmp(d->list[i].path, path) == 0)
			return &d->list[i];
	return NULL;
}

void s3_doubts_free(struct s3_doubts *d)
{
	for (unsigned i = 0; i < S3_DOUBTS_MAX; i++)
		forget(&d->list[i]);
}

void s3_doubts_confirm(struct s3_doubts *d, const char *path)
{
	struct s3_doubt *doubt = find(d, path);

	d->confirmed++;
	if (doubt)
		forget(doubt);
}

bool s3_doubts_fail(struct s3_doubts *d, const char *path, unsigned failures)
{
	struct s3_doubt *doubt = find(d, path);

	if (!doubt) {
		doubt = &d->list[d->next];
		d->next = (d->next + 1) % S3_DOUBTS_MAX;
		forget(doubt);
		*doubt = (struct s3_doubt){.path = strdup(path), .confirmed = d->confirmed, .failures = 1};
	} else if (doubt->confirmed < d->confirmed) {
		doubt->confirmed = d->confirmed;
		doubt->failures++;
	}
	if (doubt->failures < failures)
		return false;
	forget(doubt);
	return true;
}
