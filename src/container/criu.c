/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sys.h"
#include "container/sync.h"
#include "criu-internal.h"
#include "kernel/procfs.h"

/* criu runs tar for the content of a tmpfs, ip and iptables for networks. */
static const char *const environment[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL
};

/* ---- a process of ours -------------------------------------------------------------------------
 */

static void reset_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig <= 64; sig++)
		(void)sys_signal_default(sig);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

#define HIGH_FD 64 /* above all that criu gets */

/* Runs FN(ARG) in a child, which either replaces itself, so that SOCK closes, or fails and says so.
 */
static int spawn_apart(unsigned long flags, int cgroupfd, int (*fn)(void *arg, struct err *err),
		       void *arg, struct proc *ret, struct err *err)
{
	struct clone_args args = { .flags = flags | CLONE_PIDFD,
				   .pidfd = (uint64_t)(uintptr_t)&ret->pidfd,
				   .exit_signal = SIGCHLD };
	enum sync_type type = SYNC_EOF;
	int pair[2];

	if (cgroupfd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (unsigned)cgroupfd;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "make a socket pair");
	AUTO_FD ours = pair[0];
	/* Out of the way of the numbers that the child needs. */
	AUTO_FD theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, 2 * HIGH_FD);
	fd_close(&pair[1]);
	if (theirs < 0)
		return err_sys(err, "make a socket pair");
	ret->pid = sys_clone3(&args);
	if (ret->pid == 0) {
		struct err why = ERR_INIT;
		fd_close(&ours);
		reset_signals();
		if (fn(arg, &why) == 0)
			_exit(0);
		sync_send_failure(theirs, &why);
		_exit(1);
	}
	if (ret->pid < 0)
		return err_sys(err, "create a process");
	fd_close(&theirs);
	if (sync_recv(ours, &type, NULL, err) < 0 || type != SYNC_EOF) {
		(void)!proc_signal(ret, SIGKILL);
		(void)!proc_reap(ret);
		proc_done(ret);
		return -1;
	}
	return 0;
}

int criu_run_apart(unsigned long flags, int (*fn)(void *arg, struct err *err), void *arg,
		   struct err *err)
{
	AUTO_PROC p = PROC_INIT;

	if (spawn_apart(flags, -1, fn, arg, &p, err) < 0)
		return -1;
	int code = proc_reap(&p);
	return code ? err_set(err, ERR_SYSTEM, "a process ended with code %d", code) : 0;
}

/* ---- the program -------------------------------------------------------------------------------
 */

struct body {
	const struct criu_start *start;
	int sock, null;
};

/* First all away from where they are to be, then there: the numbers may overlap. */
static int place_fds(const struct body *b, struct err *err)
{
	const struct criu_start *s = b->start;
	int high[CRIU_FDS_MAX + 1];

	for (size_t i = 0; i <= s->n_fds; i++) {
		high[i] = fcntl(i ? s->fds[i - 1] : b->sock, F_DUPFD_CLOEXEC, HIGH_FD);
		if (high[i] < 0)
			return err_sys(err, "hand a descriptor to criu");
	}
	for (int fd = 0; s->quiet && fd <= 2; fd++) {
		if (dup2(b->null, fd) < 0) /* lint: 0-2 are criu's */
			return err_sys(err, "open '/dev/null' for criu");
	}
	if (sys_close_range(CRIU_SOCKET, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return err_sys(err, "mark descriptors close-on-exec");
	for (size_t i = 0; i <= s->n_fds; i++) {
		if (dup2(high[i], CRIU_SOCKET + (int)i) < 0) /* lint: these are criu's */
			return err_sys(err, "hand a descriptor to criu");
	}
	return 0;
}

static int become_criu(void *arg, struct err *err)
{
	const struct body *b = arg;
	const struct criu_start *s = b->start;
	static const char *const argv[] = { "criu", "swrk", "3", NULL };

	if (s->dies_with_us)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	else
		(void)setpgid(0, 0); /* ^C for us must not stop it halfway */
	if (s->prepare && s->prepare(s->arg, err) < 0)
		return -1;
	if (place_fds(b, err) < 0)
		return -1;
	execve(s->program, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)environment);
	return err_sys(err, "run '%s'", s->program);
}

int criu_spawn(const struct criu_start *s, struct criu *ret, struct err *err)
{
	int pair[2];
	AUTO_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);

	ASSERT(s->n_fds <= CRIU_FDS_MAX);
	if (null < 0)
		return err_sys(err, "open '/dev/null'");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "make a socket pair");
	AUTO_FD ours = pair[0];
	AUTO_FD theirs = pair[1];
	struct body b = { .start = s, .sock = theirs, .null = null };
	if (spawn_apart(s->flags, s->cgroupfd, become_criu, &b, &ret->proc, err) < 0)
		return -1;
	ret->sock = fd_take(&ours);
	return 0;
}

