/* SPDX-License-Identifier: Apache-2.0 */
#include "base_util.h"

#include <stdalign.h>

#include "base/arena.h"

/* AddressSanitizer ends the program for an absurd size unless told that this is expected. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void memory_is_zeroed_and_aligned(void **state)
{
	AUTO_ARENA a = ARENA_INIT;
	(void)state;

	for (size_t size = 1; size < 5000; size += 37) {
		unsigned char *p = arena_alloc(&a, 1, size);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, size);
	}
}

static void objects_do_not_overlap(void **state)
{
	enum {
		N = 3000
	};
	static unsigned char *p[N];
	AUTO_ARENA a = ARENA_INIT;
	(void)state;

	for (size_t i = 0; i < N; i++) {
		/* Now and then one that needs a chunk of its own. */
		size_t size = i % 500 == 7 ? 100000 : 1 + i % 90;

		p[i] = arena_alloc(&a, 1, size);
		assert_non_null(p[i]);
		p[i][0] = (unsigned char)i;
		p[i][size - 1] = (unsigned char)i;
	}

	for (size_t i = 0; i < N; i++) {
		size_t size = i % 500 == 7 ? 100000 : 1 + i % 90;

		assert_int_equal(p[i][0], (unsigned char)i);
		assert_int_equal(p[i][size - 1], (unsigned char)i);
	}
}

static void zero_objects_are_a_valid_pointer(void **state)
{
	AUTO_ARENA a = ARENA_INIT;
	(void)state;

	assert_non_null(arena_alloc(&a, 0, 100));
	assert_non_null(arena_alloc(&a, 100, 0));
	assert_non_null(ARENA_NEW(&a, int, 0));
}

static void overflowing_product_fails(void **state)
{
	AUTO_ARENA a = ARENA_INIT;
	(void)state;

	errno = 0;
	assert_null(arena_alloc(&a, SIZE_MAX / 2, 3));
	assert_int_equal(errno, ENOMEM);
	assert_null(arena_alloc(&a, SIZE_MAX, 1));
	assert_null(arena_alloc(&a, SIZE_MAX - 40, 1));
	assert_null(arena_strndup(&a, "", SIZE_MAX));
}

static void failure_leaves_the_arena_usable(void **state)
{
	AUTO_ARENA a = ARENA_INIT;
	(void)state;

	char *before = arena_strdup(&a, "before");
	assert_null(arena_alloc(&a, PTRDIFF_MAX, 1));
	char *after = arena_strdup(&a, "after");

	assert_string_equal(before, "before");
	assert_string_equal(after, "after");
}

static void strings_are_copied(void **state)
{
	AUTO_ARENA a = ARENA_INIT;
	char text[] = "hello world";
	(void)state;

	char *whole = arena_strdup(&a, text);
	char *part = arena_strndup(&a, text, 5);
	char *made = arena_printf(&a, "%s-%d", text, 42);
	char *empty = arena_strdup(&a, "");
	memset(text, 'x', sizeof(text) - 1);

	assert_string_equal(whole, "hello world");
	assert_string_equal(part, "hello");
	assert_string_equal(made, "hello world-42");
	assert_string_equal(empty, "");
}

static void arena_is_usable_after_done(void **state)
{
	struct arena a = ARENA_INIT;
	(void)state;

	arena_done(&a);
	assert_non_null(arena_strdup(&a, "one"));
	arena_done(&a);
	assert_null(a.chunks);
	char *two = arena_strdup(&a, "two");
	assert_string_equal(two, "two");
	arena_done(&a);
}

static void out_of_memory_is_a_failure_of_the_system(void **state)
{
	struct err e = ERR_INIT;
	(void)state;

	assert_int_equal(err_oom(&e), -1);
	assert_int_equal(e.kind, ERR_SYSTEM);
	assert_int_equal(e.sys, ENOMEM);
	assert_string_equal(e.msg, "out of memory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_and_aligned),
		cmocka_unit_test(objects_do_not_overlap),
		cmocka_unit_test(zero_objects_are_a_valid_pointer),
		cmocka_unit_test(overflowing_product_fails),
		cmocka_unit_test(failure_leaves_the_arena_usable),
		cmocka_unit_test(strings_are_copied),
		cmocka_unit_test(arena_is_usable_after_done),
		cmocka_unit_test(out_of_memory_is_a_failure_of_the_system),
	};

	return cmocka_run_group_tests_name("base/arena", tests, NULL, NULL);
}
