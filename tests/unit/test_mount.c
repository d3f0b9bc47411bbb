/* SPDX-License-Identifier: Apache-2.0 */
/* test_mount.c - kernel/mount
 *
 * wrap: statfs fsetxattr fgetxattr */
#include "ns_util.h"

#include <linux/magic.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "kernel/idmap.h"

/* ---- a host with SELinux, as far as one can be played ---------------------------------------- */

static bool selinux;            /* selinuxfs is where it belongs */
static char stored_label[64];   /* what was set */
static const char *other_label; /* what is read back instead of it */

int __real_statfs(const char *path, struct statfs *fs);
int __wrap_statfs(const char *path, struct statfs *fs);
int __wrap_statfs(const char *path, struct statfs *fs)
{
	if (!selinux || strcmp(path, "/sys/fs/selinux") != 0)
		return __real_statfs(path, fs);
	*fs = (struct statfs){ .f_type = SELINUX_MAGIC };
	return 0;
}

int __real_fsetxattr(int fd, const char *name, const void *value, size_t size, int flags);
int __wrap_fsetxattr(int fd, const char *name, const void *value, size_t size, int flags);
int __wrap_fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)
{
	if (!selinux)
		return __real_fsetxattr(fd, name, value, size, flags);
	(void)snprintf(stored_label, sizeof(stored_label), "%s", (const char *)value);
	return 0;
}

ssize_t __real_fgetxattr(int fd, const char *name, void *value, size_t size);
ssize_t __wrap_fgetxattr(int fd, const char *name, void *value, size_t size);
ssize_t __wrap_fgetxattr(int fd, const char *name, void *value, size_t size)
{
	if (!selinux)
		return __real_fgetxattr(fd, name, value, size);
	const char *label = other_label ? other_label : stored_label;
	size_t len = strlen(label) + 1;
	CHECK(len <= size);
	memcpy(value, label, len);
	return (ssize_t)len;
}

static void make_host_tree(void)
{
	assert_int_equal(mkdir("src", 0755), 0);
	assert_int_equal(mkdir("src/sub", 0755), 0);
	assert_int_equal(sys_mount("tmpfs", "src/sub", "tmpfs", 0, NULL), 0);
	write_file_at(AT_FDCWD, "src/file", "content");
	write_file_at(AT_FDCWD, "file", "content");
}

#define MAPS                                                                                       \
	"'uidMappings': [{'containerID': 0, 'hostID': 5000, 'size': 10}],"                         \
	"'gidMappings': [{'containerID': 0, 'hostID': 6000, 'size': 10}]"

/* ---- binds --------------------------------------------------------------------------------- */

static void check_bind(struct rootfs *r)
{
	CHECK(strcmp(read_file_at(r->fd, "data/file"), "content") == 0);
	CHECK(flags_of(r->fd, "data") & ST_RDONLY);
	CHECK(flags_of(r->fd, "data") & ST_NOSUID);
	CHECK(!(flags_of(r->fd, "data/sub") & ST_RDONLY));
	CHECK(S_ISREG(mode_of(r->fd, "etc/new/hosts")));
	CHECK((mode_of(r->fd, "etc/new") & 07777) == 0755);
	CHECK(!(flags_of(r->fd, "etc/new/hosts") & ST_RDONLY));
}

/* C-MOUNT-01, C-MOUNT-06, C-MOUNT-07, C-MOUNT-17, C-MOUNT-29 */
static void bind_has_its_attributes_and_makes_its_target(void **state)
{
	(void)state;
	needs_namespaces();
	make_host_tree();
	const struct contained k = {
		.mounts = "{'destination': '/data', 'type': 'x', 'source': 'src',"
			  " 'options': ['rbind', 'ro', 'nosuid']},"
			  "{'destination': 'etc/new/hosts', 'source': 'file', 'options': ['bind']}",
		.stay = true,
		.check = check_bind,
	};

	contain_ok(&k);

	struct contained again = k;
	again.unprivileged = true;
	contain_ok(&again);
}

