/* SPDX-License-Identifier: Apache-2.0 */
/* base/proc.h - handles of processes
 *
 * A process is pid + pidfd + start time. Signals and waits go by pidfd only, and a handle made from
 * a stored pid is checked against the stored start time, so a recycled pid is never reported or
 * signalled (R-STATE-13, CVE class of S-78). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"

struct proc {
	pid_t pid;           /* in the caller's pid namespace */
	int pidfd;           /* owned; -1 when unset */
	uint64_t start_time; /* clock ticks since boot, field 22 of /proc/PID/stat */
};
#define PROC_INIT { .pid = -1, .pidfd = -1 }

/* Start time and state letter of PID as in /proc/PID/stat; -1 with errno (ENOENT/ESRCH: gone). */
int proc_stat(pid_t pid, uint64_t *ret_start_time, char *ret_state) MUST_CHECK;

/* Opens the process PID if it still is the one that started at START_TIME and is not a zombie.
 * Returns 1 with *ret set, 0 when it is gone (also a zombie or another process), -1 on failure. */
int proc_open(pid_t pid, uint64_t start_time, struct proc *ret, struct err *err) MUST_CHECK;

/* The same question without a handle: what /proc says is enough for a process in good health, the
 * others are opened. */
int proc_is_alive(pid_t pid, uint64_t start_time, struct err *err) MUST_CHECK;

/* pidfd_send_signal(2). -1 with errno (ESRCH: gone). */
int proc_signal(const struct proc *p, int sig) MUST_CHECK;

/* Waits until the process has ended, at most TIMEOUT_MS (-1: no limit). Works for any process, not
 * only children; does not reap. Returns 1 when it has ended, 0 on timeout, -1 with errno. */
int proc_wait_end(const struct proc *p, int timeout_ms) MUST_CHECK;

/* Reaps a child through its pidfd: exit status as a shell shows it (code, or 128 + signal).
 * Blocks. -1 with errno. */
int proc_reap(const struct proc *p) MUST_CHECK;

void proc_done(struct proc *p);
#define AUTO_PROC AUTO(proc_done) struct proc
