/* SPDX-License-Identifier: MIT */
#ifndef API_CONFIG_MESSAGE_H
#define API_CONFIG_MESSAGE_H
/*
 * struct config <-> xtcp_config.v1.XtcpConfig, by the field numbers in
 * options.def and the descriptors of protobuf-c: no field is named here but
 * the two that are not plain values (186 daemon_version, 200 the map of
 * deserializers).
 */
#include <stddef.h>

#include "config/config.h"
#include "xtcp_config/v1/xtcp_config.pb-c.h"

/* Room for the name of an option, with its dash. */
#define CONFIG_FIELD_NAME_MAX 64

/* The caller frees it with xtcp_config__v1__xtcp_config__free_unpacked(m, NULL). NULL without memory. */
XtcpConfig__V1__XtcpConfig *config_to_message(const struct config *c);
/* The same for who may only read: names of files of this machine are left out as well. */
XtcpConfig__V1__XtcpConfig *config_to_reader_message(const struct config *c);

/*
 * Writes every option that has a field in m into c, the configuration in force,
 * absent ones as zero values; options without a field stay. Checks each value, values of fields that no
 * option stands for (they must be empty), and what spans options. Returns 0, or
 * -EINVAL with one sentence in error that begins with the field's name.
 */
int config_from_message(struct config *c, const XtcpConfig__V1__XtcpConfig *m, char *error, size_t size);

/* Writes how a client knows the option: by its field, or by its flag when it has none. Returns text. */
const char *config_field_name(const char *flag, char text[static CONFIG_FIELD_NAME_MAX]);

/* Sets the DURATION option of that field of XtcpConfig.
 * As config_from_message(); does not check across options. */
int config_set_duration(struct config *c, uint32_t proto_field, const Google__Protobuf__Duration *d,
			char *error, size_t size);

/* A deep copy on the heap: config_delete() it. NULL without memory. */
struct config *config_clone(const struct config *c);
void config_delete(struct config *c);

#endif
