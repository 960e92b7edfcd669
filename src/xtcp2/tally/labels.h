/* SPDX-License-Identifier: MIT */
#ifndef TALLY_LABELS_H
#define TALLY_LABELS_H
/*
 * The labels of -promLabels: each with its value of a record, and what the daemon must ask for so that records have one. A
 * group's key is the values of its labels, one after the other.
 */
#include "tally/tally.h"

/* One length byte and the value, per label. */
#define LABELS_KEY_MAX (TALLY_LABELS_MAX * (1 + TALLY_VALUE_MAX))
_Static_assert(TALLY_VALUE_MAX <= UINT8_MAX, "the length is one byte");

struct label {
	const char *name;
	struct str (*value)(const struct record *r); /* into the record; empty when it has none */
	enum tally_need need;
};

/* Return the label of this name, NULL for none. */
const struct label *label_find(const char *name, size_t len);

/*
 * Append a value at `at` of a key of LABELS_KEY_MAX bytes; one that is too long is cut between two characters. Return where the key
 * ends now.
 */
size_t label_append(uint8_t *key, size_t at, struct str value);

#endif
