/* SPDX-License-Identifier: Apache-2.0 */
#include "base_util.h"

#include "base/str.h"

static void text_grows(void **state)
{
	AUTO_STR b = STR_INIT;
	(void)state;

	assert_string_equal(str_text(&b), "");
	for (int i = 0; i < 1000; i++)
		str_addf(&b, "%d,", i % 10);
	str_addn(&b, "xyz", 1);
	str_add(&b, "");

	assert_int_equal(b.len, 2001);
	assert_int_equal(strlen(str_text(&b)), 2001);
	assert_memory_equal(b.s, "0,1,2,3,4,5,6,7,8,9,0,", 22);
	assert_string_equal(b.s + 2000, "x");
}

static void failure_sticks(void **state)
{
	AUTO_STR b = STR_INIT;
	(void)state;

	str_add(&b, "a");
	str_addn(&b, "a", SIZE_MAX);
	str_add(&b, "b");

	assert_true(b.failed);
	assert_null(str_text(&b));
}

static void done_makes_it_empty(void **state)
{
	AUTO_STR b = STR_INIT;
	(void)state;

	str_add(&b, "a");
	str_done(&b);

	assert_string_equal(str_text(&b), "");
	assert_int_equal(b.len, 0);
}

/* RFC 8259 section 7; invalid UTF-8 as of Unicode table 3-7. */
static void json_string_is_escaped(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} cases[] = {
		/* clang-format off */
		{ "",                     "\"\"" },
		{ "a/b c",                "\"a/b c\"" },
		{ "a\"b\\c",              "\"a\\\"b\\\\c\"" },
		{ "\b\f\n\r\t",           "\"\\b\\f\\n\\r\\t\"" },
		{ "\x01\x1f\x1b",         "\"\\u0001\\u001f\\u001b\"" },
		{ "\x7f",                 "\"\x7f\"" },
		{ "\xc3\xa4",             "\"\xc3\xa4\"" },
		{ "\xe2\x82\xac!",        "\"\xe2\x82\xac!\"" },
		{ "\xf0\x9f\x90\xb3",     "\"\xf0\x9f\x90\xb3\"" },
		{ "\xf4\x8f\xbf\xbf",     "\"\xf4\x8f\xbf\xbf\"" },
		{ "\xff",                 "\"\xef\xbf\xbd\"" },
		{ "a\x80" "b",            "\"a\xef\xbf\xbd" "b\"" },
		{ "\xc3",                 "\"\xef\xbf\xbd\"" },
		{ "\xc3\"",               "\"\xef\xbf\xbd\\\"\"" },
		{ "\xc0\x80",             "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xe0\x80\x80",         "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xed\xa0\x80",         "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xe2\x82",             "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xf4\x90\x80\x80",     "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		/* clang-format on */
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_STR b = STR_INIT;
		/* On the heap, so that a read past the end is seen by AddressSanitizer. */
		char *in = strdup(cases[i].in);

		str_add_json(&b, in);
		free(in);

		assert_string_equal(str_text(&b), cases[i].out);
	}
}

static void parse_u64_accepts_plain_decimals(void **state)
{
	uint64_t v = 1;
	(void)state;

	assert_int_equal(parse_u64("0", &v), 0);
	assert_true(v == 0);
	assert_int_equal(parse_u64("1024", &v), 0);
	assert_true(v == 1024);
	assert_int_equal(parse_u64("18446744073709551615", &v), 0);
	assert_true(v == UINT64_MAX);
}

static const char *const no_numbers[] = {
	"",
	" ",
	"+1",
	" 1",
	"1 ",
	"1\n",
	"00",
	"01",
	"0x10",
	"1e3",
	"1.0",
	"a",
	"1a",
	"--1",
	"-",
	"+",
	"- 1",
	"18446744073709551616",
	"99999999999999999999",
	"184467440737095516150",
	"-01",
	"-00",
};

static void no_parser_takes_what_is_no_number(void **state)
{
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(no_numbers); i++) {
		uint64_t u64 = 7;
		int64_t i64 = 7;
		uint32_t u32 = 7;

		assert_int_equal(parse_u64(no_numbers[i], &u64), -1);
		assert_int_equal(parse_i64(no_numbers[i], &i64), -1);
		assert_int_equal(parse_u32(no_numbers[i], &u32), -1);
		assert_true(u64 == 7 && i64 == 7 && u32 == 7);
	}
}

static void unsigned_parsers_reject_a_sign(void **state)
{
	uint64_t u64;
	uint32_t u32;
	(void)state;

	assert_int_equal(parse_u64("-1", &u64), -1);
	assert_int_equal(parse_u64("-0", &u64), -1);
	assert_int_equal(parse_u32("-1", &u32), -1);
}

static void parse_i64_covers_its_range(void **state)
{
	int64_t v;
	(void)state;

	assert_int_equal(parse_i64("9223372036854775807", &v), 0);
	assert_true(v == INT64_MAX);
	assert_int_equal(parse_i64("-9223372036854775808", &v), 0);
	assert_true(v == INT64_MIN);
	assert_int_equal(parse_i64("-1", &v), 0);
	assert_true(v == -1);
	assert_int_equal(parse_i64("-0", &v), 0);
	assert_true(v == 0);
	assert_int_equal(parse_i64("9223372036854775808", &v), -1);
	assert_int_equal(parse_i64("-9223372036854775809", &v), -1);
}

static void parse_u32_covers_its_range(void **state)
{
	uint32_t v;
	(void)state;

	assert_int_equal(parse_u32("4294967295", &v), 0);
	assert_true(v == UINT32_MAX);
	assert_int_equal(parse_u32("4294967296", &v), -1);
}

