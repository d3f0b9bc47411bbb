/* SPDX-License-Identifier: Apache-2.0 */
/* C-MOUNT-26: the mount option tmpcopyup */
#include "ns_util.h"

#include <sys/xattr.h>

#include "kernel/copyup.h"

static void open_pair(int *from, int *to)
{
	if (mkdir("to", 0755) < 0)
		assert_int_equal(errno, EEXIST);
	*from = open("rootfs", O_PATH | O_DIRECTORY | O_CLOEXEC);
	*to = open("to", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(*from >= 0 && *to >= 0);
}

static struct stat stat_of(int dirfd, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW), 0);

	return st;
}

static void keeps_content_owner_mode_and_times(void **state)
{
	const struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 2000, .tv_nsec = 5 } };
	struct err err = ERR_INIT;
	AUTO_FD from = -1;
	AUTO_FD to = -1;
	char link[16];

	(void)state;
	needs_namespaces();
	open_pair(&from, &to);
	assert_int_equal(mkdirat(from, "d", 0750), 0);
	write_file_at(from, "d/f", "content");
	assert_int_equal(fchownat(from, "d/f", 7, 8, 0), 0);
	assert_int_equal(fchmodat(from, "d/f", 04711, 0), 0);
	assert_int_equal(fchownat(from, "d", 9, 10, 0), 0);
	assert_int_equal(utimensat(from, "d/f", times, 0), 0);
	assert_int_equal(symlinkat("/nowhere", from, "l"), 0);
	assert_int_equal(fchownat(from, "l", 3, 4, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(utimensat(from, "d", times, 0), 0);
	assert_int_equal(fchownat(from, "", 11, 12, AT_EMPTY_PATH), 0);

	if (copyup(from, to, &err) < 0)
		fail_msg("%s", err.msg);

	assert_string_equal(read_file_at(to, "d/f"), "content");
	struct stat st = stat_of(to, "d/f");
	assert_int_equal(st.st_mode, S_IFREG | 04711);
	assert_int_equal(st.st_uid, 7);
	assert_int_equal(st.st_gid, 8);
	assert_int_equal(st.st_mtim.tv_sec, 2000);
	assert_int_equal(st.st_mtim.tv_nsec, 5);
	st = stat_of(to, "d");
	assert_int_equal(st.st_mode, S_IFDIR | 0750);
	assert_int_equal(st.st_gid, 10);
	assert_int_equal(st.st_mtim.tv_sec, 2000);
	st = stat_of(to, "l");
	assert_int_equal(st.st_uid, 3);
	assert_int_equal(readlinkat(to, "l", link, sizeof(link)), strlen("/nowhere"));
	assert_int_equal(stat_of(to, ".").st_uid, 11);
}

static void keeps_attributes_and_nodes(void **state)
{
	struct err err = ERR_INIT;
	AUTO_FD from = -1;
	AUTO_FD to = -1;
	char value[8];

	(void)state;
	needs_namespaces();
	open_pair(&from, &to);
	write_file_at(from, "f", "");
	assert_int_equal(setxattr("rootfs/f", "trusted.x", "v", 1, 0), 0);
	assert_int_equal(mkfifoat(from, "pipe", 0622), 0);
	assert_int_equal(mknodat(from, "null", S_IFCHR | 0666, makedev(1, 3)), 0);

	if (copyup(from, to, &err) < 0)
		fail_msg("%s", err.msg);

	assert_int_equal(getxattr("to/f", "trusted.x", value, sizeof(value)), 1);
	assert_int_equal(stat_of(to, "pipe").st_mode, S_IFIFO | (0622 & ~022));
	assert_int_equal(stat_of(to, "null").st_rdev, makedev(1, 3));
}

/* More entries than the buffer holds, with sub-directories between them. */
static void large_directories_are_complete(void **state)
{
	struct err err = ERR_INIT;
	AUTO_FD from = -1;
	AUTO_FD to = -1;
	char name[64];

	(void)state;
	needs_namespaces();
	open_pair(&from, &to);
	for (int i = 0; i < 600; i++) {
		(void)snprintf(name, sizeof(name), "%040d", i);
		if (i % 3) {
			write_file_at(from, name, name);
			continue;
		}
		assert_int_equal(mkdirat(from, name, 0755), 0);
		(void)snprintf(name, sizeof(name), "%040d/inner", i);
		write_file_at(from, name, name);
	}

	if (copyup(from, to, &err) < 0)
		fail_msg("%s", err.msg);

	for (int i = 0; i < 600; i++) {
		(void)snprintf(name, sizeof(name), i % 3 ? "%040d" : "%040d/inner", i);
		assert_string_equal(read_file_at(to, name), name);
	}
}

/* I-01: links are copied, not followed; another file system is not the image's content */
static void stays_in_the_directory_and_its_file_system(void **state)
{
	struct err err = ERR_INIT;
	AUTO_FD from = -1;
	AUTO_FD to = -1;

	(void)state;
	needs_namespaces();
	open_pair(&from, &to);
	write_file_at(AT_FDCWD, "outside/secret", "secret");
	assert_int_equal(symlinkat("../outside", from, "out"), 0);
	assert_int_equal(mkdirat(from, "m", 0755), 0);
	assert_int_equal(sys_mount("tmpfs", "rootfs/m", "tmpfs", 0, NULL), 0);
	write_file_at(from, "m/mounted", "");

	if (copyup(from, to, &err) < 0)
		fail_msg("%s", err.msg);

	assert_true(S_ISLNK(stat_of(to, "out").st_mode));
	assert_true(S_ISDIR(stat_of(to, "m").st_mode));
	assert_int_equal(faccessat(to, "m/mounted", F_OK, 0), -1);
}

static void depth_and_space_have_an_end(void **state)
{
	struct err err = ERR_INIT;
	AUTO_FD from = -1;
	AUTO_FD to = -1;
	char path[512] = "rootfs";

	(void)state;
	needs_namespaces();
	open_pair(&from, &to);
	write_file_at(from, "f", "more than nothing");
	assert_int_equal(sys_mount("tmpfs", "to", "tmpfs", 0, "nr_inodes=1"), 0);
	AUTO_FD full = open("to", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(copyup(from, full, &err), -1);
	assert_int_equal(err.sys, ENOSPC);
	assert_non_null(strstr(err.msg, "make 'f'"));
	fd_close(&full);
	assert_int_equal(sys_umount2("to", 0), 0);

	for (int i = 0; i < COPYUP_MAX_DEPTH; i++) {
		(void)strncat(path, "/d", 3);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	assert_int_equal(copyup(from, to, &err), -1);
	assert_non_null(strstr(err.msg, "below each other"));
}

static void check_run(struct rootfs *r)
{
	CHECK(strcmp(read_file_at(r->fd, "run/lock/f"), "content") == 0);
	CHECK((mode_of(r->fd, "run") & 07777) == 0711);
	CHECK(flags_of(r->fd, "run") & ST_RDONLY);
	CHECK(strcmp(read_file_at(r->fd, "inner"), "") == 0);
}

/* podman --systemd=always sends "tmpcopyup" with an empty option */
static void tmpfs_starts_with_the_image_content(void **state)
{
	(void)state;
	needs_namespaces();
	assert_int_equal(mkdir("rootfs/run", 0711), 0);
	assert_int_equal(mkdir("rootfs/run/lock", 0755), 0);
	write_file_at(AT_FDCWD, "rootfs/run/lock/f", "content");
	write_file_at(AT_FDCWD, "rootfs/inner", "");
	struct contained k = {
		.mounts = "{'destination': '/run', 'type': 'tmpfs',"
			  " 'options': ['rw', 'tmpcopyup', '', 'ro']}",
		.check = check_run,
	};

	contain_ok(&k);

	k.user_ns = true;
	assert_int_equal(chown("rootfs", HOST_ID, HOST_ID), 0);
	assert_int_equal(chown("rootfs/run", HOST_ID, HOST_ID), 0);
	contain_ok(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NS_TEST(keeps_content_owner_mode_and_times),
		NS_TEST(keeps_attributes_and_nodes),
		NS_TEST(large_directories_are_complete),
		NS_TEST(stays_in_the_directory_and_its_file_system),
		NS_TEST(depth_and_space_have_an_end),
		NS_TEST(tmpfs_starts_with_the_image_content),
	};

	return cmocka_run_group_tests_name("copyup", tests, ns_group_setup, ns_group_teardown);
}
