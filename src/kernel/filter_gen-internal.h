/* SPDX-License-Identifier: Apache-2.0 */
/* filter_gen-internal.h - what the two halves of our own seccomp program share: filter_gen.c
 * collects the answers for all numbers, filter_emit.c writes the program */
#pragma once

#include "filter-internal.h"

/* enum scmp_compare, the values of oci_seccomp_ops */
enum op {
	OP_NE = 1,
	OP_LT,
	OP_LE,
	OP_EQ,
	OP_GE,
	OP_GT,
	OP_MASKED_EQ
};

enum leaf_kind {
	LEAF_ACTION,
	LEAF_CHECKS
};
struct leaf {
	enum leaf_kind kind;
	uint32_t v; /* action, or index of the last rule in `uses` */
};

struct span {
	uint32_t first; /* up to the next span's first */
	struct leaf leaf;
	bool wide; /* 64-bit arguments */
};

/* A rule with conditions, as it applies to one number. */
struct use {
	uint32_t call;     /* in the profile */
	uint32_t previous; /* of the same number, or NO_USE */
	uint32_t n;        /* of the multiplexed call, or 0 */
};
#define NO_USE UINT32_MAX

/* All that belongs to one audit architecture. */
struct section {
	uint32_t audit;
	size_t first_span, n_spans;
};

struct gen {
	const struct filter_profile *p;
	struct arena *a;
	/* collected */
	struct use *uses;
	uint32_t n_uses;
	struct span *spans;
	size_t n_spans, section_start;
	/* written */
	struct sock_filter *end; /* one past the last instruction */
	size_t n, max;
	struct {
		uint32_t action;
		size_t position;
	} returns[8];
	size_t n_returns;
};

struct condition {
	uint32_t arg;
	enum op op;
	uint64_t value, mask;
};

/* The conditions of rule R, without those that always hold; of 32-bit architectures the lower half
 * of arguments and values. N: of a multiplexed call, or 0; a multiplexer's first argument is N, and
 * libseccomp drops what the rule wants of it. */
size_t filter_gen_conditions(const struct filter_rule *r, uint32_t n, bool wide,
			     struct condition out[6]);

/* Writes the program from the spans of all sections. g->n is its length, also when it does not fit.
 */
void filter_gen_emit(struct gen *g, const struct section *sections, size_t n_sections);
