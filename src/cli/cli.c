/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "cli/env.h"
#include "container/store.h"

#define AT(member) offsetof(struct cli, member)

/* In the order of their enums. */
static const char *const log_formats[] = { "text", "json", NULL };
static const char *const log_levels[] = { "error", "warning", "debug", NULL };
static const char *const managers[] = { "cgroupfs", "systemd", "disabled", NULL };
static const char *const tristate[] = { "true", "false", "auto", NULL };
const char *const cli_formats[] = { "table", "json", NULL };

/* clang-format off */
const struct opt cli_global_options[] = {
	{ "root", 0, OPT_STRING, AT(root), "DIR",
	  "state root (default: /run/cruntime)", NULL },
	{ "log", 0, OPT_STRING, AT(log), "FILE",
	  "append records to FILE", NULL },
	{ "log-format", 0, OPT_CHOICE, AT(log_format), "FORMAT",
	  "text or json (default: text)", log_formats },
	{ "log-level", 0, OPT_CHOICE, AT(log_level), "LEVEL",
	  "error, warning or debug", log_levels },
	{ "debug", 0, OPT_FLAG, AT(debug), NULL,
	  "the same as --log-level debug", NULL },
	{ "systemd-cgroup", 0, OPT_FLAG, AT(systemd_cgroup), NULL,
	  "let systemd make the cgroup, as a scope", NULL },
	{ "cgroup-manager", 0, OPT_CHOICE, AT(cgroup_manager), "NAME",
	  "cgroupfs (default), systemd or disabled", managers },
	{ "rootless", 0, OPT_CHOICE, AT(rootless), "VALUE",
	  "accepted, without effect", tristate },
	{ "criu", 0, OPT_STRING, AT(criu), "PATH",
	  "the criu program (default: that in $PATH)", NULL },
	{ "version", 'v', OPT_FLAG, AT(version), NULL,
	  "show version, commit and spec, and exit", NULL },
	OPT_HELP_ROW,
	OPT_END,
};
/* clang-format on */

const struct command *const cli_commands[] = {
	&command_create,     &command_start,   &command_run,      &command_exec,
	&command_state,      &command_kill,    &command_pause,    &command_resume,
	&command_update,     &command_delete,  &command_list,     &command_ps,
	&command_events,     &command_stats,   &command_checkpoint, &command_restore,
	&command_spec,       &command_features, NULL,
};

int cli_open_root(const struct cli *c, bool create, int *ret_fd, struct err *err)
{
	AUTO_STR path = STR_INIT;

	if (env_root(c->root, &path, err) < 0)
		return -1;

	return store_root_open(path.s, create, ret_fd, err);
}

int cli_take_id(struct cli *c, struct err *err)
{
	c->id = c->operands[0];

	return store_check_id(c->id, err);
}

int cli_interval(const struct cli *c, uint64_t default_ns, uint64_t *ret_ns, struct err *err)
{
	uint64_t ns = default_ns;

	if (c->interval && (parse_duration(c->interval, &ns) < 0 || ns == 0))
		return err_set(err, ERR_USAGE,
			       "option '--interval': expected a duration above 0 such as 5s, 500ms "
			       "or 1m30s, found '%s'",
			       c->interval);

	*ret_ns = ns;
	return 0;
}

int cli_flush(struct cli *c, struct err *err)
{
	const char *text = str_text(&c->out);

	if (!text)
		return err_oom(err);
	if (c->out.len > 0 && file_write_all(STDOUT_FILENO, text, c->out.len) < 0)
		return err_sys(err, "write to standard output");
	str_done(&c->out);

	return 0;
}

static int fail_unknown_command(const char *name, struct err *err)
{
	const char *names[ARRAY_LEN(cli_commands)];
	size_t n = 0;

	for (; cli_commands[n]; n++)
		names[n] = cli_commands[n]->name;

	const char *nearest = str_nearest(name, names, n);
	if (nearest)
		return err_set(err, ERR_USAGE, "unknown command '%s', did you mean '%s'?", name,
			       nearest);

	return err_set(err, ERR_USAGE, "unknown command '%s'", name);
}

static int find_command(const char *name, const struct command **ret, struct err *err)
{
	for (size_t i = 0; cli_commands[i]; i++) {
		if (strcmp(cli_commands[i]->name, name) == 0) {
			*ret = cli_commands[i];
			return 0;
		}
	}

	return fail_unknown_command(name, err);
}

