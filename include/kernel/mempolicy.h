/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/mempolicy.h - linux.memoryPolicy: on which NUMA nodes the process gets its memory
 *
 * Of the calling process and what it starts, never of the runtime itself, whose own memory would be
 * bound too (C-MPOL-06). After the process has entered its cgroup: the kernel intersects the nodes
 * with cpuset.mems at the moment of the call (C-MPOL-07). */
#pragma once

#include "base/attr.h"
#include "base/err.h"
#include "oci/config.h"

/* set_mempolicy(2), read back by get_mempolicy(2) (I-10). A listed node that cannot be used is a
 * failure: the kernel would drop it silently as long as another one remains. With
 * MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES the kernel keeps the list as it is. Serves the
 * first process and those of `exec` (C-MPOL-08). Does nothing unless P is present. */
int mempolicy_apply(const struct oci_memory_policy *p, struct err *err) MUST_CHECK;
