/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "cli/cli.h"

static const struct opt pause_opts[] = { OPT_HELP_ROW, OPT_END };

static int do_pause(struct cli *c, struct err *err)
{
	AUTO_FD root = -1;

	if (cli_take_id(c, err) < 0 || cli_open_root(c, false, &root, err) < 0)
		return -1;

	return container_pause(root, c->id, err);
}

static int do_resume(struct cli *c, struct err *err)
{
	AUTO_FD root = -1;

	if (cli_take_id(c, err) < 0 || cli_open_root(c, false, &root, err) < 0)
		return -1;

	return container_resume(root, c->id, err);
}

const struct command command_pause = {
	.name = "pause",
	.operands = "ID",
	.summary = "freeze all processes of a container",
	.text = "Freezes all processes of a container until resume, and returns when they are\n"
		"frozen.\n",
	.example = "  # cruntime pause web\n",
	.opts = pause_opts,
	.min_operands = 1,
	.max_operands = 1,
	.run = do_pause,
};

const struct command command_resume = {
	.name = "resume",
	.operands = "ID",
	.summary = "let a paused container go on",
	.text = "Lets the processes of a paused container go on.\n",
	.example = "  # cruntime resume web\n",
	.opts = pause_opts,
	.min_operands = 1,
	.max_operands = 1,
	.run = do_resume,
};
