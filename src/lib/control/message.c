/* SPDX-License-Identifier: MIT */
#include "control/message.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "record/decode.h"

/* Longest name of a deserializer that is looked at, with its NUL. */
#define NAME_MAX_LEN 32

typedef XtcpConfig__V1__EnabledDeserializers deserializers_t;
typedef XtcpConfig__V1__EnabledDeserializers__EnabledEntry entry_t;

int duration_from_message(const Google__Protobuf__Duration *d, int64_t *ns)
{
	if (d->seconds < 0 || d->nanos < 0 || d->nanos >= NS_PER_SEC)
		return -ERANGE;
	if (__builtin_mul_overflow(d->seconds, NS_PER_SEC, ns) || __builtin_add_overflow(*ns, d->nanos, ns))
		return -ERANGE;
	return 0;
}

Google__Protobuf__Duration duration_to_message(int64_t ns)
{
	Google__Protobuf__Duration d = GOOGLE__PROTOBUF__DURATION__INIT;

	d.seconds = ns / NS_PER_SEC;
	d.nanos = (int32_t)(ns % NS_PER_SEC);
	return d;
}

/* Return true when `mask` contains the deserializer of that name. */
static bool deserializer_on(uint64_t mask, const char *name)
{
	char bad[NAME_MAX_LEN];
	uint64_t attributes;
	uint8_t ext;

	return deserializers_parse(name, &attributes, &ext, bad, sizeof(bad)) == 0 &&
	       (attributes & ~mask) == 0;
}

void *message_new(const ProtobufCMessageDescriptor *d)
{
	return protobuf_c_message_unpack(d, NULL, 0, (const uint8_t *)"");
}

deserializers_t *deserializers_to_message(const char *list)
{
	deserializers_t *m = message_new(&xtcp_config__v1__enabled_deserializers__descriptor);
	char bad[NAME_MAX_LEN];
	uint64_t mask = 0;
	uint8_t ext;
	size_t count = 0;

	deserializers_parse(list, &mask, &ext, bad, sizeof(bad));
	while (deserializer_name(count))
		count++;
	if (m)
		m->enabled = calloc(count + 1, sizeof(*m->enabled));
	for (size_t i = 0; m && m->enabled && i < count; i++) {
		entry_t *e = message_new(&xtcp_config__v1__enabled_deserializers__enabled_entry__descriptor);
		if (!e)
			break;
		m->enabled[m->n_enabled++] = e;
		e->key = strdup(deserializer_name(i));
		e->value = deserializer_on(mask, deserializer_name(i));
	}
	return m;
}
