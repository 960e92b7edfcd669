/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation: a program of the kernel is a run of struct inet_diag_bc_op, each with a jump for yes, which is
 * always the length of the operation, and one for no. It accepts by reaching its end exactly and rejects 4 bytes beyond.
 * Code here is made so that it can be joined: each piece accepts by falling out at its end and rejects by jumping 4 bytes
 * beyond it. Nots are pushed down to the comparisons on the way, because of a part that the kernel cannot decide only
 * "may pass" is known, which has no opposite.
 */
#include "source/bytecode.h"

#include <linux/inet_diag.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "filter/node.h"

typedef struct inet_diag_bc_op op_t;

#define OP_BYTES  ((uint16_t)sizeof(op_t))
#define PORT_LAST 65535

/* Half of the nodes at most are comparisons, each with a jump of its own and one of a junction. */
_Static_assert(FILTER_NODES_MAX / 2 * (3 * sizeof(op_t) + sizeof(struct inet_diag_hostcond) + 16) <=
		   BYTECODE_MAX,
	       "the largest filter fits");

/* Both operands must pass (and), or one (or): a not around them exchanges the two. */
static bool needs_both(const struct filter_node *n, bool negate)
{
	return (n->kind == FILTER_AND) != negate;
}

static bool is_junction(const struct filter_node *n)
{
	return n->kind == FILTER_AND || n->kind == FILTER_OR;
}

/* The states that may pass. */
static uint32_t states_of(const struct filter *f, uint16_t index, bool negate)
{
	const struct filter_node *n = &f->nodes[index];

	if (n->kind == FILTER_NOT)
		return states_of(f, n->a, !negate);
	if (is_junction(n)) {
		uint32_t a = states_of(f, n->a, negate), b = states_of(f, n->b, negate);
		return needs_both(n, negate) ? a & b : a | b;
	}
	if (n->kind != FILTER_STATES)
		return UINT32_MAX;
	return negate ? ~n->states : n->states;
}

/* The kernel can tell something of it. */
static bool decides(const struct filter *f, uint16_t index, bool negate)
{
	const struct filter_node *n = &f->nodes[index];

	if (n->kind == FILTER_NOT)
		return decides(f, n->a, !negate);
	if (is_junction(n)) {
		bool a = decides(f, n->a, negate), b = decides(f, n->b, negate);
		return needs_both(n, negate) ? a || b : a && b;
	}
	return n->kind == FILTER_HOST || n->kind == FILTER_PORT;
}

static void append(struct bytecode *b, const void *data, size_t len)
{
	memcpy(b->code + b->len, data, len);
	b->len += len;
}

static void append_op(struct bytecode *b, uint8_t code, uint16_t yes, uint16_t no)
{
	append(b, &(op_t){code, (uint8_t)yes, no}, sizeof(op_t));
}

/* Rejections of the code from `from` to `end` jump over what was added behind it. */
static void relocate(struct bytecode *b, size_t from, size_t end)
{
	op_t op;

	for (size_t at = from; at < end; at += op.yes) {
		memcpy(&op, b->code + at, sizeof(op));
		if (at + op.no != end + OP_BYTES)
			continue;
		op.no = (uint16_t)(op.no + b->len - end);
		memcpy(b->code + at, &op, sizeof(op));
	}
}

static void port_bound(struct bytecode *b, uint8_t code, uint32_t port)
{
	append_op(b, code, 2 * OP_BYTES, 3 * OP_BYTES);
	append_op(b, INET_DIAG_BC_NOP, 0, (uint16_t)port);
}

static void ports(struct bytecode *b, const struct filter_node *n)
{
	size_t from = b->len;

	if (n->ports.first > n->ports.last) {
		append_op(b, INET_DIAG_BC_JMP, OP_BYTES, 2 * OP_BYTES);
		return;
	}
	if (n->ports.first > 0)
		port_bound(b, n->remote ? INET_DIAG_BC_D_GE : INET_DIAG_BC_S_GE, n->ports.first);
	size_t end = b->len;
	if (n->ports.last < PORT_LAST)
		port_bound(b, n->remote ? INET_DIAG_BC_D_LE : INET_DIAG_BC_S_LE, n->ports.last);
	relocate(b, from, end);
}

static void host(struct bytecode *b, const struct filter_node *n)
{
	struct inet_diag_hostcond cond = {
	    .family = n->host.family, .prefix_len = n->host.bits, .port = n->host.port};
	size_t address = n->host.family == AF_INET6 ? 16 : n->host.family == AF_INET ? 4 : 0;
	uint16_t len = (uint16_t)(OP_BYTES + sizeof(cond) + address);

	append_op(b, n->remote ? INET_DIAG_BC_D_COND : INET_DIAG_BC_S_COND, len, len + OP_BYTES);
	append(b, &cond, sizeof(cond));
	append(b, n->host.address, address);
}

static void generate(struct bytecode *b, const struct filter *f, uint16_t index, bool negate)
{
	const struct filter_node *n = &f->nodes[index];
	size_t from = b->len;

	if (!decides(f, index, negate))
		return;
	if (n->kind == FILTER_NOT) {
		generate(b, f, n->a, !negate);
	} else if (is_junction(n) && needs_both(n, negate)) {
		generate(b, f, n->a, negate);
		size_t end = b->len;
		generate(b, f, n->b, negate);
		relocate(b, from, end);
	} else if (is_junction(n)) {
		generate(b, f, n->a, negate);
		size_t jump = b->len;
		append_op(b, INET_DIAG_BC_JMP, OP_BYTES, 0);
		generate(b, f, n->b, negate);
		op_t over = {INET_DIAG_BC_JMP, (uint8_t)OP_BYTES, (uint16_t)(b->len - jump)};
		memcpy(b->code + jump, &over, sizeof(over));
	} else {
		(n->kind == FILTER_PORT ? ports : host)(b, n);
		if (negate)
			append_op(b, INET_DIAG_BC_JMP, OP_BYTES, 2 * OP_BYTES);
	}
}

void bytecode_make(struct bytecode *b, const struct filter *f)
{
	b->len = 0;
	b->states = UINT32_MAX;
	if (!f)
		return;
	b->states = states_of(f, f->root, false);
	generate(b, f, f->root, false);
}
