/* SPDX-License-Identifier: Apache-2.0 */
/* container/hooks.h - hooks of config.json (config.md#posix-platform-hooks, R-HOOK)
 *
 * A hook gets: the state document on descriptor 0 (a memory file, so a hook that never reads blocks
 * nobody and a large state needs no writer), exactly its own environment (I-26), nothing of ours above
 * descriptor 2, default signals, an own process group, and the bundle (or what the caller says) as
 * working directory. What it prints is kept, bounded, for the failure message. A timeout kills the
 * whole group and does not wait for pipes that a grandchild may hold (R-HOOK-11). Failure is a
 * non-zero exit, death by a signal, a failing exec, or the timeout. */
#pragma once

#include "base/attr.h"
#include "base/err.h"
#include "kernel/filter.h"
#include "oci/config.h"

struct hook_context {
	const char *state; /* the document */
	int cwdfd;         /* lent: working directory, or -1 to stay */
	/* Loaded before the hook's program, or NULL. startContainer hooks are programs of the image and
	 * run under its policy, of which the filter is a part (R-HOOK-22). */
	const struct filter *filter;
	/* Environment of a hook that has none of its own, or NULL: empty. startContainer hooks get the
	 * program's, like everything of the container's (R-HOOK-09). */
	const char *const *env;
};

/* Runs the hooks of POINT in order, up to the first failure: "error running createRuntime hook #0:
 * …" (D-29). */
int hooks_run(const struct oci_config *c, enum oci_hook_point point, const struct hook_context *ctx,
	      struct err *err) MUST_CHECK;

/* poststop: failures are warned about and the others still run (R-HOOK-16). */
void hooks_run_all(const struct oci_config *c, enum oci_hook_point point,
		   const struct hook_context *ctx);

/* Name of the member in config.json. */
const char *hooks_name(enum oci_hook_point point);
