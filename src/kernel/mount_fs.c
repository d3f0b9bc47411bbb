/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts, the part of the child that makes file systems: fsopen, fsconfig, fsmount */
#include "kernel/mount-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"
#include "kernel/copyup.h"

/* fsconfig(2) takes strings of at most 255 bytes. */
#define FS_STRING_MAX 255

/* What the kernel says about a file system context: records "e tmpfs: Bad value for 'size'". */
static void read_messages(int fsfd, char *buf, size_t size)
{
	char record[256];
	size_t used = 0;

	buf[0] = '\0';
	for (;;) {
		ssize_t n = read(fsfd, record, sizeof(record) - 1);
		if (n <= 2)
			break;
		record[n] = '\0';
		record[strcspn(record, "\n")] = '\0';
		if (record[0] != 'e' && record[0] != 'w')
			continue;
		int len = snprintf(buf + used, size - used, "%s%s", used ? "; " : "", record + 2);
		if (len < 0 || (size_t)len >= size - used)
			break;
		used += (size_t)len;
	}
}

static int fail_fs(int fsfd, struct err *err, const char *what)
{
	char text[512];
	int reason = errno;

	read_messages(fsfd, text, sizeof(text));
	errno = reason;
	if (text[0])
		return err_sys(err, "%s (%s)", what, text);

	return err_sys(err, "%s", what);
}

static int set_string(int fsfd, const char *key, const char *value, struct err *err)
{
	char what[512];

	if (strlen(value) > FS_STRING_MAX)
		return err_set(
			err, ERR_CONFIG,
			"the value of '%s' is longer than the %d bytes that the kernel takes", key,
			FS_STRING_MAX);
	if (sys_fsconfig(fsfd, FSCONFIG_SET_STRING, key, value, 0) == 0)
		return 0;
	(void)snprintf(what, sizeof(what), "option '%s=%s'", key, value);

	return fail_fs(fsfd, err, what);
}

static int set_flag(int fsfd, const char *key, struct err *err)
{
	char what[512];

	if (sys_fsconfig(fsfd, FSCONFIG_SET_FLAG, key, NULL, 0) == 0)
		return 0;
	(void)snprintf(what, sizeof(what), "option '%s'", key);

	return fail_fs(fsfd, err, what);
}

/* A directory of overlay. A path that is longer than one string may be goes as a descriptor, which
 * kernel 6.13 and newer take. */
static int set_directory(int fsfd, const char *key, const char *path, struct err *err)
{
	if (strlen(path) <= FS_STRING_MAX)
		return set_string(fsfd, key, path, err);

	AUTO_FD dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, "open '%s' of the option '%s'", path, key);
	if (sys_fsconfig(fsfd, FSCONFIG_SET_FD, key, NULL, dir) < 0)
		return fail_fs(fsfd, err,
			       "a directory with a path of more than 255 bytes (kernel 6.13)");

	return 0;
}

static bool is_overlay_directory(const char *key)
{
	static const char *const keys[] = { "upperdir", "workdir", "lowerdir+", "datadir+" };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (strcmp(key, keys[i]) == 0)
			return true;
	}

	return false;
}

/* overlay's list of layers is often longer than one string may be; since 6.5 the layers can be
 * given one by one. In the list a backslash protects a colon, and "::" comes before a data-only
 * layer. */
static int set_layers(int fsfd, const char *list, struct err *err)
{
	char layer[PATH_MAX];
	const char *key = "lowerdir+";

	while (*list) {
		size_t len = 0;

		for (; *list && *list != ':'; list++) {
			if (*list == '\\' && (list[1] == ':' || list[1] == '\\'))
				list++;
			if (len >= sizeof(layer) - 1)
				return err_set(err, ERR_CONFIG,
					       "a layer in 'lowerdir' is longer than a path may be");
			layer[len++] = *list;
		}
		layer[len] = '\0';
		if (set_directory(fsfd, key, layer, err) < 0)
			return -1;
		if (*list == ':')
			list++;
		if (*list == ':') {
			key = "datadir+";
			list++;
		}
	}

	return 0;
}

static int set_data(const struct mount_plan *p, int fsfd, struct err *err)
{
	const struct oci_mount *m = p->config;
	const struct oci_mount_options *o = &m->options;
	bool overlay = m->type && strcmp(m->type, "overlay") == 0;

	for (size_t i = 0; i < o->n_data; i++) {
		const struct json_pair *d = &o->data[i];
		int rc;

		if (!d->value)
			rc = set_flag(fsfd, d->key, err);
		else if (overlay && strcmp(d->key, "lowerdir") == 0 &&
			 strlen(d->value) > FS_STRING_MAX)
			rc = set_layers(fsfd, d->value, err);
		else if (overlay && is_overlay_directory(d->key))
			rc = set_directory(fsfd, d->key, d->value, err);
		else
			rc = set_string(fsfd, d->key, d->value, err);
		if (rc < 0)
			return -1;
	}
	for (size_t i = 0; i < o->n_sb_flags; i++) {
		if (set_flag(fsfd, o->sb_flags[i], err) < 0)
			return -1;
	}

	return 0;
}

