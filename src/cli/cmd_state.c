/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "base/fd.h"
#include "cli/cli.h"

static const struct opt state_opts[] = { OPT_HELP_ROW, OPT_END };

static int do_state(struct cli *c, struct err *err)
{
	AUTO_ARENA arena = ARENA_INIT;
	AUTO_FD root = -1;
	struct container_info info;

	if (cli_take_id(c, err) < 0 || cli_open_root(c, false, &root, err) < 0 ||
	    container_info(root, c->id, &arena, &info, err) < 0)
		return -1;

	/* runc's `state` has the member and leaves it empty; only `list` looks up names. */
	info.state.owner = "";
	info.state.annotations = &info.annotations;
	state_print(&c->out, &info.state, 2);
	str_add(&c->out, "\n");

	return 0;
}

const struct command command_state = {
	.name = "state",
	.operands = "ID",
	.summary = "print the state of a container as JSON",
	.text = "Prints the state document of the OCI runtime specification. The status is one\n"
		"of creating, created, running, paused, stopped.\n",
	.example = "  # cruntime state web\n",
	.opts = state_opts,
	.min_operands = 1,
	.max_operands = 1,
	.run = do_state,
};
