/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint and restore */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "cli/cli.h"
#include "cli/criu.h"
#include "cli/env.h"

#define AT(member) offsetof(struct cli, member)

/* In the order of their enums. */
static const char *const cgroup_modes[] = { "ignore", "soft", "full", "strict", NULL };
static const char *const network_locks[] = { "default", "iptables", "nftables", "skip", NULL };

/* clang-format off */
#define IMAGE_ROWS                                                                                 \
	{ "image-path", 0, OPT_STRING, AT(image.image_path), "DIR",                                \
	  "the image (default: ./checkpoint)", NULL },                                             \
	{ "work-path", 0, OPT_STRING, AT(image.work_path), "DIR",                                  \
	  "for criu's log (default: the image's)", NULL },                                         \
	{ "tcp-established", 0, OPT_FLAG, AT(image.tcp_established), NULL,                         \
	  "allow open TCP connections", NULL },                                                    \
	{ "ext-unix-sk", 0, OPT_FLAG, AT(image.ext_unix_sk), NULL,                                 \
	  "allow Unix sockets that are connected outside", NULL },                                 \
	{ "shell-job", 0, OPT_FLAG, AT(image.shell_job), NULL,                                     \
	  "allow a terminal of the caller's", NULL },                                              \
	{ "file-locks", 0, OPT_FLAG, AT(image.file_locks), NULL,                                   \
	  "allow file locks", NULL },                                                              \
	{ "lazy-pages", 0, OPT_FLAG, AT(image.lazy_pages), NULL,                                   \
	  "hand memory over when it is used", NULL },                                              \
	{ "auto-dedup", 0, OPT_FLAG, AT(image.auto_dedup), NULL,                                   \
	  "keep each page in one image only", NULL },                                              \
	{ "manage-cgroups-mode", 0, OPT_CHOICE, AT(image.cgroups), "MODE",                         \
	  "ignore (default); soft, full, strict: refused", cgroup_modes },                          \
	{ "network-lock", 0, OPT_CHOICE, AT(image.network_lock), "METHOD",                         \
	  "default, iptables, nftables or skip", network_locks },                                  \
	{ "empty-ns", 0, OPT_LIST, AT(image.empty_ns), "NAME",                                     \
	  "network: accepted, is never in the image", NULL }

static const struct opt checkpoint_opts[] = {
	IMAGE_ROWS,
	{ "parent-path", 0, OPT_STRING, AT(image.parent_path), "DIR",
	  "earlier image, relative to the image's DIR", NULL },
	{ "leave-running", 0, OPT_FLAG, AT(image.leave_running), NULL,
	  "do not end the container", NULL },
	{ "pre-dump", 0, OPT_FLAG, AT(image.pre_dump), NULL,
	  "memory only; the container goes on", NULL },
	{ "tcp-skip-in-flight", 0, OPT_FLAG, AT(image.tcp_skip_in_flight), NULL,
	  "leave out half-open TCP connections", NULL },
	{ "link-remap", 0, OPT_FLAG, AT(image.link_remap), NULL,
	  "allow files that are deleted and open", NULL },
	{ "page-server", 0, OPT_STRING, AT(image.page_server), "ADDRESS:PORT",
	  "send memory there", NULL },
	{ "status-fd", 0, OPT_STRING, AT(image.status_fd), "FD",
	  "gets a NUL when lazy pages can be fetched", NULL },
	OPT_HELP_ROW,
	OPT_END,
};

static const struct opt restore_opts[] = {
	{ "bundle", 'b', OPT_STRING, AT(create.bundle), "DIR",
	  "directory of the bundle (default: .)", NULL },
	{ "console-socket", 0, OPT_STRING, AT(create.console_socket), "PATH",
	  "send the terminal's master to this socket", NULL },
	{ "pidfd-socket", 0, OPT_STRING, AT(create.pidfd_socket), "PATH",
	  "send a pidfd of the process to this socket", NULL },
	{ "pid-file", 0, OPT_STRING, AT(create.pid_file), "FILE",
	  "write the pid of the process to FILE", NULL },
	{ "detach", 'd', OPT_FLAG, AT(create.detach), NULL,
	  "return as soon as the program runs", NULL },
	{ "no-subreaper", 0, OPT_FLAG, AT(create.no_subreaper), NULL,
	  "do not become a subreaper", NULL },
	{ "no-pivot", 0, OPT_FLAG, AT(create.no_pivot), NULL,
	  "accepted: criu changes the root", NULL },
	IMAGE_ROWS,
	{ "tcp-close", 0, OPT_FLAG, AT(image.tcp_close), NULL,
	  "restore open TCP connections as closed", NULL },
	{ "lsm-profile", 0, OPT_STRING, AT(image.lsm_profile), "TYPE:NAME",
	  "apparmor or selinux, instead of the config's", NULL },
	{ "lsm-mount-context", 0, OPT_STRING, AT(image.lsm_mount_context), "LABEL",
	  "SELinux label of mounts, instead of the image's", NULL },
	OPT_HELP_ROW,
	OPT_END,
};
/* clang-format on */