static bool has_data(const struct mount_plan *p, const char *key)
{
	for (size_t i = 0; i < p->config->options.n_data; i++) {
		if (strcmp(p->config->options.data[i].key, key) == 0)
			return true;
	}

	return false;
}

static bool is_type(const struct mount_plan *p, const char *type)
{
	return strcmp(p->config->type, type) == 0;
}

bool mount_takes_mode_of_target(const struct mount_plan *p)
{
	return is_type(p, "tmpfs") && !has_data(p, "mode");
}

static int set_tmpfs_mode(const struct mount_plan *p, int fsfd, const struct stat *target,
			  struct err *err)
{
	char mode[8];

	if (!mount_takes_mode_of_target(p))
		return 0;
	(void)snprintf(mode, sizeof(mode), "%o", (unsigned)(target->st_mode & 07777));

	return set_string(fsfd, "mode", mode, err);
}

/* Kernel-made file systems have one superblock for many mounts, whose flags are not ours to choose;
 * read-only is a matter of the mount. A device, an image or a layered file system must know it
 * itself, or it is written to (journal replay) and a write-protected medium cannot be mounted. */
static bool superblock_knows_read_only(const struct mount_plan *p)
{
	static const char *const kernel_made[] = {
		"proc",     "sysfs",     "cgroup",     "cgroup2",   "tmpfs",
		"devtmpfs", "devpts",    "mqueue",     "ramfs",     "bpf",
		"debugfs",  "tracefs",   "configfs",   "efivarfs",  "pstore",
		"fusectl",  "hugetlbfs", "securityfs", "selinuxfs", "binfmt_misc",
	};

	for (size_t i = 0; i < ARRAY_LEN(kernel_made); i++) {
		if (is_type(p, kernel_made[i]))
			return false;
	}

	return (mount_fresh_attrs(p) & MOUNT_ATTR_RDONLY) != 0;
}

static int open_fs(const struct mount_plan *p, const char *type, int *ret_fd, struct err *err)
{
	int fd = sys_fsopen(type, FSOPEN_CLOEXEC);

	if (fd >= 0) {
		*ret_fd = fd;
		return 0;
	}
	if (errno == ENODEV && (is_type(p, "bind") || is_type(p, "none")))
		return err_sys(err, "type '%s' needs the option 'bind' or 'rbind'", type);
	if (errno == ENODEV)
		return err_sys(err, "the kernel knows no file system type '%s'", type);

	return err_sys(err, "open a file system of type '%s'", type);
}

static int fail_create(const struct mount_plan *p, int fsfd, struct err *err, const char *what)
{
	if (errno == EPERM && is_type(p, "proc"))
		return fail_fs(fsfd, err,
			       "mount proc: a user namespace needs a pid namespace of its own for "
			       "it, and a caller whose own /proc is not covered in places");

	return fail_fs(fsfd, err, what);
}

