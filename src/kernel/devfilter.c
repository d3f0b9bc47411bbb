/* SPDX-License-Identifier: Apache-2.0 */
/* How the program looks
 *
 * Rules are turned round: the last one is asked first, and each answers only for the access bits
 * that no later rule for the same device has answered. What is left of them is
 *   - per kind of device (character, block) a list of rules for numbered devices, and
 *   - the bits that rules for *any* device allow. Such a rule makes everything before it void for
 *     its bits, so it can stand at the end of the list wherever it was written.
 * Registers: r2 kind, r3 bits that are still unanswered, r4 major, r5 minor, r6 both in one number.
 * A rule that answers for all bits is one comparing jump to the common exits:
 *
 *	if r6 == 1:3 goto allow
 *
 * and one for some of them is
 *
 *	if r6 != 1:5 goto next
 *	r3 &= ~ACCESS                    or, if it denies:  if r3 & ACCESS goto deny
 *	if r3 == 0 goto allow
 *
 * Comparing the whole number in one jump also keeps the verifier's work linear: it learns nothing
 * from "not equal" that it would have to carry along. */
#include "kernel/devfilter.h"

#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

#define ACCESS_ALL (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)

/* The kernel's dev_t: 12 bits of major, 20 bits of minor (linux/kdev_t.h). */
#define MINOR_BITS 20
#define MAJOR_MAX  0xfff
#define MINOR_MAX  0xfffff

#define ANY -1

struct rule {
	bool allow;
	int64_t major, minor;
	unsigned access;
};

/* The rules for one kind of device. */
struct section {
	struct rule *rules; /* for numbered devices, the last rule of the config first */
	size_t n;
	unsigned decided; /* bits that a rule for any device has answered for all others */
	unsigned allowed; /* which of these it allows */
};

/* C-CGD-04: what every container has, whatever the config says. Nobody can deny them, because
 * engines deny everything and expect these to work. Making nodes is no access by itself. */
static const struct oci_device_rule default_rules[] = {
	/* clang-format off */
	{ .allow = true, .type = 'a', .major = ANY, .minor = ANY, .access = BPF_DEVCG_ACC_MKNOD },
	{ .allow = true, .type = 'c', .major = 1,   .minor = 3,   .access = ACCESS_ALL }, /* null */
	{ .allow = true, .type = 'c', .major = 1,   .minor = 5,   .access = ACCESS_ALL }, /* zero */
	{ .allow = true, .type = 'c', .major = 1,   .minor = 7,   .access = ACCESS_ALL }, /* full */
	{ .allow = true, .type = 'c', .major = 1,   .minor = 8,   .access = ACCESS_ALL }, /* random */
	{ .allow = true, .type = 'c', .major = 1,   .minor = 9,   .access = ACCESS_ALL }, /* urandom */
	{ .allow = true, .type = 'c', .major = 5,   .minor = 0,   .access = ACCESS_ALL }, /* tty */
	{ .allow = true, .type = 'c', .major = 5,   .minor = 1,   .access = ACCESS_ALL }, /* console */
	{ .allow = true, .type = 'c', .major = 5,   .minor = 2,   .access = ACCESS_ALL }, /* ptmx */
	{ .allow = true, .type = 'c', .major = 136, .minor = ANY, .access = ACCESS_ALL }, /* pts */
	/* clang-format on */
};

/* ---- rules ---------------------------------------------------------------------------------- */

static bool covers(const struct rule *s, const struct rule *r)
{
	return (s->major == ANY || s->major == r->major) &&
	       (s->minor == ANY || s->minor == r->minor);
}

/* Adds R, which stands before all rules that S has already. False: the list is full. */
static bool section_add(struct section *s, struct rule r)
{
	r.access &= ACCESS_ALL & ~s->decided;
	for (size_t i = 0; i < s->n && r.access; i++) {
		if (covers(&s->rules[i], &r))
			r.access &= ~s->rules[i].access;
	}

	/* Answered already, or a number that no device can have. */
	if (r.access == 0 || r.major > MAJOR_MAX || r.minor > MINOR_MAX)
		return true;
	if (r.major == ANY && r.minor == ANY) {
		s->decided |= r.access;
		if (r.allow)
			s->allowed |= r.access;
		return true;
	}
	if (s->n == DEVFILTER_MAX_RULES)
		return false;
	s->rules[s->n++] = r;

	return true;
}