void criu_done(struct criu *c)
{
	fd_close(&c->sock);
	if (c->proc.pidfd < 0)
		return;
	(void)!proc_signal(&c->proc, SIGKILL);
	(void)!proc_reap(&c->proc);
	proc_done(&c->proc);
}

/* ---- the conversation --------------------------------------------------------------------------
 */

#define REPLY_MAX 65536

static int send_message(struct criu *c, const struct str *message, struct err *err)
{
	if (fd_send(c->sock, message->s, message->len, NULL, 0) < 0)
		return err_sys(err, "talk to criu");
	return 0;
}

/* After criu has failed to restore it may wait for ever for the end of a process that has ended:
 * ours to collect. */
#define PATIENCE_MS 3000

static int wait_for_word(struct criu *c, struct err *err)
{
	struct pollfd fds[] = { { .fd = c->sock, .events = POLLIN },
				{ .fd = c->watch, .events = POLLIN } };

	while (fds[0].revents == 0) {
		bool ended = fds[1].revents;
		int n = poll(fds, ended ? 1 : 2, ended ? PATIENCE_MS : -1);
		if (n < 0 && errno != EINTR)
			return err_sys(err, "wait for criu");
		if (n == 0)
			return err_set(err, ERR_SYSTEM,
				       "the restored process ended before criu was done");
	}
	return 0;
}

/* *ret_fd is owned by the caller. */
static int receive(struct criu *c, struct criu_reply *ret, int *ret_fd, struct err *err)
{
	static char buf[REPLY_MAX];
	AUTO_FD fd = -1;
	size_t n_fds = 0;

	if (wait_for_word(c, err) < 0)
		return -1;
	ssize_t n = fd_recv(c->sock, buf, sizeof(buf), &fd, 1, &n_fds);
	if (n < 0)
		return err_sys(err, "listen to criu");
	if (n == 0)
		return err_set(err, ERR_SYSTEM, "criu ended without an answer");
	if (criu_reply_parse(buf, (size_t)n, ret, err) < 0)
		return -1;
	*ret_fd = fd_take(&fd);
	return 0;
}

static int notify(struct criu *c, const struct criu_reply *reply, int fd, criu_notify_fn *fn,
		  void *arg, struct err *cause, struct err *err)
{
	AUTO_STR answer = STR_INIT;

	log_debug("criu: %s, process %d", reply->script, reply->pid);
	/* After a failure criu only tells how it cleans up. */
	bool ok = cause->kind == ERR_NONE && fn(arg, reply->script, reply->pid, fd, cause) == 0;
	if (criu_answer_message(ok, &answer, err) < 0)
		return -1;
	return send_message(c, &answer, err);
}

int criu_converse(struct criu *c, const struct criu_request *r, criu_notify_fn *fn, void *arg,
		  struct err *err)
{
	AUTO_STR message = STR_INIT;
	struct err cause = ERR_INIT; /* of a failed notification */
	struct criu_reply reply;
	int rc;

