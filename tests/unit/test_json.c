/* SPDX-License-Identifier: Apache-2.0 */
#include "base_util.h"

#include <time.h>

#include "base/json.h"
#include "base/json_write.h"

/* ---- the parser ---------------------------------------------------------------------------- */

/* Parses TEXT[LEN], copied to a buffer of exactly that size so that AddressSanitizer sees any byte
 * read beyond it. Returns the failure, "" when there is none. */
static const char *parse_n(const char *text, size_t len)
{
	static struct err err;
	AUTO_ARENA arena = ARENA_INIT;
	struct json_doc doc;
	char *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, text, len);
	err = (struct err)ERR_INIT;
	int r = json_parse(&doc, "t", copy, len, &arena, &err);
	assert_int_equal(r == 0, err.kind == ERR_NONE);
	free(copy);

	return r == 0 ? "" : err.msg;
}

static const char *parse(const char *text)
{
	return parse_n(text, strlen(text));
}

/* S-60, S-61, R-BUND-08, R-BUND-09: one document, a whole one, and an object. */
static void what_is_no_single_object_is_refused_with_its_position(void **state)
{
	static const struct {
		const char *text;
		const char *failure;
	} cases[] = {
		/* clang-format off */
		{ "",                "t:1:1: syntax error: the document is empty" },
		{ " \n\t\r\n ",      "t:3:2: syntax error: the document is empty" },
		{ "null",            "t:1:1: expected an object as the document" },
		{ " true",           "t:1:2: expected an object as the document" },
		{ "5",               "t:1:1: expected an object as the document" },
		{ "\n\"a\"",         "t:2:1: expected an object as the document" },
		{ "[]",              "t:1:1: expected an object as the document" },
		{ "{",               "t:1:2: syntax error: the document ends too early" },
		{ "{\"a\"",          "t:1:5: syntax error: the document ends too early" },
		{ "{\"a\":\"b",      "t:1:8: syntax error: the document ends too early" },
		{ "{\"a\":1",        "t:1:7: syntax error: the document ends too early" },
		{ "{\"a\":tru",      "t:1:9: syntax error: the document ends too early" },
		{ "{}x",             "t:1:3: syntax error: " },
		{ "{} {}",           "t:1:4: syntax error: " },
		{ "{},",             "t:1:3: syntax error: " },
		{ "{}\f",            "t:1:3: syntax error: text behind the document" },
		{ "\xef\xbb\xbf{}",  "t:1:1: syntax error: the document starts with a byte order mark" },
		{ "\xff\xfe{",       "t:1:1: syntax error: " },
		{ "{]",              "t:1:2: syntax error: " },
		{ "{\"a\":1,}",      "t:1:8: syntax error: " },
		{ "{\"a\":[1,]}",    "t:1:9: syntax error: " },
		{ "{\"a\" 1}",       "t:1:6: syntax error: " },
		{ "{\"a\":1 \"b\"}", "t:1:8: syntax error: " },
		{ "{a:1}",           "t:1:2: syntax error: " },
		{ "{'a':1}",         "t:1:2: syntax error: " },
		{ "{\"a\":01}",      "t:1:7: syntax error: " },
		{ "{\"a\":+1}",      "t:1:6: syntax error: " },
		{ "{\"a\":.5}",      "t:1:6: syntax error: " },
		{ "{\"a\":1.}",      "t:1:8: syntax error: " },
		{ "{\"a\":NaN}",     "t:1:6: syntax error: " },
		{ "{\"a\":\"\t\"}",  "t:1:7: syntax error: " },
		{ "{\"a\":\"\\x\"}", "t:1:8: syntax error: " },
		{ "{\"a\"\v:1}",     "t:1:5: syntax error: control character between values" },
		{ "\f{}",            "t:1:1: syntax error: control character between values" },
		{ "{}/**/",          "t:1:3: syntax error: " },
		{ "//\n{}",          "t:1:1: syntax error: " },
		/* clang-format on */
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *failure = parse(cases[i].text);
		if (strncmp(failure, cases[i].failure, strlen(cases[i].failure)) != 0)
			fail_msg("'%s': '%s', expected '%s'", cases[i].text, failure,
				 cases[i].failure);
	}
	assert_string_not_equal(parse_n("{}\0", 3), "");
	assert_string_not_equal(parse_n("{\"a\0\":1}", 8), "");
	assert_string_equal(parse(" {\r\n\t} \n"), "");
}

