/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Makes room for EXTRA more bytes and the NUL. */
static bool grow(struct str *b, size_t extra)
{
	size_t need;
	size_t cap = b->cap < 64 ? 64 : b->cap;

	if (__builtin_add_overflow(b->len, extra, &need) || __builtin_add_overflow(need, 1, &need))
		return false;
	if (need <= b->cap)
		return true;
	while (cap < need) {
		if (__builtin_mul_overflow(cap, 2, &cap))
			return false;
	}

	char *s = realloc(b->s, cap);
	if (!s)
		return false;
	b->s = s;
	b->cap = cap;

	return true;
}

static bool reserve(struct str *b, size_t extra)
{
	if (!b->failed && !grow(b, extra))
		b->failed = true;

	return !b->failed;
}

void str_addn(struct str *b, const char *s, size_t len)
{
	if (!reserve(b, len))
		return;

	if (len > 0)
		memcpy(b->s + b->len, s, len);
	b->len += len;
	b->s[b->len] = '\0';
}

void str_add(struct str *b, const char *s)
{
	str_addn(b, s, strlen(s));
}

void str_addv(struct str *b, const char *fmt, va_list ap)
{
	va_list again;

	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);

	if (n < 0) {
		b->failed = true;
		return;
	}
	if (!reserve(b, (size_t)n))
		return;

	(void)vsnprintf(b->s + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
}

void str_addf(struct str *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	str_addv(b, fmt, ap);
	va_end(ap);
}

const char *str_text(const struct str *b)
{
	if (b->failed)
		return NULL;

	return b->s ? b->s : "";
}

void str_done(struct str *b)
{
	free(b->s);
	*b = (struct str)STR_INIT;
}

/* Bytes of the well-formed UTF-8 sequence at S (Unicode 15, table 3-7: no overlong forms, no
 * surrogates, nothing above U+10FFFF), 0 when there is none. S ends with a NUL. */
static size_t utf8_len(const unsigned char *s)
{
	if (s[0] < 0x80)
		return 1;

	unsigned char low = 0x80;
	unsigned char high = 0xbf;
	size_t n;

	if (s[0] >= 0xc2 && s[0] <= 0xdf) {
		n = 2;
	} else if (s[0] >= 0xe0 && s[0] <= 0xef) {
		n = 3;
		low = s[0] == 0xe0 ? 0xa0 : 0x80;
		high = s[0] == 0xed ? 0x9f : 0xbf;
	} else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		n = 4;
		low = s[0] == 0xf0 ? 0x90 : 0x80;
		high = s[0] == 0xf4 ? 0x8f : 0xbf;
	} else {
		return 0;
	}

	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}

	return n;
}

static void add_json_control(struct str *b, unsigned char c)
{
	switch (c) {
	case '\b':
		str_add(b, "\\b");
		break;
	case '\f':
		str_add(b, "\\f");
		break;
	case '\n':
		str_add(b, "\\n");
		break;
	case '\r':
		str_add(b, "\\r");
		break;
	case '\t':
		str_add(b, "\\t");
		break;
	default:
		str_addf(b, "\\u%04x", c);
		break;
	}
}

void str_add_json(struct str *b, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	str_addn(b, "\"", 1);
	while (*p) {
		/* Most text needs no escape: it goes out in runs. */
		size_t run = 0;
		while (p[run] >= 0x20 && p[run] < 0x80 && p[run] != '"' && p[run] != '\\')
			run++;
		str_addn(b, (const char *)p, run);
		p += run;
		if (!*p)
			break;

		size_t n = utf8_len(p);
		if (n == 0)
			str_add(b, "\xef\xbf\xbd");
		else if (n > 1)
			str_addn(b, (const char *)p, n);
		else if (*p == '"' || *p == '\\')
			str_addf(b, "\\%c", *p);
		else
			add_json_control(b, *p);
		p += n ? n : 1;
	}
	str_addn(b, "\"", 1);
}

/* Digits only, no needless zero in front, at most MAX. */
static int parse_digits(const char *s, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (*s == '\0' || (s[0] == '0' && s[1] != '\0'))
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -1;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*s - '0'), &value))
			return -1;
	}
	if (value > max)
		return -1;

	*ret = value;
	return 0;
}

int parse_u64(const char *s, uint64_t *ret)
{
	return parse_digits(s, UINT64_MAX, ret);
}

int parse_u32(const char *s, uint32_t *ret)
{
	uint64_t value;

	if (parse_digits(s, UINT32_MAX, &value) < 0)
		return -1;

	*ret = (uint32_t)value;
	return 0;
}

int parse_i64(const char *s, int64_t *ret)
{
	uint64_t value;

	if (*s != '-') {
		if (parse_digits(s, INT64_MAX, &value) < 0)
			return -1;
		*ret = (int64_t)value;
		return 0;
	}

	if (parse_digits(s + 1, (uint64_t)INT64_MAX + 1, &value) < 0)
		return -1;
	/* -2^63 has no positive counterpart in int64_t. */
	*ret = value == 0 ? 0 : -(int64_t)(value - 1) - 1;

	return 0;
}

