/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"

/* The root of every procfs instance has this inode number (kernel: PROC_ROOT_INO). */
#define PROC_ROOT_INODE 1

int procfs_open(int *ret_fd, struct err *err)
{
	struct statfs fs;
	struct stat st;

	AUTO_FD fd = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "open '/proc'");
	if (fs.f_type != PROC_SUPER_MAGIC || st.st_ino != PROC_ROOT_INODE)
		return err_set(err, ERR_SYSTEM, "'/proc' is not the root of a procfs");

	*ret_fd = fd_take(&fd);
	return 0;
}

/* Replaces the leading "self" of NAME by what the link says: plain digits, so the result has no
 * symbolic link left to follow. */
static int resolve_self(int procfd, const char *name, char *buf, size_t size)
{
	char pid[16];

	ssize_t n = readlinkat(procfd, "self", pid, sizeof(pid) - 1);
	if (n < 0)
		return -1;
	pid[n] = '\0';
	if (n == 0 || strspn(pid, "0123456789") != (size_t)n) {
		errno = ELOOP;
		return -1;
	}

	int len = snprintf(buf, size, "%s%s", pid, name + strlen("self"));
	if (len < 0 || (size_t)len >= size) {
		errno = ENAMETOOLONG;
		return -1;
	}

	return 0;
}

int procfs_open_file(int procfd, const char *name, int flags, int *ret_fd, struct err *err)
{
	char buf[512]; /* the longest names are sysctls with an interface name in them */
	const char *path = name;
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOCTTY),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_SYMLINKS,
	};

	if (strncmp(name, "self/", strlen("self/")) == 0) {
		if (resolve_self(procfd, name, buf, sizeof(buf)) < 0)
			return err_sys(err, "open '/proc/%s'", name);
		path = buf;
	}

	int fd = sys_openat2(procfd, path, &how);
	if (fd < 0)
		return err_sys(err, "open '/proc/%s'", name);

	*ret_fd = fd;
	return 0;
}

int procfs_write(int procfd, const char *name, const char *value, struct err *err)
{
	size_t len = strlen(value);
	AUTO_FD fd = -1;

	if (procfs_open_file(procfd, name, O_WRONLY, &fd, err) < 0)
		return -1;

	ssize_t n = RETRY(write(fd, value, len));
	if (n < 0)
		return err_sys(err, "write '%s' to '/proc/%s'", value, name);
	if ((size_t)n != len)
		return err_set(err, ERR_SYSTEM, "short write of '%s' to '/proc/%s'", value, name);

	return 0;
}

int procfs_read(int procfd, const char *name, char *buf, size_t size, struct err *err)
{
	size_t len = 0;
	AUTO_FD fd = -1;

	ASSERT(size > 0);
	if (procfs_open_file(procfd, name, O_RDONLY, &fd, err) < 0)
		return -1;

	while (len < size) {
		ssize_t n = RETRY(read(fd, buf + len, size - len));
		if (n < 0)
			return err_sys(err, "read '/proc/%s'", name);
		if (n == 0) {
			buf[len] = '\0';
			return 0;
		}
		len += (size_t)n;
	}

	return err_set(err, ERR_SYSTEM, "read '/proc/%s': longer than %zu bytes", name, size - 1);
}

/* A line "KEY:" and 16 hexadecimal digits. */
static int read_mask(const char *status, const char *key, uint64_t *ret, struct err *err)
{
	const char *line = strstr(status, key);

	if (!line || sscanf(line + strlen(key), ":\t%" SCNx64, ret) != 1)
		return err_set(err, ERR_SYSTEM, "/proc/self/status has no line '%s'", key);

	return 0;
}

int procfs_self(int procfd, struct procfs_self *ret, struct err *err)
{
	char status[4096];

	if (procfs_read(procfd, "self/status", status, sizeof(status), err) < 0 ||
	    read_mask(status, "SigIgn", &ret->ignored, err) < 0 ||
	    read_mask(status, "CapPrm", &ret->permitted, err) < 0 ||
	    read_mask(status, "CapBnd", &ret->bounding, err) < 0)
		return -1;

	return 0;
}

bool procfs_is_initial_root(int procfd)
{
	struct err ignored = ERR_INIT;
	char map[128];
	unsigned long long first, host, count;

	if (geteuid() != 0)
		return false;
	if (procfs_read(procfd, "self/uid_map", map, sizeof(map), &ignored) < 0)
		return true; /* no user namespaces in this kernel */

	return sscanf(map, "%llu %llu %llu", &first, &host, &count) == 3 && first == 0 &&
	       host == 0 && count == UINT32_MAX;
}
