/* SPDX-License-Identifier: Apache-2.0 */
/* An interpreter of the instructions that devfilter.c generates, for the unit tests. */
#include "kernel/devfilter.h"

#include <linux/bpf.h>
#include <string.h>

static uint64_t alu(int op, uint64_t dst, uint64_t src)
{
	switch (op) {
	case BPF_MOV:
		return (uint32_t)src;
	case BPF_AND:
		return (uint32_t)(dst & src);
	case BPF_OR:
		return (uint32_t)(dst | src);
	case BPF_LSH:
		return (uint32_t)((uint32_t)dst << src);
	case BPF_RSH:
		return (uint32_t)dst >> src;
	default:
		ASSERT(false); /* devfilter.c generates no other */
		return 0;
	}
}

static bool jumps(int op, uint64_t dst, uint64_t imm)
{
	switch (op) {
	case BPF_JA:
		return true;
	case BPF_JEQ:
		return dst == imm;
	case BPF_JNE:
		return dst != imm;
	case BPF_JSET:
		return (dst & imm) != 0;
	default:
		ASSERT(false); /* devfilter.c generates no other */
		return false;
	}
}

bool devfilter_verdict(const struct devfilter *f, char type, unsigned major, unsigned minor,
		       unsigned access)
{
	unsigned kind = type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
	const struct bpf_cgroup_dev_ctx ctx = { .access_type = access << 16 | kind,
						.major = major,
						.minor = minor };
	uint64_t r[16] = { 0 };

	if (f->n_insns == 0)
		return true;

	for (size_t pc = 0; pc < f->n_insns; pc++) {
		const struct bpf_insn *in = &f->insns[pc];
		int class = BPF_CLASS(in->code);
		uint32_t word;

		/* Our constants are never negative as 32-bit numbers compare unsigned. */
		uint64_t src = BPF_SRC(in->code) == BPF_X ? r[in->src_reg] : (uint32_t)in->imm;
		if (in->code == (BPF_JMP | BPF_EXIT))
			return r[0] != 0;
		if (class == BPF_LDX) {
			memcpy(&word, (const char *)&ctx + in->off, sizeof(word));
			r[in->dst_reg] = word;
		} else if (class == BPF_ALU) {
			r[in->dst_reg] = alu(BPF_OP(in->code), r[in->dst_reg], src);
		} else if (jumps(BPF_OP(in->code), r[in->dst_reg], src)) {
			pc += (size_t)in->off;
		}
	}

	ASSERT(false); /* every program ends with an exit */
	return false;
}
