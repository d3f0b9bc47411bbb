/* SPDX-License-Identifier: Apache-2.0 */
/* stats: two readings with an interval between them make a block, because processor time is only
 * known as a sum. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/cli.h"
#include "cli/statstable.h"
#include "container/events.h"
#include "container/store.h"

/* clang-format off */
static const struct opt stats_opts[] = {
	{ "no-stream", 0, OPT_FLAG, offsetof(struct cli, once), NULL,
	  "print once and exit", NULL },
	{ "interval", 0, OPT_STRING, offsetof(struct cli, interval), "DURATION",
	  "what CPU % is of (default: 1s; once: 250ms)", NULL },
	{ "format", 'f', OPT_CHOICE, offsetof(struct cli, format), "FORMAT",
	  "table or json (default: table)", cli_formats },
	OPT_HELP_ROW,
	OPT_END,
};
/* clang-format on */

#define INTERVAL_NS      UINT64_C(1000000000)
#define INTERVAL_ONCE_NS UINT64_C(250000000)

/* Cursor home, clear the screen. */
#define TERMINAL_CLEAR "\033[H\033[2J"

/* One reading of all containers, with the time of each. */
struct readings {
	struct arena arena;
	struct stats_row *rows;
	uint64_t *at_ns;
	size_t n;
};
#define READINGS_INIT                                                                              \
	{                                                                                          \
		.arena = ARENA_INIT                                                                \
	}
static void readings_done(struct readings *r)
{
	arena_done(&r->arena);
	*r = (struct readings)READINGS_INIT;
}
#define AUTO_READINGS AUTO(readings_done) struct readings

static uint64_t now_ns(void)
{
	struct timespec now = { .tv_sec = 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */

	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The containers that are asked about: those named, or all that have processes. */
static int list_ids(const struct cli *c, int root, struct readings *r, const char ***ret,
		    size_t *ret_n, struct err *err)
{
	struct container_info *infos = NULL;
	size_t n = c->n_operands, found = 0;

	if (n == 0 && container_list(root, &r->arena, &infos, &n, err) < 0)
		return -1;
	const char **ids = ARENA_NEW(&r->arena, const char *, n);
	if (!ids)
		return err_oom(err);
	for (size_t i = 0; i < n; i++) {
		if (!infos)
			ids[found++] = c->operands[i];
		else if (infos[i].state.status == STATUS_CREATED ||
			 infos[i].state.status == STATUS_RUNNING ||
			 infos[i].state.status == STATUS_PAUSED)
			ids[found++] = infos[i].state.id;
	}

	*ret = ids;
	*ret_n = found;
	return 0;
}

/* A container that is named must be there in the FIRST reading, and is left out when it has ended
 * later. Of all containers, none hides the others: what cannot be read is unknown (D-07). */
static int take_readings(const struct cli *c, int root, bool first, struct readings *r,
			 struct err *err)
{
	const char **ids = NULL;
	size_t n = 0;

	if (list_ids(c, root, r, &ids, &n, err) < 0)
		return -1;
	r->rows = ARENA_NEW(&r->arena, struct stats_row, n);
	r->at_ns = ARENA_NEW(&r->arena, uint64_t, n);
	if (!r->rows || !r->at_ns)
		return err_oom(err);
	for (size_t i = 0; i < n; i++) {
		struct stats_row *row = &r->rows[r->n];
		struct err why = ERR_INIT;

		row->id = ids[i];
		row->known = container_stats(root, ids[i], &r->arena, &row->stats, &why) == 0;
		if (!row->known && c->n_operands > 0) {
			if (why.kind == ERR_STATE && !first)
				continue;
			*err = why;
			return -1;
		}
		r->at_ns[r->n++] = now_ns();
	}

	return 0;
}

/* What happened between the readings OLD and NEW. Less processor time than before means that
 * another container has the id. */
static void compare(const struct readings *old, struct readings *new)
{
	for (size_t i = 0; i < new->n; i++) {
		struct stats_row *row = &new->rows[i];

		for (size_t k = 0; k < old->n; k++) {
			const struct stats_row *before = &old->rows[k];

			if (strcmp(before->id, row->id) != 0 || !before->known || !row->known ||
			    row->stats.cpu.total_ns < before->stats.cpu.total_ns ||
			    new->at_ns[i] == old->at_ns[k])
				continue;
			row->has_cpu = true;
			row->cpu_percent =
				100 *
				(double)(row->stats.cpu.total_ns - before->stats.cpu.total_ns) /
				(double)(new->at_ns[i] - old->at_ns[k]);
		}
	}
}

static int print_block(struct cli *c, struct readings *r, bool redraw, struct err *err)
{
	if (redraw)
		str_add(&c->out, TERMINAL_CLEAR);
	if (c->format == FORMAT_JSON)
		stats_print_json(&c->out, r->rows, r->n);
	else if (stats_print_table(&c->out, r->rows, r->n, &r->arena, err) < 0)
		return -1;

	return cli_flush(c, err);
}

static int do_stats(struct cli *c, struct err *err)
{
	AUTO_READINGS old = READINGS_INIT;
	AUTO_FD root = -1;
	AUTO_FD timer = -1;
	uint64_t interval_ns, turns;
	bool redraw = !c->once && c->format != FORMAT_JSON && isatty(STDOUT_FILENO);

	for (size_t i = 0; i < c->n_operands; i++) {
		if (store_check_id(c->operands[i], err) < 0)
			return -1;
	}
	if (c->n_operands == 1)
		c->id = c->operands[0];
	if (cli_interval(c, c->once ? INTERVAL_ONCE_NS : INTERVAL_NS, &interval_ns, err) < 0 ||
	    cli_open_root(c, false, &root, err) < 0 ||
	    take_readings(c, root, true, &old, err) < 0 ||
	    fd_open_timer(interval_ns, &timer, err) < 0)
		return -1;

	for (bool more = true; more; more = !c->once) {
		struct readings new = READINGS_INIT;

		if (RETRY(read(timer, &turns, sizeof(turns))) < 0)
			return err_sys(err, "read a timer");

		int rc = take_readings(c, root, false, &new, err);
		compare(&old, &new);
		readings_done(&old);
		old = new;
		if (rc < 0)
			return -1;
		if (new.n == 0 && c->n_operands > 0 && !c->once)
			return 0;
		if (print_block(c, &old, redraw, err) < 0)
			return -1;
	}

	return 0;
}

const struct command command_stats = {
	.name = "stats",
	.operands = "[ID...]",
	.summary = "show what containers use, for people",
	.text = "Shows a table of what containers use: those named, or all that have processes.\n"
		"On a terminal it is drawn again after each interval; elsewhere one follows the\n"
		"other. CPU % is of one processor; - is unknown, or no limit.\n",
	.example = "  # cruntime stats\n"
		   "  # cruntime stats --no-stream --format json web\n",
	.opts = stats_opts,
	.max_operands = SIZE_MAX,
	.run = do_stats,
};
