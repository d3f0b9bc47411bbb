/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of exec: from the host into the container, in the place of the setup steps */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "container/sync.h"
#include "init-internal.h"
#include "kernel/sched.h"
#include "kernel/tty.h"

/* ---- in the helper, outside of the container's pid namespace ---------------------------------
 */

int step_close_host(struct init *in, struct err *err)
{
	const struct plan_target *t = &in->plan->target;
	int keep[] = { in->sync, log_fd(), t->pidfd, t->root };

	return init_close_all_but(in->plan, keep, ARRAY_LEN(keep), err);
}

/* With the pidfd the kernel takes the user namespace first and checks the others against what we
 * are there. The mount namespace brings its root as our root and working directory; the pid
 * namespace is for the next child. */
int step_join(struct init *in, struct err *err)
{
	const struct plan_target *t = &in->plan->target;

	if (setns(t->pidfd, t->ns_flags) == 0)
		return 0;
	if (errno == ESRCH)
		return err_set(err, ERR_STATE, "the container's first process has ended");
	return err_sys(err, "join the namespaces of the container");
}

int step_enter_root(struct init *in, struct err *err)
{
	if (fchdir(in->plan->target.root) < 0 || chroot(".") < 0)
		return err_sys(err, "enter the container's root directory");
	return 0;
}

/* Last: the process that is born next has nothing but its socket, and stands in the root. */
int step_leave_host(struct init *in, struct err *err)
{
	int keep[] = { in->sync, log_fd() };

	if (chdir("/") < 0)
		return err_sys(err, "enter the container's root directory");
	return init_close_all_but(in->plan, keep, ARRAY_LEN(keep), err);
}

/* ---- in the container's process ---------------------------------------------------------------
 */

int step_open_root(struct init *in, struct err *err)
{
	in->root.fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (in->root.fd < 0)
		return err_sys(err, "open the container's root directory");
	return 0;
}

/* C-PROC-17: in the cgroup, whose cpuset has the last word. */
int step_exec_affinity(struct init *in, struct err *err)
{
	const struct oci_process *p = &in->plan->config->process;

	if (sched_affinity_final(p, err) == 0)
		return 0;
	return config_wrap(in->plan->config, p->exec_cpu_at, err,
			   "process.execCPUAffinity.final");
}

/* No /dev/console: that is the first process's (engine-contracts 4). */
int step_exec_console(struct init *in, struct err *err)
{
	const struct oci_process *process = &in->plan->config->process;
	AUTO_FD master = -1;
	AUTO_FD slave = -1;

	if (tty_open_pair(in->root.fd, process->console_height, process->console_width, &master,
			  &slave, err) < 0 ||
	    sync_send(in->sync, SYNC_CONSOLE, master, err) < 0)
		return -1;
	return tty_make_controlling(slave, process->user.uid, err);
}
