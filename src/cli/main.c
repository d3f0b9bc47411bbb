/* SPDX-License-Identifier: Apache-2.0 */
/* Theory of operation
 *
 *   stdio      descriptors 0-2 exist from here on
 *   parse      both option levels; opens nothing
 *   isolate    everything else that the caller left open becomes close-on-exec (I-13); how much is
 *              meant for the container is known only now
 *   protect    commands that enter a container run from a file that nobody can write to (I-15)
 *   log        opened, so a mistake on the command line is recorded there as well
 *   command    does the work and leaves its output in struct cli
 *   output     one write; a failure of it is a failure of the command
 *
 * A failure is printed once, here, and becomes an exit status here. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fd.h"
#include "base/self.h"
#include "cli/cli.h"
#include "cli/env.h"

/* A caller that ignores SIGCHLD would make our children vanish before they are waited for; one that
 * blocks signals would make us deaf. What the container gets is decided elsewhere. */
static int reset_signals(struct err *err)
{
	sigset_t none;

	(void)sigemptyset(&none);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGCHLD, SIG_DFL) == SIG_ERR ||
	    sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return err_sys(err, "reset signals");

	return 0;
}

/* The first descriptors from 3 on stay open for the container: --preserve-fds and LISTEN_FDS may
 * overlap, podman gives both for the same ones (engine-contracts 4). */
static int isolate(struct cli *c, struct err *err)
{
	unsigned keep = c->create.preserve_fds;

	c->create.listen_fds = env_listen_fds();
	if (c->create.listen_fds > keep)
		keep = c->create.listen_fds;
	if (c->create.listen_fds &&
	    env_copy("LISTEN_FDNAMES", &c->arena, &c->create.listen_names, err) < 0)
		return -1;

	return fd_cloexec_from(STDERR_FILENO + 1 + keep, err);
}

static int open_log(const struct cli *c, struct err *err)
{
	struct log_options o = {
		.file = c->log,
		.format = (enum log_format)c->log_format,
		.level = c->debug || c->log_level < 0 ? LOG_LEVEL_DEBUG
						      : (enum log_level)c->log_level,
		.level_set = c->debug || c->log_level >= 0,
	};

	return log_open(&o, err);
}

/* Begins with a place: "config.json:41:17: ...". */
static bool has_position(const char *msg)
{
	static const char digits[] = "0123456789";
	const char *p = msg + strcspn(msg, ":");

	for (int i = 0; i < 2; i++) {
		size_t len = *p == ':' ? strspn(p + 1, digits) : 0;
		if (len == 0)
			return false;
		p += 1 + len;
	}

	return str_starts(p, ": ");
}

/* Adds which command on which container. A list of mistakes in a config stays as it is, so that
 * every line begins with its place (D-03). */
static int fail_command(const struct cli *c, const struct command *cmd, struct err *err)
{
	if (err->kind == ERR_CONFIG && has_position(err->msg))
		return -1;
	if (c->id)
		return err_wrap(err, "%s '%s'", cmd->name, c->id);

	return err_wrap(err, "%s", cmd->name);
}

static int work(struct cli *c, int argc, char **argv, struct err *err)
{
	const struct command *cmd = NULL;
	struct err log_err = ERR_INIT;

	if (fd_ensure_stdio(err) < 0 || reset_signals(err) < 0)
		return -1;

	AUTO_ARENA a = ARENA_INIT; /* parsing changes the order of the words */
	char **words = ARENA_NEW(&a, char *, (size_t)argc + 1);
	if (!words)
		return err_oom(err);
	memcpy(words, argv, (size_t)argc * sizeof(*words));

	int parsed = cli_parse(c, argc, argv, &cmd, err);
	/* First: the second pass has the caller's descriptors then, which an operand may name
	 * (/dev/fd/63). */
	if (parsed == 0 && cmd && cmd->enters_container && self_protect(words, err) < 0)
		return fail_command(c, cmd, err);
	if (isolate(c, parsed < 0 ? &log_err : err) < 0)
		return -1;
	if (open_log(c, &log_err) < 0 && parsed == 0 && cmd && !cmd->log_optional) {
		*err = log_err;
		return -1;
	}
	if (parsed < 0)
		return -1;

	if (cmd && cmd->run(c, err) < 0)
		return fail_command(c, cmd, err);

	return cli_flush(c, err);
}

int main(int argc, char **argv)
{
	struct cli c = CLI_INIT;
	struct err err = ERR_INIT;

	if (work(&c, argc, argv, &err) < 0) {
		log_error(&err);
		c.exit_code = c.fail_code;
	}
	str_done(&c.out);
	arena_done(&c.arena);

	return c.exit_code;
}
