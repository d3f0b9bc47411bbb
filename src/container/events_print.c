/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of `events`: names, order and what is left out when it is zero are runc's. What only
 * version 1 of cgroups knows (times per processor, kernel memory, cpuset flags) is zero or absent
 * there too. */
#include "container/events.h"

#include <inttypes.h>
#include <string.h>

#include "base/json_write.h"

static void put_some(struct json_writer *w, const char *key, uint64_t value)
{
	if (value > 0)
		json_put_u64(w, key, value);
}

static void put_hundredths(struct json_writer *w, const char *key, uint64_t value)
{
	AUTO_STR text = STR_INIT;

	str_addf(&text, "%" PRIu64 ".%02u", value / 100, (unsigned)(value % 100));
	if (!str_text(&text))
		w->out->failed = true;
	else
		json_put_raw(w, key, text.s);
}

static void put_pressure_line(struct json_writer *w, const char *key,
			      const struct cgroup_pressure_line *l)
{
	json_open(w, key, '{');
	put_hundredths(w, "avg10", l->avg10);
	put_hundredths(w, "avg60", l->avg60);
	put_hundredths(w, "avg300", l->avg300);
	json_put_u64(w, "total", l->total_us);
	json_close(w, '}');
}

static void put_pressure(struct json_writer *w, const struct cgroup_pressure *p)
{
	if (!p->set)
		return;
	json_open(w, "psi", '{');
	put_pressure_line(w, "some", &p->some);
	put_pressure_line(w, "full", &p->full);
	json_close(w, '}');
}

static void put_cpu(struct json_writer *w, const struct cgroup_cpu *cpu)
{
	json_open(w, "cpu", '{');
	json_open(w, "usage", '{');
	put_some(w, "total", cpu->total_ns);
	json_put_u64(w, "kernel", cpu->system_ns);
	json_put_u64(w, "user", cpu->user_ns);
	json_close(w, '}');
	json_open(w, "throttling", '{');
	put_some(w, "periods", cpu->periods);
	put_some(w, "throttledPeriods", cpu->throttled_periods);
	put_some(w, "throttledTime", cpu->throttled_ns);
	json_close(w, '}');
	put_pressure(w, &cpu->pressure);
	json_close(w, '}');
}

static void put_cpuset(struct json_writer *w)
{
	static const char *const flags[] = { "cpu_exclusive",           "mem_hardwall",
					     "mem_exclusive",           "memory_migrate",
					     "memory_spread_page",      "memory_spread_slab",
					     "memory_pressure",         "sched_load_balance",
					     "sched_relax_domain_level" };

	json_open(w, "cpuset", '{');
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		json_put_u64(w, flags[i], 0);
	json_close(w, '}');
}

static void put_amount(struct json_writer *w, const char *key, const struct cgroup_amount *a)
{
	json_open(w, key, '{');
	json_put_u64(w, "limit", a->limit);
	put_some(w, "usage", a->usage);
	put_some(w, "max", a->peak);
	json_put_u64(w, "failcnt", 0);
	json_close(w, '}');
}

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void put_memory(struct json_writer *w, const struct cgroup_memory *m)
{
	static const struct cgroup_amount none = { .set = false };
	/* Version 1 counted memory into it, and so do readers. The peaks are of different times. */
	const struct cgroup_amount swap = {
		.usage = add_saturated(m->memory.usage, m->swap.usage),
		.limit = add_saturated(m->memory.limit, m->swap.limit),
	};

	json_open(w, "memory", '{');
	for (size_t i = 0; i < m->n_counters; i++) {
		if (strcmp(m->counters[i].name, "file") == 0)
			put_some(w, "cache", m->counters[i].value);
	}
	put_amount(w, "usage", &m->memory);
	put_amount(w, "swap", &swap);
	put_amount(w, "kernel", &none);
	put_amount(w, "kernelTCP", &none);
	if (m->n_counters > 0) {
		json_open(w, "raw", '{');
		for (size_t i = 0; i < m->n_counters; i++)
			json_put_u64(w, m->counters[i].name, m->counters[i].value);
		json_close(w, '}');
	}
	put_pressure(w, &m->pressure);
	json_close(w, '}');
}

