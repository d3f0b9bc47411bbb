/* SPDX-License-Identifier: Apache-2.0 */
#include "ns_util.h"

#include <sys/ioctl.h>

#define DEV_TMPFS                                                                                   \
	"{'destination': '/dev', 'type': 'tmpfs', 'options': ['nosuid', 'strictatime', 'mode=755'," \
	" 'size=65536k']}"

/* What docker sends, as far as mounts and paths go. */
static const char docker_mounts[] =
	"{'destination': '/proc', 'type': 'proc', 'source': 'proc',"
	" 'options': ['nosuid', 'noexec', 'nodev']}," DEV_TMPFS ","
	"{'destination': '/dev/pts', 'type': 'devpts', 'source': 'devpts', 'options': ['nosuid',"
	" 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5']},"
	"{'destination': '/sys', 'type': 'sysfs', 'source': 'sysfs',"
	" 'options': ['nosuid', 'noexec', 'nodev', 'ro']},"
	"{'destination': '/sys/fs/cgroup', 'type': 'cgroup', 'source': 'cgroup',"
	" 'options': ['ro', 'nosuid', 'noexec', 'nodev']},"
	"{'destination': '/dev/mqueue', 'type': 'mqueue', 'source': 'mqueue',"
	" 'options': ['nosuid', 'noexec', 'nodev']},"
	"{'destination': '/dev/shm', 'type': 'tmpfs', 'source': 'shm',"
	" 'options': ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=67108864']},"
	"{'destination': '/etc/hosts', 'type': 'bind', 'source': 'hosts',"
	" 'options': ['rbind', 'rprivate']}";

static const char docker_paths[] =
	", 'maskedPaths': ['/proc/acpi', '/proc/asound', '/proc/interrupts', '/proc/kcore',"
	" '/proc/keys', '/proc/latency_stats', '/proc/sched_debug', '/proc/scsi',"
	" '/proc/timer_list', '/proc/timer_stats', '/sys/devices/virtual/powercap',"
	" '/sys/devices/virtual/powercap', '/sys/firmware', '/proc/interrupts'],"
	" 'readonlyPaths': ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys',"
	" '/proc/sysrq-trigger', '/no/such']";

static void check_docker(struct rootfs *r)
{
	char cwd[64];

	CHECK(r->own_ns && !r->host_dev);
	CHECK(getcwd(cwd, sizeof(cwd)) && strcmp(cwd, "/") == 0);
	CHECK(access("/proc/self/status", R_OK) == 0);
	CHECK(strcmp(read_file_at(AT_FDCWD, "/etc/hosts"), "content") == 0);
	CHECK(strcmp(peers_of("/b/rootfs"), "no such mount") == 0); /* the host is gone */
	CHECK(strcmp(peers_of("/proc"), "") == 0);

	CHECK(rdev_of(AT_FDCWD, "/proc/interrupts") == makedev(1, 3));
	CHECK(flags_of(AT_FDCWD, "/proc/sys") & ST_RDONLY);
	CHECK(flags_of(AT_FDCWD, "/proc/sys") & ST_NOSUID);
	CHECK(flags_of(AT_FDCWD, "/proc/irq") & ST_RDONLY);
	CHECK(!(flags_of(AT_FDCWD, "/proc") & ST_RDONLY));
	CHECK(access("/sys/firmware/acpi", F_OK) == -1);
	if (access("/sys/firmware", F_OK) == 0)
		CHECK(mkdir("/sys/firmware/x", 0755) == -1 && errno == EROFS);

	CHECK(rdev_of(AT_FDCWD, "/dev/pts/ptmx") == makedev(5, 2));
	CHECK(mkdir("/made", 0755) == 0);
	CHECK(rmdir("/made") == 0);
}

static char *slurp_mountinfo(void)
{
	return strdup(read_file_at(AT_FDCWD, "/proc/self/mountinfo"));
}

/* S-44, C-ROOT-02, C-MASK-01, C-MASK-02, C-MASK-07, C-MASK-08; a path that is masked twice */
static void docker_like_root_is_complete_and_invisible_outside(void **state)
{
	(void)state;
	needs_namespaces();
	write_file_at(AT_FDCWD, "hosts", "content");
	char *before = slurp_mountinfo();
	struct contained k = {
		.mounts = docker_mounts,
		.more = docker_paths,
		.cgroup_ns = true,
		.check = check_docker,
	};

	contain_ok(&k);
	k.unprivileged = true;
	contain_ok(&k);

	char *after = slurp_mountinfo();
	assert_string_equal(before, after);
	free(before);
	free(after);
}

