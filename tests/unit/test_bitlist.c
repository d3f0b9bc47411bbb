/* SPDX-License-Identifier: Apache-2.0 */
/* test_bitlist.c - oci/bitlist: the lists of C-PROC-17 and C-MPOL-02 */
#include "base_util.h"

#include "oci/bitlist.h"

/* The set as a sorted list of numbers. */
static const char *numbers(const struct bitlist *b)
{
	static char text[256];
	size_t n = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < BITLIST_BITS; i++) {
		if (bitlist_has(b, i))
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%u", n ? " " : "", i);
	}
	return text;
}

static void lists_become_sets(void **state)
{
	static const struct {
		const char *text, *set;
	} rows[] = {
		{ "0", "0" },
		{ "7", "7" },
		{ "0-3,7", "0 1 2 3 7" },
		{ "7,0-3", "0 1 2 3 7" },
		{ "1-1", "1" },
		{ "0-2,1-3", "0 1 2 3" },
		{ " 0 - 1 ,  3 ", "0 1 3" },
		{ "007", "7" },
		{ "63-64", "63 64" },
		{ "8191", "8191" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bitlist b;
		size_t at = 99;

		assert_null(bitlist_parse(rows[i].text, &b, &at));
		assert_string_equal(numbers(&b), rows[i].set);
		assert_int_equal(at, 99);
		assert_null(bitlist_parse(rows[i].text, NULL, &at));
	}
}

static void junk_is_refused_where_it_begins(void **state)
{
	static const struct {
		const char *text;
		size_t at;
		const char *wrong;
	} rows[] = {
		{ "", 0, "expected a number" },
		{ "  ", 2, "expected a number" },
		{ ",", 0, "expected a number" },
		{ "0,", 2, "expected a number" },
		{ "0,,1", 2, "expected a number" },
		{ "-", 0, "expected a number" },
		{ "-1", 0, "expected a number" },
		{ "0-", 2, "expected a number" },
		{ "0--1", 2, "expected a number" },
		{ "a-b", 0, "expected a number" },
		{ "0-b", 2, "expected a number" },
		{ "0x1", 1, "expected ',' or '-'" },
		{ "0 1", 2, "expected ',' or '-'" },
		{ "0-1-2", 3, "expected ',' or '-'" },
		{ "0;1", 1, "expected ',' or '-'" },
		{ "0-3:1/2", 3, "expected ',' or '-'" },
		{ "0\n", 1, "expected ',' or '-'" },
		{ "all", 0, "expected a number" },
		{ "3-0", 2, "the range ends below its start" },
		{ "0,3 - 1", 6, "the range ends below its start" },
		{ "8192", 0, "the number is above 8191" },
		{ "0-8192", 2, "the number is above 8191" },
		{ "99999999999999999999", 0, "the number is above 8191" },
		{ "4294967296", 0, "the number is above 8191" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bitlist b = { { 5 } };
		size_t at = 99;
		const char *wrong = bitlist_parse(rows[i].text, &b, &at);

		if (!wrong || at != rows[i].at)
			fail_msg("'%s': '%s' at %zu", rows[i].text, wrong ? wrong : "", at);
		assert_string_equal(wrong, rows[i].wrong);
		assert_int_equal(b.word[0], 5);
	}
}

static void differences_are_found(void **state)
{
	struct bitlist a = { { 0 } }, b = { { 0 } };
	(void)state;

	assert_int_equal(bitlist_first(&a), -1);
	bitlist_set(&a, 3);
	bitlist_set(&a, 130);
	assert_int_equal(bitlist_first(&a), 3);
	assert_int_equal(bitlist_first_missing(&a, &b), 3);
	bitlist_set(&b, 3);
	assert_int_equal(bitlist_first_missing(&a, &b), 130);
	assert_int_equal(bitlist_first_missing(&b, &a), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_become_sets),
		cmocka_unit_test(junk_is_refused_where_it_begins),
		cmocka_unit_test(differences_are_found),
	};

	return cmocka_run_group_tests_name("oci/bitlist", tests, NULL, NULL);
}
