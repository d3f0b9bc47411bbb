/* SPDX-License-Identifier: Apache-2.0 */
/* What the decoder of config.json refuses value by value; test_schema.py adds the generated cases.
 */
#include "config_util.h"

static void process_values_are_checked(void **state)
{
	static const struct verdict_case cases[] = {
		/* clang-format off */
		/* C-USER-01, S-77, S-05, S-66 */
		{ IN_PROCESS, "\"user\":{\"uid\":4294967294,\"gid\":0}", "" },
		{ IN_PROCESS, "\"user\":{\"uid\":4294967295,\"gid\":0}", "process.user.uid: expected an integer from 0 to 4294967294, found number 4294967295" },
		{ IN_PROCESS, "\"user\":{\"uid\":\"1000\",\"gid\":0}", "process.user.uid: expected an integer from 0 to 4294967294, found string \"1000\"" },
		{ IN_PROCESS, "\"user\":{\"uid\":0,\"gid\":4294967295}", "process.user.gid: expected" },
		{ IN_PROCESS, "\"user\":{\"uid\":0,\"gid\":0,\"additionalGids\":[1,4294967295]}", "process.user.additionalGids[1]: expected" },
		{ IN_PROCESS, "\"user\":{\"gid\":0}", "process.user.uid: required" },
		{ IN_PROCESS, "\"user\":{\"uid\":4294967296,\"gid\":0}", "process.user.uid: expected" },
		{ IN_PROCESS, "\"user\":{\"uid\":-1,\"gid\":0}", "process.user.uid: expected" },
		{ IN_PROCESS, "\"user\":{\"uid\":1.0,\"gid\":0}", "process.user.uid: expected" },
		{ IN_PROCESS, "\"user\":{\"uid\":0,\"gid\":0,\"umask\":511}", "" },
		{ IN_PROCESS, "\"user\":{\"uid\":0,\"gid\":0,\"umask\":512}", "process.user.umask: expected an integer from 0 to 511" },
		{ IN_PROCESS, "\"user\":{\"uid\":0,\"gid\":0,\"umask\":\"022\"}", "process.user.umask: expected" },
		/* C-PROC-02, C-PROC-12, C-RLIM-01, C-RLIM-02 */
		{ IN_PROCESS, "\"consoleSize\":{\"height\":65535,\"width\":65536}", "process.consoleSize.width: expected an integer from 0 to 65535" },
		{ IN_PROCESS, "\"consoleSize\":{\"height\":1}", "process.consoleSize.width: required" },
		{ IN_PROCESS, "\"oomScoreAdj\":1001", "process.oomScoreAdj: expected an integer from -1000 to 1000" },
		{ IN_PROCESS, "\"rlimits\":[{\"type\":\"RLIMIT_FOO\",\"soft\":0,\"hard\":0}]", "process.rlimits[0].type: unknown value \"RLIMIT_FOO\"" },
		{ IN_PROCESS, "\"rlimits\":[{\"type\":\"RLIMIT_NOFLE\",\"soft\":0,\"hard\":0}]", "process.rlimits[0].type: unknown value \"RLIMIT_NOFLE\", did you mean \"RLIMIT_NOFILE\"?" },
		{ IN_PROCESS, "\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":0}]", "process.rlimits[0].hard: required" },
		{ IN_PROCESS, "\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":-1,\"hard\":0}]", "process.rlimits[0].soft: expected" },
		{ IN_PROCESS, "\"rlimits\":[null]", "process.rlimits[0]: expected an object, found null" },
		{ IN_PROCESS, "\"execCPUAffinity\":{\"initial\":\"a-b\"}", "process.execCPUAffinity.initial: expected a list such as \"0-3,7\", found string \"a-b\": expected a number at offset 0" },
		{ IN_PROCESS, "\"capabilities\":[\"CAP_KILL\"]", "process.capabilities: expected an object" },
		{ IN_PROCESS, "\"capabilities\":{\"bounding\":[1]}", "process.capabilities.bounding[0]: expected a string" },
		/* C-SCHED-01, C-SCHED-09, C-SCHED-10 */
		{ IN_PROCESS, "\"scheduler\":{\"policy\":\"SCHED_FOO\"}", "process.scheduler.policy: unknown value \"SCHED_FOO\", " },
		/* C-SCHED-01, C-SCHED-03, C-SCHED-06, C-PROC-17 */
		{ IN_PROCESS, "\"scheduler\":{}", "process.scheduler.policy: required" },
		{ IN_PROCESS, "\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"nice\":20}", "process.scheduler.nice: expected an integer from -20 to 19" },
		{ IN_PROCESS, "\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"nice\":-21}", "process.scheduler.nice: expected an integer from -20 to 19" },
		{ IN_PROCESS, "\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"flags\":[\"SCHED_FLAG_FOO\"]}", "process.scheduler.flags[0]: unknown value" },
		{ IN_PROCESS, "\"scheduler\":{\"policy\":\"SCHED_DEADLINE\",\"runtime\":-1}", "process.scheduler.runtime: expected" },
		{ IN_PROCESS, "\"execCPUAffinity\":{\"initial\":\"0\",\"final\":\" 0 - 3 , 7 \"}", "" },
		{ IN_PROCESS, "\"execCPUAffinity\":{\"final\":\"0,,1\"}", "process.execCPUAffinity.final: expected a list such as \"0-3,7\", found string \"0,,1\": expected a number at offset 2" },
		{ IN_PROCESS, "\"execCPUAffinity\":{\"final\":\"3-0\"}", "process.execCPUAffinity.final: expected a list such as \"0-3,7\", found string \"3-0\": the range ends below its start at offset 2" },
		{ IN_PROCESS, "\"execCPUAffinity\":{\"final\":0}", "process.execCPUAffinity.final: expected" },
		{ IN_PROCESS, "\"execCPUAffinity\":{\"final\":\"-\"}", "process.execCPUAffinity.final: expected a list" },
		{ IN_PROCESS, "\"ioPriority\":{\"class\":\"NONE\",\"priority\":0}", "process.ioPriority.class: unknown value \"NONE\", allowed are \"IOPRIO_CLASS_RT\", \"IOPRIO_CLASS_BE\", \"IOPRIO_CLASS_IDLE\"" },
		{ IN_PROCESS, "\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":8}", "process.ioPriority.priority: expected an integer from 0 to 7" },
		{ IN_PROCESS, "\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\"}", "process.ioPriority.priority: required" },
		/* clang-format on */
	};
	(void)state;

	check_verdicts(cases, ARRAY_LEN(cases));
}

