/* SPDX-License-Identifier: Apache-2.0 */
/* cli/statstable.h - the two forms in which `stats` shows containers */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"
#include "kernel/cgroup_stats.h"

struct stats_row {
	const char *id;
	bool known; /* false: nothing could be read */
	struct cgroup_stats stats;
	bool has_cpu;       /* there was an earlier reading to compare with */
	double cpu_percent; /* of one processor */
};

/* Columns for people: what is unknown or has no limit is "-". A is scratch. */
int stats_print_table(struct str *out, const struct stats_row *rows, size_t n, struct arena *a,
		      struct err *err) MUST_CHECK;

/* One array on one line: what is unknown or has no limit is null. */
void stats_print_json(struct str *out, const struct stats_row *rows, size_t n);
