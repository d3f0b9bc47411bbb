/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about scheduling and memory policy (src/oci/validate_process.c). */
#include "config_util.h"

#define SCHED(policy, more) "\"scheduler\":{\"policy\":\"SCHED_" policy "\"" more "}"
#define DL(runtime, deadline, period)                                                              \
	SCHED("DEADLINE", ",\"runtime\":" runtime ",\"deadline\":" deadline ",\"period\":" period)
#define MPOL(mode, more) "\"memoryPolicy\":{\"mode\":\"MPOL_" mode "\"" more "}"
#define NODES		 ",\"nodes\":\"0\""
#define FLAGS(list)	 ",\"flags\":[" list "]"

/* C-SCHED-01, C-SCHED-02, C-SCHED-03, C-SCHED-04 */
static void policies_take_what_belongs_to_them(void **state)
{
	static const struct verdict_case cases[] = {
		/* clang-format off */
		{ IN_PROCESS, SCHED("OTHER", ""), "" },
		{ IN_PROCESS, SCHED("ISO", ""), "" },
		{ IN_PROCESS, SCHED("OTHER", ",\"nice\":-20"), "" },
		{ IN_PROCESS, SCHED("BATCH", ",\"nice\":19"), "" },
		{ IN_PROCESS, SCHED("IDLE", ",\"nice\":5"), "" },
		{ IN_PROCESS, SCHED("FIFO", ",\"priority\":1"), "" },
		{ IN_PROCESS, SCHED("RR", ",\"priority\":99,\"nice\":1"), "" },
		{ IN_PROCESS, SCHED("FIFO", ""), "process.scheduler.priority: expected 1 to 99 with \"SCHED_FIFO\"" },
		{ IN_PROCESS, SCHED("RR", ",\"priority\":0"), "process.scheduler.priority: expected 1 to 99 with \"SCHED_RR\"" },
		{ IN_PROCESS, SCHED("RR", ",\"priority\":100"), "process.scheduler.priority: expected 1 to 99" },
		{ IN_PROCESS, SCHED("RR", ",\"priority\":-1"), "process.scheduler.priority: expected 1 to 99" },
		{ IN_PROCESS, SCHED("OTHER", ",\"priority\":5"), "process.scheduler.priority: expected 0, only" },
		{ IN_PROCESS, SCHED("BATCH", ",\"priority\":-1"), "process.scheduler.priority: expected 0, only" },
		{ IN_PROCESS, SCHED("IDLE", ",\"priority\":1"), "process.scheduler.priority: expected 0, only" },
		/* clang-format on */
	};
	(void)state;

	check_verdicts(cases, ARRAY_LEN(cases));
}

/* C-SCHED-05 */
static void deadlines_are_ordered_and_bounded(void **state)
{
	static const struct verdict_case cases[] = {
		/* clang-format off */
		{ IN_PROCESS, DL("1024", "1024", "1024"), "" },
		{ IN_PROCESS, DL("42000", "1000000", "0"), "" },
		{ IN_PROCESS, DL("1024", "9223372036854775807", "9223372036854775807"), "" },
		{ IN_PROCESS, SCHED("DEADLINE", ",\"priority\":1,\"runtime\":1024,\"deadline\":1024"), "process.scheduler.priority: expected 0" },
		{ IN_PROCESS, SCHED("DEADLINE", ""), "process.scheduler.runtime: expected at least 1024 nanoseconds" },
		{ IN_PROCESS, DL("1023", "2000", "0"), "process.scheduler.runtime: expected at least 1024 nanoseconds" },
		{ IN_PROCESS, DL("2000", "1999", "0"), "process.scheduler.deadline: must not be below 'runtime'" },
		{ IN_PROCESS, DL("1024", "2000", "1999"), "process.scheduler.period: must be 0 or not below 'deadline'" },
		{ IN_PROCESS, DL("1024", "9223372036854775808", "0"), "process.scheduler.deadline: expected less than 2^63" },
		{ IN_PROCESS, DL("1024", "2000", "18446744073709551615"), "process.scheduler.period: expected less than 2^63" },
		{ IN_PROCESS, SCHED("OTHER", ",\"runtime\":1024"), "process.scheduler.runtime: only \"SCHED_DEADLINE\" takes it" },
		{ IN_PROCESS, SCHED("FIFO", ",\"priority\":1,\"deadline\":1024"), "process.scheduler.deadline: only \"SCHED_DEADLINE\" takes it" },
		{ IN_PROCESS, SCHED("RR", ",\"priority\":1,\"period\":1024"), "process.scheduler.period: only \"SCHED_DEADLINE\" takes it" },
		/* clang-format on */
	};
	(void)state;

	check_verdicts(cases, ARRAY_LEN(cases));
}

