/* SPDX-License-Identifier: Apache-2.0 */
/* plan-internal.h - what the plans of create and exec share */
#pragma once

#include "base/attr.h"
#include "base/err.h"
#include "container/plan.h"

/* An empty plan; plan_done() may follow at any time. */
void plan_init(struct plan *p, const struct create_options *o);

/* Each fills its part; config and procfd are there. */
int plan_connect_sockets(struct plan *p, struct err *err) MUST_CHECK;
int plan_build_env(struct plan *p, struct err *err) MUST_CHECK;

/* What a process of the container gets from kernel modules, the first one or a further one; user_ns
 * is there. */
int plan_build_process_parts(struct plan *p, struct err *err) MUST_CHECK;
