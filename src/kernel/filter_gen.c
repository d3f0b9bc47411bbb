/* SPDX-License-Identifier: Apache-2.0 */
/* filter_gen.c - our own seccomp program (D-11)
 *
 * For each audit architecture the 2^32 numbers are cut into spans that have one leaf: an answer,
 * or checks of arguments that lead to answers. Neighbours with the same answer are one span. A
 * balanced tree of "number >= first of span" jumps finds the leaf. Answers are return instructions
 * that all jumps nearby share. Paths that look at no argument consist of loads of number and
 * architecture, jumps and returns only, so that the kernel's bitmap of always-allowed calls works
 * (kernel/seccomp.c, seccomp_is_const_allow()).
 *
 * The program is written from its end to its beginning: all jumps of classic BPF go forward, so
 * every target is known when the jump to it is written. A position is the distance from the end.
 *
 * What several rules for one call mean: the first one without conditions wins over all others,
 * whatever their order, as with libseccomp; else the first one whose conditions hold. Where rules
 * contradict each other libseccomp's merged tree has an order of its own, refuses them, or (2.5.4)
 * never returns; the order of the profile is what its author sees (C-SEC-18). */
#include <errno.h>
#include <linux/audit.h>

#include "filter_gen-internal.h"

#define ARCH_X32 (EM_X86_64 | __AUDIT_ARCH_LE) /* libseccomp's token */

/* What is known about one number while an architecture's rules are collected. */
struct slot {
	bool decided; /* by a rule without conditions; then v is its action */
	uint32_t v;   /* else the index of the last use, or NO_USE */
};

/* Numbers of the covered architectures, without x32's bit; arm has a few private ones far above. */
#define LOW_SLOTS 1024
#define ARM_SLOTS 16
#define SLOTS     (LOW_SLOTS + ARM_SLOTS)

static bool slot_of(uint32_t number, size_t *ret)
{
	if (number < LOW_SLOTS)
		*ret = number;
	else if (number >= FILTER_ARM_PRIVATE && number < FILTER_ARM_PRIVATE + ARM_SLOTS)
		*ret = LOW_SLOTS + number - FILTER_ARM_PRIVATE;
	else
		return false;
	return true;
}

static uint32_t number_of(size_t slot)
{
	return slot < LOW_SLOTS ? (uint32_t)slot
				: (uint32_t)(FILTER_ARM_PRIVATE + slot - LOW_SLOTS);
}

static bool is_wide(uint32_t arch)
{
	return arch == AUDIT_ARCH_X86_64 || arch == AUDIT_ARCH_AARCH64 ||
	       arch == AUDIT_ARCH_RISCV64;
}

/* Little-endian, and without multiplexers other than those that we know. */
static bool is_covered(uint32_t arch)
{
	return is_wide(arch) || arch == ARCH_X32 || arch == AUDIT_ARCH_I386 ||
	       arch == AUDIT_ARCH_ARM;
}

static void add_use(struct gen *g, struct slot *s, uint32_t call, uint32_t n, bool wide)
{
	const struct filter_rule *r = g->p->calls[call].rule;
	struct condition unused[6];

	if (s->decided)
		return;
	if (filter_gen_conditions(r, n, wide, unused) == 0) {
		s->decided = true;
		s->v = r->action;
		return;
	}
	g->uses[g->n_uses] = (struct use){ .call = call, .previous = s->v, .n = n };
	s->v = g->n_uses++;
}

/* False when a number is out of reach. */
static bool collect_call(struct gen *g, size_t arch, struct slot *slots, uint32_t call)
{
	const uint32_t token = g->p->archs[arch];
	int32_t number = g->p->numbers[call * g->p->n_archs + arch];
	uint32_t multiplexer, n;
	size_t slot;

	if (!g->p->calls[call].rule)
		return true;
	if (token == AUDIT_ARCH_I386 && filter_x86_multiplexed(number, &multiplexer, &n, &number))
		add_use(g, &slots[multiplexer], call, n, false);
	if (number < 0)
		return true;
	if (token == ARCH_X32)
		number &= ~(int32_t)FILTER_X32_BIT;
	if (!slot_of((uint32_t)number, &slot))
		return false;
	add_use(g, &slots[slot], call, 0, is_wide(token));
	return true;
}

static struct leaf leaf_of(const struct gen *g, const struct slot *s)
{
	if (s->decided)
		return (struct leaf){ LEAF_ACTION, s->v };
	if (s->v == NO_USE)
		return (struct leaf){ LEAF_ACTION, g->p->default_action };
	return (struct leaf){ LEAF_CHECKS, s->v };
}

/* From FIRST on LEAF holds; one span when it held before. */
static void add_span(struct gen *g, uint32_t first, struct leaf leaf, bool wide)
{
	struct span *last = g->n_spans > g->section_start ? &g->spans[g->n_spans - 1] : NULL;

	if (last && last->first == first)
		g->n_spans--; /* empty */
	else if (last && leaf.kind != LEAF_CHECKS && last->leaf.kind == leaf.kind &&
		 last->leaf.v == leaf.v)
		return;
	g->spans[g->n_spans++] = (struct span){ first, leaf, wide };
}