static void check_recursive_ro(struct rootfs *r)
{
	CHECK(flags_of(r->fd, "a") & ST_RDONLY);
	CHECK(flags_of(r->fd, "a/sub") & ST_RDONLY);
	CHECK(!(flags_of(r->fd, "b") & ST_RDONLY));
	CHECK(flags_of(r->fd, "b/sub") & ST_RDONLY);
	CHECK(flags_of(r->fd, "c") & ST_NOATIME);
	CHECK(flags_of(r->fd, "d") & ST_RELATIME);
}

/* C-MOUNT-15, C-MOUNT-16, C-MOUNT-21 */
static void recursive_attributes_reach_submounts_and_later_options_win(void **state)
{
	(void)state;
	needs_namespaces();
	make_host_tree();
	assert_int_equal(mkdir("na", 0755), 0);
	assert_int_equal(sys_mount("tmpfs", "na", "tmpfs", MS_NOATIME, NULL), 0);
	const struct contained k = {
		.mounts = "{'destination': '/a', 'source': 'src', 'options': ['rbind', 'rro']},"
			  "{'destination': '/b', 'source': 'src',"
			  " 'options': ['rbind', 'rro', 'rw']},"
			  "{'destination': '/c', 'source': 'src',"
			  " 'options': ['rbind', 'strictatime', 'noatime']},"
			  "{'destination': '/d', 'source': 'na', 'options': ['bind', 'relatime']}",
		.stay = true,
		.check = check_recursive_ro,
	};

	contain_ok(&k);
}

static void check_propagation(struct rootfs *r)
{
	(void)r;
	CHECK(strcmp(peers_of("/rootfs/none"), "") == 0);
	CHECK(strcmp(peers_of("/rootfs/none/sub"), "") == 0);
	CHECK(strncmp(peers_of("/rootfs/rshared"), "shared:", 7) == 0);
	CHECK(strncmp(peers_of("/rootfs/rshared/sub"), "shared:", 7) == 0);
	CHECK(strncmp(peers_of("/rootfs/rslave"), "master:", 7) == 0);
	CHECK(strncmp(peers_of("/rootfs/rslave/sub"), "master:", 7) == 0);
	CHECK(strcmp(peers_of("/rootfs/private"), "") == 0);
	CHECK(strncmp(peers_of("/rootfs/private/sub"), "master:", 7) == 0);
	CHECK(strncmp(peers_of("/rootfs/slave/sub"), "master:", 7) == 0);
	CHECK(strncmp(peers_of("/rootfs/both"), "shared:", 7) == 0);
	CHECK(strstr(peers_of("/rootfs/both"), "master:"));
	CHECK(strncmp(peers_of("/rootfs/tmpfs"), "shared:", 7) == 0);
	CHECK(strcmp(peers_of("/rootfs/unbindable"), "unbindable ") == 0);
}

/* C-MOUNT-19, C-MOUNT-20, S-44: nothing is a peer of a host mount unless the config says shared */
static void binds_are_private_unless_the_config_says_otherwise(void **state)
{
	(void)state;
	needs_namespaces();
	make_host_tree();
	assert_int_equal(sys_mount("src", "src", NULL, MS_BIND | MS_REC, NULL), 0);
	assert_int_equal(sys_mount(NULL, "src", NULL, MS_SHARED | MS_REC, NULL), 0);
	const struct contained k = {
		.mounts =
			"{'destination': '/none', 'source': 'src', 'options': ['rbind']},"
			"{'destination': '/rshared', 'source': 'src',"
			" 'options': ['rbind', 'rshared']},"
			"{'destination': '/rslave', 'source': 'src', 'options': ['rbind', 'rslave']},"
			"{'destination': '/private', 'source': 'src', 'options': ['rbind', 'private']},"
			"{'destination': '/slave', 'source': 'src', 'options': ['rbind', 'slave']},"
			"{'destination': '/both', 'source': 'src',"
			" 'options': ['bind', 'slave', 'shared']},"
			"{'destination': '/tmpfs', 'type': 'tmpfs', 'options': ['shared']},"
			"{'destination': '/unbindable', 'type': 'tmpfs', 'options': ['unbindable']}",
		.stay = true,
		.check = check_propagation,
	};

	contain_ok(&k);
}

static void check_mount_reaches_host(struct rootfs *r)
{
	AUTO_FD dir = openat(r->fd, "shared/sub", O_PATH | O_CLOEXEC);

	CHECK(fchdir(dir) == 0);
	CHECK(mkdir("made", 0755) == 0);
	CHECK(sys_mount("tmpfs", "made", "tmpfs", 0, NULL) == 0);
}

