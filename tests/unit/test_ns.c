/* SPDX-License-Identifier: Apache-2.0 */
/* test_ns.c - kernel/ns */
#include "kernel_util.h"

#include <inttypes.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "base/fd.h"
#include "kernel/ns.h"

static void set_path(struct oci_config *c, enum oci_ns ns, const char *path)
{
	c->linux_.ns[ns].present = true;
	c->linux_.ns[ns].path = path;
}

/* C-NS-04, C-NS-11, C-NS-13: cgroup and time do not come from clone3. */
static void new_namespaces_become_clone_flags(void **state)
{
	struct oci_config c = CONFIG_BY_HAND;
	struct err err = ERR_INIT;
	struct ns_plan p;
	(void)state;

	for (int ns = 0; ns < OCI_NS_COUNT; ns++)
		set_path(&c, (enum oci_ns)ns, NULL);
	assert_int_equal(ns_plan_build(&c, &p, &err), 0);

	assert_int_equal(p.clone_flags, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
						CLONE_NEWIPC | CLONE_NEWUTS);
	assert_true(p.new_cgroup);
	assert_true(p.new_time);
	for (int ns = 0; ns < OCI_NS_COUNT; ns++)
		assert_int_equal(p.join[ns], -1);
	ns_plan_done(&p);
}

/* C-NS-03 */
static void absent_namespaces_are_inherited(void **state)
{
	struct oci_config c = CONFIG_BY_HAND;
	struct err err = ERR_INIT;
	struct ns_plan p;
	(void)state;

	assert_int_equal(ns_plan_build(&c, &p, &err), 0);

	assert_int_equal(p.clone_flags, 0);
	assert_false(p.new_cgroup);
	assert_false(p.new_time);
}

/* The three tables of the module agree with the kernel. */
static void every_type_joins_by_its_own_name_and_flag(void **state)
{
	(void)state;

	for (int ns = 0; ns < OCI_NS_COUNT; ns++) {
		struct oci_config c = CONFIG_BY_HAND;
		struct err err = ERR_INIT;
		struct ns_plan p;
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/ns/%s", ns_proc_name((enum oci_ns)ns));
		if (access(path, F_OK) < 0)
			continue;
		set_path(&c, (enum oci_ns)ns, path);
		assert_int_equal(ns_plan_build(&c, &p, &err), 0);

		/* our own user and mount namespaces are left out */
		if (ns == OCI_NS_USER || ns == OCI_NS_MOUNT) {
			assert_int_equal(p.join[ns], -1);
		} else {
			assert_true(p.join[ns] >= 0);
			assert_true(is_cloexec(p.join[ns]));
		}
		assert_int_equal(p.clone_flags, 0);
		ns_plan_done(&p);
	}
}

/* C-NS-06: refused before the clone, with both types in the message. */
static void wrong_type_is_refused_and_nothing_leaks(void **state)
{
	struct oci_config c = CONFIG_BY_HAND;
	struct err err = ERR_INIT;
	struct ns_plan p;
	size_t before = open_fds();
	(void)state;

	set_path(&c, OCI_NS_PID, "/proc/self/ns/pid");
	set_path(&c, OCI_NS_UTS, "/proc/self/ns/ipc");
	assert_int_equal(ns_plan_build(&c, &p, &err), -1);

	assert_non_null(strstr(err.msg, "linux.namespaces 'uts'"));
	assert_non_null(strstr(err.msg, "config.json:1:1"));
	assert_non_null(strstr(err.msg, "type 'ipc', not 'uts'"));
	assert_int_equal(open_fds(), before);
}

