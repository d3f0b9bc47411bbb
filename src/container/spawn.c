/* SPDX-License-Identifier: Apache-2.0 */
#include "container/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "container/sync.h"
#include "kernel/procfs.h"

/* The others before the user namespace, the mount namespace last of them: it takes /proc away. */
static const enum oci_ns join_order[] = { OCI_NS_NETWORK, OCI_NS_IPC, OCI_NS_UTS,  OCI_NS_CGROUP,
					  OCI_NS_TIME,    OCI_NS_PID, OCI_NS_MOUNT };

static bool joins_any(const struct plan *p)
{
	for (size_t i = 0; i < OCI_NS_COUNT; i++) {
		if (p->ns.join[i] >= 0)
			return true;
	}
	return false;
}

static bool needs_helper(const struct plan *p)
{
	return p->user_ns && joins_any(p);
}

struct body {
	int (*fn)(void *);
	void *arg;
	int sync_parent;
};

NORETURN static void run_body(struct body *b)
{
	fd_close(&b->sync_parent); /* else our own copy would hide the runtime's death */
	_exit(b->fn(b->arg));
}

static pid_t clone_with(const struct plan *p, uint64_t flags, int cgroupfd, int *ret_pidfd)
{
	struct clone_args args = {
		.flags = flags | p->ns.clone_flags | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
		.exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD, /* CLONE_PARENT inherits it */
	};

	if (cgroupfd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (unsigned)cgroupfd;
	}
	return sys_clone3(&args);
}

static int clone_failed(const struct plan *p, struct err *err)
{
	if (errno == EPERM && (p->ns.clone_flags & CLONE_NEWUSER))
		return err_sys(
			err,
			"create the container's process and namespaces (are user namespaces allowed "
			"on this host, and is this no chroot?)");
	if (errno == ENOSPC || errno == EUSERS)
		return err_sys(
			err,
			"create the container's namespaces (see /proc/sys/user/max_*_namespaces)");
	return err_sys(err, "create the container's process and namespaces");
}

/* ---- joining a pid namespace for the next child --------------------------------------------- */

static int enter_pid_ns(const struct plan *p, int *ret_home, struct err *err)
{
	if (p->ns.join[OCI_NS_PID] < 0)
		return 0;
	*ret_home = openat(p->procfd, "self/ns/pid", O_RDONLY | O_CLOEXEC);
	if (*ret_home < 0)
		return err_sys(err, "open the runtime's own pid namespace");
	return ns_enter(p->ns.join[OCI_NS_PID], OCI_NS_PID, err);
}

static int spawn_direct(const struct plan *p, int cgroupfd, struct body *b, struct proc *ret,
			struct err *err)
{
	AUTO_FD home = -1;
	struct err back = ERR_INIT;

	if (enter_pid_ns(p, &home, err) < 0)
		return -1;
	ret->pid = clone_with(p, 0, cgroupfd, &ret->pidfd);
	if (ret->pid == 0)
		run_body(b);
	int saved = errno;
	if (home >= 0 && ns_enter(home, OCI_NS_PID, &back) < 0) {
		*err = back;
		return err_wrap(err, "go back to the runtime's own pid namespace");
	}
	errno = saved;
	return ret->pid < 0 ? clone_failed(p, err) : 0;
}

/* ---- the helper ------------------------------------------------------------------------------ */

/* Foreign namespaces first, with the runtime's rights; those that refuse again with the rights of
 * the user namespace (C-NS-09). */
