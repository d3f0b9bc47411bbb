/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/sched.h - how the kernel schedules the process: policy, I/O priority, CPUs, personality
 *
 * All functions act on a part of the config, so that they serve the container's first process and
 * those of `exec` alike; they change one process and read back what they set (I-10). PID 0 is the
 * caller. Messages name no position: the caller wraps them with that of the part.
 *
 * Order in the process:
 *   1. exec only: sched_affinity_initial()
 *   2. into the cgroup, whose cpuset decides which CPUs there are
 *   3. sched_affinity_final() for exec, sched_affinity_all() for the first process (C-CPU-15)
 *   4. sched_apply(): SCHED_DEADLINE is admitted only where all CPUs of its domain may be used
 *      (C-SCHED-07); ioprio_apply()
 *   5. only then the privileges go: what raises a priority needs CAP_SYS_NICE
 *
 * The capability counts in the initial user namespace only. Inside another one the process gets
 * EPERM (err->sys), and its parent may still do it, by the number of the process.
 *
 * A SCHED_DEADLINE process cannot fork unless it has SCHED_FLAG_RESET_ON_FORK. */
#pragma once

#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "oci/config.h"

/* process.scheduler by sched_setattr(2) (C-SCHED-01 to C-SCHED-08). The nice value is set for every
 * policy: under those that do not use it, it waits for the way back to SCHED_OTHER. Does nothing
 * unless S is present. */
int sched_apply(pid_t pid, const struct oci_scheduler *s, struct err *err) MUST_CHECK;

/* process.ioPriority (C-SCHED-09 to C-SCHED-11), for the process group when this process leads it,
 * as the text wants; otherwise the group is somebody else's, so only for this process. Does nothing
 * unless P is present. */
int ioprio_apply(pid_t pid, const struct oci_io_priority *p, struct err *err) MUST_CHECK;

/* process.execCPUAffinity of an `exec` (C-PROC-17). `initial`: call before the process enters the
 * container's cgroup; nothing when absent. `final`: call when it is inside; when absent, the
 * container's default, which is all its CPUs. A listed CPU that cannot be used is a failure: the
 * kernel would drop it silently. The first process of a container is not affected by this field. */
int sched_affinity_initial(const struct oci_process *p, struct err *err) MUST_CHECK;
int sched_affinity_final(const struct oci_process *p, struct err *err) MUST_CHECK;

/* All CPUs that the cgroup allows, whatever the runtime was bound to (taskset, systemd's
 * CPUAffinity, C-CPU-15). Where the kernel refuses, everything stays as it is: no setting of the
 * config asks for it. */
void sched_affinity_all(void);

/* linux.personality (C-PERS-01); before the seccomp filter, which may refuse the call (C-PERS-04).
 * Does nothing unless L has one. */
int personality_apply(const struct oci_linux *l, struct err *err) MUST_CHECK;