/* C-MOUNT-19: what is mounted below a shared volume appears on the host */
static void shared_bind_is_a_peer_of_the_host(void **state)
{
	(void)state;
	needs_namespaces();
	make_host_tree();
	assert_int_equal(sys_mount("src", "src", NULL, MS_BIND | MS_REC, NULL), 0);
	assert_int_equal(sys_mount(NULL, "src", NULL, MS_SHARED | MS_REC, NULL), 0);
	const struct contained k = {
		.mounts = "{'destination': '/shared', 'source': 'src',"
			  " 'options': ['rbind', 'rshared']}",
		.stay = true,
		.check = check_mount_reaches_host,
	};

	contain_ok(&k);

	assert_string_not_equal(peers_of("/b/src/sub/made"), "no such mount");
}

/* engine-contracts 3: docker matches the end of the text */
static void kinds_must_match(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	needs_namespaces();
	make_host_tree();
	assert_int_equal(mkdir("rootfs/dir", 0755), 0);
	write_file_at(AT_FDCWD, "rootfs/plain", "");
	struct contained k = {
		.mounts = "{'destination': '/dir', 'source': 'file', 'options': ['bind']}",
		.stay = true,
	};
	static const char end[] = ": not a directory";

	assert_int_equal(contain(&k, &err), -1);
	assert_string_equal(err.msg + err.len - strlen(end), end);

	k.mounts = "{'destination': '/plain', 'source': 'src', 'options': ['rbind']}";
	assert_int_equal(contain(&k, &err), -1);
	assert_string_equal(err.msg + err.len - strlen(end), end);

	k.mounts = "{'destination': '/plain', 'type': 'tmpfs'}";
	assert_int_equal(contain(&k, &err), -1);
	assert_string_equal(err.msg + err.len - strlen(end), end);
}

/* C-MOUNT-06, I-04: found before anything is done, with its position */
static void missing_source_names_mount_and_position(void **state)
{
	(void)state;
	needs_namespaces();
	const struct contained k = {
		.mounts = "{'destination': '/x', 'source': '/no/such', 'options': ['bind']}",
	};

	contain_fails(&k, "mounts[0] '/x' (config.json:1:");
	contain_fails(&k, "'/no/such'");
	assert_int_equal(access("rootfs/x", F_OK), -1);
}

static void swap_source(void)
{
	CHECK(rename("file", "file.old") == 0);
	write_file_at(AT_FDCWD, "file", "other");
}

/* I-04: without privilege the child opens by path again */
static void changed_source_is_refused(void **state)
{
	(void)state;
	needs_namespaces();
	make_host_tree();
	const struct contained k = {
		.mounts = "{'destination': '/x', 'source': 'file', 'options': ['bind']}",
		.unprivileged = true,
		.before = swap_source,
	};

	contain_fails(&k, "is not what it was a moment ago");
}

/* C-MOUNT-09, C-MOUNT-24, C-MOUNT-25, S-38 */
static void bad_mounts_are_refused_with_the_reason(void **state)
{
	static const struct {
		const char *mount, *fragment;
	} cases[] = {
		{ "{'destination': '/x', 'type': 'nofs'}", "no file system type 'nofs'" },
		{ "{'destination': '/x', 'type': 'bind', 'source': '/'}",
		  "needs the option 'bind'" },
		{ "{'destination': '/x', 'source': '/'}", "is missing" },
		{ "{'destination': '/x', 'options': ['bind']}", "needs a source" },
		{ "{'destination': '/x', 'type': 'tmpfs', 'options': ['foo=bar']}",
		  "Unknown parameter 'foo'" },
		{ "{'destination': '/x', 'type': 'tmpfs', 'options': ['size=abc']}", "size=abc" },
		{ "{'destination': '/x', 'source': '/', 'options': ['bind', 'size=4k']}",
		  "'size' has no meaning for a bind" },
		{ "{'destination': '/x', 'source': '/tmp', 'options': ['bind', 'tmpcopyup']}",
		  "'tmpcopyup' is for a new tmpfs" },
		{ "{'destination': '/', 'type': 'tmpfs'}", "no place for a mount" },
		{ "{'destination': '/toroot', 'type': 'tmpfs'}", "no place for a mount" },
		{ "{'destination': '/a/../b', 'type': 'tmpfs'}", "'..'" },
		{ "{'destination': '/never', 'options': ['remount', 'ro']}", "open '/never'" },
		{ "{'destination': '/empty', 'options': ['remount', 'ro']}",
		  "there is no mount at the destination" },
		{ "{'destination': '/empty', 'options': ['remount']}",
		  "there is no mount at the destination" },
		{ "{'destination': '/c', 'type': 'cgroup', 'options': ['ro']}",
		  "no cgroup of its own" },
		{ "{'destination': '/x', 'source': '/tmp', 'options': ['bind', 'idmap']}",
		  "needs mappings for both" },
		{ "{'destination': '/x', 'source': '/proc/sys', 'options': ['bind', 'idmap']," MAPS
		  "}",
		  "(type 'proc') cannot be id-mapped" },
	};

	(void)state;
	needs_namespaces();
	assert_int_equal(symlink("/", "rootfs/toroot"), 0);
	assert_int_equal(mkdir("rootfs/empty", 0755), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct contained k = { .mounts = cases[i].mount };

		contain_fails(&k, cases[i].fragment);
		contain_fails(&k, "mounts[0]");
	}
}

