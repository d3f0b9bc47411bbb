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
#include <sys/mman.h>

#include "base/attr.h"
#include "base/err.h"

/* Chunks are mapped, not taken from the heap: their pages are zero without anybody's touching them,
 * and only those that are used cost a page fault. One holds the whole of a usual config.json. With
 * AddressSanitizer every object is a chunk of its own from malloc, so that an access beyond its end
 * is seen. */
#if defined(__SANITIZE_ADDRESS__)
#define ONE_OBJECT_PER_CHUNK
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ONE_OBJECT_PER_CHUNK
#endif
#endif
#ifdef ONE_OBJECT_PER_CHUNK
#define CHUNK_SIZE ((size_t)1)
#else
#define CHUNK_SIZE (256UL * 1024 - sizeof(struct arena_chunk)) /* whole pages */
#define SPARE_MAX  ((size_t)16 * 1024) /* bytes that are cheaper to clear than a new chunk */
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

/* The last chunk that was freed, cleared: a command reads many documents one after the other. */
#ifndef ONE_OBJECT_PER_CHUNK
static struct arena_chunk *spare;
#endif

static struct arena_chunk *chunk_map(size_t total)
{
#ifdef ONE_OBJECT_PER_CHUNK
	return calloc(1, total);
#else
	struct arena_chunk *kept = spare;

	if (kept && sizeof(*kept) + kept->size == total) {
		spare = NULL;
		return kept;
	}
	void *p = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
#endif
}

/* USED: bytes of it that may not be zero. */
static void chunk_unmap(struct arena_chunk *c, size_t used)
{
#ifdef ONE_OBJECT_PER_CHUNK
	(void)used;
	free(c);
#else
	if (!spare && c->size == CHUNK_SIZE && used <= SPARE_MAX) {
		memset(c->data, 0, used);
		c->next = NULL;
		spare = c;
		return;
	}
	(void)munmap(c, sizeof(*c) + c->size);
#endif
}

static struct arena_chunk *chunk_new(size_t size)
{
	size_t total;

	if (__builtin_add_overflow(size, sizeof(struct arena_chunk), &total)) {
		errno = ENOMEM;
		return NULL;
	}

	struct arena_chunk *c = chunk_map(total);
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
#ifdef ONE_OBJECT_PER_CHUNK
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
		chunk_unmap(c, c == a->chunks ? a->used : c->size);
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
