/* SPDX-License-Identifier: Apache-2.0 */
/* test_filter_flags.c - kernel/filter: flags and listener, with kernels of any age
 * wrap: syscall */
#include "kernel_util.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "kernel/filter.h"

/* ---- a kernel ---------------------------------------------------------------------------------
 */

static struct {
	uint32_t knows; /* flags */
	bool has_seccomp;
	uint32_t loaded; /* flags of the last load */
	unsigned loads;
	long answer; /* to a load */
} kernel;

#define OLD_FLAGS SECCOMP_FILTER_FLAG_TSYNC
#define ALL_FLAGS                                                                                  \
	(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW |    \
	 SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)

long __wrap_syscall(long number, ...);
long __real_syscall(long number, ...);

/* As kernel/seccomp.c: flags first, then the program is copied. */
static long fake_seccomp(uint32_t operation, uint32_t flags, const void *program)
{
	const uint32_t killable = SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	const uint32_t listener = SECCOMP_FILTER_FLAG_NEW_LISTENER;

	errno = EINVAL;
	if (!kernel.has_seccomp || operation != SECCOMP_SET_MODE_FILTER || flags & ~kernel.knows)
		return -1;
	if (flags & SECCOMP_FILTER_FLAG_TSYNC && flags & listener)
		return -1;
	if (flags & killable && !(flags & listener))
		return -1;
	errno = EFAULT;
	if (!program)
		return -1;
	kernel.loaded = flags;
	kernel.loads++;
	return kernel.answer;
}

