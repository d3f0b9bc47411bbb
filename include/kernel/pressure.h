/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/pressure.h - to be woken when a cgroup's processes wait too long for a resource
 *
 * Pressure stall information (Documentation/accounting/psi.rst, kernel 5.2): a trigger fires, at most
 * once in each WINDOW, when some of the processes, or all of them at once, were stalled on the
 * resource for STALL of it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "kernel/cgroup.h"

#define PRESSURE_WINDOW_MIN_US 500000U
#define PRESSURE_WINDOW_MAX_US 10000000U

struct pressure_trigger {
	const char *resource; /* "cpu", "memory" or "io"; static */
	bool full;            /* all processes, not only some */
	uint32_t stall_us, window_us;
};

/* "RESOURCE:some|full:STALL/WINDOW", with the durations of base/str.h: "memory:some:150ms/1s". */
int pressure_parse(const char *text, struct pressure_trigger *ret, struct err *err) MUST_CHECK;

/* A descriptor that poll reports with POLLPRI when T fires, with POLLERR when CG is gone. */
int pressure_watch(const struct cgroup *cg, const struct pressure_trigger *t, int *ret_fd,
		   struct err *err) MUST_CHECK;
