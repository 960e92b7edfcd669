/* SPDX-License-Identifier: MIT */
/*
 * The grammar, by recursive descent:
 *
 *	expression  = conjunction { or conjunction }
 *	conjunction = term { [and] term }
 *	term        = not term | ( expression ) | comparison
 *	comparison  = state STATE { state STATE } | exclude STATE { exclude STATE } | field [op] operand
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/suggest.h"
#include "filter/lex.h"
#include "filter/operand.h"
#include "record/field_info.h"
#include "record/states.h"

struct parser {
	struct filter *f;
	struct token token; /* the one to look at */
	size_t at;	    /* where the next one begins */
	unsigned depth;
	bool failed;
	char *error;
	size_t size;
};

static uint16_t expression(struct parser *p);

/* The first mistake is the one told. Returns a node, so that callers can go on to their end. */
__attribute__((format(printf, 3, 4))) static uint16_t fail(struct parser *p, const struct token *t,
							   const char *format, ...)
{
	char reason[256];
	va_list args;

	if (p->failed)
		return 0;
	p->failed = true;
	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	int shown = t->len < 40 ? (int)t->len : 40;
	if (t->type == TOKEN_END)
		snprintf(p->error, p->size, "at %zu, the end: %s", t->at + 1, reason);
	else
		snprintf(p->error, p->size, "at %zu, \"%.*s\": %s", t->at + 1, shown, p->f->text + t->at,
			 reason);
	return 0;
}

static void advance(struct parser *p)
{
	p->token = filter_lex(p->f->text, &p->at);
	if (p->token.type == TOKEN_BAD)
		fail(p, &p->token, "the quote does not end");
}

static bool is_word(const struct parser *p, const char *word)
{
	return p->token.type == TOKEN_WORD && p->token.len == strlen(word) &&
	       memcmp(p->f->text + p->token.at, word, p->token.len) == 0;
}

static uint16_t add(struct parser *p, struct filter_node node)
{
	if (p->failed)
		return 0;
	if (p->f->node_count == FILTER_NODES_MAX)
		return fail(p, &p->token, "the filter has more than %d comparisons and operators",
			    FILTER_NODES_MAX);
	p->f->nodes[p->f->node_count] = node;
	return p->f->node_count++;
}

static uint16_t negated(struct parser *p, bool negate, uint16_t node)
{
	return negate ? add(p, (struct filter_node){.kind = FILTER_NOT, .a = node}) : node;
}

/* The comparison, = where it is left out. */
static enum filter_op take_op(struct parser *p)
{
	enum filter_op op = p->token.type == TOKEN_OP ? p->token.op : FILTER_EQ;

	if (p->token.type == TOKEN_OP)
		advance(p);
	return op;
}

/* The token to look at is no state. */
static uint16_t unknown_state(struct parser *p, const char *wrong)
{
	struct suggest s;
	char near[SUGGEST_TEXT_MAX];

	suggest_begin(&s, p->f->text + p->token.at, p->token.len);
	tcp_states_suggest(&s);
	return fail(p, &p->token, "%s%s", wrong, suggest_text(&s, near));
}

/* Words in a row, as ss(8) takes them: states add up, excluded ones do as well. */
static uint16_t states(struct parser *p, const char *word)
{
	bool exclude = *word == 'e', negate = false;
	struct filter_node node = {.kind = FILTER_STATES};

	while (is_word(p, word) && !p->failed) {
		uint32_t more;

		advance(p);
		if (p->token.type == TOKEN_OP && p->token.op > FILTER_NE)
			return fail(p, &p->token, "states are compared with = and !=");
		negate = take_op(p) == FILTER_NE;
		if (p->token.type != TOKEN_WORD)
			return fail(p, &p->token, "a state is missing here");
		const char *wrong = operand_states(p->f->text + p->token.at, p->token.len, &more);
		if (wrong)
			return unknown_state(p, wrong);
		node.states |= more;
		advance(p);
	}
	return negated(p, exclude != negate, add(p, node));
}

static uint16_t text_comparison(struct parser *p, const struct record_field *field, const struct token *t)
{
	return add(p, (struct filter_node){
			  .kind = FILTER_TEXT, .field = field, .text = {(uint16_t)t->at, (uint16_t)t->len}});
}

/* A container is meant by its name or by the beginning of its id. */
static uint16_t container(struct parser *p, const struct record_field *name, const struct token *t)
{
	static const char id_name[] = "container_id";
	struct filter_node either = {.kind = FILTER_OR, .a = text_comparison(p, name, t)};

	either.b = text_comparison(p, record_field_find(id_name, strlen(id_name)), t);
	return add(p, either);
}

static bool is_port(const struct record_field *f)
{
	return strcmp(record_field_short_name(f), "sport") == 0 ||
	       strcmp(record_field_short_name(f), "dport") == 0;
}

