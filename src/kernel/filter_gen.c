/* SPDX-License-Identifier: Apache-2.0 */
/* filter_gen.c - our own seccomp program (D-11)
 *
 * For each audit architecture the 2^32 numbers are cut into spans that have one leaf: an answer,
 * or checks of arguments that lead to answers. Neighbours with the same answer are one span. A balanced tree of "number >= first of span" jumps finds the leaf. Answers
 * are return instructions that all jumps nearby share. Paths that look at no argument consist of
 * loads of number and architecture, jumps and returns only, so that the kernel's bitmap of
 * always-allowed calls works (kernel/seccomp.c, seccomp_is_const_allow()).
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
#include <stddef.h>

#include "filter-internal.h"
#include "oci/names.h"

#define ARCH_X32 (EM_X86_64 | __AUDIT_ARCH_LE) /* libseccomp's token */

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

/* ---- leaves ---------------------------------------------------------------------------------- */

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

/* What is known about one number while an architecture's rules are collected. */
struct slot {
	bool decided; /* by a rule without conditions; then v is its action */
	uint32_t v;   /* else the index of the last use, or NO_USE */
};

/* Numbers of the covered architectures, without x32's bit; arm has a few more far above
 * (asm/unistd.h,
 * __ARM_NR_BASE). */
#define LOW_SLOTS 1024
#define ARM_BASE  0xf0000
#define ARM_SLOTS 16
#define SLOTS     (LOW_SLOTS + ARM_SLOTS)

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

static const struct filter_rule *rule_of(const struct gen *g, uint32_t use)
{
	return g->p->calls[g->uses[use].call].rule;
}

/* ---- conditions ------------------------------------------------------------------------------ */

struct condition {
	uint32_t arg;
	enum op op;
	uint64_t value, mask;
};

static struct condition condition_of(const struct oci_seccomp_arg *a)
{
	struct condition c = {
		.arg = a->index,
		.op = (enum op)oci_seccomp_ops[a->op].value,
		.value = a->value,
		.mask = UINT64_MAX,
	};

	if (c.op == OP_MASKED_EQ) {
		c.mask = a->value; /* C-SEC-16 */
		c.value = a->value_two & c.mask;
	}
	return c;
}

/* The conditions of rule R, without those that always hold; of 32-bit architectures the lower half
 * of arguments and values. A multiplexer's first argument is the number of the call N, and
 * libseccomp drops what the rule wants of it. */
static size_t conditions_of(const struct filter_rule *r, uint32_t n, bool wide,
			    struct condition out[6])
{
	size_t count = 0;

	if (n != 0)
		out[count++] = (struct condition){ 0, OP_EQ, n, UINT64_MAX };
	for (size_t i = 0; i < r->n_args; i++) {
		struct condition c = condition_of(&r->args[i]);

		if (n != 0 && c.arg == 0)
			continue;
		if (!wide) {
			c.value &= UINT32_MAX;
			c.mask &= UINT32_MAX;
		}
		if (c.mask != 0)
			out[count++] = c;
	}

	return count;
}

/* ---- collecting --------------------------------------------------------------------------------
 */

static bool slot_of(uint32_t number, size_t *ret)
{
	if (number < LOW_SLOTS)
		*ret = number;
	else if (number >= ARM_BASE && number < ARM_BASE + ARM_SLOTS)
		*ret = LOW_SLOTS + number - ARM_BASE;
	else
		return false;
	return true;
}

