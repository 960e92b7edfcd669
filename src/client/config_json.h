/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_CONFIG_JSON_H
#define CLIENT_CONFIG_JSON_H
/*
 * xtcp_config.v1.XtcpConfig as JSON for people, by the descriptors of
 * protobuf-c: field names as in the schema, durations as "1m30s". Used by
 * xtcp2ctl.
 */
#include <stddef.h>

#include "base/buf.h"
#include "xtcp_config/v1/xtcp_config.pb-c.h"

/* Append an indented object and a newline. Empty fields without an option are omitted. */
void config_message_to_json(const XtcpConfig__V1__XtcpConfig *m, struct buf *b);

/*
 * Set the fields of m from the members of the JSON object; other fields stay. A
 * member has the name of the field or of the daemon's option, so that a file made
 * by "xtcp2 -conf" works as well. Append the names of options without a field to
 * `ignored`, separated by spaces. Return 0, or -EINVAL with one sentence in error
 * (size bytes).
 */
int config_message_from_json(XtcpConfig__V1__XtcpConfig *m, const char *json, size_t len, struct buf *ignored,
			     char *error, size_t size);

#endif
