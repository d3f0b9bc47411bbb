/* SPDX-License-Identifier: Apache-2.0 */
/* base/log.h - where records go: stderr, or the file of --log
 *
 * One record is one write(2), so that records of several processes never mix and a killed process
 * leaves no half line. Layers below cli log warnings and debug records only; a failure is returned
 * and printed once, by main. Rules (decisions D-03, D-05, D-20, engine-contracts 2):
 *   without --log   every record goes to stderr; the default level shows errors and warnings,
 *                   as plain text. Debug records look as in a file: their times matter;
 *   with --log      the error goes to the file *and* as plain text to stderr; warnings reach the
 *                   file only at level warning or debug, because podman decodes it as one object.
 * The sink is the only global state of the program. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log_options {
	const char *file;       /* NULL: stderr */
	enum log_format format; /* of the file, or of stderr when there is no file */
	enum log_level level;
	bool level_set;         /* --log-level or --debug was given */
};

/* Opens the sink. The file is created with mode 0644, opened for appending without following a
 * symbolic link as its last component and without blocking on a FIFO. A log that cannot be opened
 * is a failure except that the caller may go on without it (`delete` must not fail for it). */
int log_open(const struct log_options *o, struct err *err) MUST_CHECK;

/* Prints the failure of the command: one record in the file, one plain message on stderr. */
void log_error(const struct err *e);

void log_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_debug(const char *fmt, ...) PRINTF_LIKE(1, 2);
bool log_debug_enabled(void);

/* Descriptor of the log file or -1; it is close-on-exec. Lent, for the container's first process,
 * which keeps it until execve. */
int log_fd(void);
