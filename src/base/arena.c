/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <errno.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/err.h"

/* One chunk holds the whole of a usual config.json, so a command allocates once or twice. With
 * AddressSanitizer every object is a chunk of its own: an access beyond its end is then seen. */
#if defined(__SANITIZE_ADDRESS__)
#define CHUNK_SIZE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CHUNK_SIZE 1
#endif
#endif
#ifndef CHUNK_SIZE
#define CHUNK_SIZE (32UL * 1024)
#endif

struct arena_chunk {
	struct arena_chunk *next;
	size_t size;
	alignas(max_align_t) unsigned char data[];
};

/* Rounds N up to the alignment of any type; false when that overflows. */
static bool round_up(size_t n, size_t *ret)
{
	const size_t mask = alignof(max_align_t) - 1;
	size_t sum;

	if (__builtin_add_overflow(n, mask, &sum))
		return false;

	*ret = sum & ~mask;
	return true;
}

static struct arena_chunk *chunk_new(size_t size)
{
	size_t total;

	if (__builtin_add_overflow(size, sizeof(struct arena_chunk), &total)) {
		errno = ENOMEM;
		return NULL;
	}

	struct arena_chunk *c = calloc(1, total);
	if (c)
		c->size = size;

	return c;
}

void *arena_alloc(struct arena *a, size_t n, size_t size)
{
	size_t want;
	size_t need;

	if (__builtin_mul_overflow(n, size, &want) || !round_up(want, &need)) {
		errno = ENOMEM;
		return NULL;
	}
#if CHUNK_SIZE == 1
	need = want; /* exact, so that the first byte behind it is caught */
#endif

	struct arena_chunk *top = a->chunks;
	if (CHUNK_SIZE > 1 && top && need <= top->size - a->used) {
		void *p = top->data + a->used;
		a->used += need;
		return p;
	}

	bool large = need > CHUNK_SIZE / 4;
	struct arena_chunk *c = chunk_new(large ? need : CHUNK_SIZE);
	if (!c)
		return NULL;

	/* A large object gets a chunk of its own behind the newest one, whose room stays in use. */
	if (large && top) {
		c->next = top->next;
		top->next = c;
		return c->data;
	}
	c->next = top;
	a->chunks = c;
	a->used = need;

	return c->data;
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	size_t size;

	if (__builtin_add_overflow(len, 1, &size)) {
		errno = ENOMEM;
		return NULL;
	}

	char *copy = arena_alloc(a, size, 1);
	if (copy && len > 0)
		memcpy(copy, s, len);

	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;

	size_t size = (size_t)n + 1;
	char *text = arena_alloc(a, size, 1);
	if (!text)
		return NULL;

	va_start(ap, fmt);
	(void)vsnprintf(text, size, fmt, ap);
	va_end(ap);

	return text;
}

void arena_done(struct arena *a)
{
	struct arena_chunk *next;

	for (struct arena_chunk *c = a->chunks; c; c = next) {
		next = c->next;
		free(c);
	}
	a->chunks = NULL;
	a->used = 0;
}

int err_oom(struct err *e)
{
	(void)err_set(e, ERR_SYSTEM, "out of memory");
	e->sys = ENOMEM;

	return -1;
}