/* The operand is the token to look at. */
static uint16_t compare(struct parser *p, const struct record_field *field, enum filter_op op)
{
	const struct token t = p->token;
	const char *operand = p->f->text + t.at, *wrong = NULL;
	struct filter_node node = {.kind = FILTER_NUMBER, .field = field, .op = op};
	bool number = field->kind != FIELD_STR && field->kind != FIELD_ADDR;

	node.remote = *record_field_short_name(field) == 'd';
	if (t.type != TOKEN_WORD)
		return fail(p, &t, "a value for %s is missing here", record_field_short_name(field));
	if (!number && op > FILTER_NE)
		return fail(p, &t, "%s is compared with = and != only", field->name);
	advance(p);
	if (field->kind == FIELD_STR) {
		bool is_container = strcmp(record_field_short_name(field), "container") == 0;
		return negated(p, op == FILTER_NE,
			       is_container ? container(p, field, &t) : text_comparison(p, field, &t));
	}
	if (field->kind == FIELD_ADDR)
		wrong = operand_host(operand, t.len, &node);
	else if (is_port(field))
		wrong = operand_ports(operand, t.len, op == FILTER_NE ? FILTER_EQ : op, &node);
	else
		wrong = operand_number(operand, t.len, &node);
	if (wrong)
		return fail(p, &t, "%s", wrong);
	return negated(p, op == FILTER_NE && node.kind != FILTER_NUMBER, add(p, node));
}

static uint16_t comparison(struct parser *p)
{
	const struct token name = p->token;
	const char *word = p->f->text + name.at;
	const struct record_field *field;

	if (is_word(p, "state") || is_word(p, "exclude"))
		return states(p, *word == 's' ? "state" : "exclude");
	field = record_field_find(word, name.len);
	if (!field) {
		struct suggest s;
		char near[SUGGEST_TEXT_MAX];
		suggest_begin(&s, word, name.len);
		suggest_offer(&s, "state");
		record_field_suggest(&s);
		return fail(p, &name, "is not a field; `xtcp2 fields` lists them%s", suggest_text(&s, near));
	}
	if (field->kind == FIELD_BYTES || field->kind == FIELD_STATE)
		return fail(p, &name, field->kind == FIELD_STATE ? "say state" : "cannot be compared");
	advance(p);
	if (p->token.type != TOKEN_OP && field->kind != FIELD_ADDR && !is_port(field))
		return fail(p, &p->token, "a comparison is missing after %.*s: say %.*s = ... or %.*s > ...",
			    (int)name.len, word, (int)name.len, word, (int)name.len, word);
	return compare(p, field, take_op(p));
}

static uint16_t term(struct parser *p)
{
	uint16_t node = 0;

	if (++p->depth > FILTER_DEPTH_MAX)
		return fail(p, &p->token, "more than %d parentheses and nots in each other",
			    FILTER_DEPTH_MAX);
	if (p->token.type == TOKEN_NOT) {
		advance(p);
		node = negated(p, true, term(p));
	} else if (p->token.type == TOKEN_OPEN) {
		advance(p);
		node = expression(p);
		if (!p->failed && p->token.type != TOKEN_CLOSE)
			fail(p, &p->token, "a closing parenthesis is missing here");
		if (!p->failed)
			advance(p);
	} else if (p->token.type == TOKEN_WORD) {
		node = comparison(p);
	} else {
		fail(p, &p->token, "a comparison is missing here");
	}
	p->depth--;
	return node;
}

/* The next token begins a term: and may be left out. */
static bool at_term(const struct parser *p)
{
	return p->token.type == TOKEN_WORD || p->token.type == TOKEN_OPEN || p->token.type == TOKEN_NOT;
}

static uint16_t conjunction(struct parser *p)
{
	uint16_t node = term(p);

	while (!p->failed && (p->token.type == TOKEN_AND || at_term(p))) {
		if (p->token.type == TOKEN_AND)
			advance(p);
		uint16_t right = term(p);
		node = add(p, (struct filter_node){.kind = FILTER_AND, .a = node, .b = right});
	}
	return node;
}

static uint16_t expression(struct parser *p)
{
	uint16_t node = conjunction(p);

	while (!p->failed && p->token.type == TOKEN_OR) {
		advance(p);
		uint16_t right = conjunction(p);
		node = add(p, (struct filter_node){.kind = FILTER_OR, .a = node, .b = right});
	}
	return node;
}

struct filter *filter_new(const char *text, char *error, size_t size)
{
	size_t len = strlen(text);

	*error = '\0';
	if (strspn(text, " \t\r\n") == len)
		return NULL;
	if (len >= FILTER_TEXT_MAX) {
		snprintf(error, size, "longer than %d bytes", FILTER_TEXT_MAX - 1);
		return NULL;
	}
	struct filter *f = calloc(1, sizeof(*f));
	if (!f) {
		snprintf(error, size, "no memory");
		return NULL;
	}
	snprintf(f->text, sizeof(f->text), "%s", text);
	/* A message is one line; blanks are blanks. */
	for (char *c = f->text; *c; c++) {
		if ((unsigned char)*c < ' ')
			*c = ' ';
	}
	struct parser p = {.f = f, .error = error, .size = size};
	advance(&p);
	f->root = expression(&p);
	if (!p.failed && p.token.type != TOKEN_END)
		fail(&p, &p.token, "the filter ends before it");
	if (p.failed) {
		free(f);
		return NULL;
	}
	filter_compile(f);
	return f;
}

void filter_free(struct filter *f)
{
	free(f);
}
