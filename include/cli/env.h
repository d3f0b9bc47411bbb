/* SPDX-License-Identifier: Apache-2.0 */
/* cli/env.h - what the caller's environment decides; nothing else in the program looks at it
 *
 * The functions with arguments are pure, for tests; main calls them with the real environment. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"
#include "kernel/unit.h"

/* Appends the state root: OPTION (--root), made absolute; else /run/cruntime for root, else
 * $XDG_RUNTIME_DIR/cruntime (D-23). "/" is refused. */
int env_root(const char *option, struct str *ret, struct err *err) MUST_CHECK;

/* The default of it. XDG may be NULL. Root of a user namespace that is not the initial one
 * (!INITIAL_USERNS) is a rootless caller: podman's calls arrive like that (engine-contracts 4). */
int env_default_root(uid_t euid, bool initial_userns, const char *xdg, struct str *ret,
		     struct err *err) MUST_CHECK;

/* Number of descriptors from 3 on that are meant for the container: LISTEN_FDS, where LISTEN_PID is
 * unset or names us (sd_listen_fds(3)); anything else is 0. */
unsigned env_listen_fds(void);
unsigned env_count_listen_fds(const char *fds, const char *pid, pid_t self);

/* A copy of variable NAME in A: the environment is wiped before the clone. NULL: unset or empty. */
int env_copy(const char *name, struct arena *a, const char **ret, struct err *err) MUST_CHECK;

/* Which systemd manages the caller's cgroups, and where it listens: the system's for root of the
 * initial user namespace, the user's own for everybody else. Addresses that the environment gives
 * come first; they are copied to A. */
int env_manager(struct arena *a, struct unit_manager *ret, struct err *err) MUST_CHECK;
struct env_bus {
	const char *system, *session; /* DBUS_SYSTEM_BUS_ADDRESS, DBUS_SESSION_BUS_ADDRESS or NULL */
	const char *xdg;	      /* XDG_RUNTIME_DIR or NULL */
};
int env_manager_of(bool user, const struct env_bus *env, struct arena *a, struct unit_manager *ret,
		   struct err *err) MUST_CHECK;
