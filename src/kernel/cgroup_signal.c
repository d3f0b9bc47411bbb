/* SPDX-License-Identifier: Apache-2.0 */
/* Who is in a cgroup and all below it, and signals to them. */
#include "kernel/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "kernel/cgroup-internal.h"

/* cgroup.procs of one directory: a million processes of eight bytes each. */
#define PROCS_MAX ((size_t)8 << 20)

/* The walk holds descriptors for each level, and a container can nest cgroups as it likes. */
#define DEPTH_MAX 128

/* Processes that are held by pidfd at a time. */
#define BATCH 64

struct pids {
	struct arena *a;
	pid_t *v;
	size_t n, room;
};

static int push(struct pids *l, pid_t pid, struct err *err)
{
	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 64;
		pid_t *more = ARENA_NEW(l->a, pid_t, room);

		if (!more)
			return err_oom(err);
		if (l->n > 0)
			memcpy(more, l->v, l->n * sizeof(*more));
		l->v = more;
		l->room = room;
	}
	l->v[l->n++] = pid;

	return 0;
}

/* The processes of one directory. One that was removed meanwhile, or that is for threads (whose
 * processes its domain lists), has none. */
static int add_procs(struct pids *l, int fd, struct err *err)
{
	AUTO_ARENA scratch = ARENA_INIT;
	char *text;
	size_t len;

	if (file_read_at(fd, "cgroup.procs", PROCS_MAX, &scratch, &text, &len, err) < 0)
		return cgroup_is_gone(err->sys) || err->sys == EOPNOTSUPP ? 0 : -1;

	for (char *line = text; *line;) {
		size_t n = strcspn(line, "\n");
		bool more = line[n] == '\n';
		uint32_t pid;

		line[n] = '\0';
		if (parse_u32(line, &pid) < 0 || pid > INT32_MAX)
			return err_set(err, ERR_SYSTEM, "'cgroup.procs' has a line '%s'", line);
		/* 0: in a pid namespace that we do not see. */
		if (pid > 0 && push(l, (pid_t)pid, err) < 0)
			return -1;
		line += n + more;
	}

	return 0;
}

static int add_tree(struct pids *l, int fd, unsigned depth, struct err *err)
{
	if (depth > DEPTH_MAX)
		return err_set(err, ERR_SYSTEM, "cgroups are nested more than %d deep", DEPTH_MAX);
	if (add_procs(l, fd, err) < 0)
		return -1;

	AUTO_DIR dir = cgroup_dir_stream(fd);
	if (!dir)
		return cgroup_is_gone(errno) ? 0 : err_sys(err, "read a cgroup");

	for (const char *name; (name = cgroup_dir_next(dir));) {
		AUTO_FD sub = cgroup_dir_open(fd, name);

		if (sub < 0 && !cgroup_is_gone(errno))
			return err_sys(err, "open cgroup '%s'", name);
		if (sub >= 0 && add_tree(l, sub, depth + 1, err) < 0)
			return -1;
	}
	if (errno != 0 && !cgroup_is_gone(errno))
		return err_sys(err, "read a cgroup");

	return 0;
}

int cgroup_pids(const struct cgroup *cg, struct arena *a, pid_t **ret, size_t *ret_n,
		struct err *err)
{
	struct pids l = { .a = a, .v = NULL };

	if (cg->fd >= 0 && add_tree(&l, cg->fd, 0, err) < 0)
		return err_wrap(err, "list the processes of cgroup '%s'", cg->path);

	*ret = l.v;
	*ret_n = l.n;
	return 0;
}

static bool is_listed(const pid_t *pids, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++) {
		if (pids[i] == pid)
			return true;
	}

	return false;
}

/* Signals the processes PIDS[N], N <= BATCH. A pidfd pins whatever process has the number now.
 * If the number is in the cgroup even after that, the process is, or it has ended and the signal
 * goes nowhere: in no case does it reach a stranger that got a number of ours (S-78). */
static int signal_batch(const struct cgroup *cg, const pid_t *pids, size_t n, int sig,
			struct err *err)
{
	AUTO_ARENA scratch = ARENA_INIT;
	int fds[BATCH];
	pid_t *now = NULL;
	size_t n_now = 0;
	int rc;

	for (size_t i = 0; i < n; i++)
		fds[i] = sys_pidfd_open(pids[i], 0); /* -1: it has ended */

	rc = cgroup_pids(cg, &scratch, &now, &n_now, err);
	for (size_t i = 0; i < n; i++) {
		if (rc == 0 && fds[i] >= 0 && is_listed(now, n_now, pids[i]) &&
		    sys_pidfd_send_signal(fds[i], sig) < 0 && errno != ESRCH)
			rc = err_sys(err, "send signal %d to process %d", sig, pids[i]);
		fd_close(&fds[i]);
	}

	return rc;
}

static int signal_each(const struct cgroup *cg, int sig, size_t *ret_n, struct err *err)
{
	AUTO_ARENA scratch = ARENA_INIT;
	pid_t *pids = NULL;
	size_t n = 0;

	if (cgroup_pids(cg, &scratch, &pids, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i += BATCH) {
		if (signal_batch(cg, pids + i, n - i < BATCH ? n - i : BATCH, sig, err) < 0)
			return -1;
	}

	*ret_n = n;
	return 0;
}

/* What is frozen cannot fork, and SIGKILL works on it all the same (cgroup-v2.rst). */
int cgroup_kill_each(const struct cgroup *cg, struct err *err)
{
	struct err ignored = ERR_INIT;
	size_t n = 0;

	if (file_write_at(cg->fd, "cgroup.freeze", "1", &ignored) < 0)
		log_debug("cgroup '%s' is killed without freezing it: %s", cg->path, ignored.msg);

	int rc = signal_each(cg, SIGKILL, &n, err);

	/* A pre-existing cgroup must not stay frozen; one of ours goes away. */
	if (file_write_at(cg->fd, "cgroup.freeze", "0", &ignored) < 0)
		log_debug("cgroup '%s': %s", cg->path, ignored.msg);

	return rc;
}

int cgroup_kill(const struct cgroup *cg, struct err *err)
{
	if (file_write_at(cg->fd, "cgroup.kill", "1", err) == 0)
		return 0;
	if (!cgroup_is_gone(err->sys))
		return err_wrap(err, "kill cgroup '%s'", cg->path);

	/* A removed cgroup, or a kernel before 5.14. */
	if (faccessat(cg->fd, "cgroup.procs", F_OK, 0) < 0)
		return 0;

	return cgroup_kill_each(cg, err);
}

int cgroup_signal(const struct cgroup *cg, int sig, struct err *err)
{
	size_t n;

	if (cg->fd < 0)
		return 0;
	if (sig == SIGKILL)
		return cgroup_kill(cg, err);

	return signal_each(cg, sig, &n, err);
}
