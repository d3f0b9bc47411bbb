/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/device.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/sys.h"

/* 6.6; older headers lack the number */
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

/* clang-format off */
static const struct oci_device default_devices[] = {
	{ .type = 'c', .path = "/dev/null",    .major = 1, .minor = 3, .mode = 0666 },
	{ .type = 'c', .path = "/dev/zero",    .major = 1, .minor = 5, .mode = 0666 },
	{ .type = 'c', .path = "/dev/full",    .major = 1, .minor = 7, .mode = 0666 },
	{ .type = 'c', .path = "/dev/random",  .major = 1, .minor = 8, .mode = 0666 },
	{ .type = 'c', .path = "/dev/urandom", .major = 1, .minor = 9, .mode = 0666 },
	{ .type = 'c', .path = "/dev/tty",     .major = 5, .minor = 0, .mode = 0666 },
};

static const struct {
	const char *name, *target;
} links[] = {
	{ "fd",     "/proc/self/fd"   },
	{ "stdin",  "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" },
	{ "stderr", "/proc/self/fd/2" },
	{ "core",   "/proc/kcore"     },
	{ "ptmx",   "pts/ptmx"        },
};
/* clang-format on */

struct populate {
	const struct oci_config *config;
	int rootfd, devfd;
	enum device_method method;
};

static void umask_restore(const mode_t *saved)
{
	(void)umask(*saved);
}
#define AUTO_UMASK                                                                                 \
	UNUSED AUTO(umask_restore)                                                                 \
	mode_t

bool device_is(int fd, unsigned major, unsigned minor)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(major, minor);
}

static mode_t node_type(const struct oci_device *d)
{
	if (d->type == 'b')
		return S_IFBLK;

	return d->type == 'p' ? S_IFIFO : S_IFCHR;
}

static bool is_wanted(const struct stat *st, const struct oci_device *d)
{
	if ((st->st_mode & S_IFMT) != node_type(d))
		return false;

	return d->type == 'p' || st->st_rdev == makedev(d->major, d->minor);
}

static const char *type_word(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "a directory";
	case S_IFREG:
		return "a regular file";
	case S_IFLNK:
		return "a symbolic link";
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	default:
		return "another device";
	}
}

static int fail_different(const struct stat *st, struct err *err)
{
	return err_set(err, ERR_SYSTEM, "it exists already: %s", type_word(st->st_mode));
}

/* Mode of an object that is only known by an O_PATH descriptor, which fchmod(2) does not take. */
static int change_mode(int fd, mode_t mode)
{
	char path[sizeof("/proc/self/fd/") + 10];

	if (syscall(SYS_fchmodat2, fd, "", mode, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno != ENOSYS)
		return -1;

	/* This still is the host's /proc: the root has not been changed yet. */
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return chmod(path, mode);
}

/* There is an entry already: it must be the device that is wanted. */
static int adopt_node(int dirfd, const char *name, const struct oci_device *d, bool configured,
		      struct err *err)
{
	struct stat st;

	AUTO_FD fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "open it");
	if (!is_wanted(&st, d))
		return fail_different(&st, err);

	/* The image's choice stands for the default devices, the config's for its own (C-DEV-05).
	 */
	if (!configured)
		return 0;
	if ((st.st_uid != d->uid || st.st_gid != d->gid) &&
	    fchownat(fd, "", d->uid, d->gid, AT_EMPTY_PATH) < 0)
		return err_sys(err, "change its owner");
	if ((st.st_mode & 07777) != d->mode && change_mode(fd, d->mode) < 0)
		return err_sys(err, "change its mode");

	return 0;
}

/* Returns 1 when the kernel refuses mknod for lack of privilege. */
static int make_node(int dirfd, const char *name, const struct oci_device *d, bool configured,
		     struct err *err)
{
	struct stat st;
	dev_t number = d->type == 'p' ? 0 : makedev(d->major, d->minor);

	if (mknodat(dirfd, name, node_type(d) | d->mode, number) < 0) {
		if (errno == EEXIST)
			return adopt_node(dirfd, name, d, configured, err);
		if (errno == EPERM)
			return 1;
		return err_sys(err, "make the node");
	}
	if ((d->uid != 0 || d->gid != 0) &&
	    fchownat(dirfd, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "change its owner");

	/* Some file systems (hostfs, FUSE) make something else and say success. That shows at the
	 * first default device too. */
	if (!configured && d != &default_devices[0])
		return 0;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "look at it");
	if (!is_wanted(&st, d))
		return fail_different(&st, err);

	return 0;
}

int device_open_target(int dirfd, const char *name, mode_t mode, int *ret_fd, struct err *err)
{
	struct stat st;

	AUTO_FD fd =
		openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd >= 0) {
		*ret_fd = fd_take(&fd);
		return 0;
	}
	if (errno != EEXIST)
		return err_sys(err, "make '%s' as the target of a bind", name);

	fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "open '%s'", name);
	if (S_ISLNK(st.st_mode) || S_ISDIR(st.st_mode))
		return fail_different(&st, err);

	*ret_fd = fd_take(&fd);
	return 0;
}

