/* SPDX-License-Identifier: MIT */
#include "client/config_json.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/duration.h"
#include "control/message.h"
#include "control/option_name.h"

typedef XtcpConfig__V1__XtcpConfig message_t;
typedef XtcpConfig__V1__EnabledDeserializers deserializers_t;

static const ProtobufCMessageDescriptor *const descriptor = &xtcp_config__v1__xtcp_config__descriptor;

static bool is_duration(const ProtobufCFieldDescriptor *f)
{
	return f->descriptor == &google__protobuf__duration__descriptor;
}

static bool is_list(const ProtobufCFieldDescriptor *f)
{
	return f->label == PROTOBUF_C_LABEL_REPEATED;
}

/* The number of items of a list; the number of the field that a oneof holds. */
static void *quantifier(const message_t *m, const ProtobufCFieldDescriptor *f)
{
	return (char *)(uintptr_t)m + f->quantifier_offset;
}

/* An earlier daemon does not tell the field. */
static bool is_absent(const message_t *m, const ProtobufCFieldDescriptor *f)
{
	return f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF && *(const uint32_t *)quantifier(m, f) != f->id;
}

/* Message -> JSON */

static json_t *list_to_json(char *const *list, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_string(list[i]));
	return array;
}

static json_t *map_to_json(const deserializers_t *map)
{
	json_t *object = json_object();

	for (size_t i = 0; map && i < map->n_enabled; i++)
		json_object_set_new(object, map->enabled[i]->key, json_boolean(map->enabled[i]->value));
	return object;
}

/* JSON integers have 63 bits here; write larger numbers as digits in a string, which both sides read. */
static json_t *u64_to_json(uint64_t value)
{
	char text[24];

	if (value <= INT64_MAX)
		return json_integer((json_int_t)value);
	snprintf(text, sizeof(text), "%" PRIu64, value);
	return json_string(text);
}

/* Return the value as JSON; NULL for an absent one. */
static json_t *field_to_json(const ProtobufCFieldDescriptor *f, const void *at)
{
	const Google__Protobuf__Duration *d;
	char text[DURATION_TEXT_MAX];
	int64_t ns = 0;

	switch (f->type) {
	case PROTOBUF_C_TYPE_UINT32:
		return json_integer(*(const uint32_t *)at);
	case PROTOBUF_C_TYPE_UINT64:
		return u64_to_json(*(const uint64_t *)at);
	case PROTOBUF_C_TYPE_BOOL:
		return json_boolean(*(const protobuf_c_boolean *)at);
	case PROTOBUF_C_TYPE_STRING:
		return json_string(*(char *const *)at);
	case PROTOBUF_C_TYPE_MESSAGE:
		if (!is_duration(f))
			return map_to_json(*(deserializers_t *const *)at);
		d = *(Google__Protobuf__Duration *const *)at;
		return d && duration_from_message(d, &ns) == 0 ? json_string(duration_format(ns, text))
							       : NULL;
	default:
		return NULL;
	}
}

static bool json_is_empty(const json_t *v)
{
	return !v || json_is_false(v) || (json_is_array(v) && json_array_size(v) == 0) ||
	       (json_is_integer(v) && json_integer_value(v) == 0) ||
	       (json_is_string(v) && json_string_length(v) == 0);
}

void config_message_to_json(const message_t *m, struct buf *b)
{
	json_auto_t *object = json_object();

	for (unsigned i = 0; i < descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &descriptor->fields[i];
		const void *at = (const char *)m + f->offset;
		if (is_absent(m, f))
			continue;
		json_t *value = is_list(f)
				    ? list_to_json(*(char **const *)at, *(const size_t *)quantifier(m, f))
				    : field_to_json(f, at);
		if (json_is_empty(value) && !option_name_of_field(f->id))
			json_decref(value);
		else if (value)
			json_object_set_new(object, f->name, value);
	}
	_cleanup_free_ char *text = json_dumps(object, JSON_INDENT(2));
	if (text)
		buf_str(b, text);
	buf_byte(b, '\n');
}

/* JSON -> message */

