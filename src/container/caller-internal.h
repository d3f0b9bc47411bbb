/* SPDX-License-Identifier: Apache-2.0 */
/* caller-internal.h - what create and exec hand to who called us, and keep from the container */
#pragma once

#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/proc.h"
#include "container/plan.h"

/* Processes of the container can read /proc/PID/environ of what we clone; engines keep secrets in
 * ours (CVE-2021-3602, S-36). Nothing below the command line reads the environment. */
void caller_wipe_environment(void);

/* PATH NULL: none is wanted. Decimal, no newline, never seen half written (engine-contracts 4). */
int caller_write_pid_file(const char *path, pid_t pid, struct err *err) MUST_CHECK;

/* Through the plan's pidfd socket, if there is one. */
int caller_send_pidfd(const struct plan *p, const struct proc *proc, struct err *err) MUST_CHECK;

/* The terminal's master goes to the plan's console socket, or without one to *ret_master. */
int caller_take_console(const struct plan *p, int take_fd, int *ret_master,
			struct err *err) MUST_CHECK;