static int bind_node(int dirfd, const char *name, const struct oci_device *d, struct err *err)
{
	struct stat st;
	AUTO_FD target = -1;

	/* Without AT_RECURSIVE, and never a link: what is at the path itself is looked at. */
	AUTO_FD tree = sys_open_tree(AT_FDCWD, d->path,
				     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
	if (tree < 0 || fstat(tree, &st) < 0)
		return err_sys(err, "open the host's '%s' to bind it", d->path);
	if (!is_wanted(&st, d))
		return err_set(err, ERR_SYSTEM, "the host's '%s' is not device %c %u:%u", d->path,
			       d->type, d->major, d->minor);
	if (device_open_target(dirfd, name, 0644, &target, err) < 0)
		return -1;
	if (sys_move_mount(tree, "", target, "",
			   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_sys(err, "bind the host's '%s'", d->path);

	return 0;
}

/* Opens the directory that D goes to; those directly in /dev need no lookup. */
static int open_parent(const struct populate *p, const struct oci_device *d, int *dirfd,
		       const char **name, int *ret_owned, struct err *err)
{
	char clean[PATH_MAX];

	if (path_normalise(d->path, clean, sizeof(clean)) == 0 &&
	    strncmp(clean, "/dev/", strlen("/dev/")) == 0 &&
	    !strchr(clean + strlen("/dev/"), '/')) {
		*dirfd = p->devfd;
		*name = strrchr(d->path, '/') + 1;
		if (**name)
			return 0;
	}
	if (path_make_parent_in(p->rootfd, d->path, ret_owned, name, err) < 0)
		return -1;
	*dirfd = *ret_owned;

	return 0;
}

static int make_device(const struct populate *p, const struct oci_device *d, bool configured,
		       struct err *err)
{
	const char *name;
	int dirfd;
	AUTO_FD owned = -1;

	if (open_parent(p, d, &dirfd, &name, &owned, err) < 0)
		return -1;

	/* Everybody may make a FIFO. */
	if (p->method == DEVICE_BIND && d->type != 'p')
		return bind_node(dirfd, name, d, err);

	int rc = make_node(dirfd, name, d, configured, err);
	if (rc <= 0)
		return rc;
	if (p->method == DEVICE_MKNOD || d->type == 'p') {
		errno = EPERM;
		return err_sys(err, "make the node");
	}

	return bind_node(dirfd, name, d, err);
}

static bool is_overridden(const struct oci_config *c, const char *path)
{
	char clean[PATH_MAX];

	for (size_t i = 0; i < c->linux_.n_devices; i++) {
		if (path_normalise(c->linux_.devices[i].path, clean, sizeof(clean)) == 0 &&
		    strcmp(clean, path) == 0)
			return true;
	}

	return false;
}

/* The links of the spec are wanted as they are: images carry older forms of them, or nodes
 * (ptmx). Only a directory is not removed. */
static int make_link(int devfd, const char *name, const char *target, struct err *err)
{
	char now[64]; /* longer than any of ours: a longer one differs */

	if (symlinkat(target, devfd, name) == 0)
		return 0;
	if (errno != EEXIST)
		return err_sys(err, "make the link '/dev/%s'", name);

	ssize_t n = readlinkat(devfd, name, now, sizeof(now));
	if (n >= 0 && (size_t)n == strlen(target) && memcmp(now, target, (size_t)n) == 0)
		return 0;

	if (unlinkat(devfd, name, 0) < 0 || symlinkat(target, devfd, name) < 0)
		return err_sys(err, "replace '/dev/%s' by a link to '%s'", name, target);

	return 0;
}

int device_populate(const struct oci_config *c, int rootfd, int devfd, enum device_method method,
		    struct err *err)
{
	const struct populate p = {
		.config = c, .rootfd = rootfd, .devfd = devfd, .method = method
	};
	/* The modes are the config's, whatever the caller's umask is (C-DEV-06). */
	AUTO_UMASK saved = umask(0);

	for (size_t i = 0; i < ARRAY_LEN(default_devices); i++) {
		const struct oci_device *d = &default_devices[i];

		if (!is_overridden(c, d->path) && make_device(&p, d, false, err) < 0)
			return err_wrap(err, "default device '%s'", d->path);
	}
	for (size_t i = 0; i < c->linux_.n_devices; i++) {
		const struct oci_device *d = &c->linux_.devices[i];

		if (make_device(&p, d, true, err) < 0)
			return config_wrap(c, d->at, err, "linux.devices[%zu] '%s'", i, d->path);
	}
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		if (make_link(devfd, links[i].name, links[i].target, err) < 0)
			return -1;
	}

	return 0;
}
