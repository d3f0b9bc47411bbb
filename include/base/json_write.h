/* SPDX-License-Identifier: Apache-2.0 */
/* base/json_write.h - JSON text, compact or indented, into a growing string
 *
 * The caller opens and closes in pairs; commas, line ends and blanks are put here. KEY is NULL for
 * the document itself and for the items of an array. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct json_writer {
	struct str *out;
	unsigned indent; /* blanks per level; 0: everything in one line */
	unsigned depth;
	bool filled; /* the container that is open has a member */
};

void json_open(struct json_writer *w, const char *key, char bracket); /* '{' or '[' */
void json_close(struct json_writer *w, char bracket);                 /* '}' or ']' */

void json_put_string(struct json_writer *w, const char *key, const char *value);
void json_put_int(struct json_writer *w, const char *key, int64_t value);
void json_put_u64(struct json_writer *w, const char *key, uint64_t value);
/* TEXT is JSON already: "null", "0.25". */
void json_put_raw(struct json_writer *w, const char *key, const char *text);
void json_put_bool(struct json_writer *w, const char *key, bool value);
/* An array of strings, ended by NULL. */
void json_put_strings(struct json_writer *w, const char *key, const char *const *values);
