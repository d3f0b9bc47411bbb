/* SPDX-License-Identifier: Apache-2.0 */
#include "container/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/sys.h"
#include "container/notify.h"
#include "container/ready.h"
#include "container/texts.h"
#include "kernel/lsm.h"
#include "kernel/net.h"
#include "kernel/procfs.h"
#include "kernel/sysctl.h"
#include "plan-internal.h"

/* ---- bundle and config ----------------------------------------------------------------------- */

static int open_bundle(struct plan *p, struct err *err)
{
	const struct create_options *o = p->options;
	AUTO_PATH absolute = path_absolute(o->bundle);

	if (!absolute)
		return err_sys(err, "resolve bundle '%s'", o->bundle);
	p->bundle = arena_strdup(&p->arena, absolute);
	if (!p->bundle)
		return err_oom(err);
	p->bundlefd = open(o->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->bundlefd < 0 && errno == ENOTDIR)
		return err_set(err, ERR_CONFIG, "bundle '%s' is no directory", o->bundle);
	if (p->bundlefd < 0)
		return err_sys(err, "open bundle '%s'", o->bundle);
	if (o->config)
		return config_load(AT_FDCWD, o->config, &p->config, err);
	if (config_load(p->bundlefd, "config.json", &p->config, err) == 0)
		return 0;
	/* A list of positions stays as it is; a missing file should say where it was sought. */
	return err->sys ? err_wrap(err, "bundle '%s'", o->bundle) : -1;
}

/* ---- descriptors and sockets of the caller --------------------------------------------------- */

static int check_terminal(const struct plan *p, bool detached, struct err *err)
{
	bool terminal = p->config->process.present && p->config->process.terminal;

	if (terminal && detached && !p->options->console_socket)
		return err_set(err, ERR_USAGE, "%s", TEXT_TTY_DETACHED);
	if (!terminal && p->options->console_socket)
		return err_set(err, ERR_USAGE, "%s", TEXT_SOCKET_WITHOUT_TTY);
	return 0;
}

int plan_connect_sockets(struct plan *p, struct err *err)
{
	const struct create_options *o = p->options;

	if (o->console_socket &&
	    fd_connect_unix(o->console_socket, SOCK_STREAM, &p->console_socket, err) < 0)
		return err_wrap(err, "--console-socket");
	if (o->pidfd_socket &&
	    fd_connect_unix(o->pidfd_socket, SOCK_STREAM, &p->pidfd_socket, err) < 0)
		return err_wrap(err, "--pidfd-socket");
	return 0;
}

/* ---- environment ------------------------------------------------------------------------------
 */

struct env_entry {
	const char *text;
	size_t len; /* of the name */
	size_t place;
};

static int by_name(const void *a, const void *b)
{
	const struct env_entry *x = a, *y = b;
	int order = strncmp(x->text, y->text, x->len < y->len ? x->len : y->len);

	if (order == 0)
		order = (x->len > y->len) - (x->len < y->len);
	return order ? order : (x->place > y->place) - (x->place < y->place);
}

static bool same_name(const struct env_entry *x, const struct env_entry *y)
{
	return x->len == y->len && memcmp(x->text, y->text, x->len) == 0;
}

/* Makes p->env of V: the last of equal names wins, in the place of the first. Sorted on the way,
 * because a config has room for a million names (S-68). */
static void unique_env(struct plan *p, struct env_entry *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_name);
	for (size_t i = 0; i < n; i++) {
		size_t first = i;
		while (i + 1 < n && same_name(&v[i], &v[i + 1]))
			i++;
		p->env[v[first].place] = v[i].text;
	}
	for (size_t i = 0; i < n; i++) {
		const char *text = p->env[i];
		p->env[i] = NULL;
		if (text)
			p->env[p->n_env++] = text;
	}
}

/* HOME, NOTIFY_SOCKET and the three LISTEN variables may come on top, and the final NULL. */
#define ENV_EXTRA 6