/* R-BUND-03, R-BUND-20, S-64, S-65 */
static void strings_must_be_unicode_without_nul(void **state)
{
	static const struct {
		const char *text;
		const char *failure;
	} cases[] = {
		/* clang-format off */
		{ "{\"a\":\"\\u0000\"}",          "t:1:7: a string must not contain \\u0000" },
		{ "{\"a\":\"x\\u0000y\"}",        "t:1:8: a string must not contain \\u0000" },
		{ "{\"\\u0000\":1}",              "t:1:3: a string must not contain \\u0000" },
		{ "{\"a\":\"\\ud800\"}",          "t:1:7: half of a surrogate pair" },
		{ "{\"a\":\"\\udc00\"}",          "t:1:7: half of a surrogate pair" },
		{ "{\"a\":\"\\ud800\\n\"}",       "t:1:7: half of a surrogate pair" },
		{ "{\"a\":\"\\ud800\\u0041\"}",   "t:1:7: half of a surrogate pair" },
		{ "{\"a\":\"\\ud800\\ud800\"}",   "t:1:7: half of a surrogate pair" },
		{ "{\"a\":\"\\uDC00\\uD800\"}",   "t:1:7: half of a surrogate pair" },
		{ "{\"\\ud800\":1}",              "t:1:3: half of a surrogate pair" },
		{ "{\"a\":\"\xff\"}",             "t:1:7: invalid UTF-8" },
		{ "{\"\x80\":1}",                 "t:1:3: invalid UTF-8" },
		{ "{\"a\":\"\xc0\xaf\"}",         "t:1:7: invalid UTF-8" },
		{ "{\"a\":\"\xc3\"}",             "t:1:7: invalid UTF-8" },
		{ "{\"a\":\"\xe0\x80\xaf\"}",     "t:1:7: invalid UTF-8" },
		{ "{\"a\":\"\xed\xa0\x80\"}",     "t:1:7: invalid UTF-8" },
		{ "{\"a\":\"\xf0\x80\x80\x80\"}", "t:1:7: invalid UTF-8" },
		{ "{\"a\":\"\xf4\x90\x80\x80\"}", "t:1:7: invalid UTF-8" },
		{ "{\"a\":\"\xf8\x88\x80\x80\"}", "t:1:7: invalid UTF-8" },
		{ "{\"a\":\"\xe2\x82\"}",         "t:1:7: invalid UTF-8" },
		/* clang-format on */
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *failure = parse(cases[i].text);
		if (strncmp(failure, cases[i].failure, strlen(cases[i].failure)) != 0)
			fail_msg("'%s': '%s', expected '%s'", cases[i].text, failure,
				 cases[i].failure);
	}
	assert_string_equal(parse("{\"\xc3\xa9\":\"\xed\x9f\xbf \xf4\x8f\xbf\xbf\\ud83d\\ude00\"}"),
			    "");
}

static void escapes_are_decoded(void **state)
{
	static const char text[] =
		"{\"\\u0061\\/\": \"\\\"\\\\\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\\u4e2d\"}";
	AUTO_ARENA arena = ARENA_INIT;
	struct json_doc doc;
	struct err err = ERR_INIT;
	(void)state;

	assert_int_equal(json_parse(&doc, "t", text, strlen(text), &arena, &err), 0);

	const struct json_node *m = json_first(&doc, &doc.nodes[0]);
	assert_string_equal(m->key, "a/");
	assert_string_equal(m->text, "\"\\\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80\xe4\xb8\xad");
}

/* S-63, R-BUND-04, D-02; keys are compared after decoding. */
static void duplicate_keys_are_refused_at_every_level(void **state)
{
	(void)state;

	assert_string_equal(parse("{\"a\":1,\n \"a\":2}"), "t:2:2: duplicate key \"a\"");
	assert_string_equal(parse("{\"b\":[{\"x\":{\"k\":1,\"\\u006b\":1}}]}"),
			    "t:1:19: duplicate key \"k\"");
	assert_string_equal(parse("{\"\":1,\"\":2}"), "t:1:7: duplicate key \"\"");
	assert_string_equal(parse("{\"a\":{\"b\":1},\"b\":{\"a\":1}}"), "");
	/* more than the few that are compared pairwise */
	assert_string_equal(parse("{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,"
				  "\"h\":1,\"i\":1,\"c\":2,\"b\":2,\"c\":3}"),
			    "t:1:56: duplicate key \"c\"");
}

