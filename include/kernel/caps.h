/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/caps.h - the five capability sets (capabilities(7)); only module that knows libcap
 *
 * Order in the child (I-17, I-18): bounding set dropped while CAP_SETPCAP is there, keep-caps set, ids
 * changed, then the three process sets, then ambient. Absent sets are empty; inheritable and ambient
 * are never invented (CVE-2022-29162). The process sets are read back; a difference is fatal (I-10). */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "kernel/procfs.h"
#include "oci/config.h"

struct caps_plan {
	uint64_t bounding, effective, permitted, inheritable, ambient;
};

/* Takes the sets from the config. OWN: what the runtime holds and can hand on; NULL for a container
 * with a user namespace of its own, where its first process holds everything. Capabilities that the
 * runtime lacks cannot be granted: they are left out with one warning (C-CAP-10), as are names above
 * the kernel's last (C-CAP-08, found by PR_CAPBSET_READ). Ambient bits that are not both permitted and
 * inheritable are left out with a warning (C-CAP-06); effective bits that are not permitted are
 * refused (C-CAP-05). */
int caps_plan_build(const struct oci_config *c, const struct procfs_self *own,
		    struct caps_plan *ret, struct err *err) MUST_CHECK;

int caps_drop_bounding(const struct caps_plan *p, struct err *err) MUST_CHECK;
/* Keeps the permitted set across the change of user id; cleared by execve. */
int caps_keep(struct err *err) MUST_CHECK;
/* Sets and verifies all sets. After the ids are final. */
int caps_apply(const struct caps_plan *p, struct err *err) MUST_CHECK;
