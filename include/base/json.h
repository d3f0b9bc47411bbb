/* SPDX-License-Identifier: Apache-2.0 */
/* base/json.h - strict JSON into a flat node array, and the table-driven decoder on top of it
 *
 * yajl parses in streaming mode (no tree, no recursion on our side); each value becomes one node
 * with the byte offset of its first byte, so that every later message can name line and column.
 * Numbers stay text, so 18446744073709551615 survives (R-BUND-13). Strictness (decisions D-02,
 * I-27): one document, valid UTF-8, no trailing data, no duplicate key in any object, no NUL and no
 * lone surrogate in any string, depth and size limits. Only this module knows yajl. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"

#define JSON_MAX_BYTES  ((size_t)16 << 20) /* a config that is larger is an attack (I-27, S-68) */
#define JSON_MAX_DEPTH  64                 /* S-62 */
#define JSON_MAX_NODES  (1U << 20)         /* 40 bytes each; "[0,0,0,…" must not take gigabytes */
#define JSON_MAX_ERRORS 20                 /* reported in one go, D-03 */

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

struct json_node {
	uint8_t type;     /* enum json_type */
	bool boolean;     /* JSON_BOOL */
	uint32_t at;      /* byte offset of the value in the document */
	uint32_t key_at;  /* byte offset of its key, for members of objects */
	uint32_t count;   /* JSON_ARRAY, JSON_OBJECT: direct children */
	uint32_t next;    /* index of the next sibling, 0 = none (node 0 is the root) */
	const char *key;  /* members of objects, else NULL */
	const char *text; /* JSON_STRING: decoded; JSON_NUMBER: as written */
};

/* A parsed document. `nodes[0]` is the root; the children of node i start at i + 1 when count > 0.
 */
struct json_doc {
	const char *name; /* for messages: "config.json"; NULL: they have no position */
	const char *text; /* the document itself, kept for line and column */
	size_t len;
	uint32_t base;    /* position of its first byte; see json_parse_from() */
	const char *root; /* path of what the document is ("process"), NULL: the whole; for places */
	struct json_node *nodes;
	uint32_t n_nodes;
};

/* Parses TEXT (kept by reference: it must live as long as the document). Everything is allocated in
 * ARENA. A syntax error is reported as NAME:LINE:COL: text. */
int json_parse(struct json_doc *doc, const char *name, const char *text, size_t len,
	       struct arena *arena, struct err *err) MUST_CHECK;

/* The same, with positions that begin at BASE instead of 0: where two documents share one tree, a
 * position tells in which of them it is. BASE is at most JSON_MAX_BYTES. */
int json_parse_from(struct json_doc *doc, uint32_t base, const char *name, const char *text,
		    size_t len, struct arena *arena, struct err *err) MUST_CHECK;

/* First child of NODE, or NULL; next sibling, or NULL; member KEY of an object, or NULL. */
const struct json_node *json_first(const struct json_doc *doc, const struct json_node *node);
const struct json_node *json_next(const struct json_doc *doc, const struct json_node *node);
const struct json_node *json_member(const struct json_doc *doc, const struct json_node *node,
				    const char *key);

/* Offset of what a message about PATH, "mounts[3].options", is about: AT when that lies within the
 * value at PATH (or is its key), else the deepest value on the way to PATH that the document has.
 * Without nodes AT is all that is known. */
uint32_t json_locate(const struct json_doc *doc, const char *path, uint32_t at);

/* Line and column, both from 1, of byte offset AT (columns count bytes). */
void json_position(const struct json_doc *doc, uint32_t at, unsigned *ret_line, unsigned *ret_col);

/* ---- the decoder ---------------------------------------------------------------------------
 * One table of fields describes one JSON object and the struct it fills. json_decode() walks the
 * members once; wrong types, missing required members, null (= absent, R-BUND-14) and unknown keys
 * (ignored, R-BUND-05) are handled here and nowhere else. Errors do not stop the walk: they are
 * collected, up to JSON_MAX_ERRORS, as "NAME:LINE:COL: path.to.field: what is wrong". */

struct json_decoder {
	const struct json_doc *doc;
	struct arena *arena;
	struct err *err;   /* collects the messages */
	unsigned n_errors; /* all of them, also those beyond JSON_MAX_ERRORS */
	unsigned n_hidden; /* internal: of these, left out because *err is full */
	char path[256];    /* where the walk is: "linux.seccomp.syscalls[3].args[0]" */
	void *user;        /* for decoders of the layer above */
};