static int create_fs(const struct oci_config *c, const struct mount_plan *p, const char *type,
		     const struct stat *target, int *ret_fd, struct err *err)
{
	const struct oci_mount *m = p->config;
	char what[64];
	AUTO_FD fsfd = -1;

	(void)snprintf(what, sizeof(what), "mount a file system of type '%s'", type);
	if (open_fs(p, type, &fsfd, err) < 0)
		return -1;
	if (set_string(fsfd, "source", m->source ? m->source : type, err) < 0 ||
	    set_tmpfs_mode(p, fsfd, target, err) < 0 || set_data(p, fsfd, err) < 0)
		return -1;
	if (superblock_knows_read_only(p) && set_flag(fsfd, "ro", err) < 0)
		return -1;
	if (mount_takes_context(c, p) &&
	    set_string(fsfd, "context", c->linux_.mount_label, err) < 0)
		return -1;
	if (sys_fsconfig(fsfd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fail_create(p, fsfd, err, what);

	AUTO_FD mount = sys_fsmount(fsfd, FSMOUNT_CLOEXEC, (unsigned)mount_fresh_attrs(p));
	if (mount < 0)
		return fail_create(p, fsfd, err, what);

	*ret_fd = fd_take(&mount);
	return 0;
}

/* New mounts are private; only another wish needs a call. */
static int set_propagation(const struct mount_plan *p, int mount, struct err *err)
{
	const struct oci_mount_options *o = &p->config->options;
	bool all_private = true;

	for (size_t i = 0; i < o->n_propagation; i++)
		all_private = all_private && (o->propagation[i] & MS_PRIVATE);
	for (size_t i = 0; i < o->n_propagation && !all_private; i++) {
		if (mount_change(mount, false, 0, 0, o->propagation[i], err) < 0)
			return -1;
	}

	return 0;
}

/* The container's own cgroup directory, by path in our mount namespace: a descriptor of the
 * parent's namespace cannot be copied here. */
static int clone_cgroup_dir(int cgroup_dir, int *ret_fd, struct err *err)
{
	char link[sizeof("/proc/self/fd/") + 10];
	char path[PATH_MAX];
	struct stat want;
	struct stat have;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", cgroup_dir);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	if (n < 0 || fstat(cgroup_dir, &want) < 0)
		return err_sys(err, "look up the container's cgroup");
	path[n] = '\0';

	AUTO_FD tree = mount_clone(AT_FDCWD, path, false);
	if (tree < 0 || fstat(tree, &have) < 0)
		return err_sys(err, "bind the container's cgroup '%s'", path);
	if (want.st_dev != have.st_dev || want.st_ino != have.st_ino)
		return err_set(err, ERR_SYSTEM, "'%s' is not the container's cgroup here", path);

	*ret_fd = fd_take(&tree);
	return 0;
}

static int bind_cgroup(const struct mount_plan *p, const struct mount_context *ctx, int *ret_fd,
		       struct err *err)
{
	AUTO_FD tree = -1;

	if (p->tree >= 0) {
		*ret_fd = fcntl(p->tree, F_DUPFD_CLOEXEC, 3);
		return *ret_fd < 0 ? err_sys(err, "bind the container's cgroup") : 0;
	}
	if (ctx->cgroup_dir < 0)
		return err_set(err, ERR_SYSTEM,
			       "the container has no cgroup of its own, and the host's is not "
			       "shown to it; a new cgroup namespace would help");
	if (clone_cgroup_dir(ctx->cgroup_dir, &tree, err) < 0)
		return -1;
	if (mount_dress_tree(p, tree, err) < 0)
		return -1;

	*ret_fd = fd_take(&tree);
	return 0;
}

/* Shown is the container's own subtree only (I-23, C-CGP-12): the root of its cgroup namespace, or
 * a bind of its directory. */
static int make_cgroup(const struct oci_config *c, const struct mount_plan *p,
		       const struct mount_context *ctx, const struct stat *target, int *ret_fd,
		       struct err *err)
{
	if (!ctx->own_cgroup_ns)
		return bind_cgroup(p, ctx, ret_fd, err);

	AUTO_FD mount = -1;
	if (create_fs(c, p, "cgroup2", target, &mount, err) < 0) {
		if (err->sys != EPERM && err->sys != EBUSY)
			return -1;
		return bind_cgroup(p, ctx, ret_fd, err);
	}
	if (set_propagation(p, mount, err) < 0)
		return -1;

	*ret_fd = fd_take(&mount);
	return 0;
}

/* A new sysfs shows a network namespace, so its owner must be ours. When the container uses the
 * host's, it gets a read-only view of the host's /sys (C-MOUNT-42). */
static int bind_host_sysfs(const struct mount_plan *p, int *ret_fd, struct err *err)
{
	struct statfs fs;

	AUTO_FD tree = mount_clone(AT_FDCWD, "/sys", true);
	if (tree < 0 || fstatfs(tree, &fs) < 0)
		return err_sys(err, "bind the host's /sys");
	if (fs.f_type != SYSFS_MAGIC)
		return err_set(err, ERR_SYSTEM, "the host's /sys is not a sysfs");
	if (mount_change(tree, true, mount_fresh_attrs(p) | MOUNT_ATTR_RDONLY, 0, MS_PRIVATE, err) <
	    0)
		return -1;

	*ret_fd = fd_take(&tree);
	return 0;
}

/* Copied first: the owners in the file system are then those of the image, and the maps concern
 * what is seen, as for a bind. */
static int fill_and_map(const struct mount_plan *p, int mount, int targetfd, struct err *err)
{
	if (p->config->options.tmpcopyup && copyup(targetfd, mount, err) < 0)
		return -1;

	return mount_map(p, mount, err);
}

int mount_make_fs(const struct oci_config *c, const struct mount_plan *p,
		  const struct mount_context *ctx, int targetfd, const struct stat *target,
		  int *ret_fd, struct err *err)
{
	AUTO_FD mount = -1;

	if (p->is_cgroup)
		return make_cgroup(c, p, ctx, target, ret_fd, err);

	if (create_fs(c, p, p->config->type, target, &mount, err) < 0) {
		if (err->sys == EPERM && is_type(p, "sysfs"))
			return bind_host_sysfs(p, ret_fd, err);
		return -1;
	}
	if (mount_label(c, p, mount, err) < 0 || set_propagation(p, mount, err) < 0)
		return -1;
	if (fill_and_map(p, mount, targetfd, err) < 0)
		return -1;

	*ret_fd = fd_take(&mount);
	return 0;
}

int mount_reconfigure(const struct mount_plan *p, int fd, struct err *err)
{
	AUTO_FD fsfd = sys_fspick(fd, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
	if (fsfd < 0)
		return err_sys(err, "change its file system");
	if (set_data(p, fsfd, err) < 0)
		return -1;
	if (sys_fsconfig(fsfd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0)
		return fail_fs(fsfd, err, "change its file system");

	return 0;
}
