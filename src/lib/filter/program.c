/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#include "base/cleanup.h"
#include "filter/node.h"

/* Compile: a step for each comparison, made from the last to the first, so that jumps know their targets. */

static uint16_t emit(struct filter *f, uint16_t index, uint16_t yes, uint16_t no)
{
	const struct filter_node *n = &f->nodes[index];

	switch (n->kind) {
	case FILTER_AND:
		return emit(f, n->a, emit(f, n->b, yes, no), no);
	case FILTER_OR:
		return emit(f, n->a, yes, emit(f, n->b, yes, no));
	case FILTER_NOT:
		return emit(f, n->a, no, yes);
	default:
		f->steps[f->step_count] = (struct filter_step){index, yes, no};
		return f->step_count++;
	}
}

void filter_compile(struct filter *f)
{
	f->start = emit(f, f->root, FILTER_PASS, FILTER_FAIL);
}

/* Run */

static bool match_states(const struct filter *f, const struct filter_node *n, const struct record *r)
{
	return r->sections & RECORD_HAS(DIAG) && r->inet_diag_msg_state < 32 &&
	       n->states >> r->inet_diag_msg_state & 1;
}

static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned bytes = bits / 8, rest = bits % 8;

	return memcmp(a, b, bytes) == 0 && (!rest || (a[bytes] ^ b[bytes]) >> (8 - rest) == 0);
}

/* As the kernel's inet_diag_bc_run(): a prefix of IPv6 takes no IPv4 socket, one of IPv4 takes mapped addresses, too. */
static bool match_host(const struct filter *f, const struct filter_node *n, const struct record *r)
{
	struct str a = n->remote ? r->inet_diag_msg_socket_destination : r->inet_diag_msg_socket_source;
	uint32_t port =
	    n->remote ? r->inet_diag_msg_socket_destination_port : r->inet_diag_msg_socket_source_port;
	uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff};
	const uint8_t *address = (const uint8_t *)a.p;

	if (!(r->sections & RECORD_HAS(DIAG)) ||
	    (n->host.port != FILTER_ANY_PORT && port != (uint32_t)n->host.port))
		return false;
	if (n->host.family == AF_UNSPEC)
		return true;
	if (n->host.family == AF_INET)
		return a.len == 4 && same_prefix(address, n->host.address, n->host.bits);
	if (r->inet_diag_msg_family != AF_INET6)
		return false;
	if (a.len == 4) {
		memcpy(mapped + 12, address, 4);
		address = mapped;
	} else if (a.len != 16) {
		return false;
	}
	return same_prefix(address, n->host.address, n->host.bits);
}

static bool match_port(const struct filter *f, const struct filter_node *n, const struct record *r)
{
	uint32_t port =
	    n->remote ? r->inet_diag_msg_socket_destination_port : r->inet_diag_msg_socket_source_port;

	return r->sections & RECORD_HAS(DIAG) && port >= n->ports.first && port <= n->ports.last;
}

static bool match_number(const struct filter *f, const struct filter_node *n, const struct record *r)
{
	uint64_t value;

	if (!record_field_present(r, n->field) && !(n->field->optional && record_field_zero(r, n->field)))
		return false;
	if (__builtin_mul_overflow(record_field_number(r, n->field), n->number.scale, &value))
		value = UINT64_MAX;
	switch (n->op) {
	case FILTER_EQ:
		return value == n->number.value;
	case FILTER_NE:
		return value != n->number.value;
	case FILTER_LT:
		return value < n->number.value;
	case FILTER_LE:
		return value <= n->number.value;
	case FILTER_GT:
		return value > n->number.value;
	default:
		return value >= n->number.value;
	}
}

/* One pattern with * and ?, in time of the product of the lengths at most. */
static bool glob(struct str pattern, struct str text)
{
	uint32_t p = 0, t = 0, star = UINT32_MAX, back = 0;

	while (t < text.len) {
		if (p < pattern.len && pattern.p[p] == '*') {
			star = p++;
			back = t;
		} else if (p < pattern.len && (pattern.p[p] == '?' || pattern.p[p] == text.p[t])) {
			p++;
			t++;
		} else if (star != UINT32_MAX) {
			p = star + 1;
			t = ++back;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.p[p] == '*')
		p++;
	return p == pattern.len;
}

/* Fewest characters of a container's id that stand for it, as in Docker's own commands' output. */
#define ID_PREFIX_MIN 4

static bool match_text(const struct filter *f, const struct filter_node *n, const struct record *r)
{
	struct str pattern = {f->text + n->text.at, n->text.len};
	struct str text = {NULL, 0};

	if (record_field_present(r, n->field))
		text = record_field_bytes(r, n->field);
	if (offsetof(struct record, container_id) == n->field->offset && pattern.len >= ID_PREFIX_MIN &&
	    text.len > pattern.len && memcmp(text.p, pattern.p, pattern.len) == 0)
		return true;
	return glob(pattern, text);
}

static bool (*const matchers[])(const struct filter *f, const struct filter_node *n,
				const struct record *r) = {
    [FILTER_STATES] = match_states, [FILTER_HOST] = match_host, [FILTER_PORT] = match_port,
    [FILTER_NUMBER] = match_number, [FILTER_TEXT] = match_text,
};
static_assert(ARRAY_SIZE(matchers) == FILTER_KIND_MAX_, "a function for each comparison");

bool filter_match(const struct filter *f, const struct record *r)
{
	if (!f)
		return true;
	uint16_t at = f->start;
	while (at < f->step_count) {
		const struct filter_step *step = &f->steps[at];
		const struct filter_node *n = &f->nodes[step->node];

		at = matchers[n->kind](f, n, r) ? step->yes : step->no;
	}
	return at == FILTER_PASS;
}

bool filter_names_states(const struct filter *f)
{
	for (uint16_t i = 0; f && i < f->node_count; i++) {
		if (f->nodes[i].kind == FILTER_STATES)
			return true;
	}
	return false;
}
