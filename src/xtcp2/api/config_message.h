/* SPDX-License-Identifier: MIT */
#ifndef API_CONFIG_MESSAGE_H
#define API_CONFIG_MESSAGE_H
/*
 * struct config <-> xtcp_config.v1.XtcpConfig, by the field numbers in
 * options.def and the descriptors of protobuf-c. The code names only the fields
 * that are not plain values (186 daemon_version, 200 the map of deserializers)
 * and those that name files.
 */
#include <stddef.h>

#include "config/config.h"
#include "xtcp_config/v1/xtcp_config.pb-c.h"

/* Bytes for the name of an option, with its dash and NUL. */
#define CONFIG_FIELD_NAME_MAX 64

/* Convert c to a message for xtcp_config__v1__xtcp_config__free_unpacked(m, NULL). Return NULL without
 * memory. */
XtcpConfig__V1__XtcpConfig *config_to_message(const struct config *c);
/* Like config_to_message(), for clients with read access: the names of local files are hidden too. */
XtcpConfig__V1__XtcpConfig *config_to_reader_message(const struct config *c);

/*
 * Set every option of c, the configuration in force, that has a field in m. Absent
 * fields are zero values, from number 300 on those that stay as they are; options
 * without a field stay, too. Check each value, fields
 * without an option (they must be empty), and rules across options. Return 0, or
 * -EINVAL with one sentence in error that begins with the field's name.
 */
int config_from_message(struct config *c, const XtcpConfig__V1__XtcpConfig *m, char *error, size_t size);

/* Write the client's name of the option: its field, or its flag if it has none. Return text. */
const char *config_field_name(const char *flag, char text[static CONFIG_FIELD_NAME_MAX]);

/* Set the DURATION option of that field of XtcpConfig. Returns as config_from_message(), but does not check
 * rules across options. */
int config_set_duration(struct config *c, uint32_t proto_field, const Google__Protobuf__Duration *d,
			char *error, size_t size);

/* Return a deep copy on the heap, for config_delete(). Return NULL without memory. */
struct config *config_clone(const struct config *c);
void config_delete(struct config *c);

#endif