/* Rules at the end that say what is said to everybody anyway. */
static void section_trim(struct section *s)
{
	while (s->n > 0) {
		const struct rule *r = &s->rules[s->n - 1];
		unsigned allowed = r->access & s->allowed;

		if (allowed != (r->allow ? r->access : 0))
			break;
		s->n--;
	}
}

static bool section_add_config(struct section *s, char type, const struct oci_device_rule *r)
{
	if (r->type != 'a' && r->type != type)
		return true;

	return section_add(s, (struct rule){ .allow = r->allow,
					     .major = r->major,
					     .minor = r->minor,
					     .access = r->access });
}

static int section_build(struct section *s, char type, const struct oci_resources *r,
			 struct arena *a, struct err *err)
{
	size_t max = ARRAY_LEN(default_rules) + r->n_devices;

	s->rules = ARENA_NEW(a, struct rule, max < DEVFILTER_MAX_RULES ? max : DEVFILTER_MAX_RULES);
	if (!s->rules)
		return err_oom(err);

	for (size_t i = 0; i < ARRAY_LEN(default_rules); i++)
		(void)section_add_config(s, type, &default_rules[i]); /* a dozen always fits */
	for (size_t i = r->n_devices; i > 0 && s->decided != ACCESS_ALL; i--) {
		if (!section_add_config(s, type, &r->devices[i - 1]))
			return err_set(err, ERR_CONFIG,
				       "linux.resources.devices: more than %d different rules",
				       DEVFILTER_MAX_RULES);
	}
	section_trim(s);

	return 0;
}

/* ---- instructions --------------------------------------------------------------------------- */

enum {
	R0,
	R1,
	R2_KIND,
	R3_ACCESS,
	R4_MAJOR,
	R5_MINOR,
	R6_DEV
};

/* Jump targets that are only known at the end. */
enum {
	TO_ALLOW = INT16_MIN,
	TO_DENY
};

struct code {
	struct bpf_insn *v;
	size_t n;
};

static void emit(struct code *c, int op, unsigned dst, int off, int imm)
{
	c->v[c->n++] = (struct bpf_insn){
		.code = (uint8_t)op,
		.dst_reg = dst & 0xf,
		.off = (int16_t)off,
		.imm = imm,
	};
}

/* The same with a source register. */
static void emit_reg(struct code *c, int op, unsigned dst, unsigned src, int off)
{
	emit(c, op, dst, off, 0);
	c->v[c->n - 1].src_reg = src & 0xf;
}