static uint32_t number_of(size_t slot)
{
	return slot < LOW_SLOTS ? (uint32_t)slot : (uint32_t)(ARM_BASE + slot - LOW_SLOTS);
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
	if (conditions_of(r, n, wide, unused) == 0) {
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

	for (size_t i = 0; i < SLOTS && (base | number_of(i)) < end; i++) {
		if (i == LOW_SLOTS)
			add_span(g, base | LOW_SLOTS, unnamed, false);
		add_span(g, base | number_of(i), leaf_of(g, &slots[i]), is_wide(token));
	}
	add_span(g, end, enosys ? too_new : unnamed, false);

	return true;
}

/* ---- writing -----------------------------------------------------------------------------------
 */

/* Where a jump leads: to an answer, or to code. */
struct target {
	bool is_action;
	uint32_t action;
	size_t position;
};

static struct target action_target(uint32_t action)
{
	return (struct target){ .is_action = true, .action = action };
}

static struct target code_target(size_t position)
{
	return (struct target){ .position = position };
}

/* Writes I in front of all that is there; returns its position. */
static size_t emit(struct gen *g, struct sock_filter i)
{
	if (g->n < g->max)
		g->end[-1 - (ptrdiff_t)g->n] = i;
	return g->n++;
}

/* What is between the next instruction and POSITION. */
static size_t distance(const struct gen *g, size_t position)
{
	return g->n - position - 1;
}

/* Conditional jumps reach 255 instructions. Two more may be written before the jump is. */
#define REACH 253

static size_t place_return(struct gen *g, uint32_t action)
{
	const struct sock_filter i = BPF_STMT(BPF_RET | BPF_K, action);
	size_t slot = 0;

	while (slot < g->n_returns && g->returns[slot].action != action)
		slot++;
	if (slot < g->n_returns && distance(g, g->returns[slot].position) <= REACH)
		return g->returns[slot].position;

	size_t position = emit(g, i);
	if (slot == ARRAY_LEN(g->returns))
		slot = position % ARRAY_LEN(g->returns); /* any: it is only a memory */
	else if (slot == g->n_returns)
		g->n_returns++;
	g->returns[slot].action = action;
	g->returns[slot].position = position;
	return position;
}

/* Position of T, or of something in reach that leads there. */
static size_t place(struct gen *g, struct target t)
{
	if (t.is_action)
		return place_return(g, t.action);
	if (distance(g, t.position) <= REACH)
		return t.position;

	const struct sock_filter i = BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)distance(g, t.position));
	return emit(g, i);
}

static struct target emit_jump(struct gen *g, uint16_t op, uint32_t k, struct target yes,
			       struct target no)
{
	size_t y = place(g, yes);
	size_t n = place(g, no);
	const struct sock_filter i = { .code = (uint16_t)(BPF_JMP | BPF_K | op),
				       .jt = (uint8_t)distance(g, y),
				       .jf = (uint8_t)distance(g, n),
				       .k = k };

	return code_target(emit(g, i));
}

static struct target emit_load(struct gen *g, size_t offset)
{
	const struct sock_filter i = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);

	return code_target(emit(g, i));
}

#define LOWER_HALF 0
#define UPPER_HALF sizeof(uint32_t)

static struct target emit_load_arg(struct gen *g, uint32_t arg, size_t half)
{
	return emit_load(g, offsetof(struct seccomp_data, args) + arg * sizeof(uint64_t) + half);
}

/* "Half of the argument, masked, equals that of the value." */
static struct target emit_equal(struct gen *g, const struct condition *c, size_t half,
				struct target yes, struct target no)
{
	const unsigned shift = half == UPPER_HALF ? 32 : 0;
	const uint32_t mask = (uint32_t)(c->mask >> shift);
	const struct sock_filter and = BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask);

	if (mask == 0)
		return yes;
	(void)emit_jump(g, BPF_JEQ, (uint32_t)(c->value >> shift), yes, no);
	if (mask != UINT32_MAX)
		(void)emit(g, and);
	return emit_load_arg(g, c->arg, half);
}

/* "The argument is above the value", OP_GT, or not below it, OP_GE. */
static struct target emit_above(struct gen *g, const struct condition *c, enum op op, bool wide,
				struct target yes, struct target no)
{
	const uint32_t upper = (uint32_t)(c->value >> 32);

	(void)emit_jump(g, op == OP_GT ? BPF_JGT : BPF_JGE, (uint32_t)c->value, yes, no);
	struct target lower = emit_load_arg(g, c->arg, LOWER_HALF);
	if (!wide)
		return lower;
	struct target equal = emit_jump(g, BPF_JEQ, upper, lower, no);
	(void)emit_jump(g, BPF_JGT, upper, yes, equal);
	return emit_load_arg(g, c->arg, UPPER_HALF);
}

static struct target emit_equals(struct gen *g, const struct condition *c, bool wide,
				 struct target yes, struct target no)
{
	struct target lower = emit_equal(g, c, LOWER_HALF, yes, no);

	return wide ? emit_equal(g, c, UPPER_HALF, lower, no) : lower;
}

static struct target emit_condition(struct gen *g, const struct condition *c, bool wide,
				    struct target yes, struct target no)
{
	switch (c->op) {
	case OP_GT:
	case OP_GE:
		return emit_above(g, c, c->op, wide, yes, no);
	case OP_LE:
		return emit_above(g, c, OP_GT, wide, no, yes);
	case OP_LT:
		return emit_above(g, c, OP_GE, wide, no, yes);
	case OP_NE:
		return emit_equals(g, c, wide, no, yes);
	case OP_EQ:
	case OP_MASKED_EQ:
		break;
	}
	return emit_equals(g, c, wide, yes, no);
}

