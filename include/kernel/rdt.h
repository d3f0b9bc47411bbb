/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/rdt.h - linux.intelRdt: a class of service and a monitoring group of resctrl (C-RDT)
 *
 * A class (CLOS) is a directory in the root of the resctrl file system; "/" in the config means the
 * root itself. Three kinds, by who is responsible for its life (C-RDT-03, -05, -06, -13):
 *
 *   closID absent          class with the container's id: made by create, removed by delete
 *   closID and any schema  made if not there, else its schemata must say the same; it stays
 *   closID only, or "/"    must be there; its schemata are not touched; it stays
 *
 * A monitoring group has the id of the container, is made in its class and is removed by delete.
 * What was made is written down with inode numbers, so that another process removes exactly that
 * and nothing else. The functions work below a descriptor of the root, so tests have one of their
 * own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "oci/config.h"

struct rdt_plan {
	int root;             /* owned; -1: intelRdt is not asked for, resctrl is never touched */
	const char *clos;     /* name of the class, "" is the root */
	bool keep;            /* closID was given */
	bool is_new;          /* the class is not there yet */
	const char *schemata; /* lines to write or to compare with; NULL: none (C-RDT-11) */
	const char *monitor;  /* name of the monitoring group, or NULL */
};
#define RDT_PLAN_INIT                                                                              \
	{                                                                                          \
		.root = -1                                                                         \
	}

/* Where a container is, and what was made for it. Strings as in the record of container/store.h. */
struct rdt_group {
	const char *clos;                   /* NULL: not in resctrl */
	const char *monitor;                /* made by us, or to be made; NULL: none */
	bool clos_made;                     /* by us, or to be made */
	bool keep;                          /* outlives the container */
	uint64_t clos_inode, monitor_inode; /* of what was made; 0: not made yet */
};

/* The root of the mounted resctrl. Returns 1, 0 when none is mounted, -1 on failure. */
int rdt_open(int *ret_root, struct err *err) MUST_CHECK;

/* Decides all of the above and compares existing schemata; changes nothing. Without intelRdt in the
 * config the plan stays empty; without resctrl it is refused. */
int rdt_plan_build(const struct oci_config *c, const char *id, struct arena *a,
		   struct rdt_plan *ret, struct err *err) MUST_CHECK;
/* The same with TAKE_ROOT as root of resctrl. */
int rdt_plan_build_at(int take_root, const struct oci_config *c, const char *id, struct arena *a,
		      struct rdt_plan *ret, struct err *err) MUST_CHECK;
void rdt_plan_done(struct rdt_plan *p);

/* What the record says before anything is made. */
struct rdt_group rdt_planned(const struct rdt_plan *p);

/* Makes what is to be made, writes the schemata and reads them back, puts process PID in. *G, from
 * rdt_planned(), follows: it says what was made also after a failure. */
int rdt_apply(const struct rdt_plan *p, pid_t pid, struct rdt_group *g, struct err *err) MUST_CHECK;

/* Puts another process into the class and the monitoring group of a container. */
int rdt_join(int root, const struct rdt_group *g, pid_t pid, struct err *err) MUST_CHECK;

/* update: changes the schemata of the container's class as the lines of WANTED say and reads them
 * back. Others of a class that is kept get the new values too. Refused for the root's class, which is
 * everybody's, and for a container that is in none. *RET_OLD, in A, is what rdt_restore() writes back
 * when another part of an update fails; a failure of this one has written it back. */
int rdt_update(int root, const struct rdt_group *g, const char *wanted, struct arena *a,
	       char **ret_old, struct err *err) MUST_CHECK;
int rdt_restore(int root, const struct rdt_group *g, const char *old, struct err *err) MUST_CHECK;

/* Removes what was made, of a class that is kept nothing but the monitoring group. Of a create that
 * did not finish (UNFINISHED), the class goes too, unless others are in it. What is gone or has
 * another inode is left alone. */
int rdt_remove(int root, const struct rdt_group *g, bool unfinished, struct err *err) MUST_CHECK;