/* S-44 with parents that propagate */
static void shared_host_mounts_see_nothing(void **state)
{
	(void)state;
	needs_namespaces();
	write_file_at(AT_FDCWD, "hosts", "content");
	assert_int_equal(sys_mount(NULL, ns_scratch, NULL, MS_SHARED | MS_REC, NULL), 0);
	char *before = slurp_mountinfo();
	struct contained k = {
		.mounts = docker_mounts,
		.more = docker_paths,
		.cgroup_ns = true,
	};

	contain_ok(&k);
	k.unprivileged = true;
	contain_ok(&k);
	k.unprivileged = false;
	k.more = ", 'rootfsPropagation': 'rshared'";
	contain_ok(&k);

	char *after = slurp_mountinfo();
	assert_string_equal(before, after);
	free(before);
	free(after);
	assert_int_equal(sys_mount(NULL, ns_scratch, NULL, MS_PRIVATE | MS_REC, NULL), 0);
}

static void check_user_ns(struct rootfs *r)
{
	(void)r;
	CHECK(access("/proc/self/status", R_OK) == 0);
	CHECK(rdev_of(AT_FDCWD, "/proc/interrupts") == makedev(1, 3));
	CHECK(flags_of(AT_FDCWD, "/proc/sys") & ST_RDONLY);
	CHECK(mode_of(AT_FDCWD, "/sys/kernel") != 0);
	AUTO_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);
	CHECK(null >= 0);
}

/* C-UMAP-05, C-UMAP-08; a root behind a directory that the container's user may not enter */
static void user_namespace_gets_a_complete_root(void **state)
{
	char closed[64];

	(void)state;
	needs_namespaces();
	write_file_at(AT_FDCWD, "hosts", "content");
	assert_int_equal(chown("rootfs", HOST_ID, HOST_ID), 0);
	const struct contained k = {
		.mounts = docker_mounts,
		.more = docker_paths,
		.user_ns = true,
		.net_ns = true,
		.cgroup_ns = true,
		.check = check_user_ns,
	};

	contain_ok(&k);

	(void)snprintf(closed, sizeof(closed), "%s", ns_scratch);
	assert_int_equal(chmod(closed, 0700), 0);
	contain_ok(&k);
	assert_int_equal(chmod(closed, 0755), 0);
}

static void check_read_only(struct rootfs *r)
{
	(void)r;
	CHECK(mkdir("/x", 0755) == -1 && errno == EROFS);
	CHECK(mkdir("/t/x", 0755) == 0);
	CHECK(mkdir("/sub/x", 0755) == 0);
	CHECK(flags_of(AT_FDCWD, "/etc/hosts") & ST_RELATIME);
}

/* C-ROOT-05: only the top; mount points are made first */
static void read_only_root_leaves_other_mounts_alone(void **state)
{
	(void)state;
	needs_namespaces();
	assert_int_equal(mkdir("rootfs/sub", 0755), 0);
	assert_int_equal(sys_mount("tmpfs", "rootfs/sub", "tmpfs", 0, NULL), 0);
	write_file_at(AT_FDCWD, "hosts", "content");
	const struct contained k = {
		.root = ", 'readonly': true",
		.mounts = "{'destination': '/t', 'type': 'tmpfs'},"
			  "{'destination': '/etc/hosts', 'source': 'hosts', 'options': ['bind']}",
		.check = check_read_only,
	};

	contain_ok(&k);
}

static void check_shared(struct rootfs *r)
{
	(void)r;
	CHECK(strncmp(peers_of("/"), "shared:", 7) == 0);
	CHECK(strcmp(peers_of("/t"), "") == 0);
}
static void check_rshared(struct rootfs *r)
{
	(void)r;
	CHECK(strncmp(peers_of("/"), "shared:", 7) == 0);
	CHECK(strncmp(peers_of("/t"), "shared:", 7) == 0);
}
static void check_slave(struct rootfs *r)
{
	(void)r;
	CHECK(strncmp(peers_of("/"), "master:", 7) == 0);
	CHECK(strcmp(peers_of("/t"), "") == 0);
}
static void check_private(struct rootfs *r)
{
	(void)r;
	CHECK(strcmp(peers_of("/"), "") == 0);
}
static void check_unbindable(struct rootfs *r)
{
	(void)r;
	CHECK(strcmp(peers_of("/"), "unbindable ") == 0);
}

