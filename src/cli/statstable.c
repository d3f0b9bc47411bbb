/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/statstable.h"

#include <inttypes.h>
#include <string.h>

#include "base/json_write.h"

enum {
	ID,
	CPU,
	MEMORY,
	MEMORY_PERCENT,
	PIDS,
	IO,
	N_COLUMNS
};

struct line {
	const char *cells[N_COLUMNS];
};

/* A value that may be unknown. */
struct maybe {
	bool set;
	uint64_t v;
};

static struct maybe usage_of(const struct stats_row *r, const struct cgroup_amount *a)
{
	return (struct maybe){ .set = r->known && a->set, .v = a->usage };
}

static struct maybe limit_of(const struct stats_row *r, const struct cgroup_amount *a)
{
	return (struct maybe){ .set = r->known && a->set && a->limit != CGROUP_NO_LIMIT,
			       .v = a->limit };
}

/* Without the controller they were counted. */
static struct maybe pids_of(const struct stats_row *r)
{
	return (struct maybe){ .set = r->known, .v = r->stats.pids.usage };
}

static struct maybe read_bytes(const struct stats_row *r)
{
	struct maybe sum = { .set = r->known && r->stats.io.set };

	for (size_t i = 0; i < r->stats.io.n_devices; i++)
		sum.v += r->stats.io.devices[i].rbytes;

	return sum;
}

static struct maybe written_bytes(const struct stats_row *r)
{
	struct maybe sum = { .set = r->known && r->stats.io.set };

	for (size_t i = 0; i < r->stats.io.n_devices; i++)
		sum.v += r->stats.io.devices[i].wbytes;

	return sum;
}

/* Of the memory limit; one of 0 is used up by anything. */
static bool memory_percent(const struct stats_row *r, double *ret)
{
	struct maybe usage = usage_of(r, &r->stats.memory.memory);
	struct maybe limit = limit_of(r, &r->stats.memory.memory);

	if (!usage.set || !limit.set)
		return false;

	*ret = limit.v ? 100 * (double)usage.v / (double)limit.v : 100;
	return true;
}

/* ---- table ----------------------------------------------------------------------------------- */

/* "512B", "1.5MiB" */
static const char *size_text(struct arena *a, struct maybe size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)size.v;
	size_t i = 0;

	if (!size.set)
		return "-";
	while (value >= 1024 && i + 1 < ARRAY_LEN(units)) {
		value /= 1024;
		i++;
	}

	return arena_printf(a, i == 0 ? "%.0f%s" : "%.1f%s", value, units[i]);
}

static const char *percent_text(struct arena *a, bool known, double percent)
{
	return known ? arena_printf(a, "%.2f%%", percent) : "-";
}

static const char *pair_text(struct arena *a, struct maybe first, struct maybe second)
{
	const char *one = size_text(a, first), *other = size_text(a, second);

	return one && other ? arena_printf(a, "%s / %s", one, other) : NULL;
}

static int make_line(struct arena *a, const struct stats_row *r, struct line *ret, struct err *err)
{
	const struct cgroup_amount *memory = &r->stats.memory.memory;
	double percent = 0;
	bool has_percent = memory_percent(r, &percent);

	ret->cells[ID] = r->id;
	ret->cells[CPU] = percent_text(a, r->has_cpu, r->cpu_percent);
	ret->cells[MEMORY] = pair_text(a, usage_of(r, memory), limit_of(r, memory));
	ret->cells[MEMORY_PERCENT] = percent_text(a, has_percent, percent);
	ret->cells[PIDS] = pids_of(r).set ? arena_printf(a, "%" PRIu64, r->stats.pids.usage) : "-";
	ret->cells[IO] = pair_text(a, read_bytes(r), written_bytes(r));
	for (int i = 0; i < N_COLUMNS; i++) {
		if (!ret->cells[i])
			return err_oom(err);
	}

	return 0;
}

int stats_print_table(struct str *out, const struct stats_row *rows, size_t n, struct arena *a,
		      struct err *err)
{
	static const struct line header = { { "ID", "CPU %", "MEM USAGE / LIMIT", "MEM %", "PIDS",
					      "BLOCK I/O" } };
	size_t width[N_COLUMNS] = { 0 };

	struct line *lines = ARENA_NEW(a, struct line, n + 1);
	if (!lines)
		return err_oom(err);
	lines[0] = header;
	for (size_t i = 0; i < n; i++) {
		if (make_line(a, &rows[i], &lines[i + 1], err) < 0)
			return -1;
	}

	for (size_t i = 0; i <= n; i++) {
		for (int k = 0; k < N_COLUMNS; k++) {
			size_t len = strlen(lines[i].cells[k]);

			width[k] = len > width[k] ? len : width[k];
		}
	}
	for (size_t i = 0; i <= n; i++) {
		for (int k = 0; k < IO; k++)
			str_addf(out, "%-*s   ", (int)width[k], lines[i].cells[k]);
		str_addf(out, "%s\n", lines[i].cells[IO]);
	}

	return 0;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void put_maybe(struct json_writer *w, const char *key, struct maybe m)
{
	if (m.set)
		json_put_u64(w, key, m.v);
	else
		json_put_raw(w, key, "null");
}

static void put_percent(struct json_writer *w, const char *key, bool known, double percent)
{
	AUTO_STR text = STR_INIT;

	str_addf(&text, "%.2f", percent);
	if (!str_text(&text))
		w->out->failed = true;
	else
		json_put_raw(w, key, known ? text.s : "null");
}

static void put_row(struct json_writer *w, const struct stats_row *r)
{
	const struct cgroup_stats *s = &r->stats;
	double percent = 0;
	bool has_percent = memory_percent(r, &percent);

	json_open(w, NULL, '{');
	json_put_string(w, "id", r->id);
	json_open(w, "cpu", '{');
	put_percent(w, "percent", r->has_cpu, r->cpu_percent);
	put_maybe(w, "total_ns", (struct maybe){ r->known && s->cpu.set, s->cpu.total_ns });
	json_close(w, '}');
	json_open(w, "memory", '{');
	put_maybe(w, "usage", usage_of(r, &s->memory.memory));
	put_maybe(w, "limit", limit_of(r, &s->memory.memory));
	put_percent(w, "percent", has_percent, percent);
	json_close(w, '}');
	json_open(w, "pids", '{');
	put_maybe(w, "current", pids_of(r));
	put_maybe(w, "limit", limit_of(r, &s->pids));
	json_close(w, '}');
	json_open(w, "block_io", '{');
	put_maybe(w, "read", read_bytes(r));
	put_maybe(w, "write", written_bytes(r));
	json_close(w, '}');
	json_close(w, '}');
}

void stats_print_json(struct str *out, const struct stats_row *rows, size_t n)
{
	struct json_writer w = { .out = out };

	json_open(&w, NULL, '[');
	for (size_t i = 0; i < n; i++)
		put_row(&w, &rows[i]);
	json_close(&w, ']');
	str_add(out, "\n");
}
