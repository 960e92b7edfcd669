/* SPDX-License-Identifier: MIT */
#include "clickhouse/sql.h"

#include <ctype.h>
#include <strings.h>

#include "base/cleanup.h"

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_QUOTED, TOKEN_OTHER };

struct token {
	enum token_kind kind;
	const char *begin, *end;
};

struct lexer {
	const char *p, *end;
};

/* text may be NULL if it is empty: then there is no pointer arithmetic. */
static struct lexer lexer_of(const char *text, size_t pos, size_t len)
{
	static const char none[1];

	return text ? (struct lexer){text + pos, text + len} : (struct lexer){none, none};
}

static const char *skip_line(const char *p, const char *end)
{
	while (p < end && *p != '\n')
		p++;
	return p;
}

/* Skip white space and the three kinds of comments. */
static void skip_blank(struct lexer *lx)
{
	while (lx->p < lx->end) {
		if (isspace((unsigned char)*lx->p)) {
			lx->p++;
		} else if (lx->end - lx->p >= 2 && lx->p[0] == '-' && lx->p[1] == '-') {
			lx->p = skip_line(lx->p, lx->end);
		} else if (lx->end - lx->p >= 2 && lx->p[0] == '#' && (lx->p[1] == ' ' || lx->p[1] == '!')) {
			lx->p = skip_line(lx->p, lx->end);
		} else if (lx->end - lx->p >= 2 && lx->p[0] == '/' && lx->p[1] == '*') {
			const char *close = memmem(lx->p + 2, (size_t)(lx->end - lx->p - 2), "*/", 2);
			lx->p = close ? close + 2 : lx->end;
		} else {
			return;
		}
	}
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Read the token at lx->p, which is not blank. */
static struct token next_visible(struct lexer *lx)
{
	struct token t = {TOKEN_END, lx->p, lx->p};

	if (lx->p == lx->end)
		return t;
	if (is_word(*lx->p)) {
		t.kind = TOKEN_WORD;
		while (lx->p < lx->end && is_word(*lx->p))
			lx->p++;
	} else if (*lx->p == '\'' || *lx->p == '"' || *lx->p == '`') {
		/* A doubled quote reads as two adjacent strings, which has the same effect here. */
		char quote = *lx->p++;
		t.kind = TOKEN_QUOTED;
		while (lx->p < lx->end && *lx->p != quote)
			lx->p += *lx->p == '\\' && lx->end - lx->p >= 2 ? 2 : 1;
		if (lx->p < lx->end)
			lx->p++;
	} else {
		t.kind = TOKEN_OTHER;
		lx->p++;
	}
	t.end = lx->p;
	return t;
}

static struct token next_token(struct lexer *lx)
{
	skip_blank(lx);
	return next_visible(lx);
}

static bool is_keyword(const struct token *t, const char *word)
{
	size_t n = strlen(word);
	return t->kind == TOKEN_WORD && (size_t)(t->end - t->begin) == n &&
	       strncasecmp(t->begin, word, n) == 0;
}

/* Track the nesting of brackets. Return true outside of all of them. */
static bool at_top_level(const struct token *t, int *depth)
{
	if (t->kind == TOKEN_OTHER) {
		if (*t->begin == '(' || *t->begin == '[' || *t->begin == '{')
			(*depth)++;
		else if (*t->begin == ')' || *t->begin == ']' || *t->begin == '}')
			(*depth)--;
	}
	return *depth == 0;
}

static struct str str_range(const char *begin, const char *end)
{
	while (end > begin && isspace((unsigned char)end[-1]))
		end--;
	return (struct str){begin, (uint32_t)(end - begin)};
}

/* Skip blanks of the line and one line feed, which separate the format's name from the data. */
static const char *data_begin(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\f'))
		p++;
	if (p < end && *p == '\r')
		p++;
	if (p < end && *p == '\n')
		p++;
	return p;
}

/* Parse the text after FORMAT: its name, optional SETTINGS, and the data. */
static enum sql_head_state format_clause(struct lexer *lx, const char *text, bool complete,
					 struct sql_head *head)
{
	struct token name = next_token(lx);

	if ((name.kind != TOKEN_WORD || name.end == lx->end) && !complete)
		return SQL_HEAD_MORE;
	if (name.kind != TOKEN_WORD)
		return SQL_HEAD_QUERY;
	head->format = str_range(name.begin, name.end);
	struct lexer ahead = *lx;
	struct token t = next_token(&ahead);
	if (is_keyword(&t, "SETTINGS") && t.begin > name.end) {
		const char *line = skip_line(t.end, lx->end);
		if (line == lx->end && !complete)
			return SQL_HEAD_MORE;
		head->settings = str_range(t.begin, line);
		lx->p = line;
	} else if (name.end == lx->end - 1 && !complete) {
		return SQL_HEAD_MORE;
	}
	head->data = (size_t)(data_begin(lx->p, lx->end) - text);
	return SQL_HEAD_INSERT;
}

enum sql_head_state sql_head_parse(const char *text, size_t len, bool complete, struct sql_head *head)
{
	struct lexer lx = lexer_of(text, 0, len);
	struct token t = next_token(&lx), first = t;
	int depth = 0;

	*head = (struct sql_head){0};
	if (t.kind == TOKEN_END || t.end == lx.end)
		return complete ? SQL_HEAD_QUERY : SQL_HEAD_MORE;
	if (!is_keyword(&t, "INSERT"))
		return SQL_HEAD_QUERY;
	for (t = next_token(&lx); t.kind != TOKEN_END; t = next_token(&lx)) {
		if (!at_top_level(&t, &depth))
			continue;
		if (t.end == lx.end && !complete)
			return SQL_HEAD_MORE;
		if (is_keyword(&t, "SELECT") || is_keyword(&t, "WITH") || is_keyword(&t, "INFILE"))
			return SQL_HEAD_QUERY;
		head->statement = str_range(first.begin, t.begin);
		if (is_keyword(&t, "FORMAT"))
			return format_clause(&lx, text, complete, head);
		if (is_keyword(&t, "VALUES")) {
			head->format = str_of("Values");
			head->data = (size_t)(t.end - text);
			return SQL_HEAD_INSERT;
		}
	}
	if (!complete)
		return SQL_HEAD_MORE;
	head->statement = str_range(first.begin, text + len);
	head->data = len;
	return SQL_HEAD_INSERT;
}

struct str sql_output_format(const char *text, size_t len)
{
	struct lexer lx = lexer_of(text, 0, len);
	struct str found = {NULL, 0};
	int depth = 0;

	for (struct token t = next_token(&lx); t.kind != TOKEN_END; t = next_token(&lx)) {
		if (!at_top_level(&t, &depth) || !is_keyword(&t, "FORMAT"))
			continue;
		struct lexer ahead = lx;
		struct token name = next_token(&ahead);
		if (name.kind == TOKEN_WORD)
			found = str_range(name.begin, name.end);
	}
	return found;
}

bool sql_next_statement(const char *text, size_t len, size_t *pos, struct str *statement)
{
	struct lexer lx = lexer_of(text, *pos, len);
	struct token t;

	do
		t = next_token(&lx);
	while (t.kind == TOKEN_OTHER && *t.begin == ';');
	if (t.kind == TOKEN_END)
		return false;
	const char *begin = t.begin, *end = t.end;
	while (t.kind != TOKEN_END && !(t.kind == TOKEN_OTHER && *t.begin == ';')) {
		end = t.end;
		t = next_token(&lx);
	}
	*statement = (struct str){begin, (uint32_t)(end - begin)};
	*pos = (size_t)(lx.p - text);
	return true;
}

/* Return whether one of the words is at p, as a whole word. A non-ASCII byte next to it ends the word. */
static bool is_file_word(const char *text, const char *p, const char *end)
{
	static const char *const words[] = {"file", "infile", "outfile"};
	size_t n = 0;

	if (p > text && is_word(p[-1]))
		return false;
	while (p + n < end && is_word(p[n]))
		n++;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i]) == n && !strncasecmp(p, words[i], n))
			return true;
	return false;
}