/* C-PROP-01, C-PROP-02, C-PROP-04, C-PROP-05, X-20 */
static void root_propagation_is_as_configured(void **state)
{
	static const struct {
		const char *more;
		void (*check)(struct rootfs *r);
	} cases[] = {
		{ NULL, check_private },
		{ ", 'rootfsPropagation': 'private'", check_private },
		{ ", 'rootfsPropagation': 'rprivate'", check_private },
		{ ", 'rootfsPropagation': 'slave'", check_slave },
		{ ", 'rootfsPropagation': 'rslave'", check_slave },
		{ ", 'rootfsPropagation': 'shared'", check_shared },
		{ ", 'rootfsPropagation': 'rshared'", check_rshared },
		{ ", 'rootfsPropagation': 'unbindable'", check_unbindable },
	};

	(void)state;
	needs_namespaces();
	assert_int_equal(sys_mount("rootfs", "rootfs", NULL, MS_BIND, NULL), 0);
	assert_int_equal(sys_mount(NULL, "rootfs", NULL, MS_SHARED, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct contained k = {
			.mounts = "{'destination': '/proc', 'type': 'proc'},"
				  "{'destination': '/t', 'type': 'tmpfs'}",
			.more = cases[i].more,
			.check = cases[i].check,
		};

		contain_ok(&k);
		k.unprivileged = true;
		contain_ok(&k);
	}
}

/* ---- masks --------------------------------------------------------------------------------- */

static void check_masks(struct rootfs *r)
{
	(void)r;
	CHECK(rdev_of(AT_FDCWD, "/secret") == makedev(1, 3));
	CHECK(access("/etc/inner", F_OK) == -1);
	CHECK(access("/var/inner", F_OK) == -1);
	CHECK(mkdir("/var/new", 0755) == -1 && errno == EROFS);
	CHECK(flags_of(AT_FDCWD, "/opt/sub") & ST_RDONLY);
	CHECK(flags_of(AT_FDCWD, "/opt") & ST_RDONLY);
	CHECK(access("/opt/hidden/x", F_OK) == -1);
}

/* C-MASK-01, C-MASK-04, C-MASK-08, C-MASK-10 */
static void masks_and_read_only_paths_overlap(void **state)
{
	(void)state;
	needs_namespaces();
	assert_int_equal(mkdir("rootfs/etc", 0755), 0);
	assert_int_equal(mkdir("rootfs/var", 0755), 0);
	assert_int_equal(mkdir("rootfs/opt", 0755), 0);
	assert_int_equal(mkdir("rootfs/opt/hidden", 0755), 0);
	assert_int_equal(mkdir("rootfs/opt/hidden/x", 0755), 0);
	write_file_at(AT_FDCWD, "rootfs/etc/inner", "");
	write_file_at(AT_FDCWD, "rootfs/var/inner", "");
	write_file_at(AT_FDCWD, "rootfs/real", "secret");
	assert_int_equal(symlink("/real", "rootfs/secret-link"), 0);
	assert_int_equal(symlink("../../../real", "rootfs/secret"), 0);
	assert_int_equal(unlink("rootfs/secret"), 0);
	assert_int_equal(link("rootfs/real", "rootfs/secret"), 0);
	const struct contained k = {
		.mounts = DEV_TMPFS ",{'destination': '/opt/sub', 'type': 'tmpfs'}",
		.more = ", 'maskedPaths': ['/secret', '/secret-link', '/etc', '/var',"
			" '/opt/hidden', '/var', '/missing', '/secret'],"
			" 'readonlyPaths': ['/opt', '/missing']",
		.check = check_masks,
	};

	contain_ok(&k);
}

static void check_all_read_only(struct rootfs *r)
{
	(void)r;
	CHECK(mkdir("/x", 0755) == -1 && errno == EROFS);
	CHECK(mkdir("/dev/x", 0755) == -1 && errno == EROFS);
}

/* I-06: what cannot be protected fails; a mount over the root directory would protect nothing */
static void what_cannot_be_masked_is_refused(void **state)
{
	(void)state;
	needs_namespaces();
	write_file_at(AT_FDCWD, "rootfs/file", "");
	assert_int_equal(symlink("/", "rootfs/root"), 0);
	assert_int_equal(symlink("loop", "rootfs/loop"), 0);
	struct contained k = { .mounts = DEV_TMPFS, .more = ", 'maskedPaths': ['/root']" };

	contain_fails(&k, "linux.maskedPaths[0] '/root' (config.json:1:");
	contain_fails(&k, "root cannot be masked");
	k.more = ", 'maskedPaths': ['/loop']";
	contain_fails(&k, "open '/loop'");
	k.more = ", 'maskedPaths': ['/file/x']";
	contain_fails(&k, "open '/file/x'");
	k.more = ", 'readonlyPaths': ['/loop']";
	contain_fails(&k, "linux.readonlyPaths[0] '/loop'");

	k.more = ", 'readonlyPaths': ['/']";
	k.check = check_all_read_only;
	contain_ok(&k);
}

/* S-17, CVE-2025-31133, C-MASK-05: the null device is checked, not believed */
static void false_null_device_masks_nothing(void **state)
{
	(void)state;
	needs_namespaces();
	write_file_at(AT_FDCWD, "rootfs/file", "");
	assert_int_equal(mkdir("hostdev", 0755), 0);
	struct contained k = {
		.mounts = "{'destination': '/dev', 'source': 'hostdev', 'options': ['bind']}",
		.more = ", 'maskedPaths': ['/file']",
	};

	contain_fails(&k, "the container's /dev/null, which covers files");
	assert_int_equal(symlink("/file", "hostdev/null"), 0);
	contain_fails(&k, "the container's /dev/null, which covers files");
	assert_int_equal(unlink("hostdev/null"), 0);
	write_file_at(AT_FDCWD, "hostdev/null", "");
	contain_fails(&k, "is not the null device 1:3");
	assert_int_equal(unlink("hostdev/null"), 0);
	assert_int_equal(mknod("hostdev/null", S_IFCHR | 0666, makedev(1, 3)), 0);
	contain_ok(&k);

	k.mounts = DEV_TMPFS;
	k.more = ", 'maskedPaths': ['/file'], 'devices': [{'path': '/dev/null', 'type': 'c',"
		 " 'major': 1, 'minor': 5}]";
	contain_fails(&k, "is not the null device 1:3");
}

/* ---- the root itself ----------------------------------------------------------------------- */

static void swap_root(void)
{
	CHECK(rename("rootfs", "old") == 0);
	CHECK(mkdir("rootfs", 0755) == 0);
}

static void check_marker(struct rootfs *r)
{
	struct stat st;

	(void)r;
	CHECK(stat("/marker", &st) == 0);
}

/* C-ROOT-03, C-ROOT-04 */
static void root_must_be_the_directory_that_was_planned(void **state)
{
	(void)state;
	needs_namespaces();
	struct contained k = { .mounts = DEV_TMPFS, .before = swap_root, .check = check_marker };

	/* A copy of it was taken: what lies at the path by now does not matter. */
	write_file_at(AT_FDCWD, "rootfs/marker", "");
	contain_ok(&k);
	assert_int_equal(rmdir("rootfs"), 0);
	assert_int_equal(rename("old", "rootfs"), 0);

	k.unprivileged = true;
	contain_fails(&k, "is not what it was a moment ago");
	assert_int_equal(rmdir("rootfs"), 0);
	assert_int_equal(rename("old", "rootfs"), 0);
	contain_fails(&k, "root.path (config.json:1:");

	k = (struct contained){ .mounts = DEV_TMPFS };
	assert_int_equal(rmdir("rootfs"), 0);
	assert_int_equal(rename("old", "real"), 0);
	assert_int_equal(symlink("real", "rootfs"), 0);
	contain_ok(&k);

	assert_int_equal(unlink("rootfs"), 0);
	contain_fails(&k, "root.path (config.json:1:");
	write_file_at(AT_FDCWD, "rootfs", "");
	contain_fails(&k, "root.path (config.json:1:");
}

static void check_chroot(struct rootfs *r)
{
	struct stat st;

	CHECK(!r->own_ns);
	CHECK(rdev_of(AT_FDCWD, "/dev/null") == makedev(1, 3));
	CHECK(stat("/marker", &st) == 0);
	CHECK(stat("/outside", &st) == -1);
}

/* C-MOUNT-40, C-MASK-06: without a mount namespace nothing is mounted */
static void without_mount_namespace_it_is_a_chroot(void **state)
{
	(void)state;
	needs_namespaces();
	write_file_at(AT_FDCWD, "rootfs/marker", "");
	char *before = slurp_mountinfo();
	struct contained k = { .no_mount_ns = true, .check = check_chroot };

	contain_ok(&k);
	k.mounts = DEV_TMPFS;
	contain_fails(&k, "need a new mount namespace");

	char *after = slurp_mountinfo();
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static int host_mountinfo = -1;

static void open_mountinfo(void)
{
	host_mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	CHECK(host_mountinfo >= 0);
}

static size_t count(const char *text, const char *word)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, word)); at++)
		n++;

	return n;
}

