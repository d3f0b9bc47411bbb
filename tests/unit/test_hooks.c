/* SPDX-License-Identifier: Apache-2.0 */
#include "base_util.h"

#include <signal.h>
#include <time.h>

#include "base/str.h"
#include "container/hooks.h"

static struct oci_config config_with(struct oci_hook *hooks, size_t n)
{
	struct oci_config c = { .has_root = false };

	c.hooks[HOOK_PRESTART] = (struct oci_hooks){ .v = hooks, .n = n };
	return c;
}

/* A hook that runs a shell script in the scratch directory. */
#define SHELL(script)                                                                              \
	{                                                                                          \
		.path = "/bin/sh",                                                                 \
		.args = { .v = (const char *[]){ "hook", "-c", (script), NULL }, .n = 3 },         \
	}

static int run(struct scratch *s, struct oci_hook *hooks, size_t n, struct err *err)
{
	struct oci_config c = config_with(hooks, n);

	return hooks_run(&c, HOOK_PRESTART, &(struct hook_context){ .state = "{\"id\":\"web\"}", .cwdfd = s->fd },
			 err);
}

static void assert_content(struct scratch *s, const char *name, const char *expected)
{
	char buf[512];
	int fd = openat(s->fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	assert_true(n >= 0);
	buf[n] = '\0';
	close(fd);
	assert_string_equal(buf, expected);
}

/* R-HOOK-04, R-HOOK-02, R-HOOK-24 */
static void hooks_get_the_state_in_order_in_the_bundle(void **state)
{
	struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct oci_hook hooks[] = { SHELL("cat >one"), SHELL("cat one - >two") };

	assert_int_equal(run(s, hooks, 2, &err), 0);

	assert_content(s, "two", "{\"id\":\"web\"}{\"id\":\"web\"}");
}

/* I-26, S-25 */
static void environment_is_exactly_the_hooks_own(void **state)
{
	struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct oci_hook hooks[] = { SHELL("/usr/bin/env >out"), SHELL("/usr/bin/env >>out") };
	hooks[0].env = (struct json_strings){ .v = (const char *[]){ "A=1", NULL }, .n = 1 };

	assert_int_equal(setenv("SECRET", "x", 1), 0);
	assert_int_equal(run(s, hooks, 2, &err), 0);

	/* The shell itself adds PWD and friends. */
	char buf[512];
	int fd = openat(s->fd, "out", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	assert_true(n > 0);
	buf[n] = '\0';
	assert_non_null(strstr(buf, "A=1\n"));
	assert_null(strstr(buf, "SECRET"));
	assert_null(strstr(buf, "PATH=/"));
}

/* R-HOOK-12, D-29 */
static void failures_name_hook_reason_and_output(void **state)
{
	struct scratch *s = *state;
	const struct {
		struct oci_hook hook;
		const char *expected;
	} cases[] = {
		{ SHELL("echo sorry >&2; exit 3"), "exit status 3, it printed: sorry" },
		{ SHELL("kill -9 $$"), "ended by signal 9 (killed)" },
		{ SHELL("kill -SYS $$"), "ended by signal 31 (bad system call)" },
		{ { .path = "/no/such/hook" }, "exec '/no/such/hook'" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = ERR_INIT;
		struct oci_hook hook = cases[i].hook;
		assert_int_equal(run(s, &hook, 1, &err), -1);
		assert_int_equal(err.kind, ERR_HOOK);
		assert_non_null(strstr(err.msg, "error running prestart hook #0: "));
		assert_non_null(strstr(err.msg, cases[i].expected));
	}
}

/* R-HOOK-11, S-71: the group dies, nobody waits for a grandchild that holds the pipe. */
static void timeout_ends_the_whole_group(void **state)
{
	struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct oci_hook hook = SHELL("sleep 30 & echo $! >pid; wait");
	struct timespec begin, end;
	hook.timeout_s = 1;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	assert_int_equal(run(s, &hook, 1, &err), -1);
	clock_gettime(CLOCK_MONOTONIC, &end);

	assert_non_null(strstr(err.msg, "timeout of 1 s"));
	assert_true(end.tv_sec - begin.tv_sec < 20);
	char buf[32] = "";
	int fd = openat(s->fd, "pid", O_RDONLY | O_CLOEXEC);
	assert_true(read(fd, buf, sizeof(buf) - 1) > 0);
	close(fd);
	uint32_t pid;
	buf[strcspn(buf, "\n")] = '\0';
	assert_int_equal(parse_u32(buf, &pid), 0);
	for (int i = 0; i < 200 && kill((pid_t)pid, 0) == 0; i++)
		(void)nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	char path[64], stat[256] = "";
	(void)snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		assert_true(read(fd, stat, sizeof(stat) - 1) >= 0);
		close(fd);
		assert_non_null(strstr(stat, ") Z"));
	}
}

/* A daemon that keeps stdout must not keep us. */
static void forked_daemon_does_not_hold_us(void **state)
{
	struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct oci_hook hook = SHELL("sleep 3 & exit 0");
	struct timespec begin, end;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	assert_int_equal(run(s, &hook, 1, &err), 0);
	clock_gettime(CLOCK_MONOTONIC, &end);

	assert_true(end.tv_sec - begin.tv_sec < 3);
}

/* R-HOOK-25 */
static void hook_sees_no_descriptor_of_ours(void **state)
{
	struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct oci_hook hook = SHELL("test ! -e /proc/self/fd/100");

	int leaked = dup2(s->fd, 100); /* not close-on-exec, as a careless caller leaves it */
	assert_int_equal(run(s, &hook, 1, &err), 0);
	close(leaked);
}

/* R-HOOK-16 */
static void poststop_goes_on_after_a_failure(void **state)
{
	struct scratch *s = *state;
	struct oci_hook hooks[] = { SHELL("exit 1"), SHELL("echo ran >second") };
	struct oci_config c = { .has_root = false };
	c.hooks[HOOK_POSTSTOP] = (struct oci_hooks){ .v = hooks, .n = 2 };

	hooks_run_all(&c, HOOK_POSTSTOP, &(struct hook_context){ .state = "{}", .cwdfd = s->fd });

	assert_content(s, "second", "ran\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(hooks_get_the_state_in_order_in_the_bundle),
		SCRATCH_TEST(environment_is_exactly_the_hooks_own),
		SCRATCH_TEST(failures_name_hook_reason_and_output),
		SCRATCH_TEST(timeout_ends_the_whole_group),
		SCRATCH_TEST(forked_daemon_does_not_hold_us),
		SCRATCH_TEST(hook_sees_no_descriptor_of_ours),
		SCRATCH_TEST(poststop_goes_on_after_a_failure),
	};

	return cmocka_run_group_tests_name("hooks", tests, NULL, NULL);
}