	if (criu_request_message(r, &message, err) < 0 || send_message(c, &message, err) < 0)
		return -1;
	for (;;) {
		AUTO_FD fd = -1;
		rc = receive(c, &reply, &fd, err);
		if (rc < 0 || reply.type != CRIU_NOTIFY)
			break;
		rc = notify(c, &reply, fd, fn, arg, &cause, err);
		if (rc < 0)
			break;
	}
	if (cause.kind != ERR_NONE) {
		*err = cause;
		return -1;
	}
	if (rc < 0)
		return -1;
	if (!reply.success)
		return err_set(err, ERR_SYSTEM, "criu failed%s%s", reply.error[0] ? ": " : "",
			       reply.error);
	return reply.pid > 0 ? fn(arg, "", reply.pid, -1, err) : 0;
}

/* ---- its log -----------------------------------------------------------------------------------
 */

#define LOG_TAIL 65536

/* Lines that follow every failure and tell nothing of it. */
static bool tells_nothing(const char *line)
{
	static const char *const words[] = { "FAILED", "exited, status=", "killed by signal" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strstr(line, words[i]))
			return true;
	}
	return false;
}

/* "(00.012345)     12: Error (criu/mount.c:123): mnt: no mapping" */
const char *criu_find_error(char *text)
{
	static const char mark[] = "Error (";
	const char *found = NULL;
	char *next;

	for (char *line = text; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		const char *error = strstr(line, mark);
		if (error && !(found && tells_nothing(error)))
			found = error + sizeof(mark) - 1;
	}
	return found;
}

void criu_last_words(int fd, struct str *out)
{
	AUTO_ARENA a = ARENA_INIT;
	struct stat st;
	char *text = ARENA_NEW(&a, char, LOG_TAIL + 1);

	if (!text || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	off_t from = st.st_size > LOG_TAIL ? st.st_size - LOG_TAIL : 0;
	ssize_t n = RETRY(pread(fd, text, LOG_TAIL, from));
	if (n <= 0)
		return;
	text[n] = '\0';
	const char *found = criu_find_error(text);
	if (!found)
		return;
	/* "criu/mount.c:123): mnt: …": where in the source helps nobody but its authors. */
	const char *words = strstr(found, "): ");
	str_add(out, words ? words + strlen("): ") : found);
}

/* ---- does it work here? ------------------------------------------------------------------------
 */

/* It takes a tenth of a second; engines wait for `--help` without a limit. */
#define CHECK_WAIT_MS 10000

struct check {
	const char *program;
	int out;
};

static int become_check(void *arg, struct err *err)
{
	const struct check *c = arg;
	static const char *const argv[] = { "criu", "check", NULL };

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int fd = 0; fd <= 2; fd++) {
		if (dup2(c->out, fd) < 0) /* lint: 0-2 are criu's */
			return err_sys(err, "give criu an output");
	}
	if (sys_close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return err_sys(err, "mark descriptors close-on-exec");
	execve(c->program, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)environment);
	return err_sys(err, "run '%s'", c->program);
}

int container_check_criu(const char *criu, struct err *err)
{
	AUTO_FD procfd = -1;
	AUTO_PROC p = PROC_INIT;
	AUTO_STR words = STR_INIT;
	struct check c = { .program = criu };

	if (!criu)
		return err_set(err, ERR_SYSTEM, "criu is not installed");
	if (procfs_open(&procfd, err) < 0)
		return -1;
	if (!procfs_is_initial_root(procfd))
		return err_set(err, ERR_SYSTEM, "criu needs root of the host");
	AUTO_FD out = memfd_create("criu-check", MFD_CLOEXEC);
	if (out < 0)
		return err_sys(err, "make a memory file");
	c.out = out;
	if (spawn_apart(0, -1, become_check, &c, &p, err) < 0)
		return -1;
	bool ended = proc_wait_end(&p, CHECK_WAIT_MS) == 1;
	if (!ended)
		(void)!proc_signal(&p, SIGKILL);
	int code = proc_reap(&p);
	if (!ended)
		return err_set(err, ERR_SYSTEM, "'%s check' did not end within %d s", criu,
			       CHECK_WAIT_MS / 1000);
	if (code == 0)
		return 0;
	criu_last_words(out, &words);
	return err_set(err, ERR_SYSTEM, "criu does not work on this machine: '%s check' says: %s",
		       criu, words.len ? words.s : "nothing");
}
