/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "cli/cli.h"
#include "container/events.h"

/* clang-format off */
static const struct opt events_opts[] = {
	{ "interval", 0, OPT_STRING, offsetof(struct cli, interval), "DURATION",
	  "time between two readings (default: 5s)", NULL },
	{ "pressure", 0, OPT_LIST, offsetof(struct cli, pressure), "TRIGGER",
	  "tell of stalls, such as memory:some:150ms/1s", NULL },
	{ "stats", 0, OPT_FLAG, offsetof(struct cli, once), NULL,
	  "print one reading and exit", NULL },
	OPT_HELP_ROW,
	OPT_END,
};
/* clang-format on */

#define INTERVAL_NS (5 * UINT64_C(1000000000))

static int print_line(void *arg, const char *line, struct err *err)
{
	struct cli *c = arg;

	str_add(&c->out, line);

	return cli_flush(c, err);
}

static int take_triggers(const struct cli *c, struct events_options *o, struct err *err)
{
	if (c->pressure.n > EVENTS_PRESSURE_MAX)
		return err_set(err, ERR_USAGE, "--pressure: at most %d triggers",
			       EVENTS_PRESSURE_MAX);
	for (size_t i = 0; i < c->pressure.n; i++) {
		if (pressure_parse(c->pressure.v[i], &o->pressure[i], err) < 0)
			return err_wrap(err, "--pressure");
		o->n_pressure++;
	}

	return 0;
}

static int do_events(struct cli *c, struct err *err)
{
	AUTO_ARENA a = ARENA_INIT;
	AUTO_FD root = -1;
	struct events_options o = { .print = print_line, .arg = c };
	struct cgroup_stats s;

	if (cli_interval(c, INTERVAL_NS, &o.interval_ns, err) < 0 ||
	    take_triggers(c, &o, err) < 0 || cli_take_id(c, err) < 0 ||
	    cli_open_root(c, false, &root, err) < 0)
		return -1;
	o.id = c->id;
	if (!c->once)
		return container_events(root, &o, err);
	if (container_stats(root, c->id, &a, &s, err) < 0)
		return -1;
	events_print_stats(&c->out, c->id, &s);

	return 0;
}

const struct command command_events = {
	.name = "events",
	.operands = "ID",
	.summary = "print what a container uses, for programs",
	.text = "Prints a JSON object with what a container uses in each interval, one when a\n"
		"process was killed because memory was out, and one when a trigger fires. Ends\n"
		"with the container. DURATION has units, such as 5s, 500ms or 1m30s.\n",
	.example = "  # cruntime events --stats web\n"
		   "  # cruntime events --interval 1s web\n",
	.opts = events_opts,
	.min_operands = 1,
	.max_operands = 1,
	.run = do_events,
};
