/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/seccomp.h>
#include <string.h>

#include "base/str.h"
#include "oci/validate-internal.h"

/* The fields of the spec were made for cgroup v1. What v2 cannot express is refused unless it asks
 * for nothing (X-10, C-MEM-10). */

/* ---- memory -------------------------------------------------------------------------------- */

/* C-MEM-05: -1 and 0 set no limit */
static void check_kernel_memory(struct json_decoder *d, const char *path, const struct opt_i64 *v)
{
	if (v->set && v->v != -1 && v->v != 0)
		complain(d, v->at, path, "cgroup v2 has no such limit");
}

void check_memory(struct json_decoder *d, const struct oci_config *c)
{
	const struct oci_memory *m = &c->linux_.resources.memory;
	size_t mark = json_enter(d, "linux.resources.memory");

	check_kernel_memory(d, "kernel", &m->kernel);
	check_kernel_memory(d, "kernelTCP", &m->kernel_tcp);
	if (m->swappiness.set) /* C-MEM-06: any value, 0 too, would change something */
		complain(d, m->swappiness.at, "swappiness", "cgroup v2 has no such setting");
	if (m->disable_oom_killer.v) /* C-MEM-07 */
		complain(d, m->at, "disableOOMKiller", "cgroup v2 cannot switch it off");
	if (m->use_hierarchy.set && !m->use_hierarchy.v) /* C-MEM-08 */
		complain(d, m->at, "useHierarchy", "cgroup v2 cannot switch it off");
	json_leave(d, mark);
}

/* The table of swap conversions in checklist 13b: `swap` is memory plus swap, 0 means not set. */
void check_memory_swap(struct json_decoder *d, const struct oci_config *c)
{
	const struct oci_memory *m = &c->linux_.resources.memory;
	const char *path = "linux.resources.memory.swap";

	if (!m->swap.set || m->swap.v <= 0)
		return;
	if (!m->limit.set || m->limit.v == 0)
		complain(d, m->swap.at, path, "needs 'limit', because it is memory plus swap");
	else if (m->limit.v > 0 && m->swap.v < m->limit.v)
		complain(d, m->swap.at, path, "is memory plus swap, so it cannot be below 'limit'");
}

/* ---- cpu ----------------------------------------------------------------------------------- */

#define CPU_PERIOD_MIN 1000 /* microseconds, kernel/sched/core.c */
#define CPU_PERIOD_MAX 1000000

/* C-CPU-04 to C-CPU-10. Shares are not bounded here: as on v1, what is outside of 2..262144 counts
 * as the nearer end (C-CPU-02, C-CPU-03). */
void check_cpu(struct json_decoder *d, const struct oci_config *c)
{
	const struct oci_cpu *cpu = &c->linux_.resources.cpu;
	size_t mark = json_enter(d, "linux.resources.cpu");

	if (cpu->quota.v < -1 || (cpu->quota.v > 0 && cpu->quota.v < CPU_PERIOD_MIN))
		complain(d, cpu->quota.at, "quota", "expected -1, 0 or at least %d microseconds",
			 CPU_PERIOD_MIN);
	if (cpu->period.v != 0 &&
	    (cpu->period.v < CPU_PERIOD_MIN || cpu->period.v > CPU_PERIOD_MAX))
		complain(d, cpu->period.at, "period", "expected %d to %d microseconds",
			 CPU_PERIOD_MIN, CPU_PERIOD_MAX);
	if (cpu->burst.v > INT64_MAX || (cpu->quota.v > 0 && cpu->burst.v > (uint64_t)cpu->quota.v))
		complain(d, cpu->burst.at, "burst", "must not be above 'quota'");
	if (cpu->realtime_runtime.v != 0)
		complain(d, cpu->realtime_runtime.at, "realtimeRuntime",
			 "cgroup v2 has no such limit");
	if (cpu->realtime_period.v != 0)
		complain(d, cpu->realtime_period.at, "realtimePeriod",
			 "cgroup v2 has no such limit");
	json_leave(d, mark);
}

/* ---- network, unified ---------------------------------------------------------------------- */

