/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/sys.h"

#define PTMX_MAJOR 5
#define PTMX_MINOR 2

/* The directory is checked to be a devpts before anything in it is opened: opening a device that an
 * image chose could already have an effect. */
static int open_devpts(int rootfd, int *ret_fd, struct err *err)
{
	struct statfs fs;

	AUTO_FD fd = -1;
	if (path_open_in(rootfd, "dev/pts", O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS, &fd, err) <
	    0)
		return err_wrap(err, "process.terminal needs a devpts mount on '/dev/pts'");
	if (fstatfs(fd, &fs) < 0)
		return err_sys(err, "examine '/dev/pts'");
	if (fs.f_type != DEVPTS_SUPER_MAGIC)
		return err_set(
			err, ERR_CONFIG,
			"process.terminal needs a devpts mount on '/dev/pts', which has none");

	*ret_fd = fd_take(&fd);
	return 0;
}

/* RESOLVE_NO_XDEV: nothing that was mounted over the entry counts (CVE-2025-52565). */
static int open_master(int rootfd, int *ret_fd, struct err *err)
{
	struct open_how how = {
		.flags = O_RDWR | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_XDEV,
	};
	struct stat st;

	AUTO_FD devpts = -1;
	if (open_devpts(rootfd, &devpts, err) < 0)
		return -1;

	AUTO_FD fd = sys_openat2(devpts, "ptmx", &how);
	if (fd < 0)
		return err_sys(err, "open '/dev/pts/ptmx'");
	if (fstat(fd, &st) < 0)
		return err_sys(err, "examine '/dev/pts/ptmx'");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(PTMX_MAJOR, PTMX_MINOR))
		return err_set(err, ERR_SYSTEM, "'/dev/pts/ptmx' is not the device %d:%d",
			       PTMX_MAJOR, PTMX_MINOR);

	*ret_fd = fd_take(&fd);
	return 0;
}

static int open_slave(int master, int *ret_fd, struct err *err)
{
	int locked = 0;

	if (ioctl(master, TIOCSPTLCK, &locked) < 0)
		return err_sys(err, "unlock the terminal");

	/* Straight from the master, no path (kernel 4.13). */
	AUTO_FD fd = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "open the peer of the terminal");

	*ret_fd = fd_take(&fd);
	return 0;
}

static int configure(int slave, uint32_t height, uint32_t width, struct err *err)
{
	struct termios t;

	if (height > USHRT_MAX || width > USHRT_MAX)
		return err_set(err, ERR_CONFIG, "process.consoleSize: %u x %u is above %d", height,
			       width, USHRT_MAX);
	if (height != 0 && width != 0) {
		const struct winsize ws = {
			.ws_row = (unsigned short)height,
			.ws_col = (unsigned short)width,
		};
		if (ioctl(slave, TIOCSWINSZ, &ws) < 0)
			return err_sys(err, "set the terminal's size");
	}

	/* D-24: callers and tests expect LF as it was written. */
	if (tcgetattr(slave, &t) < 0)
		return err_sys(err, "read the terminal's settings");
	t.c_oflag &= ~(tcflag_t)ONLCR;
	if (tcsetattr(slave, TCSANOW, &t) < 0)
		return err_sys(err, "change the terminal's settings");

	return 0;
}

int tty_open_pair(int rootfd, uint32_t height, uint32_t width, int *ret_master, int *ret_slave,
		  struct err *err)
{
	AUTO_FD master = -1;
	AUTO_FD slave = -1;

	if (open_master(rootfd, &master, err) < 0 || open_slave(master, &slave, err) < 0 ||
	    configure(slave, height, width, err) < 0)
		return -1;

	*ret_master = fd_take(&master);
	*ret_slave = fd_take(&slave);
	return 0;
}

int tty_make_controlling(int slave, uid_t uid, struct err *err)
{
	if (ioctl(slave, TIOCSCTTY, 0) < 0)
		return err_sys(err, "make the terminal the controlling one");

	/* C-USER-05: a user namespace without this id, or the owner of a file system that does not
	 * know it, refuses; then the terminal keeps its owner. */
	if (fchown(slave, uid, (gid_t)-1) < 0 && errno != EPERM && errno != EINVAL &&
	    errno != EROFS)
		return err_sys(err, "give the terminal to user %u", uid);

	/* dup2 clears close-on-exec, which is right here and only here. */
	if (RETRY(dup2(slave, 0)) < 0 || RETRY(dup2(slave, 1)) < 0 || RETRY(dup2(slave, 2)) < 0)
		return err_sys(err, "make the terminal descriptors 0, 1 and 2");

	return 0;
}

int tty_send_master(int socketfd, int master, struct err *err)
{
	char name[sizeof("/dev/pts/") + 3 * sizeof(unsigned)];
	unsigned number;

	if (ioctl(master, TIOCGPTN, &number) < 0)
		return err_sys(err, "read the terminal's number");
	int len = snprintf(name, sizeof(name), "/dev/pts/%u", number);
	if (fd_send(socketfd, name, (size_t)len, &master, 1) < 0)
		return err_sys(err, "send the terminal to the console socket");

	return 0;
}

int tty_set_raw(int fd, struct tty_saved *ret, struct err *err)
{
	struct tty_saved s = { .active = true, .fd = fd };

	if (tcgetattr(fd, &s.termios) < 0)
		return err_sys(err, "read the settings of the caller's terminal");

	/* Output processing stays: the container's own terminal leaves LF alone (D-24), so here is
	 * the place where it becomes CR LF. */
	struct termios raw = s.termios;
	cfmakeraw(&raw);
	raw.c_oflag |= s.termios.c_oflag & OPOST;
	if (tcsetattr(fd, TCSANOW, &raw) < 0)
		return err_sys(err, "put the caller's terminal into raw mode");

	*ret = s;
	return 0;
}

void tty_restore(struct tty_saved *s)
{
	/* Called on the way out, also of failures; a terminal that went away needs no restoring. */
	if (s->active)
		(void)tcsetattr(s->fd, TCSANOW, &s->termios);
	s->active = false;
}

void tty_copy_size(int from, int to)
{
	struct winsize ws;

	if (ioctl(from, TIOCGWINSZ, &ws) < 0)
		return;
	/* A terminal whose other side is closed has no use for a size. */
	(void)ioctl(to, TIOCSWINSZ, &ws);
}