static void nodes_keep_order_text_and_position(void **state)
{
	static const char text[] = "{\n \"n\" : 18446744073709551615,\n"
				   " \"list\":[ null,true,false,\"s\",-1.5E+3,{},[] ],\n"
				   " \"last\"\n:\n  {\"x\":\"\"} }";
	AUTO_ARENA arena = ARENA_INIT;
	struct json_doc doc;
	struct err err = ERR_INIT;
	unsigned line, col;
	(void)state;

	assert_int_equal(json_parse(&doc, "t", text, strlen(text), &arena, &err), 0);
	const struct json_node *root = &doc.nodes[0];
	assert_int_equal(root->count, 3);
	assert_null(root->key);
	assert_int_equal(doc.n_nodes, 12);

	const struct json_node *n = json_member(&doc, root, "n");
	assert_int_equal(n->type, JSON_NUMBER);
	assert_string_equal(n->text, "18446744073709551615"); /* R-BUND-13 */
	json_position(&doc, n->at, &line, &col);
	assert_int_equal(line, 2);
	assert_int_equal(col, 8);
	json_position(&doc, n->key_at, &line, &col);
	assert_int_equal(col, 2);

	const struct json_node *list = json_next(&doc, n);
	static const enum json_type types[] = { JSON_NULL,   JSON_BOOL,   JSON_BOOL, JSON_STRING,
						JSON_NUMBER, JSON_OBJECT, JSON_ARRAY };
	static const unsigned cols[] = { 11, 16, 21, 27, 31, 39, 42 };
	const struct json_node *m = json_first(&doc, list);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		assert_int_equal(m->type, types[i]);
		json_position(&doc, m->at, &line, &col);
		assert_int_equal(line, 3);
		assert_int_equal(col, cols[i]);
		m = json_next(&doc, m);
	}
	assert_null(m);

	const struct json_node *last = json_next(&doc, list);
	assert_string_equal(last->key, "last");
	json_position(&doc, last->at, &line, &col);
	assert_int_equal(line, 6);
	assert_int_equal(col, 3);
	assert_string_equal(json_first(&doc, last)->text, "");
	assert_null(json_next(&doc, last));
	assert_null(json_member(&doc, root, "none"));
}

/* D-03: a rule knows the offset of an entry, and the path of what is wrong in it. */
static void messages_are_about_the_deepest_value_of_their_path(void **state)
{
	static const char text[] =
		"{\"a\":[{\"x\":1,\"y\":[2]},{\"x\":3}],\"m\":{\"b.c\":\"d\"},\"z\":0}";
	static const struct {
		const char *path;
		uint32_t at, found;
	} cases[] = {
		/* clang-format off */
		{ "a",        5,  5 },
		{ "a",        22, 22 },          /* inside: more exact than the path */
		{ "a",        34, 5 },           /* behind */
		{ "a[0].x",   6,  11 },
		{ "a[0].y",   6,  17 },
		{ "a[0].y[0]", 6, 18 },
		{ "a[0].w",   6,  6 },           /* missing: at its object */
		{ "a[1].x",   0,  27 },
		{ "a[2].x",   0,  5 },
		{ "a[1",      22, 22 },
		{ "a[99999999999]", 22, 22 },
		{ "m.b.c",    0,  42 },
		{ "m.b.c",    36, 36 },          /* its key */
		{ "m.b",      0,  35 },
		{ "network",  22, 22 },
		{ "z",        0,  51 },
		{ "",         11, 11 },
		/* clang-format on */
	};
	AUTO_ARENA arena = ARENA_INIT;
	struct json_doc doc;
	struct err err = ERR_INIT;
	(void)state;

	assert_int_equal(json_parse(&doc, "t", text, strlen(text), &arena, &err), 0);
	assert_int_equal(json_locate(&(struct json_doc){ 0 }, "a", 7), 7);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint32_t found = json_locate(&doc, cases[i].path, cases[i].at);
		if (found != cases[i].found)
			fail_msg("%s, %u: %u", cases[i].path, cases[i].at, found);
	}
}