static void namespace_and_device_values_are_checked(void **state)
{
	static const struct verdict_case cases[] = {
		/* clang-format off */
		/* C-NS-01, C-NS-02 */
		{ IN_LINUX, "\"namespaces\":[{\"type\":\"pidd\"}]", "linux.namespaces[0].type: unknown value \"pidd\", did you mean \"pid\"?" },
		{ IN_LINUX, "\"namespaces\":[{\"type\":\"\"}]", "linux.namespaces[0].type: unknown value \"\", allowed are \"cgroup\", \"ipc\"" },
		{ IN_LINUX, "\"namespaces\":[{}]", "linux.namespaces[0].type: required" },
		{ IN_LINUX, "\"namespaces\":[{\"type\":\"uts\"},{\"type\":\"uts\",\"path\":\"/x\"}]", "linux.namespaces[1]: a second namespace of type \"uts\"" },
		/* C-TIME-04, C-TIME-06 */
		{ IN_LINUX, "\"namespaces\":[{\"type\":\"time\"}],\"timeOffsets\":{\"monotonic\":{\"nanosecs\":1000000000}}", "linux.timeOffsets.monotonic.nanosecs: expected" },
		{ IN_LINUX, "\"namespaces\":[{\"type\":\"time\"}],\"timeOffsets\":{\"realtime\":{\"secs\":1}}", "linux.timeOffsets: unknown clock \"realtime\"" },
		/* C-DEV-01, C-DEV-02, C-DEV-03, C-DEV-06, S-75 */
		{ IN_LINUX, "\"devices\":[{\"type\":\"x\",\"path\":\"/d\",\"major\":1,\"minor\":1}]", "linux.devices[0].type: expected \"c\"" },
		{ IN_LINUX, "\"devices\":[{\"type\":\"cc\",\"path\":\"/d\",\"major\":1,\"minor\":1}]", "linux.devices[0].type: expected \"c\"" },
		{ IN_LINUX, "\"devices\":[{\"type\":\"c\",\"path\":\"d\",\"major\":1,\"minor\":1}]", "linux.devices[0].path: expected an absolute path" },
		{ IN_LINUX, "\"devices\":[{\"type\":\"c\",\"path\":\"/a/../b\",\"major\":1,\"minor\":1}]", "linux.devices[0].path: expected a path" },
		{ IN_LINUX, "\"devices\":[{\"type\":\"c\",\"path\":\"//./\",\"major\":1,\"minor\":1}]", "linux.devices[0].path: expected a path" },
		{ IN_LINUX, "\"devices\":[{\"type\":\"c\",\"path\":\"/d\",\"minor\":1}]", "linux.devices[0]: 'major' is required" },
		{ IN_LINUX, "\"devices\":[{\"type\":\"b\",\"path\":\"/d\",\"major\":1,\"minor\":null}]", "linux.devices[0]: 'minor' is required" },
		{ IN_LINUX, "\"devices\":[{\"type\":\"c\",\"path\":\"/d\",\"major\":-1,\"minor\":1}]", "linux.devices[0].major: expected an integer from 0 to 4095" },
		{ IN_LINUX, "\"devices\":[{\"type\":\"c\",\"path\":\"/d\",\"major\":1,\"minor\":1048576}]", "linux.devices[0].minor: expected an integer from 0 to 1048575" },
		{ IN_LINUX, "\"devices\":[{\"type\":\"c\",\"path\":\"/d\",\"major\":1,\"minor\":1,\"fileMode\":2559}]", "linux.devices[0].fileMode: expected an integer from 0 to 511" },
		/* C-CGD-02, C-CGD-03 */
		{ IN_LINUX, "\"resources\":{\"devices\":[{}]}", "linux.resources.devices[0].allow: required" },
		{ IN_LINUX, "\"resources\":{\"devices\":[{\"allow\":true,\"type\":\"p\"}]}", "linux.resources.devices[0].type: expected \"a\"" },
		{ IN_LINUX, "\"resources\":{\"devices\":[{\"allow\":true,\"access\":\"xyz\"}]}", "linux.resources.devices[0].access: expected letters" },
		{ IN_LINUX, "\"resources\":{\"devices\":[{\"allow\":true,\"major\":-2}]}", "linux.resources.devices[0].major: expected" },
		/* clang-format on */
	};
	(void)state;

	check_verdicts(cases, ARRAY_LEN(cases));
}

