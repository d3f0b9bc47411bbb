/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "caller-internal.h"
#include "kernel/tty.h"

void caller_wipe_environment(void)
{
	for (char **e = environ; e && *e; e++)
		explicit_bzero(*e, strlen(*e));
	environ = NULL;
}

int caller_write_pid_file(const char *path, pid_t pid, struct err *err)
{
	if (!path)
		return 0;

	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char dir[PATH_MAX], text[16];
	int n = snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path + 1) : 1,
			 slash ? path : ".");
	if (n < 0 || (size_t)n >= sizeof(dir) || !*name)
		return err_set(err, ERR_USAGE, "--pid-file '%.60s' names no file", path);
	AUTO_FD dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return err_sys(err, "--pid-file: open directory '%s'", dir);
	int len = snprintf(text, sizeof(text), "%d", pid);
	if (file_replace_at(dirfd, name, text, (size_t)len, 0644, err) < 0)
		return err_wrap(err, "--pid-file '%s'", path);
	return 0;
}

int caller_send_pidfd(const struct plan *p, const struct proc *proc, struct err *err)
{
	static const char name[] = "pidfd";

	if (p->pidfd_socket < 0)
		return 0;
	if (fd_send(p->pidfd_socket, name, sizeof(name) - 1, &proc->pidfd, 1) < 0)
		return err_sys(err, "send the pidfd to '%s'", p->options->pidfd_socket);
	return 0;
}

int caller_take_console(const struct plan *p, int take_fd, int *ret_master, struct err *err)
{
	AUTO_FD master = take_fd;

	if (master < 0)
		return err_set(err, ERR_BUG, "the console message came without a terminal");
	if (p->console_socket >= 0)
		return tty_send_master(p->console_socket, master, err);
	*ret_master = fd_take(&master);
	return 0;
}
