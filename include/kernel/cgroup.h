/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/cgroup.h - the container's control group, version 2 (kernel: cgroup-v2.rst)
 *
 * - plan: linux.resources becomes a list of (file, value) writes, converted before any side effect;
 *   device rules become one eBPF program (kernel/devfilter.h)
 * - create: directories below the hierarchy's root by mkdirat on pinned descriptors (I-22),
 *   controllers enabled on the way down; refused when the target is populated or frozen (D-16)
 * - apply: after the child was born inside (CLONE_INTO_CGROUP), before it runs
 * - update: the same conversion, completed by what is in force, with the values to go back to
 * - remove: cgroup.kill, wait on cgroup.events, rmdir bottom-up; only what create made (R-LIFE-21)
 *
 * Version 2 only, wherever it is mounted (D-09). A setting that asks for nothing (empty object,
 * default value, -1, shares 1024) never needs its controller; a real limit whose controller is
 * missing is refused with the reason (bound to v1, not delegated, not built in) and what to do. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "kernel/devfilter.h"
#include "oci/config.h"

struct cgroup_setting {
	const char *controller; /* "memory"; NULL for core files (cgroup.*) */
	const char *file;       /* "memory.max" */
	const char *value;
	/* Written instead where the cgroup has no FILE: io.weight for io.bfq.weight; NULL: none. */
	const char *or_file, *or_value;
	const char *field; /* "linux.resources.memory.limit", for messages */
	uint32_t at;       /* position in config.json */
	bool optional;    /* asks for the kernel's default: skipped when the controller is absent */
	bool dispensable; /* skipped where the kernel has no such file: hugetlb.2MB.rsvd.max */
	bool shows; /* optional, but a new cgroup would show another value: cpu.max "max 50000" */
};

struct cgroup_plan {
	const struct oci_config *config;
	const char *path; /* below the hierarchy's root: "/a/b", normalised, never "/"; NULL: a unit */
	bool path_given;  /* cgroupsPath was set; else it is our default "/<id>" */
	bool has_limits;  /* any setting that is not optional, or device rules */
	/* In the order of writing; `unified` last, in document order. */
	struct cgroup_setting *settings;
	size_t n_settings;
	struct devfilter devices;
	bool chown; /* the four conditions of C-CGP-08 hold */
	uid_t owner_uid;
};

/* The v2 hierarchy: /sys/fs/cgroup, /sys/fs/cgroup/unified, else the first cgroup2 mount of
 * /proc/self/mountinfo; recognised by CGROUP2_SUPER_MAGIC. A machine without one makes
 * cgroup_hierarchy_open() fail. */
struct cgroup_hierarchy {
	int fd; /* owned: O_DIRECTORY|O_RDONLY of its root */
	char mount_point[256];
};

struct cgroup {
	int fd;          /* owned: O_DIRECTORY|O_RDONLY of the container's cgroup; -1: has none */
	char path[4096]; /* below the hierarchy's root */
	uint64_t ino;    /* of the directory: identity of what we made */
	bool created;    /* by us: delete removes it only then */
	/* Last components of the path that cgroup_create() made, the container's own included: an
	 * undone create removes all of them. Not recorded; a later command removes only its own. */
	unsigned n_made;
};
#define CGROUP_HIERARCHY_INIT                                                                      \
	{                                                                                          \
		.fd = -1                                                                           \
	}
#define CGROUP_INIT                                                                                \
	{                                                                                          \
		.fd = -1                                                                           \
	}

int cgroup_plan_build(const struct oci_config *c, const char *id, struct arena *a,
		      struct cgroup_plan *ret, struct err *err) MUST_CHECK;
/* The same for the cgroup of a unit (kernel/unit.h), which another program makes: no path. */
int cgroup_plan_build_unit(const struct oci_config *c, struct arena *a, struct cgroup_plan *ret,
			   struct err *err) MUST_CHECK;
void cgroup_plan_done(struct cgroup_plan *p);

int cgroup_hierarchy_open(struct cgroup_hierarchy *ret, struct err *err) MUST_CHECK;
void cgroup_hierarchy_done(struct cgroup_hierarchy *h);

/* Makes the cgroup. The default path is tried at the root of the hierarchy and then, for callers
 * without the right to that, beside the caller's own cgroup; ret->path says where it is. When it
 * cannot be made for lack of permission, no path was given and no limit is asked for, *ret stays
 * without a cgroup (fd -1) and the container runs in the caller's: rootless hosts without
 * delegation. A failure leaves no directory behind; controllers that were enabled in the ancestors
 * on the way stay enabled. */
int cgroup_create(const struct cgroup_hierarchy *h, const struct cgroup_plan *p, struct cgroup *ret,
		  struct err *err) MUST_CHECK;

/* Takes the cgroup that another program has made and put process PID into, as one of ours: its path
 * is what /proc says, and has to end with TAIL. One that could not run a container (frozen, or
 * without a controller that a limit needs) is refused, with *ret set all the same. PROCFD is a
 * trusted procfs. */