/* ---- id-mapped mounts ----------------------------------------------------------------------- */

/* Makes SRC an id-mapped mount; false when its file system cannot be one. */
static bool map_source(const char *src)
{
	static const struct oci_id_map map[] = { { .container_id = 0, .host_id = 7, .size = 1 } };
	const struct idmap_pair pair = { map, map, 1, 1 };
	AUTO_ARENA a = ARENA_INIT;
	struct idmap_ns *list = NULL;
	struct err err = ERR_INIT;
	int fd = -1;

	AUTO_FD procfd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(idmap_ns_get(&list, &pair, procfd, &a, &fd, &err), 0);
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned)fd };
	AUTO_FD tree = sys_open_tree(AT_FDCWD, src, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	assert_true(tree >= 0);
	bool mapped = sys_mount_setattr(tree, "", AT_EMPTY_PATH, &attr) == 0;
	if (mapped)
		assert_int_equal(sys_move_mount(tree, "", AT_FDCWD, src, MOVE_MOUNT_F_EMPTY_PATH),
				 0);
	idmap_ns_done(&list);

	return mapped;
}

/* C-MOUNT-31: the kernel changes no map; the message tells it from a lack of rights */
static void source_that_is_mapped_already_is_refused(void **state)
{
	(void)state;
	needs_namespaces();
	make_host_tree();
	if (!map_source("src")) {
		print_message("this kernel cannot id-map a tmpfs\n");
		skip();
	}
	const struct contained k = {
		.mounts = "{'destination': '/x', 'source': 'src', 'options': ['bind', 'idmap']," MAPS
			  "}",
	};

	contain_fails(&k, "the source is id-mapped already");
	contain_fails(&k, "mounts[0] '/x' (config.json:1:");
}

/* ---- label ---------------------------------------------------------------------------------- */

#define LABEL ", 'mountLabel': 'u:r:t:s0'"

/* C-MASK-11, D-28 */
static void label_without_selinux_is_refused(void **state)
{
	(void)state;
	needs_namespaces();
	const struct contained k = { .more = LABEL };

	if (access("/sys/fs/selinux/enforce", F_OK) == 0)
		skip();
	contain_fails(&k, "linux.mountLabel: SELinux is not enabled");
	contain_fails(&k, "config.json:1:");
}

/* C-MASK-11: this kernel has no SELinux, so the option that was passed shows in its refusal */
static void label_is_the_context_of_file_systems_that_take_one(void **state)
{
	static const struct {
		const char *mount, *fragment;
	} cases[] = {
		{ "{'destination': '/x', 'type': 'tmpfs'}", "option 'context=u:r:t:s0'" },
		{ "{'destination': '/x', 'type': 'devpts'}", "option 'context=u:r:t:s0'" },
		{ "{'destination': '/x', 'type': 'tmpfs', 'options': ['context=own']}",
		  "option 'context=own'" },
	};
	struct contained k = { .more = LABEL, .stay = true };

	(void)state;
	needs_namespaces();
	if (access("/sys/fs/selinux/enforce", F_OK) == 0)
		skip();
	make_host_tree();
	selinux = true;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		k.mounts = cases[i].mount;
		contain_fails(&k, cases[i].fragment);
	}
	k.mounts = "{'destination': '/proc', 'type': 'proc'},"
		   "{'destination': '/m', 'type': 'mqueue'},"
		   "{'destination': '/s', 'type': 'sysfs'},"
		   "{'destination': '/b', 'source': 'src', 'options': ['rbind']}";
	contain_ok(&k);
	selinux = false;
}