/* Adds the spans of the numbers that are ARCH's own; false when it is not covered. */
static bool collect_arch(struct gen *g, size_t arch)
{
	const struct filter_profile *p = g->p;
	const uint32_t token = p->archs[arch];
	const uint32_t base = token == ARCH_X32 ? FILTER_X32_BIT : 0;
	const uint32_t end = p->newest[arch] < 0 ? base : (uint32_t)p->newest[arch] + 1;
	const bool enosys = p->newest[arch] >= 0 && filter_profile_wants_enosys(p);
	const struct leaf unnamed = { LEAF_ACTION, p->default_action };
	const struct leaf too_new = { LEAF_ACTION, SECCOMP_RET_ERRNO | ENOSYS };
	struct slot slots[SLOTS];

	for (size_t i = 0; i < SLOTS; i++)
		slots[i] = (struct slot){ .v = NO_USE };
	for (uint32_t i = 0; i < p->n_calls; i++) {
		if (!collect_call(g, arch, slots, i))
			return false;
	}

	for (size_t i = 0; i < LOW_SLOTS && (base | number_of(i)) < end; i++)
		add_span(g, base | number_of(i), leaf_of(g, &slots[i]), is_wide(token));
	add_span(g, end, enosys ? too_new : unnamed, false);
	if (token == AUDIT_ARCH_ARM) {
		for (size_t i = LOW_SLOTS; i < SLOTS; i++)
			add_span(g, number_of(i), leaf_of(g, &slots[i]), false);
		add_span(g, FILTER_ARM_PRIVATE + ARM_SLOTS, unnamed, false);
	}

	return true;
}

/* ---- the whole ---------------------------------------------------------------------------- */

static bool has_arch(const struct filter_profile *p, uint32_t arch, size_t *ret)
{
	for (size_t i = 0; i < p->n_archs; i++) {
		*ret = i;
		if (p->archs[i] == arch)
			return true;
	}
	return false;
}

/* Calls of x32 under a profile without it are killed, but for -1, which is a call of nobody. */
static void collect_no_x32(struct gen *g)
{
	const struct leaf kill = { LEAF_ACTION, SECCOMP_RET_KILL_THREAD };
	const struct leaf unnamed = { LEAF_ACTION, g->p->default_action };

	add_span(g, FILTER_X32_BIT, kill, false);
	add_span(g, UINT32_MAX, unnamed, false);
}

/* Returns the number of sections; 0 when the profile is not covered. */
static size_t collect(struct gen *g, struct section *out)
{
	size_t n = 0;

	for (size_t i = 0; i < g->p->n_archs; i++) {
		const uint32_t arch = g->p->archs[i];
		size_t x32;

		if (arch == ARCH_X32 && has_arch(g->p, AUDIT_ARCH_X86_64, &x32))
			continue; /* in the section of x86_64 */
		if (!is_covered(arch) || arch == ARCH_X32)
			return 0;

		g->section_start = g->n_spans;
		if (!collect_arch(g, i))
			return 0;
		if (arch == AUDIT_ARCH_X86_64) {
			if (!has_arch(g->p, ARCH_X32, &x32))
				collect_no_x32(g);
			else if (!collect_arch(g, x32))
				return 0;
		}
		out[n++] =
			(struct section){ arch, g->section_start, g->n_spans - g->section_start };
	}

	return n;
}

/* Memory that stays untouched costs nothing: fresh pages of the arena. */
static int allocate(struct gen *g, struct err *err)
{
	const struct filter_profile *p = g->p;
	size_t n_uses = 0;

	/* Rules with conditions become uses, and those of multiplexed calls once more. */
	for (size_t i = 0; i < p->n_calls; i++) {
		if (p->calls[i].rule)
			n_uses += p->calls[i].rule->n_args > 0 ? 2 : 1;
	}
	g->uses = ARENA_NEW(g->a, struct use, n_uses * p->n_archs);
	/* A slot begins at most one span; a few more begin where ranges of numbers end. */
	g->spans = ARENA_NEW(g->a, struct span, (SLOTS + 4) * p->n_archs);
	struct sock_filter *buffer = ARENA_NEW(g->a, struct sock_filter, BPF_MAXINSNS);
	if (!g->uses || !g->spans || !buffer)
		return err_oom(err);

	g->max = BPF_MAXINSNS;
	g->end = buffer + g->max;
	return 0;
}

int filter_generate(const struct filter_profile *p, struct arena *a, struct filter *ret,
		    struct err *err)
{
	struct section sections[FILTER_ARCHS_MAX];
	struct gen g = { .p = p, .a = a };

	if (allocate(&g, err) < 0)
		return -1;
	size_t n = collect(&g, sections);
	if (n == 0)
		return 0;

	filter_gen_emit(&g, sections, n);
	if (g.n > g.max)
		return err_set(err, ERR_CONFIG,
			       "%zu instructions are above the kernel's limit of %zu", g.n, g.max);

	ret->insns = g.end - g.n;
	ret->n_insns = g.n;
	return 1;
}
