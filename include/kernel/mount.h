/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/mount.h - one entry of `mounts`: plan in the parent, apply in the child
 *
 * plan: the source of a bind is opened before the clone, so a missing one is a config error with
 *   line and column and nothing to undo (I-04). A privileged parent already takes a detached copy
 * of the tree (open_tree OPEN_TREE_CLONE), from the caller's mount namespace, where a 0700 parent
 *   directory or a user namespace cannot be in the way (C-MOUNT-41), and gives it all attributes.
 *   Without privilege the child repeats the open in its own mount namespace and compares device and
 *   inode. Id-mapped mounts need the privilege (see mount_map.c).
 * apply: the target is resolved beneath the root exactly once (I-01, I-02), and everything is
 *   attached to its descriptor; no string is looked up twice. File systems are built detached
 *   (fsopen, fsconfig, fsmount) and get all attributes and their propagation before they are
 *   visible, except the plainest ones (mount_direct.c). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "kernel/idmap.h"
#include "oci/config.h"

struct mount_plan {
	const struct oci_mount *config;
	size_t index; /* in `mounts`, for messages */
	int tree;     /* owned: detached copy of the bind source with attributes set, or -1 */
	int source;   /* owned: O_PATH of the bind source (when there is no tree), or -1 */
	bool source_is_dir;
	uint64_t source_dev, source_ino; /* what the child must find again when it opens by path */
	const char *source_path; /* absolute; relative ones are relative to the bundle (D-25) */
	/* The source, as the container will name it, when it is below the container's root and under
	 * an earlier mount of the list (C-MOUNT-01): only the child can open it, then. Else NULL. */
	const char *source_inside;
	int maps; /* lent: user namespace with the maps of an id-mapped mount, or -1 */
	bool is_bind;
	bool is_cgroup;        /* type cgroup or cgroup2 */
	const char *target;    /* the destination, normalised */
	bool is_dev;           /* the destination is /dev itself */
	bool in_proc;          /* it is /proc, or a file in it that may be covered (C-MOUNT-05) */
	bool finish_read_only; /* tmpfs with ro: filled first, read-only at the end (C-MOUNT-28) */
};

/* Facts that decide how mounts are made. */
struct mount_context {
	bool new_user_ns;   /* or joined: superblocks belong to it */
	bool own_cgroup_ns; /* new cgroup namespace: a fresh cgroup2 mount shows the container's
			     * subtree; without one the own subtree is bound (I-23, C-CGP-12) */
	int cgroup_dir;     /* lent: descriptor of the container's cgroup directory, or -1 */
	uint64_t root_dev, root_ino; /* of the container's root, which is no target (C-MOUNT-04) */
};

/* Refuses linux.mountLabel on a host without SELinux (C-MASK-11, D-28). */
int mount_label_check(const struct oci_config *c, struct err *err) MUST_CHECK;

/* What all mounts of a config are planned with. */
struct mount_request {
	const struct oci_config *config;
	int bundlefd;       /* lent: relative sources are below it */
	const char *bundle; /* absolute */
	const char *root;   /* absolute path of the container's root */
	const struct mount_plan *earlier; /* plans of the mounts before this one */
	int procfd;         /* lent: trusted procfs */
	int user_ns;        /* lent: the user namespace that the container joins, or -1 */
	struct arena *arena;
	struct idmap_ns **maps; /* of all mounts; must live as long as the plans */
};

/* Messages name mounts[i] and the position in config.json. An id-mapped bind gets its maps here,
 * before anybody can see it: the kernel allows it at no other time. */
int mount_plan_build(const struct mount_request *r, size_t index, struct mount_plan *ret,
		     struct err *err) MUST_CHECK;
/* For a mount of type cgroup without a cgroup namespace: its tree becomes a copy of the container's
 * cgroup directory. Does nothing when the caller lacks the privilege. */
int mount_plan_cgroup(const struct oci_config *c, struct mount_plan *p, int cgroup_dirfd,
		      struct err *err) MUST_CHECK;
void mount_plan_done(struct mount_plan *p);

/* Makes the mount below ROOTFD (an O_PATH descriptor of the container's root in the child's mount
 * namespace). Missing targets are created: directories, or an empty file for a bind of a file
 * (C-MOUNT-29). Refused: a target of type proc or sysfs behind a symbolic link (I-03,
 * CVE-2019-19921), any other mount inside /proc except the closed list of C-MOUNT-05. */
int mount_apply(const struct oci_config *c, const struct mount_plan *p,
		const struct mount_context *ctx, int rootfd, int *ret_late,
		struct err *err) MUST_CHECK;

/* After all mounts and devices: read-only flag of a mount with finish_read_only. LATE is the
 * descriptor that mount_apply() has put into *ret_late (left alone for other mounts): the
 * destination is not looked up again, somebody could have changed what it leads to. */
int mount_finish(const struct oci_config *c, const struct mount_plan *p, int late,
		 struct err *err) MUST_CHECK;
