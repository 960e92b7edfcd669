/* SPDX-License-Identifier: MIT */
#ifndef GRPC_REFLECTION_H
#define GRPC_REFLECTION_H
/*
 * Server reflection, from a serialized FileDescriptorSet: lists the services of
 * the server and gives the schema files that define a name. v1 and v1alpha have
 * the same messages, so both names are served by one table of methods.
 */
#include "grpc/grpc.h"

struct reflection;

extern const struct grpc_method reflection_methods[];

/* set (with its imports) and services are borrowed. NULL with errno; EBADMSG when set is damaged. */
struct reflection *reflection_new(struct str set, const struct grpc_service *services);
/* After the calls are gone. NULL is fine. */
void reflection_free(struct reflection *r);

#endif
