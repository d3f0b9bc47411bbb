/* SPDX-License-Identifier: Apache-2.0 */
#include "config_util.h"

#include "oci/names.h"

/* Rows cite the pages' ids; an empty failure means that the config is accepted. */

/* clang-format off */
#define MAP(c, h, s) "{\"containerID\":" #c ",\"hostID\":" #h ",\"size\":" #s "}"
#define GIDS "\"gidMappings\":[" MAP(0, 1000, 1) "]"
#define USERNS(maps) "\"namespaces\":[{\"type\":\"user\"},{\"type\":\"mount\"}]," maps
#define UIDS(maps) USERNS("\"uidMappings\":[" maps "]," GIDS)
#define MOUNT(members) "\"mounts\":[{" members "}]"
#define BIND(options, more) MOUNT("\"destination\":\"/a\",\"source\":\"/b\",\"options\":[" options "]" more)
#define TMPFS(options, more) MOUNT("\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[" options "]" more)
#define UID_MAP(maps) ",\"uidMappings\":[" maps "]"
#define GID_MAP(maps) ",\"gidMappings\":[" maps "]"
#define NETDEV(members) "\"namespaces\":[{\"type\":\"network\"}],\"netDevices\":{" members "}"
#define RDT(members) "\"intelRdt\":{" members "}"
#define RES(what) "\"resources\":{" what "}"
#define SECCOMP(action, more) "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_" action "\"" more "}"
#define RULE(action, more) \
	",\"syscalls\":[{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_" action "\"" more "}]"
/* clang-format on */

/* R-BUND-10, R-BUND-11, R-BUND-12 */
static void versions_with_major_1_are_accepted(void **state)
{
	static const char *const good[] = { "1.0.0",     "1.0.2",           "1.2.1",
					    "1.99.0",    "1.1.0-rc.2",      "1.0.2-dev",
					    "1.1.0+dev", "1.0.0-a-b.1+x.01" };
	static const char *const bad[] = { "",           "abc",    "1",      "1.0",    "1.0.0.0",
					   "01.0.0",     "1.00.0", "1.0.0-", "1.0.0+", "1.0.0-01",
					   "1.0.0-a..b", "v1.0.0", " 1.0.0", "1.0.0 ", "2.0.0",
					   "0.5.0-dev",  "10.0.0", "1.0.x",  "1.0.0-ä" };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(good) + ARRAY_LEN(bad); i++) {
		bool is_good = i < ARRAY_LEN(good);
		const char *v = is_good ? good[i] : bad[i - ARRAY_LEN(good)];
		AUTO_STR text = STR_INIT;

		str_addf(&text, "{\"ociVersion\":\"%s\",\"root\":{\"path\":\"r\"}}", v);
		const char *failure = verdict_of(str_text(&text), true);
		if (is_good ? *failure : strncmp(failure, "ociVersion: ", 12) != 0)
			fail_msg("'%s': '%s'", v, failure);
	}
}

/* C-ROOT-01, C-ROOT-02, R-BUND-14 */
static void version_and_root_are_required(void **state)
{
	static const struct {
		const char *json, *failure;
	} cases[] = {
		/* clang-format off */
		{ "{\"root\":{\"path\":\"r\"}}", "ociVersion: required, but missing" },
		{ "{\"ociVersion\":null,\"root\":{\"path\":\"r\"}}", "ociVersion: required, but missing" },
		{ "{\"ociVersion\":\"1.0.0\"}", "root: required, but missing" },
		{ "{\"ociVersion\":\"1.0.0\",\"root\":{}}", "root.path: required, but missing" },
		{ "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":null}}", "root.path: required, but missing" },
		{ "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"\"}}", "root.path: must not be empty" },
		{ "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\",\"readonly\":true}}", "root.readonly: needs a new mount namespace" },
		{ "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\",\"readonly\":\"yes\"}}", "root.readonly: expected true or false, found string \"yes\"" },
		/* clang-format on */
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(verdict_of(cases[i].json, true), cases[i].failure);
}

static void process_rules_hold(void **state)
{
	static const struct verdict_case cases[] = {
		/* clang-format off */
		/* C-PROC-06 */
		{ IN_PROCESS, "\"env\":[\"A=\",\"A=b=c\",\"A=1\"]", "" },
		{ IN_PROCESS, "\"env\":[\"A=1\",\"NOEQ\"]", "process.env[1]: expected NAME=value, found string \"NOEQ\"" },
		{ IN_PROCESS, "\"env\":[\"=x\"]", "process.env[0]: expected NAME=value" },
		{ IN_PROCESS, "\"env\":[\"\"]", "process.env[0]: expected NAME=value" },
		/* C-RLIM-02, C-RLIM-03 */
		{ IN_PROCESS, "\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":5,\"hard\":5},{\"type\":\"RLIMIT_AS\",\"soft\":1,\"hard\":18446744073709551615}]", "" },
		/* C-PROC-17 */
		{ IN_PROCESS, "\"execCPUAffinity\":{\"initial\":\"0-3,7\",\"final\":\"1\"}", "" },
		{ IN_PROCESS, "\"execCPUAffinity\":{}", "" },
		{ IN_PROCESS, "\"execCPUAffinity\":{\"initial\":\"3-1\"}", "process.execCPUAffinity.initial: expected a list such as \"0-3,7\"" },
		{ IN_PROCESS, "\"execCPUAffinity\":{\"final\":\"-\"}", "process.execCPUAffinity.final: expected a list" },
		{ IN_PROCESS, "\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":5,\"hard\":4}]", "process.rlimits[0].soft: the soft limit is above the hard limit" },
		{ IN_PROCESS, "\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":1,\"hard\":1},{\"type\":\"RLIMIT_CPU\",\"soft\":1,\"hard\":1}]", "process.rlimits[1].type: a second limit of type \"RLIMIT_CPU\"" },
		/* C-UTS-01, C-UTS-02, C-UTS-04 */
		{ IN_TOP, "\"hostname\":\"0123456789012345678901234567890123456789012345678901234567890123\"", "" },
		{ IN_TOP, "\"hostname\":\"01234567890123456789012345678901234567890123456789012345678901234\"", "hostname: longer than 64 bytes" },
		{ IN_TOP, "\"domainname\":\"01234567890123456789012345678901234567890123456789012345678901234\"", "domainname: longer than 64 bytes" },
		/* C-ANN-01, C-ANN-02, D-14 */
		{ IN_TOP, "\"annotations\":{\"a\":\"\",\"bundle\":\"x\",\"run.oci.x\":\"y\"}", "" },
		{ IN_TOP, "\"annotations\":{\"\":\"x\"}", "annotations: a key must not be empty" },
		{ IN_TOP, "\"annotations\":{\"run.oci.handler\":\"wasm\"}", "annotations.run.oci.handler: handlers are not supported" },
		/* R-HOOK-06 */
		{ IN_TOP, "\"hooks\":{\"prestart\":[{\"path\":\"bin/sh\"}]}", "hooks.prestart[0].path: expected an absolute path" },
		{ IN_TOP, "\"hooks\":{\"poststop\":[{\"path\":\"/a\"},{\"path\":\"\"}]}", "hooks.poststop[1].path: expected an absolute path" },
		{ IN_TOP, "\"hooks\":{\"startContainer\":[{\"path\":\"/a\",\"env\":[\"X\"]}]}", "hooks.startContainer[0].env[0]: expected NAME=value" },
		/* clang-format on */
	};
	(void)state;

	check_verdicts(cases, ARRAY_LEN(cases));
}

