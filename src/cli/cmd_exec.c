/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "base/fd.h"
#include "cli/cli.h"

#define AT(member) offsetof(struct cli, member)

/* clang-format off */
static const struct opt exec_opts[] = {
	{ "process", 'p', OPT_STRING, AT(exec.process_file), "FILE",
	  "process object (JSON), instead of a PROGRAM", NULL },
	{ "cwd", 0, OPT_STRING, AT(exec.cwd), "DIR",
	  "working directory", NULL },
	{ "env", 'e', OPT_LIST, AT(exec.env), "NAME=VALUE",
	  "add to the environment; repeatable", NULL },
	{ "tty", 't', OPT_FLAG, AT(exec.terminal), NULL,
	  "run on a terminal", NULL },
	{ "user", 'u', OPT_STRING, AT(exec.user), "UID[:GID]",
	  "numbers; the default of GID is 0", NULL },
	{ "additional-gids", 'g', OPT_LIST, AT(exec.additional_gids), "GID",
	  "add a supplementary group; repeatable", NULL },
	{ "cap", 'c', OPT_LIST, AT(exec.capabilities), "CAP_NAME",
	  "add a capability; repeatable", NULL },
	{ "no-new-privs", 0, OPT_FLAG, AT(exec.no_new_privileges), NULL,
	  "set no_new_privs", NULL },
	{ "process-label", 0, OPT_STRING, AT(exec.process_label), "LABEL",
	  "SELinux label", NULL },
	{ "apparmor", 0, OPT_STRING, AT(exec.apparmor), "PROFILE",
	  "AppArmor profile", NULL },
	{ "cgroup", 0, OPT_STRING, AT(exec.cgroup), "PATH",
	  "existing cgroup below the container's one", NULL },
	{ "detach", 'd', OPT_FLAG, AT(create.detach), NULL,
	  "return as soon as the program runs", NULL },
	{ "pid-file", 0, OPT_STRING, AT(create.pid_file), "FILE",
	  "write the pid of the process to FILE", NULL },
	{ "console-socket", 0, OPT_STRING, AT(create.console_socket), "PATH",
	  "send the terminal's master to this socket", NULL },
	{ "pidfd-socket", 0, OPT_STRING, AT(create.pidfd_socket), "PATH",
	  "send a pidfd of the process to this socket", NULL },
	{ "preserve-fds", 0, OPT_NUMBER, AT(create.preserve_fds), "N",
	  "pass N descriptors, from 3 on (default: 0)", NULL },
	{ "ignore-paused", 0, OPT_FLAG, AT(exec.ignore_paused), NULL,
	  "wait in a paused container, do not fail", NULL },
	OPT_HELP_ROW,
	OPT_END,
};
/* clang-format on */

static int do_exec(struct cli *c, struct err *err)
{
	struct exec_options *o = &c->exec;
	AUTO_FD root = -1;

	if (cli_take_id(c, err) < 0)
		return -1;
	o->shared = c->create;
	o->shared.id = c->id;
	/* The words behind the options were moved to the front: execve wants their end marked. */
	c->operands[c->n_operands] = NULL;
	o->args.v = (const char **)(uintptr_t)(c->operands + 1);
	o->args.n = c->n_operands - 1;
	if (!o->process_file && o->args.n == 0)
		return err_set(err, ERR_USAGE, "a program or --process is needed");
	if (cli_open_root(c, false, &root, err) < 0)
		return -1;

	return container_exec(root, o, &c->exit_code, err);
}

const struct command command_exec = {
	.name = "exec",
	.operands = "ID [PROGRAM [ARGUMENT...]]",
	.summary = "run a program in a container that is there",
	.text = "Runs a further process in the container ID, confined as its first one is, and\n"
		"exits with its code, or with 128 + signal; with 255 when the program could not\n"
		"be run. Options come before ID.\n",
	.example = "  # cruntime exec web ps -ef\n"
		   "  # cruntime exec --tty --user 1000:1000 web /bin/sh\n",
	.opts = exec_opts,
	.min_operands = 1,
	.max_operands = SIZE_MAX,
	.stop_at_operand = true,
	.enters_container = true,
	.fail_code = 255,
	.run = do_exec,
};
