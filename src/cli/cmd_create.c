/* SPDX-License-Identifier: Apache-2.0 */
/* create and run: they differ in what follows, not in what is made. */
#include <string.h>

#include "base/arena.h"
#include "base/fd.h"
#include "cli/bundle.h"
#include "cli/cli.h"
#include "cli/env.h"
#include "container/store.h"

#define AT(member) offsetof(struct cli, member)

/* clang-format off */
#define CREATE_ROWS                                                                                \
	{ "bundle", 'b', OPT_STRING, AT(create.bundle), "DIR",                                     \
	  "directory of the bundle (default: .)", NULL },                                          \
	{ "config", 'f', OPT_STRING, AT(create.config), "FILE",                                    \
	  "config to use instead of DIR/config.json", NULL },                                      \
	{ "id", 0, OPT_STRING, AT(new_id), "ID",                                                   \
	  "id of the container, with BUNDLE/", NULL },                                             \
	{ "console-socket", 0, OPT_STRING, AT(create.console_socket), "PATH",                      \
	  "send the terminal's master to this socket", NULL },                                     \
	{ "pidfd-socket", 0, OPT_STRING, AT(create.pidfd_socket), "PATH",                          \
	  "send a pidfd of the process to this socket", NULL },                                    \
	{ "pid-file", 0, OPT_STRING, AT(create.pid_file), "FILE",                                  \
	  "write the pid of the process to FILE", NULL },                                          \
	{ "preserve-fds", 0, OPT_NUMBER, AT(create.preserve_fds), "N",                             \
	  "pass N descriptors, from 3 on (default: 0)", NULL },                                    \
	{ "no-pivot", 0, OPT_FLAG, AT(create.no_pivot), NULL,                                      \
	  "move the root instead of pivot_root(2)", NULL },                                        \
	{ "no-new-keyring", 0, OPT_FLAG, AT(create.no_new_keyring), NULL,                          \
	  "keep the caller's session keyring", NULL }

static const struct opt create_opts[] = {
	CREATE_ROWS,
	{ "no-subreaper", 0, OPT_FLAG, AT(create.no_subreaper), NULL,
	  "accepted, without effect", NULL },
	OPT_HELP_ROW,
	OPT_END,
};

static const struct opt run_opts[] = {
	CREATE_ROWS,
	{ "no-subreaper", 0, OPT_FLAG, AT(create.no_subreaper), NULL,
	  "do not become a subreaper", NULL },
	{ "detach", 'd', OPT_FLAG, AT(create.detach), NULL,
	  "return as soon as the program runs", NULL },
	{ "keep", 0, OPT_FLAG, AT(create.keep), NULL,
	  "do not delete the container when it ends", NULL },
	OPT_HELP_ROW,
	OPT_END,
};
/* clang-format on */

int cli_choose_cgroup_manager(struct cli *c, struct err *err)
{
	c->create.no_cgroup = c->cgroup_manager == MANAGER_DISABLED;
	if (c->systemd_cgroup && c->create.no_cgroup)
		return err_set(err, ERR_USAGE,
			       "--systemd-cgroup and --cgroup-manager disabled exclude each other");
	if (!c->systemd_cgroup && c->cgroup_manager != MANAGER_SYSTEMD)
		return 0;
	c->create.manager = &c->manager;

	return env_manager(&c->arena, &c->manager, err);
}

/* Fills id and bundle from the operand (D-01). MADE_ID keeps an id that was made up. */
static int take_operand(struct cli *c, char made_id[STORE_ID_MAX + 1], struct err *err)
{
	struct create_options *o = &c->create;
	const char *operand = c->operands[0];

	if (!bundle_is_operand(operand)) {
		if (c->new_id)
			return err_set(err, ERR_USAGE,
				       "'%s' is an id already: --id goes with a bundle, which "
				       "contains a '/'",
				       operand);
		if (!o->bundle)
			o->bundle = ".";
		return cli_take_id(c, err);
	}

	if (o->bundle)
		return err_set(err, ERR_USAGE,
			       "two bundles, '%s' and '%s': use either --bundle or the operand",
			       o->bundle, operand);
	o->bundle = operand;
	if (!c->new_id) {
		if (bundle_make_id(operand, made_id, err) < 0)
			return -1;
		c->new_id = made_id;
	}
	c->id = c->new_id;

	return store_check_id(c->id, err);
}

/* Everything that create and run have in common. */
static int begin(struct cli *c, char made_id[STORE_ID_MAX + 1], int *ret_root, struct err *err)
{
	if (take_operand(c, made_id, err) < 0 || cli_choose_cgroup_manager(c, err) < 0)
		return -1;
	c->create.id = c->id;
	if (env_copy("NOTIFY_SOCKET", &c->arena, &c->create.notify_socket, err) < 0)
		return -1;

	return cli_open_root(c, true, ret_root, err);
}

/* The caller of a bundle without --id has to learn the id; nobody else expects output. */
static void print_id(struct cli *c)
{
	if (c->create.bundle == c->operands[0])
		str_addf(&c->out, "%s\n", c->id);
}

static int do_create(struct cli *c, struct err *err)
{
	static char made_id[STORE_ID_MAX + 1];
	AUTO_FD root = -1;

	if (begin(c, made_id, &root, err) < 0 || container_create(root, &c->create, err) < 0)
		return -1;
	print_id(c);

	return 0;
}

static int do_run(struct cli *c, struct err *err)
{
	static char made_id[STORE_ID_MAX + 1];
	AUTO_FD root = -1;

	if (begin(c, made_id, &root, err) < 0 ||
	    container_run(root, &c->create, &c->exit_code, err) < 0)
		return -1;
	if (c->create.detach)
		print_id(c);

	return 0;
}

const struct command command_create = {
	.name = "create",
	.operands = "ID|BUNDLE/",
	.summary = "create a container; its program waits for start",
	.text = "Creates the container ID from a bundle: everything is set up, and the program\n"
		"runs on `cruntime start ID`. An operand with a '/' is a bundle; the id is then\n"
		"made from its name and printed.\n",
	.example = "  # cruntime create --bundle /tmp/demo --pid-file /tmp/demo.pid web\n",
	.opts = create_opts,
	.min_operands = 1,
	.max_operands = 1,
	.enters_container = true,
	.run = do_create,
};

const struct command command_run = {
	.name = "run",
	.operands = "ID|BUNDLE/",
	.summary = "create a container, start it, wait for it and delete it",
	.text = "Runs a container in the foreground and exits with the code of its program, or\n"
		"with 128 + signal. An operand with a '/' is a bundle; the id is then made from\n"
		"its name, and printed with --detach.\n",
	.example = "  # cruntime run /tmp/demo/\n"
		   "  # cruntime run --detach --bundle /tmp/demo web\n",
	.opts = run_opts,
	.min_operands = 1,
	.max_operands = 1,
	.enters_container = true,
	.run = do_run,
};
