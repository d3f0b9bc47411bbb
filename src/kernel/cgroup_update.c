/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of an update. In an update "absent" means "as it is" (C-CGP-17), but version 2 has files
 * with two values (cpu.max) and memory.swap in the config is a total. So the document is completed
 * by what is in force, checked against it, and then converted like that of a new container. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/str.h"
#include "cgroup_update-internal.h"
#include "kernel/cgroup-internal.h"

/* ---- what is in force ----------------------------------------------------------------------- */

/* The number in the first LEN bytes of TEXT, "max" being CGROUP_NO_LIMIT. */
static int parse_limit(const char *text, size_t len, uint64_t *ret)
{
	char word[32];

	if (len >= sizeof(word))
		return -1;
	memcpy(word, text, len);
	word[len] = '\0';
	if (strcmp(word, "max") != 0)
		return parse_u64(word, ret);

	*ret = CGROUP_NO_LIMIT;
	return 0;
}

/* Reads FILE, which has one number or "max", or two with RET2. A missing one leaves the values
 * alone; *has (may be NULL) says whether it is there. */
static int read_limit(const struct cgroup *cg, const char *file, uint64_t *ret, uint64_t *ret2,
		      bool *has, struct err *err)
{
	char text[128];
	uint64_t first;
	uint64_t second = 0;

	ssize_t n = file_read_small_at(cg->fd, file, text, sizeof(text));
	if (has)
		*has = n >= 0;
	if (n < 0)
		return errno == ENOENT ? 0 : err_sys(err, "read '%s'", file);

	size_t len = strcspn(text, " \n");
	const char *rest = text + len + (text[len] == ' ');
	if (parse_limit(text, len, &first) < 0 ||
	    (ret2 && parse_limit(rest, strcspn(rest, "\n"), &second) < 0))
		return err_set(err, ERR_SYSTEM, "'%s' says '%.*s'", file, (int)strcspn(text, "\n"),
			       text);

	*ret = first;
	if (ret2)
		*ret2 = second;
	return 0;
}

static int read_now(const struct cgroup *cg, struct cgroup_now *now, struct err *err)
{
	uint64_t idle = 0;

	*now = (struct cgroup_now){ .memory_max = CGROUP_NO_LIMIT,
				    .swap_max = CGROUP_NO_LIMIT,
				    .quota = CGROUP_NO_LIMIT,
				    .period = 100000 };
	if (read_limit(cg, "memory.max", &now->memory_max, NULL, NULL, err) < 0 ||
	    read_limit(cg, "memory.current", &now->memory_current, NULL, NULL, err) < 0 ||
	    read_limit(cg, "memory.swap.max", &now->swap_max, NULL, &now->has_swap, err) < 0 ||
	    read_limit(cg, "memory.swap.current", &now->swap_current, NULL, NULL, err) < 0 ||
	    read_limit(cg, "cpu.max", &now->quota, &now->period, NULL, err) < 0 ||
	    read_limit(cg, "cpu.max.burst", &now->burst, NULL, NULL, err) < 0 ||
	    read_limit(cg, "cpu.idle", &idle, NULL, NULL, err) < 0)
		return -1;
	now->idle = idle != 0;

	return 0;
}

/* ---- completed and checked ------------------------------------------------------------------ */

/* A new limit alone: the total with swap stays, as far as there is one. A total that the new limit
 * exceeds cannot stay. */
static int keep_total(const struct oci_config *c, const struct cgroup_now *now,
		      struct oci_memory *m, struct err *err)
{
	uint64_t total;

	if (!now->has_swap || now->swap_max == CGROUP_NO_LIMIT ||
	    now->memory_max == CGROUP_NO_LIMIT)
		return 0;
	if (__builtin_add_overflow(now->memory_max, now->swap_max, &total) || total > INT64_MAX)
		return 0;
	if ((uint64_t)m->limit.v > total)
		return config_fail(c, m->limit.at, err,
				   "memory.limit: is above the %" PRIu64
				   " bytes of memory plus swap that the container may have; give "
				   "memory.swap as well",
				   total);

	m->swap = (struct opt_i64){ .set = true, .at = m->limit.at, .v = (int64_t)total };
	return 0;
}

/* A new total alone. */
static int keep_limit(const struct oci_config *c, const struct cgroup_now *now,
		      struct oci_memory *m, struct err *err)
{
	if (now->memory_max > INT64_MAX)
		return config_fail(c, m->swap.at, err,
				   "memory.swap: is memory plus swap, and the container has no "
				   "limit on memory; give memory.limit as well");
	if ((uint64_t)m->swap.v < now->memory_max)
		return config_fail(c, m->swap.at, err,
				   "memory.swap: is memory plus swap, and so cannot be below the "
				   "%" PRIu64 " bytes of memory that the container may have",
				   now->memory_max);

