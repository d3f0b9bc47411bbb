/* SPDX-License-Identifier: Apache-2.0 */
#include "ns_util.h"

#include "kernel/device.h"

#define DEV_TMPFS "{'destination': '/dev', 'type': 'tmpfs', 'options': ['mode=755']}"

static bool links_to(int rootfd, const char *path, const char *target)
{
	char buf[64];
	ssize_t n = readlinkat(rootfd, path, buf, sizeof(buf));

	return n == (ssize_t)strlen(target) && memcmp(buf, target, (size_t)n) == 0;
}

static void check_default(struct rootfs *r)
{
	static const struct {
		const char *path;
		unsigned major, minor;
	} nodes[] = {
		{ "dev/null", 1, 3 },   { "dev/zero", 1, 5 },    { "dev/full", 1, 7 },
		{ "dev/random", 1, 8 }, { "dev/urandom", 1, 9 }, { "dev/tty", 5, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
		CHECK(rdev_of(r->fd, nodes[i].path) == makedev(nodes[i].major, nodes[i].minor));
		CHECK((mode_of(r->fd, nodes[i].path) & 07777) == 0666);
	}
	CHECK(links_to(r->fd, "dev/fd", "/proc/self/fd"));
	CHECK(links_to(r->fd, "dev/stdin", "/proc/self/fd/0"));
	CHECK(links_to(r->fd, "dev/stdout", "/proc/self/fd/1"));
	CHECK(links_to(r->fd, "dev/stderr", "/proc/self/fd/2"));
	CHECK(links_to(r->fd, "dev/core", "/proc/kcore"));
	CHECK(links_to(r->fd, "dev/ptmx", "pts/ptmx"));
}

static void odd_umask(void)
{
	(void)umask(0177);
}

/* C-DEV-09, C-DEV-11, R-LNX-04, R-LNX-05; C-DEV-06: whatever the umask is */
static void default_nodes_and_links_are_there(void **state)
{
	(void)state;
	needs_namespaces();
	const struct contained k = {
		.mounts = DEV_TMPFS, .stay = true, .before = odd_umask, .check = check_default
	};

	contain_ok(&k);
}

/* C-UMAP-08: the host's nodes are bound */
static void user_namespace_gets_the_hosts_nodes(void **state)
{
	(void)state;
	needs_namespaces();
	assert_int_equal(chown("rootfs", HOST_ID, HOST_ID), 0);
	const struct contained k = {
		.mounts = DEV_TMPFS, .user_ns = true, .stay = true, .check = check_default
	};

	contain_ok(&k);
}

/* C-DEV-14 without a /dev mount: the image's directory is used, and used again */
static void second_start_finds_what_it_wants(void **state)
{
	(void)state;
	needs_namespaces();
	const struct contained k = { .stay = true, .check = check_default };

	contain_ok(&k);
	contain_ok(&k);
}

static void check_configured(struct rootfs *r)
{
	struct stat st;

	CHECK(rdev_of(r->fd, "dev/null") == makedev(1, 5));
	CHECK((mode_of(r->fd, "dev/null") & 07777) == 0600);
	CHECK(fstatat(r->fd, "dev/net/tun", &st, 0) == 0);
	CHECK(st.st_uid == 7 && st.st_gid == 8 && (st.st_mode & 07777) == 0622);
	CHECK(S_ISFIFO(mode_of(r->fd, "srv/pipe")));
	CHECK(S_ISBLK(mode_of(r->fd, "dev/disk")));
	CHECK(fstatat(r->fd, "dev/kept", &st, 0) == 0);
	CHECK(st.st_uid == 9 && (st.st_mode & 07777) == 0640);
}

/* C-DEV-01, C-DEV-02, C-DEV-05, C-DEV-06, C-DEV-07, C-DEV-08, C-DEV-12 */
static void configured_devices_are_exact(void **state)
{
	(void)state;
	needs_namespaces();
	assert_int_equal(mkdir("rootfs/dev", 0755), 0);
	assert_int_equal(mknod("rootfs/dev/kept", S_IFCHR | 0600, makedev(1, 7)), 0);
	const struct contained k = {
		.more = ", 'devices': ["
			"{'path': '/dev//null', 'type': 'c', 'major': 1, 'minor': 5,"
			" 'fileMode': 384},"
			"{'path': '/dev/net/tun', 'type': 'u', 'major': 10, 'minor': 200,"
			" 'uid': 7, 'gid': 8, 'fileMode': 402},"
			"{'path': '/srv/pipe', 'type': 'p'},"
			"{'path': '/dev/kept', 'type': 'c', 'major': 1, 'minor': 7, 'uid': 9,"
			" 'fileMode': 416},"
			"{'path': '/dev/disk', 'type': 'b', 'major': 7, 'minor': 0}]",
		.stay = true,
		.check = check_configured,
	};

	contain_ok(&k);
}

/* C-DEV-04, X-11, I-05: what is there and differs is neither kept nor followed */
static void different_entries_are_refused(void **state)
{
	(void)state;
	needs_namespaces();
	write_file_at(AT_FDCWD, "outside/file", "safe");
	assert_int_equal(mkdir("rootfs/dev", 0755), 0);
	const struct contained k = { .stay = true };

	write_file_at(AT_FDCWD, "rootfs/dev/null", "");
	contain_fails(&k, "default device '/dev/null': it exists already: a regular file");

	assert_int_equal(unlink("rootfs/dev/null"), 0);
	assert_int_equal(symlink("/outside/file", "rootfs/dev/null"), 0);
	contain_fails(&k, "exists already: a symbolic link");

	assert_int_equal(unlink("rootfs/dev/null"), 0);
	assert_int_equal(mknod("rootfs/dev/null", S_IFCHR | 0666, makedev(1, 5)), 0);
	contain_fails(&k, "exists already: another device");

	assert_int_equal(unlink("rootfs/dev/null"), 0);
	assert_int_equal(mkdir("rootfs/dev/null", 0755), 0);
	contain_fails(&k, "exists already: a directory");

	const struct contained bind = { .stay = true, .user_ns = true };
	assert_int_equal(chown("rootfs", HOST_ID, HOST_ID), 0);
	assert_int_equal(chown("rootfs/dev", HOST_ID, HOST_ID), 0);
	contain_fails(&bind, "exists already: a directory");
	assert_int_equal(rmdir("rootfs/dev/null"), 0);
	assert_int_equal(symlink("/outside/file", "rootfs/dev/null"), 0);
	contain_fails(&bind, "exists already: a symbolic link");
}

static void check_replaced(struct rootfs *r)
{
	CHECK(links_to(r->fd, "dev/stdin", "/proc/self/fd/0"));
	CHECK(links_to(r->fd, "dev/ptmx", "pts/ptmx"));
}

/* R-LNX-06: the links are made whatever the image has */
static void links_replace_what_the_image_has(void **state)
{
	(void)state;
	needs_namespaces();
	write_file_at(AT_FDCWD, "outside/ptmx", "safe");
	assert_int_equal(mkdir("rootfs/dev", 0755), 0);
	assert_int_equal(symlink("../../outside/ptmx", "rootfs/dev/ptmx"), 0);
	assert_int_equal(symlink("fd/0", "rootfs/dev/stdin"), 0);
	const struct contained k = { .stay = true, .check = check_replaced };

	contain_ok(&k);

	assert_string_equal(read_file_at(AT_FDCWD, "outside/ptmx"), "safe");
}

static void check_inside(struct rootfs *r)
{
	CHECK(rdev_of(r->fd, "inner/null") == makedev(1, 3));
}

/* S-20, CVE-2026-41579, CVE-2026-47766: /dev of the image is a link */
static void linked_dev_stays_inside(void **state)
{
	struct stat st;

	(void)state;
	needs_namespaces();
	write_file_at(AT_FDCWD, "outside/ptmx", "safe");
	assert_int_equal(mkdir("rootfs/inner", 0755), 0);
	assert_int_equal(symlink("/inner", "rootfs/dev"), 0);
	struct contained k = { .stay = true, .check = check_inside };

	contain_ok(&k);

	static const char *const hostile[] = { "../outside", "../../b/outside", "/proc/self/cwd" };
	k.check = NULL;
	for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(unlink("rootfs/dev"), 0);
		assert_int_equal(symlink(hostile[i], "rootfs/dev"), 0);
		assert_int_equal(contain(&k, &err), -1);
	}
	assert_int_equal(stat("outside", &st), 0);
	assert_int_equal(st.st_nlink, 2);
	assert_string_equal(read_file_at(AT_FDCWD, "outside/ptmx"), "safe");
	assert_int_equal(access("outside/null", F_OK), -1);
}

