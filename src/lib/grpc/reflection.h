/* SPDX-License-Identifier: MIT */
#ifndef GRPC_REFLECTION_H
#define GRPC_REFLECTION_H
/*
 * Server reflection from a serialized FileDescriptorSet: list the services of the
 * server and return the schema files that define a name. v1 and v1alpha have the
 * same messages, so one table of methods serves both.
 */
#include "grpc/grpc.h"

struct reflection;

extern const struct grpc_method reflection_methods[];

/* Create the service. set (with its imports) and services are borrowed. Return NULL with errno on failure;
 * EBADMSG if set is damaged. */
struct reflection *reflection_new(struct str set, const struct grpc_service *services);
/* Free the service after its calls have ended. NULL is fine. */
void reflection_free(struct reflection *r);

#endif