/* C-PROC-03, C-PROC-08, C-UTS-02, R-LIFE-09 */
static void args_and_cwd_are_checked(void **state)
{
	static const struct {
		const char *rest, *failure;
	} cases[] = {
		/* clang-format off */
		{ "\"process\":{\"args\":[\"a\"]}", "process.cwd: required" },
		{ "\"process\":{\"args\":[\"a\"],\"cwd\":\"\"}", "process.cwd: expected an absolute path" },
		{ "\"process\":{\"args\":[\"a\"],\"cwd\":\"tmp\"}", "process.cwd: expected an absolute path" },
		{ "\"process\":{\"cwd\":\"/\"}", "process.args: at least one argument" },
		{ "\"process\":{\"cwd\":\"/\",\"args\":null}", "process.args: at least one argument" },
		{ "\"process\":{\"cwd\":\"/\",\"args\":[]}", "process.args: at least one argument" },
		{ "\"process\":{\"cwd\":\"/\",\"args\":[\"\"]}", "process.args[0]: must not be empty" },
		{ "\"process\":{\"cwd\":\"/\",\"args\":[\"a\",\"\"]}", "" },
		{ "\"hostname\":\"h\"", "hostname: needs a namespace of type \"uts\"" },
		{ "\"hostname\":\"h\",\"linux\":{\"namespaces\":[{\"type\":\"uts\",\"path\":\"/n\"}]}", "" },
		{ "\"domainname\":\"h\",\"linux\":{}", "domainname: needs a namespace of type \"uts\"" },
		/* clang-format on */
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_STR text = STR_INIT;

		str_addf(&text, "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},%s}",
			 cases[i].rest);
		const char *v = verdict_of(str_text(&text), true);
		const char *want = cases[i].failure;
		if (*want ? !str_starts(v, want) : *v)
			fail_msg("%s: '%s'", cases[i].rest, v);
	}
}

static void mount_rules_hold(void **state)
{
	static const struct verdict_case cases[] = {
		/* clang-format off */
		{ IN_TOP, MOUNT("\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\""), "" },
		{ IN_TOP, MOUNT("\"destination\":\"data\",\"type\":\"tmpfs\""), "" }, /* C-MOUNT-03 */
		{ IN_TOP, MOUNT("\"destination\":\"/a/../b\",\"type\":\"tmpfs\""), "" },
		{ IN_TOP, MOUNT("\"destination\":\"\",\"type\":\"tmpfs\""), "mounts[0].destination: must not be empty" },
		/* C-MOUNT-04 */
		{ IN_TOP, MOUNT("\"destination\":\"/\",\"type\":\"tmpfs\""), "mounts[0].destination: the root directory" },
		{ IN_TOP, MOUNT("\"destination\":\"//./\",\"type\":\"tmpfs\""), "mounts[0].destination: the root directory" },
		{ IN_TOP, MOUNT("\"destination\":\".\",\"type\":\"tmpfs\""), "mounts[0].destination: the root directory" },
		{ IN_TOP, MOUNT("\"destination\":\"/..\",\"type\":\"tmpfs\""), "mounts[0].destination: the root directory" },
		{ IN_TOP, MOUNT("\"destination\":\"/a/..\",\"type\":\"tmpfs\""), "mounts[0].destination: the root directory" },
		/* C-MOUNT-06, C-MOUNT-07, C-MOUNT-09 */
		{ IN_TOP, MOUNT("\"destination\":\"/a\""), "mounts[0].type: required unless" },
		{ IN_TOP, MOUNT("\"destination\":\"/a\",\"type\":\"\""), "mounts[0].type: required unless" },
		{ IN_TOP, MOUNT("\"destination\":\"/a\",\"type\":\"bind\",\"source\":\"/b\""), "mounts[0].type: \"bind\" is no file system" },
		{ IN_TOP, MOUNT("\"destination\":\"/a\",\"source\":\"/b\",\"options\":[\"rbind\"]"), "" },
		{ IN_TOP, MOUNT("\"destination\":\"/a\",\"source\":\"b\",\"type\":\"none\",\"options\":[\"bind\"]"), "" },
		{ IN_TOP, MOUNT("\"destination\":\"/a\",\"options\":[\"bind\"]"), "mounts[0].source: required for a bind mount" },
		{ IN_TOP, MOUNT("\"destination\":\"/a\",\"source\":\"\",\"options\":[\"bind\"]"), "mounts[0].source: required for a bind mount" },
		{ IN_TOP, MOUNT("\"destination\":\"/a\",\"options\":[\"bind\",\"remount\",\"ro\"]"), "" },
		{ IN_TOP, MOUNT("\"destination\":\"/a\",\"options\":[\"remount\",\"ro\"]"), "" },
		/* C-MOUNT-25 */
		{ IN_TOP, MOUNT("\"destination\":\"/a\",\"source\":\"/b\",\"options\":[\"bind\",\"size=4k\",\"sync\"]"), "mounts[0].options: file system option \"size\" on a bind mount" },
		{ IN_TOP, MOUNT("\"destination\":\"/a\",\"source\":\"/b\",\"options\":[\"bind\",\"idmap=uids=0-1-1\"]"), "mounts[0].options[1]: the option 'idmap' takes no value" },
		/* C-MOUNT-26 */
		{ IN_TOP, MOUNT("\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"tmpcopyup\"]"), "" },
		{ IN_TOP, MOUNT("\"destination\":\"/a\",\"type\":\"proc\",\"options\":[\"tmpcopyup\"]"), "mounts[0].options: \"tmpcopyup\" needs the type \"tmpfs\"" },
		{ IN_TOP, MOUNT("\"destination\":\"/a\",\"source\":\"/b\",\"options\":[\"bind\",\"tmpcopyup\"]"), "mounts[0].options: \"tmpcopyup\" needs" },
		/* clang-format on */
	};
	(void)state;

	check_verdicts(cases, ARRAY_LEN(cases));
}

