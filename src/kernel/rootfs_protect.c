/* SPDX-License-Identifier: Apache-2.0 */
/* Read-only and masked paths, and everything that becomes read-only at the end
 *
 * Sources are made here, not found by name: an empty read-only tmpfs for directories, and for files
 * the container's /dev/null, which is bound only after its device number was checked (I-06,
 * CVE-2025-31133). Each path is resolved once, in the container's root; only ENOENT skips it. */
#include "kernel/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/sys.h"
#include "kernel/device.h"

enum {
	PLACE_PROC,
	PLACE_SYS,
	PLACES
};

static const struct {
	const char *path;
	const char *type;
	long magic;
} places[PLACES] = {
	[PLACE_PROC] = { "/proc", "proc", PROC_SUPER_MAGIC },
	[PLACE_SYS] = { "/sys", "sysfs", SYSFS_MAGIC },
};

struct protect {
	const struct rootfs_plan *plan;
	const struct rootfs *root;
	int null;          /* owned: O_PATH of the container's /dev/null, -1 until needed */
	int empty;         /* owned: the attached empty tmpfs, -1 until needed */
	int place[PLACES]; /* owned: O_PATH of our mounts there, -1 where we mounted nothing */
};

static void protect_done(struct protect *p)
{
	fd_close(&p->null);
	fd_close(&p->empty);
	for (size_t i = 0; i < PLACES; i++)
		fd_close(&p->place[i]);
}
#define AUTO_PROTECT AUTO(protect_done) struct protect

static int attach(int tree, int target, struct err *err)
{
	if (sys_move_mount(tree, "", target, "",
			   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_sys(err, "attach the mount");

	return 0;
}

static int set_read_only(int fd, bool recursive, struct err *err)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

	if (sys_mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr) < 0)
		return err_sys(err, "make it read-only");

	return 0;
}

/* ---- procfs and sysfs ---------------------------------------------------------------------- */

static bool is_mounted(const struct rootfs_plan *plan, size_t place)
{
	bool found = false;
	struct statfs fs;

	for (size_t i = 0; i < plan->n_mounts; i++) {
		const struct mount_plan *m = &plan->mounts[i];

		if (m->config->options.remount || strcmp(m->target, places[place].path) != 0)
			continue;
		if (m->is_bind)
			found = m->tree >= 0 && fstatfs(m->tree, &fs) == 0 &&
				fs.f_type == places[place].magic;
		else
			found = m->config->type && strcmp(m->config->type, places[place].type) == 0;
	}

	return found;
}

/* A container that shares the rootfs can rename /proc while we are at work; /proc/keys is then
 * missing for a moment and would be skipped, and left unmasked. So our mount is looked up once, and
 * paths below it from there (S-10). */
static int open_place(struct protect *p, size_t place, struct err *err)
{
	const char *path = places[place].path;
	AUTO_FD fd = -1;
	struct statfs fs;

	if (!is_mounted(p->plan, place))
		return 0;
	if (path_open_in(p->root->fd, path, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS, &fd, err) <
	    0)
		return -1;
	if (fstatfs(fd, &fs) < 0)
		return err_sys(err, "look at '%s'", path);
	if (fs.f_type != places[place].magic)
		return err_set(err, ERR_SYSTEM, "'%s' is not what was mounted there a moment ago",
			       path);
	p->place[place] = fd_take(&fd);

	return 0;
}

/* Where the lookup of *PATH starts; *PATH becomes relative to it. CLEAN is its memory. */
static int start_of(const struct protect *p, const char **path, char clean[PATH_MAX])
{
	if (path_normalise(*path, clean, PATH_MAX) < 0)
		return p->root->fd;
	for (size_t i = 0; i < PLACES; i++) {
		size_t len = strlen(places[i].path);

		if (p->place[i] < 0 || strncmp(clean, places[i].path, len) != 0 ||
		    (clean[len] != '/' && clean[len] != '\0'))
			continue;
		*path = clean[len] == '\0' ? "." : clean + len + 1;
		return p->place[i];
	}

	return p->root->fd;
}

/* ---- paths --------------------------------------------------------------------------------- */

/* Returns 1 when there is nothing at PATH. */
static int open_path(const struct protect *p, const char *path, int *ret_fd, struct stat *ret_st,
		     struct err *err)
{
	char clean[PATH_MAX];
	AUTO_FD fd = -1;

	int start = start_of(p, &path, clean);
	if (path_open_in(start, path, O_PATH, 0, &fd, err) < 0)
		return errno == ENOENT ? 1 : -1;
	if (fstat(fd, ret_st) < 0)
		return err_sys(err, "look at it");

	*ret_fd = fd_take(&fd);
	return 0;
}

static bool is_root(const struct protect *p, const struct stat *st)
{
	return st->st_dev == p->plan->dev && st->st_ino == p->plan->ino;
}

