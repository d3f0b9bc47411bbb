/* SPDX-License-Identifier: Apache-2.0 */
/* base/sys.h - system calls that the oldest supported libc (glibc 2.36, musl 1.2.3) has no wrapper
 * for, or whose constants its headers lack. One thin inline function per call, named sys_*; each
 * returns what the kernel returns, -1 with errno. Kernel versions: the one that added the call. */
#pragma once

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* 5.3; CLONE_INTO_CGROUP: 5.7. The kernel hands the pidfd out before it looks at the cgroup, and
 * takes it back without a word: the number would be somebody else's next descriptor. */
static inline pid_t sys_clone3(struct clone_args *args)
{
	pid_t pid = (pid_t)syscall(SYS_clone3, args, sizeof(*args));

	if (pid < 0 && (args->flags & CLONE_PIDFD))
		*(int *)(uintptr_t)args->pidfd = -1;
	return pid;
}

/* 5.6 */
static inline int sys_openat2(int dirfd, const char *path, struct open_how *how)
{
	return (int)syscall(SYS_openat2, dirfd, path, how, sizeof(*how));
}

/* 5.3 */
static inline int sys_pidfd_open(pid_t pid, unsigned flags)
{
	return (int)syscall(SYS_pidfd_open, pid, flags);
}

/* 5.1 */
static inline int sys_pidfd_send_signal(int pidfd, int sig)
{
	return (int)syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0);
}

/* 5.9; CLOSE_RANGE_CLOEXEC: 5.11 */
static inline int sys_close_range(unsigned first, unsigned last, unsigned flags)
{
	return (int)syscall(SYS_close_range, first, last, flags);
}

/* 5.2: the mount API by descriptors */
static inline int sys_open_tree(int dirfd, const char *path, unsigned flags)
{
	return (int)syscall(SYS_open_tree, dirfd, path, flags);
}
static inline int sys_move_mount(int from_fd, const char *from, int to_fd, const char *to,
				 unsigned flags)
{
	return (int)syscall(SYS_move_mount, from_fd, from, to_fd, to, flags);
}
static inline int sys_fsopen(const char *fstype, unsigned flags)
{
	return (int)syscall(SYS_fsopen, fstype, flags);
}
static inline int sys_fsconfig(int fd, unsigned cmd, const char *key, const void *value, int aux)
{
	return (int)syscall(SYS_fsconfig, fd, cmd, key, value, aux);
}
static inline int sys_fsmount(int fsfd, unsigned flags, unsigned attrs)
{
	return (int)syscall(SYS_fsmount, fsfd, flags, attrs);
}
static inline int sys_fspick(int dirfd, const char *path, unsigned flags)
{
	return (int)syscall(SYS_fspick, dirfd, path, flags);
}

/* 5.12 */
static inline int sys_mount_setattr(int dirfd, const char *path, unsigned flags,
				    struct mount_attr *attr)
{
	return (int)syscall(SYS_mount_setattr, dirfd, path, flags, attr, sizeof(*attr));
}

static inline int sys_pivot_root(const char *new_root, const char *put_old)
{
	return (int)syscall(SYS_pivot_root, new_root, put_old);
}

/* <sys/mount.h> of glibc 2.36 cannot be included beside <linux/mount.h>, so these come here too. */
#ifndef MNT_DETACH
#define MNT_DETACH 2
#endif
static inline int sys_umount2(const char *target, int flags)
{
	return (int)syscall(SYS_umount2, target, flags);
}
static inline int sys_mount(const char *source, const char *target, const char *type,
			    unsigned long flags, const void *data)
{
	return (int)syscall(SYS_mount, source, target, type, flags, data);
}

/* Default action for SIG. Not by sigaction(2) of the libc, which refuses 32 and 33 because its threads use
 * them: a caller may have ignored them all the same, and that survives execve. All members of the
 * kernel's structure are 0 for the default action, on every architecture. */
static inline int sys_signal_default(int sig)
{
	const uint64_t zero[8] = { 0 };

	return (int)syscall(SYS_rt_sigaction, sig, zero, NULL, sizeof(uint64_t));
}