/* The one condition "argument equals value" of a use, if that is all. */
static bool only_equals(const struct gen *g, uint32_t use, bool wide, struct condition *ret)
{
	struct condition c[6];

	if (use == NO_USE || conditions_of(rule_of(g, use), g->uses[use].n, wide, c) != 1 ||
	    c[0].op != OP_EQ)
		return false;
	*ret = c[0];
	return true;
}

/* Checks of the rule *USE and, when these compare the same argument with values of the same upper
 * half, of those before it: the halves are loaded once. Sets *USE to the next one in front. */
static struct target emit_rules(struct gen *g, uint32_t *use, bool wide, struct target otherwise)
{
	struct target t = otherwise;
	struct condition c[6], next;

	if (only_equals(g, *use, wide, &next)) {
		c[0] = next;
		do {
			t = emit_jump(g, BPF_JEQ, (uint32_t)next.value,
				      action_target(rule_of(g, *use)->action), t);
			*use = g->uses[*use].previous;
		} while (only_equals(g, *use, wide, &next) && next.arg == c[0].arg &&
			 next.value >> 32 == c[0].value >> 32);
		t = emit_load_arg(g, c[0].arg, LOWER_HALF);
		return wide ? emit_equal(g, &c[0], UPPER_HALF, t, otherwise) : t;
	}

	size_t n = conditions_of(rule_of(g, *use), g->uses[*use].n, wide, c);
	for (t = action_target(rule_of(g, *use)->action); n > 0; n--)
		t = emit_condition(g, &c[n - 1], wide, t, otherwise);
	*use = g->uses[*use].previous;
	return t;
}

static struct target emit_leaf(struct gen *g, const struct span *s)
{
	if (s->leaf.kind == LEAF_ACTION)
		return action_target(s->leaf.v);

	struct target t = action_target(g->p->default_action);
	for (uint32_t use = s->leaf.v; use != NO_USE;)
		t = emit_rules(g, &use, s->wide, t);
	return t;
}

/* Recursion: as deep as the logarithm of the number of spans. */
static struct target emit_tree(struct gen *g, const struct span *s, size_t n)
{
	if (n == 1)
		return emit_leaf(g, s);

	/* One number amid others that all have another answer. */
	if (n == 3 && s[0].leaf.kind == LEAF_ACTION && s[2].leaf.kind == LEAF_ACTION &&
	    s[0].leaf.v == s[2].leaf.v && s[2].first == s[1].first + 1)
		return emit_jump(g, BPF_JEQ, s[1].first, emit_leaf(g, &s[1]), emit_leaf(g, &s[0]));

	struct target right = emit_tree(g, s + n / 2, n - n / 2);
	struct target left = emit_tree(g, s, n / 2);
	return emit_jump(g, BPF_JGE, s[n / 2].first, right, left);
}

/* What is written next runs into T. */
static void emit_run_into(struct gen *g, struct target t)
{
	if (!t.is_action && distance(g, t.position) == 0)
		return;

	const struct sock_filter ret = BPF_STMT(BPF_RET | BPF_K, t.action);
	const struct sock_filter jump =
		BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)distance(g, t.position));
	(void)emit(g, t.is_action ? ret : jump);
}

static struct target emit_section(struct gen *g, const struct span *s, size_t n)
{
	struct target t = emit_tree(g, s, n);

	if (n == 1 && t.is_action)
		return t;
	emit_run_into(g, t);
	return emit_load(g, offsetof(struct seccomp_data, nr));
}

/* ---- the whole ---------------------------------------------------------------------------------
 */

/* All that belongs to one audit architecture. */
struct section {
	uint32_t audit;
	size_t first_span, n_spans;
};

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
	/* A slot begins at most one span; more begin at the ends of ranges of slots. */
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

	/* What the profile does not list is killed, as by libseccomp. */
	struct target t = action_target(SECCOMP_RET_KILL_THREAD);
	for (; n > 0; n--) {
		const struct section *s = &sections[n - 1];
		struct target section = emit_section(&g, g.spans + s->first_span, s->n_spans);

		t = emit_jump(&g, BPF_JEQ, s->audit, section, t);
	}
	(void)emit_load(&g, offsetof(struct seccomp_data, arch));
	if (g.n > g.max)
		return 0; /* libseccomp may need less, or says that it is too much */

	ret->insns = g.end - g.n;
	ret->n_insns = g.n;
	return 1;
}
