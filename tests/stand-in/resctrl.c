/* SPDX-License-Identifier: Apache-2.0 */
/* resctrl.c - lets a directory look like a mounted resctrl, for a program that is started with
 * LD_PRELOAD
 *
 * No machine for tests has the hardware. The program under test is unchanged; only what the kernel
 * would say and do stands in here: /proc/self/mountinfo is the file STAND_IN_MOUNTINFO, the
 * directory STAND_IN_ROOT has the magic number of resctrl, a directory made in it is born with its
 * files, and goes with all of them. */
#include <dlfcn.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define STAND_IN_ROOT      "/run/stand-in-resctrl"
#define STAND_IN_MOUNTINFO "/run/stand-in-mountinfo"
#define RESCTRL_MAGIC      0x7655821

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static bool is_inside(int fd)
{
	char link[32], path[4096];

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	return n >= (ssize_t)strlen(STAND_IN_ROOT) &&
	       strncmp(path, STAND_IN_ROOT, strlen(STAND_IN_ROOT)) == 0;
}

int openat(int dirfd, const char *name, int flags, ...)
{
	va_list ap;

	va_start(ap, flags);
	mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	if (strcmp(name, "/proc/self/mountinfo") == 0)
		name = STAND_IN_MOUNTINFO;
	return REAL(openat)(dirfd, name, flags, mode);
}

int fstatfs(int fd, struct statfs *fs)
{
	int rc = REAL(fstatfs)(fd, fs);

	if (rc == 0 && is_inside(fd))
		fs->f_type = RESCTRL_MAGIC;
	return rc;
}

int mkdirat(int dirfd, const char *name, mode_t mode)
{
	static const char *const files[] = { "tasks", "schemata" };
	int rc = REAL(mkdirat)(dirfd, name, mode);

	if (rc != 0 || !is_inside(dirfd))
		return rc;
	int dir = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		close(openat(dir, files[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	(void)REAL(mkdirat)(dir, "mon_groups", 0755);
	close(dir);
	return 0;
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

int unlinkat(int dirfd, const char *name, int flags)
{
	char path[512];

	if (flags != AT_REMOVEDIR || !is_inside(dirfd))
		return REAL(unlinkat)(dirfd, name, flags);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dirfd, name);
	return nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
