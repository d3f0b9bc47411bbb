/* SPDX-License-Identifier: Apache-2.0 */
/* create-internal.h - what create, run and restore share: a created container in the hands of its
 * maker */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/proc.h"
#include "base/str.h"
#include "container/container.h"
#include "container/plan.h"
#include "container/ready.h"
#include "container/store.h"
#include "container/sync.h"
#include "kernel/cgroup.h"
#include "kernel/net.h"
#include "scope-internal.h"

/* Everything that create makes on the host, in the order of making; create_undo() walks it back. */
struct creation {
	struct plan plan;
	struct store store;   /* 1: the claim */
	struct record record; /* 2: written ahead */
	struct str created;   /* its time of creation */
	struct cgroup_hierarchy hierarchy;
	struct cgroup cgroup; /* 3 */
	struct scope scope;   /* its unit, if systemd made it */
	int listener;         /* 4: start.sock; owned; a restored container has none */
	struct proc proc;     /* 5: the container's process, our child */
	int sync;             /* our end of the pair; owned */
	struct net_move net;  /* 6: network devices of the host */
	/* 7: groups of resctrl, as record.rdt says */
	bool pid_file_written; /* 8 */
	int master;            /* the container's terminal when nobody else takes it; owned */
};

/* Steps 1-10 of the architecture; the store stays locked. The failure path has undone everything;
 * *ret then holds nothing. */
int create_begin(int rootfd, const struct create_options *o, bool detached, struct creation *ret,
		 struct err *err) MUST_CHECK;

/* The same with another source of processes: POPULATE gets a container with a record and a cgroup,
 * fills it, and calls create_commit() while its processes are still held. */
int create_populated(int rootfd, const struct create_options *o, bool detached,
		     int (*populate)(struct creation *c, void *arg, struct err *err), void *arg,
		     struct creation *ret, struct err *err) MUST_CHECK;

/* Steps for POPULATE. */
int create_note_process(struct creation *c, struct err *err) MUST_CHECK; /* c->proc is known */
int create_host_hooks(struct creation *c, struct err *err) MUST_CHECK; /* prestart, createRuntime */
int create_join_rdt(struct creation *c, pid_t pid, struct err *err) MUST_CHECK;
/* What the caller gets: pidfd, pid file, and a record that says `created`. */
int create_commit(struct creation *c, struct err *err) MUST_CHECK;

/* run and restore: FN makes a running container; then its end is waited for, and it is deleted, or
 * with O->detach that is left to others. FN's results are its process, the master of a terminal that
 * nobody else took, and what hears of its readiness. */
typedef int run_launch_fn(int rootfd, const struct create_options *o, void *arg,
			  struct proc *ret_proc, int *ret_master, struct ready *ret_ready,
			  struct err *err);
int run_launched(int rootfd, const struct create_options *o, run_launch_fn *fn, void *arg,
		 int *ret_code, struct err *err) MUST_CHECK;

/* Frees the maker's view and the lock: the container stays. */
void create_end(struct creation *c);

/* What the container takes from the host, between the clone and GO, so that every hook sees it
 * (src/container/create_host.c). */
int create_take_host(struct creation *c, struct err *err) MUST_CHECK;
/* Gives it back; the container's process has ended. False: something could not be, a warning said
 * so. */
bool create_give_back(struct creation *c);
