/* SPDX-License-Identifier: Apache-2.0 */
/* oci/bitlist.h - lists of CPUs and memory nodes ("0-3,7") as sets of bits
 *
 * The kernel's list format (cpuset(7), "List format"), strictly: numbers and ascending ranges with
 * commas between, blanks around each of them. Whether a CPU or node exists is the kernel's
 * business. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

/* NR_CPUS is at most 8192, MAX_NUMNODES 1024 in every configuration of the kernel. */
#define BITLIST_BITS  8192
#define BITLIST_WORDS (BITLIST_BITS / (sizeof(unsigned long) * CHAR_BIT))

/* Words as the kernel wants its masks (sched_setaffinity, set_mempolicy). */
struct bitlist {
	unsigned long word[BITLIST_WORDS];
};

/* What is wrong with TEXT, a static string without a full stop, and in *ret_at the offset of the
 * first character that is; NULL when it is a list of at least one bit. RET may be NULL. */
const char *bitlist_parse(const char *text, struct bitlist *ret, size_t *ret_at) MUST_CHECK;

void bitlist_set(struct bitlist *b, unsigned bit);
bool bitlist_has(const struct bitlist *b, unsigned bit);
/* The lowest bit, or that of the lowest in A and not in B; -1 when there is none. */
int bitlist_first(const struct bitlist *a);
int bitlist_first_missing(const struct bitlist *a, const struct bitlist *b);
