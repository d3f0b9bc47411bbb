/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts, the part of the child: find the target once, attach what is ready to it */
#include "kernel/mount.h"

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
#include "kernel/mount-internal.h"

#define TMPFS_MODE 01777 /* the kernel's default */

/* Where a mount goes. */
struct target {
	int fd; /* owned: O_PATH */
	struct stat st;
	bool made;    /* by us, it was missing */
	bool in_proc; /* fd is on a procfs */
};

static void target_done(struct target *t)
{
	fd_close(&t->fd);
}
#define AUTO_TARGET AUTO(target_done) struct target

static bool is_proc_or_sysfs(const struct oci_mount *m)
{
	return m->type && (strcmp(m->type, "proc") == 0 || strcmp(m->type, "sysfs") == 0);
}

/* Nothing may lie in a procfs (I-03, CVE-2019-16884). What the destination's name says was checked
 * by the plan; here it is what it leads to, for example through a link of the image. */
static int check_proc(const struct mount_plan *p, const struct target *t, struct err *err)
{
	if (!t->in_proc || strcmp(p->target, "/proc") == 0)
		return 0;
	if (p->in_proc && S_ISREG(t->st.st_mode))
		return 0;

	return err_set(err, ERR_CONFIG, "it leads into a procfs, where mounts are refused");
}

/* Finds the target, or makes it. It is resolved once; symbolic links count as in the container, but
 * none may lead to a procfs or sysfs (CVE-2019-19921). */
static int open_target(const struct mount_plan *p, const struct mount_context *ctx, int rootfd,
		       struct target *t, struct err *err)
{
	const struct oci_mount *m = p->config;
	struct statfs fs;

	bool direct = is_proc_or_sysfs(m) || strcmp(p->target, "/proc") == 0;
	uint64_t resolve = direct ? RESOLVE_NO_SYMLINKS : 0;
	enum path_kind kind = p->is_bind && !p->source_is_dir ? PATH_FILE : PATH_DIR;
	int rc = m->options.remount ?
			 path_open_in(rootfd, p->target, O_PATH, resolve, &t->fd, err) :
			 path_make_in(rootfd, p->target, kind, 0755, resolve, &t->fd, err);

	if (rc < 0 && direct && err->sys == ELOOP)
		return err_set(err, ERR_CONFIG,
			       "there is a symbolic link on the way to '%s': filesystem \"%s\" must "
			       "be mounted on ordinary directory",
			       p->target, m->type ? m->type : "proc");
	if (rc < 0 && err->sys == ENOTDIR) /* engine-contracts 3, as in check_kind() */
		return err_set(err, ERR_SYSTEM, "'%s' leads through a file: not a directory",
			       p->target);
	if (rc < 0)
		return -1;
	t->made = rc == 1;
	if (fstat(t->fd, &t->st) < 0)
		return err_sys(err, "look at the destination");

	/* Most targets are on the root's own file system, which is no procfs. */
	if (t->st.st_dev != ctx->root_dev) {
		if (fstatfs(t->fd, &fs) < 0)
			return err_sys(err, "look at the destination");
		t->in_proc = fs.f_type == PROC_SUPER_MAGIC;
	}
	if (t->st.st_dev == ctx->root_dev && t->st.st_ino == ctx->root_ino)
		return err_set(err, ERR_CONFIG,
			       "it leads to the container's root, which is no place for a mount");

	return 0;
}

/* The text ends as engines expect it (engine-contracts 3: docker exit code 127 and a hint), and has no
 * "is a directory": dockerd would take it for a program that cannot be executed, 126. */
static int check_kind(const struct mount_plan *p, const struct target *t, struct err *err)
{
	bool want_dir = !p->is_bind || p->source_is_dir;

	if (want_dir == (S_ISDIR(t->st.st_mode) != 0))
		return 0;
	if (!p->is_bind)
		return err_set(err, ERR_SYSTEM, "the destination is a file: not a directory");

	return err_set(err, ERR_SYSTEM, "bind the %s '%s' onto a %s: not a directory",
		       want_dir ? "directory" : "file", p->source_path,
		       want_dir ? "file" : "directory");
}

/* Opens a bind source that the parent could not copy, again, in our mount namespace. */
static int reopen_source(const struct mount_plan *p, int *ret_fd, struct err *err)
{
	struct stat st;

	AUTO_FD tree = mount_clone(AT_FDCWD, p->source_path, p->config->options.recursive);
	if (tree < 0 || fstat(tree, &st) < 0)
		return err_sys(err, "bind '%s'", p->source_path);
	if (st.st_dev != p->source_dev || st.st_ino != p->source_ino)
		return err_set(err, ERR_SYSTEM, "'%s' is not what it was a moment ago",
			       p->source_path);
	if (mount_dress_tree(p, tree, err) < 0)
		return -1;

	*ret_fd = fd_take(&tree);
	return 0;
}

/* Opens a bind source that an earlier mount brought. It is resolved in the container's root: no link
 * of the image leads out of it. */
