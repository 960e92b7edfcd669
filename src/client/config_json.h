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

/* Appends an indented object and a newline;
 * fields that are empty and that no option stands for are left out. */
void config_message_to_json(const XtcpConfig__V1__XtcpConfig *m, struct buf *b);

/*
 * Writes the members of the JSON object over the fields of m, the others stay.
 * A member is named as the field is, or as the daemon's option is, so that a
 * file made by "xtcp2 -conf" works as well; options that have no field are
 * appended to `ignored`, separated by spaces. Returns 0, or -EINVAL with one
 * sentence in error.
 */
int config_message_from_json(XtcpConfig__V1__XtcpConfig *m, const char *json, size_t len, struct buf *ignored,
			     char *error, size_t size);

#endif
