/* SPDX-License-Identifier: Apache-2.0 */
/* container/sync.h - messages between the runtime and the container's first process
 *
 * One SOCK_SEQPACKET pair, both ends close-on-exec; a message is a type and, for FAILED, the
 * failure value itself. After SETUP begins the child lives in attacker-chosen mounts, so the parent
 * accepts only what the table below allows and at most one descriptor with CONSOLE and CHILD.
 *
 *   parent                        child
 *     |<---- CHILD + pidfd -------|   only from the helper that joins namespaces
 * (container/spawn.h)
 *     |----- GO ----------------->|   maps, limits and cgroup settings are written
 *     |<---- CONSOLE + master ----|   only with process.terminal
 *     |<---- HOST_HOOKS ----------|   only with prestart or createRuntime hooks
 *     |----- HOOKS_DONE --------->|
 *     |<---- PRIORITIES ----------|   only in a user namespace, whose capabilities do not count here
 *     |----- PRIORITIES_DONE ---->|
 *     |<---- READY ---------------|   everything that can fail before execve has been done
 *     |----- COMMIT ------------->|   the record says `created`; end of file here = the child gives
 * up
 *     |<---- FAILED + failure ----|   any time; end of file without it = died
 *
 * `exec` has two children, one after the other, at the same end (src/container/exec-internal.h).
 * The second one waits too, so that nothing it says comes before CHILD: parent helper, then the
 * process
 *     |----- GO ----------------->|   helper: limits are written
 *     |<---- CHILD + pidfd -------|   helper: has joined and cloned, and ends
 *     |----- GO ----------------->|   process; from here on as above: CONSOLE, PRIORITIES, READY
 *     |----- COMMIT ------------->|   the pid file is written; AGENT and PAYLOAD may follow
 *     |<---- LAUNCH --------------|   as on the start socket
 *
 * The start socket (store.h) speaks the same language with the process that runs `start`:
 *     |----- AGENT + socket ----->|   only with SCMP_ACT_NOTIFY (container/notify.h)
 *     |----- PAYLOAD + file ----->|
 *     |----- GO ----------------->|   start.sock is unlinked before: status is derived from it
 *     |<---- LAUNCH --------------|   next come the filter and execve
 *     |<---- FAILED + failure ----|   or end of file: execve closed the socket, the program runs
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"

enum sync_type {
	SYNC_CHILD = 1,
	SYNC_GO,
	SYNC_CONSOLE,
	SYNC_HOST_HOOKS,
	SYNC_HOOKS_DONE,
	SYNC_PRIORITIES,
	SYNC_PRIORITIES_DONE,
	SYNC_READY,
	SYNC_COMMIT,
	SYNC_LAUNCH,
	SYNC_AGENT,
	SYNC_PAYLOAD,
	SYNC_FAILED,
	SYNC_EOF, /* never sent: what sync_recv() reports at end of file */
};

/* TAKE_FD (may be -1) goes with the message. */
int sync_send(int sock, enum sync_type type, int fd, struct err *err) MUST_CHECK;
/* The last words of a child: never fails, nobody may be listening. */
void sync_send_failure(int sock, const struct err *e);

/* Receives one message. SYNC_FAILED leaves the sender's failure in *err and returns 0 like every
 * other type; *ret_fd (may be NULL) gets a descriptor that came along, else -1. -1: the socket
 * broke, or the message is none of ours. */
int sync_recv(int sock, enum sync_type *ret, int *ret_fd, struct err *err) MUST_CHECK;

/* Child: receives exactly EXPECTED; end of file and everything else is a failure. */
int sync_expect(int sock, enum sync_type expected, struct err *err) MUST_CHECK;
