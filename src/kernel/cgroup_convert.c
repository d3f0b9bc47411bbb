/* SPDX-License-Identifier: Apache-2.0 */
/* From linux.resources, whose words are those of cgroup v1, to lines for cgroup v2 files: rows
 * C-MEM, C-CPU, C-PIDS and C-UNI. Values out of range and settings that version 2 has no file for
 * were refused by the oci layer (config_resources.c, validate_resources.c). Where a wrong value
 * would do harm here, it is looked at once more. */
#include <inttypes.h>
#include <string.h>

#include "base/path.h"
#include "base/str.h"
#include "cgroup_convert-internal.h"
#include "kernel/cgroup-internal.h"

/* Settings that are converted one by one; those of lists are counted. */
#define MAX_CONVERTED 16

int convert_add(struct converter *b, const struct cgroup_setting *s)
{
	if (!s->value || !s->field || !s->file)
		return err_oom(b->err);

	ASSERT(b->p->n_settings < b->room);
	struct cgroup_setting *kept = &b->p->settings[b->p->n_settings++];
	*kept = *s;
	kept->field = convert_shown(b, s->field);
	if (!s->optional)
		b->p->has_limits = true;

	return 0;
}

static const char *number(struct converter *b, int64_t v)
{
	return arena_printf(b->a, "%" PRId64, v);
}

/* ---- memory --------------------------------------------------------------------------------- */

/* memory.swap is memory plus swap in version 1 and swap alone in version 2; the table of section
 * 13b. 0 counts as unset in both, as Go callers leave it out. */
static int plan_swap(struct converter *b, const struct oci_memory *m)
{
	int64_t limit = m->limit.set ? m->limit.v : 0;
	struct cgroup_setting s = { .controller = "memory",
				    .file = "memory.swap.max",
				    .field = RES "memory.swap",
				    .at = m->swap.at };

	if (!m->swap.set || m->swap.v == 0) {
		if (limit >= 0)
			return 0;
		/* In version 1 no limit on memory means none on swap either. */
		s.field = RES "memory.limit";
		s.at = m->limit.at;
		s.value = "max";
		s.optional = true;
		return convert_add(b, &s);
	}
	if (m->swap.v < 0) {
		s.value = "max";
		s.optional = true;
		return convert_add(b, &s);
	}
	if (limit == 0 || limit > m->swap.v)
		return config_fail(b->c, m->swap.at, b->err,
				   "%s: is memory plus swap, so it needs memory.limit and cannot "
				   "be below it",
				   convert_shown(b, RES "memory.swap"));

	s.value = number(b, limit < 0 ? m->swap.v : m->swap.v - limit);
	return convert_add(b, &s);
}

static int plan_bytes(struct converter *b, const struct opt_i64 *v, const char *file,
		      const char *field)
{
	return convert_add(b, &(struct cgroup_setting){ .controller = "memory",
							.file = file,
							.value = v->v < 0 ? "max" : number(b, v->v),
							.field = field,
							.at = v->at,
							.optional = v->v <= 0 });
}

static int plan_memory(struct converter *b)
{
	const struct oci_memory *m = &b->r->memory;

	/* C-MEM-01: 0 is unset; written, it would kill whatever comes into the cgroup. */
	if (m->limit.set && m->limit.v != 0 &&
	    plan_bytes(b, &m->limit, "memory.max", RES "memory.limit") < 0)
		return -1;
	if (plan_swap(b, m) < 0)
		return -1;
	if (m->reservation.set &&
	    plan_bytes(b, &m->reservation, "memory.low", RES "memory.reservation") < 0)
		return -1;

	/* checkBeforeUpdate is about the usage at an update: a new container has none. */
	return 0;
}

/* ---- cpu ------------------------------------------------------------------------------------ */

/* cpu.weight of an idle cgroup cannot be written (C-CPU-13), so idle 1 comes alone, and idle 0 goes
 * first for the sake of a pre-existing cgroup that is idle. */
