/* SPDX-License-Identifier: Apache-2.0 */
/* rdt-internal.h - what the files of kernel/rdt share
 *
 * rdt.c           the plan, the directories, the processes
 * rdt_schemata.c  the text of a class: compare and write */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"

#define RDT_SCHEMATA_MAX ((size_t)1 << 20) /* bytes: thousands of domains */

/* Every domain of WANTED ("L3:0=ff;1=f\nMB:0=20\n") has that value in TEXT, the content of a
 * schemata file. Values may be spelt differently. The kernel rounds memory bandwidth up to a
 * multiple of STEP. A difference is described in *err. */
int rdt_compare(const char *text, const char *wanted, unsigned long step,
		struct err *err) MUST_CHECK;

/* The same with the file of the class DIR; ROOT is that of resctrl. */
int rdt_check_schemata(int root, int dir, const char *wanted, struct err *err) MUST_CHECK;

/* One write(2), because the kernel takes all lines or none; then reads back (C-RDT-07). */
int rdt_write_schemata(int root, int dir, const char *wanted, struct err *err) MUST_CHECK;

/* Adds what the kernel has to say about its last refusal to *err. Returns -1. */
int rdt_explain(int root, struct err *err);
