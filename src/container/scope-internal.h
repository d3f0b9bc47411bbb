/* SPDX-License-Identifier: Apache-2.0 */
/* scope-internal.h - the container's cgroup as a unit of systemd; kernel/unit.h has the idea */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/proc.h"
#include "container/plan.h"
#include "container/store.h"
#include "kernel/cgroup.h"

/* Of a create in progress. */
struct scope {
	bool asked;              /* systemd may have made a unit */
	struct proc placeholder; /* in its cgroup until the container's process is; our child */
	int end;                 /* of the pipe that it reads; owned */
};
#define SCOPE_INIT                                                                                 \
	{                                                                                          \
		.placeholder = PROC_INIT, .end = -1                                                \
	}

/* Starts the unit of P, which R names, around a placeholder and takes its cgroup. The bus is let
 * go. A failure may leave both, and *RET set: scope_release(), scope_stop(). */
int scope_start(struct scope *s, struct plan *p, const struct record *r,
		const struct cgroup_hierarchy *h, struct cgroup *ret, struct err *err) MUST_CHECK;

/* The container's process is born, or never will be: the placeholder ends. */
void scope_release(struct scope *s);

/* Has systemd move process PID to a cgroup of the unit: ARG is a struct scope_place. */
struct scope_place {
	const struct record *record;
	const struct cgroup *cgroup; /* the unit's, or one below it */
	int procfd;                  /* a trusted procfs */
};
int scope_attach(void *arg, pid_t pid, struct err *err) MUST_CHECK;

/* Stops the unit of a record, if it has one. That nobody listens at its bus any more is success:
 * its cgroup is removed by us, and without systemd there is no unit. */
int scope_stop(const struct record *r, struct err *err) MUST_CHECK;

/* An update of both, the files and the unit. */
int scope_update(const struct record *r, const struct cgroup_hierarchy *h, const struct cgroup *cg,
		 const struct oci_config *resources, struct err *err) MUST_CHECK;
