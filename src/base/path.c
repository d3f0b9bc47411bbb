/* SPDX-License-Identifier: Apache-2.0 */
/* How path_make_in() works
 *
 * Nearly always the path exists, and one openat2(2) is all. Otherwise the longest prefix that
 * exists is looked up in the same way, from the root descriptor, so symbolic links in it mean what
 * they mean inside the container. Its descriptor pins the directory. What is left of the path are
 * names that did not exist a moment ago; each is made in the pinned parent and opened again
 * without following anything. Should somebody have put a link there meanwhile, or should the name
 * be a link that points nowhere, that open fails and so do we: nothing is ever made through a
 * link (CVE-2024-45310). */
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"

/* openat2 gives up with EAGAIN when a rename or mount anywhere on the system raced with a ".."
 * (openat2(2)). An attacker can go on renaming, so the number of tries has an end. */
#define OPEN_TRIES 128

static int open_beneath(int dirfd, const char *path, int flags, uint64_t resolve, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.mode = mode,
		.resolve = resolve,
	};
	int fd = -1;

	for (int i = 0; i < OPEN_TRIES; i++) {
		fd = sys_openat2(dirfd, path, &how);
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}

	return fd;
}

static int open_in(int rootfd, const char *path, int flags, uint64_t resolve)
{
	return open_beneath(rootfd, path, flags, resolve | RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
			    0);
}

/* One name in a pinned directory, never followed. */
static int open_name(int dirfd, const char *name, int flags, uint64_t resolve, mode_t mode)
{
	return open_beneath(dirfd, name, flags | O_NOFOLLOW,
			    (resolve & RESOLVE_NO_XDEV) | RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
				    RESOLVE_NO_MAGICLINKS,
			    mode);
}

static int fail_open(struct err *err, const char *path)
{
	if (errno == ENOSYS)
		return err_sys(err, "open '%s' (needs openat2, kernel 5.6)", path);

	return err_sys(err, "open '%s'", path);
}

int path_open_in(int rootfd, const char *path, int flags, uint64_t resolve, int *ret_fd,
		 struct err *err)
{
	int fd = open_in(rootfd, path, flags, resolve);

	if (fd < 0)
		return fail_open(err, path);

	*ret_fd = fd;
	return 0;
}

/* Directories get the mode that was asked for, whatever the caller's umask is. */
static void umask_restore(const mode_t *saved)
{
	(void)umask(*saved);
}
#define AUTO_UMASK UNUSED AUTO(umask_restore) mode_t

/* Cuts the last component off PATH[LEN] and returns the length of the rest, without slashes at its
 * end (0: only the root is left). */
static size_t cut_last(const char *path, size_t len)
{
	while (len > 0 && path[len - 1] == '/')
		len--;
	while (len > 0 && path[len - 1] != '/')
		len--;
	while (len > 0 && path[len - 1] == '/')
		len--;

	return len;
}

/* Links one behind the other, as for the kernel (MAXSYMLINKS). */
#define LINKS_MAX 40

/* Opens the longest prefix of PATH that exists, as a directory. PATH itself is known not to.
 * *REST is what follows it. -1 with errno. */
static int open_prefix(int rootfd, const char *path, uint64_t resolve, const char **rest)
{
	char prefix[PATH_MAX];
	size_t len = strlen(path);

	memcpy(prefix, path, len + 1);
	for (;;) {
		len = cut_last(path, len);
		prefix[len] = '\0';

		int fd = open_in(rootfd, len > 0 ? prefix : ".", O_PATH | O_DIRECTORY, resolve);
		if (fd >= 0) {
			*rest = path + len;
			return fd;
		}
		if (errno != ENOENT || len == 0)
			return -1;
	}
}

/* Takes the next component of *REST into NAME; "." is skipped. Returns 1, 0 at the end, -1 with
 * errno. */
