/* SPDX-License-Identifier: Apache-2.0 */
/* Propagation of the root
 *
 * A privileged parent copies the root's tree (open_tree) before the clone and sets the copy's
 * propagation while nobody sees it, so the child can make its whole namespace private at once.
 * Without privilege the child copies, in its own namespace; there everything becomes slave first:
 * nothing reaches the host, and what is to stay slave of a host mount (rootfsPropagation, options
 * of binds) still can.
 *
 * rootfsPropagation shared and slave keep the tree a slave of the host's mounts (C-PROP-05); every
 * other value, and none, makes it private. */
#include "kernel/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/sys.h"
#include "kernel/device.h"

/* ---- in the parent ------------------------------------------------------------------------- */

/* A detached copy of everything at and below FD, dressed as above. -1 with errno and *err. */
static int copy_root(const struct rootfs_plan *p, int fd, int *ret_tree, struct err *err)
{
	uint64_t wanted = p->config->linux_.rootfs_propagation;
	struct mount_attr attr = {
		.propagation = (wanted & (MS_SHARED | MS_SLAVE)) ? MS_SLAVE : MS_PRIVATE,
	};

	AUTO_FD tree = sys_open_tree(
		fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
	if (tree < 0)
		return err_sys(err, "bind '%s'", p->path);
	if (sys_mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr) < 0)
		return err_sys(err, "set the propagation of '%s' (kernel 5.12)", p->path);

	*ret_tree = fd_take(&tree);
	return 0;
}

static int plan_root(struct rootfs_plan *p, const struct rootfs_request *r, struct arena *a,
		     struct err *err)
{
	const char *path = r->config->root_path;
	struct stat st;

	p->path = path[0] == '/' ? path : arena_printf(a, "%s/%s", r->bundle, path);
	if (!p->path)
		return err_oom(err);

	p->fd = openat(r->bundlefd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->fd < 0 || fstat(p->fd, &st) < 0)
		return err_sys(err, "open '%s'", p->path);
	p->dev = st.st_dev;
	p->ino = st.st_ino;
	p->context.root_dev = p->dev;
	p->context.root_ino = p->ino;

	if (p->new_mount_ns && copy_root(p, p->fd, &p->tree, err) < 0 && err->sys != EPERM)
		return -1;

	return 0;
}

static int plan_next_mount(struct rootfs_plan *p, const struct mount_request *r, struct err *err)
{
	if (mount_plan_build(r, p->n_mounts, &p->mounts[p->n_mounts], err) < 0)
		return -1;
	p->late[p->n_mounts++] = -1;

	return 0;
}

static int plan_mounts(struct rootfs_plan *p, const struct rootfs_request *r, struct arena *a,
		       struct err *err)
{
	const struct oci_config *c = r->config;

	if (c->n_mounts > 0 && !p->new_mount_ns)
		return config_fail(c, c->mounts[0].at, err,
				   "mounts: they need a new mount namespace (linux.namespaces)");

	/* One more for rootfs_plan_append(). */
	p->mounts = ARENA_NEW(a, struct mount_plan, c->n_mounts + 1);
	p->late = ARENA_NEW(a, int, c->n_mounts + 1);
	if (!p->mounts || !p->late)
		return err_oom(err);

	const struct mount_request request = {
		.config = c,
		.bundlefd = r->bundlefd,
		.bundle = r->bundle,
		.root = p->path,
		.earlier = p->mounts,
		.procfd = r->procfd,
		.user_ns = r->user_ns,
		.arena = a,
		.maps = &p->maps,
	};
	for (size_t i = 0; i < c->n_mounts; i++) {
		if (plan_next_mount(p, &request, err) < 0)
			return -1;
	}

	return 0;
}

int rootfs_plan_build(const struct rootfs_request *r, struct arena *a, struct rootfs_plan *ret,
		      struct err *err)
{
	const struct oci_config *c = r->config;

	*ret = (struct rootfs_plan){
		.config = c,
		.fd = -1,
		.tree = -1,
		.new_mount_ns = config_ns_new(c, OCI_NS_MOUNT),
		.no_pivot = r->no_pivot,
		.context = {
			.new_user_ns = c->linux_.ns[OCI_NS_USER].present,
			.own_cgroup_ns = config_ns_new(c, OCI_NS_CGROUP),
			.cgroup_dir = -1,
		},
	};

