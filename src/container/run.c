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

/* The readiness of the program is for the relay, which also hears signals meanwhile. */
static int start_foreground(int rootfd, const struct create_options *o, struct ready *ret_ready,
			    struct err *err)
{
	AUTO_OPENED opened = OPENED_INIT;

	return start_program(rootfd, o->id, o->notify_socket, &opened, ret_ready, err);
}

static int run_foreground(int rootfd, const struct create_options *o, struct relay *r,
			  const struct proc *p, int *ret_code, struct err *err)
{
	struct err deleted = ERR_INIT;

	if (start_foreground(rootfd, o, &r->ready, err) < 0 ||
	    relay_run(r, p, !o->no_subreaper, ret_code, err) < 0) {
		clean_up(rootfd, o->id, p);
		return -1;
	}
	/* The program's exit code is the answer, even if a hook or the cgroup makes trouble now. */
	if (!o->keep && container_delete(rootfd, o->id, true, &deleted) < 0)
		log_warn("delete '%s': %s, continuing", o->id, deleted.msg);
	return 0;
}

static int run_detached(int rootfd, const struct create_options *o, int *ret_code, struct err *err)
{
	struct creation c;

	if (create_begin(rootfd, o, true, &c, err) < 0)
		return -1;
	*ret_code = 0;
	int rc = container_start(rootfd, o->id, o->notify_socket, err);
	if (rc < 0)
		clean_up(rootfd, o->id, &c.proc);
	create_end(&c);
	return rc;
}

int container_run(int rootfd, const struct create_options *o, int *ret_code, struct err *err)
{
	struct relay r;
	struct creation c;

	if (o->detach)
		return run_detached(rootfd, o, ret_code, err);
	/* Orphans of a container without a pid namespace come to us, to be collected (runc does the
	 * same). */
	if (!o->no_subreaper && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return err_sys(err, "become the subreaper");
	if (relay_prepare(&r, err) < 0 || create_begin(rootfd, o, false, &c, err) < 0) {
		relay_done(&r);
		return -1;
	}
	AUTO_PROC p = c.proc;
	c.proc = (struct proc)PROC_INIT;
	r.master = fd_take(&c.master);
	if (r.master >= 0)
		tty_copy_size(STDIN_FILENO, r.master); /* before the program can ask for it */
	create_end(&c); /* the trees of the plan must not stay busy while the container runs */
	int rc = run_foreground(rootfd, o, &r, &p, ret_code, err);
	relay_done(&r);
	return rc;
}