struct json_field {
	const char *key;
	/* Decodes NODE (never JSON_NULL) into OUT, the member's address. Reports with json_fail().
	 */
	void (*decode)(struct json_decoder *d, const struct json_node *node, void *out,
		       const void *arg);
	size_t offset;
	const void *arg; /* for DECODE: a table, an enumeration, limits */
	bool required;
};

/* Table of fields, ended by a row with key NULL. */
void json_decode(struct json_decoder *d, const struct json_node *node,
		 const struct json_field *fields, void *out);

/* Reports at NODE: "config.json:41:17: process.user.uid: TEXT". */
void json_fail(struct json_decoder *d, const struct json_node *node, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* The same at a byte offset, for checks that no longer have the node. */
void json_fail_at(struct json_decoder *d, uint32_t at, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Ends the collection: adds "… and N more errors" if some were left out. Returns -1 if there was
 * any error, else 0. */
int json_finish(struct json_decoder *d) MUST_CHECK;
/* Reports a wrong type: "expected EXPECTED, found string "1000"". */
void json_fail_type(struct json_decoder *d, const struct json_node *node, const char *expected);

/* S for a message: at most JSON_SHOWN - 1 bytes, cut at a character, control characters replaced.
 * Returns BUF. */
#define JSON_SHOWN 64
const char *json_shown(const char *s, char buf[JSON_SHOWN]);

/* Saves and restores the walk's path around a child: `size_t mark = json_enter(d, "[%u]", i); …
 * json_leave(d, mark);` */
size_t json_enter(struct json_decoder *d, const char *fmt, ...) PRINTF_LIKE(2, 3);
void json_leave(struct json_decoder *d, size_t mark);

/* Presence matters for optional scalars: "absent" and "0" differ (C-PROC-14). */
struct opt_bool {
	bool set;
	bool v;
};
struct opt_i64 {
	bool set;
	uint32_t at; /* byte offset, for messages of later checks */
	int64_t v;
};
struct opt_u64 {
	bool set;
	uint32_t at;
	uint64_t v;
};

/* Limits for the integer decoders; NULL as ARG means the whole range of the type. */
struct json_range_i64 {
	int64_t min, max;
};
struct json_range_u64 {
	uint64_t min, max;
};

/* For decoders of the layer above: the integer NODE into *ret, or a report and false. Only the
 * plain notation of JSON counts as an integer: 1.0, 1e3 and -0 are refused. */
bool json_get_u64(struct json_decoder *d, const struct json_node *node, uint64_t min, uint64_t max,
		  uint64_t *ret) MUST_CHECK;
bool json_get_i64(struct json_decoder *d, const struct json_node *node, int64_t min, int64_t max,
		  int64_t *ret) MUST_CHECK;
/* The string NODE, or a report and NULL. */
const char *json_get_string(struct json_decoder *d, const struct json_node *node) MUST_CHECK;
/* The array NODE's items in a new zeroed array of *ret_n elements of SIZE bytes; NULL after a
 * report. Elements that are null are wrong types, which the caller's decoder reports. */
void *json_get_array(struct json_decoder *d, const struct json_node *node, size_t size,
		     size_t *ret_n) MUST_CHECK;

/* Basic decoders for tables; OUT types in comments. */
typedef void json_decode_fn(struct json_decoder *d, const struct json_node *node, void *out,
			    const void *arg);
json_decode_fn json_dec_bool;    /* bool */
json_decode_fn json_dec_obool;   /* struct opt_bool */
json_decode_fn json_dec_string;  /* const char * */
json_decode_fn json_dec_u32;     /* uint32_t; arg: struct json_range_u64 */
json_decode_fn json_dec_oi64;    /* struct opt_i64; arg: struct json_range_i64 */
json_decode_fn json_dec_ou64;    /* struct opt_u64; arg: struct json_range_u64 */
json_decode_fn json_dec_strings; /* struct json_strings: array of strings */
json_decode_fn json_dec_map;     /* struct json_map: object of strings, in document order */
json_decode_fn json_dec_object;  /* a struct; arg: its const struct json_field table */

struct json_strings {
	const char **v; /* v[n] is NULL, so it serves as argv; v itself is NULL when absent */
	uint32_t *at;
	size_t n;
};

struct json_pair {
	const char *key, *value;
	uint32_t at; /* of the key */
};
struct json_map {
	struct json_pair *v;
	size_t n;
};
