/* SPDX-License-Identifier: Apache-2.0 */
#include "base_util.h"

#include <string.h>

#include "base/protobuf.h"

static struct pb_reader reader_of(const struct str *b)
{
	return (struct pb_reader){ b->s, b->s + b->len };
}

static void numbers_come_back(void **state)
{
	static const uint64_t numbers[] = { 0, 1, 127, 128, 300, UINT32_MAX, UINT64_MAX };
	AUTO_STR b = STR_INIT;
	struct pb_field f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		pb_put_number(&b, (unsigned)i + 15, numbers[i]);
	struct pb_reader r = reader_of(&b);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		assert_int_equal(pb_next(&r, &f), 1);
		assert_int_equal(f.number, i + 15);
		assert_false(f.is_bytes);
		assert_true(f.value == numbers[i]);
	}
	assert_int_equal(pb_next(&r, &f), 0);
}

/* The example of the format's own description: field 1 with 150, field 2 with "testing". */
static void bytes_are_those_of_the_description(void **state)
{
	static const char expected[] = "\x08\x96\x01\x12\x07testing";
	AUTO_STR b = STR_INIT;

	(void)state;
	pb_put_number(&b, 1, 150);
	pb_put_string(&b, 2, "testing");
	assert_int_equal(b.len, sizeof(expected) - 1);
	assert_memory_equal(b.s, expected, b.len);
}

static void messages_are_fields_of_messages(void **state)
{
	AUTO_STR inner = STR_INIT, outer = STR_INIT, empty = STR_INIT;
	struct pb_field f;

	(void)state;
	pb_put_string(&inner, 1, "key");
	pb_put_message(&outer, 3, &inner);
	pb_put_message(&outer, 4, &empty);
	struct pb_reader r = reader_of(&outer);
	assert_int_equal(pb_next(&r, &f), 1);
	assert_true(f.number == 3 && f.is_bytes);
	struct pb_reader in = { f.bytes, f.bytes + f.len };
	assert_int_equal(pb_next(&in, &f), 1);
	assert_true(f.len == 3 && memcmp(f.bytes, "key", 3) == 0);
	assert_int_equal(pb_next(&in, &f), 0);
	assert_int_equal(pb_next(&r, &f), 1);
	assert_true(f.number == 4 && f.len == 0);
	assert_int_equal(pb_next(&r, &f), 0);
}

static void fixed_lengths_are_passed_over(void **state)
{
	static const char text[] = "\x09"
				   "12345678"
				   "\x15"
				   "1234"
				   "\x18\x01";
	struct pb_reader r = { text, text + sizeof(text) - 1 };
	struct pb_field f;

	(void)state;
	assert_int_equal(pb_next(&r, &f), 1);
	assert_true(f.number == 1 && f.len == 8);
	assert_int_equal(pb_next(&r, &f), 1);
	assert_true(f.number == 2 && f.len == 4);
	assert_int_equal(pb_next(&r, &f), 1);
	assert_true(f.number == 3 && !f.is_bytes && f.value == 1);
}

static void what_is_no_field_is_refused(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} bad[] = {
		{ "\x08", 1 },                                          /* no value */
		{ "\x08\x96", 2 },                                      /* half a number */
		{ "\x12\x07test", 6 },                                  /* too short */
		{ "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 }, /* a huge length */
		{ "\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
		  12 },            /* a number without end */
		{ "\x00\x01", 2 }, /* field 0 */
		{ "\x0b\x0c", 2 }, /* a group */
		{ "\x09"
		  "1234567",
		  8 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct pb_reader r = { bad[i].text, bad[i].text + bad[i].len };
		struct pb_field f = { .number = 99 };
		assert_int_equal(pb_next(&r, &f), -1);
		assert_int_equal(f.number, 99);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_come_back),
		cmocka_unit_test(bytes_are_those_of_the_description),
		cmocka_unit_test(messages_are_fields_of_messages),
		cmocka_unit_test(fixed_lengths_are_passed_over),
		cmocka_unit_test(what_is_no_field_is_refused),
	};

	return cmocka_run_group_tests_name("protobuf", tests, NULL, NULL);
}