/* C-SCHED-06 */
static void flags_of_deadlines_need_one(void **state)
{
	static const struct verdict_case cases[] = {
		/* clang-format off */
		{ IN_PROCESS, SCHED("OTHER", FLAGS("\"SCHED_FLAG_RESET_ON_FORK\",\"SCHED_FLAG_KEEP_POLICY\",\"SCHED_FLAG_KEEP_PARAMS\",\"SCHED_FLAG_UTIL_CLAMP_MIN\",\"SCHED_FLAG_UTIL_CLAMP_MAX\"")), "" },
		{ IN_PROCESS, SCHED("DEADLINE", ",\"runtime\":1024,\"deadline\":1024" FLAGS("\"SCHED_FLAG_RECLAIM\",\"SCHED_FLAG_DL_OVERRUN\"")), "" },
		{ IN_PROCESS, SCHED("OTHER", FLAGS("\"SCHED_FLAG_RECLAIM\"")), "process.scheduler.flags: SCHED_FLAG_RECLAIM needs \"SCHED_DEADLINE\"" },
		{ IN_PROCESS, SCHED("FIFO", ",\"priority\":1" FLAGS("\"SCHED_FLAG_DL_OVERRUN\"")), "process.scheduler.flags: SCHED_FLAG_DL_OVERRUN needs \"SCHED_DEADLINE\"" },
		/* clang-format on */
	};
	(void)state;

	check_verdicts(cases, ARRAY_LEN(cases));
}

