/* SPDX-License-Identifier: Apache-2.0 */
/* base/protobuf.h - the few parts of protocol buffers that a small message needs
 * (protobuf.dev/programming-guides/encoding)
 *
 * A message is a row of fields, each a number of the schema and a value: an unsigned integer, or
 * bytes, which are a string or a message within. Writing appends to a string. Reading walks over a
 * message that somebody else has written: nothing in it is trusted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/str.h"

/* A boolean is 0 or 1. Negative numbers do not occur. */
void pb_put_number(struct str *b, unsigned field, uint64_t value);
void pb_put_string(struct str *b, unsigned field, const char *value);
/* MESSAGE was built like this as well. When it had no memory, B has none. */
void pb_put_message(struct str *b, unsigned field, const struct str *message);

struct pb_reader {
	const char *p, *end; /* lent: the rest of the message */
};

struct pb_field {
	unsigned number;
	bool is_bytes;
	uint64_t value;    /* !is_bytes */
	const char *bytes; /* is_bytes: within the message, without a NUL */
	size_t len;
};

/* Returns 1 with the next field, 0 at the end, -1 when what follows is no field. */
int pb_next(struct pb_reader *r, struct pb_field *ret) MUST_CHECK;