long __wrap_syscall(long number, ...)
{
	long a[6];
	va_list args;

	va_start(args, number);
	for (size_t i = 0; i < ARRAY_LEN(a); i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_seccomp)
		return fake_seccomp((uint32_t)a[0], (uint32_t)a[1], (const void *)a[2]);
	return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static int new_kernel(void **state)
{
	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	kernel.knows = ALL_FLAGS;
	kernel.has_seccomp = true;
	return 0;
}

/* ---- compiling --------------------------------------------------------------------------------
 */

struct made {
	struct arena arena;
	struct oci_config *config;
	struct filter filter;
	struct err err;
};

static void made_done(struct made *m)
{
	config_free(&m->config);
	arena_done(&m->arena);
}
#define AUTO_MADE AUTO(made_done) struct made

/* FLAGS: of a JSON array, or NULL. */
static int make(struct made *m, bool notify, const char *flags)
{
	char *text = arena_printf(
		&m->arena,
		"{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"r\"},\"linux\":{\"seccomp\":{"
		"\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/x\"%s%s%s,\"syscalls\":["
		"{\"names\":[\"mkdirat\",\"prctl\"],\"action\":\"SCMP_ACT_%s\"}]}}}",
		flags ? ",\"flags\":[" : "", flags ? flags : "", flags ? "]" : "",
		notify ? "NOTIFY" : "ERRNO");

	assert_non_null(text);
	if (config_parse("config.json", text, strlen(text), true, &m->config, &m->err) < 0)
		return -1;
	return filter_compile(m->config, &m->arena, &m->filter, &m->err);
}

#define FLAG(name) "\"SECCOMP_FILTER_FLAG_" name "\""

static void every_combination_gets_to_the_kernel(void **state)
{
	static const struct {
		const char *flags;
		bool notify;
		uint32_t expected;
	} rows[] = {
		/* clang-format off */
		{ NULL, false, SECCOMP_FILTER_FLAG_SPEC_ALLOW },
		{ NULL, true,  SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_NEW_LISTENER },
		{ "", false, 0 },
		{ "", true,  SECCOMP_FILTER_FLAG_NEW_LISTENER },
		{ FLAG("LOG"), false, SECCOMP_FILTER_FLAG_LOG },
		{ FLAG("LOG"), true,  SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_NEW_LISTENER },
		{ FLAG("SPEC_ALLOW"), true, SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_NEW_LISTENER },
		{ FLAG("WAIT_KILLABLE_RECV"), true,
		  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV | SECCOMP_FILTER_FLAG_NEW_LISTENER },
		/* The kernel takes TSYNC and a listener only with TSYNC_ESRCH; and there is one thread. */
		{ FLAG("TSYNC"), false, 0 },
		{ FLAG("TSYNC") "," FLAG("LOG") "," FLAG("SPEC_ALLOW") "," FLAG("WAIT_KILLABLE_RECV"), true,
		  ALL_FLAGS & ~(uint32_t)SECCOMP_FILTER_FLAG_TSYNC },
		/* clang-format on */
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_MADE m = { .err = ERR_INIT };
		int listener = 99;

		kernel.answer = rows[i].notify ? 7 : 0;
		if (make(&m, rows[i].notify, rows[i].flags) < 0 ||
		    filter_load(&m.filter, &listener, &m.err) < 0)
			fail_msg("row %zu: %s", i, m.err.msg);
		assert_int_equal(kernel.loads, i + 1);
		assert_int_equal(kernel.loaded, rows[i].expected);
		assert_int_equal(listener, rows[i].notify ? 7 : -1);
		assert_true(m.filter.notifies == rows[i].notify);
	}
}

/* C-SEC-11: never loaded without the flag, never found out as late as the load. */
static void flag_that_the_kernel_does_not_know_is_refused(void **state)
{
	static const struct {
		const char *flags;
		uint32_t missing;
		const char *text;
	} rows[] = {
		{ FLAG("LOG"), SECCOMP_FILTER_FLAG_LOG, "SECCOMP_FILTER_FLAG_LOG" },
		{ FLAG("SPEC_ALLOW"), SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		  "SECCOMP_FILTER_FLAG_SPEC_ALLOW" },
		{ FLAG("TSYNC"), SECCOMP_FILTER_FLAG_TSYNC, "SECCOMP_FILTER_FLAG_TSYNC" },
		{ FLAG("LOG") "," FLAG("WAIT_KILLABLE_RECV"),
		  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
		  "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" },
		{ "", SECCOMP_FILTER_FLAG_NEW_LISTENER, "SCMP_ACT_NOTIFY needs kernel 5.0" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_MADE m = { .err = ERR_INIT };

		kernel.knows = ALL_FLAGS & ~rows[i].missing;
		assert_int_equal(make(&m, true, rows[i].flags), -1);
		assert_int_equal(m.err.kind, ERR_CONFIG);
		assert_non_null(strstr(m.err.msg, rows[i].text));
		assert_non_null(strstr(m.err.msg, "config.json:1:"));
		assert_int_equal(kernel.loads, 0);
	}
}

/* C-SEC-30 */
static void kernel_without_filters_is_refused(void **state)
{
	AUTO_MADE m = { .err = ERR_INIT };
	(void)state;

	kernel.has_seccomp = false;
	assert_int_equal(make(&m, false, NULL), -1);
	assert_non_null(strstr(m.err.msg, "no seccomp filters"));
}

/* F-13: a subset of the known ones; this process asks once, so the kernel is the newest. */
static void supported_flags_are_probed_with_a_listener_where_needed(void **state)
{
	const char *const *flags = filter_supported_flags();
	(void)state;

	assert_string_equal(flags[0], "SECCOMP_FILTER_FLAG_TSYNC");
	assert_string_equal(flags[1], "SECCOMP_FILTER_FLAG_LOG");
	assert_string_equal(flags[2], "SECCOMP_FILTER_FLAG_SPEC_ALLOW");
	assert_string_equal(flags[3], "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV");
	assert_null(flags[4]);
	kernel.knows = OLD_FLAGS;
	flags = filter_supported_flags();
	assert_string_equal(flags[0], "SECCOMP_FILTER_FLAG_TSYNC");
	assert_null(flags[1]);
	assert_int_equal(kernel.loads, 0);
}

/* C-SEC-12 is refused with the config; this is what the kernel would say. */
static void refused_load_has_no_listener(void **state)
{
	AUTO_MADE m = { .err = ERR_INIT };
	int listener = 99;
	(void)state;

	assert_int_equal(make(&m, true, NULL), 0);
	m.filter.notifies = false;
	m.filter.flags |= SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	assert_int_equal(filter_load(&m.filter, &listener, &m.err), -1);
	assert_int_equal(m.err.sys, EINVAL);
	assert_int_equal(listener, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_combination_gets_to_the_kernel, new_kernel),
		cmocka_unit_test_setup(flag_that_the_kernel_does_not_know_is_refused, new_kernel),
		cmocka_unit_test_setup(kernel_without_filters_is_refused, new_kernel),
		cmocka_unit_test_setup(supported_flags_are_probed_with_a_listener_where_needed,
				       new_kernel),
		cmocka_unit_test_setup(refused_load_has_no_listener, new_kernel),
	};

	return cmocka_run_group_tests_name("filter flags", tests, NULL, NULL);
}