static void resource_values_are_checked(void **state)
{
	static const struct verdict_case cases[] = {
		/* clang-format off */
		/* C-MEM-04, C-MEM-06, C-PIDS-03, C-CPU-11, C-CPU-12 */
		{ IN_LINUX, "\"resources\":{\"memory\":{\"limit\":-2}}", "linux.resources.memory.limit: expected an integer from -1" },
		{ IN_LINUX, "\"resources\":{\"memory\":{\"swappiness\":101}}", "linux.resources.memory.swappiness: expected an integer from 0 to 100" },
		{ IN_LINUX, "\"resources\":{\"pids\":{\"limit\":-5}}", "linux.resources.pids.limit: expected" },
		{ IN_LINUX, "\"resources\":{\"pids\":{}}", "" },
		{ IN_LINUX, "\"resources\":{\"cpu\":{\"cpus\":\"0-3\\n\"}}", "linux.resources.cpu.cpus: a list" },
		{ IN_LINUX, "\"resources\":{\"cpu\":{\"idle\":2}}", "linux.resources.cpu.idle: expected an integer from 0 to 1" },
		/* C-HUGE-01, C-IO-05, C-RDMA-01 */
		{ IN_LINUX, "\"resources\":{\"hugepageLimits\":[{\"pageSize\":\"64kB\",\"limit\":1}]}", "linux.resources.hugepageLimits[0].pageSize: expected a page size" },
		{ IN_LINUX, "\"resources\":{\"hugepageLimits\":[{\"pageSize\":\"0MB\",\"limit\":1}]}", "linux.resources.hugepageLimits[0].pageSize: expected a page size" },
		{ IN_LINUX, "\"resources\":{\"hugepageLimits\":[{\"pageSize\":\"2MBx\",\"limit\":1}]}", "linux.resources.hugepageLimits[0].pageSize: expected a page size" },
		{ IN_LINUX, "\"resources\":{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0}]}}", "linux.resources.blockIO.throttleReadBpsDevice[0].rate: required" },
		{ IN_LINUX, "\"resources\":{\"rdma\":{\"m\":{}}}", "linux.resources.rdma.m: needs" },
		/* clang-format on */
	};
	(void)state;

	check_verdicts(cases, ARRAY_LEN(cases));
}

