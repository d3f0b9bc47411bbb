/* SPDX-License-Identifier: Apache-2.0 */
/* base/arena.h - memory that is freed as a whole
 *
 * A document or a plan keeps everything it owns in one arena. Memory comes zeroed and aligned for
 * any type; there is no way to free a part. Every function that allocates returns NULL when memory
 * is out, and callers turn that into a failure with err_oom(). */
#pragma once

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"

struct arena_chunk;
struct arena {
	struct arena_chunk *chunks; /* newest first */
	size_t used;                /* in the newest chunk */
};

#define ARENA_INIT { .chunks = NULL }

/* N objects of SIZE bytes, zeroed; NULL when memory is out or the product overflows. N may be 0:
 * the result is then a valid pointer to nothing. */
void *arena_alloc(struct arena *a, size_t n, size_t size) MUST_CHECK;
#define ARENA_NEW(a, type, n) ((type *)arena_alloc((a), (n), sizeof(type)))

char *arena_strdup(struct arena *a, const char *s) MUST_CHECK;
char *arena_strndup(struct arena *a, const char *s, size_t len) MUST_CHECK;
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3) MUST_CHECK;

/* Frees all of it; the arena is empty and usable afterwards. */
void arena_done(struct arena *a);
#define AUTO_ARENA AUTO(arena_done) struct arena

/* "out of memory" as a failure; returns -1. */
int err_oom(struct err *e);
