/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "base/str.h"

/* Theory of operation
 *
 * yajl checks the grammar and calls back once for each value; its callbacks append to a flat array
 * of nodes and to one pool of decoded text. Both are allocated once: each value follows a bracket
 * or a comma, and a decoded string is never longer than its literal, whose quotes leave room for
 * the final NUL (a number has the character behind it).
 *
 * yajl 2.1 is lenient in five points, which are closed here: it takes a vertical tab and a form
 * feed for blanks, accepts malformed UTF-8 such as surrogates and overlong forms, decodes a lone
 * surrogate to '?', accepts \u0000, and does not look at duplicate keys. It also never checks the
 * result of malloc, so it gets its memory from a reserve that was allocated before. */

/* What yajl may allocate, by reading its source: two growing buffers (decoded string, token that
 * the end of the text cuts off) that double, at most twice the bytes that go into them, and
 * together these are no more than the document; old generations of a buffer are not reused, which
 * doubles it again. The rest is a handful of small blocks. */
#define RESERVE_SLACK ((size_t)8 << 10)
#define RESERVE_ALIGN 16

struct reserve {
	char *mem;
	size_t size, used;
	size_t last; /* where the newest block starts */
};

struct parse {
	struct json_doc *doc;
	struct err *err;
	yajl_handle yajl;
	struct json_node *nodes;
	uint32_t n_nodes, n_room;
	char *pool;
	size_t pool_used;
	size_t end; /* of the last token that was seen */
	const char *key;
	uint32_t key_at;
	unsigned depth;
	uint32_t open[JSON_MAX_DEPTH]; /* the containers that we are in, outermost first */
	uint32_t last[JSON_MAX_DEPTH]; /* and the newest child of each */
	bool failed;                   /* *err is set */
};

/* ---- yajl's memory ------------------------------------------------------------------------- */

static void *reserve_malloc(void *ctx, size_t size)
{
	struct reserve *r = ctx;
	size_t start = (r->used + RESERVE_ALIGN - 1) & ~(size_t)(RESERVE_ALIGN - 1);

	ASSERT(start <= r->size && size <= r->size - start);
	r->last = start;
	r->used = start + size;
	return r->mem + start;
}

static void *reserve_realloc(void *ctx, void *ptr, size_t size)
{
	struct reserve *r = ctx;
	if (!ptr)
		return reserve_malloc(ctx, size);

	size_t start = (size_t)((char *)ptr - r->mem);
	if (start == r->last) {
		ASSERT(size <= r->size - start);
		r->used = start + size;
		return ptr;
	}

	/* The old size is not known; no block is longer than what follows it in the reserve, and
	 * what is copied too much is overwritten by yajl before it is read. */
	size_t end = r->used;
	char *copy = reserve_malloc(ctx, size);
	memcpy(copy, ptr, size < end - start ? size : end - start);
	return copy;
}

static void reserve_free(void *ctx, void *ptr)
{
	/* The reserve is freed as a whole. */
	(void)ctx;
	(void)ptr;
}

/* ---- failures ------------------------------------------------------------------------------ */

void json_position(const struct json_doc *doc, uint32_t at, unsigned *ret_line, unsigned *ret_col)
{
	const char *p = doc->text;
	size_t place = at > doc->base ? at - doc->base : 0;
	const char *end = doc->text + (place < doc->len ? place : doc->len);
	const char *nl;
	unsigned line = 1;

	while (p < end && (nl = memchr(p, '\n', (size_t)(end - p)))) {
		line++;
		p = nl + 1;
	}
	*ret_line = line;
	*ret_col = (unsigned)(end - p) + 1;
}

static int parse_fail(struct parse *p, size_t at, const char *what)
{
	unsigned line, col;

	json_position(p->doc, p->doc->base + (uint32_t)at, &line, &col);
	p->failed = true;
	(void)err_set(p->err, ERR_CONFIG, "%s:%u:%u: %s", p->doc->name, line, col, what);
	return 0;
}

/* ---- strings ------------------------------------------------------------------------------- */

/* Length of the well-formed UTF-8 sequence at S[LEN] (Unicode 15, table 3-7), 0 when there is none.
 */
