/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "cli/cli.h"
#include "cli/env.h"

static const struct opt start_opts[] = { OPT_HELP_ROW, OPT_END };

static int do_start(struct cli *c, struct err *err)
{
	AUTO_FD root = -1;

	if (cli_take_id(c, err) < 0 || cli_open_root(c, false, &root, err) < 0 ||
	    env_copy("NOTIFY_SOCKET", &c->arena, &c->create.notify_socket, err) < 0)
		return -1;

	return container_start(root, c->id, c->create.notify_socket, err);
}

const struct command command_start = {
	.name = "start",
	.operands = "ID",
	.summary = "run the program of a created container",
	.text = "Releases the program of a created container. Returns when it runs, or with the\n"
		"reason why it does not.\n",
	.example = "  # cruntime start web\n",
	.opts = start_opts,
	.min_operands = 1,
	.max_operands = 1,
	.run = do_start,
};