	if (mount_label_check(c, err) < 0)
		return -1;
	if (!c->has_root || !c->root_path)
		return err_set(err, ERR_CONFIG, "root.path is missing");
	if (plan_root(ret, r, a, err) < 0) {
		rootfs_plan_done(ret);
		return config_wrap(c, c->root_at, err, "root.path");
	}
	if (plan_mounts(ret, r, a, err) < 0) {
		rootfs_plan_done(ret);
		return -1;
	}

	return 0;
}

int rootfs_plan_append(struct rootfs_plan *p, int dirfd, int procfd, struct arena *a,
		       struct err *err)
{
	char dir[PATH_MAX], link[sizeof("self/fd/") + 3 * sizeof(int)];

	/* For a child that has to open it again. */
	(void)snprintf(link, sizeof(link), "self/fd/%d", dirfd);
	ssize_t n = readlinkat(procfd, link, dir, sizeof(dir) - 1);
	if (n < 0)
		return err_sys(err, "find the path of a directory of the runtime");
	dir[n] = '\0';

	const struct mount_request request = {
		.config = p->config,
		.bundlefd = dirfd,
		.bundle = dir,
		.root = p->path,
		.earlier = p->mounts,
		.procfd = procfd,
		.user_ns = -1,
		.arena = a,
		.maps = &p->maps,
	};
	ASSERT(p->config->n_mounts == p->n_mounts + 1);

	return plan_next_mount(p, &request, err);
}

int rootfs_plan_cgroup(struct rootfs_plan *p, int cgroup_dirfd, struct err *err)
{
	p->context.cgroup_dir = cgroup_dirfd;
	if (p->context.own_cgroup_ns || cgroup_dirfd < 0)
		return 0;

	for (size_t i = 0; i < p->n_mounts; i++) {
		struct mount_plan *m = &p->mounts[i];

		if (m->is_cgroup && mount_plan_cgroup(p->config, m, cgroup_dirfd, err) < 0)
			return -1;
	}

	return 0;
}

void rootfs_plan_done(struct rootfs_plan *p)
{
	for (size_t i = 0; i < p->n_mounts; i++)
		mount_plan_done(&p->mounts[i]);
	p->n_mounts = 0;
	idmap_ns_done(&p->maps);
	fd_close(&p->fd);
	fd_close(&p->tree);
}

/* ---- in the child -------------------------------------------------------------------------- */

/* Opens root.path in our namespace and requires what the parent has seen there. -1 with errno. */
static int find_root(const struct rootfs_plan *p, int *ret_fd, struct err *err)
{
	struct stat st;

	AUTO_FD fd = open(p->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "open '%s'", p->path);
	if (st.st_dev != p->dev || st.st_ino != p->ino)
		return err_set(err, ERR_SYSTEM, "'%s' is not what it was a moment ago", p->path);

	*ret_fd = fd_take(&fd);
	return 0;
}

/* The parent's copy. Where exactly it goes is no matter of safety in a namespace of our own. Behind a
 * directory that the container's root user may not enter it goes onto "/", from where it becomes the
 * root just the same. */
static int attach_copy(const struct rootfs_plan *p, struct rootfs *r, struct err *err)
{
	const unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS;

	if (sys_move_mount(p->tree, "", AT_FDCWD, p->path, flags) < 0 &&
	    (errno != EACCES || sys_move_mount(p->tree, "", AT_FDCWD, "/", flags) < 0))
		return err_sys(err, "attach the root at '%s'", p->path);

	/* The descriptor of the tree is one of the mount, which now is attached. */
	r->fd = p->tree;
	r->fd_lent = true;
	return 0;
}