static void put_pids(struct json_writer *w, const struct cgroup_amount *p)
{
	json_open(w, "pids", '{');
	put_some(w, "current", p->usage);
	put_some(w, "limit", p->limit == CGROUP_NO_LIMIT ? 0 : p->limit);
	json_close(w, '}');
}

static void put_io_entry(struct json_writer *w, const struct cgroup_io_device *d, const char *op,
			 uint64_t value)
{
	json_open(w, NULL, '{');
	put_some(w, "major", d->major);
	put_some(w, "minor", d->minor);
	json_put_string(w, "op", op);
	put_some(w, "value", value);
	json_close(w, '}');
}

static void put_blkio(struct json_writer *w, const struct cgroup_io *io)
{
	json_open(w, "blkio", '{');
	if (io->n_devices > 0) {
		json_open(w, "ioServiceBytesRecursive", '[');
		for (size_t i = 0; i < io->n_devices; i++) {
			put_io_entry(w, &io->devices[i], "Read", io->devices[i].rbytes);
			put_io_entry(w, &io->devices[i], "Write", io->devices[i].wbytes);
			put_io_entry(w, &io->devices[i], "Discard", io->devices[i].dbytes);
		}
		json_close(w, ']');
		json_open(w, "ioServicedRecursive", '[');
		for (size_t i = 0; i < io->n_devices; i++) {
			put_io_entry(w, &io->devices[i], "Read", io->devices[i].rios);
			put_io_entry(w, &io->devices[i], "Write", io->devices[i].wios);
			put_io_entry(w, &io->devices[i], "Discard", io->devices[i].dios);
		}
		json_close(w, ']');
	}
	put_pressure(w, &io->pressure);
	json_close(w, '}');
}

static void put_hugetlb(struct json_writer *w, const struct cgroup_stats *s)
{
	json_open(w, "hugetlb", '{');
	for (size_t i = 0; i < s->n_hugetlb; i++) {
		json_open(w, s->hugetlb[i].size, '{');
		put_some(w, "usage", s->hugetlb[i].usage);
		json_put_u64(w, "failcnt", s->hugetlb[i].failures);
		json_close(w, '}');
	}
	json_close(w, '}');
}

void events_print_stats(struct str *out, const char *id, const struct cgroup_stats *s)
{
	struct json_writer w = { .out = out };

	json_open(&w, NULL, '{');
	json_put_string(&w, "type", "stats");
	json_put_string(&w, "id", id);
	json_open(&w, "data", '{');
	put_cpu(&w, &s->cpu);
	put_cpuset(&w);
	put_memory(&w, &s->memory);
	put_pids(&w, &s->pids);
	put_blkio(&w, &s->io);
	put_hugetlb(&w, s);
	json_open(&w, "intel_rdt", '{');
	json_close(&w, '}');
	json_put_raw(&w, "network_interfaces", "null");
	json_close(&w, '}');
	json_close(&w, '}');
	str_add(out, "\n");
}

void events_print_oom(struct str *out, const char *id)
{
	struct json_writer w = { .out = out };

	json_open(&w, NULL, '{');
	json_put_string(&w, "type", "oom");
	json_put_string(&w, "id", id);
	json_close(&w, '}');
	str_add(out, "\n");
}

void events_print_pressure(struct str *out, const char *id, const struct pressure_trigger *t)
{
	struct json_writer w = { .out = out };

	json_open(&w, NULL, '{');
	json_put_string(&w, "type", "pressure");
	json_put_string(&w, "id", id);
	json_open(&w, "data", '{');
	json_put_string(&w, "resource", t->resource);
	json_put_string(&w, "kind", t->full ? "full" : "some");
	json_put_u64(&w, "stall", UINT64_C(1000) * t->stall_us);
	json_put_u64(&w, "window", UINT64_C(1000) * t->window_us);
	json_close(&w, '}');
	json_close(&w, '}');
	str_add(out, "\n");
}
