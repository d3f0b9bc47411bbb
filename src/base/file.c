/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/sys.h"

static int fail_too_long(struct err *err, const char *name, size_t max)
{
	(void)err_set(err, ERR_SYSTEM, "read '%s': longer than the allowed %zu bytes", name, max);
	err->sys = EFBIG;
	errno = EFBIG;

	return -1;
}

/* Reads FD to its end into ARENA. SIZE is what stat says: a hint, the file may grow, and files of
 * proc have size 0. */
static int read_all(int fd, const char *name, size_t size, size_t max, struct arena *a, char **ret,
		    size_t *ret_len, struct err *err)
{
	size_t cap = size < 1024 ? 1024 : size + 1;
	size_t len = 0;

	char *buf = arena_alloc(a, cap + 1, 1);
	if (!buf)
		return err_oom(err);
	for (;;) {
		if (len == cap) {
			/* cap <= 2 * max: no overflow in sight for any limit that we use. */
			char *more = arena_alloc(a, cap * 2 + 1, 1);
			if (!more)
				return err_oom(err);
			memcpy(more, buf, len);
			buf = more;
			cap *= 2;
		}

		ssize_t n = RETRY(read(fd, buf + len, cap - len));
		if (n < 0)
			return err_sys(err, "read '%s'", name);
		len += (size_t)n;
		if (len > max)
			return fail_too_long(err, name, max);
		/* Exactly what stat has said, with room for more: the end of a file on a disk. */
		if (n == 0 || (size > 0 && len == size && len < cap))
			break;
	}
	buf[len] = '\0';

	*ret = buf;
	*ret_len = len;
	return 0;
}

static int fail_kind(struct err *err, const char *name, const struct stat *st)
{
	(void)err_set(err, ERR_SYSTEM, "open '%s': not a regular file", name);
	err->sys = S_ISDIR(st->st_mode) ? EISDIR : EINVAL;
	errno = err->sys;
	return -1;
}

int file_read_at(int dirfd, const char *name, size_t max, struct arena *a, char **ret,
		 size_t *ret_len, struct err *err)
{
	struct stat st;

	AUTO_FD fd = openat(dirfd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "open '%s'", name);
	if (!S_ISREG(st.st_mode))
		return fail_kind(err, name, &st);
	if ((uintmax_t)st.st_size > max)
		return fail_too_long(err, name, max);

	return read_all(fd, name, (size_t)st.st_size, max, a, ret, ret_len, err);
}

int file_read_given(const char *name, size_t max, struct arena *a, char **ret, size_t *ret_len,
		    struct err *err)
{
	struct stat st;

	AUTO_FD fd = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "open '%s'", name);
	if (!S_ISFIFO(st.st_mode))
		return file_read_at(AT_FDCWD, name, max, a, ret, ret_len, err);
	if (fcntl(fd, F_SETFL, 0) < 0)
		return err_sys(err, "open '%s'", name);

	return read_all(fd, name, 0, max, a, ret, ret_len, err);
}

int file_read_fd(int fd, const char *name, size_t max, struct arena *a, char **ret, size_t *ret_len,
		 struct err *err)
{
	return read_all(fd, name, 0, max, a, ret, ret_len, err);
}

ssize_t file_read_small_at(int dirfd, const char *name, char *buf, size_t size)
{
	if (size == 0) {
		errno = EINVAL;
		return -1;
	}

	AUTO_FD fd = openat(dirfd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t n = RETRY(read(fd, buf, size - 1));
	if (n >= 0)
		buf[n] = '\0';

	return n;
}

static int open_control(int dirfd, const char *name)
{
	if (path_is_component(name))
		return openat(dirfd, name, O_WRONLY | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);

	struct open_how how = {
		.flags = O_WRONLY | O_NOCTTY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_XDEV,
	};

	return sys_openat2(dirfd, name, &how);
}

int file_write_at(int dirfd, const char *name, const char *value, struct err *err)
{
	AUTO_FD fd = open_control(dirfd, name);
	if (fd < 0)
		return err_sys(err, "open '%s'", name);

	size_t len = strlen(value);
	ssize_t n = RETRY(write(fd, value, len));
	if (n < 0)
		return err_sys(err, "write '%s' to '%s'", value, name);
	if ((size_t)n != len) {
		errno = EIO;
		return err_sys(err, "short write of '%s' to '%s'", value, name);
	}

	return 0;
}

int file_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = RETRY(write(fd, p, len));
		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}

	return 0;
}

/* A new file ".NAME.SUFFIX" in DIRFD; its name goes to TMP. -1 with errno. */
static int open_temporary(int dirfd, const char *name, char tmp[NAME_MAX + 1])
{
	static const char letters[] = "0123456789abcdefghijklmnopqrstuv";
	unsigned char bytes[6] = { 0 };
	char suffix[sizeof(bytes) + 1];

	/* The first name is the same for everybody and nearly always free; the others are taken by
	 * chance only, and more tries would mean that something is wrong. */
	for (int tries = 0; tries < 16; tries++) {
		if (tries > 0 &&
		    RETRY(getrandom(bytes, sizeof(bytes), 0)) != (ssize_t)sizeof(bytes))
			return -1;
		for (size_t i = 0; i < sizeof(bytes); i++)
			suffix[i] = letters[bytes[i] % (sizeof(letters) - 1)];
		suffix[sizeof(bytes)] = '\0';

		int n = snprintf(tmp, NAME_MAX + 1, ".%s.%s", name, suffix);
		if (n < 0 || n > NAME_MAX) {
			errno = ENAMETOOLONG;
			return -1;
		}

		int fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				0600);
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}

	return -1;
}

/* Fills the open temporary file; it is closed in every case. */
static int fill(int take_fd, const void *data, size_t len, mode_t mode)
{
	AUTO_FD fd = take_fd;

	if (file_write_all(fd, data, len) < 0)
		return -1;
	/* The umask has no say in it; one that takes rights from the owner is nobody's. */
	if ((mode & (S_IRWXG | S_IRWXO)) && fchmod(fd, mode) < 0)
		return -1;
	/* Network file systems report a full disk only now. */
	if (close(fd_take(&fd)) < 0 && errno != EINTR)
		return -1;

	return 0;
}

int file_replace_at(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
		    struct err *err)
{
	char tmp[NAME_MAX + 1];

	if (!path_is_component(name)) {
		errno = EINVAL;
		return err_sys(err, "write '%s'", name);
	}

	int fd = open_temporary(dirfd, name, tmp);
	if (fd < 0)
		return err_sys(err, "make temporary file for '%s'", name);
	if (fill(fd, data, len, mode) < 0 || renameat(dirfd, tmp, dirfd, name) < 0) {
		(void)err_sys(err, "write '%s'", name);
		/* The first failure counts; a left-over is harmless. */
		(void)unlinkat(dirfd, tmp, 0);
		errno = err->sys;
		return -1;
	}

	return 0;
}
