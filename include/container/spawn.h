/* SPDX-License-Identifier: Apache-2.0 */
/* container/spawn.h - the one clone
 *
 * Usually a single clone3 with all new namespaces, CLONE_PIDFD and CLONE_INTO_CGROUP. Two
 * variations:
 *
 *   A pid namespace is joined (and no user namespace is involved): the runtime enters it for its
 * next child and goes back (setns changes only where children are born).
 *
 *   Namespaces are joined and the container has a user namespace, new or joined: setns on foreign
 *   namespaces needs privileges that a process in the new user namespace has lost, and new
 *   namespaces must be owned by a joined one (Kubernetes pods with user namespaces do this). A
 *   short-lived helper joins the others first and the user namespace last (C-NS-09), clones the
 *   container's process as its sibling (CLONE_PARENT), hands the pidfd over and ends.
 *
 * A process may be born into a cgroup only by somebody who may move processes there from his own. A
 * user's login session has no right to that, and his systemd has: then it is a helper too that is
 * moved, and clones the container's process, which is born where its maker is.
 *
 * The other joined namespaces are entered by the child itself, the mount namespace last. */
#pragma once

#include "base/attr.h"
#include "base/err.h"
#include "base/proc.h"
#include "container/plan.h"

struct spawn_place {
	int cgroupfd; /* -1: stay in the caller's cgroup */
	/* Moves a process there when the kernel says EACCES; NULL: nobody can. */
	int (*attach)(void *arg, pid_t pid, struct err *err);
	void *arg;
};

/* Runs FN(ARG) in the new process; its return value is the exit status. SYNC_PARENT, SYNC_CHILD:
 * the two ends of the pair; the new process only keeps SYNC_CHILD. *ret is a child of the caller.
 */
int spawn_container(const struct plan *p, const struct spawn_place *place, int sync_parent,
		    int sync_child, int (*fn)(void *), void *arg, struct proc *ret,
		    struct err *err) MUST_CHECK;

/* Takes the pidfd of the process that a helper has cloned as its sibling, ours: CHILD, or the
 * helper's failure. */
int spawn_take_child(const struct plan *p, int sync_parent, struct proc *ret,
		     struct err *err) MUST_CHECK;

/* The child's part of joining: everything that spawn_container() left to it. */
int spawn_join_rest(const struct plan *p, struct err *err) MUST_CHECK;
