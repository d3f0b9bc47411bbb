/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <sys/syscall.h>

#include "filter-internal.h"

/* The registers and memory of classic BPF as seccomp offers it (Documentation/userspace-api/
 * seccomp_filter.rst, kernel/seccomp.c seccomp_check_filter()). */
struct machine {
	uint32_t a, x;
	uint32_t mem[BPF_MEMWORDS];
};

static uint32_t load_word(const struct seccomp_data *data, uint32_t offset)
{
	uint32_t word;

	ASSERT(offset <= sizeof(*data) - sizeof(word) && offset % sizeof(word) == 0);
	memcpy(&word, (const char *)data + offset, sizeof(word));
	return word;
}

static uint32_t compute(uint16_t code, uint32_t a, uint32_t b)
{
	switch (BPF_OP(code)) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_DIV:
		return b == 0 ? 0 : a / b;
	case BPF_AND:
		return a & b;
	case BPF_OR:
		return a | b;
	case BPF_XOR:
		return a ^ b;
	case BPF_LSH:
		return b < 32 ? a << b : 0;
	case BPF_RSH:
		return b < 32 ? a >> b : 0;
	case BPF_NEG:
		return -a;
	default:
		ASSERT(false); /* no other operation passes the kernel's check */
		return 0;
	}
}

static bool compare(uint16_t code, uint32_t a, uint32_t b)
{
	switch (BPF_OP(code)) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	case BPF_JSET:
		return (a & b) != 0;
	default:
		ASSERT(false); /* no other jump passes the kernel's check */
		return false;
	}
}

/* Everything but jumps and returns. */
static void step(struct machine *m, const struct sock_filter *i, const struct seccomp_data *data)
{
	switch (i->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		m->a = load_word(data, i->k);
		break;
	case BPF_LD | BPF_IMM:
		m->a = i->k;
		break;
	case BPF_LD | BPF_MEM:
		m->a = m->mem[i->k];
		break;
	case BPF_LD | BPF_W | BPF_LEN:
		m->a = sizeof(*data);
		break;
	case BPF_LDX | BPF_IMM:
		m->x = i->k;
		break;
	case BPF_LDX | BPF_MEM:
		m->x = m->mem[i->k];
		break;
	case BPF_LDX | BPF_W | BPF_LEN:
		m->x = sizeof(*data);
		break;
	case BPF_ST:
		m->mem[i->k] = m->a;
		break;
	case BPF_STX:
		m->mem[i->k] = m->x;
		break;
	case BPF_MISC | BPF_TAX:
		m->x = m->a;
		break;
	case BPF_MISC | BPF_TXA:
		m->a = m->x;
		break;
	default:
		ASSERT(BPF_CLASS(i->code) == BPF_ALU);
		m->a = compute(i->code, m->a, BPF_SRC(i->code) == BPF_X ? m->x : i->k);
		break;
	}
}

uint32_t filter_run(const struct filter *f, const struct seccomp_data *data)
{
	struct machine m = { .a = 0 };

	for (size_t pc = 0; pc < f->n_insns; pc++) {
		const struct sock_filter *i = &f->insns[pc];

		if (BPF_CLASS(i->code) == BPF_RET)
			return BPF_RVAL(i->code) == BPF_A ? m.a : i->k;
		if (BPF_CLASS(i->code) != BPF_JMP)
			step(&m, i, data);
		else if (BPF_OP(i->code) == BPF_JA)
			pc += i->k;
		else
			pc += compare(i->code, m.a, BPF_SRC(i->code) == BPF_X ? m.x : i->k) ? i->jt
											    : i->jf;
	}

	ASSERT(false); /* a program ends with a return */
	return SECCOMP_RET_KILL_PROCESS;
}