/* Read a number, or digits in a string, as protobuf's JSON writes 64 bits. */
static int number_of(const json_t *v, uint64_t most, uint64_t *number)
{
	const char *text = json_string_value(v);
	char *end;

	if (json_is_integer(v) && json_integer_value(v) >= 0) {
		*number = (uint64_t)json_integer_value(v);
		return *number <= most ? 0 : -EINVAL;
	}
	if (!text || *text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return *end || errno || *number > most ? -EINVAL : 0;
}

static int bool_of(const json_t *v, protobuf_c_boolean *value)
{
	const char *text = json_string_value(v);

	if (!json_is_boolean(v) && (!text || (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)))
		return -EINVAL;
	*value = json_is_true(v) || (text && *text == 't');
	return 0;
}

static int duration_of(const json_t *v, Google__Protobuf__Duration **d)
{
	int64_t ns;

	if (!json_is_string(v) || duration_parse(json_string_value(v), &ns) < 0)
		return -EINVAL;
	if (!*d)
		*d = message_new(&google__protobuf__duration__descriptor);
	if (!*d)
		return -ENOMEM;
	**d = duration_to_message(ns);
	return 0;
}

/* Read {"info": true, ...}, which changes single entries, or a string: a whole list as of -deserializers. */
static int map_of(const json_t *v, deserializers_t **map)
{
	const char *key;
	json_t *entry;

	if (json_is_string(v)) {
		xtcp_config__v1__enabled_deserializers__free_unpacked(*map, NULL);
		*map = deserializers_to_message(json_string_value(v));
		return *map ? 0 : -ENOMEM;
	}
	if (!json_is_object(v))
		return -EINVAL;
	json_object_foreach((json_t *)(uintptr_t)v, key, entry)
	{
		size_t i = 0;
		while (*map && i < (*map)->n_enabled && strcmp((*map)->enabled[i]->key, key) != 0)
			i++;
		if (!*map || i == (*map)->n_enabled || !json_is_boolean(entry))
			return -EINVAL;
		(*map)->enabled[i]->value = json_is_true(entry);
	}
	return 0;
}

static int string_of(const json_t *v, char **string)
{
	char *copy = json_is_string(v) ? strdup(json_string_value(v)) : NULL;

	if (!copy)
		return -EINVAL;
	if (*string != protobuf_c_empty_string)
		free(*string);
	*string = copy;
	return 0;
}

static int append(char ***list, size_t *count, const char *item)
{
	char *copy = item ? strdup(item) : NULL;
	char **more = copy ? reallocarray(*list, *count + 1, sizeof(*more)) : NULL;

	if (!more) {
		free(copy);
		return item ? -ENOMEM : -EINVAL;
	}
	*list = more;
	more[(*count)++] = copy;
	return 0;
}

/* Read an array of texts, or a text with commas, as of the option. */
static int list_of(const json_t *v, char ***list, size_t *count)
{
	_cleanup_free_ char *text = json_is_string(v) ? strdup(json_string_value(v)) : NULL;
	char *rest = text && *text ? text : NULL;
	int r = json_is_array(v) || text ? 0 : -EINVAL;

	while (r == 0 && *count > 0)
		free((*list)[--*count]);
	for (size_t i = 0; r == 0 && i < json_array_size(v); i++)
		r = append(list, count, json_string_value(json_array_get(v, i)));
	while (r == 0 && rest)
		r = append(list, count, strsep(&rest, ","));
	return r;
}

/* The values that each kind of field accepts, for the message about a wrong one. */
static const char *field_wants(const ProtobufCFieldDescriptor *f)
{
	if (is_list(f))
		return "a list of texts, or a text with commas";
	switch (f->type) {
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_UINT64:
		return "a whole number";
	case PROTOBUF_C_TYPE_BOOL:
		return "true or false";
	case PROTOBUF_C_TYPE_STRING:
		return "text";
	default:
		return is_duration(f) ? "a duration such as \"10s\""
				      : "an object of known names and true or false, or a list in a string";
	}
}

static int field_from_json(const ProtobufCFieldDescriptor *f, void *at, const json_t *v)
{
	uint64_t number = 0;
	int r;

	switch (f->type) {
	case PROTOBUF_C_TYPE_UINT32:
		r = number_of(v, UINT32_MAX, &number);
		if (r == 0)
			*(uint32_t *)at = (uint32_t)number;
		return r;
	case PROTOBUF_C_TYPE_UINT64:
		return number_of(v, UINT64_MAX, at);
	case PROTOBUF_C_TYPE_BOOL:
		return bool_of(v, at);
	case PROTOBUF_C_TYPE_STRING:
		return string_of(v, at);
	default:
		return is_duration(f) ? duration_of(v, at) : map_of(v, at);
	}
}

/* Compare lowerCamelCase, as protobuf's JSON spells field names, with snake_case. */
static bool camel_equal(const char *snake, const char *camel)
{
	for (; *snake && *camel; snake++, camel++) {
		bool upper = *snake == '_' && snake[1];
		snake += upper;
		if (*camel != (upper && *snake >= 'a' && *snake <= 'z' ? *snake - 'a' + 'A' : *snake))
			return false;
	}
	return !*snake && !*camel;
}

/* NULL for an option without a field, too, although a field may have its name. */
static const ProtobufCFieldDescriptor *field_of_key(const char *key)
{
	const struct option_name *o = option_name_find(key);

	if (o)
		return o->proto_field ? protobuf_c_message_descriptor_get_field(descriptor, o->proto_field)
				      : NULL;
	for (unsigned i = 0; i < descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &descriptor->fields[i];
		if (strcmp(f->name, key) == 0 || camel_equal(f->name, key))
			return f;
	}
	return NULL;
}

/* Set the field of the message. */
static int set_field(message_t *m, const ProtobufCFieldDescriptor *f, const json_t *v)
{
	void *at = (char *)m + f->offset;
	int r = is_list(f) ? list_of(v, at, quantifier(m, f)) : field_from_json(f, at, v);

	if (r == 0 && f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
		*(uint32_t *)quantifier(m, f) = f->id;
	return r;
}

int config_message_from_json(message_t *m, const char *json, size_t len, struct buf *ignored, char *error,
			     size_t size)
{
	json_error_t where;
	json_auto_t *object = json_loadb(json, len, JSON_REJECT_DUPLICATES, &where);
	const char *key;
	json_t *value;

	if (!json_is_object(object)) {
		snprintf(error, size, "line %d: %s", object ? 1 : where.line,
			 object ? "not a JSON object" : where.text);
		return -EINVAL;
	}
	json_object_foreach(object, key, value)
	{
		const ProtobufCFieldDescriptor *f = field_of_key(key);
		if (!f && option_name_find(key)) {
			buf_printf(ignored, "%s%s", ignored->len ? " " : "", key);
			continue;
		}
		if (!f) {
			snprintf(error, size, "%.60s: no such field or option; \"get\" shows the fields",
				 key);
			return -EINVAL;
		}
		if (set_field(m, f, value) < 0) {
			snprintf(error, size, "%s: must be %s", f->name, field_wants(f));
			return -EINVAL;
		}
	}
	return 0;
}
