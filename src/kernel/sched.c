/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/sched.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/ioprio.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <stdbool.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "oci/bitlist.h"
#include "oci/names.h"

/* ---- policy -----------------------------------------------------------------------------------
 */

static const char *policy_name(const struct oci_scheduler *s)
{
	const char *name = names_of(oci_scheduler_policies, s->policy);

	return name ? name : "?";
}

/* Policies whose nice value sched_setattr(2) takes; the others keep the one of setpriority(2). */
static bool takes_nice(uint32_t policy)
{
	return policy == SCHED_NORMAL || policy == SCHED_BATCH;
}

static bool is_realtime(uint32_t policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static int set_nice(pid_t pid, const struct oci_scheduler *s, struct err *err)
{
	if (setpriority(PRIO_PROCESS, (id_t)pid, s->nice) == 0)
		return 0;
	if (errno == EACCES) /* what this call says where others say EPERM */
		errno = EPERM;
	return err_sys(err, "set nice %d%s", s->nice,
		       errno == EPERM ? " (needs CAP_SYS_NICE in the initial user namespace)" : "");
}

/* What the errno of sched_setattr(2) means for this request. */
static int refused(const struct oci_scheduler *s, struct err *err)
{
	const uint64_t clamp = SCHED_FLAG_UTIL_CLAMP_MIN | SCHED_FLAG_UTIL_CLAMP_MAX;
	const char *name = policy_name(s);
	const char *hint = "";

	if (s->policy == 4 && errno == EINVAL)
		hint = " (no mainline kernel has this policy)";
	else if (s->flags & clamp && (errno == EOPNOTSUPP || errno == EINVAL || errno == E2BIG))
		hint = " (SCHED_FLAG_UTIL_CLAMP_x needs a kernel with CONFIG_UCLAMP_TASK)";
	else if (s->policy == SCHED_DEADLINE && errno == EINVAL)
		hint = " (the period must be within /proc/sys/kernel/sched_deadline_period_min_us "
		       "and _max_us)";
	else if (s->policy == SCHED_DEADLINE && errno == EBUSY)
		hint = " (the CPUs have not that much time left for deadlines)";
	else if (s->policy == SCHED_DEADLINE && errno == EPERM)
		hint = " (needs CAP_SYS_NICE in the initial user namespace, and every CPU of the "
		       "scheduling domain: it cannot be combined with a cpuset)";
	else if (is_realtime(s->policy) && errno == EPERM)
		hint = " (needs CAP_SYS_NICE in the initial user namespace, and real-time budget "
		       "in the cgroup where the kernel has such groups)";
	else if (errno == EPERM)
		hint = " (needs CAP_SYS_NICE in the initial user namespace)";
	return err_sys(err, "set policy %s%s", name, hint);
}

static int getattr(pid_t pid, struct sched_attr *ret, struct err *err)
{
	*ret = (struct sched_attr){ .size = 0 };
	if (syscall(SYS_sched_getattr, pid, ret, sizeof(*ret), 0) < 0)
		return err_sys(err, "read the policy");
	return 0;
}

/* Parameters of the policy that is in force; KEEP_POLICY may have kept another than S says. */
static bool same_parameters(const struct oci_scheduler *s, const struct sched_attr *is)
{
	if (is->sched_policy != s->policy)
		return true;
	if (takes_nice(s->policy))
		return is->sched_nice == s->nice;
	if (is_realtime(s->policy))
		return is->sched_priority == (uint32_t)s->priority;
	if (s->policy == SCHED_DEADLINE)
		return is->sched_runtime == s->runtime_ns && is->sched_deadline == s->deadline_ns &&
		       is->sched_period == (s->period_ns ? s->period_ns : s->deadline_ns);
	return true;
}

static int check(pid_t pid, const struct oci_scheduler *s, uint32_t policy, struct err *err)
{
	const uint64_t shown =
		SCHED_FLAG_RESET_ON_FORK |
		(policy == SCHED_DEADLINE ? SCHED_FLAG_RECLAIM | SCHED_FLAG_DL_OVERRUN : 0);
	struct sched_attr is;

	if (getattr(pid, &is, err) < 0)
		return -1;
	/* Only set bits are compared: a flag of the caller may be there without having been asked
	 * for. */
	if (is.sched_policy != policy || s->flags & shown & ~is.sched_flags ||
	    (!(s->flags & SCHED_FLAG_KEEP_PARAMS) && !same_parameters(s, &is)))
		return err_set(err, ERR_SYSTEM,
			       "policy %s is not in force: the kernel has policy %u, nice %d, "
			       "priority %u, flags 0x%" PRIx64,
			       policy_name(s), is.sched_policy, is.sched_nice, is.sched_priority,
			       (uint64_t)is.sched_flags);
	errno = 0;
	if (!(s->flags & SCHED_FLAG_KEEP_PARAMS) &&
	    (getpriority(PRIO_PROCESS, (id_t)pid) != s->nice || errno))
		return err_set(err, ERR_SYSTEM, "nice %d is not in force", s->nice);
	return 0;
}

int sched_apply(pid_t pid, const struct oci_scheduler *s, struct err *err)
{
	struct sched_attr want = {
		.size = sizeof(want),
		.sched_policy = s->policy,
		.sched_flags = s->flags,
		.sched_nice = s->nice,
		.sched_priority = (uint32_t)s->priority,
		.sched_runtime = s->runtime_ns,
		.sched_deadline = s->deadline_ns,
		.sched_period = s->period_ns,
	};
	struct sched_attr before;

	if (!s->present)
		return 0;
	if (getattr(pid, &before, err) < 0)
		return -1;
	uint32_t policy = s->flags & SCHED_FLAG_KEEP_POLICY ? before.sched_policy : s->policy;
	if (!(s->flags & SCHED_FLAG_KEEP_PARAMS) && !takes_nice(policy) &&
	    set_nice(pid, s, err) < 0)
		return -1;
	if (syscall(SYS_sched_setattr, pid, &want, 0) < 0)
		return refused(s, err);
	return check(pid, s, policy, err);
}

/* ---- I/O priority -----------------------------------------------------------------------------
 */

int ioprio_apply(pid_t pid, const struct oci_io_priority *p, struct err *err)
{
	pid_t who = pid ? pid : getpid();
	bool leads = getpgid(who) == who;
	long want = (long)(p->class << IOPRIO_CLASS_SHIFT | p->priority);

	if (!p->present)
		return 0;
	if (syscall(SYS_ioprio_set, leads ? IOPRIO_WHO_PGRP : IOPRIO_WHO_PROCESS, who, want) < 0)
		return err_sys(err, "set %s, priority %u%s", names_of(oci_io_classes, p->class),
			       p->priority,
			       errno == EPERM ?
				       " (needs CAP_SYS_NICE in the initial user namespace)" :
				       "");
	long is = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, who);
	if (is < 0)
		return err_sys(err, "read it back");
	if (is != want)
		return err_set(err, ERR_SYSTEM, "the kernel made 0x%lx of 0x%lx", is, want);
	return 0;
}