static int add_listen_env(struct plan *p, struct env_entry *v, size_t *n, struct err *err)
{
	const struct create_options *o = p->options;

	if (!o->listen_fds)
		return 0;
	v[*n].text = arena_printf(&p->arena, "LISTEN_FDS=%u", o->listen_fds);
	p->listen_pid = arena_alloc(&p->arena, LISTEN_PID_SIZE, 1);
	if (!v[(*n)++].text || !p->listen_pid)
		return err_oom(err);
	(void)snprintf(p->listen_pid, LISTEN_PID_SIZE, "LISTEN_PID=1");
	v[(*n)++].text = p->listen_pid;
	if (!o->listen_names)
		return 0;
	v[*n].text = arena_printf(&p->arena, "LISTEN_FDNAMES=%s", o->listen_names);
	return v[(*n)++].text ? 0 : err_oom(err);
}

int plan_build_env(struct plan *p, struct err *err)
{
	const struct json_strings *env = &p->config->process.env;
	size_t n = 0;

	p->env = ARENA_NEW(&p->arena, const char *, env->n + ENV_EXTRA);
	struct env_entry *v = ARENA_NEW(&p->arena, struct env_entry, env->n + ENV_EXTRA);
	if (!p->env || !v)
		return err_oom(err);
	for (; n < env->n; n++)
		v[n].text = env->v[n];
	if (add_listen_env(p, v, &n, err) < 0)
		return -1;
	if (plan_has_ready(p))
		v[n++].text = READY_ENV;
	for (size_t i = 0; i < n; i++) {
		v[i].len = strcspn(v[i].text, "=");
		v[i].place = i;
	}
	unique_env(p, v, n);
	for (size_t i = 0; i < p->n_env; i++)
		p->has_home |= strncmp(p->env[i], "HOME=", strlen("HOME=")) == 0;
	return 0;
}

bool plan_has_ready(const struct plan *p)
{
	return p->options->notify_socket && !p->exec && p->config->process.present &&
	       config_ns_new(p->config, OCI_NS_MOUNT);
}

int plan_bind_ready(struct plan *p, int dir, struct err *err)
{
	struct oci_config *c = p->config;
	struct oci_mount *mounts = ARENA_NEW(&p->arena, struct oci_mount, c->n_mounts + 1);

	if (!mounts)
		return err_oom(err);
	if (c->n_mounts)
		memcpy(mounts, c->mounts, c->n_mounts * sizeof(*mounts));
	/* The image's user may not put another socket there. */
	mounts[c->n_mounts] = (struct oci_mount){
		.destination = READY_TARGET,
		.source = ".",
		.options = { .bind = true,
			     .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					 MOUNT_ATTR_NOEXEC },
	};
	c->mounts = mounts;
	c->n_mounts++;
	return rootfs_plan_append(&p->rootfs, dir, p->procfd, &p->arena, err);
}

/* ---- seccomp ----------------------------------------------------------------------------------
 */

/* execve is the one call of ours that runs under the container's filter. A profile that refuses it
 * for certain could only give a container that dies at start (R-LIFE-31). */
static int check_filter(const struct plan *p, struct err *err)
{
	const uint64_t args[6] = { 0 };

	if (!p->filter.insns)
		return 0;
	uint32_t verdict = filter_verdict(&p->filter, SYS_execve, args) & SECCOMP_RET_ACTION_FULL;
	if (verdict != SECCOMP_RET_KILL_PROCESS && verdict != SECCOMP_RET_KILL_THREAD &&
	    verdict != SECCOMP_RET_ERRNO && verdict != SECCOMP_RET_TRAP)
		return 0;
	return config_fail(
		p->config, p->config->linux_.seccomp.at, err,
		"linux.seccomp: the profile does not allow execve, so no program could be started");
}

/* ---- all together ------------------------------------------------------------------------------
 */

int plan_build_process_parts(struct plan *p, struct err *err)
{
	if (caps_plan_build(p->config, p->user_ns ? NULL : &p->self, &p->caps, err) < 0 ||
	    filter_compile(p->config, &p->arena, &p->filter, err) < 0 || check_filter(p, err) < 0 ||
	    lsm_check(p->config, &p->config->process, err) < 0)
		return -1;
	return notify_check(p->config, p->bundlefd, err);
}

/* podman --cgroups=disabled sends the device rules of every container along: without a cgroup there
 * is nothing to attach them to, and nothing is said. A limit that somebody asked for is one. */
static int drop_cgroup(struct plan *p, struct err *err)
{
	struct cgroup_plan *cg = &p->cgroup;

	for (size_t i = 0; i < cg->n_settings; i++) {
		if (!cg->settings[i].optional)
			return config_fail(p->config, cg->settings[i].at, err,
					   "%s: no limits without a cgroup, and --cgroup-manager "
					   "disabled makes none",
					   cg->settings[i].field);
	}
	cg->n_settings = 0;
	cg->has_limits = false;
	return 0;
}

