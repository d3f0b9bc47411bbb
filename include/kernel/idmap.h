/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/idmap.h - uid and gid maps of a new user namespace (user_namespaces(7)) */
#pragma once

#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "oci/config.h"

/* Writes /proc/PID/{uid_map,gid_map} of a process in the new namespace, each in one write, and reads
 * them back (I-10). Where the kernel refuses an unprivileged caller: a map of exactly the caller's own
 * id is written after setgroups=deny (C-UMAP-06), any other through the newuidmap and newgidmap
 * programs (C-UMAP-07). PROCFD is a trusted procfs. */
int idmap_write(int procfd, pid_t pid, const struct oci_config *c, struct err *err) MUST_CHECK;

/* Host id of container id ID under MAP, or -1 when it is not mapped. */
int64_t idmap_to_host(const struct oci_id_map *map, size_t n, uint32_t id);
