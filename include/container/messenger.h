/* SPDX-License-Identifier: Apache-2.0 */
/* container/messenger.h - a thread that speaks for a process whose filter forbids it to
 *
 * Once the container's filter is loaded, every system call of the process is subject to it. With
 * SCMP_ACT_NOTIFY a call that is to be supervised waits for an agent that has no listener yet: for
 * ever (C-SEC-27). With a filter that refuses sendmsg(2) a failing execve could not be reported,
 * and `start` would take the end of file for success (C-SEC-21). So the process gets a second
 * thread before the load. A filter is a matter of one thread, and this one stays without:
 *
 *   process                               messenger
 *   filter loaded, listener in *m  ---->  sends state and listener to the agent, closes both
 *   looks at *m, makes no call     <----  sent; or reports the failure and ends the process
 *   execve, which ends the messenger
 *   failure of it in *m            ---->  reports it and ends the process
 *
 * A thread rather than a process: it cannot be killed alone, it leaves no child behind that the
 * program would have to collect, and execve waits for its end. It counts as a process in pids.max.
 * The process looks without a pause, because every way to wait is a system call; the messenger has
 * the ordinary scheduling policy, so it gets its turn beside a real-time process too. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "container/notify.h"
#include "kernel/filter.h"

enum messenger_phase {
	MESSENGER_IDLE,   /* the filter is not loaded */
	MESSENGER_LOADED, /* by the process: `listener` is set */
	MESSENGER_SENT,   /* by the messenger: the agent has it */
	MESSENGER_FAILED, /* by the process: `failure` is set */
};

struct messenger {
	bool runs;
	_Atomic(enum messenger_phase) phase;
	struct notify notify; /* owned, used by the messenger only */
	int report;           /* lent: where failures go, as SYNC_FAILED */
	int listener;         /* owned by the messenger from MESSENGER_LOADED on; or -1 */
	bool asks_agent;      /* execve itself waits for the agent's answer */
	struct err failure;
};
#define MESSENGER_INIT                                                                             \
	{                                                                                          \
		.notify = NOTIFY_INIT, .report = -1, .listener = -1                                \
	}

/* True when a process under filter F needs one. */
bool messenger_wanted(const struct filter *f);

/* Starts the thread. TAKE_NOTIFY: the agent, when F notifies. Without an agent a messenger is a
 * comfort: if there is no room for the thread, it is left out. *M must stay where it is. */
int messenger_begin(struct messenger *m, const struct filter *f, struct notify *take_notify,
		    int report, struct err *err) MUST_CHECK;

/* Loads the filter (kernel/filter.h), and returns when execve is the next thing to do: the agent
 * has the listener. When the handing over fails, it does not return: the messenger reports it and
 * the process ends. Works without a messenger too (M->runs false). */
int messenger_load(struct messenger *m, const struct filter *f, struct err *err) MUST_CHECK;

/* After messenger_load(): what went wrong with execve. Does not return if a messenger can say it.
 */
void messenger_fail(struct messenger *m, const struct err *e);