static char *repeat(const char *head, const char *piece, size_t n, const char *tail, size_t *ret)
{
	size_t size = strlen(head) + n * strlen(piece) + strlen(tail) + 1;
	char *text = malloc(size), *p;

	assert_non_null(text);
	p = stpcpy(text, head);
	for (size_t i = 0; i < n; i++)
		p = stpcpy(p, piece);
	p = stpcpy(p, tail);
	*ret = (size_t)(p - text);
	return text;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* S-62, I-27 */
static void depth_is_limited_without_recursion(void **state)
{
	static const struct {
		size_t depth;
		const char *failure;
	} cases[] = {
		{ 63, "" },
		{ 64, "t:1:69: nested too deeply, the limit is 64 levels" },
		{ 100000, "t:1:69: nested too deeply, the limit is 64 levels" },
		{ 2000000, "t:1:69: nested too deeply, the limit is 64 levels" },
	};
	size_t len;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *open = repeat("{\"a\":", "[", cases[i].depth, "", &len);
		char *text = repeat(open, "]", cases[i].depth, "}", &len);
		assert_string_equal(parse_n(text, len), cases[i].failure);
		free(text);
		if (cases[i].depth > 64) /* not closed, and objects */
			assert_string_equal(parse_n(open, strlen(open)), cases[i].failure);
		free(open);
	}
	char *objects = repeat("", "{\"a\":", 2000000, "", &len);
	assert_string_equal(parse_n(objects, len),
			    "t:1:321: nested too deeply, the limit is 64 levels");
	free(objects);
}

/* S-68: linear time. One second is generous: with sanitizers too, each takes a small part of it. */
static void large_documents_take_linear_time(void **state)
{
	size_t len;
	double before = seconds();
	(void)state;

	char *blanks = repeat("{", "        ", (JSON_MAX_BYTES - 8) / 8, "}", &len);
	assert_string_equal(parse_n(blanks, len), "");
	free(blanks);

	char *longer = repeat("{", " ", JSON_MAX_BYTES - 1, "}", &len);
	assert_string_equal(parse_n(longer, len), "t: longer than 16777216 bytes");
	free(longer);

	char *string = repeat("{\"a\":\"", "\\n\\\"", 2000000, "\"}", &len);
	assert_string_equal(parse_n(string, len), "");
	free(string);

	char *cut = repeat("{\"a\":\"", "\\n\\\"", 2000000, "", &len);
	assert_string_not_equal(parse_n(cut, len), "");
	free(cut);

	AUTO_STR keys = STR_INIT;
	for (unsigned i = 0; i < 100000; i++)
		str_addf(&keys, "%s\"key-with-the-same-beginning-%u\":\"v\"", i ? "," : "{",
			 i * 7919 % 100000);
	str_add(&keys, "}");
	assert_string_equal(parse(str_text(&keys)), "");
	keys.s[keys.len - 1] = ',';
	str_add(&keys, "\"key-with-the-same-beginning-5\":1}");
	assert_non_null(strstr(parse(str_text(&keys)), "duplicate key"));

	char *many = repeat("{\"a\":[1", ",1", 2000000, "]}", &len);
	assert_non_null(strstr(parse_n(many, len), "too many values"));
	free(many);

	assert_true(seconds() - before < 5);
}

/* ---- the decoder --------------------------------------------------------------------------- */

struct thing {
	bool flag;
	struct opt_bool oflag;
	const char *name;
	uint32_t id;
	struct opt_i64 i;
	struct opt_u64 u;
	struct json_strings list;
	struct json_map map;
	struct {
		uint32_t id;
	} sub;
};