	m->limit = (struct opt_i64){ .set = true, .at = m->swap.at, .v = (int64_t)now->memory_max };
	return 0;
}

/* C-MEM-09; with runc's words, and in its order. */
static int check_usage(const struct oci_config *c, const struct cgroup_now *now,
		       const struct oci_memory *m, struct err *err)
{
	const uint64_t both = now->memory_current + now->swap_current;

	if (!m->check_before_update.v || m->limit.v <= 0)
		return 0;
	if (m->swap.v > 0 && (uint64_t)m->swap.v < both)
		return config_fail(c, m->swap.at, err,
				   "memory.swap: rejecting memory+swap limit: the container uses "
				   "%" PRIu64 " bytes of both now (memory.checkBeforeUpdate)",
				   both);
	if ((uint64_t)m->limit.v < now->memory_current)
		return config_fail(c, m->limit.at, err,
				   "memory.limit: rejecting memory limit: the container uses "
				   "%" PRIu64 " bytes now (memory.checkBeforeUpdate)",
				   now->memory_current);
	if (m->swap.v > 0 && (uint64_t)(m->swap.v - m->limit.v) < now->swap_current)
		return config_fail(c, m->swap.at, err,
				   "memory.swap: the container uses %" PRIu64
				   " bytes of swap now (memory.checkBeforeUpdate)",
				   now->swap_current);

	return 0;
}

/* 0 counts as unset in both (table of section 13b). */
static int complete_memory(const struct oci_config *c, const struct cgroup_now *now,
			   struct oci_memory *m, struct err *err)
{
	if (m->limit.v > 0 && m->swap.v == 0 && keep_total(c, now, m, err) < 0)
		return -1;
	if (m->limit.v == 0 && m->swap.v > 0 && keep_limit(c, now, m, err) < 0)
		return -1;

	return check_usage(c, now, m, err);
}

/* C-CPU-05 to -07: a quota keeps the period, a period the quota. */
static void complete_bandwidth(const struct cgroup_now *now, struct oci_cpu *cpu)
{
	bool has_quota = cpu->quota.v != 0;
	bool has_period = cpu->period.v != 0;

	if (has_quota && !has_period)
		cpu->period =
			(struct opt_u64){ .set = true, .at = cpu->quota.at, .v = now->period };
	if (has_period && !has_quota)
		cpu->quota =
			(struct opt_i64){ .set = true,
					  .at = cpu->period.at,
					  .v = now->quota > INT64_MAX ? -1 : (int64_t)now->quota };
}

/* C-CPU-09, C-CPU-13: what the kernel would refuse with a bare EINVAL */
static int complete_cpu(const struct oci_config *c, const struct cgroup_now *now,
			struct oci_cpu *cpu, struct err *err)
{
	complete_bandwidth(now, cpu);

	uint64_t quota = cpu->quota.v > 0   ? (uint64_t)cpu->quota.v
			 : cpu->quota.v < 0 ? CGROUP_NO_LIMIT
					    : now->quota;
	if (cpu->burst.set && cpu->burst.v > quota)
		return config_fail(c, cpu->burst.at, err,
				   "cpu.burst: is above the quota of %" PRIu64
				   " microseconds in force",
				   quota);
	if (!cpu->burst.set && now->burst > quota)
		return config_fail(c, cpu->quota.at, err,
				   "cpu.quota: is below the burst of %" PRIu64
				   " microseconds in force; give cpu.burst as well",
				   now->burst);
	if (cpu->shares.v != 0 && !cpu->idle.set && now->idle)
		return config_fail(c, cpu->shares.at, err,
				   "cpu.shares: an idle container has none; set cpu.idle to 0 as "
				   "well");

	return 0;
}

/* ---- order ---------------------------------------------------------------------------------- */

static struct cgroup_change *find(struct cgroup_update *u, const char *file)
{
	for (size_t i = 0; i < u->n; i++) {
		if (u->v[i].s.value && strcmp(u->v[i].s.file, file) == 0)
			return &u->v[i];
	}

	return NULL;
}

static void swap_places(struct cgroup_change *a, struct cgroup_change *b)
{
	struct cgroup_change t = *a;

	*a = *b;
	*b = t;
}

/* C-MEM-11: swap that grows comes first, so that what no longer fits into memory has somewhere to
 * go and nobody is killed for want of it. Swap that shrinks comes last for the same reason. */
