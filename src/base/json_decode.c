/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/str.h"

/* ---- messages ------------------------------------------------------------------------------ */

const char *json_shown(const char *s, char buf[JSON_SHOWN])
{
	static const char more[] = "…";
	size_t len = strnlen(s, JSON_SHOWN);
	bool cut = len >= JSON_SHOWN;

	if (cut) {
		len = JSON_SHOWN - sizeof(more);
		while (len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80)
			len--;
	}
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		/* U+0080 to U+009F steer terminals just as the controls of ASCII do. */
		bool c1 = c == 0xc2 && (unsigned char)s[i + 1] < 0xa0;

		buf[i] = c < 0x20 || c == 0x7f || c1 ? '?' : s[i];
		if (c1 && i + 1 < len)
			buf[++i] = '?';
	}
	memcpy(buf + len, cut ? more : "", cut ? sizeof(more) : 1);
	return buf;
}

/* Room that the last line of a long list needs. */
#define FINISH_ROOM 40

void json_fail_at(struct json_decoder *d, uint32_t at, const char *fmt, ...)
{
	char text[512], line[1024];
	unsigned l, col;
	va_list ap;

	/* Errors beyond the limit are counted only: each would cost a search for its line. Once one
	 * does not fit, no later one is printed, so that the list has no holes. */
	if (d->n_errors >= JSON_MAX_ERRORS) {
		d->n_errors++;
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	char place[256] = "";
	if (d->doc->name) {
		json_position(d->doc, at, &l, &col);
		(void)snprintf(place, sizeof(place), "%s:%u:%u: ", d->doc->name, l, col);
	}

	int n = snprintf(line, sizeof(line), "%s%s%s%s", place, d->path, d->path[0] ? ": " : "",
			 text);
	if (d->n_hidden > 0 ||
	    (d->n_errors > 0 && d->err->len + (size_t)n + 1 > sizeof(d->err->msg) - FINISH_ROOM)) {
		d->n_hidden++;
		d->n_errors++;
		return;
	}
	d->n_errors++;
	(void)err_add(d->err, ERR_CONFIG, "%s", line);
}

int json_finish(struct json_decoder *d)
{
	unsigned hidden = d->n_hidden;

	if (d->n_errors > JSON_MAX_ERRORS)
		hidden += d->n_errors - JSON_MAX_ERRORS;
	if (hidden > 0)
		(void)err_add(d->err, ERR_CONFIG, "… and %u more errors", hidden);
	return d->n_errors > 0 ? -1 : 0;
}

void json_fail(struct json_decoder *d, const struct json_node *node, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (d->n_errors >= JSON_MAX_ERRORS) {
		d->n_errors++;
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_fail_at(d, node->at, "%s", text);
}

void json_fail_type(struct json_decoder *d, const struct json_node *node, const char *expected)
{
	char shown[JSON_SHOWN];

	switch ((enum json_type)node->type) {
	case JSON_NULL:
		json_fail(d, node, "expected %s, found null", expected);
		return;
	case JSON_BOOL:
		json_fail(d, node, "expected %s, found %s", expected,
			  node->boolean ? "true" : "false");
		return;
	case JSON_NUMBER:
		json_fail(d, node, "expected %s, found number %s", expected,
			  json_shown(node->text, shown));
		return;
	case JSON_STRING:
		json_fail(d, node, "expected %s, found string \"%s\"", expected,
			  json_shown(node->text, shown));
		return;
	case JSON_ARRAY:
		json_fail(d, node, "expected %s, found an array", expected);
		return;
	case JSON_OBJECT:
		json_fail(d, node, "expected %s, found an object", expected);
		return;
	}
}

size_t json_enter(struct json_decoder *d, const char *fmt, ...)
{
	size_t mark = strlen(d->path);
	va_list ap;

	va_start(ap, fmt);
	/* A path that does not fit loses its tail, the position stays exact. */
	(void)vsnprintf(d->path + mark, sizeof(d->path) - mark, fmt, ap);
	va_end(ap);
	return mark;
}

void json_leave(struct json_decoder *d, size_t mark)
{
	d->path[mark] = '\0';
}

/* ---- places -------------------------------------------------------------------------------- */

/* "[3]" or "[3]." at *PATH: the item, with *PATH moved past it. */
static const struct json_node *follow_index(const struct json_doc *doc,
					    const struct json_node *array, const char **path)
{
	const struct json_node *item = json_first(doc, array);
	const char *p = *path + 1;
	uint32_t index = 0;

	while (*p >= '0' && *p <= '9' && index < array->count)
		index = index * 10 + (uint32_t)(*p++ - '0');
	if (array->type != JSON_ARRAY || *p != ']' || index >= array->count)
		return NULL;

	*path = p[1] == '.' ? p + 2 : p + 1;
	while (item && index-- > 0)
		item = json_next(doc, item);
	return item;
}

/* "key", "key." or "key[" at *PATH. Keys may have dots themselves: the longest that fits. */
static const struct json_node *follow_key(const struct json_doc *doc,
					  const struct json_node *object, const char **path)
{
	const struct json_node *found = NULL;
	size_t longest = 0;

	if (object->type != JSON_OBJECT)
		return NULL;
	for (const struct json_node *m = json_first(doc, object); m; m = json_next(doc, m)) {
		size_t len = strlen(m->key);
		if (len >= longest && strncmp(*path, m->key, len) == 0 &&
		    strchr(".[", (*path)[len])) {
			found = m;
			longest = len;
		}
	}
	if (found)
		*path += longest + ((*path)[longest] == '.');
	return found;
}

uint32_t json_locate(const struct json_doc *doc, const char *path, uint32_t at)
{
	const struct json_node *node = doc->nodes, *child;
	uint32_t end = UINT32_MAX;
	size_t len = doc->root ? strlen(doc->root) : 0;

	if (doc->n_nodes == 0)
		return at;
	if (len > 0 && strncmp(path, doc->root, len) == 0 && strchr(".", path[len]))
		path += len + (path[len] == '.');
	while (*path && (child = *path == '[' ? follow_index(doc, node, &path)
					      : follow_key(doc, node, &path))) {
		const struct json_node *next = json_next(doc, child);
		node = child;
		if (next)
			end = next->key ? next->key_at : next->at;
	}

	uint32_t begin = node->key ? node->key_at : node->at;
	return at >= begin && at < end ? at : node->at;
}

/* ---- decoding ------------------------------------------------------------------------------- */

/* As json_enter(), for the many members that are all right: the keys of tables are short. */
static size_t enter_key(struct json_decoder *d, const char *key)
{
	char shown[JSON_SHOWN];
	size_t mark = strlen(d->path);
	size_t len = strlen(key);

	if (mark + len + 2 > sizeof(d->path) || len >= JSON_SHOWN)
		return json_enter(d, "%s%s", mark ? "." : "", json_shown(key, shown));
	d->path[mark] = '.';
	memcpy(d->path + mark + (mark > 0), key, len + 1);
	return mark;
}

static void out_of_memory(struct json_decoder *d)
{
	d->n_errors++;
	(void)err_oom(d->err);
}

/* ---- objects ------------------------------------------------------------------------------- */

static size_t find_field(const struct json_field *fields, const char *key)
{
	size_t i = 0;

	while (fields[i].key && strcmp(fields[i].key, key) != 0)
		i++;
	return i;
}

void json_decode(struct json_decoder *d, const struct json_node *node,
		 const struct json_field *fields, void *out)
{
	uint64_t seen = 0;

	if (node->type != JSON_OBJECT) {
		json_fail_type(d, node, "an object");
		return;
	}
	for (const struct json_node *m = json_first(d->doc, node); m; m = json_next(d->doc, m)) {
		size_t i = find_field(fields, m->key);
		const struct json_field *f = &fields[i];

		/* Unknown keys are not errors (R-BUND-05); null means absent (R-BUND-14). */
		if (!f->key || m->type == JSON_NULL)
			continue;
		ASSERT(i < 64);
		seen |= UINT64_C(1) << i;
		size_t mark = enter_key(d, f->key);
		f->decode(d, m, (char *)out + f->offset, f->arg);
		json_leave(d, mark);
	}
	for (size_t i = 0; fields[i].key; i++) {
		if (!fields[i].required || seen & UINT64_C(1) << i)
			continue;
		size_t mark = enter_key(d, fields[i].key);
		json_fail(d, node, "required, but missing");
		json_leave(d, mark);
	}
}

void json_dec_object(struct json_decoder *d, const struct json_node *node, void *out,
		     const void *arg)
{
	json_decode(d, node, arg, out);
}

/* ---- scalars ------------------------------------------------------------------------------- */

bool json_get_u64(struct json_decoder *d, const struct json_node *node, uint64_t min, uint64_t max,
		  uint64_t *ret)
{
	char expected[80];
	uint64_t v;

	if (node->type == JSON_NUMBER && parse_u64(node->text, &v) == 0 && v >= min && v <= max) {
		*ret = v;
		return true;
	}
	(void)snprintf(expected, sizeof(expected), "an integer from %" PRIu64 " to %" PRIu64, min,
		       max);
	json_fail_type(d, node, expected);
	return false;
}

bool json_get_i64(struct json_decoder *d, const struct json_node *node, int64_t min, int64_t max,
		  int64_t *ret)
{
	char expected[80];
	int64_t v;

	if (node->type == JSON_NUMBER && strcmp(node->text, "-0") != 0 &&
	    parse_i64(node->text, &v) == 0 && v >= min && v <= max) {
		*ret = v;
		return true;
	}
	(void)snprintf(expected, sizeof(expected), "an integer from %" PRId64 " to %" PRId64, min,
		       max);
	json_fail_type(d, node, expected);
	return false;
}

const char *json_get_string(struct json_decoder *d, const struct json_node *node)
{
	if (node->type == JSON_STRING)
		return node->text;
	json_fail_type(d, node, "a string");
	return NULL;
}

void json_dec_bool(struct json_decoder *d, const struct json_node *node, void *out, const void *arg)
{
	(void)arg;
	if (node->type == JSON_BOOL)
		*(bool *)out = node->boolean;
	else
		json_fail_type(d, node, "true or false");
}

void json_dec_obool(struct json_decoder *d, const struct json_node *node, void *out,
		    const void *arg)
{
	struct opt_bool *o = out;

	o->set = node->type == JSON_BOOL;
	json_dec_bool(d, node, &o->v, arg);
}

void json_dec_string(struct json_decoder *d, const struct json_node *node, void *out,
		     const void *arg)
{
	const char *s = json_get_string(d, node);

	(void)arg;
	memcpy(out, &s, sizeof(s));
}

void json_dec_u32(struct json_decoder *d, const struct json_node *node, void *out, const void *arg)
{
	const struct json_range_u64 *r = arg;
	uint64_t v;

	if (json_get_u64(d, node, r ? r->min : 0, r ? r->max : UINT32_MAX, &v))
		*(uint32_t *)out = (uint32_t)v;
}

void json_dec_oi64(struct json_decoder *d, const struct json_node *node, void *out, const void *arg)
{
	const struct json_range_i64 *r = arg;
	struct opt_i64 *o = out;

	o->at = node->at;
	o->set = json_get_i64(d, node, r ? r->min : INT64_MIN, r ? r->max : INT64_MAX, &o->v);
}

void json_dec_ou64(struct json_decoder *d, const struct json_node *node, void *out, const void *arg)
{
	const struct json_range_u64 *r = arg;
	struct opt_u64 *o = out;

	o->at = node->at;
	o->set = json_get_u64(d, node, r ? r->min : 0, r ? r->max : UINT64_MAX, &o->v);
}

/* ---- collections --------------------------------------------------------------------------- */

void *json_get_array(struct json_decoder *d, const struct json_node *node, size_t size,
		     size_t *ret_n)
{
	if (node->type != JSON_ARRAY) {
		json_fail_type(d, node, "an array");
		return NULL;
	}

	void *v = arena_alloc(d->arena, node->count, size);
	if (!v)
		out_of_memory(d);
	else
		*ret_n = node->count;
	return v;
}

/* Reports item I of an array of strings; NULL. */
static const char *wrong_item(struct json_decoder *d, const struct json_node *node, size_t i)
{
	size_t mark = json_enter(d, "[%zu]", i);

	json_fail_type(d, node, "a string");
	json_leave(d, mark);
	return NULL;
}

void json_dec_strings(struct json_decoder *d, const struct json_node *node, void *out,
		      const void *arg)
{
	struct json_strings *s = out;
	size_t i = 0, n = 0;

	(void)arg;
	if (node->type != JSON_ARRAY) {
		json_fail_type(d, node, "an array of strings");
		return;
	}
	const char **v = ARENA_NEW(d->arena, const char *, (size_t)node->count + 1);
	uint32_t *at = ARENA_NEW(d->arena, uint32_t, node->count);
	if (!v || !at) {
		out_of_memory(d);
		return;
	}
	for (const struct json_node *m = json_first(d->doc, node); m; m = json_next(d->doc, m)) {
		at[n] = m->at;
		v[n] = m->type == JSON_STRING ? m->text : wrong_item(d, m, i);
		n += v[n] != NULL;
		i++;
	}
	*s = (struct json_strings){ .v = v, .at = at, .n = n };
}

void json_dec_map(struct json_decoder *d, const struct json_node *node, void *out, const void *arg)
{
	struct json_map *map = out;
	char shown[JSON_SHOWN];
	size_t n = 0;

	(void)arg;
	if (node->type != JSON_OBJECT) {
		json_fail_type(d, node, "an object of strings");
		return;
	}
	struct json_pair *v = ARENA_NEW(d->arena, struct json_pair, node->count);
	if (!v) {
		out_of_memory(d);
		return;
	}
	for (const struct json_node *m = json_first(d->doc, node); m; m = json_next(d->doc, m)) {
		size_t mark =
			json_enter(d, "%s%s", d->path[0] ? "." : "", json_shown(m->key, shown));
		v[n] = (struct json_pair){ m->key, json_get_string(d, m), m->key_at };
		n += v[n].value != NULL;
		json_leave(d, mark);
	}
	*map = (struct json_map){ .v = v, .n = n };
}
