/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include "base/log.h"
#include "base/str.h"
#include "oci/names.h"

#define BIT(cap) (UINT64_C(1) << (cap))

static void free_cap(cap_t *c)
{
	/* libcap owns no errno that could matter here. */
	if (*c)
		(void)cap_free(*c);
}
#define AUTO_CAP AUTO(free_cap) cap_t

/* Names of the bits, ", " between them. */
static void add_names(struct str *s, uint64_t bits)
{
	for (unsigned cap = 0; cap < 64; cap++) {
		const char *name = names_of(oci_capabilities, cap);

		if (!(bits & BIT(cap)))
			continue;
		if (s->len > 0)
			str_add(s, ", ");
		if (name)
			str_add(s, name);
		else
			str_addf(s, "capability %u", cap);
	}
}

static void warn_left_out(uint64_t bits, const char *before, const char *after)
{
	AUTO_STR names = STR_INIT;

	if (bits == 0)
		return;
	add_names(&names, bits);

	const char *text = str_text(&names);
	log_warn("process.capabilities: %s%s%s", before, text ? text : "several", after);
}

static int refuse(const struct oci_config *c, uint64_t bits, const char *why, struct err *err)
{
	AUTO_STR names = STR_INIT;

	add_names(&names, bits);
	const char *text = str_text(&names);
	return config_fail(c, c->process.at, err, "process.capabilities: %s: %s", why,
			   text ? text : "several");
}

/* All capabilities of this kernel: libcap found the last one by PR_CAPBSET_READ (C-CAP-08). */
static uint64_t kernel_caps(void)
{
	unsigned n = (unsigned)cap_max_bits();

	return n >= 64 ? UINT64_MAX : BIT(n) - 1;
}

/* What the runtime can hand on (C-CAP-10): the bounding set is a limit of its own. */
static void limit_to_own(struct caps_plan *p, const struct procfs_self *own)
{
	uint64_t missing =
		(p->bounding & ~own->bounding) |
		((p->effective | p->permitted | p->inheritable | p->ambient) & ~own->permitted);

	warn_left_out(missing, "left out, because the runtime does not hold them itself: ", "");
	p->bounding &= own->bounding;
	p->effective &= own->permitted;
	p->permitted &= own->permitted;
	p->inheritable &= own->permitted;
	p->ambient &= own->permitted;
}

int caps_plan_build(const struct oci_config *c, const struct procfs_self *own,
		    struct caps_plan *ret, struct err *err)
{
	const struct oci_caps *from = &c->process.caps;
	struct caps_plan p = {
		.bounding = from->bounding,
		.effective = from->effective,
		.permitted = from->permitted,
		.inheritable = from->inheritable,
		.ambient = from->ambient,
	};
	const uint64_t known = kernel_caps();

	/* The kernel would say EPERM to both, after the container's side effects (C-CAP-05). */
	if (p.effective & ~p.permitted)
		return refuse(c, p.effective & ~p.permitted, "effective but not permitted", err);
	if (p.inheritable & ~p.bounding)
		return refuse(c, p.inheritable & ~p.bounding, "inheritable but not bounding", err);

	uint64_t all = p.bounding | p.effective | p.permitted | p.inheritable | p.ambient;
	warn_left_out(all & ~known, "left out, because this kernel does not know them: ", "");
	p.bounding &= known;
	p.effective &= known;
	p.permitted &= known;
	p.inheritable &= known;
	p.ambient &= known;

	if (own)
		limit_to_own(&p, own);

	uint64_t usable = p.permitted & p.inheritable;
	/* C-CAP-06; runc's words up to the colon. */
	warn_left_out(p.ambient & ~usable, "can't raise ambient capability ",
		      ": it is not both permitted and inheritable");
	p.ambient &= usable;

	*ret = p;
	return 0;
}

int caps_drop_bounding(const struct caps_plan *p, struct err *err)
{
	const uint64_t known = kernel_caps();

	/* "noroot" and its like would change what the sets mean at execve. */
	if (cap_get_secbits() != 0 && cap_set_secbits(0) < 0)
		return err_sys(err, "reset the securebits");

	/* Dropping what is already gone is allowed, so nothing is read first; nor afterwards:
	 * PR_CAPBSET_DROP either drops or fails, and nothing puts a capability back
	 * (capabilities(7)). */
	for (unsigned cap = 0; cap < 64; cap++) {
		if (!(known & BIT(cap)) || (p->bounding & BIT(cap)))
			continue;
		if (cap_drop_bound((cap_value_t)cap) < 0)
			return err_sys(err, "drop capability %u from the bounding set", cap);
	}

	return 0;
}

int caps_keep(struct err *err)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return err_sys(err, "keep capabilities across the change of user");

	return 0;
}

static int fill(cap_t c, cap_flag_t set, uint64_t bits)
{
	cap_value_t list[64];
	int n = 0;

	for (unsigned cap = 0; cap < 64; cap++) {
		if (bits & BIT(cap))
			list[n++] = (cap_value_t)cap;
	}

	return n == 0 ? 0 : cap_set_flag(c, set, n, list, CAP_SET);
}

static int apply_process_sets(const struct caps_plan *p, struct err *err)
{
	AUTO_CAP want = cap_init();
	if (!want || fill(want, CAP_EFFECTIVE, p->effective) < 0 ||
	    fill(want, CAP_PERMITTED, p->permitted) < 0 ||
	    fill(want, CAP_INHERITABLE, p->inheritable) < 0)
		return err_sys(err, "prepare the capability sets");
	if (cap_set_proc(want) < 0)
		return err_sys(err, "set capabilities");

	AUTO_CAP is = cap_get_proc();
	if (!is)
		return err_sys(err, "read capabilities back");
	if (cap_compare(want, is) != 0)
		return err_set(err, ERR_SYSTEM, "the kernel changed the capability sets");

	return 0;
}

/* The kernel keeps ambient within permitted and inheritable, so other bits need no look. */
static int apply_ambient(const struct caps_plan *p, struct err *err)
{
	/* cap_reset_ambient(3) asks for each capability first: 40 system calls more. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_sys(err, "clear the ambient capabilities");

	for (unsigned cap = 0; cap < 64; cap++) {
		int want = (p->ambient & BIT(cap)) != 0;

		if (!(p->permitted & p->inheritable & BIT(cap)))
			continue;
		if (want && cap_set_ambient((cap_value_t)cap, CAP_SET) < 0)
			return err_sys(err, "make capability %u ambient", cap);
		if (cap_get_ambient((cap_value_t)cap) != want)
			return err_set(err, ERR_SYSTEM, "capability %u is%s ambient", cap,
				       want ? " not" : "");
	}

	return 0;
}

int caps_apply(const struct caps_plan *p, struct err *err)
{
	if (apply_process_sets(p, err) < 0)
		return -1;

	return apply_ambient(p, err);
}