static int plan_shares(struct converter *b, const struct oci_cpu *cpu)
{
	bool idle = cpu->idle.set && cpu->idle.v != 0;

	if (cpu->idle.set && convert_add(b, &(struct cgroup_setting){ .controller = "cpu",
								      .file = "cpu.idle",
								      .value = idle ? "1" : "0",
								      .field = RES "cpu.idle",
								      .at = cpu->idle.at,
								      .optional = !idle }) < 0)
		return -1;
	if (!cpu->shares.set || cpu->shares.v == 0 || idle)
		return 0;

	uint64_t weight = cgroup_shares_to_weight(cpu->shares.v);
	return convert_add(
		b, &(struct cgroup_setting){ .controller = "cpu",
					     .file = "cpu.weight",
					     .value = arena_printf(b->a, "%" PRIu64, weight),
					     .field = RES "cpu.shares",
					     .at = cpu->shares.at,
					     .optional = weight == 100 });
}

/* C-CPU-04 to -07, -09: 0 is unset; a quota alone is written without a period, which then stays
 * what it is (100000 in a new cgroup). */
static int plan_bandwidth(struct converter *b, const struct oci_cpu *cpu)
{
	bool has_quota = cpu->quota.set && cpu->quota.v != 0;
	bool has_period = cpu->period.set && cpu->period.v != 0;
	bool limited = has_quota && cpu->quota.v > 0;

	if (has_quota || has_period) {
		const char *quota = limited ? number(b, cpu->quota.v) : "max";
		const char *value = quota;

		if (quota && has_period)
			value = arena_printf(b->a, "%s %" PRIu64, quota, cpu->period.v);
		if (convert_add(b, &(struct cgroup_setting){
					   .controller = "cpu",
					   .file = "cpu.max",
					   .value = value,
					   .field = has_quota ? RES "cpu.quota" : RES "cpu.period",
					   .at = has_quota ? cpu->quota.at : cpu->period.at,
					   .optional = !limited,
					   .shows = has_period && cpu->period.v != 100000 }) < 0)
			return -1;
	}
	if (!cpu->burst.set)
		return 0;

	return convert_add(
		b, &(struct cgroup_setting){ .controller = "cpu",
					     .file = "cpu.max.burst",
					     .value = arena_printf(b->a, "%" PRIu64, cpu->burst.v),
					     .field = RES "cpu.burst",
					     .at = cpu->burst.at,
					     .optional = cpu->burst.v == 0 });
}

static int plan_cpuset(struct converter *b, const struct oci_cpu *cpu)
{
	if (cpu->cpus && cpu->cpus[0] &&
	    convert_add(b, &(struct cgroup_setting){ .controller = "cpuset",
						     .file = "cpuset.cpus",
						     .value = cpu->cpus,
						     .field = RES "cpu.cpus",
						     .at = cpu->at }) < 0)
		return -1;
	if (cpu->mems && cpu->mems[0] &&
	    convert_add(b, &(struct cgroup_setting){ .controller = "cpuset",
						     .file = "cpuset.mems",
						     .value = cpu->mems,
						     .field = RES "cpu.mems",
						     .at = cpu->at }) < 0)
		return -1;

	return 0;
}

static int plan_cpu(struct converter *b)
{
	const struct oci_cpu *cpu = &b->r->cpu;

	if (plan_shares(b, cpu) < 0 || plan_bandwidth(b, cpu) < 0)
		return -1;

	return plan_cpuset(b, cpu);
}

/* ---- pids ----------------------------------------------------------------------------------- */

/* C-PIDS-01 to -03: 0 means 0. */
static int plan_pids(struct converter *b)
{
	const struct opt_i64 *limit = &b->r->pids_limit;

	if (!limit->set)
		return 0;
	return convert_add(
		b, &(struct cgroup_setting){ .controller = "pids",
					     .file = "pids.max",
					     .value = limit->v < 0 ? "max" : number(b, limit->v),
					     .field = RES "pids.limit",
					     .at = limit->at,
					     .optional = limit->v < 0 });
}

/* ---- unified -------------------------------------------------------------------------------- */