static int next_name(const char **rest, char name[NAME_MAX + 1])
{
	for (;;) {
		const char *start = *rest + strspn(*rest, "/");
		size_t len = strcspn(start, "/");

		*rest = start + len;
		if (len == 0)
			return 0;
		if (len == 1 && start[0] == '.')
			continue;
		if (len > NAME_MAX) {
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(name, start, len);
		name[len] = '\0';
		return 1;
	}
}

/* A name that appeared meanwhile. */
static int refuse_link(struct err *err, const char *name, const char *path)
{
	(void)err_set(err, ERR_SYSTEM,
		      "refuse to make '%s' of '%s' through a symbolic link that has just appeared",
		      name, path);
	err->sys = ELOOP;
	errno = ELOOP;

	return -1;
}

static int make_dir(int parent, const char *name, mode_t mode, uint64_t resolve)
{
	if (mkdirat(parent, name, mode) < 0 && errno != EEXIST)
		return -1;

	return open_name(parent, name, O_PATH | O_DIRECTORY, resolve, 0);
}

/* The descriptor that made the file is not an O_PATH one; the second open must find the same
 * inode. */
static int make_file(int parent, const char *name, uint64_t resolve)
{
	struct stat made;
	struct stat found;

	AUTO_FD_NOW new = open_name(parent, name, O_WRONLY | O_CREAT | O_EXCL, resolve, 0644);
	if (new < 0 && errno != EEXIST)
		return -1;

	AUTO_FD fd = open_name(parent, name, O_PATH, resolve, 0);
	if (fd < 0 || fstat(fd, &found) < 0)
		return -1;
	/* O_PATH with O_NOFOLLOW opens a link itself, even under RESOLVE_NO_SYMLINKS
	 * (openat2(2)). */
	if (S_ISLNK(found.st_mode)) {
		errno = ELOOP;
		return -1;
	}
	if (new < 0)
		return fd_take(&fd);

	if (fstat(new, &made) < 0)
		return -1;
	if (made.st_dev != found.st_dev || made.st_ino != found.st_ino) {
		errno = EAGAIN;
		return -1;
	}

	return fd_take(&fd);
}

/* Whether NAME is a symbolic link, after an open that follows none failed: only for the message. */
static bool is_link(int parent, const char *name)
{
	struct stat st;

	return fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

/* Refuses a ".." among names that do not exist: what it means would depend on what we make. */
static bool has_dotdot(const char *path)
{
	while (*path) {
		path += strspn(path, "/");
		size_t len = strcspn(path, "/");
		if (len == 2 && path[0] == '.' && path[1] == '.')
			return true;
		path += len;
	}

	return false;
}

/* Outcomes of a try, beside -1. */
enum {
	FOUND,
	MADE,
	IS_LINK
};

struct make {
	const char *path; /* for messages */
	enum path_kind kind;
	mode_t dir_mode;
	uint64_t resolve;
};

/* Makes the components of REST beneath TAKE_PARENT. */
static int make_rest(int take_parent, const char *rest, const struct make *m, int *ret_fd,
		     struct err *err)
{
	AUTO_FD parent = take_parent;
	AUTO_UMASK saved = umask(0);
	char name[NAME_MAX + 1];
	char ahead[NAME_MAX + 1];
	int more = next_name(&rest, name);

	while (more > 0) {
		int fd;

		more = next_name(&rest, ahead);
		if (more < 0)
			break;
		if (more == 0 && m->kind == PATH_FILE)
			fd = make_file(parent, name, m->resolve);
		else
			fd = make_dir(parent, name, more ? 0755 : m->dir_mode, m->resolve);
		if (fd < 0) {
			int reason = errno;

			if (is_link(parent, name))
				return refuse_link(err, name, m->path);
			errno = reason;
			return err_sys(err, "make '%s' of '%s'", name, m->path);
		}
		fd_close(&parent);
		parent = fd;
		memcpy(name, ahead, sizeof(name));
	}
	if (more < 0)
		return err_sys(err, "make '%s'", m->path);

	*ret_fd = fd_take(&parent);
	return MADE;
}

/* A slash at the end would make openat2 insist on a directory; the kind says what is wanted. */
static void cut_slashes(char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
}

/* The part of PATH before REST is open as PARENT. When the next name is a symbolic link, to
 * something that is not there, PATH becomes what it stands for. Who renames meanwhile changes where
 * in the root that is, no more: the result is resolved anew, beneath the root. Returns 1, 0 when it
 * is no link, or -1 with errno. */
static int expand_link(int parent, char path[PATH_MAX], const char *rest)
{
	char name[NAME_MAX + 1], target[PATH_MAX], expanded[PATH_MAX];
	int prefix = (int)(rest - path);

	if (next_name(&rest, name) != 1)
		return 0;
	ssize_t n = readlinkat(parent, name, target, sizeof(target) - 1);
	if (n < 0)
		return errno == EINVAL || errno == ENOENT ? 0 : -1;
	target[n] = '\0';
	int len = snprintf(expanded, sizeof(expanded), "%.*s/%s%s", target[0] == '/' ? 0 : prefix,
			   path, target, rest);
	if (len < 0 || (size_t)len >= sizeof(expanded)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(path, expanded, (size_t)len + 1);
	cut_slashes(path);
	return 1;
}

/* Opens PATH or makes it. IS_LINK: PATH was a link and is now what that stands for. */
static int open_or_make(int rootfd, char path[PATH_MAX], const struct make *m, int *ret_fd,
			struct err *err)
{
	int fd = open_in(rootfd, path, O_PATH, m->resolve);
	const char *rest;

	if (fd >= 0) {
		*ret_fd = fd;
		return FOUND;
	}
	if (errno != ENOENT || !*path)
		return fail_open(err, m->path);

	AUTO_FD parent = open_prefix(rootfd, path, m->resolve, &rest);
	if (parent < 0)
		return fail_open(err, m->path);
	int linked = m->resolve & RESOLVE_NO_SYMLINKS ? 0 : expand_link(parent, path, rest);
	if (linked < 0)
		return fail_open(err, m->path);
	if (linked)
		return IS_LINK;
	if (has_dotdot(rest)) {
		errno = ENOENT;
		return err_sys(err, "make '%s': '..' behind a folder that is not there", m->path);
	}

	return make_rest(fd_take(&parent), rest, m, ret_fd, err);
}

int path_make_in(int rootfd, const char *path, enum path_kind kind, mode_t dir_mode,
		 uint64_t resolve, int *ret_fd, struct err *err)
{
	struct make m = { .path = path, .kind = kind, .dir_mode = dir_mode, .resolve = resolve };
	char clean[PATH_MAX];
	size_t len = strlen(path);
	int rc = IS_LINK;

	if (len >= sizeof(clean)) {
		errno = ENAMETOOLONG;
		return fail_open(err, path);
	}
	memcpy(clean, path, len + 1);
	cut_slashes(clean);
	for (int i = 0; i < LINKS_MAX && rc == IS_LINK; i++)
		rc = open_or_make(rootfd, clean, &m, ret_fd, err);
	if (rc == IS_LINK) {
		errno = ELOOP;
		return fail_open(err, path);
	}

	return rc;
}

int path_make_parent_in(int rootfd, const char *path, int *ret_dirfd, const char **ret_name,
			struct err *err)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t len = (size_t)(name - path);
	struct stat st;

	if (!path_is_component(name)) {
		errno = EINVAL;
		return err_sys(err, "path '%s' ends without a name", path);
	}
	if (len >= sizeof(parent)) {
		errno = ENAMETOOLONG;
		return fail_open(err, path);
	}
	memcpy(parent, path, len);
	parent[len] = '\0';

	AUTO_FD fd = -1;
	if (path_make_in(rootfd, len > 0 ? parent : ".", PATH_DIR, 0755, 0, &fd, err) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return fail_open(err, parent);
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return fail_open(err, path);
	}

	*ret_dirfd = fd_take(&fd);
	*ret_name = name;
	return 0;
}

bool path_is_component(const char *name)
{
	return name[0] != '\0' && !strchr(name, '/') && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

/* Writes the components of PATH, each with a '/' in front and without the ".", to BUF[SIZE]. */
static int collapse(const char *path, char *buf, size_t size)
{
	size_t used = 0;

	for (;;) {
		path += strspn(path, "/");
		size_t len = strcspn(path, "/");
		if (len == 0)
			break;
		if (len > 1 || path[0] != '.') {
			if (size - used < len + 2)
				return -1;
			buf[used++] = '/';
			memcpy(buf + used, path, len);
			used += len;
		}
		path += len;
	}
	if (used == 0) {
		if (size < 2)
			return -1;
		buf[used++] = '/';
	}
	buf[used] = '\0';

	return 0;
}

int path_normalise(const char *path, char *buf, size_t size)
{
	if (has_dotdot(path))
		return -1;

	return collapse(path, buf, size);
}

char *path_absolute(const char *path)
{
	if (path[0] == '\0') {
		errno = ENOENT;
		return NULL;
	}

	/* Old C libraries return what the kernel says for a directory outside of our root:
	 * "(unreachable)/…" (CVE-2018-1000001). */
	char *cwd = path[0] == '/' ? strdup("") : getcwd(NULL, 0);
	if (!cwd)
		return NULL;
	if (cwd[0] != '\0' && cwd[0] != '/') {
		free(cwd);
		errno = ENOENT;
		return NULL;
	}

	size_t size = strlen(cwd) + strlen(path) + 2;
	char *joined = malloc(size);
	char *result = malloc(size);
	if (joined && result) {
		(void)snprintf(joined, size, "%s/%s", cwd, path);
		/* ".." stays: what it means depends on symbolic links. */
		if (collapse(joined, result, size) < 0) {
			free(result);
			result = NULL;
		}
	} else {
		free(result);
		result = NULL;
	}
	free(joined);
	free(cwd);

	return result;
}

void path_free(char **path)
{
	free(*path);
}