/* C-MASK-11, I-10: mqueue's root is labelled afterwards, and every label read back */
static void label_that_reads_back_differently_is_refused(void **state)
{
	struct contained k = { .more = LABEL,
			       .mounts = "{'destination': '/m', 'type': 'mqueue'}",
			       .stay = true };

	(void)state;
	needs_namespaces();
	selinux = true;
	other_label = "u:r:weaker:s0";
	contain_fails(&k, "reads back as 'u:r:weaker:s0' instead of 'u:r:t:s0'");
	other_label = NULL;
	selinux = false;
}

/* C-MASK-11: the tmpfs over a masked directory is one of the container's file systems too */
static void label_is_the_context_of_masks(void **state)
{
	struct contained k = { .more = LABEL ", 'maskedPaths': ['/d']" };

	(void)state;
	needs_namespaces();
	if (access("/sys/fs/selinux/enforce", F_OK) == 0)
		skip();
	assert_int_equal(mkdir("rootfs/d", 0755), 0);
	selinux = true;
	contain_fails(&k, "linux.maskedPaths[0] '/d'");
	selinux = false;
}

/* ---- targets ------------------------------------------------------------------------------- */

static void check_inside(struct rootfs *r)
{
	CHECK(flags_of(r->fd, "etc/new") & ST_NOEXEC);
	CHECK(flags_of(r->fd, "outside") & ST_NOEXEC);
}

/* C-ROOT-08, S-02, S-09, S-16, S-33: links in the image stay in the image */
static void links_in_the_image_lead_nowhere_else(void **state)
{
	(void)state;
	needs_namespaces();
	assert_int_equal(mkdir("rootfs/etc", 0755), 0);
	assert_int_equal(symlink("/etc", "rootfs/abs"), 0);
	assert_int_equal(symlink("../../../../outside", "rootfs/up"), 0);
	assert_int_equal(mkdir("rootfs/outside", 0755), 0);
	const struct contained k = {
		.mounts = "{'destination': '/abs/new', 'type': 'tmpfs', 'options': ['noexec']},"
			  "{'destination': '/up', 'type': 'tmpfs', 'options': ['noexec']}",
		.stay = true,
		.check = check_inside,
	};

	contain_ok(&k);

	struct stat st;
	assert_int_equal(stat("outside", &st), 0);
	assert_int_equal(st.st_nlink, 2);
}

/* C-MOUNT-05, C-MOUNT-30, S-04, S-10: nothing but a procfs is /proc, and nothing is in it */
static void proc_cannot_be_faked(void **state)
{
	static const struct {
		const char *mounts, *fragment;
	} cases[] = {
		{ "{'destination': '/proc', 'type': 'tmpfs'}", "only a proc file system" },
		{ "{'destination': '/proc/', 'source': 'src', 'options': ['rbind']}",
		  "only a proc file system" },
		{ "{'destination': '/proc', 'source': '/proc/sys', 'options': ['rbind']}",
		  "only a proc file system" },
		{ "{'destination': '/proc/self/attr', 'type': 'tmpfs'}", "inside /proc" },
		{ "{'destination': '/proc/sys', 'type': 'proc'}", "inside /proc" },
		{ "{'destination': '/proc/stat', 'source': 'src', 'options': ['rbind']}",
		  "inside /proc" },
		{ "{'destination': '/proc/kcore', 'source': 'file', 'options': ['bind']}",
		  "inside /proc" },
		{ "{'destination': '/p', 'type': 'proc'},"
		  "{'destination': '/p/sys', 'type': 'tmpfs'}",
		  "leads into a procfs" },
		{ "{'destination': '/p', 'type': 'proc'},"
		  "{'destination': '/top/sys/kernel', 'source': 'src', 'options': ['bind']}",
		  "leads into a procfs" },
		{ "{'destination': '/link', 'type': 'proc'}", "ordinary directory" },
		{ "{'destination': '/link/x', 'type': 'sysfs'}", "ordinary directory" },
	};

	(void)state;
	needs_namespaces();
	make_host_tree();
	assert_int_equal(symlink("etc", "rootfs/link"), 0);
	assert_int_equal(symlink("/p", "rootfs/top"), 0);
	assert_int_equal(mkdir("rootfs/etc", 0755), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct contained k = { .mounts = cases[i].mounts, .stay = true };

		contain_fails(&k, cases[i].fragment);
	}
	assert_int_equal(access("rootfs/proc/self", F_OK), -1);
}