static size_t utf8_sequence(const unsigned char *s, size_t len)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t n;

	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if ((s[0] & 0xf0) == 0xe0)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return s[0] < 0x80;
	if (n > len)
		return 0;

	if (s[0] == 0xe0)
		low = 0xa0; /* overlong */
	else if (s[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (s[0] == 0xf0)
		low = 0x90; /* overlong */
	else if (s[0] == 0xf4)
		high = 0x8f; /* above U+10FFFF */
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

/* The code unit of the escape \uXXXX at S; yajl's lexer has checked the four digits. */
static unsigned escape_unit(const unsigned char *s)
{
	unsigned v = 0;

	for (size_t i = 2; i < 6; i++) {
		unsigned c = s[i];
		v = v << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return v;
}

/* Checks what yajl does not in the string literal between FROM and TO (R-BUND-03, R-BUND-20, S-64,
 * S-65). */
static int check_literal(struct parse *p, size_t from, size_t to)
{
	const unsigned char *s = (const unsigned char *)p->doc->text;

	for (size_t i = from; i < to;) {
		if (s[i] != '\\') {
			size_t n = s[i] < 0x80 ? 1 : utf8_sequence(s + i, to - i);
			if (n == 0)
				return parse_fail(p, i, "invalid UTF-8 in a string");
			i += n;
			continue;
		}
		if (s[i + 1] != 'u') {
			i += 2;
			continue;
		}
		unsigned unit = escape_unit(s + i);
		if (unit == 0)
			return parse_fail(p, i, "a string must not contain \\u0000");
		if ((unit & 0xfc00) == 0xd800 && i + 12 <= to && s[i + 6] == '\\' &&
		    s[i + 7] == 'u' && (escape_unit(s + i + 6) & 0xfc00) == 0xdc00)
			i += 12;
		else if ((unit & 0xf800) == 0xd800)
			return parse_fail(p, i, "half of a surrogate pair in a string");
		else
			i += 6;
	}
	return 1;
}

/* Puts TEXT and a NUL into the pool. */
static const char *pool_add(struct parse *p, const char *text, size_t len)
{
	ASSERT(p->pool_used + len < p->doc->len + 1);
	char *s = p->pool + p->pool_used;

	memcpy(s, text, len);
	s[len] = '\0';
	p->pool_used += len + 1;
	return s;
}

/* ---- nodes --------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* The first offset from AT on that has neither a blank nor, with SEPARATORS, a comma or a colon. */
static size_t skip(const struct json_doc *doc, size_t at, bool separators)
{
	const char *s = doc->text;

	while (at < doc->len && (is_blank(s[at]) || (separators && (s[at] == ',' || s[at] == ':'))))
		at++;
	return at;
}

/* Finds where the token starts that ends at yajl's position, and remembers its end. */
static int token(struct parse *p, size_t *ret_at)
{
	size_t at = skip(p->doc, p->end, true);

	if (at < p->doc->len && (p->doc->text[at] == '\v' || p->doc->text[at] == '\f'))
		return parse_fail(p, at, "syntax error: control character between values");
	p->end = yajl_get_bytes_consumed(p->yajl);
	*ret_at = at;
	return 1;
}

/* Appends a node of TYPE that starts at AT; 0 stops yajl. */
static int add(struct parse *p, enum json_type type, size_t at, struct json_node **ret)
{
	if (p->depth == 0 && type != JSON_OBJECT)
		return parse_fail(p, at, "expected an object as the document");
	if (p->n_nodes == p->n_room)
		return parse_fail(p, at, "too many values, the limit is 1048576");

	uint32_t i = p->n_nodes++;
	struct json_node *n = &p->nodes[i];
	n->type = (uint8_t)type;
	n->at = p->doc->base + (uint32_t)at;
	if (p->depth > 0) {
		uint32_t *last = &p->last[p->depth - 1];
		struct json_node *parent = &p->nodes[p->open[p->depth - 1]];

		if (parent->count++ > 0)
			p->nodes[*last].next = i;
		*last = i;
		if (parent->type == JSON_OBJECT) {
			n->key = p->key;
			n->key_at = p->key_at;
		}
	}
	if (ret)
		*ret = n;
	return 1;
}

static int on_open(struct parse *p, enum json_type type)
{
	size_t at;

	if (!token(p, &at))
		return 0;
	if (p->depth == JSON_MAX_DEPTH)
		return parse_fail(p, at, "nested too deeply, the limit is 64 levels");
	if (!add(p, type, at, NULL))
		return 0;
	p->open[p->depth++] = p->n_nodes - 1;
	return 1;
}
_Static_assert(JSON_MAX_DEPTH == 64 && JSON_MAX_NODES == 1048576, "the messages name the limits");

static int on_start_map(void *ctx)
{
	return on_open(ctx, JSON_OBJECT);
}

static int on_start_array(void *ctx)
{
	return on_open(ctx, JSON_ARRAY);
}

static int on_end(void *ctx)
{
	struct parse *p = ctx;
	size_t at;

	if (!token(p, &at))
		return 0;
	p->depth--;
	return 1;
}

static int on_null(void *ctx)
{
	struct parse *p = ctx;
	size_t at;

	return token(p, &at) && add(p, JSON_NULL, at, NULL);
}

static int on_boolean(void *ctx, int value)
{
	struct parse *p = ctx;
	struct json_node *n;
	size_t at;

	if (!token(p, &at) || !add(p, JSON_BOOL, at, &n))
		return 0;
	n->boolean = value != 0;
	return 1;
}

static int on_number(void *ctx, const char *text, size_t len)
{
	struct parse *p = ctx;
	struct json_node *n;
	size_t at;

	if (!token(p, &at) || !add(p, JSON_NUMBER, at, &n))
		return 0;
	n->text = pool_add(p, text, len);
	return 1;
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
	struct parse *p = ctx;
	struct json_node *n;
	size_t at;

	if (!token(p, &at) || !add(p, JSON_STRING, at, &n) || !check_literal(p, at + 1, p->end - 1))
		return 0;
	n->text = pool_add(p, (const char *)text, len);
	return 1;
}

static int on_key(void *ctx, const unsigned char *text, size_t len)
{
	struct parse *p = ctx;
	size_t at;

	if (!token(p, &at) || !check_literal(p, at + 1, p->end - 1))
		return 0;
	p->key = pool_add(p, (const char *)text, len);
	p->key_at = p->doc->base + (uint32_t)at;
	return 1;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_start_map,
	.yajl_map_key = on_key,
	.yajl_end_map = on_end,
	.yajl_start_array = on_start_array,
	.yajl_end_array = on_end,
};

/* ---- duplicate keys ------------------------------------------------------------------------ */

static int by_key(const void *a, const void *b)
{
	const struct json_node *const *x = a;
	const struct json_node *const *y = b;
	int order = strcmp((*x)->key, (*y)->key);

	return order ? order : ((*x)->key_at > (*y)->key_at) - ((*x)->key_at < (*y)->key_at);
}

static const struct json_node *earlier(const struct json_node *a, const struct json_node *b)
{
	return !a || b->key_at < a->key_at ? b : a;
}

/* The first member of OBJECT whose key occurred before, in *ret, or NULL. Few members are compared
 * with each other; many are sorted in SCRATCH, so that 100 000 annotations take milliseconds. */
static const struct json_node *first_duplicate(const struct json_doc *doc,
					       const struct json_node *object,
					       const struct json_node **scratch)
{
	const struct json_node *found = NULL;
	size_t n = 0;

	for (const struct json_node *m = json_first(doc, object); m; m = json_next(doc, m))
		scratch[n++] = m;
	if (n > 8)
		qsort(scratch, n, sizeof(*scratch), by_key);
	for (size_t i = 1; i < n; i++) {
		for (size_t j = n > 8 ? i - 1 : 0; j < i; j++) {
			if (strcmp(scratch[i]->key, scratch[j]->key) == 0)
				found = earlier(found, scratch[i]);
		}
	}
	return found;
}

static int check_duplicates(struct parse *p)
{
	const struct json_doc *doc = p->doc;
	const struct json_node *found = NULL;
	char shown[JSON_SHOWN];
	unsigned line, col;
	uint32_t most = 0;

	for (uint32_t i = 0; i < doc->n_nodes; i++) {
		if (doc->nodes[i].type == JSON_OBJECT && doc->nodes[i].count > most)
			most = doc->nodes[i].count;
	}

	const struct json_node **scratch = calloc((size_t)most + 1, sizeof(const void *));
	if (!scratch)
		return err_oom(p->err);
	for (uint32_t i = 0; i < doc->n_nodes && !found; i++) {
		if (doc->nodes[i].type == JSON_OBJECT)
			found = first_duplicate(doc, &doc->nodes[i], scratch);
	}
	free(scratch);
	if (!found)
		return 0;

	json_position(doc, found->key_at, &line, &col);
	return err_set(p->err, ERR_CONFIG, "%s:%u:%u: duplicate key \"%s\"", doc->name, line, col,
		       json_shown(found->key, shown));
}

/* ---- the parser ---------------------------------------------------------------------------- */

/* Where the text is wrong for which yajl gives REASON: its own offset is behind a bad character and
 * somewhere in or behind a token that it did not expect. */
static size_t syntax_position(const struct parse *p, const char *reason, bool lexical)
{
	size_t at = yajl_get_bytes_consumed(p->yajl);

	if (lexical)
		return at - (at > 0 && str_starts(reason, "invalid char in"));
	if (str_starts(reason, "trailing"))
		return skip(p->doc, p->end, false);
	if (at > 0 && memchr("{}[],:", p->doc->text[at - 1], 6))
		return at - 1;
	return skip(p->doc, p->end, true);
}

/* Reports yajl's own complaint: "parse error: unallowed token …\n". */
static int report_syntax(struct parse *p)
{
	unsigned char *text = yajl_get_error(p->yajl, 0, NULL, 0);
	const char *reason = text ? (const char *)text : "";
	const char *colon = strstr(reason, "error: ");
	bool lexical = str_starts(reason, "lexical");
	char line[128];

	if (colon)
		reason = colon + strlen("error: ");
	(void)snprintf(line, sizeof(line), "syntax error: %.*s", (int)strcspn(reason, ".\n"),
		       reason);
	size_t at = syntax_position(p, reason, lexical);
	yajl_free_error(p->yajl, text);
	return parse_fail(p, at, line);
}

/* Runs yajl over the whole text; false when *err is set. */
static bool run_yajl(struct parse *p)
{
	const struct json_doc *doc = p->doc;

	yajl_config(p->yajl, yajl_dont_validate_strings, 1); /* check_literal() is stricter */
	yajl_status status = yajl_parse(p->yajl, (const unsigned char *)doc->text, doc->len);
	if (p->failed)
		return false;
	if (status != yajl_status_ok)
		return report_syntax(p);
	if (yajl_complete_parse(p->yajl) != yajl_status_ok) {
		if (!p->failed)
			(void)parse_fail(p, doc->len,
					 p->n_nodes ? "syntax error: the document ends too early"
						    : "syntax error: the document is empty");
		return false;
	}

	size_t rest = skip(doc, p->end, false);
	return rest == doc->len || parse_fail(p, rest, "syntax error: text behind the document");
}

/* No document of this text has more values: each follows a bracket or a comma, or is the root. */
static uint32_t most_nodes(const struct json_doc *doc)
{
	static const uint8_t starts[256] = { [','] = 1, ['['] = 1, ['{'] = 1 };
	uint32_t n = 1;

	for (size_t i = 0; i < doc->len; i++)
		n += starts[(unsigned char)doc->text[i]];
	return n < JSON_MAX_NODES ? n : JSON_MAX_NODES;
}

static int parse_text(struct parse *p, struct arena *arena)
{
	struct json_doc *doc = p->doc;
	struct reserve reserve = { .size = 4 * doc->len + RESERVE_SLACK };
	yajl_alloc_funcs funcs = { reserve_malloc, reserve_realloc, reserve_free, &reserve };

	p->n_room = most_nodes(doc);
	p->nodes = ARENA_NEW(arena, struct json_node, p->n_room);
	p->pool = arena_alloc(arena, doc->len + 1, 1);
	reserve.mem = malloc(reserve.size);
	if (!p->nodes || !p->pool || !reserve.mem) {
		free(reserve.mem);
		return err_oom(p->err);
	}
	p->yajl = yajl_alloc(&callbacks, &funcs, p);
	bool good = run_yajl(p);
	free(reserve.mem); /* with everything of yajl's in it */
	if (!good)
		return -1;

	doc->nodes = p->nodes;
	doc->n_nodes = p->n_nodes;
	return check_duplicates(p);
}

int json_parse(struct json_doc *doc, const char *name, const char *text, size_t len,
	       struct arena *arena, struct err *err)
{
	return json_parse_from(doc, 0, name, text, len, arena, err);
}

int json_parse_from(struct json_doc *doc, uint32_t base, const char *name, const char *text,
		    size_t len, struct arena *arena, struct err *err)
{
	*doc = (struct json_doc){ .name = name, .text = text, .len = len, .base = base };
	struct parse p = { .doc = doc, .err = err };

	if (len > JSON_MAX_BYTES)
		return err_set(err, ERR_CONFIG, "%s: longer than %zu bytes", name, JSON_MAX_BYTES);
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		(void)parse_fail(&p, 0, "syntax error: the document starts with a byte order mark");
		return -1;
	}
	return parse_text(&p, arena);
}

/* ---- walking ------------------------------------------------------------------------------- */

const struct json_node *json_first(const struct json_doc *doc, const struct json_node *node)
{
	bool container = node->type == JSON_ARRAY || node->type == JSON_OBJECT;

	(void)doc;
	return container && node->count > 0 ? node + 1 : NULL;
}

const struct json_node *json_next(const struct json_doc *doc, const struct json_node *node)
{
	return node->next ? &doc->nodes[node->next] : NULL;
}

const struct json_node *json_member(const struct json_doc *doc, const struct json_node *node,
				    const char *key)
{
	if (node->type != JSON_OBJECT)
		return NULL;
	for (const struct json_node *m = json_first(doc, node); m; m = json_next(doc, m)) {
		if (strcmp(m->key, key) == 0)
			return m;
	}
	return NULL;
}
