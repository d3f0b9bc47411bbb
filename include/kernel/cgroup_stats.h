/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/cgroup_stats.h - what a cgroup has used so far, and being told of changes
 *
 * One reading of the files of all controllers. A file that is not there, because its controller is
 * not enabled or the kernel has no such thing, leaves its part at zero; `set` tells the difference
 * from a zero that was read. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "kernel/cgroup.h"

#define CGROUP_NO_LIMIT UINT64_MAX /* the kernel's "max" */

/* A line of cpu.pressure and its like: averages in hundredths of a percent. */
struct cgroup_pressure_line {
	uint64_t avg10, avg60, avg300, total_us;
};
struct cgroup_pressure {
	bool set;
	struct cgroup_pressure_line some, full;
};

struct cgroup_cpu {
	bool set;
	uint64_t total_ns, user_ns, system_ns;
	uint64_t periods, throttled_periods, throttled_ns;
	struct cgroup_pressure pressure;
};

struct cgroup_amount {
	bool set; /* the current usage was read */
	uint64_t usage, limit, peak;
};

struct cgroup_counter {
	const char *name;
	uint64_t value;
};

struct cgroup_memory {
	struct cgroup_amount memory, swap;
	struct cgroup_counter *counters; /* memory.stat, in the kernel's order */
	size_t n_counters;
	struct cgroup_pressure pressure;
};

struct cgroup_io_device {
	uint32_t major, minor;
	uint64_t rbytes, wbytes, dbytes; /* read, written, discarded */
	uint64_t rios, wios, dios;
};

struct cgroup_io {
	bool set;
	struct cgroup_io_device *devices;
	size_t n_devices;
	struct cgroup_pressure pressure;
};

struct cgroup_hugetlb {
	const char *size; /* "2MB" */
	uint64_t usage, failures;
};

struct cgroup_stats {
	struct cgroup_cpu cpu;
	struct cgroup_memory memory;
	struct cgroup_amount pids; /* without the controller: the processes, counted */
	struct cgroup_io io;
	struct cgroup_hugetlb *hugetlb;
	size_t n_hugetlb;
};

/* Returns 1, 0 when the cgroup is gone, -1. What *RET points to is allocated in A. */
int cgroup_stats_read(const struct cgroup *cg, struct arena *a, struct cgroup_stats *ret,
		      struct err *err) MUST_CHECK;

/* Descriptors for poll with POLLPRI: the kernel ends it when the file has changed since it was read
 * last, which cgroup_watch_look() does. */
struct cgroup_watch {
	int events; /* owned: cgroup.events */
	int memory; /* owned: memory.events; -1: no memory controller */
};
#define CGROUP_WATCH_INIT                                                                          \
	{                                                                                          \
		.events = -1, .memory = -1                                                         \
	}

/* Returns 1, 0 when the cgroup is gone, -1. */
int cgroup_watch_begin(const struct cgroup *cg, struct cgroup_watch *ret,
		       struct err *err) MUST_CHECK;
void cgroup_watch_done(struct cgroup_watch *w);
#define AUTO_WATCH AUTO(cgroup_watch_done) struct cgroup_watch

/* Whether somebody is in the cgroup or below it (false as well when it is gone), and how many
 * processes the kernel has killed there because memory was out. */
int cgroup_watch_look(const struct cgroup_watch *w, bool *ret_populated, uint64_t *ret_oom_kills,
		      struct err *err) MUST_CHECK;