/* I-28, I-29: a FIFO must not stop us, a device must not be operated. */
static void other_files_are_no_namespaces(void **state)
{
	struct oci_config c = CONFIG_BY_HAND;
	const char *tmp = getenv("TMPDIR");
	char dir[64], fifo[80];
	struct err err;
	struct ns_plan p;
	(void)state;

	(void)snprintf(dir, sizeof(dir), "%s/test_ns.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	const char *paths[] = { fifo, dir, "/dev/null", "/proc/self/status" };

	alarm(10);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		set_path(&c, OCI_NS_NETWORK, paths[i]);
		assert_int_equal(ns_plan_build(&c, &p, &err), -1);
		assert_non_null(strstr(err.msg, "is no namespace"));
	}
	alarm(0);

	assert_int_equal(unlink(fifo), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void missing_file_is_refused(void **state)
{
	struct oci_config c = CONFIG_BY_HAND;
	struct err err = ERR_INIT;
	struct ns_plan p;
	(void)state;

	set_path(&c, OCI_NS_NETWORK, "/does/not/exist");
	assert_int_equal(ns_plan_build(&c, &p, &err), -1);
	assert_int_equal(err.sys, ENOENT);
}

static void enter_with_the_wrong_type_fails(void **state)
{
	struct err err = ERR_INIT;
	(void)state;

	AUTO_FD fd = open("/proc/self/ns/ipc", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ns_enter(fd, OCI_NS_UTS, &err), -1);
	assert_int_equal(err.sys, EINVAL);
}

static void enters_a_namespace(void)
{
	struct err err = ERR_INIT;
	struct stat before, after;

	int old = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
	REQUIRE(old >= 0 && fstat(old, &before) == 0);
	need_namespaces(CLONE_NEWUTS);
	if (geteuid() != 0)
		skip_child("only root may go back");
	REQUIRE_OK(ns_enter(old, OCI_NS_UTS, &err), err);
	REQUIRE(stat("/proc/self/ns/uts", &after) == 0 && before.st_ino == after.st_ino);
}

static void enter_joins(void **state)
{
	(void)state;
	in_child(enters_a_namespace);
}

static int64_t now(clockid_t clock)
{
	struct timespec t;

	REQUIRE(clock_gettime(clock, &t) == 0);
	return t.tv_sec;
}

static void need_time_namespace(void)
{
	if (access("/proc/self/ns/time", F_OK) < 0)
		skip_child("no time namespaces");
	need_namespaces(CLONE_NEWTIME);
}

static void offsets_move_clocks(void)
{
	struct oci_config c = CONFIG_BY_HAND;
	struct err err = ERR_INIT;
	int64_t before = now(CLOCK_MONOTONIC);
	struct stat mine, children;

	int procfd = trusted_procfs();
	need_time_namespace();
	c.linux_.monotonic = (struct oci_time_offset){ .set = true, .secs = 1000000 };
	c.linux_.boottime = (struct oci_time_offset){ .set = true, .secs = -1, .nanosecs = 5 };
	REQUIRE_OK(ns_write_time_offsets(procfd, &c, &err), err);

	int64_t moved = now(CLOCK_MONOTONIC) - before;
	REQUIRE(moved >= 1000000 && moved < 1000100);
	REQUIRE(stat("/proc/self/ns/time", &mine) == 0);
	REQUIRE(stat("/proc/self/ns/time_for_children", &children) == 0);
	REQUIRE(mine.st_ino == children.st_ino);
}

static void time_offsets_move_the_clocks_of_the_caller(void **state)
{
	(void)state;
	in_child(offsets_move_clocks);
}

static void no_offsets(void)
{
	struct oci_config c = CONFIG_BY_HAND;
	struct err err = ERR_INIT;
	struct stat before, after;

	int procfd = trusted_procfs();
	REQUIRE(stat("/proc/self/ns/time", &before) == 0);
	need_time_namespace();
	REQUIRE_OK(ns_write_time_offsets(procfd, &c, &err), err);
	REQUIRE(stat("/proc/self/ns/time", &after) == 0 && before.st_ino != after.st_ino);
}

static void a_time_namespace_without_offsets_is_entered(void **state)
{
	(void)state;
	in_child(no_offsets);
}

/* C-TIME-05 */
static void negative_clock(void)
{
	struct oci_config c = CONFIG_BY_HAND;
	struct err err = ERR_INIT;

	int procfd = trusted_procfs();
	need_time_namespace();
	c.linux_.boottime = (struct oci_time_offset){ .set = true, .secs = -1000000000 };
	REQUIRE(ns_write_time_offsets(procfd, &c, &err) < 0);
	REQUIRE(err.sys == ERANGE);
	REQUIRE(strstr(err.msg, "linux.timeOffsets.boottime"));
}

static void a_clock_below_zero_is_refused(void **state)
{
	(void)state;
	in_child(negative_clock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_namespaces_become_clone_flags),
		cmocka_unit_test(absent_namespaces_are_inherited),
		cmocka_unit_test(every_type_joins_by_its_own_name_and_flag),
		cmocka_unit_test(wrong_type_is_refused_and_nothing_leaks),
		cmocka_unit_test(other_files_are_no_namespaces),
		cmocka_unit_test(missing_file_is_refused),
		cmocka_unit_test(enter_with_the_wrong_type_fails),
		cmocka_unit_test(enter_joins),
		cmocka_unit_test(time_offsets_move_the_clocks_of_the_caller),
		cmocka_unit_test(a_time_namespace_without_offsets_is_entered),
		cmocka_unit_test(a_clock_below_zero_is_refused),
	};

	return cmocka_run_group_tests_name("ns", tests, NULL, NULL);
}