static int open_source_inside(struct mount_plan *p, int rootfd, struct err *err)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
	AUTO_FD fd = -1;
	struct stat st;

	if (path_open_in(rootfd, p->source_inside, O_PATH, 0, &fd, err) < 0)
		return err_wrap(err, "its source is below an earlier mount");
	AUTO_FD tree = sys_open_tree(fd, "", flags | (p->config->options.recursive ? AT_RECURSIVE : 0));
	if (tree < 0 || fstat(tree, &st) < 0)
		return err_sys(err, "bind '%s'", p->source_path);
	if (mount_dress_tree(p, tree, err) < 0 || mount_map(p, tree, err) < 0)
		return -1;

	p->source_is_dir = S_ISDIR(st.st_mode);
	p->tree = fd_take(&tree);
	return 0;
}

static int attach(int tree, int target, struct err *err)
{
	if (sys_move_mount(tree, "", target, "",
			   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_sys(err, "attach the mount");

	return 0;
}

static int apply_ready_bind(const struct mount_plan *p, const struct mount_context *ctx, int rootfd,
			    struct err *err)
{
	AUTO_TARGET t = { .fd = -1 };
	AUTO_FD own = -1;

	if (p->tree < 0 && reopen_source(p, &own, err) < 0)
		return -1;

	int tree = p->tree >= 0 ? p->tree : own;
	if (open_target(p, ctx, rootfd, &t, err) < 0 || check_proc(p, &t, err) < 0 ||
	    check_kind(p, &t, err) < 0)
		return -1;

	return attach(tree, t.fd, err);
}

static int apply_bind(const struct mount_plan *p, const struct mount_context *ctx, int rootfd,
		      struct err *err)
{
	if (!p->source_inside)
		return apply_ready_bind(p, ctx, rootfd, err);

	struct mount_plan here = *p; /* the plan itself is const, also for its child */
	int rc = open_source_inside(&here, rootfd, err);
	if (rc == 0)
		rc = apply_ready_bind(&here, ctx, rootfd, err);
	fd_close(&here.tree);
	return rc;
}

static int apply_fs(const struct oci_config *c, const struct mount_plan *p,
		    const struct mount_context *ctx, int rootfd, int *ret_late, struct err *err)
{
	AUTO_TARGET t = { .fd = -1 };
	AUTO_FD mount = -1;

	if (open_target(p, ctx, rootfd, &t, err) < 0 || check_proc(p, &t, err) < 0 ||
	    check_kind(p, &t, err) < 0)
		return -1;
	/* A directory of ours says nothing about the mode of what covers it (C-MOUNT-27). */
	if (t.made)
		t.st.st_mode = S_IFDIR | TMPFS_MODE;
	if (mount_directly(c, p, t.fd, &t.st))
		return 0;
	if (mount_make_fs(c, p, ctx, t.fd, &t.st, &mount, err) < 0 || attach(mount, t.fd, err) < 0)
		return -1;
	if (p->finish_read_only)
		*ret_late = fd_take(&mount);

	return 0;
}

/* Kernel 5.8: STATX_ATTR_MOUNT_ROOT. The kernel checks it too, but only when something changes. */
static int check_is_mount(int fd, struct err *err)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &st) < 0)
		return err_sys(err, "look at the destination");
	if (!(st.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return err_set(err, ERR_CONFIG, "there is no mount at the destination to remount");

	return 0;
}

/* Changes what is mounted at the destination already (C-MOUNT-18). */
static int apply_remount(const struct mount_plan *p, const struct mount_context *ctx, int rootfd,
			 struct err *err)
{
	const struct oci_mount_options *o = &p->config->options;
	AUTO_TARGET t = { .fd = -1 };

	if (open_target(p, ctx, rootfd, &t, err) < 0 || check_proc(p, &t, err) < 0 ||
	    check_is_mount(t.fd, err) < 0)
		return -1;
	if (!o->bind && (o->n_data > 0 || o->n_sb_flags > 0) && mount_reconfigure(p, t.fd, err) < 0)
		return -1;
	if ((o->rattr_set || o->rattr_clear) &&
	    mount_change(t.fd, true, o->rattr_set, o->rattr_clear, 0, err) < 0)
		return err_wrap(err, "remount");
	if ((o->attr_set || o->attr_clear) &&
	    mount_change(t.fd, false, o->attr_set, o->attr_clear, 0, err) < 0)
		return err_wrap(err, "remount");
	for (size_t i = 0; i < o->n_propagation; i++) {
		if (mount_change(t.fd, (o->propagation[i] & MS_REC) != 0, 0, 0, o->propagation[i],
				 err) < 0)
			return err_wrap(err, "remount");
	}

	return 0;
}

int mount_apply(const struct oci_config *c, const struct mount_plan *p,
		const struct mount_context *ctx, int rootfd, int *ret_late, struct err *err)
{
	const struct oci_mount *m = p->config;
	int rc;

	if (m->options.remount)
		rc = apply_remount(p, ctx, rootfd, err);
	else if (p->is_bind)
		rc = apply_bind(p, ctx, rootfd, err);
	else
		rc = apply_fs(c, p, ctx, rootfd, ret_late, err);
	if (rc < 0)
		return config_wrap(c, m->at, err, "mounts[%zu] '%s'", p->index, m->destination);

	return 0;
}

int mount_finish(const struct oci_config *c, const struct mount_plan *p, int late, struct err *err)
{
	const struct oci_mount *m = p->config;

	if (p->finish_read_only && mount_change(late, false, MOUNT_ATTR_RDONLY, 0, 0, err) < 0)
		return config_wrap(c, m->at, err, "mounts[%zu] '%s'", p->index, m->destination);

	return 0;
}
