/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cli.h - one invocation of the program, and the table of its commands
 *
 * main parses everything into one struct cli before anything is opened, then calls the command. A
 * command returns 0 or -1 with *err, and appends what it has to say to cli->out: main prints it at
 * the end, adds the verb and the id to a failure and picks the exit status. So a command that fails
 * prints nothing on stdout (but what cli_flush() let go before), and a full disk or a closed pipe
 * behind stdout is a failure like any other. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/opt.h"
#include "container/container.h"

/* Values of --cgroup-manager and of --format, in the order of their choices. */
enum cgroup_manager {
	MANAGER_CGROUPFS,
	MANAGER_SYSTEMD,
	MANAGER_DISABLED
};
/* Limits among the options of update, in the order of its table. */
enum update_option {
	UPDATE_BLKIO_WEIGHT,
	UPDATE_CPU_PERIOD,
	UPDATE_CPU_QUOTA,
	UPDATE_CPU_BURST,
	UPDATE_CPU_SHARE,
	UPDATE_CPU_RT_PERIOD,
	UPDATE_CPU_RT_RUNTIME,
	UPDATE_CPU_IDLE,
	UPDATE_CPUSET_CPUS,
	UPDATE_CPUSET_MEMS,
	UPDATE_MEMORY,
	UPDATE_MEMORY_RESERVATION,
	UPDATE_MEMORY_SWAP,
	UPDATE_KERNEL_MEMORY,
	UPDATE_KERNEL_MEMORY_TCP,
	UPDATE_PIDS_LIMIT,
	UPDATE_L3_CACHE_SCHEMA,
	UPDATE_MEM_BW_SCHEMA,
	UPDATE_OPTIONS
};
enum list_format {
	FORMAT_TABLE,
	FORMAT_JSON
};

struct cli {
	/* global options */
	const char *root; /* NULL: the default of env_root() */
	const char *log;
	int log_format; /* enum log_format */
	int log_level;  /* enum log_level, -1: not given */
	bool debug;
	bool systemd_cgroup;
	int cgroup_manager; /* enum cgroup_manager */
	int rootless;       /* accepted, without effect */
	const char *criu;   /* NULL: cli/criu.h looks for it */
	bool version;

	/* options of the commands */
	struct create_options create; /* exec: those that it shares with create */
	struct exec_options exec;
	struct image_options image;
	struct unit_manager manager; /* filled by the systemd cgroup driver */
	const char *new_id;          /* --id */
	bool all, force, quiet, rootless_spec;
	int format;            /* enum list_format, -1: not given */
	const char *spec_file; /* NULL: "config.json" */
	const char *interval;  /* NULL: the command's own */
	bool once;             /* events --stats, stats --no-stream */
	struct str_list pressure; /* events: triggers */
	const char *resources; /* update: a file, or "-" */
	const char *update[UPDATE_OPTIONS];

	/* words behind the options; n_operands is within the limits of the command */
	char **operands;
	size_t n_operands;

	/* results */
	const char *id; /* as soon as it is known: for the prefix of messages */
	int exit_code;  /* of the program that `run` or `exec` waited for */
	int fail_code;  /* exit status of a failure of ours (D-06) */
	struct arena arena;
	struct str out; /* goes to stdout when the command succeeds */
};
/* clang-format off */
#define CLI_INIT { .log_level = -1, .format = -1, .fail_code = 1, .arena = ARENA_INIT, .out = STR_INIT }
/* clang-format on */

struct command {
	const char *name;
	const char *operands;   /* for the usage line: "ID [SIGNAL]" */
	const char *summary;    /* one line, for the list of commands */
	const char *text;       /* what --help says above the options */
	const char *example;    /* one line or more, with the prompt */
	const struct opt *opts; /* the last row but the end is OPT_HELP_ROW */
	size_t min_operands, max_operands;
	bool stop_at_operand;  /* no options behind the first operand */
	bool log_optional;     /* works even if --log cannot be opened */
	bool enters_container; /* a process of ours will be inside: base/self.h */
	int fail_code;         /* 0: the usual one */
	/* NULL, or: fails, with the reason, when the command cannot work on this machine; --help
	 * then fails as well. */
	int (*usable)(struct cli *c, struct err *err);
	int (*run)(struct cli *c, struct err *err);
};

/* clang-format off */
#define OPT_HELP_ROW { "help", 'h', OPT_HELP, 0, NULL, "show this text and exit", NULL }
#define OPT_END { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL }
/* clang-format on */

extern const struct command command_create, command_run, command_start, command_state, command_kill,
	command_exec, command_delete, command_list, command_ps, command_spec, command_features,
	command_pause, command_resume, command_update, command_events, command_stats,
	command_checkpoint, command_restore;

/* All of them in the order of the help text, ended by NULL; and the global options. */
extern const struct command *const cli_commands[];
extern const struct opt cli_global_options[];

/* "table" and "json", for options whose member is `format`. */
extern const char *const cli_formats[];

/* Parses both option levels into C and checks the number of operands; opens nothing. *ret is the
 * command, or NULL when all that was asked for (help, version) is in c->out already. The words of
 * ARGV change their order. A failure is ERR_USAGE and complete. */
int cli_parse(struct cli *c, int argc, char **argv, const struct command **ret,
	      struct err *err) MUST_CHECK;

/* Opens the state root that the options name; with !CREATE a missing one is *ret_fd -1. */
int cli_open_root(const struct cli *c, bool create, int *ret_fd, struct err *err) MUST_CHECK;

/* Takes the first operand as the id of a container and checks it. */
int cli_take_id(struct cli *c, struct err *err) MUST_CHECK;

/* Fills c->create with what the options say about who makes the cgroup. */
int cli_choose_cgroup_manager(struct cli *c, struct err *err) MUST_CHECK;

/* --interval in nanoseconds, DEFAULT_NS when it is not given; zero is refused. */
int cli_interval(const struct cli *c, uint64_t default_ns, uint64_t *ret_ns,
		 struct err *err) MUST_CHECK;

/* Prints what is in c->out and empties it. main does it at the end; a command that goes on for long
 * does it as often as it has something to say. */
int cli_flush(struct cli *c, struct err *err) MUST_CHECK;

/* Appends the help text of the program, of CMD, and the output of --version. NAME is what we were
 * called (argv[0], may be NULL): as `runc`, with or without a path, the first line has that name,
 * because callers of it look for nothing else. */
void cli_help(struct str *out);
void cli_help_command(struct str *out, const struct command *cmd);
void cli_version(struct str *out, const char *name);

/* Version and commit of this program; the build sets them. */
#ifndef CRUNTIME_VERSION
#define CRUNTIME_VERSION "0.1.0"
#endif
#ifndef CRUNTIME_COMMIT
#define CRUNTIME_COMMIT "unknown"
#endif
