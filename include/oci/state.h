/* SPDX-License-Identifier: Apache-2.0 */
/* oci/state.h - the state document (runtime.md#state), as `state`, `list` and hooks print it */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/json.h"
#include "base/str.h"

enum status {
	STATUS_CREATING,
	STATUS_CREATED,
	STATUS_RUNNING,
	STATUS_PAUSED,
	STATUS_STOPPED,
	STATUS_UNKNOWN
};
const char *status_name(enum status s);

struct oci_state {
	const char *oci_version;
	const char *id;
	enum status status;
	pid_t pid;           /* as seen by the reader; 0 when stopped */
	const char *bundle;  /* absolute */
	const char *rootfs;  /* absolute; NULL: left out (hooks get the fields of the spec only) */
	const char *created; /* RFC 3339, UTC; NULL: left out */
	const char *owner;   /* NULL: left out */
	const struct json_map *annotations; /* NULL or empty: left out */
};

/* What a seccomp agent is told (config-linux.md#containerprocessstate). */
struct oci_process_state {
	const char *oci_version;
	pid_t pid;            /* of the process, as seen by the runtime */
	const char *metadata; /* NULL: left out */
	const struct oci_state *state;
};

/* Appends it, with the one name of a descriptor that it comes with. */
void process_state_print(struct str *out, const struct oci_process_state *s);

/* Appends the document. INDENT 0: one line without a newline; else that many blanks per level.
 * Without rootfs, which is the form for hooks, a pid of 0 is left out (runtime.md#state: REQUIRED
 * only when created or running); with it, 0 is printed, as other runtimes do for a stopped
 * container. */
void state_print(struct str *out, const struct oci_state *s, unsigned indent);
