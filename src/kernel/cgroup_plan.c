/* SPDX-License-Identifier: Apache-2.0 */
/* From linux.resources, whose words are those of cgroup v1, to lines for cgroup v2 files: rows
 * C-MEM, C-CPU, C-PIDS and C-UNI. Values out of range and settings that version 2 has no file for
 * were refused by the oci layer (config_resources.c, validate_resources.c). Where a wrong value
 * would do harm here, it is looked at once more. */
#include "kernel/cgroup.h"

#include <inttypes.h>
#include <limits.h>
#include <linux/mount.h>
#include <string.h>

#include "base/path.h"
#include "base/str.h"

#define RES "linux.resources."

/* Settings that are converted; those of `unified` are counted. */
#define MAX_CONVERTED 16

struct builder {
	const struct oci_config *c;
	struct arena *a;
	struct cgroup_plan *p;
	struct err *err;
	size_t room; /* of p->settings */
};

static int add(struct builder *b, const struct cgroup_setting *s)
{
	if (!s->value || !s->field || !s->file)
		return err_oom(b->err);

	ASSERT(b->p->n_settings < b->room);
	b->p->settings[b->p->n_settings++] = *s;
	if (!s->optional)
		b->p->has_limits = true;

	return 0;
}

static const char *number(struct builder *b, int64_t v)
{
	return arena_printf(b->a, "%" PRId64, v);
}

/* ---- memory --------------------------------------------------------------------------------- */

/* memory.swap is memory plus swap in version 1 and swap alone in version 2; the table of section
 * 13b. 0 counts as unset in both, as Go callers leave it out. */
static int plan_swap(struct builder *b, const struct oci_memory *m)
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
		return add(b, &s);
	}
	if (m->swap.v < 0) {
		s.value = "max";
		s.optional = true;
		return add(b, &s);
	}
	if (limit == 0 || limit > m->swap.v)
		return config_fail(b->c, m->swap.at, b->err,
				   RES "memory.swap: is memory plus swap, so it needs memory.limit "
				       "and cannot be below it");

	s.value = number(b, limit < 0 ? m->swap.v : m->swap.v - limit);
	return add(b, &s);
}

static int plan_bytes(struct builder *b, const struct opt_i64 *v, const char *file,
		      const char *field)
{
	return add(b, &(struct cgroup_setting){ .controller = "memory",
						.file = file,
						.value = v->v < 0 ? "max" : number(b, v->v),
						.field = field,
						.at = v->at,
						.optional = v->v <= 0 });
}

