/* SPDX-License-Identifier: Apache-2.0 */
/* create-internal.h - what create and run share: a created container in the hands of its maker */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/proc.h"
#include "base/str.h"
#include "container/container.h"
#include "container/plan.h"
#include "container/store.h"
#include "container/sync.h"
#include "kernel/cgroup.h"
#include "kernel/net.h"

/* Everything that create makes on the host, in the order of making; create_undo() walks it back. */
struct creation {
	struct plan plan;
	struct store store;   /* 1: the claim */
	struct record record; /* 2: written ahead */
	struct str created;   /* its time of creation */
	struct cgroup_hierarchy hierarchy;
	struct cgroup cgroup;  /* 3 */
	int listener;          /* 4: start.sock; owned */
	struct proc proc;      /* 5: the container's process, our child */
	int sync;              /* our end of the pair; owned */
	struct net_move net;   /* 6: network devices of the host */
	/* 7: groups of resctrl, as record.rdt says */
	bool pid_file_written; /* 8 */
	int master;            /* the container's terminal when nobody else takes it; owned */
};

/* Steps 1-10 of the architecture; the store stays locked. The failure path has undone everything;
 * *ret then holds nothing. */
int create_begin(int rootfd, const struct create_options *o, bool detached, struct creation *ret,
		 struct err *err) MUST_CHECK;

/* Frees the maker's view and the lock: the container stays. */
void create_end(struct creation *c);

/* What the container takes from the host, between the clone and GO, so that every hook sees it
 * (src/container/create_host.c). */
int create_take_host(struct creation *c, struct err *err) MUST_CHECK;
/* Gives it back; the container's process has ended. False: something could not be, a warning said
 * so. */
bool create_give_back(struct creation *c);