/* C-MOUNT-40, C-MASK-03, C-MASK-06, C-PROP-01 */
static void what_changes_mounts_needs_a_new_mount_namespace(void **state)
{
	static const struct {
		const char *namespaces, *failure;
	} kinds[] = {
		{ "", "mounts: need a new mount namespace: they would change the caller's" },
		{ "{\"type\":\"mount\",\"path\":\"/proc/1/ns/mnt\"}",
		  "mounts: need a new mount namespace: they would change the joined one" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		AUTO_STR text = STR_INIT;

		str_addf(
			&text,
			"{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"mounts\":[{"
			"\"destination\":\"/a\",\"type\":\"tmpfs\"}],\"linux\":{\"namespaces\":[%s],"
			"\"maskedPaths\":[\"/a\"],\"readonlyPaths\":[\"/a\"],"
			"\"rootfsPropagation\":\"shared\"}}",
			kinds[i].namespaces);
		const char *v = verdict_of(str_text(&text), true);
		assert_non_null(strstr(v, kinds[i].failure));
		assert_non_null(strstr(v, "linux.maskedPaths: needs a new mount namespace"));
		assert_non_null(strstr(v, "linux.readonlyPaths: needs a new mount namespace"));
		assert_non_null(strstr(v, "linux.rootfsPropagation: needs a new mount namespace"));
	}

	static const struct verdict_case cases[] = {
		{ IN_LINUX_NS, "\"maskedPaths\":[\"/a\",\"/a\"]", "" },
		{ IN_LINUX_NS, "\"maskedPaths\":[\"/a\",\"proc/kcore\"]",
		  "linux.maskedPaths[1]: expected an absolute path" },
		{ IN_LINUX_NS, "\"readonlyPaths\":[\"\"]",
		  "linux.readonlyPaths[0]: expected an absolute path" },
		{ IN_LINUX_NS, "\"readonlyPaths\":[\"//\"]",
		  "linux.readonlyPaths[0]: the root directory" },
		{ IN_LINUX, "\"maskedPaths\":[],\"readonlyPaths\":[]", "" },
	};
	check_verdicts(cases, ARRAY_LEN(cases));
}

static void namespace_rules_hold(void **state)
{
	static const struct verdict_case cases[] = {
		/* clang-format off */
		/* C-NS-05 */
		{ IN_LINUX, "\"namespaces\":[{\"type\":\"uts\",\"path\":\"proc/1/ns/uts\"}]", "linux.namespaces: the path of the \"uts\" namespace is not absolute" },
		/* C-UMAP-01, C-UMAP-02, C-UMAP-03, S-74 */
		{ IN_LINUX, UIDS(MAP(0, 1000, 1)), "" },
		{ IN_LINUX, USERNS("\"uidMappings\":[" MAP(0, 1000, 1) "]"), "linux.namespaces: a new user namespace needs" },
		{ IN_LINUX, "\"namespaces\":[{\"type\":\"user\"}]", "linux.namespaces: a new user namespace needs" },
		{ IN_LINUX, "\"namespaces\":[{\"type\":\"user\"}],\"uidMappings\":[],\"gidMappings\":[]", "linux.namespaces: a new user namespace needs" },
		{ IN_LINUX, GIDS, "linux.gidMappings: needs a namespace of type \"user\"" },
		{ IN_LINUX, "\"uidMappings\":[],\"gidMappings\":[]", "" },
		{ IN_LINUX, "\"namespaces\":[{\"type\":\"user\",\"path\":\"/u\"}]", "" },
		{ IN_LINUX, "\"namespaces\":[{\"type\":\"user\",\"path\":\"/u\"}]," GIDS ",\"uidMappings\":[" MAP(0, 0, 1) "]", "" },
		{ IN_LINUX, "\"namespaces\":[{\"type\":\"user\",\"path\":\"/u\"}]," GIDS, "linux.namespaces: 'uidMappings' and 'gidMappings' must be given together" },
		{ IN_LINUX, UIDS(MAP(0, 1000, 0)), "linux.uidMappings[0].size: must not be 0" },
		{ IN_LINUX, UIDS(MAP(0, 0, 4294967295)), "" },
		{ IN_LINUX, UIDS(MAP(1, 0, 4294967295)), "linux.uidMappings[0]: the range goes beyond" },
		{ IN_LINUX, UIDS(MAP(0, 4294967295, 1)), "linux.uidMappings[0]: the range goes beyond" },
		{ IN_LINUX, UIDS(MAP(0, 1000, 10) "," MAP(10, 1010, 5)), "" },
		{ IN_LINUX, UIDS(MAP(0, 1000, 10) "," MAP(9, 2000, 5)), "linux.uidMappings[1].containerID: overlaps with entry 0" },
		{ IN_LINUX, UIDS(MAP(5, 1000, 10) "," MAP(0, 1009, 5)), "linux.uidMappings[1].hostID: overlaps with entry 0" },
		{ IN_LINUX, UIDS(MAP(0, 1000, 4294967296)), "linux.uidMappings[0].size: expected an integer" },
		{ IN_LINUX, UIDS("{\"containerID\":0,\"hostID\":0}"), "linux.uidMappings[0].size: required" },
		/* C-UMAP-09 */
		{ IN_LINUX, UIDS(MAP(1, 1000, 10)), "linux.uidMappings: id 0 of the container must be mapped" },
		{ IN_LINUX, USERNS("\"gidMappings\":[" MAP(5, 1000, 10) "],\"uidMappings\":[" MAP(0, 1000, 10) "]"), "linux.gidMappings: id 0 of the container must be mapped" },
		{ IN_LINUX, UIDS(MAP(7, 2000, 1) "," MAP(0, 1000, 5)), "" },
		{ IN_LINUX, "\"namespaces\":[{\"type\":\"user\",\"path\":\"/u\"}]," GIDS ",\"uidMappings\":[" MAP(5, 0, 1) "]", "" },
		/* C-TIME-02, C-TIME-03, C-TIME-05, C-TIME-07 */
		{ IN_LINUX, "\"timeOffsets\":{\"monotonic\":{\"secs\":1}}", "linux.timeOffsets: needs a new time namespace" },
		{ IN_LINUX, "\"namespaces\":[{\"type\":\"time\",\"path\":\"/t\"}],\"timeOffsets\":{\"boottime\":{\"secs\":1}}", "linux.timeOffsets: needs a new time namespace" },
		{ IN_LINUX, "\"namespaces\":[{\"type\":\"time\"}],\"timeOffsets\":{\"boottime\":{\"secs\":-1},\"monotonic\":{\"nanosecs\":5}}", "" },
		{ IN_LINUX, "\"timeOffsets\":{}", "" },
		/* C-DEV-08; S-75: the same device twice is what containerd sends */
		{ IN_LINUX, "\"devices\":[{\"type\":\"c\",\"path\":\"/dev/a\",\"major\":1,\"minor\":3},{\"type\":\"c\",\"path\":\"/dev/b\",\"major\":1,\"minor\":3}]", "" },
		{ IN_LINUX, "\"devices\":[{\"type\":\"c\",\"path\":\"/dev/a\",\"major\":1,\"minor\":3},{\"type\":\"c\",\"path\":\"/dev//a\",\"major\":1,\"minor\":3}]", "" },
		{ IN_LINUX, "\"devices\":[{\"type\":\"c\",\"path\":\"/dev/a\",\"major\":1,\"minor\":3},{\"type\":\"c\",\"path\":\"/dev//a\",\"major\":1,\"minor\":5}]", "linux.devices: a second and different device at \"/dev/a\"" },
		/* clang-format on */
	};
	(void)state;

	check_verdicts(cases, ARRAY_LEN(cases));

	for (unsigned n = 340; n <= 341; n++) {
		AUTO_STR maps = STR_INIT;
		str_add(&maps, USERNS(GIDS ",\"uidMappings\":["));
		for (unsigned i = 0; i < n; i++)
			str_addf(&maps, "%s{\"containerID\":%u,\"hostID\":%u,\"size\":1}",
				 i ? "," : "", i, i + 5000);
		str_add(&maps, "]");
		assert_string_equal(
			verdict(IN_LINUX, str_text(&maps)),
			n == 340 ? "" : "linux.uidMappings: 341 lines, the kernel takes 340");
	}
}

/* I-22, S-30, C-CGP-03, C-CGP-04 */
static void cgroups_path_stays_below_the_root(void **state)
{
	static const struct verdict_case cases[] = {
		/* clang-format off */
		{ IN_LINUX, "\"cgroupsPath\":\"/a/b\"", "" },
		{ IN_LINUX, "\"cgroupsPath\":\"rel/y\"", "" },
		{ IN_LINUX, "\"cgroupsPath\":\"\"", "" },
		{ IN_LINUX, "\"cgroupsPath\":\"a.slice:b:c\"", "" },
		{ IN_LINUX, "\"cgroupsPath\":\"/..a/.b\"", "" },
		{ IN_LINUX, "\"cgroupsPath\":\"/\"", "linux.cgroupsPath: is the root" },
		{ IN_LINUX, "\"cgroupsPath\":\"///\"", "linux.cgroupsPath: is the root" },
		{ IN_LINUX, "\"cgroupsPath\":\"/a/../../x\"", "linux.cgroupsPath: \".\" and \"..\" are not allowed" },
		{ IN_LINUX, "\"cgroupsPath\":\"../x\"", "linux.cgroupsPath: \".\" and \"..\" are not allowed" },
		{ IN_LINUX, "\"cgroupsPath\":\"..\"", "linux.cgroupsPath: \".\" and \"..\" are not allowed" },
		{ IN_LINUX, "\"cgroupsPath\":\"a/./b\"", "linux.cgroupsPath: \".\" and \"..\" are not allowed" },
		{ IN_LINUX, "\"cgroupsPath\":\"a\\nb\"", "linux.cgroupsPath: control characters" },
		{ IN_LINUX, "\"cgroupsPath\":\"a\\u007f\"", "linux.cgroupsPath: control characters" },
		/* clang-format on */
	};
	char name[5100];
	(void)state;

	check_verdicts(cases, ARRAY_LEN(cases));

	for (size_t len = 255; len <= 256; len++) {
		AUTO_STR text = STR_INIT;

		memset(name, 'x', len);
		str_addf(&text, "\"cgroupsPath\":\"/a/%.*s\"", (int)len, name);
		assert_string_equal(
			verdict(IN_LINUX, str_text(&text)),
			len == 255 ? "" : "linux.cgroupsPath: a name is longer than 255 bytes");
	}
	for (size_t i = 0; i < 5000; i++)
		name[i] = i % 2 ? 'x' : '/';
	AUTO_STR text = STR_INIT;
	str_addf(&text, "\"cgroupsPath\":\"%.5000s\"", name);
	assert_string_equal(verdict(IN_LINUX, str_text(&text)),
			    "linux.cgroupsPath: longer than 4000 bytes");
}

/* I-11, S-28, C-SYSCTL-02, C-SYSCTL-03, C-SYSCTL-04, C-SYSCTL-06 */
static void sysctl_belongs_to_a_listed_namespace(void **state)
{
	static const struct {
		const char *key;
		const char *namespace; /* that owns it; NULL: FAILURE always */
		const char *failure;
	} cases[] = {
		/* clang-format off */
		{ "net.ipv4.ip_forward",      "network", NULL },
		{ "net/ipv4/conf/eno2.100/x", "network", NULL },
		{ "net.ipv4.conf.eno2/100.x", "network", NULL },
		{ "kernel.msgmax",            "ipc",     NULL },
		{ "kernel.shm_rmid_forced",   "ipc",     NULL },
		{ "kernel/sem",               "ipc",     NULL },
		{ "fs.mqueue.msg_max",        "ipc",     NULL },
		{ "kernel.domainname",        "uts",     NULL },
		{ "user.max_user_namespaces", "user",    NULL },
		{ "kernel.hostname",          NULL, "not allowed, use the field 'hostname'" },
		{ "kernel.pid_max",           NULL, "belongs to the host" },
		{ "kernel.semx",              NULL, "belongs to the host" },
		{ "kernel.sem.x",             NULL, "belongs to the host" },
		{ "kernel.core_pattern",      NULL, "belongs to the host" },
		{ "vm.overcommit_memory",     NULL, "belongs to the host" },
		{ "fs.mqueue",                NULL, "belongs to the host" },
		{ "net",                      NULL, "belongs to the host" },
		{ "network.x",                NULL, "belongs to the host" },
		{ "Net.ipv4.x",               NULL, "belongs to the host" },
		{ "",                         NULL, "is no name of a kernel setting" },
		{ "net/../kernel/pid_max",    NULL, "is no name of a kernel setting" },
		{ "net.//.kernel.pid_max",    NULL, "is no name of a kernel setting" },
		{ "net/./x",                  NULL, "is no name of a kernel setting" },
		{ "net..ipv4",                NULL, "is no name of a kernel setting" },
		{ ".net.ipv4",                NULL, "is no name of a kernel setting" },
		{ "/net/ipv4/x",              NULL, "is no name of a kernel setting" },
		{ "net.ipv4.",                NULL, "is no name of a kernel setting" },
		{ "net.ipv4\\n",              NULL, "is no name of a kernel setting" },
		/* clang-format on */
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		/* nothing listed, the owner joined, all of them listed */
		for (unsigned how = 0; how < 3; how++) {
			AUTO_STR text = STR_INIT;
			AUTO_STR want = STR_INIT;
			const char *ns = cases[i].namespace;

			str_add(&text, "\"namespaces\":[");
			if (how == 1 && ns)
				str_addf(&text, "{\"type\":\"%s\",\"path\":\"/n\"}", ns);
			if (how == 2)
				str_add(&text,
					"{\"type\":\"network\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},"
					"{\"type\":\"user\",\"path\":\"/u\"},{\"type\":\"mount\"}");
			str_addf(&text, "],\"sysctl\":{\"%s\":\"1\"}", cases[i].key);
			if (ns && how == 0)
				str_addf(&want, "would change the host: needs a namespace of type \"%s\"", ns);
			else if (!ns)
				str_add(&want, cases[i].failure);
			const char *v = verdict(IN_LINUX, str_text(&text));
			if (want.len ? !strstr(v, want.s) || strchr(v, '\n') : *v)
				fail_msg("'%s' (%u): '%s'", cases[i].key, how, v);
		}
	}

	static const struct verdict_case more[] = {
		{ IN_LINUX_NS, "\"sysctl\":{\"kernel.domainname\":\"a\\nb\"}",
		  "linux.sysctl.kernel.domainname: a value must not contain a newline" },
		{ IN_LINUX_NS,
		  "\"sysctl\":{\"kernel.domainname\":\"a\",\"kernel/domainname\":\"b\"}",
		  "linux.sysctl: a second value for \"kernel/domainname\"" },
	};
	check_verdicts(more, ARRAY_LEN(more));
}

/* C-SYSCTL-05 */
static void domainname_cannot_be_given_twice(void **state)
{
	static const char *const failure =
		"linux.sysctl.kernel.domainname: differs from the field 'domainname'";
	(void)state;

	for (unsigned same = 0; same < 2; same++) {
		char *json = make_config("", NS ",\"sysctl\":{\"kernel.domainname\":\"a\"}",
					 same ? ",\"domainname\":\"a\"" : ",\"domainname\":\"b\"");
		assert_string_equal(verdict_of(json, true), same ? "" : failure);
		free(json);
	}
}

/* what cgroup v2 cannot express is refused, what asks for nothing is accepted. */
static void resources_without_a_counterpart_are_refused(void **state)
{
	static const struct verdict_case cases[] = {
		/* clang-format off */
		{ IN_LINUX, RES(""), "" },
		{ IN_LINUX, RES("\"memory\":{},\"cpu\":{},\"network\":{},\"blockIO\":{}"), "" },
		/* C-MEM-05, C-MEM-06, C-MEM-07, C-MEM-08, C-MEM-10, X-10 */
		{ IN_LINUX, RES("\"memory\":{\"kernel\":0,\"kernelTCP\":-1}"), "" },
		{ IN_LINUX, RES("\"memory\":{\"kernel\":1}"), "linux.resources.memory.kernel: cgroup v2" },
		{ IN_LINUX, RES("\"memory\":{\"kernelTCP\":-2}"), "linux.resources.memory.kernelTCP: cgroup v2" },
		{ IN_LINUX, RES("\"memory\":{\"swappiness\":60}"), "linux.resources.memory.swappiness: cgroup v2" },
		{ IN_LINUX, RES("\"memory\":{\"swappiness\":0}"), "linux.resources.memory.swappiness: cgroup v2" },
		{ IN_LINUX, RES("\"memory\":{\"disableOOMKiller\":true}"), "linux.resources.memory.disableOOMKiller: cgroup v2" },
		{ IN_LINUX, RES("\"memory\":{\"disableOOMKiller\":false,\"useHierarchy\":true,\"checkBeforeUpdate\":true}"), "" },
		{ IN_LINUX, RES("\"memory\":{\"useHierarchy\":false}"), "linux.resources.memory.useHierarchy: cgroup v2" },
		/* C-CPU-10, C-NETCG-01, C-NETCG-02 */
		{ IN_LINUX, RES("\"cpu\":{\"realtimeRuntime\":0,\"realtimePeriod\":0}"), "" },
		{ IN_LINUX, RES("\"cpu\":{\"realtimeRuntime\":-1}"), "linux.resources.cpu.realtimeRuntime: cgroup v2" },
		{ IN_LINUX, RES("\"cpu\":{\"realtimePeriod\":1}"), "linux.resources.cpu.realtimePeriod: cgroup v2" },
		{ IN_LINUX, RES("\"network\":{\"classID\":0,\"priorities\":[]}"), "" },
		{ IN_LINUX, RES("\"network\":{\"classID\":1}"), "linux.resources.network.classID: cgroup v2" },
		{ IN_LINUX, RES("\"network\":{\"priorities\":[{\"name\":\"lo\",\"priority\":0}]}"), "linux.resources.network.priorities: cgroup v2" },
		/* C-CPU-01, C-CPU-04, C-CPU-08, C-CPU-09 */
		{ IN_LINUX, RES("\"cpu\":{\"shares\":0}"), "" },
		{ IN_LINUX, RES("\"cpu\":{\"quota\":-1,\"period\":1000}"), "" },
		{ IN_LINUX, RES("\"cpu\":{\"quota\":0,\"period\":0}"), "" },
		{ IN_LINUX, RES("\"cpu\":{\"quota\":1000,\"period\":1000000,\"burst\":1000}"), "" },
		{ IN_LINUX, RES("\"cpu\":{\"quota\":999}"), "linux.resources.cpu.quota: expected" },
		{ IN_LINUX, RES("\"cpu\":{\"quota\":-2}"), "linux.resources.cpu.quota: expected" },
		{ IN_LINUX, RES("\"cpu\":{\"period\":999}"), "linux.resources.cpu.period: expected" },
		{ IN_LINUX, RES("\"cpu\":{\"period\":1000001}"), "linux.resources.cpu.period: expected" },
		{ IN_LINUX, RES("\"cpu\":{\"quota\":1000,\"burst\":1001}"), "linux.resources.cpu.burst: must not be above" },
		{ IN_LINUX, RES("\"cpu\":{\"burst\":18446744073709551615}"), "linux.resources.cpu.burst: must not be above" },
		/* C-UNI-05 */
		{ IN_LINUX, RES("\"unified\":{\"memory.high\":\"1\",\"io.max\":\"8:0 rbps=1\\n8:16 rbps=2\",\"hugetlb.2MB.max\":\"\"}"), "" },
		{ IN_LINUX, RES("\"unified\":{\"../foo.bar\":\"1\"}"), "linux.resources.unified.../foo.bar: is no name of a file" },
		{ IN_LINUX, RES("\"unified\":{\"a/b.c\":\"1\"}"), "linux.resources.unified.a/b.c: is no name" },
		{ IN_LINUX, RES("\"unified\":{\"foo\":\"1\"}"), "linux.resources.unified.foo: expected CONTROLLER.SETTING" },
		{ IN_LINUX, RES("\"unified\":{\"\":\"1\"}"), "linux.resources.unified.: expected CONTROLLER.SETTING" },
		{ IN_LINUX, RES("\"unified\":{\".\":\"1\"}"), "linux.resources.unified..: expected CONTROLLER.SETTING" },
		{ IN_LINUX, RES("\"unified\":{\"..\":\"1\"}"), "linux.resources.unified...: expected CONTROLLER.SETTING" },
		{ IN_LINUX, RES("\"unified\":{\"cgroup.procs\":\"1\"}"), "linux.resources.unified.cgroup.procs: is no setting" },
		{ IN_LINUX, RES("\"unified\":{\"cgroup.kill\":\"1\"}"), "linux.resources.unified.cgroup.kill: is no setting" },
		/* clang-format on */
	};
	(void)state;

	check_verdicts(cases, ARRAY_LEN(cases));
}

/* The table of swap conversions, checklist 13b. */
static void swap_is_memory_plus_swap(void **state)
{
	static const struct {
		const char *limit, *swap;
		bool good;
	} cases[] = {
		/* clang-format off */
		{ NULL,  NULL,  true },
		{ "100", NULL,  true },
		{ "-1",  NULL,  true },
		{ "100", "-1",  true },
		{ "100", "100", true },
		{ "100", "101", true },
		{ "100", "99",  false },
		{ NULL,  "100", false },
		{ "0",   "100", false },
		{ NULL,  "-1",  true },
		{ "100", "0",   true },
		{ "-1",  "100", true },
		{ "-1",  "-1",  true },
		/* clang-format on */
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_STR text = STR_INIT;

		str_add(&text, "\"resources\":{\"memory\":{\"reservation\":0");
		if (cases[i].limit)
			str_addf(&text, ",\"limit\":%s", cases[i].limit);
		if (cases[i].swap)
			str_addf(&text, ",\"swap\":%s", cases[i].swap);
		str_add(&text, "}}");
		const char *v = verdict(IN_LINUX, str_text(&text));
		if (cases[i].good ? *v : !str_starts(v, "linux.resources.memory.swap: "))
			fail_msg("%s: '%s'", text.s, v);
	}
}

static void seccomp_rules_hold(void **state)
{
	static const struct verdict_case cases[] = {
		/* clang-format off */
		/* C-SEC-03 */
		{ IN_LINUX, SECCOMP("ERRNO", ",\"defaultErrnoRet\":0"), "" },
		{ IN_LINUX, SECCOMP("TRACE", ",\"defaultErrnoRet\":5"), "" },
		{ IN_LINUX, SECCOMP("ALLOW", ",\"defaultErrnoRet\":1"), "linux.seccomp.defaultErrnoRet: only" },
		{ IN_LINUX, SECCOMP("ALLOW", RULE("ERRNO", ",\"errnoRet\":0")), "" },
		{ IN_LINUX, SECCOMP("ERRNO", RULE("ALLOW", ",\"errnoRet\":1")), "linux.seccomp.syscalls[0].errnoRet: only" },
		{ IN_LINUX, SECCOMP("ALLOW", RULE("KILL", ",\"errnoRet\":1")), "linux.seccomp.syscalls[0].errnoRet: only" },
		/* C-SEC-12, C-SEC-23, C-SEC-25, X-18 */
		{ IN_LINUX, SECCOMP("ALLOW", ",\"listenerPath\":\"/x\",\"listenerMetadata\":\"m\""), "" },
		{ IN_LINUX, SECCOMP("ALLOW", ",\"listenerMetadata\":\"m\""), "linux.seccomp.listenerMetadata: needs 'listenerPath'" },
		{ IN_LINUX, SECCOMP("ALLOW", ",\"flags\":[\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"]"), "linux.seccomp.flags: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV needs" },
		{ IN_LINUX, SECCOMP("ALLOW", ",\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\",\"SECCOMP_FILTER_FLAG_TSYNC\",\"SECCOMP_FILTER_FLAG_SPEC_ALLOW\"]"), "" },
		{ IN_LINUX, SECCOMP("ALLOW", RULE("NOTIFY", "")), "linux.seccomp.listenerPath: required by SCMP_ACT_NOTIFY" },
		{ IN_LINUX, SECCOMP("NOTIFY", ""), "linux.seccomp.listenerPath: required by SCMP_ACT_NOTIFY" },
		{ IN_LINUX, SECCOMP("ALLOW", ",\"listenerPath\":\"x\"" RULE("NOTIFY", "")), "" },
		{ IN_LINUX, SECCOMP("NOTIFY", ",\"listenerPath\":\"/x\",\"flags\":[\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"]"), "" },
		/* clang-format on */
	};
	(void)state;

	check_verdicts(cases, ARRAY_LEN(cases));
}

/* C-MOUNT-32, C-MOUNT-35, C-MOUNT-36; others below */
static void id_mapped_mounts_have_what_they_need(void **state)
{
	static const struct verdict_case cases[] = {
		/* clang-format off */
		{ IN_TOP, BIND("\"bind\"", UID_MAP("") GID_MAP("")), "" },
		{ IN_TOP, BIND("\"bind\"", UID_MAP(MAP(0, 1, 1)) GID_MAP(MAP(0, 1, 1))), "" },
		{ IN_TOP, BIND("\"bind\",\"idmap\"", UID_MAP(MAP(0, 1, 1)) GID_MAP(MAP(0, 1, 1))), "" },
		{ IN_TOP, BIND("\"rbind\",\"ridmap\"", UID_MAP(MAP(0, 1, 1)) GID_MAP(MAP(5, 7, 1))), "" },
		{ IN_TOP, TMPFS("\"idmap\"", UID_MAP(MAP(0, 1, 1)) GID_MAP(MAP(0, 1, 1))), "" },
		/* C-MOUNT-33 */
		{ IN_TOP, BIND("\"bind\",\"idmap\"", ""), "mounts[0].options: an id-mapped mount needs 'uidMappings' and 'gidMappings', or a namespace" },
		{ IN_TOP, BIND("\"rbind\",\"ridmap\"", ""), "mounts[0].options: an id-mapped mount needs" },
		{ IN_TOP, BIND("\"bind\",\"idmap\"", UID_MAP("") GID_MAP("")), "mounts[0].options: an id-mapped mount needs" },
		{ IN_TOP, TMPFS("\"idmap\"", ""), "mounts[0].options: an id-mapped mount needs" },
		/* C-MOUNT-34 */
		{ IN_TOP, BIND("\"bind\",\"idmap\"", UID_MAP(MAP(0, 1, 1))), "mounts[0].uidMappings: 'uidMappings' and 'gidMappings' must be given together" },
		{ IN_TOP, BIND("\"bind\"", UID_MAP(MAP(0, 1, 1)) GID_MAP("")), "mounts[0].uidMappings: 'uidMappings' and" },
		{ IN_TOP, BIND("\"bind\"", GID_MAP(MAP(0, 1, 1))), "mounts[0].gidMappings: 'uidMappings' and" },
		/* as for the container's own, S-74 */
		{ IN_TOP, BIND("\"bind\"", UID_MAP(MAP(0, 1, 0)) GID_MAP(MAP(0, 1, 1))), "mounts[0].uidMappings[0].size: must not be 0" },
		{ IN_TOP, BIND("\"bind\"", UID_MAP(MAP(0, 1, 1)) GID_MAP(MAP(0, 1, 2) "," MAP(1, 5, 1))), "mounts[0].gidMappings[1].containerID: overlaps with entry 0" },
		{ IN_TOP, BIND("\"bind\"", UID_MAP(MAP(0, 4294967295, 1)) GID_MAP(MAP(0, 1, 1))), "mounts[0].uidMappings[0]: the range goes beyond" },
		/* a mount that was visible once takes no map */
		{ IN_TOP, MOUNT("\"destination\":\"/a\",\"options\":[\"bind\",\"remount\",\"idmap\"]" UID_MAP(MAP(0, 1, 1)) GID_MAP(MAP(0, 1, 1))), "mounts[0].options: a mount that exists already" },
		/* C-MOUNT-37 */
		{ IN_TOP, MOUNT("\"destination\":\"/a\",\"type\":\"cgroup\",\"options\":[\"idmap\"]" UID_MAP(MAP(0, 1, 1)) GID_MAP(MAP(0, 1, 1))), "mounts[0].options: a cgroup file system cannot" },
		/* clang-format on */
	};
	static const char in_user_ns[] =
		"\"namespaces\":[{\"type\":\"user\"},{\"type\":\"mount\"}],"
		"\"uidMappings\":[" MAP(0, 1000, 9) "],\"gidMappings\":[" MAP(0, 1000, 9) "]";
	static const struct {
		const char *top, *failure;
	} with_user_ns[] = {
		{ BIND("\"bind\",\"idmap\"", ""), "" },
		{ BIND("\"rbind\",\"ridmap\"", UID_MAP("") GID_MAP("")), "" },
		{ BIND("\"bind\"", UID_MAP(MAP(0, 1, 1)) GID_MAP(MAP(0, 1, 1))), "" },
		{ TMPFS("\"idmap\"", ""),
		  "mounts[0].options: in a container with a user namespace" },
	};
	(void)state;

	check_verdicts(cases, ARRAY_LEN(cases));
	for (size_t i = 0; i < ARRAY_LEN(with_user_ns); i++) {
		AUTO_STR top = STR_INIT;

		str_addf(&top, ",%s", with_user_ns[i].top);
		char *json = make_config("", in_user_ns, str_text(&top));
		const char *v = verdict_of(json, true);
		const char *want = with_user_ns[i].failure;
		if (*want ? strncmp(v, want, strlen(want)) != 0 : *v)
			fail_msg("%s: '%s'", with_user_ns[i].top, v);
		free(json);
	}
}

/* C-NETDEV-02, C-NETDEV-04, C-NETDEV-09, S-12 */
static void names_of_network_devices_are_the_kernels(void **state)
{
	static const struct verdict_case cases[] = {
		/* clang-format off */
		{ IN_LINUX, "\"netDevices\":{}", "" },
		{ IN_LINUX, "\"netDevices\":{\"eth0\":{}}", "linux.netDevices: needs a namespace of type \"network\"" },
		{ IN_LINUX, NETDEV("\"eth0\":{}"), "" },
		{ IN_LINUX, NETDEV("\"eth0\":{\"name\":null}"), "" },
		{ IN_LINUX, NETDEV("\"a\":{\"name\":\"b\"},\"b\":{\"name\":\"a\"}"), "" },
		{ IN_LINUX, NETDEV("\"a\":{\"name\":\"eth%d\"},\"b\":{\"name\":\"eth%d\"}"), "" },
		{ IN_LINUX, NETDEV("\"a\":{\"name\":\"%dx\"}"), "" },
		{ IN_LINUX, NETDEV("\"fifteen-bytes-x\":{\"name\":\"fifteen-bytes-y\"}"), "" },
		{ IN_LINUX, NETDEV("\"...\":{\"name\":\"@\"}"), "" },
		{ IN_LINUX, NETDEV("\"\":{}"), "linux.netDevices.: the name \"\" is empty" },
		{ IN_LINUX, NETDEV("\"a/b\":{}"), "linux.netDevices.a/b: the name \"a/b\" has a '/', ':' or blank" },
		{ IN_LINUX, NETDEV("\"sixteen-bytes-xy\":{}"), "linux.netDevices.sixteen-bytes-xy: the name \"sixteen-bytes-xy\" is longer than 15 bytes" },
		{ IN_LINUX, NETDEV("\"a\":{\"name\":\"\"}"), "linux.netDevices.a: name: \"\" is empty" },
		{ IN_LINUX, NETDEV("\"a\":{\"name\":\".\"}"), "linux.netDevices.a: name: \".\" is no name" },
		{ IN_LINUX, NETDEV("\"a\":{\"name\":\"..\"}"), "linux.netDevices.a: name: \"..\" is no name" },
		{ IN_LINUX, NETDEV("\"a\":{\"name\":\"b:1\"}"), "linux.netDevices.a: name: \"b:1\" has a '/'" },
		{ IN_LINUX, NETDEV("\"a\":{\"name\":\"b 1\"}"), "linux.netDevices.a: name: \"b 1\" has a '/'" },
		{ IN_LINUX, NETDEV("\"a\":{\"name\":\"b\\u000b\"}"), "linux.netDevices.a: name: \"b?\" has a '/'" },
		{ IN_LINUX, NETDEV("\"a\":{\"name\":\"à\"}"), "linux.netDevices.a: name: \"à\" has a '/'" },
		{ IN_LINUX, NETDEV("\"a\":{\"name\":\"eth%s\"}"), "linux.netDevices.a: name: \"eth%s\" may only have one '%'" },
		{ IN_LINUX, NETDEV("\"a\":{\"name\":\"%d%d\"}"), "linux.netDevices.a: name: \"%d%d\" may only have one '%'" },
		{ IN_LINUX, NETDEV("\"a\":{\"name\":\"x%\"}"), "linux.netDevices.a: name: \"x%\" may only have one '%'" },
		{ IN_LINUX, NETDEV("\"a\":{\"name\":\"%%d\"}"), "linux.netDevices.a: name: \"%%d\" may only have one '%'" },
		{ IN_LINUX, NETDEV("\"a\":{\"name\":\"lo\"}"), "linux.netDevices.a: name: \"lo\" is taken" },
		{ IN_LINUX, NETDEV("\"lo\":{\"name\":\"x\"}"), "" }, /* the kernel is asked */
		{ IN_LINUX, NETDEV("\"a\":{\"name\":\"b\"},\"b\":{}"), "linux.netDevices: a second device that is to be named \"b\"" },
		{ IN_LINUX, NETDEV("\"a\":5"), "linux.netDevices.a: expected an object" },
		{ IN_LINUX, NETDEV("\"a\":{\"name\":5}"), "linux.netDevices.a.name: expected a string" },
		{ IN_LINUX, "\"netDevices\":[]", "linux.netDevices: expected an object" },
		/* clang-format on */
	};
	(void)state;

	check_verdicts(cases, ARRAY_LEN(cases));
}

/* C-RDT-04, C-RDT-08, C-RDT-09, C-RDT-10, C-RDT-14 */
static void resctrl_names_and_schemas_are_checked(void **state)
{
	static const struct verdict_case cases[] = {
		/* clang-format off */
		{ IN_LINUX, "\"intelRdt\":{}", "" },
		{ IN_LINUX, RDT("\"closID\":\"/\""), "" },
		{ IN_LINUX, RDT("\"closID\":\"\""), "" }, /* absent, as engines leave it out */
		{ IN_LINUX, RDT("\"closID\":\"a.b-c d\""), "" },
		{ IN_LINUX, RDT("\"closID\":\".\""), "linux.intelRdt.closID: expected the name of a directory" },
		{ IN_LINUX, RDT("\"closID\":\"..\""), "linux.intelRdt.closID: expected the name of a directory" },
		{ IN_LINUX, RDT("\"closID\":\"a/b\""), "linux.intelRdt.closID: expected the name of a directory" },
		{ IN_LINUX, RDT("\"closID\":\"/a\""), "linux.intelRdt.closID: expected the name of a directory" },
		{ IN_LINUX, RDT("\"closID\":\"//\""), "linux.intelRdt.closID: expected the name of a directory" },
		{ IN_LINUX, RDT("\"closID\":\"a\\nb\""), "linux.intelRdt.closID: expected the name of a directory" },
		{ IN_LINUX, RDT("\"closID\":5"), "linux.intelRdt.closID: expected a string" },
		{ IN_LINUX, RDT("\"l3CacheSchema\":\"L3:0=f;1=f\",\"memBwSchema\":\"MB:0=20\""), "" },
		{ IN_LINUX, RDT("\"l3CacheSchema\":\"MB:0=f\""), "linux.intelRdt.l3CacheSchema: expected \"L3:…\"" },
		{ IN_LINUX, RDT("\"l3CacheSchema\":\" L3:0=f\""), "linux.intelRdt.l3CacheSchema: expected \"L3:…\"" },
		{ IN_LINUX, RDT("\"l3CacheSchema\":\"L3:0=f\\nMB:0=20\""), "linux.intelRdt.l3CacheSchema: must not contain a newline" },
		{ IN_LINUX, RDT("\"memBwSchema\":\"L3:0=f\""), "linux.intelRdt.memBwSchema: expected \"MB:…\"" },
		{ IN_LINUX, RDT("\"memBwSchema\":\"MB:0=20\\n\""), "linux.intelRdt.memBwSchema: must not contain a newline" },
		{ IN_LINUX, RDT("\"memBwSchema\":[]"), "linux.intelRdt.memBwSchema: expected a string" },
		{ IN_LINUX, RDT("\"schemata\":[\"L2:0=f\",\"MB:0=20\"]"), "" },
		{ IN_LINUX, RDT("\"schemata\":[]"), "" },
		{ IN_LINUX, RDT("\"schemata\":[\"L2:0=f\",\"MB:0=20\\nL3:0=1\"]"), "linux.intelRdt.schemata[1]: must not contain a newline" },
		{ IN_LINUX, RDT("\"schemata\":[\"\"]"), "linux.intelRdt.schemata[0]: expected \"RESOURCE:" },
		{ IN_LINUX, RDT("\"schemata\":[\":0=1\"]"), "linux.intelRdt.schemata[0]: expected \"RESOURCE:" },
		{ IN_LINUX, RDT("\"schemata\":\"L3:0=f\""), "linux.intelRdt.schemata: expected an array" },
		{ IN_LINUX, RDT("\"schemata\":[5]"), "linux.intelRdt.schemata[0]: expected a string" },
		{ IN_LINUX, RDT("\"enableMonitoring\":\"yes\""), "linux.intelRdt.enableMonitoring: expected true or false" },
		{ IN_LINUX, RDT("\"enableCMT\":true,\"enableMBM\":5"), "" }, /* C-RDT-14 */
		{ IN_LINUX, "\"intelRdt\":[]", "linux.intelRdt: expected an object" },
		/* clang-format on */
	};
	(void)state;

	check_verdicts(cases, ARRAY_LEN(cases));

	AUTO_STR more = STR_INIT;
	str_add(&more, "\"intelRdt\":{\"closID\":\"");
	for (unsigned i = 0; i < 256; i++)
		str_add(&more, "x");
	str_add(&more, "\"}");
	assert_true(
		str_starts(verdict(IN_LINUX, str_text(&more)), "linux.intelRdt.closID: expected"));
}

/* C-IO-01, C-IO-02, C-IO-03, C-HUGE-01, C-RDMA-01 */
static void devices_of_resources_are_checked(void **state)
{
	static const struct verdict_case cases[] = {
		/* clang-format off */
		{ IN_LINUX, RES("\"blockIO\":{\"weight\":10,\"leafWeight\":0}"), "" },
		{ IN_LINUX, RES("\"blockIO\":{\"weight\":1000}"), "" },
		{ IN_LINUX, RES("\"blockIO\":{\"weight\":9}"), "linux.resources.blockIO.weight: expected 10 to 1000" },
		{ IN_LINUX, RES("\"blockIO\":{\"weight\":1001}"), "linux.resources.blockIO.weight: expected 10 to 1000" },
		{ IN_LINUX, RES("\"blockIO\":{\"leafWeight\":10}"), "linux.resources.blockIO.leafWeight: cgroup v2 has no such weight" },
		{ IN_LINUX, RES("\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":0}]}"), "linux.resources.blockIO.weightDevice[0]: needs 'weight'" },
		{ IN_LINUX, RES("\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":0,\"weight\":10},{\"major\":8,\"minor\":0,\"weight\":9}]}"), "linux.resources.blockIO.weightDevice[1].weight: expected 10 to 1000" },
		{ IN_LINUX, RES("\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":0,\"leafWeight\":10}]}"), "linux.resources.blockIO.weightDevice[0].leafWeight: cgroup v2 has no such weight" },
		{ IN_LINUX, RES("\"blockIO\":{\"throttleWriteIOPSDevice\":[{\"major\":8,\"minor\":0,\"rate\":0}]}"), "" },
		{ IN_LINUX, RES("\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":9223372036854772000}]"), "" },
		{ IN_LINUX, RES("\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":1},{\"pageSize\":\"1GB\",\"limit\":1},{\"pageSize\":\"2MB\",\"limit\":2}]"), "linux.resources.hugepageLimits: a second limit for page size \"2MB\"" },
		{ IN_LINUX, RES("\"rdma\":{\"mlx5_1\":{\"hcaHandles\":1}}"), "" },
		{ IN_LINUX, RES("\"rdma\":{\"\":{\"hcaHandles\":1}}"), "linux.resources.rdma: \"\" is no name of a device" },
		{ IN_LINUX, RES("\"rdma\":{\"a b\":{\"hcaHandles\":1}}"), "linux.resources.rdma: \"a b\" is no name of a device" },
		{ IN_LINUX, RES("\"rdma\":{\"a\\nb\":{\"hcaHandles\":1}}"), "linux.resources.rdma: \"a?b\" is no name of a device" },
		{ IN_LINUX, RES("\"rdma\":{\"a=1\":{\"hcaHandles\":1}}"), "linux.resources.rdma: \"a=1\" is no name of a device" },
		/* clang-format on */
	};
	(void)state;

	check_verdicts(cases, ARRAY_LEN(cases));
}

/* Our own saved copy was validated at create and must load even if a later version is stricter. */
static void rules_can_be_left_out(void **state)
{
	char *json = make_config("", "\"cgroupsPath\":\"/\",\"intelRdt\":{\"closID\":\"..\"}", "");
	(void)state;

	assert_string_not_equal(verdict_of(json, true), "");
	assert_string_equal(verdict_of(json, false), "");
	free(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_with_major_1_are_accepted),
		cmocka_unit_test(version_and_root_are_required),
		cmocka_unit_test(process_rules_hold),
		cmocka_unit_test(args_and_cwd_are_checked),
		cmocka_unit_test(mount_rules_hold),
		cmocka_unit_test(what_changes_mounts_needs_a_new_mount_namespace),
		cmocka_unit_test(namespace_rules_hold),
		cmocka_unit_test(cgroups_path_stays_below_the_root),
		cmocka_unit_test(sysctl_belongs_to_a_listed_namespace),
		cmocka_unit_test(domainname_cannot_be_given_twice),
		cmocka_unit_test(resources_without_a_counterpart_are_refused),
		cmocka_unit_test(swap_is_memory_plus_swap),
		cmocka_unit_test(seccomp_rules_hold),
		cmocka_unit_test(id_mapped_mounts_have_what_they_need),
		cmocka_unit_test(names_of_network_devices_are_the_kernels),
		cmocka_unit_test(resctrl_names_and_schemas_are_checked),
		cmocka_unit_test(devices_of_resources_are_checked),
		cmocka_unit_test(rules_can_be_left_out),
	};

	return cmocka_run_group_tests_name("oci/validate", tests, NULL, NULL);
}