/* C-SCHED-05: fork(2) fails under SCHED_DEADLINE. */
static void deadline_and_start_hooks_exclude_each_other(void **state)
{
	static const struct {
		const char *flags, *point, *failure;
	} cases[] = {
		{ "", "startContainer", "process.scheduler.policy: \"SCHED_DEADLINE\" cannot start" },
		{ FLAGS("\"SCHED_FLAG_RESET_ON_FORK\""), "startContainer", "" },
		{ "", "createContainer", "" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_STR process = STR_INIT, top = STR_INIT;

		str_addf(&process,
			 "," SCHED("DEADLINE", ",\"runtime\":1024,\"deadline\":1024%s"),
			 cases[i].flags);
		str_addf(&top, ",\"hooks\":{\"%s\":[{\"path\":\"/bin/true\"}]}", cases[i].point);
		char *json = make_config(process.s, "", top.s);
		const char *v = verdict_of(json, true);
		free(json);
		if (*cases[i].failure ? !str_starts(v, cases[i].failure) : *v)
			fail_msg("%zu: '%s'", i, v);
	}
}

/* C-MPOL-03 */
static void modes_take_the_nodes_they_need(void **state)
{
	static const struct verdict_case cases[] = {
		/* clang-format off */
		{ IN_LINUX, MPOL("DEFAULT", ""), "" },
		{ IN_LINUX, MPOL("DEFAULT", ",\"nodes\":\"\""), "" },
		{ IN_LINUX, MPOL("LOCAL", ""), "" },
		{ IN_LINUX, MPOL("PREFERRED", ""), "" },
		{ IN_LINUX, MPOL("PREFERRED", NODES), "" },
		{ IN_LINUX, MPOL("PREFERRED", ",\"nodes\":\"0-1\""), "" },
		{ IN_LINUX, MPOL("BIND", NODES), "" },
		{ IN_LINUX, MPOL("INTERLEAVE", NODES), "" },
		{ IN_LINUX, MPOL("PREFERRED_MANY", NODES), "" },
		{ IN_LINUX, MPOL("WEIGHTED_INTERLEAVE", NODES), "" },
		{ IN_LINUX, MPOL("DEFAULT", NODES), "linux.memoryPolicy.nodes: \"MPOL_DEFAULT\" takes no nodes" },
		{ IN_LINUX, MPOL("LOCAL", NODES), "linux.memoryPolicy.nodes: \"MPOL_LOCAL\" takes no nodes" },
		{ IN_LINUX, MPOL("BIND", ""), "linux.memoryPolicy.nodes: \"MPOL_BIND\" needs at least one node" },
		{ IN_LINUX, MPOL("BIND", ",\"nodes\":\"\""), "linux.memoryPolicy.nodes: \"MPOL_BIND\" needs at least one node" },
		{ IN_LINUX, MPOL("INTERLEAVE", ""), "linux.memoryPolicy.nodes: \"MPOL_INTERLEAVE\" needs" },
		{ IN_LINUX, MPOL("PREFERRED_MANY", ""), "linux.memoryPolicy.nodes: \"MPOL_PREFERRED_MANY\" needs" },
		{ IN_LINUX, MPOL("WEIGHTED_INTERLEAVE", ""), "linux.memoryPolicy.nodes: \"MPOL_WEIGHTED_INTERLEAVE\" needs" },
		/* clang-format on */
	};
	(void)state;

	check_verdicts(cases, ARRAY_LEN(cases));
}

/* C-MPOL-04 */
static void mode_flags_that_the_kernel_refuses_or_ignores_are_refused(void **state)
{
	static const struct verdict_case cases[] = {
		/* clang-format off */
		{ IN_LINUX, MPOL("BIND", NODES FLAGS("\"MPOL_F_STATIC_NODES\"")), "" },
		{ IN_LINUX, MPOL("PREFERRED", NODES FLAGS("\"MPOL_F_RELATIVE_NODES\"")), "" },
		{ IN_LINUX, MPOL("BIND", NODES FLAGS("\"MPOL_F_NUMA_BALANCING\"")), "" },
		{ IN_LINUX, MPOL("PREFERRED_MANY", NODES FLAGS("\"MPOL_F_NUMA_BALANCING\",\"MPOL_F_STATIC_NODES\"")), "" },
		{ IN_LINUX, MPOL("BIND", NODES FLAGS("\"MPOL_F_STATIC_NODES\",\"MPOL_F_RELATIVE_NODES\"")), "linux.memoryPolicy.flags: \"MPOL_F_STATIC_NODES\" and \"MPOL_F_RELATIVE_NODES\" exclude" },
		{ IN_LINUX, MPOL("PREFERRED", FLAGS("\"MPOL_F_STATIC_NODES\"")), "linux.memoryPolicy.flags: \"MPOL_F_STATIC_NODES\" needs nodes" },
		{ IN_LINUX, MPOL("LOCAL", FLAGS("\"MPOL_F_RELATIVE_NODES\"")), "linux.memoryPolicy.flags: \"MPOL_F_RELATIVE_NODES\" needs nodes" },
		{ IN_LINUX, MPOL("DEFAULT", FLAGS("\"MPOL_F_STATIC_NODES\"")), "linux.memoryPolicy.flags: \"MPOL_F_STATIC_NODES\" needs nodes" },
		{ IN_LINUX, MPOL("INTERLEAVE", NODES FLAGS("\"MPOL_F_NUMA_BALANCING\"")), "linux.memoryPolicy.flags: \"MPOL_F_NUMA_BALANCING\" needs" },
		{ IN_LINUX, MPOL("DEFAULT", FLAGS("\"MPOL_F_NUMA_BALANCING\"")), "linux.memoryPolicy.flags: \"MPOL_F_NUMA_BALANCING\" needs" },
		/* clang-format on */
	};
	(void)state;

	check_verdicts(cases, ARRAY_LEN(cases));
}

/* Process attributes are accepted: what the host lacks is found later, with a position too. */
static void attributes_are_accepted(void **state)
{
	static const struct verdict_case cases[] = {
		/* clang-format off */
		{ IN_PROCESS, "\"apparmorProfile\":\"p\",\"selinuxLabel\":\"a:b:c:s0\"", "" },
		{ IN_PROCESS, "\"ioPriority\":{\"class\":\"IOPRIO_CLASS_RT\",\"priority\":0}", "" },
		{ IN_PROCESS, "\"execCPUAffinity\":{}", "" },
		{ IN_LINUX, "\"personality\":{\"domain\":\"LINUX\"}", "" },
		{ IN_LINUX, "\"personality\":{\"domain\":\"LINUX32\"}", "" },
		/* clang-format on */
	};
	(void)state;

	check_verdicts(cases, ARRAY_LEN(cases));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies_take_what_belongs_to_them),
		cmocka_unit_test(deadlines_are_ordered_and_bounded),
		cmocka_unit_test(flags_of_deadlines_need_one),
		cmocka_unit_test(deadline_and_start_hooks_exclude_each_other),
		cmocka_unit_test(modes_take_the_nodes_they_need),
		cmocka_unit_test(mode_flags_that_the_kernel_refuses_or_ignores_are_refused),
		cmocka_unit_test(attributes_are_accepted),
	};

	return cmocka_run_group_tests_name("oci/validate_process", tests, NULL, NULL);
}
