/* SPDX-License-Identifier: Apache-2.0 */
/* run: create, start, wait and delete by the functions of those verbs; no second code path */
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "container/container.h"
#include "container/relay.h"
#include "create-internal.h"
#include "kernel/tty.h"
#include "verbs-internal.h"

/* Whatever happened, the process is our child: end it, collect it, delete what is left. */
static void clean_up(int rootfd, const char *id, const struct proc *p)
{
	struct err err = ERR_INIT;

	(void)!proc_signal(p, SIGKILL);
	(void)!proc_reap(p);
	if (container_delete(rootfd, id, true, &err) < 0)
		log_warn("delete '%s': %s, continuing", id, err.msg);
}

/* Nobody else has had the lock since the container was made, so nothing is looked up again. */
static int start(const struct creation *c, struct ready *ret_ready, struct err *err)
{
	struct opened o = { .store = c->store,
			    .has_record = true,
			    .record = c->record,
			    .status = STATUS_CREATED,
			    .proc = c->proc }; /* all of it lent */

	return start_opened(&o, c->plan.options->notify_socket, ret_ready, err);
}

static int wait_and_delete(int rootfd, const struct create_options *o, struct relay *r,
			   const struct proc *p, int *ret_code, struct err *err)
{
	struct err deleted = ERR_INIT;

	if (relay_run(r, p, !o->no_subreaper, ret_code, err) < 0) {
		clean_up(rootfd, o->id, p);
		return -1;
	}
	/* The program's exit code is the answer, even if a hook or the cgroup makes trouble now. */
	if (!o->keep && container_delete(rootfd, o->id, true, &deleted) < 0)
		log_warn("delete '%s': %s, continuing", o->id, deleted.msg);
	return 0;
}

/* create and start. */
static int launch(int rootfd, const struct create_options *o, void *arg UNUSED,
		  struct proc *ret_proc, int *ret_master, struct ready *ret_ready, struct err *err)
{
	struct creation c;

	if (create_begin(rootfd, o, o->detach, &c, err) < 0)
		return -1;
	if (c.master >= 0)
		tty_copy_size(STDIN_FILENO, c.master); /* before the program can ask for it */
	int rc = start(&c, ret_ready, err);
	*ret_proc = c.proc;
	c.proc = (struct proc)PROC_INIT;
	*ret_master = fd_take(&c.master);
	create_end(&c); /* the trees of the plan must not stay busy while the container runs */
	if (rc < 0)
		clean_up(rootfd, o->id, ret_proc);
	return rc;
}

static int run_detached(int rootfd, const struct create_options *o, run_launch_fn *fn, void *arg,
			struct err *err)
{
	AUTO_READY ready = READY_INIT;
	AUTO_PROC p = PROC_INIT;
	AUTO_FD master = -1; /* there is none: it went to the console socket */

	if (fn(rootfd, o, arg, &p, &master, &ready, err) < 0)
		return -1;
	if (ready_wait(&ready, &p, err) == 0)
		return 0;
	clean_up(rootfd, o->id, &p);
	return -1;
}

int run_launched(int rootfd, const struct create_options *o, run_launch_fn *fn, void *arg,
		 int *ret_code, struct err *err)
{
	AUTO_PROC p = PROC_INIT;
	struct relay r;

	*ret_code = 0;
	if (o->detach)
		return run_detached(rootfd, o, fn, arg, err);
	/* Orphans of a container without a pid namespace come to us, to be collected (runc does the
	 * same). */
	if (!o->no_subreaper && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return err_sys(err, "become the subreaper");
	int rc = relay_prepare(&r, err);
	/* The readiness of the program is for the relay, which also hears signals meanwhile. */
	if (rc == 0)
		rc = fn(rootfd, o, arg, &p, &r.master, &r.ready, err);
	if (rc == 0)
		rc = wait_and_delete(rootfd, o, &r, &p, ret_code, err);
	relay_done(&r);
	return rc;
}

int container_run(int rootfd, const struct create_options *o, int *ret_code, struct err *err)
{
	return run_launched(rootfd, o, launch, NULL, ret_code, err);
}
