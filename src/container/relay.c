/* SPDX-License-Identifier: Apache-2.0 */
#include "container/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "kernel/tty.h"

#define EOT "\004" /* what a terminal driver reads as end of file */

int relay_prepare(struct relay *r, struct err *err)
{
	/* Raised by our own faults: blocking them would only hide a bug. */
	static const int ours[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS };
	sigset_t all;

	*r = (struct relay){ .signalfd = -1, .master = -1 };
	sigfillset(&all);
	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		sigdelset(&all, ours[i]);
	if (sigprocmask(SIG_BLOCK, &all, &r->old) < 0)
		return err_sys(err, "block signals");
	r->signalfd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->signalfd < 0)
		return err_sys(err, "open a signal descriptor");
	return 0;
}

void relay_done(struct relay *r)
{
	fd_close(&r->signalfd);
	fd_close(&r->master);
	(void)sigprocmask(SIG_SETMASK, &r->old, NULL);
}

/* ---- terminal ----------------------------------------------------------------------------------
 */

/* Keystrokes that the container has not taken yet. The master does not block, so a program that
 * reads nothing cannot stop its own output. */
struct pending {
	char data[4096];
	size_t len;
	bool eof; /* the caller's stdin ended */
};

static void pump_input(int master, struct pending *in)
{
	ssize_t n = RETRY(read(STDIN_FILENO, in->data, sizeof(in->data)));

	if (n > 0) {
		in->len = (size_t)n;
		return;
	}
	if (n < 0 && errno == EAGAIN)
		return;
	in->eof = true;
	n = RETRY(write(master, EOT, 1));
	(void)n;
}

static void flush_input(int master, struct pending *in)
{
	ssize_t n = RETRY(write(master, in->data, in->len));

	if (n < 0 && errno != EAGAIN)
		in->len = 0; /* the terminal is gone */
	if (n > 0) {
		memmove(in->data, in->data + n, in->len - (size_t)n);
		in->len -= (size_t)n;
	}
}

/* Returns false when the other side of the terminal is closed. */
static bool pump_output(int master)
{
	char buf[8192];
	ssize_t n = RETRY(read(master, buf, sizeof(buf)));

	if (n < 0 && errno == EAGAIN)
		return true;
	if (n <= 0)
		return false; /* EIO: no process has it open (pty(7)) */
	return file_write_all(STDOUT_FILENO, buf, (size_t)n) == 0;
}

/* What was written before the end is still shown; what background processes write later is not. */
static void drain_output(int master)
{
	struct pollfd fd = { .fd = master, .events = POLLIN };

	while (poll(&fd, 1, 0) > 0 && (fd.revents & POLLIN) && pump_output(master))
		;
}

/* ---- signals -----------------------------------------------------------------------------------
 */

/* Collects orphans of the container that were given to us as the subreaper, never the process
 * itself. */
static void reap_orphans(const struct proc *p)
{
	siginfo_t info;

	for (;;) {
		memset(&info, 0, sizeof(info));
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0 ||
		    info.si_pid == p->pid)
			return;
		(void)waitpid(info.si_pid, NULL, WNOHANG);
	}
}

static void take_signals(struct relay *r, const struct proc *p, bool reap_all)
{
	struct signalfd_siginfo info;

	while (RETRY(read(r->signalfd, &info, sizeof(info))) == sizeof(info)) {
		int sig = (int)info.ssi_signo;
		if (sig == SIGCHLD) {
			if (reap_all)
				reap_orphans(p);
		} else if (sig == SIGWINCH && r->master >= 0) {
			tty_copy_size(STDIN_FILENO, r->master);
		} else if (proc_signal(p, sig) < 0) {
			log_debug("signal %d was not delivered: %s", sig, err_text(errno));
		}
	}
}

/* ---- the loop -----------------------------------------------------------------------------------
 */

enum {
	POLL_END,
	POLL_SIGNAL,
	POLL_MASTER,
	POLL_STDIN,
	POLL_COUNT
};

static void watch(const struct relay *r, const struct proc *p, const struct pending *in,
		  struct pollfd fds[POLL_COUNT])
{
	fds[POLL_END] = (struct pollfd){ .fd = p->pidfd, .events = POLLIN };
	fds[POLL_SIGNAL] = (struct pollfd){ .fd = r->signalfd, .events = POLLIN };
	fds[POLL_MASTER] = (struct pollfd){ .fd = r->master,
					    .events = (short)(POLLIN | (in->len ? POLLOUT : 0)) };
	fds[POLL_STDIN] =
		(struct pollfd){ .fd = r->master >= 0 && !in->len && !in->eof ? STDIN_FILENO : -1,
				 .events = POLLIN };
}

static int loop(struct relay *r, const struct proc *p, bool reap_all, struct err *err)
{
	struct pollfd fds[POLL_COUNT];
	struct pending in = { .len = 0 };

	for (;;) {
		watch(r, p, &in, fds);
		if (poll(fds, POLL_COUNT, -1) < 0 && errno != EINTR)
			return err_sys(err, "wait for the container");
		if (fds[POLL_SIGNAL].revents)
			take_signals(r, p, reap_all);
		if (fds[POLL_MASTER].revents & POLLOUT)
			flush_input(r->master, &in);
		if (fds[POLL_STDIN].revents)
			pump_input(r->master, &in);
		if (fds[POLL_MASTER].revents & (POLLIN | POLLHUP | POLLERR) &&
		    !pump_output(r->master))
			fd_close(&r->master);
		if (fds[POLL_END].revents)
			break;
	}
	if (r->master >= 0)
		drain_output(r->master);
	return 0;
}

int relay_run(struct relay *r, const struct proc *p, bool reap_all, int *ret_code, struct err *err)
{
	struct tty_saved saved = { .active = false };

	if (r->master >= 0) {
		if (fcntl(r->master, F_SETFL, O_NONBLOCK) < 0)
			return err_sys(err, "prepare the container's terminal");
		tty_copy_size(STDIN_FILENO, r->master);
		if (isatty(STDIN_FILENO) && tty_set_raw(STDIN_FILENO, &saved, err) < 0)
			return -1;
	}
	int rc = loop(r, p, reap_all, err);
	tty_restore(&saved);
	if (rc < 0)
		return -1;
	int code = proc_reap(p);
	if (code < 0)
		return err_sys(err, "collect the container's exit status");
	*ret_code = code;
	return 0;
}
