/* SPDX-License-Identifier: Apache-2.0 */
#include "base/protobuf.h"

#include <string.h>

/* How the value is written. The two of fixed length are read and never written. */
enum wire {
	WIRE_VARINT = 0,
	WIRE_64 = 1,
	WIRE_BYTES = 2,
	WIRE_32 = 5,
};

#define VARINT_MAX 10 /* bytes of 7 bits for 64 */
#define FIELD_MAX  ((UINT64_C(1) << 29) - 1)

/* Seven bits at a time, the lowest first; the eighth says that more follow. */
static void put_varint(struct str *b, uint64_t v)
{
	char buf[VARINT_MAX];
	size_t n = 0;

	for (; v > 0x7f; v >>= 7)
		buf[n++] = (char)(unsigned char)((v & 0x7f) | 0x80);
	buf[n++] = (char)v;
	str_addn(b, buf, n);
}

static void put_key(struct str *b, unsigned field, enum wire wire)
{
	put_varint(b, (uint64_t)field << 3 | wire);
}

void pb_put_number(struct str *b, unsigned field, uint64_t value)
{
	put_key(b, field, WIRE_VARINT);
	put_varint(b, value);
}

static void put_bytes(struct str *b, unsigned field, const char *bytes, size_t len)
{
	put_key(b, field, WIRE_BYTES);
	put_varint(b, len);
	str_addn(b, bytes, len);
}

void pb_put_string(struct str *b, unsigned field, const char *value)
{
	put_bytes(b, field, value, strlen(value));
}

void pb_put_message(struct str *b, unsigned field, const struct str *message)
{
	b->failed |= message->failed;
	put_bytes(b, field, message->s, message->len);
}

static int get_varint(struct pb_reader *r, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < VARINT_MAX && r->p < r->end; i++) {
		unsigned char c = (unsigned char)*r->p++;
		v |= (uint64_t)(c & 0x7f) << (7 * i);
		if (!(c & 0x80)) {
			*ret = v;
			return 0;
		}
	}
	return -1;
}

static int take_bytes(struct pb_reader *r, uint64_t len, struct pb_field *ret)
{
	if (len > (size_t)(r->end - r->p))
		return -1;
	ret->is_bytes = true;
	ret->bytes = r->p;
	ret->len = (size_t)len;
	r->p += len;
	return 1;
}

int pb_next(struct pb_reader *r, struct pb_field *ret)
{
	struct pb_field f = { .number = 0 };
	uint64_t key, len;
	int rc = -1;

	if (r->p == r->end)
		return 0;
	if (get_varint(r, &key) < 0 || key >> 3 == 0 || key >> 3 > FIELD_MAX)
		return -1;
	f.number = (unsigned)(key >> 3);
	switch (key & 7) {
	case WIRE_VARINT:
		rc = get_varint(r, &f.value) < 0 ? -1 : 1;
		break;
	case WIRE_BYTES:
		rc = get_varint(r, &len) < 0 ? -1 : take_bytes(r, len, &f);
		break;
	case WIRE_64:
		rc = take_bytes(r, 8, &f);
		break;
	case WIRE_32:
		rc = take_bytes(r, 4, &f);
		break;
	default:
		break;
	}
	if (rc == 1)
		*ret = f;
	return rc;
}