int cgroup_adopt(const struct cgroup_hierarchy *h, const struct cgroup_plan *p, int procfd,
		 pid_t pid, const char *tail, struct cgroup *ret, struct err *err) MUST_CHECK;

/* Writes the settings, attaches the device program and gives the cgroup to its owner. A cgroup that
 * we made has the kernel's defaults, so optional settings are written to pre-existing ones only. */
int cgroup_apply(const struct cgroup *cg, const struct cgroup_plan *p, struct err *err) MUST_CHECK;

/* Opens the recorded cgroup for a later command. Returns 1, 0 when it is gone (or another directory
 * has its name: the inode differs), -1 on failure. INO 0 skips the comparison. */
int cgroup_open(const struct cgroup_hierarchy *h, const char *path, uint64_t ino, bool created,
		struct cgroup *ret, struct err *err) MUST_CHECK;

/* exec --cgroup: opens PATH, an existing sub-cgroup ("/" is CG itself), as *ret. A ".." in it, or
 * the "controllers:path" of cgroup v1, is refused (S-30). */
int cgroup_open_sub(const struct cgroup *cg, const char *path, struct cgroup *ret,
		    struct err *err) MUST_CHECK;

/* Where process PID of the container is now: CG itself or one below it. A cgroup that passes
 * domain controllers on to its children takes no processes of its own ("no internal processes"),
 * and a program such as systemd has moved on to a leaf. PROCFD is a trusted procfs. */
int cgroup_open_leaf(const struct cgroup *cg, int procfd, pid_t pid, struct cgroup *ret,
		     struct err *err) MUST_CHECK;

/* "frozen 1" in cgroup.events. */
int cgroup_is_frozen(const struct cgroup *cg, bool *ret, struct err *err) MUST_CHECK;

/* Freezes what is inside, or lets it go on, and waits for "frozen 1" or "frozen 0" by poll on
 * cgroup.events. What cannot be frozen within TIMEOUT_MS is let go again. */
int cgroup_freeze(const struct cgroup *cg, int timeout_ms, struct err *err) MUST_CHECK;
int cgroup_thaw(const struct cgroup *cg, int timeout_ms, struct err *err) MUST_CHECK;

/* Writes the resources of C, a document of config_parse_resources(), to a cgroup that is in use.
 * What is not named stays as it is, and what depends on it is taken from the kernel: the period of
 * a new quota, the memory limit below a total with swap. Everything is checked before the first
 * write; when one fails after all, those before it are put back, and the message says so. `devices`
 * is left alone: engines send the deny-all of the config without the rules that went with it
 * (engine-contracts 10). Controllers that the cgroup lacks are enabled above it. */
bool cgroup_update_wants(const struct oci_config *c); /* false: it asks for nothing, as {} does */
int cgroup_update(const struct cgroup_hierarchy *h, const struct cgroup *cg,
		  const struct oci_config *c, struct err *err) MUST_CHECK;

/* Who keeps limits for this cgroup besides the kernel and would write them again (systemd): called
 * when the files have been written. What it writes itself meanwhile is written over; when it fails,
 * the files are put back. */
struct cgroup_keeper {
	int (*tell)(void *arg, const struct cgroup_setting *v, size_t n, struct err *err);
	void *arg;
};
int cgroup_update_kept(const struct cgroup_hierarchy *h, const struct cgroup *cg,
		       const struct oci_config *c, const struct cgroup_keeper *keeper,
		       struct err *err) MUST_CHECK;

/* Process ids of the cgroup and all below it, allocated in A. Processes that the caller's pid
 * namespace cannot see are left out. */
int cgroup_pids(const struct cgroup *cg, struct arena *a, pid_t **ret, size_t *ret_n,
		struct err *err) MUST_CHECK;

/* SIGKILL: one write to cgroup.kill (kernel 5.14). Other signals: by pidfd to each process, each
 * verified to still be in the cgroup. An empty cgroup is success. */
int cgroup_signal(const struct cgroup *cg, int sig, struct err *err) MUST_CHECK;

/* What was killed has to run to its end, and limits of the processor and the disk can leave it next to
 * no time for that: they are lifted, as far as they can be, in a cgroup that we made and are about
 * to remove. */
void cgroup_lift_limits(const struct cgroup *cg);

/* Kills what is inside, waits for "populated 0" by poll on cgroup.events (no sleeping), at most
 * TIMEOUT_MS, and removes the cgroup with its sub-cgroups when we created it (a pre-existing one is
 * emptied and kept, without our device program). Already gone is success. On success cg->fd is
 * closed. */
int cgroup_remove(const struct cgroup_hierarchy *h, struct cgroup *cg, int timeout_ms,
		  struct err *err) MUST_CHECK;
void cgroup_done(struct cgroup *cg);

/* cpu.shares (v1, 2..262144) -> cpu.weight (1..10000), the curve of current runtimes (C-CPU-02). */
uint64_t cgroup_shares_to_weight(uint64_t shares);
