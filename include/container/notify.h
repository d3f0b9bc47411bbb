/* SPDX-License-Identifier: Apache-2.0 */
/* container/notify.h - the runtime's side of SCMP_ACT_NOTIFY (config-linux.md#seccomp, C-SEC-22 to
 * C-SEC-27)
 *
 * The agent behind linux.seccomp.listenerPath gets one connection for each process that is started
 * under such a filter, with one container process state and the listener's descriptor. Three steps:
 *
 *   plan      notify_check(): the path is a socket
 *   start     notify_connect(): the runtime, which is still outside, connects and writes the state
 *             down; notify_send(): hands both to the process that will load the filter
 *   launch    notify_receive() there, then container/messenger.h
 *
 * A relative listenerPath begins at the bundle (D-25), and a symbolic link is followed: who wrote
 * the config chose it. The status in the state is the true one: `created` for the first process,
 * whose program does not run yet, `running` for those of `exec`. (Peers say `creating`, because
 * they load the filter inside of create; no agent was found that looks at it.) */
#pragma once

#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "oci/config.h"
#include "oci/state.h"

/* For the connection, and again for the agent to take what is sent to it: a stuck agent must not
 * hold up `start` for ever. */
#define NOTIFY_TIMEOUT_MS 10000

struct notify {
	int agent;   /* owned: connected to the agent, or -1 */
	int payload; /* owned: a memory file that holds the container process state, or -1 */
};
#define NOTIFY_INIT                                                                                \
	{                                                                                          \
		.agent = -1, .payload = -1                                                         \
	}

/* Before any side effect: a profile with SCMP_ACT_NOTIFY has a socket at listenerPath, and room for
 * one more thread while the process starts. Without that action nothing is looked at (C-SEC-24). */
int notify_check(const struct oci_config *c, int bundlefd, struct err *err) MUST_CHECK;

/* Connects, and writes the state: CONTAINER as given, and PID of the process, both as the runtime
 * sees them. BUNDLE: for a relative path. Does nothing without SCMP_ACT_NOTIFY. */
int notify_connect(const struct oci_config *c, const char *bundle,
		   const struct oci_state *container, pid_t pid, struct notify *ret,
		   struct err *err) MUST_CHECK;

/* SYNC_AGENT and SYNC_PAYLOAD over SOCK, one descriptor each; nothing when there is no agent. */
int notify_send(int sock, const struct notify *n, struct err *err) MUST_CHECK;
/* The other end of that, for a filter that notifies. */
int notify_receive(int sock, struct notify *ret, struct err *err) MUST_CHECK;

void notify_done(struct notify *n);
#define AUTO_NOTIFY AUTO(notify_done) struct notify