static void check_proc_files(struct rootfs *r)
{
	CHECK(strcmp(read_file_at(r->fd, "proc/uptime"), "content") == 0);
	CHECK(mode_of(r->fd, "proc/self") != 0);
}

/* C-MOUNT-05: the closed list; a procfs passed on from outside */
static void proc_files_of_the_list_can_be_covered(void **state)
{
	(void)state;
	needs_namespaces();
	make_host_tree();
	struct contained k = {
		.mounts = "{'destination': '/proc', 'type': 'proc'},"
			  "{'destination': '/proc/uptime', 'source': 'file', 'options': ['bind']}",
		.stay = true,
		.check = check_proc_files,
	};

	contain_ok(&k);

	k.mounts = "{'destination': '/proc', 'source': '/proc', 'options': ['rbind']},"
		   "{'destination': '/proc/uptime', 'source': 'file', 'options': ['bind']}";
	contain_ok(&k);
}

/* ---- file systems -------------------------------------------------------------------------- */

static void check_tmpfs(struct rootfs *r)
{
	CHECK((mode_of(r->fd, "run") & 07777) == 0711);
	CHECK((mode_of(r->fd, "new") & 07777) == 01777);
	CHECK((mode_of(r->fd, "tmp") & 07777) == 01777);
	CHECK((mode_of(r->fd, "opt") & 07777) == 0700);
	CHECK(flags_of(r->fd, "tmp") & ST_NODEV);
}

/* C-MOUNT-11, C-MOUNT-12, C-MOUNT-14, C-MOUNT-23, C-MOUNT-27 */
static void tmpfs_takes_the_mode_of_what_it_covers(void **state)
{
	(void)state;
	needs_namespaces();
	assert_int_equal(mkdir("rootfs/run", 0711), 0);
	assert_int_equal(mkdir("rootfs/tmp", 0755), 0);
	assert_int_equal(chmod("rootfs/tmp", 01777), 0);
	const struct contained k = {
		.mounts =
			"{'destination': '/run', 'type': 'tmpfs',"
			" 'options': ['defaults', 'silent', 'iversion', 'lazytime', 'nofail']},"
			"{'destination': '/new', 'type': 'tmpfs', 'options': ['sync', 'dirsync']},"
			"{'destination': '/tmp', 'type': 'tmpfs', 'options': ['nodev', '']},"
			"{'destination': '/opt', 'type': 'tmpfs', 'options': ['mode=700']}",
		.stay = true,
		.check = check_tmpfs,
	};

	contain_ok(&k);
}

static void check_read_only_tmpfs(struct rootfs *r)
{
	CHECK(r->fd >= 0);
	CHECK(flags_of(r->fd, "dev") & ST_RDONLY);
	CHECK(rdev_of(r->fd, "dev/null") == makedev(1, 3));
	CHECK(mkdir("/dev/x", 0755) == -1 && errno == EROFS);
	CHECK(flags_of(r->fd, "a") & ST_RDONLY);
	CHECK(!(flags_of(r->fd, "a/b") & ST_RDONLY));
}

/* C-MOUNT-28 */
static void read_only_tmpfs_is_filled_first(void **state)
{
	(void)state;
	needs_namespaces();
	const struct contained k = {
		.mounts = "{'destination': '/dev', 'type': 'tmpfs', 'options': ['ro', 'nosuid']},"
			  "{'destination': '/a', 'type': 'tmpfs', 'options': ['rro']},"
			  "{'destination': '/a/b', 'type': 'tmpfs'}",
		.check = check_read_only_tmpfs,
	};

	contain_ok(&k);
}

