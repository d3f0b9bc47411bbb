/* SPDX-License-Identifier: Apache-2.0 */
/* Theory of operation: exec-internal.h */
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"
#include "container/sync.h"
#include "exec-internal.h"

NORETURN static void give_up(const struct init *in, const struct err *err)
{
	sync_send_failure(in->sync, err);
	_exit(1);
}

NORETURN static void helper_main(struct init *in)
{
	struct err err = ERR_INIT;
	AUTO_FD pidfd = -1;
	struct clone_args args = { .flags = CLONE_PARENT | CLONE_PIDFD,
				   .pidfd = (uint64_t)(uintptr_t)&pidfd };

	/* Both are for this process. The container's one gets its own death signal, from the
	 * runtime, and stays undumpable by inheritance. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0) {
		(void)err_sys(&err, "protect the process that joins the container");
		give_up(in, &err);
	}
	if (sync_expect(in->sync, SYNC_GO, &err) < 0 || init_join(in, &err) < 0)
		give_up(in, &err);
	pid_t pid = sys_clone3(&args);
	if (pid == 0)
		_exit(init_exec_main(in));
	if (pid < 0) {
		(void)err_sys(&err, "create the process in the container");
		give_up(in, &err);
	}
	if (sync_send(in->sync, SYNC_CHILD, pidfd, &err) < 0)
		_exit(1);
	_exit(0);
}

int exec_spawn_helper(struct init *in, int cgroupfd, int sync_parent, struct proc *ret,
		      struct err *err)
{
	struct proc child = PROC_INIT;
	struct clone_args args = { .flags = CLONE_PIDFD,
				   .pidfd = (uint64_t)(uintptr_t)&child.pidfd,
				   .exit_signal = SIGCHLD };

	if (cgroupfd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (unsigned)cgroupfd;
	}
	child.pid = sys_clone3(&args);
	if (child.pid == 0) {
		fd_close(&sync_parent); /* else our own copy would hide the runtime's death */
		helper_main(in);
	}
	if (child.pid < 0)
		return err_sys(err, "create the process that joins the container");
	*ret = child;
	return 0;
}