/* NULL in *ret: not in this directory. */
static int look_in(struct cli *c, const char *dir, size_t len, const char **ret, struct err *err)
{
	if (len == 0 || dir[0] != '/')
		return 0;
	char *path = arena_printf(&c->arena, "%.*s/criu", (int)len, dir);
	if (!path)
		return err_oom(err);
	if (access(path, X_OK) == 0)
		*ret = path;
	return 0;
}

static int look_along(struct cli *c, const char *dirs, const char **ret, struct err *err)
{
	while (dirs && *dirs && !*ret) {
		size_t len = strcspn(dirs, ":");
		if (look_in(c, dirs, len, ret, err) < 0)
			return -1;
		dirs += len + (dirs[len] == ':');
	}
	return 0;
}

int cli_find_criu(struct cli *c, const char **ret, struct err *err)
{
	const char *path = NULL;

	*ret = NULL;
	if (c->criu && strchr(c->criu, '/')) {
		AUTO_PATH absolute = path_absolute(c->criu);
		*ret = absolute ? arena_strdup(&c->arena, absolute) : NULL;
		return *ret ? 0 : err_oom(err);
	}
	if (env_copy("PATH", &c->arena, &path, err) < 0 || look_along(c, path, ret, err) < 0)
		return -1;
	return look_along(c, "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", ret,
			  err);
}

static int take_criu(struct cli *c, struct err *err)
{
	if (cli_find_criu(c, &c->image.criu, err) < 0)
		return -1;
	if (!c->image.criu)
		return err_set(err, ERR_SYSTEM, "criu is not installed");
	return 0;
}

/* `checkpoint --help` is how engines ask whether this can be done here (D-19). */
static int check(struct cli *c, struct err *err)
{
	const char *criu;

	return cli_find_criu(c, &criu, err) < 0 ? -1 : container_check_criu(criu, err);
}

static int do_checkpoint(struct cli *c, struct err *err)
{
	AUTO_FD root = -1;

	if (cli_take_id(c, err) < 0 || take_criu(c, err) < 0 ||
	    cli_open_root(c, false, &root, err) < 0)
		return -1;

	return container_checkpoint(root, c->id, &c->image, err);
}

static int do_restore(struct cli *c, struct err *err)
{
	struct restore_options o;
	AUTO_FD root = -1;

	if (cli_take_id(c, err) < 0 || cli_choose_cgroup_manager(c, err) < 0)
		return -1;
	/* Its scope would have to be started around criu, and handed over. */
	if (c->create.manager)
		return err_set(err, ERR_USAGE,
			       "restore makes no units of systemd, use --cgroup-manager cgroupfs");
	if (take_criu(c, err) < 0 || cli_open_root(c, true, &root, err) < 0)
		return -1;
	o = (struct restore_options){ .shared = c->create, .image = c->image };
	o.shared.id = c->id;
	o.shared.restore = true;
	if (!o.shared.bundle)
		o.shared.bundle = ".";

	return container_restore(root, &o, &c->exit_code, err);
}

const struct command command_checkpoint = {
	.name = "checkpoint",
	.operands = "ID",
	.summary = "write a running container to an image, with criu",
	.text = "Writes the processes of the container ID to an image, from which `restore` makes\n"
		"it again, and removes the container. When it fails, the container goes on. Needs\n"
		"criu(8); where that does not work, --help fails.\n",
	.example = "  # cruntime checkpoint --image-path /var/tmp/web web\n",
	.opts = checkpoint_opts,
	.min_operands = 1,
	.max_operands = 1,
	.usable = check,
	.run = do_checkpoint,
};

const struct command command_restore = {
	.name = "restore",
	.operands = "ID",
	.summary = "make a running container from an image, with criu",
	.text = "Makes the container ID from a bundle and an image that `checkpoint` has written,\n"
		"and waits for its end as `run` does. What confines it comes from config.json: an\n"
		"image whose processes are allowed more is refused. Needs criu(8).\n",
	.example =
		"  # cruntime restore --detach --image-path /var/tmp/web --bundle /tmp/demo web\n",
	.opts = restore_opts,
	.min_operands = 1,
	.max_operands = 1,
	.usable = check,
	.run = do_restore,
};
