/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/seccomp.h>
#include <string.h>

#include "base/str.h"
#include "oci/validate-internal.h"
#include "oci/validate.h"

/* The fields of the spec were made for cgroup v1. What v2 cannot express is refused unless it asks
 * for nothing (X-10, C-MEM-10). */

/* The path of MEMBER in messages: the document of an update is linux.resources itself. */
static size_t enter(struct json_decoder *d, const struct oci_config *c, const char *member)
{
	return json_enter(d, "%s%s", c->resources_only ? "" : "linux.resources.", member);
}

/* ---- memory -------------------------------------------------------------------------------- */

/* C-MEM-05: -1 and 0 set no limit */
static void check_kernel_memory(struct json_decoder *d, const char *path, const struct opt_i64 *v)
{
	if (v->set && v->v != -1 && v->v != 0)
		complain(d, v->at, path, "cgroup v2 has no such limit");
}

static void check_memory(struct json_decoder *d, const struct oci_config *c)
{
	const struct oci_memory *m = &c->linux_.resources.memory;
	size_t mark = enter(d, c, "memory");

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

/* The table of swap conversions in checklist 13b: `swap` is memory plus swap, 0 means not set. An
 * update may leave out the limit that the container has already. */
static void check_memory_swap(struct json_decoder *d, const struct oci_config *c)
{
	const struct oci_memory *m = &c->linux_.resources.memory;

	if (!m->swap.set || m->swap.v <= 0)
		return;

	size_t mark = enter(d, c, "memory.swap");
	if (m->limit.v == 0 && !c->resources_only)
		json_fail_at(d, m->swap.at, "needs 'limit', because it is memory plus swap");
	else if (m->limit.v > 0 && m->swap.v < m->limit.v)
		json_fail_at(d, m->swap.at, "is memory plus swap, so it cannot be below 'limit'");
	json_leave(d, mark);
}

/* ---- cpu ----------------------------------------------------------------------------------- */

#define CPU_PERIOD_MIN 1000 /* microseconds, kernel/sched/core.c */
#define CPU_PERIOD_MAX 1000000

/* C-CPU-04 to C-CPU-10. Shares are not bounded here: as on v1, what is outside of 2..262144 counts
 * as the nearer end (C-CPU-02, C-CPU-03). */
static void check_cpu(struct json_decoder *d, const struct oci_config *c)
{
	const struct oci_cpu *cpu = &c->linux_.resources.cpu;
	size_t mark = enter(d, c, "cpu");

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

/* ---- blockIO ------------------------------------------------------------------------------- */

#define IO_WEIGHT_MIN 10
#define IO_WEIGHT_MAX 1000

/* C-IO-01: 0 is not set */
static void check_weight(struct json_decoder *d, const struct opt_u64 *weight)
{
	if (weight->v != 0 && (weight->v < IO_WEIGHT_MIN || weight->v > IO_WEIGHT_MAX))
		complain(d, weight->at, "weight", "expected %d to %d", IO_WEIGHT_MIN,
			 IO_WEIGHT_MAX);
}

/* C-IO-02 */
static void check_leaf_weight(struct json_decoder *d, const struct opt_u64 *weight)
{
	if (weight->v != 0)
		complain(d, weight->at, "leafWeight", "cgroup v2 has no such weight");
}

static void check_block_io(struct json_decoder *d, const struct oci_config *c)
{
	const struct oci_block_io *b = &c->linux_.resources.block_io;
	size_t mark = enter(d, c, "blockIO");

	check_weight(d, &b->weight);
	check_leaf_weight(d, &b->leaf_weight);
	for (size_t i = 0; i < b->n_weight_devices; i++) {
		const struct oci_weight_device *dev = &b->weight_devices[i];
		size_t item = json_enter(d, ".weightDevice[%zu]", i);

		if (!dev->weight.set && !dev->leaf_weight.set) /* C-IO-03 */
			json_fail_at(d, dev->at, "needs 'weight'");
		check_weight(d, &dev->weight);
		check_leaf_weight(d, &dev->leaf_weight);
		json_leave(d, item);
	}
	json_leave(d, mark);
}

/* ---- huge pages, RDMA ---------------------------------------------------------------------- */

/* Two limits for one size: whichever is taken, the other is not applied. */
static void check_hugepages(struct json_decoder *d, const struct oci_config *c)
{
	const struct oci_resources *r = &c->linux_.resources;
	size_t mark = enter(d, c, "hugepageLimits");

	struct named *names = ARENA_NEW(d->arena, struct named, r->n_hugepages);
	if (!names) {
		config_oom(d);
		return;
	}
	for (size_t i = 0; i < r->n_hugepages; i++)
		names[i] = (struct named){ r->hugepages[i].page_size, r->hugepages[i].at };
	complain_duplicates(d, names, r->n_hugepages, "", "limit for page size");
	json_leave(d, mark);
}

#define RDMA_NAME_MAX 64 /* IB_DEVICE_NAME_MAX, with its NUL */

/* C-RDMA-01: the name is a word of the line that rdma.max takes. */
static void check_rdma(struct json_decoder *d, const struct oci_config *c)
{
	const struct oci_resources *r = &c->linux_.resources;
	size_t mark = enter(d, c, "rdma");
	char shown[JSON_SHOWN];

	for (size_t i = 0; i < r->n_rdma; i++) {
		const char *name = r->rdma[i].device;

		if (!*name || strlen(name) >= RDMA_NAME_MAX || strpbrk(name, " \t\n="))
			json_fail_at(d, r->rdma[i].at, "\"%s\" is no name of a device",
				     json_shown(name, shown));
	}
	json_leave(d, mark);
}

/* ---- network, unified ---------------------------------------------------------------------- */

/* C-NETCG-01, C-NETCG-02 */
static void check_network(struct json_decoder *d, const struct oci_config *c)
{
	const struct oci_resources *r = &c->linux_.resources;
	size_t mark = enter(d, c, "network");

	if (r->net_class_id.v != 0)
		complain(d, r->net_class_id.at, "classID", "cgroup v2 has no network classes");
	if (r->n_net_priorities > 0)
		complain(d, r->net_priorities[0].at, "priorities",
			 "cgroup v2 has no network priorities");
	json_leave(d, mark);
}

/* These act on processes instead of limiting resources: "cgroup.procs": "1" would take the host's
 * init into the container's cgroup, and delete would kill it. */
static bool moves_processes(const char *key)
{
	return strcmp(key, "cgroup.procs") == 0 || strcmp(key, "cgroup.threads") == 0 ||
	       strcmp(key, "cgroup.kill") == 0;
}

/* C-UNI-05: the name of a file in the container's cgroup, and of no other */
static void check_unified(struct json_decoder *d, const struct oci_config *c)
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
		size_t mark = enter(d, c, "unified.");
		(void)json_enter(d, "%s", json_shown(key, shown));
		json_fail_at(d, map->v[i].at, "%s", text);
		json_leave(d, mark);
	}
}

/* ---- all of them --------------------------------------------------------------------------- */

void config_validate_resources(struct json_decoder *d, const struct oci_config *c)
{
	static rule_fn *const rules[] = { check_memory,   check_memory_swap, check_cpu,
					  check_block_io, check_hugepages,   check_rdma,
					  check_network,  check_unified };

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		rules[i](d, c);
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