static void check_remount(struct rootfs *r)
{
	struct statvfs fs;

	CHECK(flags_of(r->fd, "t") & ST_RDONLY);
	CHECK(flags_of(r->fd, "t") & ST_NOEXEC);
	CHECK(fstatvfs(openat(r->fd, "t", O_PATH), &fs) == 0);
	CHECK(fs.f_blocks * fs.f_frsize == 1 << 20);
}

/* C-MOUNT-18 */
static void remount_changes_mount_and_file_system(void **state)
{
	(void)state;
	needs_namespaces();
	const struct contained k = {
		.mounts = "{'destination': '/t', 'type': 'tmpfs', 'options': ['noexec']},"
			  "{'destination': '/t', 'options': ['remount', 'ro', 'size=1m']}",
		.stay = true,
		.check = check_remount,
	};

	contain_ok(&k);
}

static void check_overlay(struct rootfs *r)
{
	CHECK(strcmp(read_file_at(r->fd, "o/f0"), "x") == 0);
	CHECK(strcmp(read_file_at(r->fd, "o/f:7"), "x") == 0);
}

/* C-MOUNT-44: fsconfig strings end at 255 bytes, overlay takes layers one by one */
static void long_overlay_lists_are_split(void **state)
{
	static char list[2048];
	static char mount[4096];
	size_t used = 0;

	(void)state;
	needs_namespaces();
	for (int i = 0; i < 8; i++) {
		char dir[128];

		(void)snprintf(dir, sizeof(dir), "layer-%060d%s", i, i == 7 ? ":7" : "");
		assert_int_equal(mkdir(dir, 0755), 0);
		int fd = open(dir, O_RDONLY | O_DIRECTORY);
		(void)snprintf(dir, sizeof(dir), "f%s%d", i == 7 ? ":" : "", i);
		write_file_at(fd, dir, "x");
		close(fd);
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s/b/layer-%060d%s",
					 i ? ":" : "", ns_scratch, i, i == 7 ? "\\\\:7" : "");
	}
	(void)snprintf(mount, sizeof(mount),
		       "{'destination': '/o', 'type': 'overlay', 'options': ['lowerdir=%s']}",
		       list);
	const struct contained k = { .mounts = mount, .stay = true, .check = check_overlay };

	contain_ok(&k);
}

/* ---- user and cgroup namespaces ------------------------------------------------------------ */

static void check_user_ns(struct rootfs *r)
{
	CHECK(mode_of(r->fd, "proc/self/status") != 0);
	CHECK(flags_of(r->fd, "sys") & ST_RDONLY);
	CHECK(mode_of(r->fd, "sys/kernel") != 0);
	CHECK(strcmp(read_file_at(r->fd, "data"), "content") == 0);
	CHECK((mode_of(r->fd, "tmp") & 07777) == 01777);
}

static void open_up(void)
{
	assert_int_equal(chown("rootfs", HOST_ID, HOST_ID), 0);
	assert_int_equal(mkdir("closed", 0700), 0);
	write_file_at(AT_FDCWD, "closed/file", "content");
}

/* C-MOUNT-41, C-MOUNT-42: closed source directory; /sys of a network namespace that is not ours */
static void user_namespace_can_mount_what_it_needs(void **state)
{
	(void)state;
	needs_namespaces();
	open_up();
	const struct contained k = {
		.mounts = "{'destination': '/proc', 'type': 'proc'},"
			  "{'destination': '/sys', 'type': 'sysfs', 'options': ['nosuid']},"
			  "{'destination': '/tmp', 'type': 'tmpfs', 'options': ['mode=1777']},"
			  "{'destination': '/data', 'source': 'closed/file',"
			  " 'options': ['bind', 'ro']}",
		.user_ns = true,
		.stay = true,
		.check = check_user_ns,
	};

	assert_int_equal(chmod(ns_scratch, 0755), 0);
	contain_ok(&k);
}