static const struct json_range_u64 small = { 2, 5 };
static const struct json_field sub_fields[] = {
	{ "id", json_dec_u32, 0, &small, true },
	{ NULL, NULL, 0, NULL, false },
};
/* clang-format off */
static const struct json_field thing_fields[] = {
	{ "flag",  json_dec_bool,    offsetof(struct thing, flag),  NULL,       false },
	{ "oflag", json_dec_obool,   offsetof(struct thing, oflag), NULL,       false },
	{ "name",  json_dec_string,  offsetof(struct thing, name),  NULL,       true },
	{ "id",    json_dec_u32,     offsetof(struct thing, id),    NULL,       false },
	{ "i",     json_dec_oi64,    offsetof(struct thing, i),     NULL,       false },
	{ "u",     json_dec_ou64,    offsetof(struct thing, u),     NULL,       false },
	{ "list",  json_dec_strings, offsetof(struct thing, list),  NULL,       false },
	{ "map",   json_dec_map,     offsetof(struct thing, map),   NULL,       false },
	{ "sub",   json_dec_object,  offsetof(struct thing, sub),   sub_fields, false },
	{ NULL, NULL, 0, NULL, false },
};
/* clang-format on */

static const char *decode(const char *text, struct thing *t, struct arena *arena)
{
	static struct err err;
	struct json_doc doc;
	struct json_decoder d = { .doc = &doc, .arena = arena, .err = &err };

	err = (struct err)ERR_INIT;
	memset(t, 0, sizeof(*t));
	if (json_parse(&doc, "t", text, strlen(text), arena, &err) == 0) {
		json_decode(&d, &doc.nodes[0], thing_fields, t);
		assert_string_equal(d.path, "");
		assert_int_equal(json_finish(&d), d.n_errors ? -1 : 0);
	}
	return err.kind == ERR_NONE ? "" : err.msg;
}

/* R-BUND-05, R-BUND-14 */
static void fields_are_filled_and_unknown_keys_ignored(void **state)
{
	AUTO_ARENA arena = ARENA_INIT;
	struct thing t;
	(void)state;

	assert_string_equal(
		decode("{\"flag\":true,\"oflag\":false,\"name\":\"n\",\"id\":4294967295,"
		       "\"i\":-9223372036854775808,\"u\":18446744073709551615,"
		       "\"list\":[\"a\",\"\"],\"map\":{\"z\":\"1\",\"\":\"2\"},"
		       "\"sub\":{\"id\":5},\"other\":{\"id\":[{}]}}",
		       &t, &arena),
		"");
	assert_true(t.flag && t.oflag.set && !t.oflag.v);
	assert_string_equal(t.name, "n");
	assert_int_equal(t.id, UINT32_MAX);
	assert_true(t.i.set && t.i.v == INT64_MIN && t.i.at == 58);
	assert_true(t.u.set && t.u.v == UINT64_MAX);
	assert_int_equal(t.list.n, 2);
	assert_string_equal(t.list.v[1], "");
	assert_null(t.list.v[2]);
	assert_int_equal(t.map.n, 2);
	assert_string_equal(t.map.v[0].key, "z");
	assert_string_equal(t.map.v[1].value, "2");
	assert_int_equal(t.sub.id, 5);

	assert_string_equal(decode("{\"name\":\"\",\"flag\":null,\"oflag\":null,\"id\":null,"
				   "\"i\":null,\"u\":null,\"list\":null,\"map\":null,\"sub\":null}",
				   &t, &arena),
			    "");
	assert_true(!t.oflag.set && !t.i.set && !t.u.set && !t.list.v && !t.map.v);
	assert_string_equal(decode("{\"name\":\"\",\"list\":[]}", &t, &arena), "");
	assert_true(t.list.v && t.list.n == 0 && !t.list.v[0]);
}