static void seccomp_and_other_linux_values_are_checked(void **state)
{
	static const struct verdict_case cases[] = {
		/* clang-format off */
		/* C-SEC-01, C-SEC-04, C-SEC-06, C-SEC-09, C-SEC-13, C-SEC-14, S-70 */
		{ IN_LINUX, "\"seccomp\":{}", "linux.seccomp.defaultAction: required" },
		{ IN_LINUX, "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALOW\"}", "linux.seccomp.defaultAction: unknown value \"SCMP_ACT_ALOW\", did you mean \"SCMP_ACT_ALLOW\"?" },
		{ IN_LINUX, "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_FOO\"]}", "linux.seccomp.architectures[0]: unknown value" },
		{ IN_LINUX, "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"FOO\"]}", "linux.seccomp.flags[0]: unknown value" },
		{ IN_LINUX, "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":4096}", "linux.seccomp.defaultErrnoRet: expected an integer from 0 to 4095" },
		{ IN_LINUX, "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[],\"action\":\"SCMP_ACT_ERRNO\"}]}", "linux.seccomp.syscalls[0]: 'names' must have at least one entry" },
		{ IN_LINUX, "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"action\":\"SCMP_ACT_ERRNO\"}]}", "linux.seccomp.syscalls[0].names: required" },
		{ IN_LINUX, "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":6,\"value\":0,\"op\":\"SCMP_CMP_EQ\"}]}]}", "linux.seccomp.syscalls[0].args[0].index: expected an integer from 0 to 5" },
		{ IN_LINUX, "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":0,\"value\":0,\"op\":\"SCMP_CMP_XX\"}]}]}", "linux.seccomp.syscalls[0].args[0].op: unknown value" },
		/* C-PROP-03, C-PERS-01, C-PERS-02, X-21, C-MPOL-01 */
		{ IN_LINUX_NS, "\"rootfsPropagation\":\"rshraed\"", "linux.rootfsPropagation: unknown value \"rshraed\", did you mean \"rshared\"?" },
		{ IN_LINUX_NS, "\"rootfsPropagation\":\"\"", "" },
		{ IN_LINUX, "\"personality\":{}", "linux.personality.domain: required" },
		{ IN_LINUX, "\"personality\":{\"domain\":\"LINUX64\"}", "linux.personality.domain: unknown value" },
		{ IN_LINUX, "\"personality\":{\"domain\":\"LINUX\",\"flags\":[\"ADDR_NO_RANDOMIZE\"]}", "linux.personality.flags: no personality flag" },
		{ IN_LINUX, "\"memoryPolicy\":{\"nodes\":\"0\"}", "linux.memoryPolicy.mode: required" },
		/* C-MPOL-01, C-MPOL-02, C-MPOL-04, C-MPOL-05 */
		{ IN_LINUX, "\"memoryPolicy\":{\"mode\":\"MPOL_FOO\"}", "linux.memoryPolicy.mode: unknown value \"MPOL_FOO\"" },
		{ IN_LINUX, "\"memoryPolicy\":{\"mode\":2,\"nodes\":\"0\"}", "linux.memoryPolicy.mode: expected" },
		{ IN_LINUX, "\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"0\",\"flags\":[\"MPOL_F_FOO\"]}", "linux.memoryPolicy.flags[0]: unknown value" },
		{ IN_LINUX, "\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":0}", "linux.memoryPolicy.nodes: expected" },
		{ IN_LINUX, "\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"0-\"}", "linux.memoryPolicy.nodes: expected a list such as \"0-3,7\", found string \"0-\": expected a number at offset 2" },
		{ IN_LINUX, "\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"all\"}", "linux.memoryPolicy.nodes: expected a list" },
		{ IN_LINUX, "\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"4095\"}", "" },
		{ IN_LINUX, "\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"8192\"}", "linux.memoryPolicy.nodes: expected a list such as \"0-3,7\", found string \"8192\": the number is above 8191" },
		/* clang-format on */
	};
	(void)state;

	check_verdicts(cases, ARRAY_LEN(cases));
}

static void mount_hook_and_top_level_values_are_checked(void **state)
{
	static const struct verdict_case cases[] = {
		/* clang-format off */
		/* C-MOUNT-02, R-HOOK-07, R-HOOK-10, C-ANN-01, R-BUND-07 */
		{ IN_TOP, "\"mounts\":[{\"type\":\"proc\"}]", "mounts[0].destination: required" },
		{ IN_TOP, "\"mounts\":[{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"=x\"]}]", "mounts[0].options[0]: the option has no name" },
		{ IN_TOP, "\"mounts\":[{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":\"ro\"}]", "mounts[0].options: expected an array" },
		{ IN_TOP, "\"mounts\":{}", "mounts: expected an array, found an object" },
		{ IN_TOP, "\"hooks\":{\"prestart\":[{}]}", "hooks.prestart[0].path: required" },
		{ IN_TOP, "\"hooks\":{\"poststop\":[{\"path\":\"/a\",\"timeout\":0}]}", "hooks.poststop[0].timeout: expected an integer from 1" },
		{ IN_TOP, "\"hooks\":{\"poststop\":{\"path\":\"/a\"}}", "hooks.poststop: expected an array" },
		{ IN_TOP, "\"annotations\":{\"a\":5}", "annotations.a: expected a string, found number 5" },
		{ IN_TOP, "\"hostname\":5", "hostname: expected a string, found number 5" },
		{ IN_TOP, "\"hostname\":[]", "hostname: expected a string, found an array" },
		/* clang-format on */
	};
	(void)state;

	check_verdicts(cases, ARRAY_LEN(cases));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(process_values_are_checked),
		cmocka_unit_test(namespace_and_device_values_are_checked),
		cmocka_unit_test(resource_values_are_checked),
		cmocka_unit_test(seccomp_and_other_linux_values_are_checked),
		cmocka_unit_test(mount_hook_and_top_level_values_are_checked),
	};

	return cmocka_run_group_tests_name("oci/config values", tests, NULL, NULL);
}
