/* SPDX-License-Identifier: Apache-2.0 */
/* container/init.h - the container's first process, from the clone to execve
 *
 * A walk through three tables of small steps (src/container/init.c), in the order of the spec:
 *   setup    the container around the process; the host is still reachable, by descriptors
 *   process  the process itself: user, capabilities, working directory, executable
 *   launch   tell `create` that all is ready, wait for `start`, last hooks, filter, execve
 * The last two are for every process of the container, the first one is for its first (I-20).
 * A failing step is named in the message and sent to whoever waits; then the process ends.
 * Everything up to READY fails `create`; what can still fail at `start` is short: startContainer
 * hooks, the filter's load, execve.
 *
 * Seccomp is loaded last, whatever noNewPrivileges says: without it the load needs CAP_SYS_ADMIN,
 * so that capability is kept in the permitted and effective sets (not in the bounding set) until
 * execve, which computes both anew from the bounding, inheritable and ambient sets. Thus only one
 * system call of ours, execve, is ever subject to the container's filter (C-SEC-19, C-SEC-21);
 * what must be said afterwards all the same, container/messenger.h says. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "container/messenger.h"
#include "container/notify.h"
#include "container/plan.h"
#include "kernel/rootfs.h"

struct init {
	const struct plan *plan;
	int sync;     /* our end of the pair */
	int listener; /* bound start socket; -1: released at once (no state directory in tests) */
	int start;    /* connection of `start`, once there is one */
	struct rootfs root;
	int slave;                 /* container end of the terminal, or -1 */
	char executable[PATH_MAX]; /* what execve gets: args[0] or its hit in $PATH */
	bool cwd_pending;          /* as root it was not reachable: again as the user (C-PROC-05) */
	char home[PATH_MAX + 8];   /* "HOME=…" when the config has none */
	struct notify notify;      /* from `start`, until the messenger has it */
	struct messenger messenger;
	bool filtered; /* the container's filter is in force, or about to be */
};

/* Body of the process; never returns to the caller's code. ARG: struct init. */
int init_main(void *arg);

/* process.scheduler and process.ioPriority: has C any of them; applies them to process PID, or to the
 * caller for 0. Failures have positions. */
bool init_has_priorities(const struct oci_config *c);
int init_set_priorities(const struct oci_config *c, pid_t pid, struct err *err) MUST_CHECK;

/* exec, in the helper that stays outside of the container's pid namespace: joins everything else.
 * IN->plan->target says what. */
int init_join(struct init *in, struct err *err) MUST_CHECK;

/* exec, in the process that the helper has cloned: from there to execve. Returns the exit status
 * after a failure, which was sent to IN->sync. */
int init_exec_main(struct init *in) MUST_CHECK;

/* For tests: the steps of the three tables in their order, names ended by NULL. */
const char *const *init_step_names(void);
const char *const *exec_step_names(void);
