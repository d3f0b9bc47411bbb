/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/mempolicy.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "oci/bitlist.h"
#include "oci/names.h"

/* The kernel reads one bit less than it is told (get_nodes() in mm/mempolicy.c). */
#define MAX_NODE (BITLIST_BITS + 1)

static const char *mode_name(const struct oci_memory_policy *p)
{
	const char *name = names_of(oci_memory_policies, p->mode);

	return name ? name : "?";
}

static int set(const struct oci_memory_policy *p, const struct bitlist *nodes, struct err *err)
{
	int mode = (int)(p->mode | p->flags);
	const char *hint = "";

	if (syscall(SYS_set_mempolicy, mode, p->nodes ? nodes : NULL, p->nodes ? MAX_NODE : 0) == 0)
		return 0;
	if (errno == ENOSYS)
		return err_set(err, ERR_SYSTEM, "this kernel has no NUMA memory policies");
	if (errno == EINVAL && p->mode > MPOL_PREFERRED_MANY)
		hint = " (the nodes must have memory and be in the cgroup's cpuset; the mode came "
		       "with kernel 6.9)";
	else if (errno == EINVAL)
		hint = " (the nodes must have memory and be in the cgroup's cpuset)";
	return err_sys(err, "set %s%s%s%s", mode_name(p), p->nodes ? " on nodes " : "",
		       p->nodes ? p->nodes : "", hint);
}

/* MPOL_LOCAL and MPOL_PREFERRED without nodes are the same thing: kernels before 5.14 show the
 * second, later ones the first. */
static bool same_mode(const struct oci_memory_policy *p, int is)
{
	const int modes = ~MPOL_MODE_FLAGS;
	bool local = p->mode == MPOL_LOCAL || (p->mode == MPOL_PREFERRED && !p->nodes);

	if ((uint32_t)(is & MPOL_MODE_FLAGS) != p->flags)
		return false;
	if (local && ((is & modes) == MPOL_LOCAL || (is & modes) == MPOL_PREFERRED))
		return true;
	return (uint32_t)(is & modes) == p->mode;
}

static int check(const struct oci_memory_policy *p, const struct bitlist *nodes, struct err *err)
{
	const uint32_t keeps_list = MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES;
	struct bitlist is = { { 0 } };
	struct bitlist want = *nodes;
	int mode = -1;

	if (syscall(SYS_get_mempolicy, &mode, &is, MAX_NODE, NULL, 0) < 0)
		return err_sys(err, "read back %s", mode_name(p));
	if (!same_mode(p, mode))
		return err_set(err, ERR_SYSTEM, "%s is not in force: the kernel has mode 0x%x",
			       mode_name(p), (unsigned)mode);
	/* set_mempolicy(2): of several preferred nodes the first is taken. */
	if (p->nodes && p->mode == MPOL_PREFERRED && !(p->flags & keeps_list)) {
		int first = bitlist_first(&want);
		want = (struct bitlist){ { 0 } };
		bitlist_set(&want, (unsigned)first);
	}
	int missing = bitlist_first_missing(&want, &is);
	if (missing >= 0)
		return err_set(err, ERR_SYSTEM,
			       "node %d of '%s' has no memory, or is not in the cgroup's cpuset",
			       missing, p->nodes);
	return 0;
}

int mempolicy_apply(const struct oci_memory_policy *p, struct err *err)
{
	struct bitlist nodes = { { 0 } };
	size_t at;

	if (!p->present)
		return 0;
	const char *wrong = p->nodes ? bitlist_parse(p->nodes, &nodes, &at) : NULL;
	if (wrong)
		return err_set(err, ERR_CONFIG, "nodes '%s': %s at offset %zu", p->nodes, wrong,
			       at);
	if (set(p, &nodes, err) < 0)
		return -1;
	return check(p, &nodes, err);
}