static bool has_file_word(const char *text, size_t len)
{
	for (const char *p = text; p < text + len; p++)
		if (is_file_word(text, p, text + len))
			return true;
	return false;
}

/* Characters outside of literals that lexers may interpret differently. */
static bool is_doubtful(const struct token *t, const char *end)
{
	unsigned char c = (unsigned char)*t->begin;

	if (t->kind == TOKEN_QUOTED)
		return c != '\'' && memchr(t->begin, '\\', (size_t)(t->end - t->begin));
	return c == '$' || c >= 0x80 || c == '#' || c == '\\' ||
	       (t->begin + 1 < end && (!memcmp(t->begin, "--", 2) || !memcmp(t->begin, "/*", 2)));
}

bool sql_names_files(const char *text, size_t len)
{
	/* Comments are tokens here, so the lexer's skip_blank() must not eat them. */
	struct lexer lx = lexer_of(text, 0, len);
	bool word = false;

	while (lx.p < lx.end) {
		if (isspace((unsigned char)*lx.p)) {
			lx.p++;
			continue;
		}
		struct token t = next_visible(&lx);
		if (is_doubtful(&t, lx.end))
			return has_file_word(text, len) || memchr(text, '\\', len);
		if (t.kind != TOKEN_QUOTED || *t.begin != '\'')
			word |= has_file_word(t.begin, (size_t)(t.end - t.begin));
	}
	return word;
}
