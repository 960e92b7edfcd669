/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The descriptors stay in wire format: a file is a borrowed run of bytes, sent as
 * it is. A symbol is found by walking the files and matching its full name piece
 * by piece against packages, messages, enums, services and their members. Files
 * are few and calls rare, so there is no index.
 *
 * An answer holds the requested file and all its direct and indirect imports, so
 * that clients need one round trip.
 */
#include "grpc/reflection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/protowire.h"
#include "grpc/reflection/v1/reflection.pb-c.h"

/* Most files in a descriptor set; the daemon's has six. */
#define FILES_MAX 32

/* Field numbers of google/protobuf/descriptor.proto */
enum { SET_FILE = 1 };
enum {
	FILE_NAME = 1,
	FILE_PACKAGE = 2,
	FILE_DEPENDENCY = 3,
	FILE_MESSAGE = 4,
	FILE_ENUM = 5,
	FILE_SERVICE = 6
};
enum { ANY_NAME = 1 }; /* of messages, fields, enums, values, services, methods */
enum { MESSAGE_FIELD = 2, MESSAGE_NESTED = 3, MESSAGE_ENUM = 4 };
enum { SERVICE_METHOD = 2 };

struct reflection {
	const struct grpc_service *services;
	size_t count;
	struct file {
		struct str bytes, name, package;
	} files[FILES_MAX];
};

typedef Grpc__Reflection__V1__ServerReflectionRequest request_t;
typedef Grpc__Reflection__V1__ServerReflectionResponse response_t;
#define REQUEST(name)  GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define RESPONSE(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name

static bool str_equal(struct str a, struct str b)
{
	return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

/* Return the first length-delimited field of that number; empty if there is none. */
static struct str field_bytes(struct str message, uint32_t number)
{
	struct protowire r = protowire_of(message);
	struct protowire_field f;

	while (protowire_next(&r, &f)) {
		if (f.number == number && f.type == PROTOWIRE_LEN)
			return f.bytes;
	}
	return (struct str){"", 0};
}

/* Symbols */

/* Remove `name` and the dot after it from *rest; if *rest is then empty, the whole symbol matched. */
static bool take_piece(struct str *rest, struct str name)
{
	if (name.len == 0 || rest->len < name.len || memcmp(rest->p, name.p, name.len) != 0)
		return false;
	if (rest->len > name.len && rest->p[name.len] != '.')
		return false;
	uint32_t skip = rest->len > name.len ? name.len + 1 : name.len;
	*rest = (struct str){rest->p + skip, rest->len - skip};
	return true;
}

/* The fields of a descriptor that hold named descriptors, and their kind. */
enum kind { KIND_FILE, KIND_MESSAGE, KIND_SERVICE, KIND_LEAF };

static const struct member {
	enum kind in;
	uint32_t number;
	enum kind is;
} members[] = {
    {KIND_FILE, FILE_MESSAGE, KIND_MESSAGE},	  {KIND_FILE, FILE_ENUM, KIND_LEAF},
    {KIND_FILE, FILE_SERVICE, KIND_SERVICE},	  {KIND_MESSAGE, MESSAGE_FIELD, KIND_LEAF},
    {KIND_MESSAGE, MESSAGE_NESTED, KIND_MESSAGE}, {KIND_MESSAGE, MESSAGE_ENUM, KIND_LEAF},
    {KIND_SERVICE, SERVICE_METHOD, KIND_LEAF},
};

static const struct member *member_of(enum kind in, uint32_t number)
{
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		if (members[i].in == in && members[i].number == number)
			return &members[i];
	}
	return NULL;
}

/* Return whether the descriptor defines the symbol. The nesting of our own schemas bounds the recursion. */
static bool defines(struct str descriptor, enum kind kind, struct str symbol)
{
	struct protowire r = protowire_of(descriptor);
	struct protowire_field f;

	while (protowire_next(&r, &f)) {
		const struct member *m = f.type == PROTOWIRE_LEN ? member_of(kind, f.number) : NULL;
		struct str rest = symbol;
		if (m && take_piece(&rest, field_bytes(f.bytes, ANY_NAME)) &&
		    (rest.len == 0 || defines(f.bytes, m->is, rest)))
			return true;
	}
	return false;
}

static const struct file *file_of_symbol(const struct reflection *r, struct str symbol)
{
	for (size_t i = 0; i < r->count; i++) {
		struct str rest = symbol;
		if (take_piece(&rest, r->files[i].package) && rest.len > 0 &&
		    defines(r->files[i].bytes, KIND_FILE, rest))
			return &r->files[i];
	}
	return NULL;
}

static const struct file *file_of_name(const struct reflection *r, struct str name)
{
	for (size_t i = 0; i < r->count; i++) {
		if (str_equal(r->files[i].name, name))
			return &r->files[i];
	}
	return NULL;
}

/* Answers */