static void emit_head(struct code *c)
{
	const int load = BPF_LDX | BPF_MEM | BPF_W;

	emit_reg(c, load, R2_KIND, R1, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	emit_reg(c, load, R4_MAJOR, R1, offsetof(struct bpf_cgroup_dev_ctx, major));
	emit_reg(c, load, R5_MINOR, R1, offsetof(struct bpf_cgroup_dev_ctx, minor));
	/* C-CGD-10: access in the upper half of the word, kind in the lower one. */
	emit_reg(c, BPF_ALU | BPF_MOV | BPF_X, R3_ACCESS, R2_KIND, 0);
	emit(c, BPF_ALU | BPF_RSH | BPF_K, R3_ACCESS, 0, 16);
	emit(c, BPF_JMP | BPF_JEQ | BPF_K, R3_ACCESS, TO_ALLOW, 0);
	emit(c, BPF_ALU | BPF_AND | BPF_K, R2_KIND, 0, 0xffff);
	emit_reg(c, BPF_ALU | BPF_MOV | BPF_X, R6_DEV, R4_MAJOR, 0);
	emit(c, BPF_ALU | BPF_LSH | BPF_K, R6_DEV, 0, MINOR_BITS);
	emit_reg(c, BPF_ALU | BPF_OR | BPF_X, R6_DEV, R5_MINOR, 0);
}

/* "if the device is (not) the rule's goto OFF"; OP is BPF_JEQ or BPF_JNE. */
static void emit_match(struct code *c, const struct rule *r, int op, int off)
{
	if (r->minor == ANY) {
		emit(c, BPF_JMP32 | op | BPF_K, R4_MAJOR, off, (int)r->major);
	} else if (r->major == ANY) {
		emit(c, BPF_JMP32 | op | BPF_K, R5_MINOR, off, (int)r->minor);
	} else {
		uint32_t dev = (uint32_t)r->major << MINOR_BITS | (uint32_t)r->minor;

		emit(c, BPF_JMP32 | op | BPF_K, R6_DEV, off, (int)dev);
	}
}

static void emit_rule(struct code *c, const struct rule *r)
{
	if (r->access == ACCESS_ALL) {
		emit_match(c, r, BPF_JEQ, r->allow ? TO_ALLOW : TO_DENY);
	} else if (r->allow) {
		emit_match(c, r, BPF_JNE, 2);
		emit(c, BPF_ALU | BPF_AND | BPF_K, R3_ACCESS, 0, (int)(ACCESS_ALL & ~r->access));
		emit(c, BPF_JMP | BPF_JEQ | BPF_K, R3_ACCESS, TO_ALLOW, 0);
	} else {
		emit_match(c, r, BPF_JNE, 1);
		emit(c, BPF_JMP | BPF_JSET | BPF_K, R3_ACCESS, TO_DENY, (int)r->access);
	}
}

static void emit_section(struct code *c, const struct section *s)
{
	unsigned denied = ACCESS_ALL & ~s->allowed;

	for (size_t i = 0; i < s->n; i++)
		emit_rule(c, &s->rules[i]);
	if (denied)
		emit(c, BPF_JMP | BPF_JSET | BPF_K, R3_ACCESS, TO_DENY, (int)denied);
	emit(c, BPF_JMP | BPF_JA, 0, TO_ALLOW, 0);
}

static void emit_exits(struct code *c)
{
	size_t allow = c->n;
	size_t deny = c->n + 2;

	emit(c, BPF_ALU | BPF_MOV | BPF_K, R0, 0, 1);
	emit(c, BPF_JMP | BPF_EXIT, 0, 0, 0);
	emit(c, BPF_ALU | BPF_MOV | BPF_K, R0, 0, 0);
	emit(c, BPF_JMP | BPF_EXIT, 0, 0, 0);

	for (size_t i = 0; i < allow; i++) {
		if (c->v[i].off == TO_ALLOW)
			c->v[i].off = (int16_t)(allow - i - 1);
		else if (c->v[i].off == TO_DENY)
			c->v[i].off = (int16_t)(deny - i - 1);
	}
}

/* Everything but the rules: head, the jump between the sections, their ends, the exits. */
#define FIXED_INSNS 24

static int assemble(const struct section *chr, const struct section *blk, struct arena *a,
		    struct devfilter *ret, struct err *err)
{
	struct code c = { .v = ARENA_NEW(a, struct bpf_insn, FIXED_INSNS + 3 * (chr->n + blk->n)) };

	if (!c.v)
		return err_oom(err);

	emit_head(&c);
	size_t to_block = c.n;
	emit(&c, BPF_JMP | BPF_JEQ | BPF_K, R2_KIND, 0, BPF_DEVCG_DEV_BLOCK);
	emit(&c, BPF_JMP | BPF_JNE | BPF_K, R2_KIND, TO_DENY, BPF_DEVCG_DEV_CHAR);
	emit_section(&c, chr);
	c.v[to_block].off = (int16_t)(c.n - to_block - 1);
	emit_section(&c, blk);
	emit_exits(&c);

	ret->insns = c.v;
	ret->n_insns = c.n;
	return 0;
}

static bool allows_all(const struct section *s)
{
	return s->n == 0 && s->allowed == ACCESS_ALL;
}

int devfilter_build(const struct oci_resources *r, struct arena *a, struct devfilter *ret,
		    struct err *err)
{
	struct section chr = { .rules = NULL };
	struct section blk = { .rules = NULL };
	struct devfilter f = { .insns = NULL };

	if (section_build(&chr, 'c', r, a, err) < 0 || section_build(&blk, 'b', r, a, err) < 0)
		return -1;

	f.has_deny = !allows_all(&chr) || !allows_all(&blk);
	if (f.has_deny && assemble(&chr, &blk, a, &f, err) < 0)
		return -1;

	*ret = f;
	return 0;
}
