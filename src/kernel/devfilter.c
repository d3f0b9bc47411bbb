/* SPDX-License-Identifier: Apache-2.0 */
/* How the program looks
 *
 * What the rules say about one numbered device is known beforehand, so each device that a rule
 *names by both numbers becomes a set of allowed access bits, and the order of the rules is gone:
 *
 *	if r6 == 1:3 goto allow          all bits are allowed
 *
 *	if r6 != 1:11 goto next          some are
 *	if r3 & DENIED goto deny
 *	goto allow
 *
 * Behind these stand the rules with one number left open, such as 136:*, the last rule first. Each
 * answers only for the bits that no later rule for the same devices has answered:
 *
 *	if r4 != 136 goto next
 *	r3 &= ~ACCESS                    or, if it denies:  if r3 & ACCESS goto deny
 *	if r3 == 0 goto allow
 *
 * Rules for *any* device come at the very end wherever they were written, because everything before
 * them is void for their bits. All of this exists twice, for character and for block devices.
 * Registers: r2 kind, r3 bits that are still unanswered, r4 major, r5 minor, r6 both in one number.
 *
 * A device that was found leaves the list at once. That matters for the verifier, which would
 * otherwise follow each of them through all the rest: with 1500 rules it gave up. */
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

/* A rule with one number left open. */
struct rule {
	bool allow;
	int64_t major, minor;
	unsigned access;
};

struct device {
	uint32_t major, minor;
	unsigned allowed; /* bits */
};

