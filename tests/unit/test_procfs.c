/* SPDX-License-Identifier: Apache-2.0 */
#include "ns_util.h"

#include "kernel/procfs.h"

/* I-09 */
static void opens_the_root_of_a_procfs(void **state)
{
	struct err err = ERR_INIT;
	AUTO_FD fd = -1;
	char pid[32];
	char buf[4096];

	(void)state;
	assert_int_equal(procfs_open(&fd, &err), 0);
	assert_true(is_cloexec(fd));
	assert_int_equal(procfs_read(fd, "self/status", buf, sizeof(buf), &err), 0);
	(void)snprintf(pid, sizeof(pid), "\nPid:\t%d\n", getpid());
	assert_non_null(strstr(buf, pid));
}

/* S-04, S-19, S-32: a tmpfs or a part of a procfs is none */
static void refuses_what_is_not_the_root_of_a_procfs(void **state)
{
	struct err err = ERR_INIT;
	int status;

	(void)state;
	needs_namespaces();
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			int fd;

			CHECK(unshare(CLONE_NEWNS) == 0);
			if (i == 0)
				CHECK(sys_mount("tmpfs", "/proc", "tmpfs", 0, NULL) == 0);
			else
				CHECK(sys_mount("/proc/sys", "/proc", NULL, MS_BIND, NULL) == 0);
			CHECK(procfs_open(&fd, &err) == -1);
			CHECK(strstr(err.msg, "not the root of a procfs"));
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

/* I-09, CVE-2025-52881: no magic links, no other links, no way out */
static void follows_nothing_below(void **state)
{
	static const char *const names[] = {
		"self/cwd/x",  "self/root/etc/passwd",  "self/fd/0", "mounts", "../etc/passwd",
		"/etc/passwd", "self/../../etc/passwd", "net/dev",
	};
	struct err err = ERR_INIT;
	AUTO_FD proc = -1;

	(void)state;
	assert_int_equal(procfs_open(&proc, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		int fd = -1;

		assert_int_equal(procfs_open_file(proc, names[i], O_RDONLY, &fd, &err), -1);
		assert_int_equal(fd, -1);
		assert_true(errno == ELOOP || errno == EXDEV);
	}
}

/* S-19: a tmpfs or another file over the wanted one is not entered */
static void does_not_cross_mounts(void **state)
{
	struct err err = ERR_INIT;
	int status;

	(void)state;
	needs_namespaces();
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int proc;
		char buf[64];

		CHECK(unshare(CLONE_NEWNS) == 0);
		CHECK(procfs_open(&proc, &err) == 0);
		CHECK(sys_mount("/proc/version", "/proc/self/oom_score_adj", NULL, MS_BIND, NULL) ==
		      0);
		CHECK(procfs_write(proc, "self/oom_score_adj", "0", &err) == -1);
		CHECK(errno == EXDEV);
		CHECK(sys_mount("tmpfs", "/proc/sys", "tmpfs", 0, NULL) == 0);
		CHECK(procfs_read(proc, "sys/kernel/ostype", buf, sizeof(buf), &err) == -1);
		CHECK(errno == EXDEV);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void reads_are_bounded_and_writes_are_reported(void **state)
{
	struct err err = ERR_INIT;
	AUTO_FD proc = -1;
	char buf[8];

	(void)state;
	assert_int_equal(procfs_open(&proc, &err), 0);
	assert_int_equal(procfs_read(proc, "self/status", buf, sizeof(buf), &err), -1);
	assert_non_null(strstr(err.msg, "longer than 7 bytes"));
	assert_int_equal(procfs_read(proc, "self/oom_score_adj", buf, sizeof(buf), &err), 0);
	assert_int_equal(procfs_write(proc, "self/oom_score_adj", "nonsense", &err), -1);
	assert_non_null(strstr(err.msg, "write 'nonsense' to '/proc/self/oom_score_adj'"));
	assert_int_equal(procfs_write(proc, "no/such", "1", &err), -1);
	assert_int_equal(err.sys, ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NS_TEST(opens_the_root_of_a_procfs),
		NS_TEST(refuses_what_is_not_the_root_of_a_procfs),
		NS_TEST(follows_nothing_below),
		NS_TEST(does_not_cross_mounts),
		NS_TEST(reads_are_bounded_and_writes_are_reported),
	};

	return cmocka_run_group_tests_name("procfs", tests, ns_group_setup, ns_group_teardown);
}
