/* SPDX-License-Identifier: Apache-2.0 */
/* cli/opt.h - option tables: one drives parsing, --help and the check of the manual page
 *
 * Accepted forms (cli-reference 1): --name value, --name=value, -name value (go-runc sends
 * "-no-subreaper"), clusters of short flags, -x value, -xvalue, and --flag=true|false. The last one
 * of a repeated option wins, except in lists; "--" ends the options. Values point into argv: they
 * live as long as the program. Parsing has no side effect but on the caller's struct and the order
 * of argv. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"

enum opt_type {
	OPT_FLAG,   /* bool */
	OPT_STRING, /* const char *; the empty string is refused */
	OPT_NUMBER, /* unsigned, 0 to OPT_NUMBER_MAX */
	OPT_CHOICE, /* int: index into choices */
	OPT_LIST,   /* struct str_list: every one of a repeated option; none is empty */
	OPT_HELP,   /* no member: parsing ends */
};

/* Enough for a count of descriptors: the kernel's own limit on them (fs.nr_open). */
#define OPT_NUMBER_MAX 1048576

struct opt {
	const char *name; /* long name without dashes; NULL ends a table */
	char letter;      /* short name or 0 */
	enum opt_type type;
	size_t offset;              /* of the member in the caller's struct */
	const char *value;          /* what --help calls the value; NULL for flags */
	const char *help;           /* one line; "Name and value" column plus this fit 80 columns */
	const char *const *choices; /* OPT_CHOICE: NULL-terminated */
};

/* What to parse; filled by the caller. */
struct opt_scan {
	const struct opt *table;
	const struct opt
		*global; /* for a message only: options that belong before the command, or NULL */
	bool stop_at_operand; /* the first operand ends the options; else they may follow it */
	void *base;           /* the caller's struct */
	struct arena *arena;  /* for the arrays of OPT_LIST; NULL where there is none */
	char **argv;          /* words without the program's name; afterwards the operands */
	size_t argc;
};

/* Returns 0, or 1 when help was asked for, or -1 with ERR_USAGE; the message names the option. The
 * operands are then argv[0] to argv[argc - 1], in their order. */
int opt_parse(struct opt_scan *s, struct err *err) MUST_CHECK;

/* Appends one line per option. */
void opt_help(struct str *out, const struct opt *table);
