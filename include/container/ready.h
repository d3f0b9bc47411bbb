/* SPDX-License-Identifier: Apache-2.0 */
/* container/ready.h - NOTIFY_SOCKET: the caller's service manager hears when the program is ready
 *
 * The container gets a socket of its own, never the manager's: a program may say that it is ready,
 * and nothing else (not MAINPID, not FDSTORE) passes. Three steps:
 *
 *   create    ready_prepare(): a directory beside the record; the plan binds it to READY_TARGET,
 *             read-only, and sets the program's NOTIFY_SOCKET
 *   start     ready_open(): the socket appears in that directory, before the program runs, and the
 *             manager's is connected
 *   then      `start` and `run --detach` wait (ready_wait()) and tell the manager the container's
 *             pid as MAINPID; `run` in the foreground passes messages on all the time
 *             (ready_pass()) and is itself the main process
 *
 * A container without a mount namespace of its own gets nothing of this. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/proc.h"

#define READY_DIR    "notify" /* in the state directory */
#define READY_TARGET "/run/notify"
#define READY_ENV    "NOTIFY_SOCKET=" READY_TARGET "/notify.sock"

struct ready {
	int inside; /* owned: what the program sends to, or -1: nothing is passed on */
	int host;   /* owned: connected to the manager, or -1 */
	bool told;  /* the manager knows the main process */
};
#define READY_INIT                                                                                 \
	{                                                                                          \
		.inside = -1, .host = -1                                                           \
	}

/* Makes the directory in the state directory STATE; *ret_fd is opened for paths. */
int ready_prepare(int state, int *ret_fd, struct err *err) MUST_CHECK;

/* HOST: the caller's NOTIFY_SOCKET, a path or '@' and an abstract name; NULL, or a container that
 * was created without one: *ret stays empty. */
int ready_open(int state, const char *host, struct ready *ret, struct err *err) MUST_CHECK;

/* Takes the messages that the program has sent. READY=1 goes to the manager, the first time with
 * MAINPID. Returns whether one was that. A manager that is gone is worth a warning only. */
bool ready_pass(struct ready *r, pid_t main_pid);

/* Until the program is ready or has ended; then until the manager has read the message: it looks up
 * by our pid which service we belong to, and we are about to end. */
int ready_wait(struct ready *r, const struct proc *p, struct err *err) MUST_CHECK;

void ready_done(struct ready *r);
#define AUTO_READY AUTO(ready_done) struct ready
