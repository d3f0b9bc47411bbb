/* SPDX-License-Identifier: Apache-2.0 */
#include "base_util.h"

#include <linux/audit.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

#include "oci/config.h"
#include "oci/names.h"

static void names_and_values_are_found_both_ways(void **state)
{
	uint64_t v = 77;
	(void)state;

	assert_true(names_find(oci_capabilities, "CAP_NET_ADMIN", &v));
	assert_int_equal(v, 12);
	assert_false(names_find(oci_capabilities, "cap_net_admin", &v)); /* C-CAP-09 */
	assert_false(names_find(oci_capabilities, "CAP_", &v));
	assert_false(names_find(oci_capabilities, "", &v));
	assert_int_equal(v, 12); /* untouched */
	assert_string_equal(names_of(oci_capabilities, 12), "CAP_NET_ADMIN");
	assert_null(names_of(oci_capabilities, 41));
	assert_int_equal(names_count(oci_capabilities), 41); /* F-08 */
	assert_int_equal(names_count(oci_rlimits), RLIM_NLIMITS);
	assert_int_equal(names_count(oci_namespaces), OCI_NS_COUNT);
	assert_int_equal(names_count(oci_seccomp_actions), 9);
	assert_int_equal(names_count(oci_seccomp_ops), 7);
	assert_int_equal(names_count(oci_seccomp_archs), 23);
}

static void capabilities_are_in_order_of_their_bits(void **state)
{
	(void)state;

	for (size_t i = 0; oci_capabilities[i].name; i++)
		assert_int_equal(oci_capabilities[i].value, i);
}

/* Numbers of the kernel's ABI, written down independently of the headers that names.c uses. */
static void values_are_those_of_the_kernel(void **state)
{
	static const struct {
		const struct name_value *table;
		const char *name;
		uint64_t value;
	} cases[] = {
		/* clang-format off */
		{ oci_rlimits, "RLIMIT_CPU", 0 },
		{ oci_rlimits, "RLIMIT_NOFILE", 7 },
		{ oci_rlimits, "RLIMIT_RTTIME", 15 },
		{ oci_seccomp_actions, "SCMP_ACT_KILL", 0 },
		{ oci_seccomp_actions, "SCMP_ACT_KILL_THREAD", 0 },
		{ oci_seccomp_actions, "SCMP_ACT_KILL_PROCESS", 0x80000000 },
		{ oci_seccomp_actions, "SCMP_ACT_TRAP", 0x00030000 },
		{ oci_seccomp_actions, "SCMP_ACT_ERRNO", 0x00050000 },
		{ oci_seccomp_actions, "SCMP_ACT_NOTIFY", 0x7fc00000 },
		{ oci_seccomp_actions, "SCMP_ACT_TRACE", 0x7ff00000 },
		{ oci_seccomp_actions, "SCMP_ACT_LOG", 0x7ffc0000 },
		{ oci_seccomp_actions, "SCMP_ACT_ALLOW", 0x7fff0000 },
		{ oci_seccomp_ops, "SCMP_CMP_NE", 1 },
		{ oci_seccomp_ops, "SCMP_CMP_EQ", 4 },
		{ oci_seccomp_ops, "SCMP_CMP_MASKED_EQ", 7 },
		{ oci_seccomp_archs, "SCMP_ARCH_X86_64", 0xc000003e },
		{ oci_seccomp_archs, "SCMP_ARCH_X86", 0x40000003 },
		{ oci_seccomp_archs, "SCMP_ARCH_X32", 0x4000003e },
		{ oci_seccomp_archs, "SCMP_ARCH_AARCH64", 0xc00000b7 },
		{ oci_seccomp_archs, "SCMP_ARCH_RISCV64", 0xc00000f3 },
		{ oci_seccomp_archs, "SCMP_ARCH_LOONGARCH64", 0xc0000102 },
		{ oci_seccomp_archs, "SCMP_ARCH_MIPSEL64N32", 0xe0000008 },
		{ oci_seccomp_archs, "SCMP_ARCH_S390X", 0x80000016 },
		{ oci_seccomp_archs, "SCMP_ARCH_SHEB", 0x2a },
		{ oci_seccomp_flags, "SECCOMP_FILTER_FLAG_TSYNC", 1 },
		{ oci_seccomp_flags, "SECCOMP_FILTER_FLAG_SPEC_ALLOW", 4 },
		{ oci_seccomp_flags, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 32 },
		{ oci_scheduler_policies, "SCHED_OTHER", 0 },
		{ oci_scheduler_policies, "SCHED_DEADLINE", 6 },
		{ oci_scheduler_flags, "SCHED_FLAG_UTIL_CLAMP_MAX", 0x40 },
		{ oci_io_classes, "IOPRIO_CLASS_IDLE", 3 },
		{ oci_memory_policies, "MPOL_WEIGHTED_INTERLEAVE", 6 },
		{ oci_memory_policies, "MPOL_PREFERRED_MANY", 5 },
		{ oci_memory_policy_flags, "MPOL_F_STATIC_NODES", 1 << 15 },
		{ oci_personalities, "LINUX32", 8 },
		{ oci_propagations, "rshared", (1 << 20) | (1 << 14) },
		{ oci_propagations, "unbindable", 1 << 17 },
		/* clang-format on */
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t v;
		assert_true(names_find(cases[i].table, cases[i].name, &v));
		if (v != cases[i].value)
			fail_msg("%s is %lx", cases[i].name, v);
	}
}