static void check_untouched(struct rootfs *r)
{
	CHECK(faccessat(r->fd, "dev/null", F_OK, AT_SYMLINK_NOFOLLOW) == -1);
	CHECK(faccessat(r->fd, "dev/fd", F_OK, AT_SYMLINK_NOFOLLOW) == -1);
	CHECK(r->host_dev);
}

/* R-LNX-08 */
static void bound_dev_gets_nothing(void **state)
{
	(void)state;
	needs_namespaces();
	assert_int_equal(mkdir("hostdev", 0755), 0);
	const struct contained k = {
		.mounts = "{'destination': '/dev', 'source': 'hostdev', 'options': ['rbind']}",
		.stay = true,
		.check = check_untouched,
	};

	contain_ok(&k);
	assert_int_equal(rmdir("hostdev"), 0);
}

/* S-73: root.path is "/", or something else with the host's /dev below it */
static void dev_below_the_root_gets_nothing(void **state)
{
	(void)state;
	needs_namespaces();
	assert_int_equal(mkdir("rootfs/dev", 0755), 0);
	assert_int_equal(sys_mount("tmpfs", "rootfs/dev", "tmpfs", 0, NULL), 0);
	struct contained k = { .stay = true, .check = check_untouched };

	contain_ok(&k);
	k.mounts = DEV_TMPFS;
	k.check = check_default;
	contain_ok(&k);

	/* A link to another mount is the image's own affair. */
	assert_int_equal(sys_umount2("rootfs/dev", 0), 0);
	assert_int_equal(rmdir("rootfs/dev"), 0);
	assert_int_equal(symlink("run", "rootfs/dev"), 0);
	k.mounts = "{'destination': '/run', 'type': 'tmpfs'}";
	contain_ok(&k);
}