/* S-66, S-67, R-BUND-07 */
static void wrong_values_are_named_with_what_is_expected(void **state)
{
	static const struct {
		const char *text;
		const char *failure;
	} cases[] = {
		/* clang-format off */
		{ "{}", "t:1:1: name: required, but missing" },
		{ "{\"name\":null}", "t:1:1: name: required, but missing" },
		{ "{\"name\":5}", "t:1:9: name: expected a string, found number 5" },
		{ "{\"name\":\"\",\"flag\":1}", "t:1:19: flag: expected true or false, found number 1" },
		{ "{\"name\":\"\",\"flag\":\"true\"}", "t:1:19: flag: expected true or false, found string \"true\"" },
		{ "{\"name\":\"\",\"oflag\":{}}", "t:1:20: oflag: expected true or false, found an object" },
		{ "{\"name\":\"\",\"id\":\"1000\"}", "t:1:17: id: expected an integer from 0 to 4294967295, found string \"1000\"" },
		{ "{\"name\":\"\",\"id\":4294967296}", "t:1:17: id: expected an integer from 0 to 4294967295, found number 4294967296" },
		{ "{\"name\":\"\",\"id\":-1}", "t:1:17: id: expected an integer from 0 to 4294967295, found number -1" },
		{ "{\"name\":\"\",\"id\":-0}", "t:1:17: id: expected an integer from 0 to 4294967295, found number -0" },
		{ "{\"name\":\"\",\"id\":1.0}", "t:1:17: id: expected an integer from 0 to 4294967295, found number 1.0" },
		{ "{\"name\":\"\",\"id\":1e3}", "t:1:17: id: expected an integer from 0 to 4294967295, found number 1e3" },
		{ "{\"name\":\"\",\"id\":1E400}", "t:1:17: id: expected an integer from 0 to 4294967295, found number 1E400" },
		{ "{\"name\":\"\",\"id\":[1]}", "t:1:17: id: expected an integer from 0 to 4294967295, found an array" },
		{ "{\"name\":\"\",\"i\":-0}", "t:1:16: i: expected an integer from -9223372036854775808 to 9223372036854775807, found number -0" },
		{ "{\"name\":\"\",\"i\":9223372036854775808}", "t:1:16: i: expected an integer from -9223372036854775808 to 9223372036854775807, found number 9223372036854775808" },
		{ "{\"name\":\"\",\"u\":18446744073709551616}", "t:1:16: u: expected an integer from 0 to 18446744073709551615, found number 18446744073709551616" },
		{ "{\"name\":\"\",\"list\":{}}", "t:1:19: list: expected an array of strings, found an object" },
		{ "{\"name\":\"\",\"list\":[\"a\",null,3]}", "t:1:24: list[1]: expected a string, found null\nt:1:29: list[2]: expected a string, found number 3" },
		{ "{\"name\":\"\",\"map\":{\"a b\":null}}", "t:1:25: map.a b: expected a string, found null" },
		{ "{\"name\":\"\",\"map\":[]}", "t:1:18: map: expected an object of strings, found an array" },
		{ "{\"name\":\"\",\"sub\":false}", "t:1:18: sub: expected an object, found false" },
		{ "{\"name\":\"\",\"sub\":{}}", "t:1:18: sub.id: required, but missing" },
		{ "{\"name\":\"\",\"sub\":{\"id\":6}}", "t:1:24: sub.id: expected an integer from 2 to 5, found number 6" },
		{ "{\"id\":true,\n \"flag\":[]}", "t:1:7: id: expected an integer from 0 to 4294967295, found true\nt:2:9: flag: expected true or false, found an array\nt:1:1: name: required, but missing" },
		/* clang-format on */
	};
	AUTO_ARENA arena = ARENA_INIT;
	struct thing t;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(decode(cases[i].text, &t, &arena), cases[i].failure);
}

/* D-03: up to 20, then how many more; a few errors beyond are not lost when the lines are long. */
static void errors_are_collected_up_to_a_limit(void **state)
{
	AUTO_ARENA arena = ARENA_INIT;
	struct thing t;
	(void)state;

	for (unsigned n = 1; n < 1000; n = n < 30 ? n + 1 : n * 2) {
		AUTO_STR text = STR_INIT;
		unsigned lines = 1, more = 0;

		str_add(&text, "{\"name\":\"\",\"list\":[");
		for (unsigned i = 0; i < n; i++)
			str_add(&text, i ? ",1" : "1");
		str_add(&text, "]}");
		const char *failure = decode(str_text(&text), &t, &arena);
		for (const char *p = failure; (p = strchr(p, '\n')); p++)
			lines++;
		const char *tail = strstr(failure, "\n… and ");
		if (tail)
			assert_int_equal(sscanf(tail, "\n… and %u more errors", &more), 1);
		assert_int_equal(n, more ? lines - 1 + more : lines);
		assert_true(n <= JSON_MAX_ERRORS ? !tail : more == n - JSON_MAX_ERRORS);
	}

	AUTO_STR text = STR_INIT;
	str_add(&text, "{\"name\":\"\",\"map\":{");
	for (unsigned i = 0; i < 20; i++)
		str_addf(&text,
			 "%s\"a-rather-long-key-that-fills-the-message-number-%u\":"
			 "11111111111111111111111111111111111111111111111111111111",
			 i ? "," : "", i);
	str_add(&text, "}}");
	const char *failure = decode(str_text(&text), &t, &arena);
	assert_non_null(strstr(failure, "\n… and "));
	assert_true(strlen(failure) < sizeof(((struct err *)NULL)->msg));
}

