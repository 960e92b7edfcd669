/* SPDX-License-Identifier: MIT */
#include "api/config_message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"
#include "control/message.h"
#include "record/decode.h"
#include "version.h"

/* The fields of XtcpConfig that are not plain values of an option. */
#define FIELD_DAEMON_VERSION 186
#define FIELD_DESERIALIZERS  200
#define FIELD_DEST	     130
/* From here on an absent field leaves its option as it is. */
#define FIELDS_WITH_PRESENCE 300

/* Fields that name files, besides FIELD_DEST: capture_path, xtcp_proto_file, docker_socket_path, lldpd_socket_path,
 * netns_dirs, cri_socket, asn_file, s3_spool. */
static const uint32_t file_fields[] = {100, 143, 231, 233, 306, 308, 311, 333};

typedef XtcpConfig__V1__XtcpConfig message_t;
typedef XtcpConfig__V1__EnabledDeserializers deserializers_t;

static const ProtobufCMessageDescriptor *const descriptor = &xtcp_config__v1__xtcp_config__descriptor;

/* Copies */

struct config *config_clone(const struct config *c)
{
	struct config *copy = calloc(1, sizeof(*copy));

	if (copy && config_copy(copy, c) == 0)
		return copy;
	free(copy);
	return NULL;
}

void config_delete(struct config *c)
{
	if (c)
		config_free(c);
	free(c);
}

static void config_deletep(struct config **c)
{
	config_delete(*c);
}

/* Options by field */

static const struct option_info *option_of_field(uint32_t number)
{
	for (const struct option_info *o = option_table; o->flag; o++) {
		if (o->proto_field == number)
			return o;
	}
	return NULL;
}

static bool is_oneof(const ProtobufCFieldDescriptor *f)
{
	return f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
}

static bool is_list(const ProtobufCFieldDescriptor *f)
{
	return f->label == PROTOBUF_C_LABEL_REPEATED;
}

/* The number of items of a list, or of the field that a oneof holds. */
static const void *quantifier(const void *m, const ProtobufCFieldDescriptor *f)
{
	return (const char *)m + f->quantifier_offset;
}

/* Return whether a field that may be absent is. */
static bool is_absent(const message_t *m, const ProtobufCFieldDescriptor *f)
{
	if (is_oneof(f))
		return *(const uint32_t *)quantifier(m, f) != f->id;
	return f->id >= FIELDS_WITH_PRESENCE && f->type == PROTOBUF_C_TYPE_MESSAGE &&
	       !*(void *const *)(const void *)((const char *)m + f->offset);
}

static const void *member(const struct config *c, const struct option_info *o)
{
	return (const char *)c + o->offset;
}

static uint64_t option_number(const struct config *c, const struct option_info *o)
{
	switch (o->type) {
	case OPTION_BOOL:
		return *(const bool *)member(c, o);
	case OPTION_U32:
	case OPTION_LEVEL:
		return *(const uint32_t *)member(c, o);
	case OPTION_U64:
		return *(const uint64_t *)member(c, o);
	default:
		return 0;
	}
}

/* The map of deserializers */

static bool deserializer_known(const char *name)
{
	for (size_t i = 0; deserializer_name(i); i++) {
		if (strcmp(deserializer_name(i), name) == 0)
			return true;
	}
	return false;
}

/* Write the list to b in the syntax of -deserializers. */
static int deserializers_from_message(const deserializers_t *m, struct buf *b, char *error, size_t size)
{
	if (!m) {
		buf_str(b, "default");
		return 0;
	}
	for (size_t i = 0; i < m->n_enabled; i++) {
		if (!deserializer_known(m->enabled[i]->key)) {
			int n =
			    snprintf(error, size, "enabled_deserializers: unknown name \"%.40s\"; known are",
				     m->enabled[i]->key);
			for (size_t j = 0; deserializer_name(j) && n > 0 && (size_t)n < size; j++)
				n += snprintf(error + n, size - (size_t)n, " %s", deserializer_name(j));
			return -EINVAL;
		}
		if (m->enabled[i]->value)
			buf_printf(b, "%s%s", b->len ? "," : "", m->enabled[i]->key);
	}
	if (b->len == 0)
		buf_str(b, "none");
	return 0;
}

