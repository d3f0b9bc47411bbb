/* SPDX-License-Identifier: Apache-2.0 */
/* Setup steps of container/init.h: the container around the process */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/sys.h"
#include "container/hooks.h"
#include "container/spawn.h"
#include "container/sync.h"
#include "init-internal.h"
#include "kernel/keyring.h"
#include "kernel/net.h"
#include "kernel/sysctl.h"
#include "kernel/tty.h"

/* Mask empty, nothing ignored, whatever the caller had (I-21, S-80). Handlers vanish at execve. */
int step_signals(struct init *in, struct err *err)
{
	sigset_t none;

	for (int sig = 1; sig <= 64; sig++) {
		if (in->plan->self.ignored >> (sig - 1) & 1 && sys_signal_default(sig) < 0)
			return err_sys(err, "reset signal %d", sig);
	}
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return err_sys(err, "unblock signals");
	return 0;
}

int step_namespaces(struct init *in, struct err *err)
{
	const struct plan *p = in->plan;

	if (spawn_join_rest(p, err) < 0)
		return -1;
	/* After the birth inside the cgroup: the namespace's root is the cgroup of its maker
	 * (C-NS-11). */
	if (p->ns.new_cgroup && unshare(CLONE_NEWCGROUP) < 0)
		return err_sys(err, "create a cgroup namespace");
	if (!p->ns.new_time)
		return 0;
	if (unshare(ns_flag(OCI_NS_TIME)) < 0)
		return err_sys(err, "create a time namespace");
	return ns_write_time_offsets(p->procfd, p->config, err);
}

/* In a user namespace of its own the process builds the container as its root (C-UMAP-09). */
int step_become_root(struct init *in, struct err *err)
{
	/* EPERM: setgroups is denied in namespaces that an unprivileged user mapped (C-UMAP-06). */
	if (setgroups(0, NULL) < 0 && errno != EPERM)
		return err_sys(err, "drop the supplementary groups of the caller");
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return config_fail(
			in->plan->config, 0, err,
			"linux.uidMappings, linux.gidMappings: id 0 of the container must be mapped, "
			"the container is built as its root");
	/* The change of ids made the process as undumpable as the kernel's default says; be sure.
	 */
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return err_sys(err, "make the set-up undumpable");
	return 0;
}

/* Own session, so that TIOCSTI cannot reach the caller's terminal (CVE-2016-10124, S-34). */
int step_session(struct init *in, struct err *err)
{
	(void)in;
	if (setsid() < 0)
		return err_sys(err, "start a session");
	return 0;
}

int step_keyring(struct init *in, struct err *err)
{
	return keyring_join(in->plan->id, err);
}

int step_hostname(struct init *in, struct err *err)
{
	const struct oci_config *c = in->plan->config;

	if (c->hostname && sethostname(c->hostname, strlen(c->hostname)) < 0) {
		err_sys(err, "set host name '%s'", c->hostname);
		return config_wrap(c, c->hostname_at, err, "hostname");
	}
	if (c->domainname && setdomainname(c->domainname, strlen(c->domainname)) < 0) {
		err_sys(err, "set domain name '%s'", c->domainname);
		return config_wrap(c, c->domainname_at, err, "domainname");
	}
	return 0;
}

int step_attach(struct init *in, struct err *err)
{
	return rootfs_attach(&in->plan->rootfs, &in->root, err);
}

int step_mounts(struct init *in, struct err *err)
{
	return rootfs_mounts(&in->plan->rootfs, &in->root, err);
}

int step_devices(struct init *in, struct err *err)
{
	return rootfs_devices(&in->plan->rootfs, &in->root, err);
}

int step_network(struct init *in, struct err *err)
{
	(void)in;
	return net_loopback_up(err);
}

int step_console(struct init *in, struct err *err)
{
	const struct oci_process *process = &in->plan->config->process;
	AUTO_FD master = -1;
	AUTO_FD slave = -1;

	if (tty_open_pair(in->root.fd, process->console_height, process->console_width, &master,
			  &slave, err) < 0 ||
	    rootfs_console(&in->root, slave, err) < 0 ||
	    sync_send(in->sync, SYNC_CONSOLE, master, err) < 0)
		return -1;
	return tty_make_controlling(slave, process->user.uid, err);
}

int step_ask_host_hooks(struct init *in, struct err *err)
{
	if (sync_send(in->sync, SYNC_HOST_HOOKS, -1, err) < 0)
		return -1;
	return sync_expect(in->sync, SYNC_HOOKS_DONE, err);
}

/* Container namespaces, host's tree still the root (R-HOOK-20). The bundle is opened anew: below
 * the parent's descriptor of it there are no mounts of the container. Where another mount namespace
 * has none at that path, the parent's it is. */
int step_container_hooks(struct init *in, struct err *err)
{
	const struct plan *p = in->plan;
	struct stat here, there;

	AUTO_FD own = open(p->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool same = own >= 0 && fstat(own, &here) == 0 && fstat(p->bundlefd, &there) == 0 &&
		    here.st_dev == there.st_dev && here.st_ino == there.st_ino;
	return init_run_hooks(in, HOOK_CREATE_CONTAINER, STATUS_CREATING, same ? own : p->bundlefd,
			      err);
}

/* While the root is still writable. What is wrong with the path is said when it is entered. */
int step_make_cwd(struct init *in, struct err *err)
{
	struct err ignored = ERR_INIT;
	AUTO_FD fd = -1;

	(void)err;
	if (strcmp(in->plan->config->process.cwd, "/") == 0)
		return 0;
	if (path_make_in(in->root.fd, in->plan->config->process.cwd, PATH_DIR, 0755, 0, &fd,
			 &ignored) < 0)
		log_debug("create working directory: %s", ignored.msg);
	return 0;
}

int step_pivot(struct init *in, struct err *err)
{
	return rootfs_pivot(&in->plan->rootfs, &in->root, err);
}

int step_sysctl(struct init *in, struct err *err)
{
	return sysctl_apply(in->plan->procfd, in->plan->config, err);
}

int step_protect(struct init *in, struct err *err)
{
	return rootfs_protect(&in->plan->rootfs, &in->root, err);
}
