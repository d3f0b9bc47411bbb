/* SPDX-License-Identifier: Apache-2.0 */
/* cpu.shares to cpu.weight. */
#include "kernel/cgroup.h"

#include <stdbool.h>

/* Fraction bits of the fixed-point numbers below. */
#define FRAC 48

/* log2 of X >= 1 by repeated squaring of the mantissa; exact to about 2^-50. */
static uint64_t fixed_log2(uint64_t x)
{
	unsigned whole = 63U - (unsigned)__builtin_clzll(x);
	uint64_t mantissa = x << (63U - whole); /* in [1, 2), 63 fraction bits */
	uint64_t result = whole;

	for (int i = 0; i < FRAC; i++) {
		unsigned __int128 square = (unsigned __int128)mantissa * mantissa;
		bool bit = square >> 127;

		mantissa = (uint64_t)(bit ? square >> 64 : square >> 63);
		result = result << 1 | bit;
	}

	return result;
}

/* C-CPU-02: weight = ceil(10^((L*L + 125*L) / 612 - 7/34)) with L = log2(shares), which passes
 * through 2 -> 1, 1024 -> 100 and 262144 -> 10000. In whole numbers, because a shared libm costs
 * every start of the program more than this does. */
uint64_t cgroup_shares_to_weight(uint64_t shares)
{
	const uint64_t log2_of_10 = 935039633142894; /* 3.3219280948873623 * 2^48 */
	uint64_t low = 1;
	uint64_t high = 10000;

	if (shares <= 2)
		return low;
	if (shares >= 262144)
		return high;

	uint64_t l = fixed_log2(shares);
	uint64_t square = (uint64_t)((unsigned __int128)l * l >> FRAC);
	/* 7/34 is 126/612. */
	uint64_t power = (square + 125 * l - ((uint64_t)126 << FRAC)) / 612;
	uint64_t wanted = (uint64_t)((unsigned __int128)power * log2_of_10 >> FRAC);

	/* The smallest weight whose logarithm reaches it. The four last bits are noise, which would
	 * lift exact results such as 100 to the next number. */
	while (low < high) {
		uint64_t middle = (low + high) / 2;

		if (fixed_log2(middle) + 16 >= wanted)
			high = middle;
		else
			low = middle + 1;
	}

	return low;
}
