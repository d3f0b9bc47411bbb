/* SPDX-License-Identifier: Apache-2.0 */
#include "container/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/sys.h"

#define OUTPUT_MAX 1024 /* bytes of a hook's output that go into a message */

static const char *const point_names[HOOK_POINTS] = {
	[HOOK_PRESTART] = "prestart",
	[HOOK_CREATE_RUNTIME] = "createRuntime",
	[HOOK_CREATE_CONTAINER] = "createContainer",
	[HOOK_START_CONTAINER] = "startContainer",
	[HOOK_POSTSTART] = "poststart",
	[HOOK_POSTSTOP] = "poststop",
};

const char *hooks_name(enum oci_hook_point point)
{
	return point_names[point];
}

/* What a running hook printed: the last OUTPUT_MAX bytes are kept. */
struct output {
	char text[OUTPUT_MAX + 1];
	size_t len;
};

static void output_add(struct output *o, const char *data, size_t len)
{
	if (len > OUTPUT_MAX) {
		data += len - OUTPUT_MAX;
		len = OUTPUT_MAX;
	}
	if (o->len + len > OUTPUT_MAX) {
		size_t drop = o->len + len - OUTPUT_MAX;
		memmove(o->text, o->text + drop, o->len - drop);
		o->len -= drop;
	}
	memcpy(o->text + o->len, data, len);
	o->len += len;
	o->text[o->len] = '\0';
}

/* Reads what is there, without waiting. */
static void output_drain(struct output *o, int fd)
{
	char buf[4096];
	ssize_t n;

	while ((n = RETRY(read(fd, buf, sizeof(buf)))) > 0)
		output_add(o, buf, (size_t)n);
}

/* The new process: never returns. Its only way to complain is ERRFD. */
NORETURN static void hook_child(const struct oci_hook *h, int statefd, int outfd, int errfd,
				const struct hook_context *ctx)
{
	struct err err = ERR_INIT;
	static const char *const no_env[] = { NULL };
	const char *const *env = h->env.v ? h->env.v : ctx->env ? ctx->env : no_env;
	const char *const *argv = h->args.v;
	const char *self[] = { h->path, NULL };
	sigset_t none;

	/* A hook must not outlive a killed runtime (I-25). */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setpgid(0, 0);
	for (int sig = 1; sig <= 64; sig++)
		(void)sys_signal_default(sig);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);

	if (!argv || !argv[0])
		argv = self;
	bool ok = (ctx->cwdfd < 0 || fchdir(ctx->cwdfd) == 0) && dup2(statefd, 0) == 0 &&
		  dup2(outfd, 1) == 1 && dup2(outfd, 2) == 2 &&
		  sys_close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0 &&
		  (!ctx->filter || filter_load_unheard(ctx->filter, &err) == 0);
	if (ok)
		execve(h->path, (char *const *)(uintptr_t)argv,
		       (char *const *)(uintptr_t)env);
	int e = errno;
	ssize_t n = write(errfd, &e, sizeof(e));
	_exit(n == sizeof(e) ? 127 : 126);
}

