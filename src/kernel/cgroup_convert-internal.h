/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_convert-internal.h - what the cgroup_convert*.c files share */
#pragma once

#include "base/attr.h"
#include "kernel/cgroup.h"

#define RES "linux.resources."

struct converter {
	const struct oci_config *c;
	const struct oci_resources *r;
	struct arena *a;
	struct cgroup_plan *p;
	struct err *err;
	size_t room; /* of p->settings */
};

/* Appends a setting, whose field begins with RES; NULL in it means that memory is out. */
int convert_add(struct converter *b, const struct cgroup_setting *s) MUST_CHECK;

/* FIELD for messages: the document of an update has no members around it. */
static inline const char *convert_shown(const struct converter *b, const char *field)
{
	return field + (b->c->resources_only ? sizeof(RES) - 1 : 0);
}

/* cgroup_convert_devices.c: blockIO, hugepageLimits, rdma */
int convert_block_io(struct converter *b) MUST_CHECK;
int convert_hugepages(struct converter *b) MUST_CHECK;
int convert_rdma(struct converter *b) MUST_CHECK;