/* C-MOUNT-17: flags of the host's mount are locked for a user namespace */
static void locked_flags_are_explained(void **state)
{
	(void)state;
	needs_namespaces();
	open_up();
	assert_int_equal(mkdir("ro", 0755), 0);
	assert_int_equal(sys_mount("tmpfs", "ro", "tmpfs", MS_NOSUID, NULL), 0);
	const struct contained k = {
		.mounts = "{'destination': '/x', 'source': 'ro', 'options': ['bind', 'suid']}",
		.user_ns = true,
		.unprivileged = true,
		.stay = true,
	};

	contain_fails(&k, "cannot be cleared in a user namespace");
}

static void check_cgroup(struct rootfs *r)
{
	CHECK(mode_of(r->fd, "c/cgroup.procs") != 0);
	CHECK(flags_of(r->fd, "c") & ST_RDONLY);
}

/* C-CGP-12, C-CGP-13, I-23 */
static void own_cgroup_namespace_gets_a_fresh_mount(void **state)
{
	(void)state;
	needs_namespaces();
	struct contained k = {
		.mounts = "{'destination': '/c', 'type': 'cgroup', 'options': ['ro', 'rprivate']}",
		.cgroup_ns = true,
		.stay = true,
		.check = check_cgroup,
	};

	contain_ok(&k);

	k.mounts = "{'destination': '/c', 'type': 'cgroup2', 'options': ['ro']}";
	contain_ok(&k);
}

static void check_bound_cgroup(struct rootfs *r)
{
	CHECK(mode_of(r->fd, "c/cgroup.procs") != 0);
	CHECK(mode_of(r->fd, "d/cgroup.procs") != 0);
	CHECK(flags_of(r->fd, "c") & ST_RDONLY);
	CHECK(flags_of(r->fd, "c") & ST_NOSUID);
	CHECK(!(flags_of(r->fd, "d") & ST_RDONLY));
	CHECK(strcmp(peers_of("/rootfs/c"), "") == 0);
}

/* C-CGP-12, I-23, S-14: the own subtree, read-only on the mount itself */
static void without_cgroup_namespace_the_own_subtree_is_bound(void **state)
{
	(void)state;
	needs_namespaces();
	assert_int_equal(mkdir("cg", 0755), 0);
	assert_int_equal(sys_mount("cgroup2", "cg", "cgroup2", 0, NULL), 0);
	struct contained k = {
		.mounts = "{'destination': '/c', 'type': 'cgroup', 'options': ['nosuid', 'ro']},"
			  "{'destination': '/d', 'type': 'cgroup'}",
		.cgroup = "cg",
		.stay = true,
		.check = check_bound_cgroup,
	};

	contain_ok(&k);
	k.unprivileged = true;
	contain_ok(&k);
	k.user_ns = true;
	assert_int_equal(chown("rootfs", HOST_ID, HOST_ID), 0);
	contain_ok(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NS_TEST(bind_has_its_attributes_and_makes_its_target),
		NS_TEST(recursive_attributes_reach_submounts_and_later_options_win),
		NS_TEST(binds_are_private_unless_the_config_says_otherwise),
		NS_TEST(shared_bind_is_a_peer_of_the_host),
		NS_TEST(kinds_must_match),
		NS_TEST(missing_source_names_mount_and_position),
		NS_TEST(changed_source_is_refused),
		NS_TEST(bad_mounts_are_refused_with_the_reason),
		NS_TEST(source_that_is_mapped_already_is_refused),
		NS_TEST(label_without_selinux_is_refused),
		NS_TEST(label_is_the_context_of_file_systems_that_take_one),
		NS_TEST(label_that_reads_back_differently_is_refused),
		NS_TEST(label_is_the_context_of_masks),
		NS_TEST(links_in_the_image_lead_nowhere_else),
		NS_TEST(proc_cannot_be_faked),
		NS_TEST(proc_files_of_the_list_can_be_covered),
		NS_TEST(tmpfs_takes_the_mode_of_what_it_covers),
		NS_TEST(read_only_tmpfs_is_filled_first),
		NS_TEST(remount_changes_mount_and_file_system),
		NS_TEST(long_overlay_lists_are_split),
		NS_TEST(user_namespace_can_mount_what_it_needs),
		NS_TEST(locked_flags_are_explained),
		NS_TEST(own_cgroup_namespace_gets_a_fresh_mount),
		NS_TEST(without_cgroup_namespace_the_own_subtree_is_bound),
	};

	return cmocka_run_group_tests_name("mount", tests, ns_group_setup, ns_group_teardown);
}
