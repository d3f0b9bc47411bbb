/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/unit.h - a container's cgroup made by systemd: a transient scope unit (D-10)
 *
 * systemd owns the tree of cgroups on its hosts, and what others make in it without asking it may
 * remove. So it is asked for a scope with Delegate=yes, below which, and in which, we then do all
 * that kernel/cgroup.h does. The settings go to both: to the files, because a unit has no property
 * for some of them, and to the unit, because systemd writes its own idea of the limits again, for
 * example after `systemctl daemon-reload`.
 *
 * Born inside. A scope needs a process when it starts and goes away with its last one. The
 * container's process is to be cloned into its cgroup (container/spawn.h), not to be moved there:
 * what it touches first would be charged to the caller, and its cgroup namespace would begin at the
 * wrong place. So the scope is started around a placeholder, a child of the runtime that does
 * nothing and is killed once the container's process exists; it dies with the runtime, so a create
 * that is killed leaves a scope that empties and that systemd removes (CollectMode). Where the
 * scope is is not believed but read from the placeholder's /proc/PID/cgroup.
 *
 * Devices are not told to systemd: it would attach a second program, made of a subset of the rules.
 * With the default DevicePolicy=auto and no DeviceAllow it attaches none and leaves ours alone.
 *
 * Whose unit is it? Its description has the container's id and time of creation, and nothing that
 * is described otherwise is ever stopped, whatever its name. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/dbus.h"
#include "base/err.h"
#include "kernel/cgroup.h"
#include "oci/config.h"

#define UNIT_NAME_MAX 255

struct unit_property {
	const char *name;
	/* 'b', 'i', 't' have a number, 's' a text; 'y' are LEN bytes of text ("ay"), 'd' a device
	 * node and a number ("a(st)"). */
	char type;
	uint64_t number;
	const char *text;
	size_t len;
	unsigned since; /* version of systemd that knows it; 0: all that have cgroup v2 */
};
struct unit_properties {
	struct unit_property *v;
	size_t n;
};

/* Where to ask, in this order; D-Bus addresses, ended by NULL. The command line makes it of the
 * environment (cli/env.h). */
struct unit_manager {
	bool user; /* a user's own systemd: another default for the slice */
	const char *addresses[4];
};

struct unit_plan {
	const char *name;  /* "docker-1234.scope" */
	const char *slice; /* "a-b.slice" */
	const char *path;  /* how its cgroup ends: "/a.slice/a-b.slice/docker-1234.scope" */
	struct unit_properties properties;
};

/* From linux.cgroupsPath, the settings of CG, and the annotations. */
int unit_plan_build(const struct oci_config *c, const char *id, bool user,
		    const struct cgroup_plan *cg, struct arena *a, struct unit_plan *ret,
		    struct err *err) MUST_CHECK;

/* "/a.slice/a-b.slice" of "a-b.slice", "" of "-.slice", in A. NULL: it is no name of a slice, *why
 * says what is wrong; or memory is out, *why is NULL. */
const char *unit_expand_slice(const char *slice, struct arena *a, const char **why) MUST_CHECK;

/* Settings as properties; those that systemd has none for are left out. */
int unit_translate(const struct cgroup_setting *settings, size_t n, struct arena *a,
		   struct unit_properties *ret, struct err *err) MUST_CHECK;

/* ---- asking systemd ---------------------------------------------------------------------------
 */

struct unit_bus {
	struct dbus d;
	bool direct; /* systemd itself is at the other end, no bus daemon */
	const char *address;
};
#define UNIT_BUS_INIT                                                                              \
	{                                                                                          \
		.d = DBUS_INIT                                                                     \
	}
void unit_bus_done(struct unit_bus *b);
#define AUTO_UNIT_BUS AUTO(unit_bus_done) struct unit_bus

/* Connects to the first of ADDRESSES that is there. A bus of another pid namespace is refused: it
 * would take our process numbers for those of others. err->sys is ENOENT or ECONNREFUSED when
 * nobody listens. */
int unit_bus_open(const char *const *addresses, struct unit_bus *ret, struct err *err) MUST_CHECK;

/* What is written on a unit of ours. */
const char *unit_description(struct arena *a, const char *id, const char *created) MUST_CHECK;

/* Starts the scope around PID and returns when it is there. *ret_asked: systemd was asked, so there
 * may be a unit even after a failure, which unit_stop() removes. */
int unit_start(struct unit_bus *b, const struct unit_plan *p, const char *description, pid_t pid,
	       bool *ret_asked, struct err *err) MUST_CHECK;

/* Stops the unit if it is the one with this description, and returns when it is gone and forgotten.
 * Nothing there is success. */
int unit_stop(struct unit_bus *b, const char *name, const char *description,
	      struct err *err) MUST_CHECK;

/* Moves process PID into the unit: SUB is a path below its cgroup ("/a/b"), "" that itself. For
 * callers whom the kernel does not let. */
int unit_attach(struct unit_bus *b, const char *name, const char *sub, pid_t pid,
		struct err *err) MUST_CHECK;

/* Tells a unit, whose cgroup CG is, of settings that were written to it, and returns when systemd
 * has written what it thinks follows from them: the part of a cgroup_keeper. */
int unit_change(struct unit_bus *b, const char *name, const struct cgroup *cg,
		const struct cgroup_setting *settings, size_t n, struct err *err) MUST_CHECK;
