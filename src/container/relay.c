/* SPDX-License-Identifier: Apache-2.0 */
#include "container/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "kernel/tty.h"

#define EOT "\004" /* what a terminal driver reads as end of file */

int relay_prepare(struct relay *r, struct err *err)
{
	/* Raised by our own faults: blocking them would only hide a bug. */
	static const int ours[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS };
	sigset_t all;

	*r = (struct relay){ .signalfd = -1, .master = -1, .ready = READY_INIT };
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
	ready_done(&r->ready);
	(void)sigprocmask(SIG_SETMASK, &r->old, NULL);
}

/* ---- terminal ----------------------------------------------------------------------------------
 */

/* What one side has sent and the other one not yet taken. Nothing here blocks, so whatever is
 * stuck, the other direction goes on and signals are heard. */
struct pending {
	char data[PIPE_BUF]; /* a pipe that poll(2) calls writable takes that much */
	size_t len;
};

struct pump {
	struct pending in, out;
	bool in_ended; /* the caller's stdin */
	bool in_line;  /* its last byte ended no line */
	bool ended;    /* the program; what it wrote is still to be shown */
	size_t drain;  /* how much of it at most */
	bool empty;    /* and there is no more of it */
};

/* More than a terminal holds (kernel: 12 KiB); background processes may write for ever. */
#define DRAIN_MAX ((size_t)64 * 1024)

static bool is_full(const struct pending *b)
{
	return b->len > 0;
}

static void read_stdin(struct pump *t)
{
	ssize_t n = RETRY(read(STDIN_FILENO, t->in.data, sizeof(t->in.data)));

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0) {
		t->in.len = (size_t)n;
		t->in_line = !memchr("\r\n" EOT, t->in.data[n - 1], 3);
		return;
	}
	/* In the middle of a line the first one only passes that on (termios(3)). */
	t->in_ended = true;
	memcpy(t->in.data, EOT EOT, 2);
	t->in.len = t->in_line ? 2 : 1;
}

/* Returns false when the other side of the terminal is closed. */
static bool read_master(int master, struct pump *t)
{
	ssize_t n = RETRY(read(master, t->out.data, sizeof(t->out.data)));

	if (n < 0 && errno == EAGAIN) {
		t->empty = t->ended;
		return true;
	}
	if (n <= 0)
		return false; /* EIO: no process has it open (pty(7)) */
	t->out.len = (size_t)n;
	if (t->ended)
		t->drain -= t->out.len < t->drain ? t->out.len : t->drain;
	return true;
}

/* Returns false when the receiver is gone. */
static bool flush(int fd, struct pending *b)
{
	ssize_t n = RETRY(write(fd, b->data, b->len));

	if (n < 0 && errno != EAGAIN) {
		b->len = 0;
		return false;
	}
	if (n > 0) {
		memmove(b->data, b->data + n, b->len - (size_t)n);
		b->len -= (size_t)n;
	}
	return true;
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

/* Returns whether one came that is meant for the program. */
static bool take_signals(struct relay *r, const struct proc *p, bool reap_all)
{
	struct signalfd_siginfo info;
	bool forwarded = false;

	while (RETRY(read(r->signalfd, &info, sizeof(info))) == sizeof(info)) {
		int sig = (int)info.ssi_signo;
		if (sig == SIGCHLD) {
			if (reap_all)
				reap_orphans(p);
		} else if (sig == SIGWINCH && r->master >= 0) {
			tty_copy_size(STDIN_FILENO, r->master);
		} else {
			forwarded = true;
			if (proc_signal(p, sig) < 0)
				log_debug("signal %d was not delivered: %s", sig, err_text(errno));
		}
	}
	return forwarded;
}

/* ---- the loop -----------------------------------------------------------------------------------
 */

enum {
	POLL_END,
	POLL_SIGNAL,
	POLL_MASTER,
	POLL_STDIN,
	POLL_STDOUT,
	POLL_READY,
	POLL_COUNT
};

/* A side that has hung up is always ready: it is watched only when something can be done about it.
 */
static void watch(const struct relay *r, const struct proc *p, const struct pump *t,
		  struct pollfd fds[POLL_COUNT])
{
	bool in = is_full(&t->in), out = is_full(&t->out);
	bool wants_input = r->master >= 0 && !in && !t->in_ended && !t->ended;

	fds[POLL_END] = (struct pollfd){ .fd = t->ended ? -1 : p->pidfd, .events = POLLIN };
	fds[POLL_SIGNAL] = (struct pollfd){ .fd = r->signalfd, .events = POLLIN };
	fds[POLL_MASTER] =
		(struct pollfd){ .fd = in || !out ? r->master : -1,
				 .events = (short)((out ? 0 : POLLIN) | (in ? POLLOUT : 0)) };
	fds[POLL_STDIN] =
		(struct pollfd){ .fd = wants_input ? STDIN_FILENO : -1, .events = POLLIN };
	fds[POLL_READY] = (struct pollfd){ .fd = r->ready.inside, .events = POLLIN };
	fds[POLL_STDOUT] = (struct pollfd){ .fd = out ? STDOUT_FILENO : -1, .events = POLLOUT };
}

static void pump(struct relay *r, struct pump *t, const struct pollfd fds[POLL_COUNT])
{
	const short gone = POLLHUP | POLLERR;

	if (fds[POLL_STDIN].revents)
		read_stdin(t);
	if (is_full(&t->in) && fds[POLL_MASTER].revents & (POLLOUT | gone))
		(void)flush(r->master, &t->in);
	/* A caller that reads no more has closed the window: the terminal hangs up. */
	if (is_full(&t->out)) {
		if (fds[POLL_STDOUT].revents && !flush(STDOUT_FILENO, &t->out))
			fd_close(&r->master);
	} else if (r->master >= 0 && (t->ended || fds[POLL_MASTER].revents & (POLLIN | gone)) &&
		   !read_master(r->master, t)) {
		fd_close(&r->master);
	}
}

/* After the program's end: whether all that it wrote has been passed on. Asked by reading, not by
 * poll(2): only a read brings along what is still on its way through the terminal's buffers. */
static bool is_drained(const struct relay *r, const struct pump *t)
{
	return !is_full(&t->out) && (r->master < 0 || t->empty || t->drain == 0);
}

static int loop(struct relay *r, const struct proc *p, bool reap_all, struct err *err)
{
	struct pollfd fds[POLL_COUNT];
	struct pump t = { .drain = DRAIN_MAX };

	for (;;) {
		watch(r, p, &t, fds);
		if (poll(fds, POLL_COUNT, t.ended && !is_full(&t.out) ? 0 : -1) < 0) {
			if (errno == EINTR)
				continue;
			return err_sys(err, "wait for the container");
		}
		pump(r, &t, fds);
		if (t.ended && is_drained(r, &t))
			return 0;
		/* With nobody to forward it to, a signal ends the wait for a reader that is stuck.
		 */
		if (fds[POLL_SIGNAL].revents && take_signals(r, p, reap_all) && t.ended)
			return 0;
		/* To the end, not only until it is ready: a full queue would hold the program up.
		 */
		if (fds[POLL_READY].revents)
			(void)ready_pass(&r->ready, getpid());
		if (fds[POLL_END].revents)
			t.ended = true;
	}
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