static void check_moved(struct rootfs *r)
{
	static char all[65536];
	struct stat st;
	size_t used = 0;
	ssize_t n;

	(void)r;
	CHECK(stat("/outside", &st) == -1);
	CHECK(rdev_of(AT_FDCWD, "/dev/null") == makedev(1, 3));
	CHECK(rdev_of(AT_FDCWD, "/proc/interrupts") == makedev(1, 3));

	/* Opened before, it shows the mounts below the old root too. */
	while ((n = read(host_mountinfo, all + used, sizeof(all) - 1 - used)) > 0)
		used += (size_t)n;
	CHECK(count(all, " - proc ") == 1);
	CHECK(count(all, " - sysfs ") == 0);
	CHECK(count(all, " - tmpfs ") > 1);
}

/* C-ROOT-07 */
static void no_pivot_hides_the_hosts_proc(void **state)
{
	(void)state;
	needs_namespaces();
	const struct contained k = {
		.mounts = "{'destination': '/proc', 'type': 'proc'}," DEV_TMPFS,
		.more = ", 'maskedPaths': ['/proc/interrupts']",
		.no_pivot = true,
		.before = open_mountinfo,
		.check = check_moved,
	};

	contain_ok(&k);
}

/* ---- console ------------------------------------------------------------------------------- */