static int helper_join(const struct plan *p, struct err *err)
{
	bool later[OCI_NS_COUNT] = { false };
	const size_t n = ARRAY_LEN(join_order);
	int user = p->ns.join[OCI_NS_USER];

	for (size_t i = 0; i < n; i++) {
		enum oci_ns ns = join_order[i];
		int fd = p->ns.join[ns];
		if (fd < 0 || ns_enter(fd, ns, err) == 0)
			continue;
		if (user < 0 || err->sys != EPERM)
			return -1;
		later[ns] = true;
	}
	if (user >= 0 && ns_enter(user, OCI_NS_USER, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (later[join_order[i]] &&
		    ns_enter(p->ns.join[join_order[i]], join_order[i], err) < 0)
			return -1;
	}
	return 0;
}

/* WAIT: it is to be moved before it does anything. */
NORETURN static void helper_main(const struct plan *p, int sync_child, bool wait, struct body *b)
{
	struct err err = ERR_INIT;
	AUTO_FD pidfd = -1;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (wait && sync_expect(sync_child, SYNC_GO, &err) < 0)
		_exit(1);
	if (helper_join(p, &err) < 0) {
		sync_send_failure(sync_child, &err);
		_exit(1);
	}
	pid_t pid = clone_with(p, CLONE_PARENT, -1, &pidfd);
	if (pid == 0)
		run_body(b);
	if (pid < 0) {
		(void)clone_failed(p, &err);
		sync_send_failure(sync_child, &err);
		_exit(1);
	}
	if (sync_send(sync_child, SYNC_CHILD, pidfd, &err) < 0)
		_exit(1);
	_exit(0);
}

/* Pid behind a pidfd, in the pid namespace of the procfs: "Pid:" of its fdinfo. */
static int pid_of_pidfd(const struct plan *p, int pidfd, pid_t *ret, struct err *err)
{
	char name[sizeof("self/fdinfo/") + 10], buf[512];
	uint32_t pid;

	(void)snprintf(name, sizeof(name), "self/fdinfo/%d", pidfd);
	if (procfs_read(p->procfd, name, buf, sizeof(buf), err) < 0)
		return -1;
	char *line = strstr(buf, "Pid:\t");
	if (line) {
		line += strlen("Pid:\t");
		line[strcspn(line, "\n")] = '\0';
	}
	if (!line || parse_u32(line, &pid) < 0 || pid == 0)
		return err_set(err, ERR_SYSTEM,
			       "the container's process ended while it was created");
	*ret = (pid_t)pid;
	return 0;
}

int spawn_take_child(const struct plan *p, int sync_parent, struct proc *ret, struct err *err)
{
	enum sync_type type;

	if (sync_recv(sync_parent, &type, &ret->pidfd, err) < 0)
		return -1;
	if (type == SYNC_FAILED)
		return -1;
	if (type != SYNC_CHILD || ret->pidfd < 0)
		return err_set(err, ERR_SYSTEM, "the helper that joins namespaces ended early");
	return pid_of_pidfd(p, ret->pidfd, &ret->pid, err);
}

/* ATTACH: the helper is moved to the cgroup, not born there. */
static int spawn_by_helper(const struct plan *p, const struct spawn_place *place, bool attach,
			   int sync_child, struct body *b, struct proc *ret, struct err *err)
{
	AUTO_PROC helper = PROC_INIT;
	struct clone_args args = { .flags = CLONE_PIDFD,
				   .pidfd = (uint64_t)(uintptr_t)&helper.pidfd,
				   .exit_signal = SIGCHLD };

	if (place->cgroupfd >= 0 && !attach) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (unsigned)place->cgroupfd;
	}
	helper.pid = sys_clone3(&args);
	if (helper.pid == 0)
		helper_main(p, sync_child, attach, b);
	if (helper.pid < 0)
		return err_sys(err, "create the helper that joins namespaces");
	int rc = 0;
	if (attach && (place->attach(place->arg, helper.pid, err) < 0 ||
		       sync_send(b->sync_parent, SYNC_GO, -1, err) < 0)) {
		(void)!proc_signal(&helper, SIGKILL);
		rc = -1;
	}
	if (rc == 0)
		rc = spawn_take_child(p, b->sync_parent, ret, err);
	(void)!proc_reap(&helper);
	return rc;
}

int spawn_container(const struct plan *p, const struct spawn_place *place, int sync_parent,
		    int sync_child, int (*fn)(void *), void *arg, struct proc *ret, struct err *err)
{
	struct body b = { .fn = fn, .arg = arg, .sync_parent = sync_parent };
	struct proc child = PROC_INIT;
	int rc;

	if (needs_helper(p))
		rc = spawn_by_helper(p, place, false, sync_child, &b, &child, err);
	else
		rc = spawn_direct(p, place->cgroupfd, &b, &child, err);
	/* Without a user namespace of its own it is root's container, whom the kernel lets. */
	if (rc < 0 && child.pidfd < 0 && err->sys == EACCES && place->attach && p->user_ns)
		rc = spawn_by_helper(p, place, true, sync_child, &b, &child, err);
	/* A child that exists is handed out even after a failure: the caller ends and reaps it. */
	*ret = child;
	return rc;
}

int spawn_join_rest(const struct plan *p, struct err *err)
{
	if (needs_helper(p))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(join_order); i++) {
		enum oci_ns ns = join_order[i];
		if (ns == OCI_NS_PID || p->ns.join[ns] < 0)
			continue;
		if (ns_enter(p->ns.join[ns], ns, err) < 0)
			return -1;
	}
	return 0;
}