/* ---- CPUs -------------------------------------------------------------------------------------
 */

static int set_affinity(const char *list, const char *what, struct err *err)
{
	struct bitlist want, is = { { 0 } };
	size_t at;
	const char *wrong = bitlist_parse(list, &want, &at);

	if (wrong)
		return err_set(err, ERR_CONFIG, "%s '%s': %s at offset %zu", what, list, wrong, at);
	if (syscall(SYS_sched_setaffinity, 0, sizeof(want), &want) < 0)
		return err_sys(err, "%s: bind to CPUs '%s'%s", what, list,
			       errno == EINVAL
				       ? " (none of them is online and in the cgroup's cpuset)"
				       : "");
	if (syscall(SYS_sched_getaffinity, 0, sizeof(is), &is) < 0)
		return err_sys(err, "%s: read back the CPUs", what);
	int missing = bitlist_first_missing(&want, &is);
	if (missing >= 0)
		return err_set(err, ERR_SYSTEM,
			       "%s: CPU %d of '%s' is not online or not in the cgroup's cpuset",
			       what, missing, list);
	return 0;
}

int sched_affinity_initial(const struct oci_process *p, struct err *err)
{
	return p->exec_cpu_initial ? set_affinity(p->exec_cpu_initial, "initial", err) : 0;
}

int sched_affinity_final(const struct oci_process *p, struct err *err)
{
	if (p->exec_cpu_final)
		return set_affinity(p->exec_cpu_final, "final", err);
	sched_affinity_all();
	return 0;
}

void sched_affinity_all(void)
{
	struct bitlist all;

	memset(&all, 0xff, sizeof(all));
	if (syscall(SYS_sched_setaffinity, 0, sizeof(all), &all) < 0)
		log_debug("use all CPUs of the cgroup: %s, continuing", err_text(errno));
}

/* ---- personality ------------------------------------------------------------------------------
 */

#define PERSONALITY_QUERY 0xffffffffUL /* personality(2) */

int personality_apply(const struct oci_linux *l, struct err *err)
{
	if (!l->has_personality)
		return 0;
	if (personality(l->personality) < 0)
		return err_sys(err, "set personality 0x%x", l->personality);
	int is = personality(PERSONALITY_QUERY);
	if (is < 0 || (uint32_t)is != l->personality)
		return err_set(err, ERR_SYSTEM, "personality 0x%x is not in force: it is 0x%x",
			       l->personality, (unsigned)is);
	return 0;
}
