/* SPDX-License-Identifier: MIT */
#include "run/taps.h"

static void batch(struct poll_tap *tap, const uint8_t *data, size_t len, uint32_t rows)
{
	const struct taps *t = (const struct taps *)(const void *)tap;

	for (size_t i = 0; i < TAP_MAX_; i++)
		t->all[i]->batch(t->all[i], data, len, rows);
}

static void hurry(struct poll_tap *tap)
{
	const struct taps *t = (const struct taps *)(const void *)tap;

	for (size_t i = 0; i < TAP_MAX_; i++)
		t->all[i]->hurry(t->all[i]);
}

struct poll_tap *taps_set(struct taps *t, enum tap_user user, struct poll_tap *tap)
{
	struct poll_tap *only = NULL;
	size_t set = 0;

	if (!t->both.batch)
		t->both = (struct poll_tap){batch, hurry};
	if (tap && !t->all[user])
		t->all[user] = tap;
	t->set[user] = tap;
	for (size_t i = 0; i < TAP_MAX_; i++) {
		if (t->set[i]) {
			only = t->set[i];
			set++;
		}
	}
	return set == TAP_MAX_ ? &t->both : only;
}
