/* SPDX-License-Identifier: Apache-2.0 */
/* How the walk works
 *
 * The first process of a container may not allocate memory, and its stack is small. So there is one
 * buffer for directory entries; after a sub-directory has overwritten it, the walk goes back in the
 * parent to the position behind that entry (d_off) and reads on. */
#include "kernel/copyup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"

struct copy {
	dev_t dev; /* of the top directory */
	unsigned depth;
	char entries[4096] __attribute__((aligned(8)));
	char names[4096]; /* of extended attributes */
	char value[4096];
	char link[PATH_MAX];
};

static struct copy copy;

static int copy_directory(struct copy *cp, int from, int to, struct err *err);

/* Best effort: the target may know fewer attributes (user.* on tmpfs before 6.6), ids may have no
 * mapping. Nothing of this makes a container less safe. */
static void copy_xattrs(struct copy *cp, int from, int to)
{
	ssize_t len = flistxattr(from, cp->names, sizeof(cp->names));

	for (const char *name = cp->names; len > 0 && name < cp->names + len;
	     name += strlen(name) + 1) {
		ssize_t n = fgetxattr(from, name, cp->value, sizeof(cp->value));
		if (n >= 0)
			(void)fsetxattr(to, name, cp->value, (size_t)n, 0);
	}
}

/* Owner before mode, because chown clears the set-id bits. An id without a mapping in our user
 * namespace cannot be given to anybody: the entry stays ours, without those bits. */
static int copy_owner_and_mode(int to, const struct stat *st)
{
	mode_t mode = st->st_mode & 07777;

	if (fchown(to, st->st_uid, st->st_gid) < 0) {
		if (errno != EPERM && errno != EINVAL)
			return -1;
		mode &= 01777;
	}

	return fchmod(to, mode);
}

static void copy_times(int to, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	(void)futimens(to, times);
}

static int copy_file(struct copy *cp, int fromdir, int todir, const char *name, struct err *err)
{
	struct stat st;

	AUTO_FD from = openat(fromdir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (from < 0 || fstat(from, &st) < 0)
		return err_sys(err, "open '%s'", name);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_SYSTEM, "'%s' has changed while it was copied", name);

	AUTO_FD_NOW to =
		openat(todir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return err_sys(err, "make '%s'", name);

	for (;;) {
		ssize_t n = RETRY(sendfile(to, from, NULL, INT_MAX));
		if (n < 0)
			return err_sys(err, "copy '%s'", name);
		if (n == 0)
			break;
	}
	if (copy_owner_and_mode(to, &st) < 0)
		return err_sys(err, "set owner and mode of '%s'", name);
	copy_xattrs(cp, from, to);
	copy_times(to, &st);

	return 0;
}

static int copy_link(struct copy *cp, int fromdir, int todir, const char *name,
		     const struct stat *st, struct err *err)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	ssize_t n = readlinkat(fromdir, name, cp->link, sizeof(cp->link) - 1);
	if (n < 0)
		return err_sys(err, "read the link '%s'", name);
	cp->link[n] = '\0';
	if (symlinkat(cp->link, todir, name) < 0)
		return err_sys(err, "make the link '%s'", name);
	/* A link's owner and times decide nothing. */
	(void)!fchownat(todir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW);
	(void)utimensat(todir, name, times, AT_SYMLINK_NOFOLLOW);

	return 0;
}

/* Devices need a privilege that a user namespace does not give; sockets are dead without the
 * process that made them. */
static int copy_node(int todir, const char *name, const struct stat *st, struct err *err)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (mknodat(todir, name, (st->st_mode & S_IFMT) | 0600, st->st_rdev) < 0) {
		if (errno == EPERM)
			return 0;
		return err_sys(err, "make the node '%s'", name);
	}
	/* Nobody else can reach TODIR yet, so the name still is the node. */
	if (fchownat(todir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 &&
	    errno != EPERM && errno != EINVAL)
		return err_sys(err, "set the owner of '%s'", name);
	if (fchmodat(todir, name, st->st_mode & 01777, 0) < 0)
		return err_sys(err, "set the mode of '%s'", name);
	(void)utimensat(todir, name, times, AT_SYMLINK_NOFOLLOW);

	return 0;
}

static int copy_subdirectory(struct copy *cp, int fromdir, int todir, const char *name,
			     struct err *err)
{
	struct stat st;

	AUTO_FD from = openat(fromdir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0 || fstat(from, &st) < 0)
		return err_sys(err, "open '%s'", name);
	if (mkdirat(todir, name, 0700) < 0)
		return err_sys(err, "make '%s'", name);
	AUTO_FD to = openat(todir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0)
		return err_sys(err, "open the new '%s'", name);

	/* Another file system: not the image's content. */
	if (st.st_dev == cp->dev && copy_directory(cp, from, to, err) < 0)
		return -1;
	if (copy_owner_and_mode(to, &st) < 0)
		return err_sys(err, "set owner and mode of the new directory");
	copy_xattrs(cp, from, to);
	copy_times(to, &st);

	return 0;
}

/* Returns 1 when the buffer of entries was overwritten. */
static int copy_entry(struct copy *cp, int from, int to, const char *name, struct err *err)
{
	struct stat st;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "look at '%s'", name);

	switch (st.st_mode & S_IFMT) {
	case S_IFDIR:
		return copy_subdirectory(cp, from, to, name, err) < 0 ? -1 : 1;
	case S_IFREG:
		return copy_file(cp, from, to, name, err);
	case S_IFLNK:
		return copy_link(cp, from, to, name, &st, err);
	default:
		return copy_node(to, name, &st, err);
	}
}

static int copy_directory(struct copy *cp, int from, int to, struct err *err)
{
	if (cp->depth == COPYUP_MAX_DEPTH)
		return err_set(err, ERR_SYSTEM, "more than %d directories below each other",
			       COPYUP_MAX_DEPTH);
	cp->depth++;

	for (;;) {
		long n = syscall(SYS_getdents64, from, cp->entries, sizeof(cp->entries));
		if (n < 0)
			return err_sys(err, "read the directory");
		if (n == 0)
			break;
		for (long at = 0; at < n;) {
			const struct dirent64 *d = (const void *)(cp->entries + at);
			off_t next = (off_t)d->d_off;

			at += d->d_reclen;
			int rc = copy_entry(cp, from, to, d->d_name, err);
			if (rc < 0)
				return -1;
			if (rc > 0) {
				if (lseek(from, next, SEEK_SET) < 0)
					return err_sys(err, "read the directory");
				break;
			}
		}
	}
	cp->depth--;

	return 0;
}

static int copy_top(struct copy *cp, int from, int to, struct err *err)
{
	struct stat st;

	AUTO_FD in = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (in < 0 || fstat(in, &st) < 0)
		return err_sys(err, "open the directory");
	AUTO_FD out = openat(to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (out < 0)
		return err_sys(err, "open the new file system");

	cp->dev = st.st_dev;
	cp->depth = 0;
	if (copy_directory(cp, in, out, err) < 0)
		return -1;
	/* An owner without a mapping stays as it is. */
	if (fchown(out, st.st_uid, st.st_gid) < 0 && errno != EPERM && errno != EINVAL)
		return err_sys(err, "set the owner of the new directory");
	copy_xattrs(cp, in, out);
	copy_times(out, &st);

	return 0;
}

int copyup(int from, int to, struct err *err)
{
	/* The nodes' modes are set exactly. */
	mode_t saved = umask(0);
	int rc = copy_top(&copy, from, to, err);

	(void)umask(saved);
	if (rc < 0)
		return err_wrap(err, "copy what the image has there");

	return 0;
}
