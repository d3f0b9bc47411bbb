/* SPDX-License-Identifier: Apache-2.0 */
/* test_mempolicy.c - kernel/mempolicy */
#include "kernel_util.h"

#include <linux/mempolicy.h>
#include <sys/syscall.h>

#include "kernel/mempolicy.h"

#define WEIGHTED_INTERLEAVE 6

static int mode_now(void)
{
	int mode = -1;

	REQUIRE(syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0) == 0);
	return mode;
}

static void need_numa(void)
{
	int mode;

	if (syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0) < 0)
		skip_child("no NUMA memory policies in this kernel");
}

static void modes(void)
{
	static const struct {
		uint32_t mode, flags;
		const char *nodes;
		int is; /* what the kernel makes of it */
	} rows[] = {
		{ MPOL_BIND, 0, "0", MPOL_BIND },
		{ MPOL_BIND, MPOL_F_STATIC_NODES, "0", MPOL_BIND | MPOL_F_STATIC_NODES },
		{ MPOL_BIND, MPOL_F_STATIC_NODES, "0-3", MPOL_BIND | MPOL_F_STATIC_NODES },
		{ MPOL_INTERLEAVE, MPOL_F_RELATIVE_NODES, "0,1",
		  MPOL_INTERLEAVE | MPOL_F_RELATIVE_NODES },
		{ MPOL_BIND, MPOL_F_NUMA_BALANCING, "0", MPOL_BIND | MPOL_F_NUMA_BALANCING },
		{ MPOL_INTERLEAVE, 0, "0", MPOL_INTERLEAVE },
		{ MPOL_PREFERRED, 0, "0", MPOL_PREFERRED },
		{ MPOL_PREFERRED, 0, "0-1", MPOL_PREFERRED },
		{ MPOL_PREFERRED_MANY, 0, "0", MPOL_PREFERRED_MANY },
		{ MPOL_LOCAL, 0, NULL, MPOL_LOCAL },
		{ MPOL_PREFERRED, 0, NULL, MPOL_LOCAL },
		{ WEIGHTED_INTERLEAVE, 0, "0", WEIGHTED_INTERLEAVE },
		{ MPOL_DEFAULT, 0, NULL, MPOL_DEFAULT },
	};

	need_numa();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct oci_memory_policy p = { .present = true,
						     .mode = rows[i].mode,
						     .flags = rows[i].flags,
						     .nodes = rows[i].nodes };
		struct err err = ERR_INIT;

		if (mempolicy_apply(&p, &err) < 0) {
			/* newer than 5.14 and 6.8 */
			if (rows[i].mode >= MPOL_PREFERRED_MANY && strstr(err.msg, "set MPOL_"))
				continue;
			fprintf(stderr, "%zu: %s\n", i, err.msg);
			_exit(1);
		}
		REQUIRE(mode_now() == rows[i].is);
	}
}

static void every_mode_is_set_and_read_back(void **state)
{
	(void)state;
	in_child(modes);
}

static void refusals(void)
{
	struct oci_memory_policy p = { .present = true, .mode = MPOL_BIND, .nodes = "4095" };
	struct err err = ERR_INIT;

	need_numa();
	/* C-MPOL-05 */
	REQUIRE(mempolicy_apply(&p, &err) < 0);
	REQUIRE(strstr(err.msg, "set MPOL_BIND on nodes 4095 (the nodes must have memory"));
	REQUIRE(mode_now() == MPOL_DEFAULT);
	p.nodes = "1023";
	REQUIRE(mempolicy_apply(&p, &err) < 0);
	/* The kernel drops the node that is not there. */
	p.nodes = "0,1000";
	REQUIRE(mempolicy_apply(&p, &err) < 0);
	REQUIRE(strstr(err.msg, "node 1000 of '0,1000' has no memory") ||
		strstr(err.msg, "set MPOL_BIND on nodes 0,1000"));
	p.nodes = "0-";
	REQUIRE(mempolicy_apply(&p, &err) < 0 && err.kind == ERR_CONFIG);
	p.present = false;
	REQUIRE_OK(mempolicy_apply(&p, &err), err);
}

static void nodes_that_are_not_there_are_refused(void **state)
{
	(void)state;
	in_child(refusals);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mode_is_set_and_read_back),
		cmocka_unit_test(nodes_that_are_not_there_are_refused),
	};

	return cmocka_run_group_tests_name("kernel/mempolicy", tests, NULL, NULL);
}
