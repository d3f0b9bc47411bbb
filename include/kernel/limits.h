/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/limits.h - rlimits and OOM score
 *
 * A small limit (NOFILE 3, NPROC 1, FSIZE 0) must not starve the set-up itself (C-RLIM-04), and a process
 * in a user namespace may not raise a hard limit. So the parent raises hard limits where the config asks
 * for more, when errors still fail create; the child sets the exact values as one of its last steps,
 * which then only lowers and needs no privilege. */
#pragma once

#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "oci/config.h"

/* Parent: prlimit(2) on the child for each hard limit above the child's. */
int limits_raise(pid_t pid, const struct oci_config *c, struct err *err) MUST_CHECK;

/* Child: exact soft and hard values, read back. */
int limits_apply(const struct oci_config *c, struct err *err) MUST_CHECK;

/* Parent: writes /proc/PID/oom_score_adj and reads it back. Unset in the config: untouched (C-PROC-13).
 * Lowering without CAP_SYS_RESOURCE is refused by the kernel; then, for a caller that is not root in
 * the initial user namespace, the current value is kept with a warning (engine-contracts 12). */
int limits_oom_score(int procfd, pid_t pid, const struct oci_config *c, struct err *err) MUST_CHECK;