int parse_size(const char *s, int64_t *ret)
{
	static const char units[] = "kmgt";
	char digits[24];
	uint64_t number;
	size_t n = strspn(s, "0123456789");
	const char *suffix = s + n;
	unsigned shift = 0;

	if (strcmp(s, "-1") == 0) {
		*ret = -1;
		return 0;
	}
	if (n >= sizeof(digits))
		return -1;
	memcpy(digits, s, n);
	digits[n] = '\0';
	if (parse_u64(digits, &number) < 0)
		return -1;

	const char *unit = *suffix ? strchr(units, *suffix | 0x20) : NULL;
	if (unit) {
		shift = (unsigned)(unit - units + 1) * 10;
		suffix++;
		suffix += (suffix[0] | 0x20) == 'i' && (suffix[1] | 0x20) == 'b';
	}
	/* "k", "kb", "kib"; "b" alone is a byte. */
	suffix += (*suffix | 0x20) == 'b' && (suffix[-1] | 0x20) != 'b';
	if (*suffix || number > (uint64_t)INT64_MAX >> shift)
		return -1;

	*ret = (int64_t)(number << shift);
	return 0;
}

/* Takes a unit of time off *S; 0 when there is none. Longer names come before their beginnings. */
static uint64_t take_unit(const char **s)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "ns", 1 },
		{ "us", 1000 },
		{ "\xc2\xb5s", 1000 }, /* micro sign */
		{ "\xce\xbcs", 1000 }, /* mu */
		{ "ms", 1000000 },
		{ "s", 1000000000 },
		{ "m", 60 * UINT64_C(1000000000) },
		{ "h", 3600 * UINT64_C(1000000000) },
	};

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (!str_starts(*s, units[i].name))
			continue;
		*s += strlen(units[i].name);
		return units[i].ns;
	}

	return 0;
}

/* Takes one number with its unit off *S and adds it to *TOTAL. */
static int take_part(const char **s, uint64_t *total)
{
	static const char digits[] = "0123456789";
	const char *whole = *s;
	size_t n_whole = strspn(whole, digits);
	bool has_point = whole[n_whole] == '.';
	const char *fraction = whole + n_whole + has_point;
	size_t n_fraction = has_point ? strspn(fraction, digits) : 0;
	uint64_t value = 0;

	if (n_whole + n_fraction == 0)
		return -1;
	*s = fraction + n_fraction;
	uint64_t unit = take_unit(s);
	if (unit == 0)
		return -1;
	for (size_t i = 0; i < n_whole; i++) {
		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(whole[i] - '0'), &value))
			return -1;
	}
	if (__builtin_mul_overflow(value, unit, &value) || value > INT64_MAX)
		return -1;
	for (uint64_t i = 0, scale = 10; i < n_fraction && scale <= unit; i++, scale *= 10)
		value += (uint64_t)(fraction[i] - '0') * unit / scale;

	return __builtin_add_overflow(*total, value, total) || *total > INT64_MAX ? -1 : 0;
}

int parse_duration(const char *s, uint64_t *ret_ns)
{
	uint64_t total = 0;

	if (strcmp(s, "0") == 0) {
		*ret_ns = 0;
		return 0;
	}
	do {
		if (take_part(&s, &total) < 0)
			return -1;
	} while (*s);

	*ret_ns = total;
	return 0;
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Nothing that we look up is longer; a longer text of the user is no typing error of one. */
#define NEAREST_MAX 64

static char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Levenshtein distance; upper and lower case count as equal. Both are at most NEAREST_MAX long. */
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t row[NEAREST_MAX + 1];

	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t best = diagonal + (fold(a[i - 1]) != fold(b[j - 1]));

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}

	return row[b_len];
}

const char *str_nearest(const char *s, const char *const *names, size_t n)
{
	size_t len = strnlen(s, NEAREST_MAX + 1);
	const char *nearest = NULL;

	if (len == 0 || len > NEAREST_MAX)
		return NULL;

	/* The first of equals wins. A distance of the whole length would have nothing in common. */
	size_t limit = 1 + len / 4;
	if (limit >= len)
		limit = len - 1;
	size_t best = limit + 1;
	for (size_t i = 0; i < n; i++) {
		size_t name_len = strnlen(names[i], NEAREST_MAX + 1);

		if (name_len > NEAREST_MAX)
			continue;

		size_t d = edit_distance(s, len, names[i], name_len);
		if (d < best) {
			best = d;
			nearest = names[i];
		}
	}

	return nearest;
}

/* Not with gmtime(3): it may read the time zone file, and in a process that has entered the
 * container that file is the image's (class of CVE-2019-14271). Days to date as in Fliegel and
 * Van Flandern, CACM 11 (1968) 657. */
void str_add_now(struct str *b)
{
	struct timespec now = { .tv_sec = 0 };

	(void)clock_gettime(CLOCK_REALTIME, &now);
	int64_t days = now.tv_sec / 86400;
	int64_t secs = now.tv_sec % 86400;

	int64_t l = days + 2440588 + 68569; /* 2440588: Julian day of 1970-01-01 */
	int64_t n = 4 * l / 146097;
	l -= (146097 * n + 3) / 4;
	int64_t i = 4000 * (l + 1) / 1461001;
	l = l - 1461 * i / 4 + 31;
	int64_t j = 80 * l / 2447;
	int day = (int)(l - 2447 * j / 80);
	l = j / 11;
	int month = (int)(j + 2 - 12 * l);
	int year = (int)(100 * (n - 49) + i + l);

	str_addf(b, "%04d-%02d-%02dT%02d:%02d:%02d.%09ldZ", year, month, day, (int)(secs / 3600),
		 (int)(secs / 60 % 60), (int)(secs % 60), now.tv_nsec);
}