static int check_operands(const struct command *cmd, const struct opt_scan *s, struct err *err)
{
	AUTO_STR what = STR_INIT;

	if (s->argc >= cmd->min_operands && s->argc <= cmd->max_operands)
		return 0;

	if (cmd->max_operands == 0)
		str_add(&what, "takes no arguments");
	else if (cmd->min_operands == cmd->max_operands)
		str_addf(&what, "requires exactly %zu argument%s", cmd->min_operands,
			 cmd->min_operands == 1 ? "" : "s");
	else if (cmd->max_operands == SIZE_MAX)
		str_addf(&what, "requires at least %zu argument%s", cmd->min_operands,
			 cmd->min_operands == 1 ? "" : "s");
	else
		str_addf(&what, "requires %zu to %zu arguments", cmd->min_operands,
			 cmd->max_operands);
	if (!str_text(&what))
		return err_oom(err);

	if (s->argc > cmd->max_operands)
		return err_set(err, ERR_USAGE, "%s, '%s' is one too many", what.s,
			       s->argv[cmd->max_operands]);

	int first_len = (int)strcspn(cmd->operands, " ");
	return err_set(err, ERR_USAGE, "%s, %.*s is missing", what.s, first_len, cmd->operands);
}

/* The message as it is printed; NAME is "cruntime" or "cruntime create". */
static int fail_usage(const char *name, struct err *err)
{
	return err_set(err, ERR_USAGE, "%s: %s (see '%s --help')", name, err->msg, name);
}

/* The help of a command that cannot work here is the reason for that (D-19). */
static int help_command(struct cli *c, const struct command *cmd, struct err *err)
{
	if (cmd->usable && cmd->usable(c, err) < 0)
		return err_wrap(err, "%s", cmd->name);
	cli_help_command(&c->out, cmd);

	return 0;
}

/* Returns 0, or 1 when help was asked for, or -1. */
static int parse_command(struct cli *c, const struct command *cmd, struct opt_scan *s,
			 struct err *err)
{
	s->table = cmd->opts;
	s->global = cli_global_options;
	s->stop_at_operand = cmd->stop_at_operand;
	s->arena = &c->arena;
	if (cmd->fail_code)
		c->fail_code = cmd->fail_code;
	int r = opt_parse(s, err);
	if (r == 0)
		r = check_operands(cmd, s, err);
	if (r < 0) {
		char name[sizeof("cruntime ") + 16];

		(void)snprintf(name, sizeof(name), "cruntime %s", cmd->name);
		return fail_usage(name, err);
	}
	c->operands = s->argv;
	c->n_operands = s->argc;

	return r;
}

/* runc's words, for `cruntime foo -h` and `cruntime help foo`. */
static int fail_no_help(const char *name, struct err *err)
{
	err_wrap(err, "No help topic for '%s'", name);
	return fail_usage("cruntime", err);
}

static bool is_help(const struct opt_scan *s)
{
	return s->argc > 0 &&
	       (strcmp(s->argv[0], "-h") == 0 || strcmp(s->argv[0], "--help") == 0);
}

/* `cruntime help` and `cruntime help COMMAND`. */
static int print_help(struct cli *c, const struct opt_scan *s, struct err *err)
{
	const struct command *cmd;

	if (s->argc == 0) {
		cli_help(&c->out);
		return 0;
	}
	if (find_command(s->argv[0], &cmd, err) < 0)
		return fail_no_help(s->argv[0], err);

	return help_command(c, cmd, err);
}

int cli_parse(struct cli *c, int argc, char **argv, const struct command **ret, struct err *err)
{
	/* execve(2) with an empty argv was possible before kernel 5.18. */
	struct opt_scan s = {
		.table = cli_global_options,
		.stop_at_operand = true,
		.base = c,
		.argv = argc > 0 ? argv + 1 : argv,
		.argc = argc > 0 ? (size_t)argc - 1 : 0,
	};
	const struct command *cmd;

	int r = opt_parse(&s, err);
	if (r < 0)
		return fail_usage("cruntime", err);
	if (r == 0 && c->version) {
		cli_version(&c->out, argc > 0 ? argv[0] : NULL);
		return 0;
	}
	if (r == 1 || s.argc == 0) {
		cli_help(&c->out);
		return 0;
	}

	const char *name = s.argv[0];
	s.argv++;
	s.argc--;
	if (strcmp(name, "help") == 0)
		return print_help(c, &s, err);
	if (find_command(name, &cmd, err) < 0)
		return is_help(&s) ? fail_no_help(name, err) : fail_usage("cruntime", err);

	r = parse_command(c, cmd, &s, err);
	if (r == 1)
		return help_command(c, cmd, err);
	if (r == 0)
		*ret = cmd;

	return r;
}
