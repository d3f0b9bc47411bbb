/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/bitlist.h"

#include <string.h>

#define WORD_BITS (sizeof(unsigned long) * CHAR_BIT)

void bitlist_set(struct bitlist *b, unsigned bit)
{
	b->word[bit / WORD_BITS] |= 1UL << bit % WORD_BITS;
}

bool bitlist_has(const struct bitlist *b, unsigned bit)
{
	return b->word[bit / WORD_BITS] >> bit % WORD_BITS & 1;
}

int bitlist_first_missing(const struct bitlist *a, const struct bitlist *b)
{
	for (size_t i = 0; i < BITLIST_WORDS; i++) {
		unsigned long missing = a->word[i] & ~b->word[i];
		if (missing)
			return (int)(i * WORD_BITS) + __builtin_ctzl(missing);
	}
	return -1;
}

int bitlist_first(const struct bitlist *a)
{
	static const struct bitlist none;

	return bitlist_first_missing(a, &none);
}

struct cursor {
	const char *start, *at;
};

static void skip_blanks(struct cursor *c)
{
	c->at += strspn(c->at, " ");
}

/* A number and the blanks behind it. Too large ones stay at their first digit. */
static const char *take_number(struct cursor *c, unsigned *ret)
{
	const char *p = c->at;
	unsigned n = 0;

	if (*p < '0' || *p > '9')
		return "expected a number";
	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (unsigned)(*p - '0');
		if (n >= BITLIST_BITS)
			return "the number is above 8191";
	}
	c->at = p;
	skip_blanks(c);
	*ret = n;
	return NULL;
}

/* NUMBER or NUMBER-NUMBER, with blanks around. */
static const char *take_range(struct cursor *c, struct bitlist *out)
{
	unsigned first, last;
	const char *wrong;

	skip_blanks(c);
	wrong = take_number(c, &first);
	if (wrong)
		return wrong;
	last = first;
	if (*c->at == '-') {
		c->at++;
		skip_blanks(c);
		const char *second = c->at;
		wrong = take_number(c, &last);
		if (wrong)
			return wrong;
		if (last < first) {
			c->at = second;
			return "the range ends below its start";
		}
	}
	for (unsigned i = first; i <= last; i++)
		bitlist_set(out, i);
	return NULL;
}

const char *bitlist_parse(const char *text, struct bitlist *ret, size_t *ret_at)
{
	struct cursor c = { text, text };
	struct bitlist out = { { 0 } };
	const char *wrong;

	for (;;) {
		wrong = take_range(&c, &out);
		if (wrong || !*c.at)
			break;
		if (*c.at != ',') {
			wrong = "expected ',' or '-'";
			break;
		}
		c.at++;
	}
	if (wrong)
		*ret_at = (size_t)(c.at - c.start);
	else if (ret)
		*ret = out;
	return wrong;
}