/* C-DEV-07, C-UMAP-08: checked before it is used */
static void host_node_must_be_the_device_that_is_meant(void **state)
{
	(void)state;
	needs_namespaces();
	assert_int_equal(chown("rootfs", HOST_ID, HOST_ID), 0);
	struct contained k = {
		.mounts = DEV_TMPFS,
		.more = ", 'devices': [{'path': '/dev/zero', 'type': 'c', 'major': 1,"
			" 'minor': 3}]",
		.user_ns = true,
		.stay = true,
	};

	contain_fails(&k, "the host's '/dev/zero' is not device c 1:3");
	contain_fails(&k, "linux.devices[0] '/dev/zero' (config.json:1:");
}

static void recognises_devices_by_number(void **state)
{
	(void)state;
	AUTO_FD null = open("/dev/null", O_PATH | O_CLOEXEC);
	AUTO_FD zero = open("/dev/zero", O_PATH | O_CLOEXEC);

	assert_true(device_is(null, 1, 3));
	assert_false(device_is(zero, 1, 3));
	assert_false(device_is(-1, 1, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NS_TEST(default_nodes_and_links_are_there),
		NS_TEST(user_namespace_gets_the_hosts_nodes),
		NS_TEST(second_start_finds_what_it_wants),
		NS_TEST(configured_devices_are_exact),
		NS_TEST(different_entries_are_refused),
		NS_TEST(links_replace_what_the_image_has),
		NS_TEST(linked_dev_stays_inside),
		NS_TEST(bound_dev_gets_nothing),
		NS_TEST(dev_below_the_root_gets_nothing),
		NS_TEST(host_node_must_be_the_device_that_is_meant),
		NS_TEST(recognises_devices_by_number),
	};

	return cmocka_run_group_tests_name("device", tests, ns_group_setup, ns_group_teardown);
}
