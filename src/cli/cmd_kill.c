/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "cli/cli.h"
#include "oci/names.h"

/* clang-format off */
static const struct opt kill_opts[] = {
	{ "all", 'a', OPT_FLAG, offsetof(struct cli, all), NULL,
	  "signal every process of the container", NULL },
	OPT_HELP_ROW,
	OPT_END,
};
/* clang-format on */

static int do_kill(struct cli *c, struct err *err)
{
	AUTO_FD root = -1;
	const char *name = c->n_operands > 1 ? c->operands[1] : NULL;
	int sig = KILL_STOP_SIGNAL;

	if (cli_take_id(c, err) < 0)
		return -1;
	/* The words are runc's. */
	if (name && signal_parse(name, &sig) < 0)
		return err_set(err, ERR_USAGE, "unknown signal \"%s\"", name);
	if (cli_open_root(c, false, &root, err) < 0)
		return -1;

	return container_kill(root, c->id, sig, c->all, err);
}

const struct command command_kill = {
	.name = "kill",
	.operands = "ID [SIGNAL]",
	.summary = "send a signal to a container",
	.text = "Sends SIGNAL, a number or a name with or without SIG, to the first process of\n"
		"the container: without one, the image's stop signal (an annotation), or TERM.\n"
		"Options come before ID.\n",
	.example = "  # cruntime kill web HUP\n"
		   "  # cruntime kill --all web 9\n",
	.opts = kill_opts,
	.min_operands = 1,
	.max_operands = 2,
	.stop_at_operand = true,
	.log_optional = true,
	.run = do_kill,
};
