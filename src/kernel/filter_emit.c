/* SPDX-License-Identifier: Apache-2.0 */
/* filter_emit.c - from spans of numbers to instructions; theory of operation: filter_gen.c */
#include <stddef.h>

#include "filter_gen-internal.h"
#include "oci/names.h"

static const struct filter_rule *rule_of(const struct gen *g, uint32_t use)
{
	return g->p->calls[g->uses[use].call].rule;
}

/* ---- conditions --------------------------------------------------------------------------- */

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

size_t filter_gen_conditions(const struct filter_rule *r, uint32_t n, bool wide,
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

/* ---- jumps -------------------------------------------------------------------------------- */

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

	if (use == NO_USE || filter_gen_conditions(rule_of(g, use), g->uses[use].n, wide, c) != 1 ||
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

	size_t n = filter_gen_conditions(rule_of(g, *use), g->uses[*use].n, wide, c);
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

void filter_gen_emit(struct gen *g, const struct section *sections, size_t n_sections)
{
	/* What the profile does not list is killed, as by libseccomp. */
	struct target t = action_target(SECCOMP_RET_KILL_THREAD);

	for (size_t n = n_sections; n > 0; n--) {
		const struct section *s = &sections[n - 1];
		struct target section = emit_section(g, g->spans + s->first_span, s->n_spans);

		t = emit_jump(g, BPF_JEQ, s->audit, section, t);
	}
	(void)emit_load(g, offsetof(struct seccomp_data, arch));
}
