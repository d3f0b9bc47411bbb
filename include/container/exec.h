/* SPDX-License-Identifier: Apache-2.0 */
/* container/exec.h - exec: what becomes of `process` of the saved config
 *
 * With --process FILE it is FILE's object (oci/config.h, config_load_process()). Otherwise the
 * container's own one, changed by the options: the arguments are new, there is a terminal only when
 * it is asked for, environment, groups and capabilities are added to, and no restriction is lifted
 * (C-PROC-18, D-18). */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "container/container.h"
#include "oci/config.h"

/* "UID[:GID]", both plain decimal numbers from 0 to 4294967294, nothing else; without GID it is 0.
 * No name is ever looked up (I-16, S-05, S-23, S-77). */
int exec_parse_user(const char *text, uint32_t *ret_uid, uint32_t *ret_gid,
		    struct err *err) MUST_CHECK;

/* Changes C->process. */
int exec_build_process(const struct exec_options *o, struct oci_config *c,
		       struct err *err) MUST_CHECK;