static int plan_cgroup(struct plan *p, struct err *err)
{
	const struct unit_manager *m = p->options->manager;

	if (!m && cgroup_plan_build(p->config, p->id, &p->arena, &p->cgroup, err) < 0)
		return -1;
	if (!m)
		return p->options->no_cgroup ? drop_cgroup(p, err) : 0;
	if (cgroup_plan_build_unit(p->config, &p->arena, &p->cgroup, err) < 0)
		return -1;
	return unit_plan_build(p->config, p->id, m->user, &p->cgroup, &p->arena, &p->unit, err);
}

/* Last, because it is somebody else's time: a bus that does not answer is found out before anything
 * is made. */
static int connect_to_systemd(struct plan *p, struct err *err)
{
	if (!p->options->manager)
		return 0;
	if (unit_bus_open(p->options->manager->addresses, &p->bus, err) < 0)
		return err_wrap(err, "systemd cgroup driver");
	return 0;
}

static int build_kernel_parts(struct plan *p, struct err *err)
{
	struct rootfs_request rootfs = { .config = p->config,
					 .bundlefd = p->bundlefd,
					 .bundle = p->bundle,
					 .procfd = p->procfd,
					 .no_pivot = p->options->no_pivot };

	if (ns_plan_build(p->config, &p->ns, err) < 0 ||
	    sysctl_check(p->config, p->ns.own, err) < 0 ||
	    (!p->options->restore && net_devices_check(p->config, &p->ns, p->procfd, err) < 0))
		return -1;
	rootfs.user_ns = p->ns.join[OCI_NS_USER];
	p->user_ns = config_ns_new(p->config, OCI_NS_USER) || p->ns.join[OCI_NS_USER] >= 0;
	if (plan_build_process_parts(p, err) < 0 || plan_cgroup(p, err) < 0 ||
	    rdt_plan_build(p->config, p->id, &p->arena, &p->rdt, err) < 0)
		return -1;
	return rootfs_plan_build(&rootfs, &p->arena, &p->rootfs, err);
}

static int build(struct plan *p, bool detached, struct err *err)
{
	if (open_bundle(p, err) < 0 || check_terminal(p, detached, err) < 0 ||
	    procfs_open(&p->procfd, err) < 0 || procfs_self(p->procfd, &p->self, err) < 0 ||
	    plan_build_env(p, err) < 0 || build_kernel_parts(p, err) < 0)
		return -1;
	return plan_connect_sockets(p, err) < 0 ? -1 : connect_to_systemd(p, err);
}

void plan_init(struct plan *p, const struct create_options *o)
{
	*p = (struct plan){
		.arena = ARENA_INIT,
		.options = o,
		.id = o->id,
		.bundlefd = -1,
		.procfd = -1,
		.console_socket = -1,
		.pidfd_socket = -1,
		.rootfs = { .fd = -1, .tree = -1 },
		.bus = UNIT_BUS_INIT,
		.rdt = RDT_PLAN_INIT,
		.target = { .pidfd = -1, .root = -1 },
		/* podman passes the same descriptors by both names (engine-contracts 4). */
		.keep_fds = o->preserve_fds > o->listen_fds ? o->preserve_fds : o->listen_fds,
	};
	for (size_t i = 0; i < OCI_NS_COUNT; i++)
		p->ns.join[i] = -1;
}

int plan_build(const struct create_options *o, bool detached, struct plan *ret, struct err *err)
{
	plan_init(ret, o);
	if (build(ret, detached, err) == 0)
		return 0;
	plan_done(ret);
	return -1;
}

void plan_done(struct plan *p)
{
	rootfs_plan_done(&p->rootfs);
	ns_plan_done(&p->ns);
	cgroup_plan_done(&p->cgroup);
	unit_bus_done(&p->bus);
	rdt_plan_done(&p->rdt);
	fd_close(&p->bundlefd);
	fd_close(&p->procfd);
	fd_close(&p->console_socket);
	fd_close(&p->pidfd_socket);
	fd_close(&p->target.root);
	config_free(&p->config);
	arena_done(&p->arena);
}