/* The rules for one kind of device. */
struct section {
	char type; /* 'c' or 'b' */
	const struct oci_resources *config;
	struct device *devices;
	struct rule *rules; /* the last one of the config first */
	size_t n_devices, n_rules;
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

/* The rules from the one that counts most: the defaults, then the config's from its end. NULL: no
 * more. */
static const struct oci_device_rule *rule_at(const struct section *s, size_t i)
{
	if (i < ARRAY_LEN(default_rules))
		return &default_rules[i];
	i -= ARRAY_LEN(default_rules);

	return i < s->config->n_devices ? &s->config->devices[s->config->n_devices - 1 - i] : NULL;
}

static bool is_about(const struct section *s, const struct oci_device_rule *r)
{
	/* Numbers that no device has match nothing, and must not reach another by overflow. */
	return (r->type == 'a' || r->type == s->type) && r->major <= MAJOR_MAX &&
	       r->minor <= MINOR_MAX;
}

/* The bits that the rules of the config allow for one device. */
static unsigned allowed_for(const struct section *s, uint32_t major, uint32_t minor)
{
	unsigned answered = 0;
	unsigned allowed = 0;
	const struct oci_device_rule *r;

	for (size_t i = 0; answered != ACCESS_ALL && (r = rule_at(s, i)); i++) {
		if (!is_about(s, r) || (r->major != ANY && r->major != major) ||
		    (r->minor != ANY && r->minor != minor))
			continue;
		if (r->allow)
			allowed |= r->access & ~answered;
		answered |= r->access;
	}

	return allowed & ACCESS_ALL;
}

/* The same with what the section says to devices that it does not name. */
static unsigned allowed_unnamed(const struct section *s, uint32_t major, uint32_t minor)
{
	unsigned answered = 0;
	unsigned allowed = 0;

	for (size_t i = 0; i < s->n_rules; i++) {
		const struct rule *r = &s->rules[i];

		if (r->major != major && r->minor != minor)
			continue;
		if (r->allow)
			allowed |= r->access & ~answered;
		answered |= r->access;
	}

	return allowed | (s->allowed & ~answered);
}

static void add_device(struct section *s, uint32_t major, uint32_t minor)
{
	for (size_t i = 0; i < s->n_devices; i++) {
		if (s->devices[i].major == major && s->devices[i].minor == minor)
			return;
	}
	s->devices[s->n_devices++] = (struct device){ .major = major,
						      .minor = minor,
						      .allowed = allowed_for(s, major, minor) };
}

/* Adds what no rule before it has answered for the same devices. */
static void add_open(struct section *s, const struct oci_device_rule *r)
{
	unsigned access = r->access & ~s->decided;

	for (size_t i = 0; i < s->n_rules; i++) {
		if (s->rules[i].major == r->major && s->rules[i].minor == r->minor)
			access &= ~s->rules[i].access;
	}
	if (access)
		s->rules[s->n_rules++] = (struct rule){
			.allow = r->allow, .major = r->major, .minor = r->minor, .access = access
		};
}

static void add_any(struct section *s, const struct oci_device_rule *r)
{
	if (r->allow)
		s->allowed |= r->access & ~s->decided;
	s->decided |= r->access;
}

/* Rules at the end, and devices, that say what is said to everybody anyway. */
static void trim(struct section *s)
{
	size_t kept = 0;

	while (s->n_rules > 0) {
		const struct rule *r = &s->rules[s->n_rules - 1];

		if ((r->access & s->allowed) != (r->allow ? r->access : 0))
			break;
		s->n_rules--;
	}
	for (size_t i = 0; i < s->n_devices; i++) {
		const struct device d = s->devices[i];

		if (allowed_unnamed(s, d.major, d.minor) != d.allowed)
			s->devices[kept++] = d;
	}
	s->n_devices = kept;
}

static int section_build(struct section *s, struct arena *a, struct err *err)
{
	size_t max = ARRAY_LEN(default_rules) + s->config->n_devices;
	const struct oci_device_rule *r;

	s->devices = ARENA_NEW(a, struct device, max);
	s->rules = ARENA_NEW(a, struct rule, max);
	if (!s->devices || !s->rules)
		return err_oom(err);

	for (size_t i = 0; s->decided != ACCESS_ALL && (r = rule_at(s, i)); i++) {
		if (!is_about(s, r))
			continue;
		if (r->major == ANY && r->minor == ANY)
			add_any(s, r);
		else if (r->major == ANY || r->minor == ANY)
			add_open(s, r);
		else
			add_device(s, (uint32_t)r->major, (uint32_t)r->minor);
	}
	trim(s);

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

static void emit_device(struct code *c, const struct device *d)
{
	int dev = (int)(d->major << MINOR_BITS | d->minor);

	if (d->allowed == ACCESS_ALL) {
		emit(c, BPF_JMP32 | BPF_JEQ | BPF_K, R6_DEV, TO_ALLOW, dev);
	} else {
		emit(c, BPF_JMP32 | BPF_JNE | BPF_K, R6_DEV, 2, dev);
		emit(c, BPF_JMP | BPF_JSET | BPF_K, R3_ACCESS, TO_DENY,
		     (int)(ACCESS_ALL & ~d->allowed));
		emit(c, BPF_JMP | BPF_JA, 0, TO_ALLOW, 0);
	}
}

static void emit_rule(struct code *c, const struct rule *r)
{
	unsigned reg = r->minor == ANY ? R4_MAJOR : R5_MINOR;
	int number = (int)(r->minor == ANY ? r->major : r->minor);

	emit(c, BPF_JMP32 | BPF_JNE | BPF_K, reg, r->allow ? 2 : 1, number);
	if (r->allow) {
		emit(c, BPF_ALU | BPF_AND | BPF_K, R3_ACCESS, 0, (int)(ACCESS_ALL & ~r->access));
		emit(c, BPF_JMP | BPF_JEQ | BPF_K, R3_ACCESS, TO_ALLOW, 0);
	} else {
		emit(c, BPF_JMP | BPF_JSET | BPF_K, R3_ACCESS, TO_DENY, (int)r->access);
	}
}

static void emit_section(struct code *c, const struct section *s)
{
	unsigned denied = ACCESS_ALL & ~s->allowed;

	for (size_t i = 0; i < s->n_devices; i++)
		emit_device(c, &s->devices[i]);
	for (size_t i = 0; i < s->n_rules; i++)
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
	size_t n = chr->n_devices + chr->n_rules + blk->n_devices + blk->n_rules;
	struct code c = { .v = ARENA_NEW(a, struct bpf_insn, FIXED_INSNS + 3 * n) };

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
	return s->n_devices == 0 && s->n_rules == 0 && s->allowed == ACCESS_ALL;
}

int devfilter_build(const struct oci_resources *r, struct arena *a, struct devfilter *ret,
		    struct err *err)
{
	struct section chr = { .type = 'c', .config = r };
	struct section blk = { .type = 'b', .config = r };
	struct devfilter f = { .insns = NULL };

	if (r->n_devices > DEVFILTER_MAX_RULES)
		return err_set(err, ERR_CONFIG, "linux.resources.devices: more than %d rules",
			       DEVFILTER_MAX_RULES);
	if (section_build(&chr, a, err) < 0 || section_build(&blk, a, err) < 0)
		return -1;

	f.has_deny = !allows_all(&chr) || !allows_all(&blk);
	if (f.has_deny && assemble(&chr, &blk, a, &f, err) < 0)
		return -1;

	*ret = f;
	return 0;
}
