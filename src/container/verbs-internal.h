/* SPDX-License-Identifier: Apache-2.0 */
/* verbs-internal.h - what start, kill, delete and state share: a container opened by id */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/proc.h"
#include "container/ready.h"
#include "container/store.h"
#include "kernel/cgroup.h"
#include "oci/config.h"
#include "oci/state.h"

struct opened {
	struct arena arena;
	struct store store;
	bool has_record;
	struct record record;
	enum status status;
	struct proc proc; /* of a live process */
};
#define OPENED_INIT                                                                                \
	{                                                                                          \
		.store = STORE_INIT, .proc = PROC_INIT, .status = STATUS_UNKNOWN                   \
	}

/* Opens, reads and derives the status. A damaged record is no failure: has_record is false, the
 * status unknown, and *err says why. */
int opened_begin(int rootfd, const char *id, bool lock, struct opened *ret,
		 struct err *err) MUST_CHECK;
/* The same for one of many that is only looked at: no lock, no handle of its process; H as in
 * status_of(). */
int opened_look(struct cgroup_hierarchy *h, int rootfd, const char *id, struct opened *ret,
		struct err *err) MUST_CHECK;
void opened_done(struct opened *o);
#define AUTO_OPENED AUTO(opened_done) struct opened

/* The recorded cgroup. Returns 1, 0 when the container has none (any more), -1 on failure. */
int opened_cgroup(const struct opened *o, struct cgroup_hierarchy *h, struct cgroup *cg,
		  struct err *err) MUST_CHECK;

/* The same for a VERB that cannot do without: -1 when there is none. */
int opened_need_cgroup(const struct opened *o, const char *verb, struct cgroup_hierarchy *h,
		       struct cgroup *cg, struct err *err) MUST_CHECK;

/* What start does with a container that it has locked: all but waiting until it is ready. */
int start_opened(struct opened *o, const char *notify_socket, struct ready *ret_ready,
		 struct err *err) MUST_CHECK;

/* Waits until the process behind SOCK runs its program: LAUNCH, then end of file, because execve
 * closed the socket. */
int launch_await(int sock, struct err *err) MUST_CHECK;

/* Runs the hooks of POINT with the saved config; failures end it, or are warned about with ALL. */
int opened_hooks(const struct opened *o, enum oci_hook_point point, enum status status, bool all,
		 struct err *err) MUST_CHECK;

/* Processes, cgroup, poststop hooks, state directory. Repeatable after a failure. */
int opened_destroy(struct opened *o, struct err *err) MUST_CHECK;
