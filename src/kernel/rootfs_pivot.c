/* SPDX-License-Identifier: Apache-2.0 */
/* The change of the root directory
 *
 * Normal way: pivot_root(".", ".") puts the old root on top of the new one, where it is detached at
 * once (pivot_root(2), "new_root and put_old may be the same directory"); nothing of the host stays
 * in the mount namespace.
 *
 * --no-pivot: a ramfs root (initramfs) cannot be left, so the new root is moved over it and entered
 * by chroot. The host's mounts stay underneath. The kernel lets a user namespace mount a fresh proc
 * or sysfs only where one is fully visible already, so the host's ones are taken away first:
 * otherwise a process could get an unmasked /proc that way. */
#include "kernel/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"

/* <sys/mount.h> has it, which cannot be included beside base/sys.h. */
#ifndef UMOUNT_NOFOLLOW
#define UMOUNT_NOFOLLOW 8
#endif

/* More proc and sysfs mounts than this on a host are no accident. */
#define HIDE_MAX 4096

/* One mount of /proc/self/mountinfo, as far as it matters here. */
struct mount_line {
	char point[PATH_MAX];
	char type[32];
};

struct scanner {
	int fd; /* lent */
	char buf[4096];
	size_t at, len;
};

/* Next byte, -1 at the end or on failure. */
static int next_byte(struct scanner *s)
{
	if (s->at == s->len) {
		ssize_t n = RETRY(read(s->fd, s->buf, sizeof(s->buf)));
		if (n <= 0)
			return -1;
		s->at = 0;
		s->len = (size_t)n;
	}

	return (unsigned char)s->buf[s->at++];
}

/* Reads one field into BUF[SIZE], cutting it, with "\040" and the like undone. Returns the byte
 * behind it: ' ', '\n' or -1. */
static int next_field(struct scanner *s, char *buf, size_t size)
{
	size_t used = 0;
	int ch;

	while ((ch = next_byte(s)) != -1 && ch != ' ' && ch != '\n') {
		if (ch == '\\') {
			int value = 0;

			for (int i = 0; i < 3; i++)
				value = value * 8 + (next_byte(s) - '0');
			ch = value & 0xff;
		}
		if (used + 1 < size)
			buf[used++] = (char)ch;
	}
	buf[used] = '\0';

	return ch;
}

/* proc_pid_mountinfo(5): field 5 is the mount point; the type follows the lone "-". */
static bool next_mount(struct scanner *s, struct mount_line *line)
{
	char field[8];
	int end = ' ';

	for (int i = 1; i < 5 && end == ' '; i++)
		end = next_field(s, field, sizeof(field));
	if (end != ' ')
		return false;
	end = next_field(s, line->point, sizeof(line->point));
	do {
		if (end != ' ')
			return false;
		end = next_field(s, field, sizeof(field));
	} while (strcmp(field, "-") != 0);
	end = next_field(s, line->type, sizeof(line->type));
	while (end == ' ')
		end = next_field(s, field, sizeof(field));

	return true;
}

static bool is_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	return strncmp(path, top, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* Finds the proc or sysfs mount outside of ROOT that comes after SKIP others. */
static bool find_kernel_fs(int mountinfo, const char *root, size_t skip, struct mount_line *line)
{
	struct scanner s = { .fd = mountinfo };

	if (lseek(mountinfo, 0, SEEK_SET) < 0)
		return false;
	while (next_mount(&s, line)) {
		if (strcmp(line->type, "proc") != 0 && strcmp(line->type, "sysfs") != 0)
			continue;
		if (is_below(line->point, root))
			continue;
		if (skip-- == 0)
			return true;
	}

	return false;
}

static int hide_host(const struct rootfs *r, struct err *err)
{
	char link[sizeof("/proc/self/fd/") + 10];
	char root[PATH_MAX];
	struct mount_line line;
	size_t covered = 0;

	AUTO_FD mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (mountinfo < 0)
		return err_sys(err, "open '/proc/self/mountinfo'");
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", r->fd);
	ssize_t n = readlink(link, root, sizeof(root) - 1);
	if (n < 0)
		return err_sys(err, "find the root's path");
	root[n] = '\0';
	if (strcmp(root, "/") == 0)
		return err_set(err, ERR_SYSTEM, "the root is at '/' already; leave --no-pivot out");

	for (int i = 0; i < HIDE_MAX; i++) {
		if (!find_kernel_fs(mountinfo, root, covered, &line))
			return 0;
		if (sys_umount2(line.point, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
			continue;
		/* Locked together by a user namespace (EINVAL, EPERM): cover it. */
		if (sys_mount("tmpfs", line.point, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV,
			      "nr_inodes=1") < 0)
			return err_sys(err, "hide the host's '%s'", line.point);
		covered++;
	}

	return err_set(err, ERR_SYSTEM, "too many proc and sysfs mounts to hide");
}

static int enter(int fd, struct err *err)
{
	if (fchdir(fd) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return err_sys(err, "change the root directory");

	return 0;
}

static int move_root(const struct rootfs *r, struct err *err)
{
	if (hide_host(r, err) < 0)
		return -1;
	if (sys_move_mount(r->fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(err, "move the root over the host's");

	return enter(r->fd, err);
}

static int fail_pivot(struct err *err)
{
	if (errno == EINVAL)
		return err_sys(err, "pivot_root (a host that runs from an initramfs needs "
				    "--no-pivot)");

	return err_sys(err, "pivot_root");
}

int rootfs_pivot(const struct rootfs_plan *p, struct rootfs *r, struct err *err)
{
	if (!r->own_ns)
		return enter(r->fd, err);
	if (p->no_pivot)
		return move_root(r, err);

	if (fchdir(r->fd) < 0)
		return err_sys(err, "enter the root");
	if (sys_pivot_root(".", ".") < 0)
		return fail_pivot(err);
	/* "." is the old root now, which lies on the new one. */
	if (sys_umount2(".", MNT_DETACH) < 0)
		return err_sys(err, "detach the host's root");
	if (chdir("/") < 0)
		return err_sys(err, "enter the root");

	return 0;
}
