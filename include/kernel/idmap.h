/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/idmap.h - uid and gid maps of user namespaces (user_namespaces(7)): the container's new
 * one, and those that only carry the maps of id-mapped mounts */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "oci/config.h"

/* Writes /proc/PID/{uid_map,gid_map} of a process in the new namespace, each in one write, and reads
 * them back (I-10). Where the kernel refuses an unprivileged caller: a map of exactly the caller's own
 * id is written after setgroups=deny (C-UMAP-06), any other through the newuidmap and newgidmap
 * programs (C-UMAP-07). PROCFD is a trusted procfs. */
int idmap_write(int procfd, pid_t pid, const struct oci_config *c, struct err *err) MUST_CHECK;

/* The mappings of a config that joins a user namespace, if it has any, are those that process PID in
 * it has: engines send both, and what the container gets is the namespace's (C-UMAP-04). */
int idmap_check(int procfd, pid_t pid, const struct oci_config *c, struct err *err) MUST_CHECK;

/* Host id of container id ID under MAP, or -1 when it is not mapped. */
int64_t idmap_to_host(const struct oci_id_map *map, size_t n, uint32_t id);

/* ---- id-mapped mounts ----------------------------------------------------------------------- */

/* What is 0 in the file system and 5000 to the host is container_id 0, host_id 5000 (C-MOUNT-38). */
struct idmap_pair {
	const struct oci_id_map *uid, *gid;
	size_t n_uid, n_gid;
};

/* mount_setattr(2) takes its maps from a user namespace. One that nobody lives in is made for each
 * different pair; engines send the same pair with many mounts. A list in an arena; NULL is empty. */
struct idmap_ns {
	struct idmap_ns *next;
	struct idmap_pair pair; /* lent: of the config */
	int fd;                 /* owned */
};

/* *ret_fd is lent by the list. The process that the namespace needs at its birth has ended when
 * this returns. PROCFD is a trusted procfs. */
int idmap_ns_get(struct idmap_ns **list, const struct idmap_pair *pair, int procfd, struct arena *a,
		 int *ret_fd, struct err *err) MUST_CHECK;
void idmap_ns_done(struct idmap_ns **list);
