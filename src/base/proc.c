/* SPDX-License-Identifier: Apache-2.0 */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/str.h"
#include "base/sys.h"

/* Finds field 22 behind the command name, which may itself contain blanks and ')' (proc(5)). */
static int parse_stat(char *text, uint64_t *ret_start_time, char *ret_state)
{
	char *p = strrchr(text, ')');

	if (!p || p[1] != ' ' || p[2] == '\0' || p[3] != ' ')
		return -1;
	char state = p[2];

	/* p[3] is the blank behind field 3. */
	p += 3;
	for (int field = 4; field < 22; field++) {
		p = strchr(p + 1, ' ');
		if (!p)
			return -1;
	}

	char *end = strchr(p + 1, ' ');
	if (!end)
		return -1;
	*end = '\0';

	uint64_t start_time;
	if (parse_u64(p + 1, &start_time) < 0)
		return -1;

	*ret_start_time = start_time;
	*ret_state = state;
	return 0;
}

int proc_stat(pid_t pid, uint64_t *ret_start_time, char *ret_state)
{
	char path[sizeof("/proc//stat") + 11];
	/* 21 fields of at most 20 digits and a command of at most 64 bytes, and some room. */
	char text[1024];

	if (pid <= 0) {
		errno = ESRCH;
		return -1;
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (file_read_small_at(AT_FDCWD, path, text, sizeof(text)) < 0)
		return -1;
	if (parse_stat(text, ret_start_time, ret_state) < 0) {
		errno = EPROTO;
		return -1;
	}

	return 0;
}

/* pidfd_open(2) says ESRCH for a free number, and EINVAL (newer kernels: ENOENT) for one that is
 * now a thread of some other process. */
static bool is_gone(int errnum)
{
	return errnum == ESRCH || errnum == EINVAL || errnum == ENOENT;
}

/* Order matters: the pidfd pins whatever process has the number now, so what /proc says afterwards
 * is about that process or about none. */
int proc_open(pid_t pid, uint64_t start_time, struct proc *ret, struct err *err)
{
	uint64_t found;
	char state;

	if (pid <= 0) {
		errno = EINVAL;
		return err_sys(err, "open process %d", pid);
	}

	AUTO_FD pidfd = sys_pidfd_open(pid, 0);
	if (pidfd < 0)
		return is_gone(errno) ? 0 : err_sys(err, "open process %d", pid);

	struct proc p = { .pid = pid, .pidfd = pidfd, .start_time = start_time };
	bool known = proc_stat(pid, &found, &state) == 0;
	int reason = errno;

	/* Asked of the pidfd, not of the state letter: a process whose first thread has ended is a
	 * 'Z' there while its other threads run on. */
	int ended = proc_wait_end(&p, 0);
	if (ended < 0)
		return err_sys(err, "ask for the state of process %d", pid);
	if (ended)
		return 0;

	/* It lives, but /proc is not mounted, belongs to another pid namespace or hides it: to call
	 * it gone would let `delete` pull the container from under a running process. */
	if (!known) {
		errno = reason;
		return err_sys(err, "process %d runs but '/proc/%d/stat' cannot be read", pid, pid);
	}
	if (found != start_time)
		return 0;

	p.pidfd = fd_take(&pidfd);
	*ret = p;
	return 1;
}

int proc_is_alive(pid_t pid, uint64_t start_time, struct err *err)
{
	AUTO_PROC p = PROC_INIT;
	uint64_t found;
	char state;

	if (proc_stat(pid, &found, &state) == 0 && found == start_time && state != 'Z' &&
	    state != 'X')
		return 1;
	return proc_open(pid, start_time, &p, err);
}

int proc_signal(const struct proc *p, int sig)
{
	return sys_pidfd_send_signal(p->pidfd, sig);
}

static int64_t now_ms(void)
{
	struct timespec now = { .tv_sec = 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now);

	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int proc_wait_end(const struct proc *p, int timeout_ms)
{
	int64_t deadline = timeout_ms > 0 ? now_ms() + timeout_ms : 0;
	int left = timeout_ms < 0 ? -1 : timeout_ms;

	/* poll would wait for ever on a negative descriptor. */
	if (p->pidfd < 0) {
		errno = EBADF;
		return -1;
	}

	for (;;) {
		struct pollfd pfd = { .fd = p->pidfd, .events = POLLIN };
		int n = poll(&pfd, 1, left);

		if (n > 0 && (pfd.revents & POLLNVAL)) {
			errno = EBADF;
			return -1;
		}
		if (n >= 0)
			return n;
		if (errno != EINTR)
			return -1;
		if (timeout_ms > 0) {
			int64_t rest = deadline - now_ms();

			left = rest > 0 ? (int)rest : 0;
		}
	}
}

int proc_reap(const struct proc *p)
{
	siginfo_t info = { .si_pid = 0 };

	if (p->pidfd < 0) {
		errno = EBADF;
		return -1;
	}
	if (RETRY(waitid(P_PIDFD, (id_t)p->pidfd, &info, WEXITED)) < 0)
		return -1;

	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

void proc_done(struct proc *p)
{
	fd_close(&p->pidfd);
	p->pid = -1;
}
