/* SPDX-License-Identifier: Apache-2.0 */
/* container/relay.h - the foreground of `run`: signals, terminal, exit code */
#pragma once

#include <signal.h>
#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/proc.h"
#include "container/ready.h"

struct relay {
	int signalfd; /* owned */
	int master;   /* owned: the container's terminal, or -1 */
	sigset_t old; /* mask to restore */
	struct ready ready; /* owned: passed on meanwhile, if it is open */
};

/* Blocks all signals that are to be forwarded, so that none is lost between the clone and the
 * relay. Before the container is made. */
int relay_prepare(struct relay *r, struct err *err) MUST_CHECK;

/* Until the process ends: forwards signals to it by pidfd (SIGCHLD and SIGWINCH are ours), copies
 * between the caller's stdin and stdout and the terminal in raw mode, follows the window size.
 * *ret_code: exit code, or 128 + signal. REAP_ALL: we are the subreaper and collect orphans too. */
int relay_run(struct relay *r, const struct proc *p, bool reap_all, int *ret_code,
	      struct err *err) MUST_CHECK;
void relay_done(struct relay *r);