static int slave_of_container(struct rootfs *r)
{
	int unlock = 0;
	int master = openat(r->fd, "dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);

	CHECK(master >= 0 && ioctl(master, TIOCSPTLCK, &unlock) == 0);
	int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(slave >= 0);

	return slave;
}

static void check_console(struct rootfs *r)
{
	struct err err = ERR_INIT;
	int slave = slave_of_container(r);
	struct stat st;

	CHECK(fstat(slave, &st) == 0);
	CHECK(rootfs_console(r, slave, &err) == 0);
	CHECK(rdev_of(r->fd, "dev/console") == st.st_rdev);
}

static void check_bad_console(struct rootfs *r)
{
	struct err err = ERR_INIT;
	int slave = slave_of_container(r);

	CHECK(symlinkat("/outside/console", r->dev, "console") == 0);
	CHECK(rootfs_console(r, slave, &err) == -1);
	CHECK(strstr(err.msg, "exists already: a symbolic link"));
	CHECK(unlinkat(r->dev, "console", 0) == 0);
	CHECK(mkdirat(r->dev, "console", 0755) == 0);
	CHECK(rootfs_console(r, slave, &err) == -1);
	CHECK(strstr(err.msg, "exists already: a directory"));
}

/* C-DEV-10, I-07, S-18, S-21 */
static void console_is_the_terminal(void **state)
{
	(void)state;
	needs_namespaces();
	struct contained k = {
		.mounts = DEV_TMPFS ",{'destination': '/dev/pts', 'type': 'devpts', 'options':"
				    " ['newinstance', 'ptmxmode=0666', 'mode=0620']}",
		.stay = true,
		.check = check_console,
	};

	contain_ok(&k);
	k.check = check_bad_console;
	contain_ok(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NS_TEST(docker_like_root_is_complete_and_invisible_outside),
		NS_TEST(shared_host_mounts_see_nothing),
		NS_TEST(user_namespace_gets_a_complete_root),
		NS_TEST(read_only_root_leaves_other_mounts_alone),
		NS_TEST(root_propagation_is_as_configured),
		NS_TEST(masks_and_read_only_paths_overlap),
		NS_TEST(what_cannot_be_masked_is_refused),
		NS_TEST(false_null_device_masks_nothing),
		NS_TEST(root_must_be_the_directory_that_was_planned),
		NS_TEST(without_mount_namespace_it_is_a_chroot),
		NS_TEST(no_pivot_hides_the_hosts_proc),
		NS_TEST(console_is_the_terminal),
	};

	return cmocka_run_group_tests_name("rootfs", tests, ns_group_setup, ns_group_teardown);
}
