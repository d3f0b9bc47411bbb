/* SPDX-License-Identifier: Apache-2.0 */
/* test_limits.c - kernel/limits */
#include "kernel_util.h"

#include <sys/resource.h>

#include "base/fd.h"
#include "kernel/limits.h"

#ifdef __GLIBC__
#define RESOURCE(r) ((enum __rlimit_resource)(r))
#else
#define RESOURCE(r) (r)
#endif

static struct oci_config config_with(struct oci_rlimit *r, size_t n)
{
	struct oci_config c = CONFIG_BY_HAND;

	c.process.rlimits = r;
	c.process.n_rlimits = n;
	return c;
}

static void exact(void)
{
	struct oci_rlimit r[] = {
		{ .resource = RLIMIT_NOFILE, .name = "RLIMIT_NOFILE", .soft = 3, .hard = 7 },
		{ .resource = RLIMIT_CORE, .name = "RLIMIT_CORE", .soft = 0, .hard = 0 },
		{ .resource = RLIMIT_FSIZE, .name = "RLIMIT_FSIZE", .soft = 0, .hard = UINT64_MAX },
		{ .resource = RLIMIT_CPU, .name = "RLIMIT_CPU", .soft = 5, .hard = 6 },
		{ .resource = RLIMIT_NPROC, .name = "RLIMIT_NPROC", .soft = 0, .hard = 1 },
	};
	struct oci_config c = config_with(r, ARRAY_LEN(r));
	struct err err = ERR_INIT;

	REQUIRE_OK(limits_apply(&c, &err), err);
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		struct rlimit l;

		REQUIRE(prlimit(0, RESOURCE(r[i].resource), NULL, &l) == 0);
		REQUIRE(l.rlim_cur == r[i].soft && l.rlim_max == r[i].hard);
	}
}

/* C-RLIM-02, C-RLIM-04, C-RLIM-05 */
static void limits_are_set_exactly_even_tiny_ones(void **state)
{
	(void)state;
	in_child(exact);
}

static void above(void)
{
	struct oci_rlimit lower = { .resource = RLIMIT_CORE, .name = "RLIMIT_CORE" };
	struct oci_rlimit higher = {
		.resource = RLIMIT_CORE, .name = "RLIMIT_CORE", .soft = 1, .hard = 1
	};
	struct oci_config c = config_with(&lower, 1);
	struct err err = ERR_INIT;

	if (geteuid() == 0)
		REQUIRE(setresuid(1000, 1000, 1000) == 0);
	REQUIRE_OK(limits_apply(&c, &err), err);
	c.process.rlimits = &higher;
	REQUIRE(limits_apply(&c, &err) < 0);
	REQUIRE(err.sys == EPERM && strstr(err.msg, "RLIMIT_CORE") && strstr(err.msg, "1:1"));
	REQUIRE(limits_raise(getpid(), &c, &err) < 0); /* C-RLIM-06 */
	REQUIRE(err.sys == EPERM && strstr(err.msg, "raise the hard limit"));
}

static void raising_without_privilege_fails(void **state)
{
	(void)state;
	in_child(above);
}

/* A child that waits; killed by its death signal when we end. */
static pid_t sleeper(void)
{
	int both[2];

	REQUIRE(pipe2(both, O_CLOEXEC) == 0);
	pid_t pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		char byte;

		close(both[1]);
		(void)!read(both[0], &byte, 1);
		_exit(0);
	}
	close(both[0]);
	return pid; /* both[1] stays open until this process ends */
}

static void raise_of_a_child(void)
{
	struct oci_rlimit r[] = {
		{ .resource = RLIMIT_CORE, .name = "RLIMIT_CORE", .soft = 5, .hard = 1000 },
		{ .resource = RLIMIT_STACK, .name = "RLIMIT_STACK", .soft = 1, .hard = 1 },
	};
	const struct rlimit none = { 0, 0 };
	struct oci_config c = config_with(r, ARRAY_LEN(r));
	struct err err = ERR_INIT;
	struct rlimit l, stack, stack_after;

	REQUIRE(getrlimit(RLIMIT_STACK, &stack) == 0 && setrlimit(RLIMIT_CORE, &none) == 0);
	pid_t pid = sleeper();
	l = (struct rlimit){ 0, 1 };
	if (prlimit(pid, RLIMIT_CORE, &l, NULL) < 0)
		skip_child("needs CAP_SYS_RESOURCE");
	REQUIRE_OK(limits_raise(pid, &c, &err), err);

	/* only hard limits, and only upwards */
	REQUIRE(prlimit(pid, RLIMIT_CORE, NULL, &l) == 0 && l.rlim_max == 1000 && l.rlim_cur == 0);
	REQUIRE(prlimit(pid, RLIMIT_STACK, NULL, &stack_after) == 0);
	REQUIRE(stack.rlim_cur == stack_after.rlim_cur && stack.rlim_max == stack_after.rlim_max);
}

static void raise_changes_only_hard_limits_that_are_too_low(void **state)
{
	(void)state;
	in_child(raise_of_a_child);
}

static void read_score(pid_t pid, char *buf, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	ssize_t n = read(fd, buf, size - 1);
	REQUIRE(n > 0);
	buf[n] = '\0';
}

static void oom_score(void)
{
	struct oci_config c = CONFIG_BY_HAND;
	struct err err = ERR_INIT;
	char before[32], after[32];

	int procfd = trusted_procfs();
	pid_t pid = sleeper();
	read_score(pid, before, sizeof(before));
	REQUIRE_OK(limits_oom_score(procfd, pid, &c, &err), err);
	read_score(pid, after, sizeof(after));
	REQUIRE(strcmp(before, after) == 0); /* C-PROC-13 */

	c.process.oom_score_adj = (struct opt_i64){ .set = true, .v = 1000 };
	REQUIRE_OK(limits_oom_score(procfd, pid, &c, &err), err);
	read_score(pid, after, sizeof(after));
	REQUIRE(strcmp(after, "1000\n") == 0);

	c.process.oom_score_adj.v = 1001;
	REQUIRE(limits_oom_score(procfd, pid, &c, &err) < 0);
	REQUIRE(strstr(err.msg, "process.oomScoreAdj"));
}

static void the_oom_score_is_set_or_left_alone(void **state)
{
	(void)state;
	in_child(oom_score);
}

static void oom_score_rootless(void)
{
	struct oci_config c = CONFIG_BY_HAND;
	struct err err = ERR_INIT;
	char before[32], after[32];

	if (geteuid() == 0)
		REQUIRE(setresuid(1000, 1000, 1000) == 0);
	int procfd = trusted_procfs();
	read_score(getpid(), before, sizeof(before));
	c.process.oom_score_adj = (struct opt_i64){ .set = true, .v = -1000 };
	if (limits_oom_score(procfd, getpid(), &c, &err) < 0)
		REQUIRE(access("/proc/self/oom_score_adj", W_OK) < 0); /* not ours to write */
	read_score(getpid(), after, sizeof(after));
	REQUIRE(strcmp(before, after) == 0);
}

/* engine-contracts 12 */
static void a_user_who_may_not_lower_the_score_keeps_it(void **state)
{
	(void)state;
	in_child(oom_score_rootless);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_are_set_exactly_even_tiny_ones),
		cmocka_unit_test(raising_without_privilege_fails),
		cmocka_unit_test(raise_changes_only_hard_limits_that_are_too_low),
		cmocka_unit_test(the_oom_score_is_set_or_left_alone),
		cmocka_unit_test(a_user_who_may_not_lower_the_score_keeps_it),
	};

	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
