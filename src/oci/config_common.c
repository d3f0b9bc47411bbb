/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "oci/bitlist.h"
#include "oci/config-internal.h"

const struct json_range_u64 config_range_id = { 0, ID_MAX_VALID };
const struct json_range_u64 config_range_u32 = { 0, UINT32_MAX };
const struct json_range_u64 config_range_errno = { 0, 4095 };

void config_oom(struct json_decoder *d)
{
	d->n_errors++;
	(void)err_oom(d->err);
}

void config_dec_part(struct json_decoder *d, const struct json_node *node, void *out,
		     const void *arg)
{
	const struct config_part_arg *a = arg;
	struct config_walk *walk = d->user;
	unsigned before = d->n_errors;

	a->decode(d, node, out, a->arg);
	if (d->n_errors > before)
		walk->broken |= a->part;
}

void config_dec_object(struct json_decoder *d, const struct json_node *node, void *out,
		       const void *arg)
{
	const struct config_object *a = arg;

	if (node->type == JSON_OBJECT) {
		*(bool *)((char *)out + a->present) = true;
		memcpy((char *)out + a->at, &node->at, sizeof(node->at));
	}
	json_decode(d, node, a->fields, out);
}

void config_dec_array(struct json_decoder *d, const struct json_node *node, void *out,
		      const void *arg)
{
	const struct config_array *a = arg;
	size_t n = 0, i = 0;
	char *items = json_get_array(d, node, a->size, &n);

	if (!items)
		return;
	for (const struct json_node *m = json_first(d->doc, node); m; m = json_next(d->doc, m)) {
		char *item = items + i * a->size;
		size_t mark = json_enter(d, "[%zu]", i++);

		memcpy(item + a->at, &m->at, sizeof(m->at));
		if (a->init)
			a->init(item);
		json_decode(d, m, a->fields, item);
		if (a->finish && m->type == JSON_OBJECT)
			a->finish(d, m, item);
		json_leave(d, mark);
	}
	memcpy(out, &items, sizeof(items));
	memcpy((char *)out + a->count, &n, sizeof(n));
}

void config_dec_text(struct json_decoder *d, const struct json_node *node, void *out,
		     const void *arg)
{
	const struct config_text *a = arg;
	const char *s = json_get_string(d, node);

	if (s && !*s)
		s = NULL;
	memcpy(out, &s, sizeof(s));
	if (a)
		memcpy((char *)out + a->at, &node->at, sizeof(node->at));
}

void config_dec_list(struct json_decoder *d, const struct json_node *node, void *out,
		     const void *arg)
{
	char shown[JSON_SHOWN];
	size_t at;

	config_dec_text(d, node, out, arg);
	if (node->type != JSON_STRING || !*node->text)
		return;
	const char *wrong = bitlist_parse(node->text, NULL, &at);
	if (wrong)
		json_fail(d, node,
			  "expected a list such as \"0-3,7\", found string \"%s\": %s at offset %zu",
			  json_shown(node->text, shown), wrong, at);
}

/* ---- names --------------------------------------------------------------------------------- */

#define NAMES_LISTED 10 /* longer lists of what is allowed help nobody */

static void unknown_name(struct json_decoder *d, const struct json_node *node,
			 const struct name_value *table)
{
	const char *names[64];
	size_t n = names_count(table);
	char shown[JSON_SHOWN];
	AUTO_STR list = STR_INIT;

	ASSERT(n <= ARRAY_LEN(names));
	for (size_t i = 0; i < n; i++) {
		names[i] = table[i].name;
		str_addf(&list, "%s\"%s\"", i ? ", " : "", names[i]);
	}

	const char *near = str_nearest(node->text, names, n);
	const char *all = str_text(&list);
	json_shown(node->text, shown);
	if (near)
		json_fail(d, node, "unknown value \"%s\", did you mean \"%s\"?", shown, near);
	else if (n <= NAMES_LISTED && all)
		json_fail(d, node, "unknown value \"%s\", allowed are %s", shown, all);
	else
		json_fail(d, node, "unknown value \"%s\"", shown);
}

static const struct name_value *get_row(struct json_decoder *d, const struct json_node *node,
					const struct name_value *table)
{
	if (!json_get_string(d, node))
		return NULL;
	for (const struct name_value *row = table; row->name; row++) {
		if (strcmp(row->name, node->text) == 0)
			return row;
	}
	unknown_name(d, node, table);
	return NULL;
}

bool config_get_name(struct json_decoder *d, const struct json_node *node,
		     const struct name_value *table, uint64_t *ret)
{
	const struct name_value *row = get_row(d, node, table);

	if (row)
		*ret = row->value;
	return row != NULL;
}

void config_dec_name32(struct json_decoder *d, const struct json_node *node, void *out,
		       const void *arg)
{
	uint64_t v;

	if (config_get_name(d, node, arg, &v))
		*(uint32_t *)out = (uint32_t)v;
}

void config_dec_name64(struct json_decoder *d, const struct json_node *node, void *out,
		       const void *arg)
{
	uint64_t v;

	if (config_get_name(d, node, arg, &v))
		*(uint64_t *)out = v;
}

void config_dec_index(struct json_decoder *d, const struct json_node *node, void *out,
		      const void *arg)
{
	const struct name_value *table = arg;
	const struct name_value *row = get_row(d, node, table);

	if (row)
		*(uint32_t *)out = (uint32_t)(row - table);
}

void config_dec_flags64(struct json_decoder *d, const struct json_node *node, void *out,
			const void *arg)
{
	struct json_strings ignored;

	config_dec_names(d, node, &ignored, arg);
	if (node->type != JSON_ARRAY)
		return;
	for (const struct json_node *m = json_first(d->doc, node); m; m = json_next(d->doc, m)) {
		uint64_t v;
		if (m->type == JSON_STRING && names_find(arg, m->text, &v))
			*(uint64_t *)out |= v;
	}
}

void config_dec_flags32(struct json_decoder *d, const struct json_node *node, void *out,
			const void *arg)
{
	uint64_t flags = 0;

	config_dec_flags64(d, node, &flags, arg);
	*(uint32_t *)out = (uint32_t)flags;
}

void config_dec_names(struct json_decoder *d, const struct json_node *node, void *out,
		      const void *arg)
{
	size_t i = 0;

	json_dec_strings(d, node, out, NULL);
	if (node->type != JSON_ARRAY)
		return;
	for (const struct json_node *m = json_first(d->doc, node); m; m = json_next(d->doc, m)) {
		size_t mark = json_enter(d, "[%zu]", i++);
		if (m->type == JSON_STRING)
			(void)get_row(d, m, arg);
		json_leave(d, mark);
	}
}
