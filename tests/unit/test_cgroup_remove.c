/* SPDX-License-Identifier: Apache-2.0 */
/* Processes in a cgroup: listed, signalled, killed, and the cgroup taken away. */
#include "cgroup_lab.h"

#include <poll.h>

#include "kernel/cgroup-internal.h"

/* ---- kill, remove --------------------------------------------------------------------------- */

static void fork_once(void)
{
	if (fork() == 0) {
		for (;;)
			(void)pause();
	}
}

/* Eight processes, never more, that replace themselves as fast as they can: a list of them is out
 * of date at once. */
static void fork_always(void)
{
	(void)signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < 8; i++) {
		if (fork() == 0) {
			while (fork() == 0)
				;
			_exit(0);
		}
	}
}

/* C-CGP-15, C-CGP-16, R-LIFE-20 */
static void remove_kills_and_takes_sub_cgroups(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;

	create_in(l, "a", &cg);
	make_dir(l, "a/one");
	make_dir(l, "a/two");
	make_dir(l, "a/two/three");
	pid_t pid = child_in(l, "a/two/three", fork_once);
	pid_t other = child_in(l, "a", fork_once);

	remove_now(l, &cg);
	assert_false(exists(l, "a"));
	assert_int_equal(end_signal(pid), SIGKILL);
	assert_int_equal(end_signal(other), SIGKILL);
}

/* Nobody has reaped them: they are dead all the same. */
static void zombies_are_not_waited_for(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;
	siginfo_t info;

	create_in(l, "a", &cg);
	pid_t pid = child_in(l, "a", NULL);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);

	remove_now(l, &cg);
	assert_false(exists(l, "a"));
	assert_int_equal(end_signal(pid), SIGKILL);
}

static void a_frozen_container_is_removed(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;
	bool frozen = true;
	struct err err = ERR_INIT;

	create_in(l, "a", &cg);
	pid_t pid = child_in(l, "a", NULL);
	assert_int_equal(cgroup_is_frozen(&cg, &frozen, &err), 0);
	assert_false(frozen);
	write_at(l, "a/cgroup.freeze", "1");
	for (int i = 0; i < 1000 && !frozen; i++) {
		(void)poll(NULL, 0, 1);
		assert_int_equal(cgroup_is_frozen(&cg, &frozen, &err), 0);
	}
	assert_true(frozen);

	remove_now(l, &cg);
	assert_int_equal(end_signal(pid), SIGKILL);
}

/* A container must not be able to make itself irremovable: deeper than descriptors or PATH_MAX. */
static void deep_nesting_is_removed(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;
	const int depth = 1500;

	create_in(l, "a", &cg);
	int dir = openat(cg.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < depth; i++) {
		assert_int_equal(mkdirat(dir, "deep", 0755), 0);
		int next = openat(dir, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(dir);
		dir = next;
	}
	close(dir);

	struct err err = ERR_INIT;
	AUTO_ARENA arena = ARENA_INIT;
	pid_t *pids;
	size_t n;
	assert_int_equal(cgroup_pids(&cg, &arena, &pids, &n, &err), -1);
	assert_non_null(strstr(err.msg, "nested more than 128 deep"));
	remove_now(l, &cg);
	assert_false(exists(l, "a"));
}

static void a_namesake_is_left_alone(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;

	create_in(l, "a", &cg);
	assert_int_equal(unlinkat(l->fd, "a", AT_REMOVEDIR), 0);
	make_dir(l, "a");

	remove_now(l, &cg);
	assert_true(exists(l, "a"));
}

static void removing_twice_is_success(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;
	struct cgroup again = CGROUP_INIT;
	struct err err = ERR_INIT;

	create_in(l, "a", &cg);
	assert_int_equal(cgroup_open(&l->h, cg.path, cg.ino, true, &again, &err), 1);
	remove_now(l, &cg);
	remove_now(l, &again);
	remove_now(l, &again);
}

static void remove_has_a_deadline(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;
	struct err err = ERR_INIT;

	create_in(l, "a", &cg);
	pid_t pid = child_in(l, "a", NULL);

	/* Nothing dies in no time. */
	assert_int_equal(cgroup_remove(&l->h, &cg, 0, &err), -1);
	assert_non_null(strstr(err.msg, "after 0 ms"));
	remove_now(l, &cg);
	assert_int_equal(end_signal(pid), SIGKILL);
}

/* C-CGP-15 */
static void a_chain_of_forks_is_removed(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;

	create_in(l, "a", &cg);
	(void)child_in(l, "a", fork_always);
	remove_now(l, &cg);
	assert_false(exists(l, "a"));
}

/* Kernels before 5.14 */
static void killing_one_by_one_stops_a_chain_of_forks(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;
	struct err err = ERR_INIT;
	int populated = 1;

	create_in(l, "a", &cg);
	(void)child_in(l, "a", fork_always);
	for (int i = 0; i < 200 && populated; i++) {
		assert_int_equal(cgroup_kill_each(&cg, &err), 0);
		(void)poll(NULL, 0, 5);
		populated = cgroup_event(cg.fd, "populated");
	}
	assert_int_equal(populated, 0);
	remove_now(l, &cg);
}

/* ---- pids, signals -------------------------------------------------------------------------- */

static bool contains(const pid_t *pids, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++) {
		if (pids[i] == pid)
			return true;
	}

	return false;
}

