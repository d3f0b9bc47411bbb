/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
/* container/status.h - what a container is doing, derived and never stored
 *
 *   status    recognised by                                   legal commands
 *   creating  record says so and its creator has the lock     state
 *   created   process alive, start.sock exists                start pause update kill delete state
 *   running   process alive, no start.sock                    pause update kill state delete --force
 *   paused    process alive, cgroup frozen                    resume update kill state delete --force
 *   stopped   process gone, or a record "creating" without
 *             a creator                                       delete state
 *   unknown   no readable state.json, or none while
 *             processes run                                   delete --force
 *
 * Paused comes before created and running: after `resume` it is again what it was. "Alive" means:
 * the recorded pid has the recorded start time and is no zombie (R-STATE-13, -14). */
/* clang-format on */
#pragma once

#include "base/attr.h"
#include "base/err.h"
#include "base/proc.h"
#include "container/store.h"
#include "kernel/cgroup.h"
#include "oci/state.h"

/* *ret_proc (may be NULL) gets the handle of a live process, for signals without a race. H is opened
 * when it is needed and not yet open, and stays so: whoever asks for many opens it once. */
int status_of(const struct store *s, const struct record *r, struct cgroup_hierarchy *h,
	      enum status *ret, struct proc *ret_proc, struct err *err) MUST_CHECK;

/* Fills a state document from a record. PID and STATUS as given. */
void status_fill(const struct record *r, enum status status, pid_t pid, struct oci_state *ret);