static void order_memory(struct cgroup_update *u, const struct cgroup_now *now)
{
	struct cgroup_change *memory = find(u, "memory.max");
	struct cgroup_change *swap = find(u, "memory.swap.max");
	uint64_t wanted;

	if (!memory || !swap || swap < memory ||
	    parse_limit(swap->s.value, strlen(swap->s.value), &wanted) < 0)
		return;
	if (wanted > now->swap_max)
		swap_places(memory, swap);
}

/* C-CPU-09: the kernel refuses a quota below the burst in force. */
static void order_bandwidth(struct cgroup_update *u, const struct cgroup_now *now)
{
	struct cgroup_change *max = find(u, "cpu.max");
	struct cgroup_change *burst = find(u, "cpu.max.burst");
	uint64_t quota;

	if (!max || !burst || burst < max ||
	    parse_limit(max->s.value, strcspn(max->s.value, " "), &quota) < 0)
		return;
	if (quota < now->burst)
		swap_places(max, burst);
}

/* ---- all together --------------------------------------------------------------------------- */

int cgroup_update_plan(const struct cgroup *cg, const struct oci_config *c, struct arena *a,
		       struct cgroup_update *ret, struct err *err)
{
	struct cgroup_update u = { .plan = { .config = c } };
	struct oci_resources r = c->linux_.resources;
	struct cgroup_now now;

	if (read_now(cg, &now, err) < 0)
		return err_wrap(err, "cgroup '%s'", cg->path);
	if (r.memory.present && complete_memory(c, &now, &r.memory, err) < 0)
		return -1;
	if (r.cpu.present && complete_cpu(c, &now, &r.cpu, err) < 0)
		return -1;
	if (cgroup_convert(&r, a, &u.plan, err) < 0 ||
	    cgroup_update_changes(cg, &now, a, &u, err) < 0)
		return -1;
	order_memory(&u, &now);
	order_bandwidth(&u, &now);

	*ret = u;
	return 0;
}

static bool has_file(const struct cgroup *cg, const char *name)
{
	return name && faccessat(cg->fd, name, F_OK, 0) == 0;
}

/* A limit is wanted whose file is not there. */
static bool lacks_controller(const struct cgroup *cg, const struct cgroup_update *u)
{
	for (size_t i = 0; i < u->n; i++) {
		const struct cgroup_setting *s = &u->v[i].s;

		if (s->value && !s->optional && s->controller && !has_file(cg, s->file) &&
		    !has_file(cg, s->or_file))
			return true;
	}

	return false;
}

/* create enables only what a config needs, so a first limit may lack its controller. */
static int enable_above(const struct cgroup_hierarchy *h, const struct cgroup *cg,
			const struct cgroup_plan *p, struct err *err)
{
	char above[sizeof(cg->path)];

	AUTO_FD dir = cgroup_dir_open(h->fd, "");
	for (const char *s = cg->path; dir >= 0; s = strchr(s + 1, '/')) {
		(void)snprintf(above, sizeof(above), "%.*s", (int)(s - cg->path), cg->path);
		if (cgroup_enable(p, dir, *above ? above : "/", s == cg->path, err) < 0)
			return -1;

		const char *next = strchr(s + 1, '/');
		if (!next)
			return 0;
		(void)snprintf(above, sizeof(above), "%.*s", (int)(next - cg->path), cg->path);
		fd_close(&dir);
		dir = cgroup_dir_open(h->fd, above);
	}

	return err_sys(err, "open the cgroups above '%s'", cg->path);
}

bool cgroup_update_wants(const struct oci_config *c)
{
	const struct oci_resources *r = &c->linux_.resources;
	const struct oci_memory *m = &r->memory;
	const struct oci_cpu *cpu = &r->cpu;
	const struct oci_block_io *io = &r->block_io;

	return m->limit.v != 0 || m->swap.v != 0 || m->reservation.set || cpu->shares.v != 0 ||
	       cpu->quota.v != 0 || cpu->period.v != 0 || cpu->burst.set || cpu->idle.set ||
	       cpu->cpus || cpu->mems || r->pids_limit.set || io->weight.v != 0 ||
	       io->n_weight_devices + io->n_read_bps + io->n_write_bps + io->n_read_iops +
			       io->n_write_iops + r->n_hugepages + r->n_rdma + r->unified.n >
		       0;
}

int cgroup_update(const struct cgroup_hierarchy *h, const struct cgroup *cg,
		  const struct oci_config *c, struct err *err)
{
	AUTO_ARENA a = ARENA_INIT;
	struct cgroup_update u;

	if (cgroup_update_plan(cg, c, &a, &u, err) < 0)
		return -1;
	if (lacks_controller(cg, &u) &&
	    (enable_above(h, cg, &u.plan, err) < 0 || cgroup_update_plan(cg, c, &a, &u, err) < 0))
		return -1;

	return cgroup_update_apply(cg, &u, err);
}
