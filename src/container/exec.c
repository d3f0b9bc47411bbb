/* SPDX-License-Identifier: Apache-2.0 */
/* exec: a further process under the policy of the first one (I-20); exec-internal.h has the idea */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "caller-internal.h"
#include "container/notify.h"
#include "container/relay.h"
#include "container/spawn.h"
#include "container/status.h"
#include "container/sync.h"
#include "container/texts.h"
#include "exec-internal.h"
#include "kernel/limits.h"
#include "kernel/procfs.h"
#include "kernel/rdt.h"
#include "kernel/sched.h"
#include "kernel/tty.h"
#include "plan-internal.h"

/* Nothing here is made that outlives the processes, so undoing is ending them. */
struct execution {
	const struct exec_options *options; /* lent */
	struct opened opened;
	struct plan plan;
	struct cgroup_hierarchy hierarchy;
	struct cgroup own;    /* the container's */
	struct cgroup target; /* where the process is born: that one or one below it */
	struct proc helper;   /* our child, until it has cloned the process */
	struct proc proc;     /* the process, our child */
	int sync;             /* our end of the pair; owned */
	int master;           /* its terminal when nobody else takes it; owned */
	bool pid_file_written;
};

/* ---- may we? ----------------------------------------------------------------------------------
 */

static int check_status(const struct opened *o, struct err *err)
{
	switch (o->status) {
	case STATUS_CREATED:
	case STATUS_RUNNING:
	case STATUS_PAUSED: /* check_frozen() knows more */
		return 0;
	case STATUS_STOPPED:
		return err_set(err, ERR_STATE, "%s", TEXT_EXEC_STOPPED);
	case STATUS_CREATING:
		return err_set(err, ERR_STATE,
			       "cannot exec in a container that is being created or deleted");
	case STATUS_UNKNOWN:
		break;
	}
	return err_wrap(err, "damaged state (delete --force removes the container)");
}

/* Asked of the cgroup: one that was frozen after `create` counts as well, and so does one whose
 * parent is frozen. What is born in there waits until it is thawed. */
static int check_frozen(const struct execution *e, struct err *err)
{
	bool frozen = false;

	if (e->options->ignore_paused || e->target.fd < 0)
		return 0;
	if (cgroup_is_frozen(&e->target, &frozen, err) < 0)
		return -1;
	return frozen ? err_set(err, ERR_STATE, "%s", TEXT_EXEC_PAUSED) : 0;
}

/* A container without a cgroup runs in that of its creator (rootless hosts without delegation). */
static int find_cgroup(struct execution *e, struct err *err)
{
	const char *sub = e->options->cgroup ? e->options->cgroup : "/";
	int rc = opened_cgroup(&e->opened, &e->hierarchy, &e->own, err);

	if (rc < 0)
		return -1;
	if (rc == 0 && e->opened.record.cgroup)
		return err_set(err, ERR_STATE, "the container's cgroup '%s' is gone",
			       e->opened.record.cgroup);
	if (rc == 0)
		return e->options->cgroup
			       ? err_set(err, ERR_USAGE, "--cgroup: the container has no cgroup")
			       : 0;
	if (cgroup_open_sub(&e->own, sub, &e->target, err) < 0)
		return e->options->cgroup ? err_wrap(err, "--cgroup") : -1;
	return check_frozen(e, err);
}

/* ---- the clones -------------------------------------------------------------------------------
 */

/* C-PROC-17: before the cgroup is entered. It stays the runtime's own: what is born inherits it,
 * and gets another one in the cgroup. */
static int set_affinity(const struct execution *e, struct err *err)
{
	const struct oci_process *p = &e->plan.config->process;

	if (sched_affinity_initial(p, err) == 0)
		return 0;
	return config_wrap(e->plan.config, p->exec_cpu_at, err, "process.execCPUAffinity.initial");
}

static int spawn_helper(struct execution *e, struct init *in, struct err *err)
{
	struct cgroup leaf = CGROUP_INIT;

	if (exec_spawn_helper(in, e->target.fd, e->sync, &e->helper, err) == 0)
		return 0;
	/* Domain controllers are handed on, or the type is threaded: try where the first process
	 * is. Not instead of a cgroup that was asked for. */
	if (e->target.fd < 0 || e->options->cgroup || (err->sys != EBUSY && err->sys != EOPNOTSUPP))
		return -1;
	*err = (struct err)ERR_INIT;
	if (cgroup_open_leaf(&e->own, e->plan.procfd, e->opened.proc.pid, &leaf, err) < 0)
		return -1;
	cgroup_done(&e->target);
	e->target = leaf;
	if (check_frozen(e, err) < 0)
		return -1;
	return exec_spawn_helper(in, e->target.fd, e->sync, &e->helper, err);
}

