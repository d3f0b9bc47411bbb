/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/mempolicy.h>
#include <linux/sched.h>

#include "oci/validate-internal.h"

/* ---- process.scheduler --------------------------------------------------------------------- */

#define PRIORITY_MAX        99   /* MAX_RT_PRIO - 1 */
#define DL_RUNTIME_MIN      1024 /* DL_SCALE, __checkparam_dl() in kernel/sched/deadline.c */
#define DEADLINE_ONLY_FLAGS (SCHED_FLAG_RECLAIM | SCHED_FLAG_DL_OVERRUN)

/* C-SCHED-04 */
static void check_priority(struct json_decoder *d, const struct oci_scheduler *s)
{
	bool realtime = s->policy == SCHED_FIFO || s->policy == SCHED_RR;

	if (realtime && (s->priority < 1 || s->priority > PRIORITY_MAX))
		complain(d, s->at, "priority", "expected 1 to %d with \"%s\"", PRIORITY_MAX,
			 names_of(oci_scheduler_policies, s->policy));
	if (!realtime && s->priority != 0)
		complain(d, s->at, "priority",
			 "expected 0, only \"SCHED_FIFO\" and \"SCHED_RR\" have priorities");
}

/* C-SCHED-05; a period of 0 is the deadline. */
static void check_deadline(struct json_decoder *d, const struct oci_scheduler *s)
{
	if (s->runtime_ns < DL_RUNTIME_MIN)
		complain(d, s->at, "runtime", "expected at least %d nanoseconds", DL_RUNTIME_MIN);
	if (s->deadline_ns > INT64_MAX || s->period_ns > INT64_MAX)
		complain(d, s->at, s->period_ns > INT64_MAX ? "period" : "deadline",
			 "expected less than 2^63 nanoseconds");
	if (s->runtime_ns > s->deadline_ns)
		complain(d, s->at, "deadline", "must not be below 'runtime'");
	if (s->period_ns != 0 && s->deadline_ns > s->period_ns)
		complain(d, s->at, "period", "must be 0 or not below 'deadline'");
}

void check_scheduler(struct json_decoder *d, const struct oci_config *c)
{
	const struct oci_scheduler *s = &c->process.scheduler;

	if (!s->present)
		return;
	size_t mark = json_enter(d, "process.scheduler");
	check_priority(d, s);
	if (s->policy == SCHED_DEADLINE)
		check_deadline(d, s);
	else if (s->runtime_ns || s->deadline_ns || s->period_ns)
		complain(d, s->at,
			 s->runtime_ns    ? "runtime"
			 : s->deadline_ns ? "deadline"
					  : "period",
			 "only \"SCHED_DEADLINE\" takes it");
	if (s->policy != SCHED_DEADLINE && s->flags & DEADLINE_ONLY_FLAGS) /* C-SCHED-06 */
		complain(d, s->at, "flags", "%s needs \"SCHED_DEADLINE\"",
			 names_of(oci_scheduler_flags, s->flags & SCHED_FLAG_RECLAIM
							       ? SCHED_FLAG_RECLAIM
							       : SCHED_FLAG_DL_OVERRUN));
	json_leave(d, mark);
}

/* The kernel lets no process with a deadline fork (C-SCHED-05), but it is this one that runs the
 * hooks. */
void check_scheduler_hooks(struct json_decoder *d, const struct oci_config *c)
{
	const struct oci_scheduler *s = &c->process.scheduler;

	if (s->present && s->policy == SCHED_DEADLINE && !(s->flags & SCHED_FLAG_RESET_ON_FORK) &&
	    c->hooks[HOOK_START_CONTAINER].n > 0)
		complain(
			d, s->at, "process.scheduler.policy",
			"\"SCHED_DEADLINE\" cannot start the startContainer hooks without the flag "
			"\"SCHED_FLAG_RESET_ON_FORK\"");
}

/* The same for the thread that hands the listener over (container/messenger.h, C-SEC-27). */
void check_scheduler_notify(struct json_decoder *d, const struct oci_config *c)
{
	const struct oci_scheduler *s = &c->process.scheduler;

	if (s->present && s->policy == SCHED_DEADLINE && !(s->flags & SCHED_FLAG_RESET_ON_FORK) &&
	    config_notifies(c))
		complain(
			d, s->at, "process.scheduler.policy",
			"\"SCHED_DEADLINE\" cannot start the thread that SCMP_ACT_NOTIFY needs without "
			"the flag \"SCHED_FLAG_RESET_ON_FORK\"");
}

/* ---- linux.memoryPolicy --------------------------------------------------------------------- */

#define KEEP_LIST_FLAGS (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES)

/* C-MPOL-03 */
static void check_nodes(struct json_decoder *d, const struct oci_memory_policy *p)
{
	const char *mode = names_of(oci_memory_policies, p->mode);

	if (p->mode == MPOL_DEFAULT || p->mode == MPOL_LOCAL) {
		if (p->nodes)
			complain(d, p->at, "nodes", "\"%s\" takes no nodes", mode);
	} else if (p->mode != MPOL_PREFERRED && !p->nodes) {
		complain(d, p->at, "nodes", "\"%s\" needs at least one node", mode);
	}
}

/* C-MPOL-04: what sanitize_mpol_flags() and mpol_new() in the kernel refuse, or would ignore. */
static void check_policy_flags(struct json_decoder *d, const struct oci_memory_policy *p)
{
	bool both = (p->flags & KEEP_LIST_FLAGS) == KEEP_LIST_FLAGS;

	if (both)
		complain(
			d, p->at, "flags",
			"\"MPOL_F_STATIC_NODES\" and \"MPOL_F_RELATIVE_NODES\" exclude each other");
	else if (p->flags & KEEP_LIST_FLAGS && !p->nodes)
		complain(d, p->at, "flags", "\"%s\" needs nodes",
			 names_of(oci_memory_policy_flags, p->flags & KEEP_LIST_FLAGS));
	if (p->flags & MPOL_F_NUMA_BALANCING && p->mode != MPOL_BIND &&
	    p->mode != MPOL_PREFERRED_MANY)
		complain(
			d, p->at, "flags",
			"\"MPOL_F_NUMA_BALANCING\" needs \"MPOL_BIND\" or \"MPOL_PREFERRED_MANY\"");
}

void check_memory_policy(struct json_decoder *d, const struct oci_config *c)
{
	const struct oci_memory_policy *p = &c->linux_.memory_policy;

	if (!p->present)
		return;
	size_t mark = json_enter(d, "linux.memoryPolicy");
	check_nodes(d, p);
	check_policy_flags(d, p);
	json_leave(d, mark);
}