/* C-NETCG-01, C-NETCG-02 */
void check_network(struct json_decoder *d, const struct oci_config *c)
{
	const struct oci_resources *r = &c->linux_.resources;

	if (r->net_class_id.v != 0)
		complain(d, r->net_class_id.at, "linux.resources.network.classID",
			 "cgroup v2 has no network classes");
	if (r->n_net_priorities > 0)
		complain(d, r->net_priorities[0].at, "linux.resources.network.priorities",
			 "cgroup v2 has no network priorities");
}

/* These act on processes instead of limiting resources: "cgroup.procs": "1" would take the host's
 * init into the container's cgroup, and delete would kill it. */
static bool moves_processes(const char *key)
{
	return strcmp(key, "cgroup.procs") == 0 || strcmp(key, "cgroup.threads") == 0 ||
	       strcmp(key, "cgroup.kill") == 0;
}

/* C-UNI-05: the name of a file in the container's cgroup, and of no other */
void check_unified(struct json_decoder *d, const struct oci_config *c)
{
	const struct json_map *map = &c->linux_.resources.unified;

	for (size_t i = 0; i < map->n; i++) {
		const char *key = map->v[i].key;
		const char *dot = strchr(key, '.');
		const char *text = NULL;
		char shown[JSON_SHOWN];

		if (strchr(key, '/') || strpbrk(key, "\n") || strlen(key) > 255)
			text = "is no name of a file";
		else if (!dot || dot == key || !dot[1])
			text = "expected CONTROLLER.SETTING";
		else if (moves_processes(key))
			text = "is no setting of a resource";
		if (!text)
			continue;
		size_t mark = json_enter(d, "linux.resources.unified.%s", json_shown(key, shown));
		json_fail_at(d, map->v[i].at, "%s", text);
		json_leave(d, mark);
	}
}

/* ---- seccomp ------------------------------------------------------------------------------- */

static bool takes_errno(uint32_t action)
{
	uint64_t v = oci_seccomp_actions[action].value;

	return v == SECCOMP_RET_ERRNO || v == SECCOMP_RET_TRACE;
}

/* C-SEC-03, X-16 */
void check_seccomp_errno(struct json_decoder *d, const struct oci_config *c)
{
	const struct oci_seccomp *s = &c->linux_.seccomp;

	if (s->default_errno_ret.set && !takes_errno(s->default_action))
		complain(d, s->default_errno_ret.at, "linux.seccomp.defaultErrnoRet",
			 "only SCMP_ACT_ERRNO and SCMP_ACT_TRACE take a value");
	for (size_t i = 0; i < s->n_rules; i++) {
		const struct oci_seccomp_rule *rule = &s->rules[i];

		if (!rule->errno_ret.set || takes_errno(rule->action))
			continue;
		size_t mark = json_enter(d, "linux.seccomp.syscalls[%zu]", i);
		complain(d, rule->errno_ret.at, "errnoRet",
			 "only SCMP_ACT_ERRNO and SCMP_ACT_TRACE take a value");
		json_leave(d, mark);
	}
}

bool config_notifies(const struct oci_config *c)
{
	const struct oci_seccomp *s = &c->linux_.seccomp;

	if (!s->present)
		return false;
	if (oci_seccomp_actions[s->default_action].value == SECCOMP_RET_USER_NOTIF)
		return true;
	for (size_t i = 0; i < s->n_rules; i++) {
		if (oci_seccomp_actions[s->rules[i].action].value == SECCOMP_RET_USER_NOTIF)
			return true;
	}
	return false;
}

/* C-SEC-12, C-SEC-23, C-SEC-25; a listenerPath that nothing uses is ignored (C-SEC-24). */
void check_seccomp_listener(struct json_decoder *d, const struct oci_config *c)
{
	const struct oci_seccomp *s = &c->linux_.seccomp;
	uint64_t killable = 0;

	if (!s->present)
		return;
	if (s->listener_metadata && !s->listener_path)
		complain(d, s->at, "linux.seccomp.listenerMetadata", "needs 'listenerPath'");
	if (config_notifies(c) && !s->listener_path)
		complain(d, s->at, "linux.seccomp.listenerPath", "required by SCMP_ACT_NOTIFY");
	if (names_find(oci_seccomp_flags, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", &killable) &&
	    s->flags & killable && !config_notifies(c))
		complain(d, s->at, "linux.seccomp.flags",
			 "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV needs SCMP_ACT_NOTIFY");
}