static int state_file(const char *state, int *ret, struct err *err)
{
	AUTO_FD fd = memfd_create("state", MFD_CLOEXEC);

	if (fd < 0 || file_write_all(fd, state, strlen(state)) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "prepare the state document for a hook");
	*ret = fd_take(&fd);
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits for the hook itself, not for what it forked (R-HOOK-11). Returns 1, or 0 at the timeout. */
static int hook_wait(const struct proc *p, int outfd, int64_t timeout_s, struct output *o)
{
	const int64_t limit_s = INT_MAX / 1000;
	int64_t deadline = now_ms() + (timeout_s > limit_s ? limit_s : timeout_s) * 1000;
	struct pollfd fds[] = { { .fd = p->pidfd, .events = POLLIN },
				{ .fd = outfd, .events = POLLIN } };

	for (;;) {
		int64_t left = deadline - now_ms();
		if (timeout_s > 0 && left <= 0)
			return 0;
		int n = poll(fds, 2, timeout_s > 0 ? (int)left : -1);
		if (n < 0 && errno != EINTR)
			return 0;
		output_drain(o, outfd);
		if (fds[0].revents)
			return 1;
		if (fds[1].revents & (POLLHUP | POLLERR))
			fds[1].fd = -1;
	}
}

static int hook_result(const struct oci_hook *h, int code, int exec_errno, const struct output *o,
		       struct err *err)
{
	const char *sep = o->len ? ", it printed: " : "";

	if (exec_errno)
		return err_set(err, ERR_HOOK, "exec '%s': %s", h->path, err_text(exec_errno));
	if (code > 128)
		return err_set(err, ERR_HOOK, "'%s' was ended by signal %d (%s)%s%s", h->path,
			       code - 128, err_text_signal(code - 128), sep, o->text);
	if (code != 0)
		return err_set(err, ERR_HOOK, "'%s' ended with exit status %d%s%s", h->path, code,
			       sep, o->text);
	return 0;
}

/* Pipes of one hook; [0] is ours. */
struct hook_pipes {
	int out[2], exec[2];
};

static int hook_clone(const struct oci_hook *h, int statefd, const struct hook_pipes *pipes,
		      const struct hook_context *ctx, struct proc *ret, struct err *err)
{
	struct clone_args args = { .flags = CLONE_PIDFD,
				   .pidfd = (uint64_t)(uintptr_t)&ret->pidfd,
				   .exit_signal = SIGCHLD };

	ret->pid = sys_clone3(&args);
	if (ret->pid == 0)
		hook_child(h, statefd, pipes->out[1], pipes->exec[1], ctx);
	if (ret->pid < 0)
		return err_sys(err, "start '%s'", h->path);
	(void)setpgid(ret->pid,
		      ret->pid); /* whoever comes first, so that the timeout finds a group */
	return 0;
}

static int hook_run_piped(const struct oci_hook *h, int statefd, struct hook_pipes *pipes,
			  const struct hook_context *ctx, struct err *err)
{
	AUTO_PROC p = PROC_INIT;
	struct output o = { .len = 0 };
	int exec_errno = 0;

	if (hook_clone(h, statefd, pipes, ctx, &p, err) < 0)
		return -1;
	fd_close(&pipes->out[1]);
	fd_close(&pipes->exec[1]);
	/* End of file: execve closed the pipe. */
	if (RETRY(read(pipes->exec[0], &exec_errno, sizeof(exec_errno))) != sizeof(exec_errno))
		exec_errno = 0;

	int ended = hook_wait(&p, pipes->out[0], h->timeout_s,
			      &o); /* lint: a group has no pidfd; its leader is not reaped yet, so
				      the number is still its own */
	if (!ended)
		(void)kill(-p.pid, SIGKILL); /* lint: see above */
	int code = proc_reap(&p);
	if (!ended)
		return err_set(err, ERR_HOOK, "'%s' did not end within its timeout of %lld s",
			       h->path, (long long)h->timeout_s);
	output_drain(&o, pipes->out[0]);
	if (code < 0)
		return err_sys(err, "wait for '%s'", h->path);
	return hook_result(h, code, exec_errno, &o, err);
}

static int hook_run(const struct oci_hook *h, const struct hook_context *ctx, struct err *err)
{
	struct hook_pipes pipes = { .out = { -1, -1 }, .exec = { -1, -1 } };
	AUTO_FD statefd = -1;
	int rc = -1;

	if (state_file(ctx->state, &statefd, err) < 0)
		return -1;
	if (pipe2(pipes.out, O_CLOEXEC) < 0 || pipe2(pipes.exec, O_CLOEXEC) < 0 ||
	    fcntl(pipes.out[0], F_SETFL, O_NONBLOCK) < 0)
		err_sys(err, "make a pipe for '%s'", h->path);
	else
		rc = hook_run_piped(h, statefd, &pipes, ctx, err);
	for (int i = 0; i < 2; i++) {
		fd_close(&pipes.out[i]);
		fd_close(&pipes.exec[i]);
	}
	return rc;
}

int hooks_run(const struct oci_config *c, enum oci_hook_point point, const struct hook_context *ctx,
	      struct err *err)
{
	const struct oci_hooks *hooks = &c->hooks[point];

	for (size_t i = 0; i < hooks->n; i++) {
		log_debug("running %s hook #%zu '%s'", hooks_name(point), i, hooks->v[i].path);
		if (hook_run(&hooks->v[i], ctx, err) < 0)
			return err_wrap(err, "error running %s hook #%zu", hooks_name(point), i);
	}
	return 0;
}

void hooks_run_all(const struct oci_config *c, enum oci_hook_point point,
		   const struct hook_context *ctx)
{
	const struct oci_hooks *hooks = &c->hooks[point];

	for (size_t i = 0; i < hooks->n; i++) {
		struct err err = ERR_INIT;
		if (hook_run(&hooks->v[i], ctx, &err) < 0)
			log_warn("error running %s hook #%zu: %s, continuing", hooks_name(point), i,
				 err.msg);
	}
}
