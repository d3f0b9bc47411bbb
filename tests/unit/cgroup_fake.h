/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_fake.h - a directory with files in the place of a cgroup
 *
 * For files of controllers that few machines have on version 2, and for failures that a kernel does
 * not produce at will. Files keep what a write leaves in them, so each is written once in a test,
 * or with texts of equal length. A file that is to refuse its write is a directory. */
#pragma once

#include "base_util.h"
#include "cgroup_util.h"
#include "kernel/cgroup-internal.h"

/* A cgroup whose directory is that of a SCRATCH_TEST; the descriptor stays the test's. */
static inline UNUSED struct cgroup fake_cgroup(const struct scratch *s)
{
	return (struct cgroup){ .fd = s->fd, .path = "/fake", .created = true };
}

static inline UNUSED void fake_file(const struct scratch *s, const char *name, const char *text)
{
	write_file_at(s->fd, name, text);
}

static inline UNUSED void assert_file(const struct scratch *s, const char *name, const char *text)
{
	const char *found = read_file_at(s->fd, name);

	if (strcmp(found, text) != 0)
		fail_msg("'%s' holds '%s', not '%s'", name, found, text);
}