/* Without the parent's rights: a copy of what is found here, which must be what the parent saw. */
static int attach_own(const struct rootfs_plan *p, struct rootfs *r, struct err *err)
{
	AUTO_FD target = -1;
	AUTO_FD tree = -1;

	if (find_root(p, &target, err) < 0 || copy_root(p, target, &tree, err) < 0)
		return -1;
	if (sys_move_mount(tree, "", target, "",
			   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_sys(err, "attach the root at '%s'", p->path);

	r->fd = fd_take(&tree);
	return 0;
}

static int attach_root(const struct rootfs_plan *p, struct rootfs *r, struct err *err)
{
	struct mount_attr attr = { .propagation = p->tree >= 0 ? MS_PRIVATE : MS_SLAVE };

	if (sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr) < 0)
		return err_sys(err, "detach the mount namespace from the host's");

	return p->tree >= 0 ? attach_copy(p, r, err) : attach_own(p, r, err);
}

int rootfs_attach(const struct rootfs_plan *p, struct rootfs *r, struct err *err)
{
	int rc;

	r->own_ns = p->new_mount_ns;
	rc = r->own_ns ? attach_root(p, r, err) : find_root(p, &r->fd, err);
	if (rc < 0)
		return config_wrap(p->config, p->config->root_at, err, "root.path");

	return 0;
}

int rootfs_mounts(const struct rootfs_plan *p, struct rootfs *r, struct err *err)
{
	AUTO_FD_BATCH batch = fd_batch_begin();

	for (size_t i = 0; i < p->n_mounts; i++) {
		const struct mount_plan *m = &p->mounts[i];

		if (mount_apply(p->config, m, &p->context, r->fd, &p->late[i], err) < 0)
			return -1;
		/* The last one on /dev is the one that counts. */
		if (m->is_dev && !m->config->options.remount)
			r->host_dev = m->is_bind;
	}

	return 0;
}

/* Whether the root's tree came with a /dev of its own: a mount of the host below root.path, as when
 * that is "/". Its nodes are the host's, and so would be whatever we made there. */
static bool came_with_dev(const struct rootfs_plan *p, const struct rootfs *r,
			  const struct stat *st)
{
	struct err ignored = ERR_INIT;
	struct stat direct;
	AUTO_FD fd = -1;

	if (st->st_dev == p->dev)
		return false;
	for (size_t i = 0; i < p->n_mounts; i++) {
		if (p->mounts[i].is_dev)
			return false;
	}

	/* Not if a link of the image leads to some other mount. */
	return path_open_in(r->fd, "/dev", O_PATH, RESOLVE_NO_SYMLINKS, &fd, &ignored) == 0 &&
	       fstat(fd, &direct) == 0 && direct.st_dev == st->st_dev;
}

int rootfs_devices(const struct rootfs_plan *p, struct rootfs *r, struct err *err)
{
	enum device_method method = DEVICE_MKNOD_OR_BIND;
	struct stat st;

	if (!r->own_ns)
		method = DEVICE_MKNOD;
	else if (p->context.new_user_ns)
		method = DEVICE_BIND;

	/* Device nodes belong where the image has a /dev. One that is a link to nowhere is not made
	 * somewhere else (S-20). */
	if (path_open_in(r->fd, "/dev", O_PATH, 0, &r->dev, err) < 0 &&
	    (errno != ENOENT ||
	     path_make_in(r->fd, "/dev", PATH_DIR, 0755, RESOLVE_NO_SYMLINKS, &r->dev, err) < 0))
		return -1;
	if (fstat(r->dev, &st) < 0 || !S_ISDIR(st.st_mode)) {
		fd_close(&r->dev);
		return err_set(err, ERR_SYSTEM, "'/dev' of the container is not a directory");
	}
	r->host_dev = r->host_dev || came_with_dev(p, r, &st);
	if (r->host_dev)
		return 0;

	return device_populate(p->config, r->fd, r->dev, method, err);
}

int rootfs_console(struct rootfs *r, int slave, struct err *err)
{
	AUTO_FD target = -1;

	if (!r->own_ns)
		return 0;

	AUTO_FD tree =
		sys_open_tree(slave, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree < 0)
		return err_sys(err, "bind the terminal onto '/dev/console'");

	if (r->host_dev) {
		/* Only onto what is there: the host's directory gets no new file. */
		target = openat(r->dev, "console", O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (target < 0 && errno == ENOENT)
			return 0;
		if (target < 0)
			return err_sys(err, "open '/dev/console'");
	} else if (device_open_target(r->dev, "console", 0620, &target, err) < 0) {
		return err_wrap(err, "'/dev/console'");
	}
	if (sys_move_mount(tree, "", target, "",
			   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_sys(err, "bind the terminal onto '/dev/console'");

	return 0;
}

void rootfs_done(struct rootfs *r)
{
	if (!r->fd_lent)
		fd_close(&r->fd);
	fd_close(&r->dev);
}
