/* SPDX-License-Identifier: MIT */
#include "base/privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/capability.h>

bool privilege_have(int capability)
{
	return capng_get_caps_process() == 0 && capng_have_capability(CAPNG_EFFECTIVE, capability);
}

int privilege_keep(const int *capabilities, size_t count)
{
	if (capng_get_caps_process() < 0)
		return -EPERM;
	bool bounding = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	unsigned have = 0;

	for (size_t i = 0; i < count; i++) {
		if (capng_have_capability(CAPNG_EFFECTIVE, capabilities[i]))
			have |= 1u << i;
	}
	capng_clear(bounding ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS);
	for (size_t i = 0; i < count; i++) {
		/* Inheritable as well, so that a re-exec in place as an ordinary user keeps them. */
		if (have & (1u << i))
			capng_update(CAPNG_ADD,
				     CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE |
					 CAPNG_BOUNDING_SET,
				     capabilities[i]);
	}
	return capng_apply(bounding ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
}

static int set_effective(int capability, capng_act_t action)
{
	if (capng_get_caps_process() < 0 || !capng_have_capability(CAPNG_PERMITTED, capability) ||
	    capng_update(action, CAPNG_EFFECTIVE, capability) < 0)
		return -EPERM;
	return capng_apply(CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
}

int privilege_raise(int capability)
{
	return set_effective(capability, CAPNG_ADD);
}

int privilege_lower(int capability)
{
	return set_effective(capability, CAPNG_DROP);
}
