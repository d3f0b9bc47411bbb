/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_write.h"

#include <inttypes.h>
#include <stddef.h>

static void new_line(struct json_writer *w)
{
	if (w->indent == 0)
		return;
	str_addn(w->out, "\n", 1);
	for (unsigned i = 0; i < w->depth * w->indent; i++)
		str_addn(w->out, " ", 1);
}

static void put_key(struct json_writer *w, const char *key)
{
	if (w->filled)
		str_addn(w->out, ",", 1);
	w->filled = true;
	if (w->depth > 0)
		new_line(w);
	if (key) {
		str_add_json(w->out, key);
		str_add(w->out, w->indent ? ": " : ":");
	}
}

void json_open(struct json_writer *w, const char *key, char bracket)
{
	put_key(w, key);
	str_addn(w->out, &bracket, 1);
	w->depth++;
	w->filled = false;
}

void json_close(struct json_writer *w, char bracket)
{
	w->depth--;
	if (w->filled)
		new_line(w);
	str_addn(w->out, &bracket, 1);
	w->filled = true;
}

void json_put_string(struct json_writer *w, const char *key, const char *value)
{
	put_key(w, key);
	str_add_json(w->out, value);
}

void json_put_int(struct json_writer *w, const char *key, int64_t value)
{
	put_key(w, key);
	str_addf(w->out, "%" PRId64, value);
}

void json_put_u64(struct json_writer *w, const char *key, uint64_t value)
{
	put_key(w, key);
	str_addf(w->out, "%" PRIu64, value);
}

void json_put_raw(struct json_writer *w, const char *key, const char *text)
{
	put_key(w, key);
	str_add(w->out, text);
}

void json_put_bool(struct json_writer *w, const char *key, bool value)
{
	put_key(w, key);
	str_add(w->out, value ? "true" : "false");
}

void json_put_strings(struct json_writer *w, const char *key, const char *const *values)
{
	json_open(w, key, '[');
	for (size_t i = 0; values[i]; i++)
		json_put_string(w, NULL, values[i]);
	json_close(w, ']');
}
