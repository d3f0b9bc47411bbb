/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fd.h"
#include "cli/cli.h"
#include "cli/pstable.h"
#include "kernel/process.h"
#include "kernel/procfs.h"

enum ps_format {
	PS_TABLE,
	PS_LONG,
	PS_JSON
};
static const char *const ps_formats[] = { "table", "long", "json", NULL };

/* clang-format off */
static const struct opt ps_opts[] = {
	{ "format", 'f', OPT_CHOICE, offsetof(struct cli, format), "FORMAT",
	  "table, long or json (default: table)", ps_formats },
	OPT_HELP_ROW,
	OPT_END,
};
/* clang-format on */

/* ps prints a line per process of the host and has no business with more. */
#define PS_OUTPUT_MAX ((off_t)64 << 20)

/* Cuts TEXT at its blanks; returns the number of words in ARGV. */
static size_t split_words(char *text, char **argv)
{
	size_t n = 0;

	for (;;) {
		text += strspn(text, " \t");
		if (*text == '\0')
			return n;
		argv[n++] = text;
		text += strcspn(text, " \t");
		if (*text != '\0')
			*text++ = '\0';
	}
}

/* The words after the id become options of ps. go-runc's Top passes all of them as one word. */
static char **make_argv(const struct cli *c, struct arena *a)
{
	static char name[] = "ps";
	static char everything[] = "-ef";
	size_t n_words = c->n_operands - 1;
	size_t room = n_words == 1 ? strlen(c->operands[1]) : n_words;
	size_t n = 1;

	char **argv = ARENA_NEW(a, char *, room + 3);
	if (!argv)
		return NULL;
	argv[0] = name;
	if (n_words == 1) {
		char *words = arena_strdup(a, c->operands[1]);
		if (!words)
			return NULL;
		n += split_words(words, argv + n);
	}
	for (size_t i = 1; n_words > 1 && i < c->n_operands; i++)
		argv[n++] = c->operands[i];
	if (n == 1)
		argv[n] = everything;

	return argv;
}

/* Starts ps with its output going to the two files. Returns 0 or an errno value. */
static int spawn_ps(char **argv, int out, int errors, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t pipe_only;

	(void)sigemptyset(&pipe_only);
	(void)sigaddset(&pipe_only, SIGPIPE);
	int r = posix_spawn_file_actions_init(&actions);
	if (r != 0)
		return r;
	r = posix_spawnattr_init(&attr);
	if (r != 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return r;
	}

	r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(&attr, &pipe_only);
	if (r == 0)
		r = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	if (r == 0)
		r = posix_spawnp(ret, argv[0], &actions, &attr, argv, environ);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);

	return r;
}

/* All that FD holds, from its start. */
static int read_back(int fd, struct arena *a, char **ret, struct err *err)
{
	off_t size = lseek(fd, 0, SEEK_END);
	if (size < 0 || size > PS_OUTPUT_MAX)
		return err_set(err, ERR_SYSTEM, "ps: unusable output");

	char *text = arena_alloc(a, (size_t)size + 1, 1);
	if (!text)
		return err_oom(err);
	if (RETRY(pread(fd, text, (size_t)size, 0)) != size)
		return err_sys(err, "read the output of ps");

	*ret = text;
	return 0;
}

static int run_ps(char **argv, struct arena *a, char **ret, struct err *err)
{
	char *errors_text;
	pid_t pid;
	int status;

	/* Files in memory instead of pipes: ps can fill both without waiting for us. */
	AUTO_FD out = memfd_create("ps-output", MFD_CLOEXEC);
	AUTO_FD errors = memfd_create("ps-errors", MFD_CLOEXEC);
	if (out < 0 || errors < 0)
		return err_sys(err, "make a file for the output of ps");

	errno = spawn_ps(argv, out, errors, &pid);
	if (errno != 0)
		return err_sys(err, "run 'ps'");
	if (RETRY(waitpid(pid, &status, 0)) < 0)
		return err_sys(err, "wait for 'ps'");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		if (read_back(errors, a, &errors_text, err) < 0)
			return -1;
		errors_text += strspn(errors_text, "\n");
		errors_text[strcspn(errors_text, "\n")] = '\0';
		return err_set(err, ERR_SYSTEM, "ps failed: %s",
			       errors_text[0] ? errors_text : "it says no reason");
	}

	return read_back(out, a, ret, err);
}

static int show_table(struct cli *c, const pid_t *pids, size_t n, struct arena *a, struct err *err)
{
	char *table;

	char **argv = make_argv(c, a);
	if (!argv)
		return err_oom(err);
	if (run_ps(argv, a, &table, err) < 0)
		return -1;

	return pstable_filter(table, pids, n, &c->out, err);
}

/* Our own table, for which the host needs no ps. A process that ends meanwhile is left out. */
static int show_long(struct cli *c, const pid_t *pids, size_t n, struct arena *a, struct err *err)
{
	AUTO_FD procfd = -1;
	struct process_facts f;

	if (c->n_operands > 1)
		return err_set(err, ERR_USAGE, "--format long: '%s' is an option of ps, which is "
			       "not run for it", c->operands[1]);
	if (procfs_open(&procfd, err) < 0)
		return -1;
	pstable_add_header(&c->out);
	for (size_t i = 0; i < n; i++) {
		int rc = process_read(procfd, pids[i], a, &f, err);
		if (rc < 0)
			return -1;
		if (rc == 1)
			pstable_add(&f, &c->out);
	}

	return str_text(&c->out) ? 0 : err_oom(err);
}

static int do_ps(struct cli *c, struct err *err)
{
	AUTO_ARENA arena = ARENA_INIT;
	AUTO_FD root = -1;
	pid_t *pids;
	size_t n;

	if (cli_take_id(c, err) < 0 || cli_open_root(c, false, &root, err) < 0 ||
	    container_pids(root, c->id, &arena, &pids, &n, err) < 0)
		return -1;
	if (c->format == PS_LONG)
		return show_long(c, pids, n, &arena, err);
	if (c->format != PS_JSON)
		return show_table(c, pids, n, &arena, err);

	str_add(&c->out, "[");
	for (size_t i = 0; i < n; i++)
		str_addf(&c->out, "%s%d", i > 0 ? "," : "", (int)pids[i]);
	str_add(&c->out, "]\n");
	return 0;
}

const struct command command_ps = {
	.name = "ps",
	.operands = "ID [PS-OPTION...]",
	.summary = "show the processes of a container",
	.text = "Runs the host's ps(1), by default with -ef, and shows the processes of the\n"
		"container; or prints their pids as a JSON array. The long table is our own\n"
		"and has the pids inside the container too. Options come before ID.\n",
	.example = "  # cruntime ps web -eo pid,user,args\n"
		   "  # cruntime ps --format long web\n",
	.opts = ps_opts,
	.min_operands = 1,
	.max_operands = SIZE_MAX,
	.stop_at_operand = true,
	.run = do_ps,
};
