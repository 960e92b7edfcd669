/* SPDX-License-Identifier: MIT */
#ifndef FILTER_NODE_H
#define FILTER_NODE_H
/* The tree of a filter, for the room itself and for a source that hands a part of it to the kernel. */
#include <stdbool.h>
#include <stdint.h>

#include "filter/filter.h"
#include "record/field.h"

enum filter_kind {
	FILTER_AND, /* a and b */
	FILTER_OR,
	FILTER_NOT,    /* a */
	FILTER_STATES, /* bit N: TCP state N */
	FILTER_HOST,
	FILTER_PORT,
	FILTER_NUMBER,
	FILTER_TEXT,
	FILTER_KIND_MAX_
};

enum filter_op { FILTER_EQ, FILTER_NE, FILTER_LT, FILTER_LE, FILTER_GT, FILTER_GE, FILTER_OP_MAX_ };

#define FILTER_ANY_PORT (-1)

struct filter_node {
	enum filter_kind kind;
	uint16_t a, b;			  /* operands of AND, OR and NOT: nodes that stand before this one */
	bool remote;			  /* HOST, PORT: of the other side */
	enum filter_op op;		  /* NUMBER */
	const struct record_field *field; /* NUMBER, TEXT */
	union {
		uint32_t states;
		struct {
			uint8_t family; /* AF_UNSPEC for any address */
			uint8_t bits;	/* length of the prefix */
			uint8_t address[16];
			int32_t port; /* or FILTER_ANY_PORT */
		} host;
		struct {
			uint32_t first, last; /* no port when first is above last */
		} ports;
		struct {
			uint64_t value, scale; /* the field's value times scale is compared */
		} number;
		struct {
			uint16_t at,
			    len; /* in the text of the filter; * stands for any characters, ? for one */
		} text;
	};
};

/* One test of the program: where to go on. */
struct filter_step {
	uint16_t node, yes, no;
};

struct filter {
	struct filter_node nodes[FILTER_NODES_MAX];
	struct filter_step steps[FILTER_NODES_MAX];
	uint16_t node_count, step_count;
	uint16_t root;	/* node */
	uint16_t start; /* step, or FILTER_PASS */
	char text[FILTER_TEXT_MAX];
};

/* Ends of the program, in place of a step. */
#define FILTER_PASS UINT16_MAX
#define FILTER_FAIL (UINT16_MAX - 1)

/* Make the program from the tree. */
void filter_compile(struct filter *f);

#endif