static const struct mount_option *option(const char *name)
{
	const struct mount_option *o = oci_mount_options;

	while (o->name && strcmp(o->name, name) != 0)
		o++;
	if (!o->name)
		fail_msg("no option '%s'", name);
	return o;
}

/* config-linux.md: the table of mount options; C-MOUNT-10, C-MOUNT-11,
 * C-MOUNT-12, C-MOUNT-13, C-MOUNT-22, X-29. */
static void every_option_of_the_spec_is_in_the_table(void **state)
{
	static const char *const names[] = {
		"async",         "atime",        "bind",
		"defaults",      "dev",          "diratime",
		"dirsync",       "exec",         "idmap",
		"iversion",      "lazytime",     "loud",
		"mand",          "noatime",      "nodev",
		"nodiratime",    "noexec",       "noiversion",
		"nolazytime",    "nomand",       "norelatime",
		"nostrictatime", "nosuid",       "nosymfollow",
		"private",       "ratime",       "rbind",
		"rdev",          "rdiratime",    "relatime",
		"remount",       "rexec",        "ridmap",
		"rnoatime",      "rnodev",       "rnodiratime",
		"rnoexec",       "rnorelatime",  "rnostrictatime",
		"rnosuid",       "rnosymfollow", "ro",
		"rprivate",      "rrelatime",    "rro",
		"rrw",           "rshared",      "rslave",
		"rstrictatime",  "rsuid",        "rsymfollow",
		"runbindable",   "rw",           "shared",
		"silent",        "slave",        "strictatime",
		"suid",          "symfollow",    "sync",
		"tmpcopyup",     "unbindable",
	};
	size_t n = 0;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		(void)option(names[i]);
	for (const struct mount_option *o = oci_mount_options; o->name; o++, n++)
		assert_true(n == 0 || strcmp(o[-1].name, o->name) < 0); /* sorted */
	assert_int_equal(n, ARRAY_LEN(names));
}

/* C-MOUNT-21: "rX" asks for the same as "X", for the whole tree. */
static void recursive_options_match_the_plain_ones(void **state)
{
	size_t n = 0;
	(void)state;

	for (const struct mount_option *o = oci_mount_options; o->name; o++) {
		if (o->kind != MOPT_RATTR)
			continue;
		const struct mount_option *plain = option(o->name + 1);
		assert_int_equal(plain->kind, MOPT_ATTR);
		assert_true(plain->set == o->set && plain->clear == o->clear);
		n++;
	}
	assert_int_equal(n, 18);
}

/* R-LIFE-12, R-LIFE-13 */
static void signals_are_read_as_users_write_them(void **state)
{
	static const struct {
		const char *text;
		int signal; /* -1: refused */
	} cases[] = {
		/* clang-format off */
		{ "0", 0 }, { "9", 9 }, { "64", 64 }, { "KILL", 9 }, { "SIGKILL", 9 }, { "sigkill", 9 },
		{ "term", 15 }, { "SigTerm", 15 }, { "SIGIOT", 6 }, { "SIGPOLL", 29 }, { "SIGCLD", 17 },
		{ "RTMIN", 34 }, { "SIGRTMIN+1", 35 }, { "rtmin+30", 64 }, { "SIGRTMAX", 64 },
		{ "RTMAX-2", 62 }, { "SIGRTMAX-30", 34 }, { "RTMIN+0", 34 },
		{ "", -1 }, { "65", -1 }, { "-1", -1 }, { "+9", -1 }, { " 9", -1 }, { "9 ", -1 },
		{ "09", -1 }, { "4294967305", -1 }, { "FOO", -1 }, { "SIG", -1 }, { "SIGSIGKILL", -1 },
		{ "KILLX", -1 }, { "SIG9", -1 }, { "RTMIN+31", -1 }, { "RTMIN-1", -1 }, { "RTMAX+1", -1 },
		{ "RTMIN+", -1 }, { "RTMIN1", -1 }, { "RTMAX--1", -1 }, { "99", -1 },
		/* clang-format on */
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int sig = -5;
		int r = signal_parse(cases[i].text, &sig);
		if (r != (cases[i].signal < 0 ? -1 : 0) || (r == 0 && sig != cases[i].signal))
			fail_msg("'%s': %d", cases[i].text, sig);
		if (r < 0)
			assert_int_equal(sig, -5);
	}
	for (int sig = 1; sig < 32; sig++)
		assert_non_null(names_of(oci_signals, (uint64_t)sig));
	assert_string_equal(names_of(oci_signals, 6), "SIGABRT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_values_are_found_both_ways),
		cmocka_unit_test(capabilities_are_in_order_of_their_bits),
		cmocka_unit_test(values_are_those_of_the_kernel),
		cmocka_unit_test(every_option_of_the_spec_is_in_the_table),
		cmocka_unit_test(recursive_options_match_the_plain_ones),
		cmocka_unit_test(signals_are_read_as_users_write_them),
	};

	return cmocka_run_group_tests_name("oci/names", tests, NULL, NULL);
}
