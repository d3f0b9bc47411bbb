/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_update-internal.h - an update as data: what is written, and what is there now */
#pragma once

#include "base/attr.h"
#include "kernel/cgroup.h"

/* One write and the way back. */
struct cgroup_change {
	struct cgroup_setting s; /* value NULL: nothing to write, only to put back */
	const char *undo;        /* NULL: cannot be put back, or need not be */
};

struct cgroup_update {
	struct cgroup_plan plan; /* config and converted settings; nothing else */
	struct cgroup_change *v; /* in the order of writing */
	size_t n;
};

#define CGROUP_NO_LIMIT UINT64_MAX /* "max" */

/* Values in force; those of files that the cgroup does not have are the kernel's defaults. */
struct cgroup_now {
	uint64_t memory_max, memory_current, swap_max, swap_current;
	bool has_swap; /* the kernel accounts it */
	uint64_t quota, period, burst;
	bool idle;
};

/* Looks, writes nothing: the changes that the document P->config of an update asks for. */
int cgroup_update_plan(const struct cgroup *cg, const struct oci_config *c, struct arena *a,
		       struct cgroup_update *ret, struct err *err) MUST_CHECK;

/* Carries them out, or none of them. */
int cgroup_update_apply(const struct cgroup *cg, const struct cgroup_update *u,
			struct err *err) MUST_CHECK;

/* Takes them back when something that followed has failed, as *ERR says; -1. */
int cgroup_update_back(const struct cgroup *cg, const struct cgroup_update *u, struct err *err);

/* cgroup_update_undo.c: makes changes of the plan's settings, with the texts that are in force.
 * Settings that change nothing are left out. */
int cgroup_update_changes(const struct cgroup *cg, const struct cgroup_now *now, struct arena *a,
			  struct cgroup_update *u, struct err *err) MUST_CHECK;