/* Append the file and its imports to out[n...], each once; return the new n. */
static size_t with_imports(const struct reflection *r, const struct file *file,
			   ProtobufCBinaryData out[FILES_MAX], size_t n)
{
	struct protowire w = protowire_of(file->bytes);
	struct protowire_field f;

	for (size_t i = 0; i < n; i++) {
		if (out[i].data == (const uint8_t *)file->bytes.p)
			return n;
	}
	out[n++] = (ProtobufCBinaryData){file->bytes.len, (uint8_t *)(uintptr_t)file->bytes.p};
	while (protowire_next(&w, &f)) {
		const struct file *import =
		    f.number == FILE_DEPENDENCY && f.type == PROTOWIRE_LEN ? file_of_name(r, f.bytes) : NULL;
		if (import)
			n = with_imports(r, import, out, n);
	}
	return n;
}

/* These functions take the response by value: members they set point to their own variables. */
static void answer_error(struct grpc_call *call, response_t response, enum grpc_code code, char *text)
{
	Grpc__Reflection__V1__ErrorResponse error = GRPC__REFLECTION__V1__ERROR_RESPONSE__INIT;

	error.error_code = (int32_t)code;
	error.error_message = text;
	response.message_response_case = RESPONSE(ERROR_RESPONSE);
	response.error_response = &error;
	grpc_send(call, &response.base);
}

static void answer_file(struct grpc_call *call, response_t response, const struct file *file)
{
	Grpc__Reflection__V1__FileDescriptorResponse files =
	    GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;
	ProtobufCBinaryData out[FILES_MAX];

	if (!file) {
		answer_error(call, response, GRPC_NOT_FOUND, "no schema file has or defines that name");
		return;
	}
	files.n_file_descriptor_proto = with_imports(call->service, file, out, 0);
	files.file_descriptor_proto = out;
	response.message_response_case = RESPONSE(FILE_DESCRIPTOR_RESPONSE);
	response.file_descriptor_response = &files;
	grpc_send(call, &response.base);
}

static void answer_services(struct grpc_call *call, response_t response)
{
	const struct reflection *r = call->service;
	Grpc__Reflection__V1__ListServiceResponse list = GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;
	Grpc__Reflection__V1__ServiceResponse entries[FILES_MAX], *pointers[FILES_MAX];

	for (const struct grpc_service *s = r->services; s->name && list.n_service < FILES_MAX; s++) {
		size_t i = list.n_service++;
		entries[i] =
		    (Grpc__Reflection__V1__ServiceResponse)GRPC__REFLECTION__V1__SERVICE_RESPONSE__INIT;
		entries[i].name = (char *)(uintptr_t)s->name;
		pointers[i] = &entries[i];
	}
	list.service = pointers;
	response.message_response_case = RESPONSE(LIST_SERVICES_RESPONSE);
	response.list_services_response = &list;
	grpc_send(call, &response.base);
}

/* The schemas are proto3: there are no extensions. */
static void answer_extensions(struct grpc_call *call, response_t response, char *type)
{
	Grpc__Reflection__V1__ExtensionNumberResponse none =
	    GRPC__REFLECTION__V1__EXTENSION_NUMBER_RESPONSE__INIT;

	if (!file_of_symbol(call->service, str_of(type))) {
		answer_error(call, response, GRPC_NOT_FOUND, "no schema file defines that type");
		return;
	}
	none.base_type_name = type;
	response.message_response_case = RESPONSE(ALL_EXTENSION_NUMBERS_RESPONSE);
	response.all_extension_numbers_response = &none;
	grpc_send(call, &response.base);
}

static void info(struct grpc_call *call, const ProtobufCMessage *message)
{
	const struct reflection *r = call->service;
	request_t *request = (request_t *)(uintptr_t)message;
	response_t response = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;

	response.valid_host = request->host;
	response.original_request = request;
	switch (request->message_request_case) {
	case REQUEST(FILE_BY_FILENAME):
		answer_file(call, response, file_of_name(r, str_of(request->file_by_filename)));
		return;
	case REQUEST(FILE_CONTAINING_SYMBOL):
		answer_file(call, response, file_of_symbol(r, str_of(request->file_containing_symbol)));
		return;
	case REQUEST(FILE_CONTAINING_EXTENSION):
		answer_file(call, response, NULL);
		return;
	case REQUEST(ALL_EXTENSION_NUMBERS_OF_TYPE):
		answer_extensions(call, response, request->all_extension_numbers_of_type);
		return;
	case REQUEST(LIST_SERVICES):
		answer_services(call, response);
		return;
	default:
		answer_error(call, response, GRPC_INVALID_ARGUMENT, "the request asks for nothing");
	}
}

const struct grpc_method reflection_methods[] = {
    {
	.name = "ServerReflectionInfo",
	.kind = GRPC_BIDI,
	.needs = ACCESS_READ,
	.request = &grpc__reflection__v1__server_reflection_request__descriptor,
	.message = info,
    },
    {0},
};

struct reflection *reflection_new(struct str set, const struct grpc_service *services)
{
	struct protowire w = protowire_of(set);
	struct protowire_field f;
	struct reflection *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->services = services;
	while (protowire_next(&w, &f) && r->count < FILES_MAX) {
		if (f.number == SET_FILE && f.type == PROTOWIRE_LEN)
			r->files[r->count++] = (struct file){f.bytes, field_bytes(f.bytes, FILE_NAME),
							     field_bytes(f.bytes, FILE_PACKAGE)};
	}
	if (w.bad || w.p != w.end) {
		free(r);
		errno = EBADMSG;
		return NULL;
	}
	return r;
}

void reflection_free(struct reflection *r)
{
	free(r);
}