static int plan_memory(struct builder *b)
{
	const struct oci_memory *m = &b->c->linux_.resources.memory;

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
static int plan_shares(struct builder *b, const struct oci_cpu *cpu)
{
	bool idle = cpu->idle.set && cpu->idle.v != 0;

	if (cpu->idle.set && add(b, &(struct cgroup_setting){ .controller = "cpu",
							      .file = "cpu.idle",
							      .value = idle ? "1" : "0",
							      .field = RES "cpu.idle",
							      .at = cpu->idle.at,
							      .optional = !idle }) < 0)
		return -1;
	if (!cpu->shares.set || cpu->shares.v == 0 || idle)
		return 0;

	uint64_t weight = cgroup_shares_to_weight(cpu->shares.v);
	return add(b, &(struct cgroup_setting){ .controller = "cpu",
						.file = "cpu.weight",
						.value = arena_printf(b->a, "%" PRIu64, weight),
						.field = RES "cpu.shares",
						.at = cpu->shares.at,
						.optional = weight == 100 });
}

/* C-CPU-04 to -07, -09: 0 is unset; a quota alone is written without a period, which then stays
 * what it is (100000 in a new cgroup). */
static int plan_bandwidth(struct builder *b, const struct oci_cpu *cpu)
{
	bool has_quota = cpu->quota.set && cpu->quota.v != 0;
	bool has_period = cpu->period.set && cpu->period.v != 0;
	bool limited = has_quota && cpu->quota.v > 0;

	if (has_quota || has_period) {
		const char *quota = limited ? number(b, cpu->quota.v) : "max";
		const char *value = quota;

		if (quota && has_period)
			value = arena_printf(b->a, "%s %" PRIu64, quota, cpu->period.v);
		if (add(b, &(struct cgroup_setting){
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

	return add(b,
		   &(struct cgroup_setting){ .controller = "cpu",
					     .file = "cpu.max.burst",
					     .value = arena_printf(b->a, "%" PRIu64, cpu->burst.v),
					     .field = RES "cpu.burst",
					     .at = cpu->burst.at,
					     .optional = cpu->burst.v == 0 });
}

static int plan_cpuset(struct builder *b, const struct oci_cpu *cpu)
{
	if (cpu->cpus && cpu->cpus[0] &&
	    add(b, &(struct cgroup_setting){ .controller = "cpuset",
					     .file = "cpuset.cpus",
					     .value = cpu->cpus,
					     .field = RES "cpu.cpus",
					     .at = cpu->at }) < 0)
		return -1;
	if (cpu->mems && cpu->mems[0] &&
	    add(b, &(struct cgroup_setting){ .controller = "cpuset",
					     .file = "cpuset.mems",
					     .value = cpu->mems,
					     .field = RES "cpu.mems",
					     .at = cpu->at }) < 0)
		return -1;

	return 0;
}

static int plan_cpu(struct builder *b)
{
	const struct oci_cpu *cpu = &b->c->linux_.resources.cpu;

	if (plan_shares(b, cpu) < 0 || plan_bandwidth(b, cpu) < 0)
		return -1;

	return plan_cpuset(b, cpu);
}

/* ---- pids ----------------------------------------------------------------------------------- */

/* C-PIDS-01 to -03: 0 means 0. */
static int plan_pids(struct builder *b)
{
	const struct opt_i64 *limit = &b->c->linux_.resources.pids_limit;

	if (!limit->set)
		return 0;
	return add(b, &(struct cgroup_setting){ .controller = "pids",
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
static int plan_unified_value(struct builder *b, const struct json_pair *u)
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
			if (add(b, &s) < 0)
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

static int plan_resources(struct builder *b)
{
	const struct oci_resources *r = &b->c->linux_.resources;

	if (!r->present)
		return 0;

	b->room = MAX_CONVERTED + count_lines(&r->unified);
	b->p->settings = ARENA_NEW(b->a, struct cgroup_setting, b->room);
	if (!b->p->settings)
		return err_oom(b->err);
	if ((r->memory.present && plan_memory(b) < 0) || (r->cpu.present && plan_cpu(b) < 0) ||
	    plan_pids(b) < 0)
		return -1;

	/* C-UNI-08: they override what was converted. */
	for (size_t i = 0; i < r->unified.n; i++) {
		const struct json_pair *u = &r->unified.v[i];

		if (!is_setting(u->key))
			return config_fail(b->c, u->at, b->err,
					   RES "unified: '%s' is not the name of a cgroup setting",
					   u->key);
		if (plan_unified_value(b, u) < 0)
			return -1;
	}

	return 0;
}

/* A filter that was not asked for, or cannot be had, is no limit that a container without a cgroup
 * would miss (C-CGD-08). */
static int plan_devices(struct builder *b)
{
	const struct oci_resources *r = &b->c->linux_.resources;
	bool denies = false;

	if (devfilter_build(r, b->a, &b->p->devices, b->err) < 0)
		return -1;
	for (size_t i = 0; i < r->n_devices; i++)
		denies |= !r->devices[i].allow;
	if (denies && b->p->devices.has_deny && devfilter_is_enforceable())
		b->p->has_limits = true;

	return 0;
}

/* C-CGP-01 to -05. A relative path counts from the root too, and "slice:prefix:name" is a name
 * like any other. */
static int plan_path(struct builder *b, const char *id)
{
	const char *given = b->c->linux_.cgroups_path;
	uint32_t at = b->c->linux_.cgroups_path_at;
	char path[sizeof(((struct cgroup *)NULL)->path)];

	if (!given) {
		ASSERT(path_is_component(id));
		b->p->path = arena_printf(b->a, "/%s", id);
		return b->p->path ? 0 : err_oom(b->err);
	}
	if (strlen(given) >= sizeof(path) - 1)
		return config_fail(b->c, at, b->err,
				   "linux.cgroupsPath: %zu bytes long; allowed: %zu", strlen(given),
				   sizeof(path) - 2);
	/* The kernel has the same rule for newlines: they would break /proc/PID/cgroup. */
	if (strchr(given, '\n') || path_normalise(given, path, sizeof(path)) < 0)
		return config_fail(b->c, at, b->err,
				   "linux.cgroupsPath: '%s' has a '..' or a newline in it, which "
				   "are not allowed",
				   given);
	if (strcmp(path, "/") == 0)
		return config_fail(b->c, at, b->err,
				   "linux.cgroupsPath: '%s' is the root of all cgroups, which no "
				   "container may have",
				   given);
	for (const char *p = path; *p;) {
		size_t len = strcspn(++p, "/");

		if (len > NAME_MAX)
			return config_fail(
				b->c, at, b->err,
				"linux.cgroupsPath: a component of %zu bytes; allowed: %d", len,
				NAME_MAX);
		p += len;
	}

	b->p->path_given = true;
	b->p->path = arena_strdup(b->a, path);
	return b->p->path ? 0 : err_oom(b->err);
}

/* The cgroup mount that the container may write to (config-linux.md, "Cgroup ownership"). */
static bool has_writable_cgroup_mount(const struct oci_config *c)
{
	char path[sizeof("/sys/fs/cgroup") + 64];

	for (size_t i = 0; i < c->n_mounts; i++) {
		const struct oci_mount *m = &c->mounts[i];
		uint64_t set = m->options.attr_set | m->options.rattr_set;

		if (!m->source || strcmp(m->source, "cgroup") != 0 || !m->type ||
		    !str_starts(m->type, "cgroup") || (set & MOUNT_ATTR_RDONLY))
			continue;
		if (path_normalise(m->destination, path, sizeof(path)) == 0 &&
		    strcmp(path, "/sys/fs/cgroup") == 0)
			return true;
	}

	return false;
}

/* C-CGP-08. A joined user namespace has no mapping here unless the config repeats it, and without
 * one nobody knows the host's uid. */
static void plan_owner(struct cgroup_plan *p, const struct oci_config *c)
{
	const struct oci_linux *l = &c->linux_;
	uint32_t uid = c->process.user.uid;

	if (!config_ns_new(c, OCI_NS_CGROUP) || !has_writable_cgroup_mount(c))
		return;
	if (!l->ns[OCI_NS_USER].present) {
		p->chown = true;
		p->owner_uid = uid;
		return;
	}
	for (size_t i = 0; i < l->n_uid_map; i++) {
		const struct oci_id_map *m = &l->uid_map[i];

		if (uid >= m->container_id && uid - m->container_id < m->size) {
			p->chown = true;
			p->owner_uid = m->host_id + (uid - m->container_id);
			return;
		}
	}
}

int cgroup_plan_build(const struct oci_config *c, const char *id, struct arena *a,
		      struct cgroup_plan *ret, struct err *err)
{
	struct cgroup_plan p = { .config = c };
	struct builder b = { .c = c, .a = a, .p = &p, .err = err };

	if (plan_path(&b, id) < 0 || plan_resources(&b) < 0 || plan_devices(&b) < 0)
		return -1;
	plan_owner(&p, c);

	*ret = p;
	return 0;
}

void cgroup_plan_done(struct cgroup_plan *p)
{
	/* All of it belongs to the arena; what is left must not be used. */
	*p = (struct cgroup_plan){ .path = NULL };
}
