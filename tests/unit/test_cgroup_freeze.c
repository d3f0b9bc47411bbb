/* SPDX-License-Identifier: Apache-2.0 */
/* Freezing and thawing in the kernel. */
#include "cgroup_lab.h"

static bool is_frozen(const struct cgroup *cg)
{
	struct err err = ERR_INIT;
	bool frozen = false;

	assert_int_equal(cgroup_is_frozen(cg, &frozen, &err), 0);

	return frozen;
}

static void fork_always(void)
{
	pid_t pid = fork();

	while (pid == 0) {
		pid = fork();
		if (pid > 0)
			_exit(0);
	}
}

static void a_cgroup_is_frozen_when_freeze_returns(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;
	struct err err = ERR_INIT;

	create_in(l, "a", &cg);
	(void)child_in(l, "a", NULL);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(cgroup_freeze(&cg, WAIT_MS, &err), 0);
		assert_true(is_frozen(&cg));
		assert_int_equal(cgroup_thaw(&cg, WAIT_MS, &err), 0);
		assert_false(is_frozen(&cg));
	}
	remove_now(l, &cg);
}

/* C-CGP-15: processes that fork and end all the time */
static void a_chain_of_forks_is_frozen(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;
	struct err err = ERR_INIT;

	create_in(l, "a", &cg);
	(void)child_in(l, "a", fork_always);
	if (cgroup_freeze(&cg, WAIT_MS, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(is_frozen(&cg));
	remove_now(l, &cg);
}

static void an_empty_cgroup_can_be_frozen(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;
	struct err err = ERR_INIT;

	create_in(l, "a", &cg);
	assert_int_equal(cgroup_freeze(&cg, WAIT_MS, &err), 0);
	assert_true(is_frozen(&cg));
	remove_now(l, &cg);
}

static void what_is_above_keeps_it_frozen(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;
	struct err err = ERR_INIT;

	create_in(l, "a/b", &cg);
	(void)child_in(l, "a/b", NULL);
	write_at(l, "a/cgroup.freeze", "1");
	assert_int_equal(cgroup_freeze(&cg, WAIT_MS, &err), 0);
	assert_int_equal(cgroup_thaw(&cg, 20, &err), -1);
	assert_non_null(strstr(err.msg, "still frozen after 20 ms, because one above it is"));
	remove_now(l, &cg);
}

/* No time at all is too short for a process that runs: it goes on. */
static void what_is_not_frozen_in_time_runs_on(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;
	struct err err = ERR_INIT;
	bool seen = false;

	create_in(l, "a", &cg);
	for (int i = 0; i < 8; i++)
		(void)child_in(l, "a", fork_always);
	/* The kernel may be faster than the first look. */
	for (int i = 0; i < 1000 && !seen; i++) {
		seen = cgroup_freeze(&cg, 0, &err) < 0;
		assert_int_equal(cgroup_thaw(&cg, WAIT_MS, &err), 0);
	}
	if (!seen) {
		print_message("the kernel is always faster\n");
		remove_now(l, &cg);
		skip();
	}
	assert_string_equal(read_file_at(cg.fd, "cgroup.freeze"), "0\n");
	remove_now(l, &cg);
}

/* D-16: a pre-existing cgroup must be fit for the next container. */
static void a_kept_cgroup_does_not_stay_frozen(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;
	struct err err = ERR_INIT;

	make_dir(l, "x");
	create_in(l, "x", &cg);
	(void)child_in(l, "x", NULL);
	assert_int_equal(cgroup_freeze(&cg, WAIT_MS, &err), 0);
	remove_now(l, &cg);
	assert_string_equal(read_file_at(l->fd, "x/cgroup.freeze"), "0\n");
}

static void a_removed_cgroup_is_a_failure(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;
	struct err err = ERR_INIT;

	create_in(l, "a", &cg);
	assert_int_equal(unlinkat(l->fd, "a", AT_REMOVEDIR), 0);
	assert_int_equal(cgroup_freeze(&cg, WAIT_MS, &err), -1);
	assert_int_equal(cgroup_thaw(&cg, WAIT_MS, &err), -1);
	cgroup_done(&cg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(a_cgroup_is_frozen_when_freeze_returns),
		LAB_TEST(a_chain_of_forks_is_frozen),
		LAB_TEST(an_empty_cgroup_can_be_frozen),
		LAB_TEST(what_is_above_keeps_it_frozen),
		LAB_TEST(what_is_not_frozen_in_time_runs_on),
		LAB_TEST(a_kept_cgroup_does_not_stay_frozen),
		LAB_TEST(a_removed_cgroup_is_a_failure),
	};

	return cmocka_run_group_tests_name("cgroup_freeze", tests, NULL, NULL);
}
