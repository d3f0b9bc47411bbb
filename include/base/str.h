/* SPDX-License-Identifier: Apache-2.0 */
/* base/str.h - bounded text building and strict number parsing */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

/* A growing string. Always NUL-terminated once something was added; `failed` is set, and stays
 * set, when memory ran out, so a caller checks once at the end. */
struct str {
	char *s;
	size_t len;
	size_t cap;
	bool failed;
};
#define STR_INIT                                                                                   \
	{                                                                                          \
		.s = NULL                                                                          \
	}
#define AUTO_STR AUTO(str_done) struct str

void str_add(struct str *b, const char *s);
void str_addn(struct str *b, const char *s, size_t len);
void str_addf(struct str *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void str_addv(struct str *b, const char *fmt, va_list ap);

/* Adds S as a JSON string literal with its quotes (RFC 8259: control characters escaped, UTF-8 as
 * it is, '/' not escaped; a byte that is not UTF-8 becomes U+FFFD). */
void str_add_json(struct str *b, const char *s);

/* Adds the time of day as RFC 3339 in UTC, with a fraction: "2026-01-31T12:00:00.123456789Z". */
void str_add_now(struct str *b);

/* The text, "" when empty; NULL when memory ran out. */
const char *str_text(const struct str *b) MUST_CHECK;
void str_done(struct str *b);

/* A list of strings that belong to somebody else. */
struct str_list {
	const char **v;
	size_t n;
};

/* Full-match decimal integers: no sign (except '-' for i64), no blanks, no leading '+', no empty
 * string, no value outside the type. Leading zeroes are accepted only as the number "0" itself.
 * Return 0 or -1 and leave *ret alone on failure. */
int parse_u64(const char *s, uint64_t *ret) MUST_CHECK;
int parse_i64(const char *s, int64_t *ret) MUST_CHECK;
int parse_u32(const char *s, uint32_t *ret) MUST_CHECK;

/* -1, or a whole number with an optional suffix k, m, g or t in either case, with an optional b or
 * ib behind it: powers of 1024. A fraction, or what the type cannot hold, is refused. */
int parse_size(const char *s, int64_t *ret) MUST_CHECK;

/* A duration as Go writes it: decimal numbers with units (h m s ms us ns), "1m30s", "1.5h", or "0".
 * No sign; what is below a nanosecond is dropped. At most INT64_MAX nanoseconds. */
int parse_duration(const char *s, uint64_t *ret_ns) MUST_CHECK;

bool str_starts(const char *s, const char *prefix);

/* Of NAMES[n], the one nearest to S by edit distance if it is near enough to be a typing error
 * (distance <= 1 + len/4), else NULL. For "did you mean" in messages. */
const char *str_nearest(const char *s, const char *const *names, size_t n);