static int spawn(struct execution *e, struct err *err)
{
	int pair[2];

	caller_wipe_environment();
	/* The helper is a copy of us, and may share the pid namespace with the container. Not as a
	 * user: the kernel would take our own files in /proc away. */
	if (procfs_is_initial_root(e->plan.procfd) && prctl(PR_SET_DUMPABLE, 0) < 0)
		return err_sys(err, "make the runtime undumpable");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "make a socket pair");
	e->sync = pair[0];
	AUTO_FD child_end = pair[1];
	struct init in = { .plan = &e->plan,
			   .sync = child_end,
			   .listener = -1,
			   .start = -1,
			   .root = ROOTFS_INIT,
			   .slave = -1,
			   .notify = NOTIFY_INIT,
			   .messenger = MESSENGER_INIT };
	if (set_affinity(e, err) < 0)
		return -1;
	return spawn_helper(e, &in, err);
}

static int join_rdt(const struct execution *e, struct err *err)
{
	AUTO_FD root = -1;

	if (!e->opened.record.rdt.clos)
		return 0;
	int rc = rdt_open(&root, err);
	if (rc == 0)
		return err_set(err, ERR_SYSTEM, "linux.intelRdt: resctrl is not mounted any more");
	if (rc < 0 || rdt_join(root, &e->opened.record.rdt, e->helper.pid, err) < 0)
		return err_wrap(err, "linux.intelRdt");
	return 0;
}

/* What only the parent may do; the process inherits it from the helper. */
static int equip(struct execution *e, struct err *err)
{
	const struct plan *p = &e->plan;

	if (limits_oom_score(p->procfd, e->helper.pid, p->config, err) < 0 ||
	    limits_raise(e->helper.pid, p->config, err) < 0 || join_rdt(e, err) < 0 ||
	    sync_send(e->sync, SYNC_GO, -1, err) < 0 ||
	    spawn_take_child(p, e->sync, &e->proc, err) < 0)
		return -1;
	(void)!proc_reap(&e->helper);
	proc_done(&e->helper);
	return sync_send(e->sync, SYNC_GO, -1, err);
}

/* ---- the process's messages -------------------------------------------------------------------
 */

/* Bit SYNC_x of what may come next. */
#define MAY(type) (1u << (type))

static int take_console(struct execution *e, int take_fd, struct err *err)
{
	if (caller_take_console(&e->plan, take_fd, &e->master, err) < 0)
		return -1;
	if (e->master >= 0)
		tty_copy_size(STDIN_FILENO, e->master); /* before the program asks */
	return 0;
}

/* Our right to it counts in the initial user namespace. */
static int set_priorities(const struct execution *e, struct err *err)
{
	if (init_set_priorities(e->plan.config, e->proc.pid, err) < 0)
		return -1;
	return sync_send(e->sync, SYNC_PRIORITIES_DONE, -1, err);
}

static int follow_setup(struct execution *e, struct err *err)
{
	const struct oci_config *c = e->plan.config;
	unsigned allowed = (c->process.terminal ? MAY(SYNC_CONSOLE) : 0) |
			   (init_has_priorities(c) ? MAY(SYNC_PRIORITIES) : 0);
	enum sync_type type;
	int fd;

	for (;;) {
		if (sync_recv(e->sync, &type, &fd, err) < 0)
			return -1;
		AUTO_FD master = fd;
		if (type == SYNC_FAILED)
			return -1;
		if (type == SYNC_READY)
			return 0;
		if (type == SYNC_EOF)
			return err_set(err, ERR_SYSTEM,
				       "the process in the container ended during set-up");
		if (!(allowed & MAY(type)))
			return err_set(err, ERR_BUG,
				       "message %d from the process's set-up came out of turn",
				       type);
		allowed &= ~MAY(type);
		if (type == SYNC_CONSOLE ? take_console(e, fd_take(&master), err) < 0
					 : set_priorities(e, err) < 0)
			return -1;
	}
}

/* A container that is being deleted: its first process has been killed. What was born since then
 * must not run on in it (fault matrix: never exec outside). */
static int check_alive(const struct execution *e, struct err *err)
{
	if (proc_wait_end(&e->opened.proc, 0) == 0)
		return 0;
	return err_set(err, ERR_STATE, "%s", TEXT_EXEC_STOPPED);
}

/* C-SEC-28: every process has its own listener, and the agent a connection for each. */
static int reach_agent(const struct execution *e, struct notify *ret, struct err *err)
{
	struct oci_state state;

	if (!e->plan.filter.notifies)
		return 0;
	status_fill(&e->opened.record, STATUS_RUNNING, e->opened.proc.pid, &state);
	return notify_connect(e->plan.config, e->opened.record.bundle, &state, e->proc.pid, ret,
			      err);
}

