/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/lsm.h - labels of the security modules: AppArmor profile and SELinux label of the program
 *
 * Both are attributes that the kernel takes over at the next execve: the process writes what it
 * wants to become into its own attr/ directory of /proc. Only through the trusted procfs (I-09): a
 * volume over /proc, or an image whose /proc is no procfs, has swallowed this write in other
 * runtimes, and the program ran unconfined (CVE-2019-16884, CVE-2023-28642, CVE-2025-52881). What
 * was written is read back (I-10).
 *
 * Order: before the descriptors of the host close, because it needs the procfs; before
 * no_new_privs, which forbids AppArmor's change of profile for a runtime that is itself confined. A
 * child inherits the attribute, so hooks that this process starts afterwards are confined as the
 * program will be.
 *
 * A label is refused where it cannot be in force, never ignored (D-28). Nothing here makes a claim
 * about what a policy allows. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "oci/config.h"

/* True when this kernel runs the module and its file system (selinuxfs) is mounted on
 * /sys/fs/selinux, as on every host that has loaded a policy; a kernel that merely has the module
 * compiled in is false. Looks at the caller's mount namespace: ask in the parent, or before the
 * root changes. */
bool lsm_selinux_enabled(void);
/* True when this kernel runs AppArmor. The same remark. */
bool lsm_apparmor_enabled(void);

/* Parent: refuses, with the position in C, a profile or label of process P whose module is not
 * there, and a profile that is not loaded as far as that can be told (only a privileged caller may
 * list the profiles). P is &C->process, or the process of an `exec`. */
int lsm_check(const struct oci_config *c, const struct oci_process *p, struct err *err) MUST_CHECK;

/* Child: the profile, or the label, that P asks for becomes that of the next program. Nothing is
 * written when P has none. Errors name the file in back quotes, as podman expects (engine-contracts
 * 3). */
int lsm_apply_apparmor(int procfd, const struct oci_process *p, struct err *err) MUST_CHECK;
int lsm_apply_selinux(int procfd, const struct oci_process *p, struct err *err) MUST_CHECK;

/* Child: keys that are made from now on until execve, the session keyring above all, get P's
 * SELinux label. Nothing is written when P has none. */
int lsm_apply_keys(int procfd, const struct oci_process *p, struct err *err) MUST_CHECK;
