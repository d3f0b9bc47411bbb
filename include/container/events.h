/* SPDX-License-Identifier: Apache-2.0 */
/* container/events.h - what a container uses, once or again and again, and when it runs out of
 * memory
 *
 * The JSON is runc's (cli-reference 8.5): one object per line, times in nanoseconds, sizes in
 * bytes. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"
#include "kernel/cgroup_stats.h"
#include "kernel/pressure.h"

/* One reading. A container that has no processes (any more) is ERR_STATE. Allocates in A. */
int container_stats(int rootfd, const char *id, struct arena *a, struct cgroup_stats *ret,
		    struct err *err) MUST_CHECK;

#define EVENTS_PRESSURE_MAX 8

struct events_options {
	const char *id;
	uint64_t interval_ns; /* between two readings; not 0 */
	struct pressure_trigger pressure[EVENTS_PRESSURE_MAX];
	size_t n_pressure;
	/* Gets every line, with its newline, as soon as it is known. -1 ends it all. */
	int (*print)(void *arg, const char *line, struct err *err);
	void *arg;
};

/* One reading per interval, the first after one, "oom" when the kernel has killed a process because
 * memory was out, and "pressure" when a trigger fires. Returns 0 when the container's last process has ended. */
int container_events(int rootfd, const struct events_options *o, struct err *err) MUST_CHECK;

/* The three kinds of lines. */
void events_print_stats(struct str *out, const char *id, const struct cgroup_stats *s);
void events_print_oom(struct str *out, const char *id);
void events_print_pressure(struct str *out, const char *id, const struct pressure_trigger *t);
