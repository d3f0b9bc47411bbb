/* SPDX-License-Identifier: Apache-2.0 */
/* exec-internal.h - exec, by file
 *
 * exec.c          the verb: status, cgroup, the messages of the two processes, results
 * exec_process.c  the process object (container/exec.h)
 * plan_exec.c     the plan
 * exec_spawn.c    the two clones
 * init_join.c     the steps that are exec's alone
 *
 * Two processes, so that nothing of the host can be seen in the container at any moment: a process
 * enters a pid namespace only by being born into it, visible to all that is in there at once
 * (CVE-2016-9962). So the first one, the helper, stays outside of the pid namespace. It is born in
 * the container's cgroup, closes what is the host's, joins all namespaces with one setns on the
 * pidfd (I-14), becomes root there, and clones the second one as its sibling: that is born inside,
 * with the container's root and working directory, no descriptor but the caller's and our socket,
 * and undumpable. It walks the same process and launch steps as the container's first process.
 *
 * Tracing it takes CAP_SYS_PTRACE over the user namespace that the runtime was started in: in a
 * container that has that, without a user namespace of its own, root is root of the host. */
#pragma once

#include "base/attr.h"
#include "base/err.h"
#include "base/proc.h"
#include "container/init.h"
#include "container/plan.h"
#include "verbs-internal.h"

#define DEATH_WAIT_MS 1000 /* for the first process, when somebody kills all of the container */

/* OPENED is a live container; it must outlive the plan. */
int exec_plan_build(const struct exec_options *o, const struct opened *opened, struct plan *ret,
		    struct err *err) MUST_CHECK;

/* Clones the helper into CGROUPFD (-1: the caller's). It waits for GO on IN->sync; SYNC_PARENT is
 * our end. -1 with errno in err->sys: EBUSY and EOPNOTSUPP mean that the cgroup takes no processes.
 */
int exec_spawn_helper(struct init *in, int cgroupfd, int sync_parent, struct proc *ret,
		      struct err *err) MUST_CHECK;