static int make_read_only(const struct protect *p, const char *path, struct err *err)
{
	AUTO_FD target = -1;
	struct stat st;
	int rc = open_path(p, path, &target, &st, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	/* A mount over the root directory would not be seen by anybody inside. */
	if (is_root(p, &st))
		return set_read_only(p->root->fd, true, err);

	AUTO_FD tree = sys_open_tree(
		target, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
	if (tree < 0)
		return err_sys(err, "bind it onto itself");
	if (set_read_only(tree, true, err) < 0)
		return -1;

	return attach(tree, target, err);
}

static int open_null(struct protect *p, struct err *err)
{
	if (p->null >= 0)
		return 0;

	AUTO_FD fd = -1;
	if (path_open_in(p->root->dev >= 0 ? p->root->dev : p->root->fd,
			 p->root->dev >= 0 ? "null" : "dev/null", O_PATH, RESOLVE_NO_SYMLINKS, &fd,
			 err) < 0)
		return err_wrap(err, "the container's /dev/null, which covers files");
	if (!device_is(fd, 1, 3))
		return err_set(err, ERR_SYSTEM,
			       "the container's /dev/null, which covers files, is not the null "
			       "device 1:3");
	p->null = fd_take(&fd);

	return 0;
}

static int mask_file(struct protect *p, int target, struct err *err)
{
	if (open_null(p, err) < 0)
		return -1;

	AUTO_FD tree =
		sys_open_tree(p->null, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree < 0)
		return err_sys(err, "bind /dev/null");

	return attach(tree, target, err);
}

/* With LABEL (linux.mountLabel), or the container could not even list it. */
static int make_empty(const char *label, int *ret_fd, struct err *err)
{
	AUTO_FD fsfd = sys_fsopen("tmpfs", FSOPEN_CLOEXEC);
	if (fsfd < 0 || sys_fsconfig(fsfd, FSCONFIG_SET_STRING, "source", "tmpfs", 0) < 0 ||
	    sys_fsconfig(fsfd, FSCONFIG_SET_STRING, "mode", "755", 0) < 0 ||
	    sys_fsconfig(fsfd, FSCONFIG_SET_STRING, "nr_inodes", "1", 0) < 0 ||
	    (label && sys_fsconfig(fsfd, FSCONFIG_SET_STRING, "context", label, 0) < 0) ||
	    sys_fsconfig(fsfd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_sys(err, "make an empty tmpfs");

	int fd = sys_fsmount(fsfd, FSMOUNT_CLOEXEC,
			     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				     MOUNT_ATTR_NOEXEC);
	if (fd < 0)
		return err_sys(err, "make an empty tmpfs");

	*ret_fd = fd;
	return 0;
}

/* The first directory gets the tmpfs, the others copies of that mount: it is attached by then, and
 * only since 6.15 could a detached one be copied. */
static int mask_directory(struct protect *p, int target, struct err *err)
{
	if (p->empty < 0) {
		AUTO_FD fresh = -1;

		if (make_empty(p->plan->config->linux_.mount_label, &fresh, err) < 0 || attach(fresh, target, err) < 0)
			return -1;
		p->empty = fd_take(&fresh);
		return 0;
	}

	AUTO_FD tree =
		sys_open_tree(p->empty, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree < 0)
		return err_sys(err, "bind the empty tmpfs");

	return attach(tree, target, err);
}

/* Its cover is there already: the same path again, or a link that leads to it. */
static bool is_masked(const struct protect *p, const struct stat *st)
{
	int cover = S_ISDIR(st->st_mode) ? p->empty : p->null;
	struct stat ours;

	return cover >= 0 && fstat(cover, &ours) == 0 && st->st_dev == ours.st_dev &&
	       st->st_ino == ours.st_ino;
}

static int mask(struct protect *p, const char *path, struct err *err)
{
	AUTO_FD target = -1;
	struct stat st;
	int rc = open_path(p, path, &target, &st, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (is_root(p, &st))
		return err_set(err, ERR_CONFIG, "the container's root cannot be masked");
	if (is_masked(p, &st))
		return 0;

	return S_ISDIR(st.st_mode) ? mask_directory(p, target, err) : mask_file(p, target, err);
}

static int protect_paths(struct protect *p, struct err *err)
{
	const struct oci_config *c = p->plan->config;
	const struct json_strings *ro = &c->linux_.readonly_paths;
	const struct json_strings *masked = &c->linux_.masked_paths;

	for (size_t i = 0; i < PLACES && ro->n + masked->n > 0; i++) {
		if (open_place(p, i, err) < 0)
			return err_wrap(err, "linux.readonlyPaths, linux.maskedPaths");
	}
	for (size_t i = 0; i < ro->n; i++) {
		if (make_read_only(p, ro->v[i], err) < 0)
			return config_wrap(c, ro->at[i], err, "linux.readonlyPaths[%zu] '%s'", i,
					   ro->v[i]);
	}
	for (size_t i = 0; i < masked->n; i++) {
		if (mask(p, masked->v[i], err) < 0)
			return config_wrap(c, masked->at[i], err, "linux.maskedPaths[%zu] '%s'", i,
					   masked->v[i]);
	}

	return 0;
}

static int finish_root(const struct rootfs_plan *p, const struct rootfs *r, struct err *err)
{
	uint64_t wanted = p->config->linux_.rootfs_propagation;
	struct mount_attr attr = { .propagation = wanted & ~(uint64_t)MS_REC };

	if (p->config->root_readonly && set_read_only(r->fd, false, err) < 0)
		return config_wrap(p->config, p->config->root_at, err, "root.readonly");
	/* Last: mounts that follow it would be told to the peers. */
	if (wanted &&
	    sys_mount_setattr(r->fd, "", AT_EMPTY_PATH | (wanted & MS_REC ? AT_RECURSIVE : 0),
			      &attr) < 0)
		return err_sys(err, "linux.rootfsPropagation");

	return 0;
}

int rootfs_protect(const struct rootfs_plan *p, struct rootfs *r, struct err *err)
{
	AUTO_FD_BATCH batch = fd_batch_begin();
	AUTO_PROTECT protect = {
		.plan = p, .root = r, .null = -1, .empty = -1, .place = { -1, -1 }
	};

	if (!r->own_ns)
		return 0;
	if (protect_paths(&protect, err) < 0)
		return -1;
	for (size_t i = 0; i < p->n_mounts; i++) {
		if (mount_finish(p->config, &p->mounts[i], p->late[i], err) < 0)
			return -1;
		fd_close(&p->late[i]);
	}

	return finish_root(p, r, err);
}
