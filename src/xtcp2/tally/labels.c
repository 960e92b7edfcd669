/* SPDX-License-Identifier: MIT */
#include "tally/labels.h"

#include <assert.h>
#include <string.h>

#include "base/cleanup.h"
#include "record/record.h"

static struct str netns_of(const struct record *r)
{
	return r->netns;
}

static struct str container_of(const struct record *r)
{
	return r->container_name.len ? r->container_name : r->container_id;
}

static struct str owner_text(const struct record *r, struct str text)
{
	return r->sections & RECORD_HAS(OWNER) ? text : (struct str){"", 0};
}

static struct str pod_of(const struct record *r)
{
	return owner_text(r, r->pod_name);
}

static struct str pod_namespace_of(const struct record *r)
{
	return owner_text(r, r->pod_namespace);
}

static struct str unit_of(const struct record *r)
{
	return owner_text(r, r->unit);
}

static struct str process_of(const struct record *r)
{
	return owner_text(r, r->comm);
}

/* The labels of -promLabels. */
static const struct label labels[] = {
    {"netns", netns_of, TALLY_NEEDS_NOTHING}, {"container", container_of, TALLY_NEEDS_CONTAINERS},
    {"pod", pod_of, TALLY_NEEDS_CONTAINERS},  {"pod_namespace", pod_namespace_of, TALLY_NEEDS_CONTAINERS},
    {"unit", unit_of, TALLY_NEEDS_PLACES},    {"process", process_of, TALLY_NEEDS_OWNERS},
};
static_assert(ARRAY_SIZE(labels) == TALLY_LABELS_MAX, "each label at most once");

const struct label *label_find(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++)
		if (strlen(labels[i].name) == len && memcmp(labels[i].name, name, len) == 0)
			return &labels[i];
	return NULL;
}

size_t label_append(uint8_t *key, size_t at, struct str value)
{
	size_t len = value.len < TALLY_VALUE_MAX ? value.len : TALLY_VALUE_MAX;

	while (len < value.len && len > 0 && ((unsigned char)value.p[len] & 0xc0) == 0x80)
		len--;
	key[at] = (uint8_t)len;
	if (len)
		memcpy(key + at + 1, value.p, len);
	return at + 1 + len;
}