static void pids_are_those_of_all_levels(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;
	struct err err = ERR_INIT;
	AUTO_ARENA arena = ARENA_INIT;
	pid_t child[70];
	pid_t *pids;
	size_t n;

	create_in(l, "a", &cg);
	assert_int_equal(cgroup_pids(&cg, &arena, &pids, &n, &err), 0);
	assert_int_equal(n, 0);
	make_dir(l, "a/b");
	make_dir(l, "a/b/c");
	for (size_t i = 0; i < ARRAY_LEN(child); i++)
		child[i] = child_in(l, i % 2 ? "a" : "a/b/c", NULL);

	assert_int_equal(cgroup_pids(&cg, &arena, &pids, &n, &err), 0);
	assert_int_equal(n, ARRAY_LEN(child));
	for (size_t i = 0; i < ARRAY_LEN(child); i++)
		assert_true(contains(pids, n, child[i]));
	remove_now(l, &cg);
}

/* R-LIFE-15, R-LIFE-16 */
static void a_signal_reaches_all_and_nobody_else(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;
	struct err err = ERR_INIT;

	create_in(l, "a", &cg);
	make_dir(l, "a/b");
	make_dir(l, "outside");
	pid_t one = child_in(l, "a", NULL);
	pid_t two = child_in(l, "a/b", NULL);
	pid_t other = child_in(l, "outside", NULL);

	assert_int_equal(cgroup_signal(&cg, 0, &err), 0);
	assert_int_equal(cgroup_signal(&cg, SIGTERM, &err), 0);
	assert_int_equal(end_signal(one), SIGTERM);
	assert_int_equal(end_signal(two), SIGTERM);
	assert_int_equal(waitpid(other, NULL, WNOHANG), 0);

	/* An empty one too. */
	assert_int_equal(cgroup_signal(&cg, SIGTERM, &err), 0);
	assert_int_equal(cgroup_signal(&cg, SIGKILL, &err), 0);
	remove_now(l, &cg);
	assert_int_equal(cgroup_signal(&cg, SIGKILL, &err), 0);
	assert_int_equal(waitpid(other, NULL, WNOHANG), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(remove_kills_and_takes_sub_cgroups),
		LAB_TEST(zombies_are_not_waited_for),
		LAB_TEST(a_frozen_container_is_removed),
		LAB_TEST(deep_nesting_is_removed),
		LAB_TEST(a_namesake_is_left_alone),
		LAB_TEST(removing_twice_is_success),
		LAB_TEST(remove_has_a_deadline),
		LAB_TEST(a_chain_of_forks_is_removed),
		LAB_TEST(killing_one_by_one_stops_a_chain_of_forks),
		LAB_TEST(pids_are_those_of_all_levels),
		LAB_TEST(a_signal_reaches_all_and_nobody_else),
	};

	return cmocka_run_group_tests_name("cgroup_remove", tests, NULL, NULL);
}