static int launch(struct execution *e, struct err *err)
{
	const char *pid_file = e->options->shared.pid_file;
	AUTO_NOTIFY agent = NOTIFY_INIT;

	if (reach_agent(e, &agent, err) < 0)
		return -1;
	if (check_alive(e, err) < 0 || caller_send_pidfd(&e->plan, &e->proc, err) < 0 ||
	    caller_write_pid_file(pid_file, e->proc.pid, err) < 0)
		return -1;
	e->pid_file_written = pid_file;
	if (sync_send(e->sync, SYNC_COMMIT, -1, err) < 0 || notify_send(e->sync, &agent, err) < 0)
		return -1;
	notify_done(&agent); /* the agent awaits the end of the file */
	return launch_await(e->sync, err);
}

/* ---- begin, end -------------------------------------------------------------------------------
 */

/* Returns the signal that had ended the process before we did, or 0. */
static int end_process(struct proc *p)
{
	if (p->pidfd < 0)
		return 0;
	bool ended = proc_wait_end(p, 0) == 1;
	(void)!proc_signal(p, SIGKILL);
	int code = proc_reap(p);
	proc_done(p);
	return ended && code > 128 ? code - 128 : 0;
}

/* Whatever the kernel said: clones into a pid namespace that has ended are "out of memory", and a
 * process that was killed on the way just ends. */
static void explain(const struct execution *e, int sig, struct err *err)
{
	if (err->kind != ERR_SYSTEM || e->opened.proc.pidfd < 0)
		return;
	int wait_ms = sig || err->sys == ENOMEM ? DEATH_WAIT_MS : 0;
	if (proc_wait_end(&e->opened.proc, wait_ms) != 0)
		err_set(err, ERR_STATE, "%s", TEXT_EXEC_STOPPED);
	else if (sig)
		err_set(err, ERR_SYSTEM, "the process was killed by signal %d (%s) during set-up%s",
			sig, err_text_signal(sig),
			sig == SIGKILL ? "; is the container's memory limit reached?" : "");
}

static void undo(struct execution *e, struct err *err)
{
	int sig = end_process(&e->helper);

	if (e->proc.pidfd >= 0)
		sig = end_process(&e->proc);
	/* conmon takes an existing pid file as success (engine-contracts 4). */
	if (e->pid_file_written)
		(void)unlink(e->options->shared.pid_file);
	explain(e, sig, err);
}

static void done(struct execution *e)
{
	fd_close(&e->sync);
	fd_close(&e->master);
	proc_done(&e->proc);
	cgroup_done(&e->target);
	cgroup_done(&e->own);
	cgroup_hierarchy_done(&e->hierarchy);
	plan_done(&e->plan);
	opened_done(&e->opened);
}

static int begin(struct execution *e, int rootfd, struct err *err)
{
	if (opened_begin(rootfd, e->options->shared.id, false, &e->opened, err) < 0)
		return -1;
	if (check_status(&e->opened, err) < 0 || find_cgroup(e, err) < 0 ||
	    exec_plan_build(e->options, &e->opened, &e->plan, err) < 0)
		return -1;
	if (spawn(e, err) == 0 && equip(e, err) == 0 && follow_setup(e, err) == 0 &&
	    launch(e, err) == 0)
		return 0;
	undo(e, err);
	return -1;
}

static int wait_foreground(struct relay *r, struct execution *e, int *ret_code, struct err *err)
{
	AUTO_PROC p = e->proc;

	e->proc = (struct proc)PROC_INIT;
	r->master = fd_take(&e->master);
	done(e); /* nothing of the container stays busy while the program runs */
	if (relay_run(r, &p, false, ret_code, err) == 0)
		return 0;
	(void)end_process(&p);
	return -1;
}

int container_exec(int rootfd, const struct exec_options *o, int *ret_code, struct err *err)
{
	struct relay r = { .signalfd = -1, .master = -1 };
	struct execution e = {
		.options = o,
		.opened = OPENED_INIT,
		.hierarchy = CGROUP_HIERARCHY_INIT,
		.own = CGROUP_INIT,
		.target = CGROUP_INIT,
		.helper = PROC_INIT,
		.proc = PROC_INIT,
		.sync = -1,
		.master = -1,
	};
	bool foreground = !o->shared.detach;

	*ret_code = 0;
	if (foreground && relay_prepare(&r, err) < 0)
		return -1;
	plan_init(&e.plan, &o->shared);
	int rc = begin(&e, rootfd, err);
	if (rc == 0 && foreground)
		rc = wait_foreground(&r, &e, ret_code, err);
	else
		done(&e);
	if (foreground)
		relay_done(&r);
	return rc;
}