/* struct config -> message */

static void put_number(const ProtobufCFieldDescriptor *f, void *at, uint64_t value)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_UINT64:
		*(uint64_t *)at = value;
		break;
	case PROTOBUF_C_TYPE_UINT32:
		*(uint32_t *)at = (uint32_t)value;
		break;
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)at = value != 0;
		break;
	default:
		break;
	}
}

/* Write a string option in the form for administrators or for clients with read access. */
typedef void show_fn(const struct config *c, const struct option_info *o, struct buf *b);

/* Placeholder for the name of a file. */
#define HIDDEN "(hidden)"

static void show_to_reader(const struct config *c, const struct option_info *o, struct buf *b)
{
	static const char *const schemes[] = {"file:", "unix:", "unixgram:"};

	for (size_t i = 0; i < ARRAY_SIZE(file_fields); i++) {
		if (o->proto_field == file_fields[i]) {
			buf_str(b, **(char *const *)member(c, o) ? HIDDEN : "");
			return;
		}
	}
	for (size_t i = 0; o->proto_field == FIELD_DEST && i < ARRAY_SIZE(schemes); i++) {
		if (strncmp(c->dest, schemes[i], strlen(schemes[i])) == 0) {
			buf_printf(b, "%s" HIDDEN, schemes[i]);
			return;
		}
	}
	config_get_public_text(c, o, b);
}

/* Split the text at its commas. The list is shorter without memory. */
static void put_list(char *text, char ***list, size_t *count)
{
	char *rest = text;

	for (char *item; (item = strsep(&rest, ",")) && *text;) {
		char **more = reallocarray(*list, *count + 1, sizeof(*more));
		if (!more)
			return;
		*list = more;
		(*list)[*count] = strdup(item);
		if (!(*list)[*count])
			return;
		(*count)++;
	}
}

static void put_option(const struct config *c, const struct option_info *o, const ProtobufCFieldDescriptor *f,
		       show_fn *show, void *at, void *number)
{
	if (f->id == FIELD_DESERIALIZERS) {
		*(deserializers_t **)at = deserializers_to_message(*(char *const *)member(c, o));
	} else if (o->type == OPTION_DURATION) {
		Google__Protobuf__Duration *d = message_new(&google__protobuf__duration__descriptor);
		if (d)
			*d = duration_to_message(*(const int64_t *)member(c, o));
		*(Google__Protobuf__Duration **)at = d;
	} else if (option_is_string(o)) {
		struct buf text = {0};
		show(c, o, &text);
		const char *public = buf_cstr(&text);
		char *copy = public ? strdup(public) : NULL;
		buf_free(&text);
		if (!is_list(f)) {
			*(char **)at = copy;
			return;
		}
		if (copy)
			put_list(copy, at, number);
		free(copy);
	} else {
		put_number(f, at, option_number(c, o));
	}
}

static message_t *to_message(const struct config *c, show_fn *show)
{
	message_t *m = message_new(descriptor);

	for (unsigned i = 0; m && i < descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &descriptor->fields[i];
		const struct option_info *o = option_of_field(f->id);
		void *at = (char *)m + f->offset;
		if (f->id == FIELD_DAEMON_VERSION)
			*(char **)at = strdup(XTCP2_VERSION);
		else if (o)
			put_option(c, o, f, show, at, (char *)m + f->quantifier_offset);
		if (o && is_oneof(f))
			*(uint32_t *)(void *)((char *)m + f->quantifier_offset) = f->id;
	}
	return m;
}

message_t *config_to_message(const struct config *c)
{
	return to_message(c, config_get_public_text);
}

message_t *config_to_reader_message(const struct config *c)
{
	return to_message(c, show_to_reader);
}

/* message -> struct config */