/* What a hostile document puts into a message stays short and harmless for a terminal. */
static void foreign_text_is_shortened_and_cleaned(void **state)
{
	char buf[JSON_SHOWN];
	char longer[300];
	(void)state;

	assert_string_equal(json_shown("plain \xc3\xa9", buf), "plain \xc3\xa9");
	assert_string_equal(json_shown("a\033[2J\nb\x7f", buf), "a?[2J?b?");
	assert_string_equal(json_shown("\xc2\x9b", buf), "??");
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	for (size_t i = 0; i < 4; i++) {
		memcpy(longer + i,
		       "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
		       "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
		       "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
		       "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9",
		       64);
		json_shown(longer, buf);
		assert_true(strlen(buf) < JSON_SHOWN && strlen(buf) > JSON_SHOWN - 6);
		assert_string_equal(buf + strlen(buf) - 3, "…");
		assert_true(((unsigned char)buf[strlen(buf) - 4] & 0xc0) != 0xc0);
	}
}

/* ---- the writer ---------------------------------------------------------------------------- */

static void written_json_nests_and_separates(void **state)
{
	static const char *const list[] = { "x", "y", NULL };
	static const char *const none[] = { NULL };
	static const char *const expected[] = {
		"{\"a\":\"q\\\"\",\"l\":[\"x\",\"y\"],\"n\":-5,\"o\":{},\"e\":[],\"t\":true}",
		"{\n  \"a\": \"q\\\"\",\n  \"l\": [\n    \"x\",\n    \"y\"\n  ],\n  \"n\": -5,\n"
		"  \"o\": {},\n  \"e\": [],\n  \"t\": true\n}",
	};
	(void)state;

	for (unsigned i = 0; i < 2; i++) {
		AUTO_STR out = STR_INIT;
		struct json_writer w = { .out = &out, .indent = i * 2 };

		json_open(&w, NULL, '{');
		json_put_string(&w, "a", "q\"");
		json_put_strings(&w, "l", list);
		json_put_int(&w, "n", -5);
		json_open(&w, "o", '{');
		json_close(&w, '}');
		json_put_strings(&w, "e", none);
		json_put_bool(&w, "t", true);
		json_close(&w, '}');
		assert_string_equal(str_text(&out), expected[i]);
	}
}

static void written_numbers_have_their_whole_range(void **state)
{
	AUTO_STR out = STR_INIT;
	struct json_writer w = { .out = &out };
	(void)state;

	json_open(&w, NULL, '[');
	json_put_u64(&w, NULL, UINT64_MAX);
	json_put_int(&w, NULL, INT64_MIN);
	json_put_raw(&w, NULL, "null");
	json_put_raw(&w, NULL, "0.25");
	json_close(&w, ']');

	assert_string_equal(str_text(&out),
			    "[18446744073709551615,-9223372036854775808,null,0.25]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_single_object_is_refused_with_its_position),
		cmocka_unit_test(strings_must_be_unicode_without_nul),
		cmocka_unit_test(escapes_are_decoded),
		cmocka_unit_test(duplicate_keys_are_refused_at_every_level),
		cmocka_unit_test(nodes_keep_order_text_and_position),
		cmocka_unit_test(messages_are_about_the_deepest_value_of_their_path),
		cmocka_unit_test(depth_is_limited_without_recursion),
		cmocka_unit_test(large_documents_take_linear_time),
		cmocka_unit_test(fields_are_filled_and_unknown_keys_ignored),
		cmocka_unit_test(wrong_values_are_named_with_what_is_expected),
		cmocka_unit_test(errors_are_collected_up_to_a_limit),
		cmocka_unit_test(foreign_text_is_shortened_and_cleaned),
		cmocka_unit_test(written_json_nests_and_separates),
		cmocka_unit_test(written_numbers_have_their_whole_range),
	};

	return cmocka_run_group_tests_name("base/json", tests, NULL, NULL);
}
