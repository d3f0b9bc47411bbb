/* SPDX-License-Identifier: Apache-2.0 */
/* base/err.h - the one failure value of the program
 *
 * A failure is plain data of fixed size: it is copied, sent over a socket from the container's
 * first process to its parent, and never freed. Functions return 0 or -1 (or a count >= 0) and
 * describe a failure in *err, their last parameter. The place that knows sets it, a caller wraps
 * it only where it adds a noun that the user knows (which container, which mount, which file).
 *
 * Wording: lower case, no full stop, foreign strings in 'quotes', one line. Engines search failure
 * texts for fragments such as "no such file or directory" and derive exit codes from them
 * (texts in container/texts.h), so err_sys() words those errno values differently; whoever means
 * the engine's text says it with err_set(). */
#pragma once

#include <limits.h>
#include <stdint.h>

#include "base/attr.h"

enum err_kind {
	ERR_NONE,
	ERR_USAGE,  /* the command line */
	ERR_CONFIG, /* config.json, process.json: the user's documents */
	ERR_STATE,  /* the container is not in a state that allows this, or does not exist */
	ERR_SYSTEM, /* the kernel or the file system refused */
	ERR_HOOK,   /* a hook failed */
	ERR_BUG,    /* we are wrong */
};

struct err {
	uint16_t kind; /* enum err_kind; fixed width because it crosses a socket */
	uint16_t len;  /* bytes in msg, without the final NUL */
	int32_t sys;   /* errno behind it, or 0 */
	char msg[2040];
};
_Static_assert(sizeof(struct err) <= PIPE_BUF, "a failure must fit into one atomic write");

#define ERR_INIT                                                                                   \
	{                                                                                          \
		.kind = ERR_NONE                                                                   \
	}

/* Sets *e, replacing what was there. Returns -1 so that `return err_set(…)` reads well. */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Sets *e to a kernel failure: "FMT: " plus the wording for the current errno. Returns -1. */
int err_sys(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Prefixes "FMT: " to the message. A message that no longer fits loses its tail. Returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Appends a further line; used by the config decoder, which reports all errors in one go (D-03).
 * Returns -1. */
int err_add(struct err *e, enum err_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Replaces every control character of S by '?', so that it stays one line and no terminal obeys it.
 * The functions above do this to all that they format; only err_add() puts in a newline itself. */
void err_make_line(char *s);

/* Lower-case wording for errno ERRNUM; never one of the fragments that engines match, except for
 * ESRCH, where "no such process" is what is meant. ENOENT is "no such entry": "does not exist" is a
 * fragment as well. The string is static, or valid until the next call in this thread. */
const char *err_text(int errnum);

/* Lower-case wording as Go prints it ("no such file or directory"), for texts that engines match.
 */
const char *err_text_go(int errnum);

/* The same for signal SIG: "bad system call", "killed". */
const char *err_text_signal(int sig);

/* States a fact that a reader would otherwise have to prove; active in every build. Never for
 * anything that a user or an image can cause. */
#define ASSERT(expr)                                                                               \
	do {                                                                                       \
		if (!(expr))                                                                       \
			assert_failed(#expr, __FILE__, __LINE__);                                  \
	} while (0)
void assert_failed(const char *expr, const char *file, int line) NORETURN;
