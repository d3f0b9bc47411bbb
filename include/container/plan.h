/* SPDX-License-Identifier: Apache-2.0 */
/* container/plan.h - config and command line, resolved: everything that can be decided before the
 * clone
 *
 * A plan owns descriptors instead of path strings, compiled filters instead of names. Building it
 * has no side effect on the host, so every mistake of the user fails with nothing to undo. After
 * plan_build() it is const: the child gets a copy of it by the clone and only carries it out. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "container/container.h"
#include "kernel/caps.h"
#include "kernel/cgroup.h"
#include "kernel/filter.h"
#include "kernel/ns.h"
#include "kernel/rdt.h"
#include "kernel/rootfs.h"
#include "oci/config.h"

/* sd_listen_fds(3) compares LISTEN_PID with getpid(2), which only the child knows. */
#define LISTEN_PID_SIZE (sizeof("LISTEN_PID=") + 3 * sizeof(pid_t))

/* exec: the container that the process goes to. */
struct plan_target {
	int pidfd; /* lent: its first process, whose identity was checked (I-20) */
	int root;  /* owned: its root directory where the mount namespace is not its own, or -1 */
	int ns_flags; /* CLONE_NEW* of its namespaces, without those that the runtime is in too */
};

struct plan {
	struct arena arena;
	struct oci_config *config;            /* owned; const for everybody else */
	const struct create_options *options; /* lent by the caller of create */
	const char *id;
	bool exec;          /* a further process of an existing container, not its first */
	const char *bundle; /* absolute */
	int bundlefd;       /* owned: O_PATH; working directory of hooks */
	int procfd;         /* owned: trusted procfs (kernel/procfs.h) */
	int console_socket; /* owned: connected, or -1 */
	int pidfd_socket;   /* owned: connected, or -1 */
	struct ns_plan ns;
	struct plan_target target; /* exec only */
	bool user_ns;              /* the container has its own user namespace, new or joined */
	struct rootfs_plan rootfs;
	struct cgroup_plan cgroup;
	struct rdt_plan rdt;
	struct filter filter;
	struct caps_plan caps;
	const char **env; /* final environment except HOME; env[n_env] and one more are free */
	size_t n_env;
	bool has_home;
	char *listen_pid;  /* in env with LISTEN_FDS: room for the pid that the child has */
	unsigned keep_fds; /* descriptors 3 … 2+n belong to the program */
	/* The runtime itself: signals that its caller ignores stay ignored over execve unless they
	 * are reset (I-21). */
	struct procfs_self self;
};

/* DETACHED: create, or run --detach: a terminal then needs a console socket. */
int plan_build(const struct create_options *o, bool detached, struct plan *ret,
	       struct err *err) MUST_CHECK;
void plan_done(struct plan *p);

/* Whether NOTIFY_SOCKET is passed on (container/ready.h); then, as soon as ready_prepare() has made
 * DIR, the bind of it. */
bool plan_has_ready(const struct plan *p);
int plan_bind_ready(struct plan *p, int dir, struct err *err) MUST_CHECK;
