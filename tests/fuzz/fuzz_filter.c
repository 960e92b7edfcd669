/* SPDX-License-Identifier: MIT */
/*
 * The text of a filter. One that is taken matches a record in the end, its opposite gives the
 * opposite answer, and the kernel's part of it is a program whose jumps land on operations; one that is refused leaves
 * one line.
 */
#include <assert.h>
#include <linux/inet_diag.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter/filter.h"
#include "fuzz.h"
#include "source/bytecode.h"

/* As the kernel's audit: each jump leads forward to an operation, to the end, or 4 bytes beyond it. */
static void audit(const struct bytecode *b)
{
	bool begins[BYTECODE_MAX + 8] = {false};
	struct inet_diag_bc_op op;

	assert(b->len <= BYTECODE_MAX && b->len % sizeof(op) == 0);
	for (size_t at = 0; at < b->len; at += op.yes) {
		memcpy(&op, b->code + at, sizeof(op));
		assert(op.yes >= sizeof(op) && op.yes % sizeof(op) == 0);
		begins[at] = true;
	}
	begins[b->len] = begins[b->len + sizeof(op)] = true;
	for (size_t at = 0; at < b->len; at += op.yes) {
		memcpy(&op, b->code + at, sizeof(op));
		assert(op.no >= sizeof(op) && at + op.no <= b->len + sizeof(op) && begins[at + op.no]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t address[] = {10, 0, 0, 1};
	struct record r = {.sections = RECORD_HAS(META) | RECORD_HAS(DIAG)};
	char *text = fuzz_text(data, size), error[512];
	static struct bytecode code;

	r.netns = str_of("web");
	r.inet_diag_msg_state = 1;
	r.inet_diag_msg_family = 2;
	r.inet_diag_msg_socket_source = r.inet_diag_msg_socket_destination =
	    (struct str){(const char *)address, sizeof(address)};
	struct filter *f = filter_new(text, error, sizeof(error));
	assert(!f || !*error);
	assert(!strchr(error, '\n'));
	bytecode_make(&code, f);
	audit(&code);
	bool pass = filter_match(f, &r);
	/* What passes here passes in the kernel. */
	assert(!f || !pass || code.states & UINT32_C(1) << r.inet_diag_msg_state);
	filter_free(f);

	size_t len = strlen(text) + sizeof("not ()");
	char *opposite = malloc(len);
	assert(opposite);
	snprintf(opposite, len, "not (%s)", text);
	struct filter *g = f ? filter_new(opposite, error, sizeof(error)) : NULL;
	assert(!g || filter_match(g, &r) != pass);
	filter_free(g);
	free(opposite);
	free(text);
	return 0;
}
