/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the steps is policy: these facts must survive every edit of the table (I-18). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "container/init.h"

static size_t position(const char *name)
{
	const char *const *names = init_step_names();

	for (size_t i = 0; names[i]; i++) {
		if (strcmp(names[i], name) == 0)
			return i;
	}
	fail_msg("no step '%s'", name);
	return 0;
}

static size_t exec_position(const char *name)
{
	const char *const *names = exec_step_names();

	for (size_t i = 0; names[i]; i++) {
		if (strcmp(names[i], name) == 0)
			return i;
	}
	fail_msg("exec has no step '%s'", name);
	return 0;
}

static void assert_exec_order(const char *first, const char *second)
{
	if (exec_position(first) >= exec_position(second))
		fail_msg("exec: '%s' must come before '%s'", first, second);
}

static void assert_order(const char *first, const char *second)
{
	if (position(first) >= position(second))
		fail_msg("'%s' must come before '%s'", first, second);
}

/* C-SEC-19: only execve is subject to the container's filter. */
static void seccomp_is_loaded_right_before_exec(void **state)
{
	(void)state;

	assert_int_equal(position("seccomp") + 1, position("exec"));
	assert_null(init_step_names()[position("exec") + 1]);
}

/* C-MASK-08, C-SYSCTL-01: masks hide what sysctl writes to. */
static void masks_come_after_sysctl(void **state)
{
	(void)state;

	assert_order("sysctl", "protection");
}

/* C-CAP-07: dropping the bounding set needs CAP_SETPCAP. */
static void bounding_set_drops_before_the_user_changes(void **state)
{
	(void)state;

	assert_order("bounding set", "user");
	assert_order("user", "capabilities");
	assert_order("capabilities", "no new privileges");
}

/* R-HOOK-20: createContainer hooks see the host's tree; R-HOOK-03: after the host's hooks. */
static void container_hooks_run_before_pivot_root(void **state)
{
	(void)state;

	assert_order("host hooks", "createContainer");
	assert_order("mounts", "host hooks");
	assert_order("createContainer", "pivot root");
}

/* R-LIFE-07: a missing executable fails create. */
static void executable_is_looked_up_as_the_user_before_ready(void **state)
{
	(void)state;

	assert_order("user", "executable");
	assert_order("working directory", "executable");
	assert_order("executable", "ready");
}

/* I-08, CVE-2024-21626: no descriptor of the host when the working directory is entered. */
static void host_descriptors_close_before_the_working_directory(void **state)
{
	(void)state;

	assert_order("pivot root", "descriptors");
	assert_order("descriptors", "working directory");
}

/* C-RLIM-04: a small limit must not starve the set-up or the hooks. */
static void rlimits_come_after_the_hooks(void **state)
{
	(void)state;

	assert_order("startContainer", "rlimits");
	assert_order("ready", "wait for start");
	assert_order("wait for start", "startContainer");
	assert_order("startContainer", "messenger"); /* hooks fork: from one thread */
	assert_order("messenger", "rlimits");
}

/* C-PROC-15, C-PROC-16, S-04: by the host's procfs, which goes with the descriptors; AppArmor's
 * change of profile is restricted by no_new_privs. The session keyring is the first key. */
static void labels_are_set_while_the_procfs_is_there(void **state)
{
	(void)state;

	assert_order("key label", "keyring");
	assert_order("pivot root", "label");
	assert_order("label", "descriptors");
	assert_order("label", "no new privileges");
	assert_order("createContainer", "label");
}

/* C-SCHED-07, C-CPU-15: SCHED_DEADLINE needs all CPUs, and all of it privileges. */
static void scheduling_is_set_with_privileges_and_all_cpus(void **state)
{
	(void)state;

	assert_order("affinity", "priorities");
	assert_order("priorities", "bounding set");
	assert_order("priorities", "user");
	/* hooks of the container's set-up fork, and run for the runtime */
	assert_order("createContainer", "priorities");
	assert_order("createContainer", "memory policy");
}

/* C-PERS-04: the filter may refuse personality(2). */
static void personality_comes_before_the_filter(void **state)
{
	(void)state;

	assert_order("personality", "seccomp");
	assert_order("personality", "ready");
}

/* I-18: what a mistake here would cost is written behind each threat of the model. */
static void last_steps_are_in_the_order_of_the_model(void **state)
{
	static const char *const order[] = {
		"namespaces",
		"root",
		"mounts",
		"pivot root",
		"sysctl",
		"protection",
		"label",
		"descriptors",
		"working directory",
		"bounding set",
		"user",
		"capabilities",
		"no new privileges",
		"ready",
		"startContainer",
		"seccomp",
		"exec",
	};
	(void)state;

	for (size_t i = 1; i < ARRAY_LEN(order); i++)
		assert_order(order[i - 1], order[i]);
}

/* I-20, C-PROC-18, C-SEC-28: what makes a process is the same for all of a container. */
static void exec_ends_with_the_steps_of_the_first_process(void **state)
{
	(void)state;
	const char *const *own = init_step_names() + position("descriptors");
	const char *const *others = exec_step_names() + exec_position("descriptors");

	for (size_t i = 0; own[i] || others[i]; i++)
		assert_string_equal(own[i], others[i]);
	assert_int_equal(exec_position("seccomp") + 1, exec_position("exec"));
}

/* I-14, S-06: nothing of the host is open when the container can see the process; root of the user
 * namespace only after it was joined. */
static void exec_leaves_the_host_before_it_is_in_the_container(void **state)
{
	(void)state;

	/* Labels are written through the host's procfs, and kept over the join. */
	assert_exec_order("label", "host descriptors");
	assert_int_equal(exec_position("host descriptors") + 1, exec_position("join"));
	assert_exec_order("join", "container's root");
	assert_exec_order("join", "user namespace");
	assert_exec_order("container's root", "leave the host");
	assert_int_equal(exec_position("leave the host") + 1, exec_position("signals"));
	assert_exec_order("session", "console");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(last_steps_are_in_the_order_of_the_model),
		cmocka_unit_test(seccomp_is_loaded_right_before_exec),
		cmocka_unit_test(masks_come_after_sysctl),
		cmocka_unit_test(bounding_set_drops_before_the_user_changes),
		cmocka_unit_test(container_hooks_run_before_pivot_root),
		cmocka_unit_test(executable_is_looked_up_as_the_user_before_ready),
		cmocka_unit_test(host_descriptors_close_before_the_working_directory),
		cmocka_unit_test(rlimits_come_after_the_hooks),
		cmocka_unit_test(labels_are_set_while_the_procfs_is_there),
		cmocka_unit_test(scheduling_is_set_with_privileges_and_all_cpus),
		cmocka_unit_test(personality_comes_before_the_filter),
		cmocka_unit_test(exec_ends_with_the_steps_of_the_first_process),
		cmocka_unit_test(exec_leaves_the_host_before_it_is_in_the_container),
	};

	return cmocka_run_group_tests_name("init", tests, NULL, NULL);
}