/* Write the field's value, of a list this many items, as the text of an option. Return 0, or -EINVAL with a sentence in error. */
static int field_text(const ProtobufCFieldDescriptor *f, const void *at, size_t items, struct buf *b,
		      char *error, size_t size)
{
	char text[DURATION_TEXT_MAX];
	int64_t ns = 0;

	if (is_list(f)) {
		for (size_t i = 0; i < items; i++)
			buf_printf(b, "%s%s", i ? "," : "", (*(char **const *)at)[i]);
		return 0;
	}
	switch (f->type) {
	case PROTOBUF_C_TYPE_UINT64:
		buf_printf(b, "%llu", (unsigned long long)*(const uint64_t *)at);
		return 0;
	case PROTOBUF_C_TYPE_UINT32:
		buf_printf(b, "%u", *(const uint32_t *)at);
		return 0;
	case PROTOBUF_C_TYPE_BOOL:
		buf_str(b, *(const protobuf_c_boolean *)at ? "true" : "false");
		return 0;
	case PROTOBUF_C_TYPE_STRING:
		buf_str(b, *(char *const *)at);
		return 0;
	case PROTOBUF_C_TYPE_MESSAGE:
		if (f->id == FIELD_DESERIALIZERS)
			return deserializers_from_message(*(deserializers_t *const *)at, b, error, size);
		if (*(void *const *)at &&
		    duration_from_message(*(Google__Protobuf__Duration *const *)at, &ns) < 0) {
			snprintf(error, size, "%s: negative or too long a duration", f->name);
			return -EINVAL;
		}
		buf_str(b, duration_format(ns, text));
		return 0;
	default:
		snprintf(error, size, "%s: cannot be set", f->name);
		return -EINVAL;
	}
}

/* Return whether a field without an option is empty. */
static bool field_empty(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	const char *at = (const char *)m + f->offset;

	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return *(const size_t *)(const void *)((const char *)m + f->quantifier_offset) == 0;
	switch (f->type) {
	case PROTOBUF_C_TYPE_UINT64:
		return *(const uint64_t *)(const void *)at == 0;
	case PROTOBUF_C_TYPE_UINT32:
		return *(const uint32_t *)(const void *)at == 0;
	case PROTOBUF_C_TYPE_BOOL:
		return !*(const protobuf_c_boolean *)(const void *)at;
	case PROTOBUF_C_TYPE_STRING:
		return **(char *const *)(const void *)at == '\0';
	default:
		return *(void *const *)(const void *)at == NULL;
	}
}

/* Return whether text is what a client was shown in place of a value with a password or a path. */
static bool is_shown_text(const struct config *c, const struct option_info *o, const char *text)
{
	static show_fn *const views[] = {config_get_public_text, show_to_reader};

	for (size_t i = 0; i < ARRAY_SIZE(views); i++) {
		_cleanup_buf_ struct buf shown = {0};
		views[i](c, o, &shown);
		const char *seen = buf_cstr(&shown);
		if (seen && strcmp(seen, text) == 0)
			return true;
	}
	return false;
}

/*
 * Set the option from text; the sentence about a bad value begins with the field's
 * name and ends with its limits. A string that the client returns as shown leaves
 * the option unchanged: credentials were not in it.
 */
static int set_option(struct config *c, const struct option_info *o, const char *field, const char *text,
		      char *error, size_t size)
{
	char why[512];

	if (!text) {
		snprintf(error, size, "%s: no memory", field);
		return -EINVAL;
	}
	if (option_is_string(o) && is_shown_text(c, o, text))
		return 0;
	if (config_set(c, o, text, why, sizeof(why)) == 0)
		return 0;
	snprintf(error, size, "%s: %s", field, why);
	return -EINVAL;
}

/* Check rules across options; replace the "-flag" that begins the sentence by that option's field. */
static int check_all(const struct config *c, char *error, size_t size)
{
	char why[512];
	size_t len;

	if (config_check(c, why, sizeof(why)) == 0)
		return 0;
	len = strcspn(why, " :");
	for (const struct option_info *o = option_table; o->flag; o++) {
		const ProtobufCFieldDescriptor *f =
		    o->proto_field ? protobuf_c_message_descriptor_get_field(descriptor, o->proto_field)
				   : NULL;
		if (f && len == strlen(o->flag) + 1 && strncmp(why + 1, o->flag, len - 1) == 0) {
			snprintf(error, size, "%s: %s", f->name, why);
			return -EINVAL;
		}
	}
	snprintf(error, size, "%s", why);
	return -EINVAL;
}

