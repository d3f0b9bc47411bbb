/* SPDX-License-Identifier: Apache-2.0 */
/* The n-th allocation fails, for every n.
 *
 * wrap: malloc calloc realloc mmap
 */
#include "base_util.h"

#include <sys/mman.h>

#include "oci/config.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);

static unsigned countdown; /* allocations until one fails; 0: none does */

static bool fails(void)
{
	return countdown > 0 && --countdown == 0;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

/* Chunks of arenas. */
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	return fails() ? MAP_FAILED : __real_mmap(at, len, prot, flags, fd, offset);
}

static char text[65536];

static size_t read_text(const char *path)
{
	FILE *f = fopen(path, "re");

	assert_non_null(f);
	size_t len = fread(text, 1, sizeof(text), f);
	assert_true(len > 0 && len < sizeof(text));
	fclose(f);
	return len;
}

/* Threat-model 5, gate 4: a failure, never a crash, never a config with a part missing. */
static void running_out_of_memory_is_a_failure(void **state)
{
	static const char *const paths[] = {
		"tests/bundles/docker-run-default.json",
		"tests/bundles/podman-hooks.json",
		"tests/bundles/k8s-sandbox-userns.json",
		"tests/spec/schema/test/config/good/spec-example.json",
		"tests/spec/schema/test/config/bad/linux-netdevice.json",
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		size_t len = read_text(paths[i]);
		unsigned n = 1;
		bool done = false;

		for (; !done; n++) {
			struct err err = ERR_INIT;
			AUTO_CONFIG c = NULL;

			countdown = n;
			int r = config_parse("c", text, len, true, &c, &err);
			done = countdown > 0;
			countdown = 0;
			if (!done) {
				/* A list of suggestions may be missing, the error itself not. */
				assert_int_equal(r, -1);
				assert_null(c);
				assert_int_not_equal(err.kind, ERR_NONE);
			}
		}
		assert_true(n > 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(running_out_of_memory_is_a_failure),
	};

	return cmocka_run_group_tests_name("oci/config without memory", tests, NULL, NULL);
}