static void str_starts_compares_the_beginning(void **state)
{
	(void)state;

	assert_true(str_starts("org.systemd.property.X", "org.systemd.property."));
	assert_true(str_starts("abc", ""));
	assert_true(str_starts("abc", "abc"));
	assert_false(str_starts("ab", "abc"));
	assert_false(str_starts("xabc", "abc"));
}

static void nearest_name_is_found_only_when_near(void **state)
{
	static const char *const names[] = { "CAP_CHOWN", "CAP_KILL", "CAP_NET_ADMIN",
					     "bind",      "rbind",    "private" };
	static const struct {
		const char *in;
		const char *out;
	} cases[] = {
		/* clang-format off */
		{ "CAP_CHWON",         "CAP_CHOWN" },
		{ "cap_net_admin",     "CAP_NET_ADMIN" },
		{ "CAP_NETADMIN",      "CAP_NET_ADMIN" },
		{ "rbnd",              "rbind" },
		{ "privat",            "private" },
		{ "shared",            NULL },
		{ "CAP_SYS_ADMIN_XYZ", NULL },
		{ "",                  NULL },
		{ "x",                 NULL },
		/* clang-format on */
	};
	static char big[100000];
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *found = str_nearest(cases[i].in, names, ARRAY_LEN(names));

		if (!cases[i].out)
			assert_null(found);
		else
			assert_string_equal(found, cases[i].out);
	}

	memset(big, 'a', sizeof(big) - 1);
	assert_null(str_nearest(big, names, ARRAY_LEN(names)));
	assert_null(str_nearest("abc", names, 0));
}

/* cli-reference: runc's suffixes, but the whole word or nothing */
static void sizes_have_suffixes(void **state)
{
	static const struct {
		const char *text;
		int64_t size;
	} good[] = {
		/* clang-format off */
		{ "-1", -1 }, { "0", 0 }, { "1048576", 1048576 }, { "12b", 12 }, { "30M", 31457280 },
		{ "1k", 1024 }, { "1K", 1024 }, { "2kb", 2048 }, { "2KiB", 2048 }, { "100m", 104857600 },
		{ "3G", INT64_C(3) << 30 }, { "4tib", INT64_C(4) << 40 },
		{ "9223372036854775807", INT64_MAX }, { "8388607T", INT64_C(8388607) << 40 },
		/* clang-format on */
	};
	static const char *const bad[] = {
		"",    "-2",   "+1",   "1.5G",      "M",        "1 M",  "100MM",
		"1kk", "1kbb", "1ibb", "1i",        "1kibb",    "0x10", "-1k",
		"010", "1e3",  "1P",   "100 bytes", "8388608T", " 1",   "9223372036854775808",
		"1ki",
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		int64_t size = -7;

		if (parse_size(good[i].text, &size) < 0 || size != good[i].size)
			fail_msg("'%s' gives %lld", good[i].text, (long long)size);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int64_t size = -7;

		if (parse_size(bad[i], &size) == 0 || size != -7)
			fail_msg("'%s' gives %lld", bad[i], (long long)size);
	}
}

/* cli-reference 4: Go's durations, which go-runc sends as "5s"; the whole word or nothing */
static void durations_have_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		/* clang-format off */
		{ "0", 0 }, { "0s", 0 }, { "5s", UINT64_C(5000000000) }, { "500ms", 500000000 },
		{ "1m30s", UINT64_C(90000000000) }, { "1h2m3s4ms5us6ns", UINT64_C(3723004005006) },
		{ "1.5h", UINT64_C(5400000000000) }, { ".5s", 500000000 }, { "2.s", 2000000000 },
		{ "0.1us", 100 }, { "1.9ns", 1 }, { "1.0000000000000000000001s", 1000000000 },
		{ "7\xc2\xb5s", 7000 }, { "7\xce\xbcs", 7000 }, { "010s", UINT64_C(10000000000) },
		{ "9223372036854775807ns", INT64_MAX },
		/* clang-format on */
	};
	static const char *const bad[] = {
		"", "5", "s", ".s", ".", "5 s", " 5s", "5s ", "-5s", "+5s", "5S", "5d", "5sec", "1m30",
		"5s,3s", "1e3s", "0x5s", "1.2.3s", "9223372036854775808ns", "2562048h",
		"9223372036854775807ns1ns", "99999999999999999999999h", "00",
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		uint64_t ns = 7777;

		if (parse_duration(good[i].text, &ns) < 0 || ns != good[i].ns)
			fail_msg("'%s' gives %llu", good[i].text, (unsigned long long)ns);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		uint64_t ns = 7777;

		if (parse_duration(bad[i], &ns) == 0 || ns != 7777)
			fail_msg("'%s' gives %llu", bad[i], (unsigned long long)ns);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_grows),
		cmocka_unit_test(failure_sticks),
		cmocka_unit_test(done_makes_it_empty),
		cmocka_unit_test(json_string_is_escaped),
		cmocka_unit_test(parse_u64_accepts_plain_decimals),
		cmocka_unit_test(no_parser_takes_what_is_no_number),
		cmocka_unit_test(unsigned_parsers_reject_a_sign),
		cmocka_unit_test(parse_i64_covers_its_range),
		cmocka_unit_test(parse_u32_covers_its_range),
		cmocka_unit_test(sizes_have_suffixes),
		cmocka_unit_test(durations_have_units),
		cmocka_unit_test(str_starts_compares_the_beginning),
		cmocka_unit_test(nearest_name_is_found_only_when_near),
	};

	return cmocka_run_group_tests_name("base/str", tests, NULL, NULL);
}