/* Return the option that holds a password, other than in its URL, that the destination is sent; NULL for none. */
static const char *password_of(const struct config *c, const char *dest)
{
	const char *flag = *c->dest_password_file ? "destPasswordFile" : NULL;

	if (strncmp(dest, "kafka:", strlen("kafka:")) == 0)
		return config_kafka_secret(c) ? "kafkaConfig" : NULL;
	if (strncmp(dest, "nats:", strlen("nats:")) == 0)
		return *c->nats_credentials_file ? "natsCredentialsFile" : flag;
	return strncmp(dest, "valkey:", strlen("valkey:")) == 0 ? flag : NULL;
}

/*
 * Passwords of options that cannot be set here belong to the servers that they were configured for. Do not send
 * them to others, directly or by way of another destination, nor in clear. (Credentials in a URL are replaced with
 * the URL.)
 */
static int check_credentials(const struct config *c, const struct config *before, char *error, size_t size)
{
	const char *flag = password_of(before, before->dest);

	if (!flag)
		flag = password_of(c, c->dest);
	if (!flag)
		return 0;
	if (strcmp(before->dest, c->dest) != 0) {
		snprintf(error, size,
			 "dest: the credentials in -%s belong to another destination; restart the daemon "
			 "with -dest and -%s for this one",
			 flag, flag);
		return -EINVAL;
	}
	if (before->dest_tls && !c->dest_tls) {
		snprintf(error, size,
			 "dest_tls: without TLS the credentials in -%s would be sent in clear; restart the "
			 "daemon for that",
			 flag);
		return -EINVAL;
	}
	return 0;
}

int config_from_message(struct config *c, const message_t *m, char *error, size_t size)
{
	_cleanup_(config_deletep) struct config *before = config_clone(c);

	if (!before) {
		snprintf(error, size, "config: no memory");
		return -EINVAL;
	}
	for (unsigned i = 0; i < descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &descriptor->fields[i];
		const struct option_info *o = option_of_field(f->id);
		_cleanup_buf_ struct buf text = {0};
		size_t items = is_list(f) ? *(const size_t *)quantifier(m, f) : 1;
		if (f->id == FIELD_DAEMON_VERSION || is_absent(m, f))
			continue;
		if (!o) {
			if (field_empty(&m->base, f))
				continue;
			snprintf(error, size, "%s: this daemon has no such option; it must be left empty",
				 f->name);
			return -EINVAL;
		}
		if (field_text(f, (const char *)m + f->offset, items, &text, error, size) < 0 ||
		    set_option(c, o, f->name, buf_cstr(&text), error, size) < 0)
			return -EINVAL;
	}
	if (check_credentials(c, before, error, size) < 0)
		return -EINVAL;
	return check_all(c, error, size);
}

const char *config_field_name(const char *flag, char text[static CONFIG_FIELD_NAME_MAX])
{
	const struct option_info *o = option_find(flag);
	const ProtobufCFieldDescriptor *f =
	    o && o->proto_field ? protobuf_c_message_descriptor_get_field(descriptor, o->proto_field) : NULL;

	snprintf(text, CONFIG_FIELD_NAME_MAX, f ? "%s" : "-%s", f ? f->name : flag);
	return text;
}

int config_set_duration(struct config *c, uint32_t proto_field, const Google__Protobuf__Duration *d,
			char *error, size_t size)
{
	const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(descriptor, proto_field);
	_cleanup_buf_ struct buf text = {0};

	if (field_text(f, &d, 1, &text, error, size) < 0)
		return -EINVAL;
	return set_option(c, option_of_field(proto_field), f->name, buf_cstr(&text), error, size);
}
