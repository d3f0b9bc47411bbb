/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fd.h"
#include "base/file.h"
#include "cli/cli.h"
#include "oci/template.h"

/* clang-format off */
static const struct opt spec_opts[] = {
	{ "bundle", 'b', OPT_STRING, offsetof(struct cli, create.bundle), "DIR",
	  "directory to write to (default: .)", NULL },
	{ "rootless", 0, OPT_FLAG, offsetof(struct cli, rootless_spec), NULL,
	  "make one for a caller who is not root", NULL },
	{ "config", 'f', OPT_STRING, offsetof(struct cli, spec_file), "FILE",
	  "name of the file (default: config.json)", NULL },
	OPT_HELP_ROW,
	OPT_END,
};
/* clang-format on */

/* Writes TEXT to the new file NAME; nothing is left of it on failure. */
static int write_new(int dir, const char *name, const struct str *text, struct err *err)
{
	AUTO_FD fd = openat(dir, name,
			    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0666);
	if (fd < 0 && errno == EEXIST)
		return err_set(err, ERR_USAGE, "%s exists. Remove it first", name);
	if (fd < 0)
		return err_sys(err, "create '%s'", name);

	/* Some file systems report a full disk only on close. */
	if (file_write_all(fd, text->s, text->len) < 0 || close(fd_take(&fd)) < 0) {
		(void)err_sys(err, "write '%s'", name);
		/* The first failure counts. */
		(void)unlinkat(dir, name, 0);
		return -1;
	}

	return 0;
}

static int do_spec(struct cli *c, struct err *err)
{
	AUTO_STR text = STR_INIT;
	const char *bundle = c->create.bundle ? c->create.bundle : ".";

	template_print(&text, c->rootless_spec, geteuid(), getegid());
	if (!str_text(&text))
		return err_oom(err);

	AUTO_FD dir = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, "open bundle '%s'", bundle);

	return write_new(dir, c->spec_file ? c->spec_file : "config.json", &text, err);
}

const struct command command_spec = {
	.name = "spec",
	.operands = "",
	.summary = "write a config.json to start from",
	.text = "Writes a config that runs `sh` on a terminal, confined, in the directory rootfs\n"
		"of the bundle. A file that exists is not replaced.\n",
	.example = "  # cruntime spec --bundle /tmp/demo\n",
	.opts = spec_opts,
	.run = do_spec,
};
