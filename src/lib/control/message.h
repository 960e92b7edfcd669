/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_MESSAGE_H
#define CONTROL_MESSAGE_H
/*
 * Conversions between option values and the message types of xtcp_config.v1,
 * shared by the daemon and its control client.
 */
#include <stdint.h>

#include "xtcp_config/v1/xtcp_config.pb-c.h"

/* Return an unpacked empty message, so that free_unpacked() frees everything added to it. NULL without
 * memory. */
void *message_new(const ProtobufCMessageDescriptor *d);

/* A duration in nanoseconds: 0, or -ERANGE when it is negative or beyond 63 bits. */
int duration_from_message(const Google__Protobuf__Duration *d, int64_t *ns);
Google__Protobuf__Duration duration_to_message(int64_t ns);

/* Convert a -deserializers list to the map. The caller frees it with free_unpacked(). NULL without memory. */
XtcpConfig__V1__EnabledDeserializers *deserializers_to_message(const char *list);

#endif
