/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/ns.h - which namespaces are made, joined, inherited
 *
 * plan: every path is opened and type-checked in the parent before the clone (I-28).
 * apply: new ones come from clone3 flags or, for cgroup and time, from unshare in the child;
 * joined ones from setns. Who calls what in which order: container/spawn.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "oci/config.h"

struct ns_plan {
	uint64_t clone_flags;   /* CLONE_NEW* for clone3: all new ones except cgroup and time */
	bool new_cgroup;        /* after the child is in its cgroup (C-NS-11) */
	bool new_time;          /* unshared by the child, then ns_write_time_offsets() */
	int join[OCI_NS_COUNT]; /* owned; -1 where nothing is joined */
	bool own[OCI_NS_COUNT]; /* the path names the namespace that the runtime is in */
};

/* Opens the paths (O_NONBLOCK, so a FIFO cannot stop us), requires NSFS_MAGIC and that
 * NS_GET_NSTYPE equals the declared type. Joining a namespace that the caller is already in is left
 * out of the plan for user and mount, where setns would fail or do harm. */
int ns_plan_build(const struct oci_config *c, struct ns_plan *ret, struct err *err) MUST_CHECK;
void ns_plan_done(struct ns_plan *p);

/* CLONE_NEW* of a namespace type, its name in config.json, its name in /proc/PID/ns. */
int ns_flag(enum oci_ns ns);
const char *ns_name(enum oci_ns ns);
const char *ns_proc_name(enum oci_ns ns);

/* setns(2) with the flag, so a wrong type can never be joined. -1 with errno in *err->sys too. */
int ns_enter(int fd, enum oci_ns ns, struct err *err) MUST_CHECK;

/* Writes the offsets of a time namespace that the caller has just unshared, through PROCFD (a
 * trusted procfs), before any process is inside (time_namespaces(7)), and enters it. To be called
 * for every new time namespace, also without offsets: execve would enter it only since kernel 6.2.
 */
int ns_write_time_offsets(int procfd, const struct oci_config *c, struct err *err) MUST_CHECK;
