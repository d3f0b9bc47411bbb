/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "cli/cli.h"

/* clang-format off */
static const struct opt delete_opts[] = {
	{ "force", 'f', OPT_FLAG, offsetof(struct cli, force), NULL,
	  "kill it first; an unknown id is no failure", NULL },
	OPT_HELP_ROW,
	OPT_END,
};
/* clang-format on */

static int do_delete(struct cli *c, struct err *err)
{
	AUTO_FD root = -1;

	if (cli_take_id(c, err) < 0 || cli_open_root(c, false, &root, err) < 0)
		return -1;

	return container_delete(root, c->id, c->force, err);
}

const struct command command_delete = {
	.name = "delete",
	.operands = "ID",
	.summary = "remove a container that is stopped or only created",
	.text = "Removes what create made: processes, cgroup, state directory. The bundle stays.\n",
	.example = "  # cruntime delete web\n"
		   "  # cruntime delete --force web\n",
	.opts = delete_opts,
	.min_operands = 1,
	.max_operands = 1,
	/* containerd's clean-up comes when the directory of the log is partly gone already
	 * (engine-contracts 5). */
	.log_optional = true,
	.run = do_delete,
};