/* Core files that act on processes instead of setting something. Written by us they would move
 * processes of the host (or ourselves) into the container's cgroup, where `delete` kills them, or
 * stop the container before it runs (R-LIFE-26). */
static const char *const forbidden_files[] = { "cgroup.procs", "cgroup.threads", "cgroup.kill",
					       "cgroup.type", "cgroup.freeze" };

/* The name of one file in the container's own cgroup (C-UNI-05), and a setting. */
static bool is_setting(const char *key)
{
	const char *dot = strchr(key, '.');

	if (!dot || dot == key || dot[1] == '\0' || !path_is_component(key))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(forbidden_files); i++) {
		if (strcmp(key, forbidden_files[i]) == 0)
			return false;
	}

	return true;
}

/* "max" is the kernel's default wherever it is allowed in these. */
static bool asks_for_nothing(const char *file, const char *value)
{
	const char *suffix = strrchr(file, '.');

	return strcmp(value, "max") == 0 && suffix &&
	       (strcmp(suffix, ".max") == 0 || strcmp(suffix, ".high") == 0);
}

/* One write for each line (C-UNI-01): the kernel parses one device of io.max per write. */
static int plan_unified_value(struct converter *b, const struct json_pair *u)
{
	const char *dot = strchr(u->key, '.');
	struct cgroup_setting s = { .file = u->key,
				    .at = u->at,
				    .field = arena_printf(b->a, RES "unified.%s", u->key) };

	if (strncmp(u->key, "cgroup.", sizeof("cgroup.") - 1) != 0) {
		s.controller = arena_strndup(b->a, u->key, (size_t)(dot - u->key));
		if (!s.controller)
			return err_oom(b->err);
	}
	for (const char *line = u->value; *line;) {
		size_t len = strcspn(line, "\n");

		if (len > 0) {
			s.value = arena_strndup(b->a, line, len);
			s.optional = s.controller && s.value && asks_for_nothing(s.file, s.value);
			if (convert_add(b, &s) < 0)
				return -1;
		}
		line += len + (line[len] == '\n');
	}

	return 0;
}

static size_t count_lines(const struct json_map *map)
{
	size_t n = 0;

	for (size_t i = 0; i < map->n; i++) {
		n++;
		for (const char *p = map->v[i].value; *p; p++)
			n += *p == '\n';
	}

	return n;
}

/* ---- all ------------------------------------------------------------------------------------ */

static size_t count_lists(const struct oci_resources *r)
{
	const struct oci_block_io *io = &r->block_io;

	return count_lines(&r->unified) + io->n_weight_devices + io->n_read_bps + io->n_write_bps +
	       io->n_read_iops + io->n_write_iops + 2 * r->n_hugepages + r->n_rdma;
}

static int plan_unified(struct converter *b)
{
	for (size_t i = 0; i < b->r->unified.n; i++) {
		const struct json_pair *u = &b->r->unified.v[i];

		if (!is_setting(u->key))
			return config_fail(b->c, u->at, b->err,
					   "%s: '%s' is not the name of a cgroup setting",
					   convert_shown(b, RES "unified"), u->key);
		if (plan_unified_value(b, u) < 0)
			return -1;
	}

	return 0;
}

int cgroup_convert(const struct oci_resources *r, struct arena *a, struct cgroup_plan *p,
		   struct err *err)
{
	struct converter b = { .c = p->config, .r = r, .a = a, .p = p, .err = err };

	if (!r->present)
		return 0;

	b.room = MAX_CONVERTED + count_lists(r);
	p->settings = ARENA_NEW(a, struct cgroup_setting, b.room);
	if (!p->settings)
		return err_oom(err);
	if ((r->memory.present && plan_memory(&b) < 0) || (r->cpu.present && plan_cpu(&b) < 0) ||
	    plan_pids(&b) < 0 || convert_block_io(&b) < 0 || convert_hugepages(&b) < 0 ||
	    convert_rdma(&b) < 0)
		return -1;

	/* C-UNI-08: they override what was converted. */
	return plan_unified(&b);
}
