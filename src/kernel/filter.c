/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "filter-internal.h"
#include "oci/names.h"

#define WARN_NAMES_MAX 8

/* ---- the profile ----------------------------------------------------------------------------- */

/* The action as the kernel wants it. Only ERRNO and TRACE carry data, EPERM by default (C-SEC-03).
 */
static uint32_t action_value(uint32_t index, const struct opt_u64 *errno_ret)
{
	uint32_t action = (uint32_t)oci_seccomp_actions[index].value;

	if (action != SECCOMP_RET_ERRNO && action != SECCOMP_RET_TRACE)
		return action;
	return action | (errno_ret->set ? (uint32_t)errno_ret->v : EPERM);
}

static bool add_arch(struct filter_profile *p, uint32_t arch)
{
	for (size_t i = 0; i < p->n_archs; i++) {
		if (p->archs[i] == arch)
			return true;
	}
	if (p->n_archs == FILTER_ARCHS_MAX)
		return false;
	p->archs[p->n_archs++] = arch;
	return true;
}

static int collect_archs(struct filter_profile *p, const struct oci_config *c, struct err *err)
{
	const struct oci_seccomp *s = &c->linux_.seccomp;

	(void)add_arch(p, filter_native_arch()); /* always (C-SEC-06); the first fits */
	for (size_t i = 0; i < s->architectures.n; i++) {
		uint64_t arch;

		/* oci/config has checked the names. */
		if (!names_find(oci_seccomp_archs, s->architectures.v[i], &arch) ||
		    !add_arch(p, (uint32_t)arch))
			return config_fail(c, s->at, err,
					   "linux.seccomp.architectures: '%s' is not known",
					   s->architectures.v[i]);
	}

	return 0;
}

static bool has_same_index_twice(const struct oci_seccomp_rule *r)
{
	for (size_t i = 0; i < r->n_args; i++) {
		for (size_t j = 0; j < i; j++) {
			if (r->args[i].index == r->args[j].index)
				return true;
		}
	}
	return false;
}

/* Conditions on different arguments are ANDed; as soon as two look at the same argument each of
 * them is a rule of its own, as with other runtimes (C-SEC-15). */
static size_t parts_of(const struct oci_seccomp_rule *r)
{
	return has_same_index_twice(r) ? r->n_args : 1;
}

static int collect_rules(struct filter_profile *p, const struct oci_seccomp *s, struct arena *a,
			 struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_rules; i++)
		n += parts_of(&s->rules[i]);
	p->rules = ARENA_NEW(a, struct filter_rule, n);
	if (!p->rules)
		return err_oom(err);

	for (size_t i = 0; i < s->n_rules; i++) {
		const struct oci_seccomp_rule *r = &s->rules[i];
		const uint32_t action = action_value(r->action, &r->errno_ret);
		const size_t parts = parts_of(r);

		/* C-SEC-17: it would change nothing, and libseccomp refuses it. */
		if (action == p->default_action)
			continue;
		for (size_t part = 0; part < parts; part++) {
			p->rules[p->n_rules++] = (struct filter_rule){
				.names = &r->names,
				.at = r->at,
				.action = action,
				.args = r->args + part,
				.n_args = parts > 1 ? 1 : r->n_args,
			};
		}
	}

	return 0;
}

/* C-SEC-07: one warning that lists the first few. */
static void warn_unknown(const struct oci_seccomp *s)
{
	AUTO_STR list = STR_INIT;
	size_t n = 0;

	for (size_t i = 0; i < s->n_rules; i++) {
		const struct json_strings *names = &s->rules[i].names;

		for (size_t j = 0; j < names->n; j++) {
			if (filter_knows_name(names->v[j]))
				continue;
			if (n < WARN_NAMES_MAX)
				str_addf(&list, "%s'%s'", n == 0 ? "" : ", ", names->v[j]);
			n++;
		}
	}
	if (n > WARN_NAMES_MAX)
		str_addf(&list, " and %zu more", n - WARN_NAMES_MAX);

	const char *text = str_text(&list);
	if (n > 0)
		log_warn(
			"linux.seccomp: libseccomp %s does not know these system calls, skipped: %s",
			filter_library_version(), text ? text : "several");
}

/* ---- ENOSYS for calls that are newer than the profile ------------------------------------------
 */

int filter_newest_number(const struct filter_profile *p, uint32_t arch)
{
	const struct oci_seccomp *s = &p->config->linux_.seccomp;
	int newest = -1;

	/* Also of rules that were left out: they are named all the same. */
	for (size_t i = 0; i < s->n_rules; i++) {
		for (size_t j = 0; j < s->rules[i].names.n; j++) {
			int number = filter_number(arch, s->rules[i].names.v[j]);

			if (number > newest)
				newest = number;
		}
	}

	return newest;
}

#define ENOSYS_GROUP 6 /* instructions for one architecture */

/* Calls of ARCH above NEWEST get ENOSYS. Expects the audit architecture in the accumulator and
 * leaves it there for whoever comes next. */
static void add_enosys(struct sock_filter *out, uint32_t arch, uint32_t newest)
{
	/* x86_64 and x32 have the same audit architecture; the one ends where the other begins. A
	 * profile without x32 goes on killing such calls. */
	const uint32_t last = arch == AUDIT_ARCH_X86_64 ? FILTER_X32_BIT - 1 : UINT32_MAX;
	const struct sock_filter group[ENOSYS_GROUP] = {
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, filter_audit_arch(arch), 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, newest, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
	};

	memcpy(out, group, sizeof(group));
}

/* Puts the ENOSYS answers in front of libseccomp's program. */
static int prepend_enosys(const struct filter_profile *p, struct arena *a, struct filter *f,
			  struct err *err)
{
	size_t n = 0;

	if (p->default_action != (SECCOMP_RET_ERRNO | EPERM))
		return 0;

	struct sock_filter *out =
		ARENA_NEW(a, struct sock_filter, 1 + ENOSYS_GROUP * p->n_archs + f->n_insns);
	if (!out)
		return err_oom(err);

	out[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						offsetof(struct seccomp_data, arch));
	for (size_t i = 0; i < p->n_archs; i++) {
		int newest = filter_newest_number(p, p->archs[i]);

		if (newest < 0)
			continue;
		add_enosys(out + n, p->archs[i], (uint32_t)newest);
		n += ENOSYS_GROUP;
	}
	memcpy(out + n, f->insns, f->n_insns * sizeof(*out));
	f->insns = out;
	f->n_insns += n;

	return 0;
}

static int build_by_library(const struct filter_profile *p, struct arena *a, struct filter *f,
			    struct err *err)
{
	if (filter_library_build(p, false, a, f, err) < 0 || prepend_enosys(p, a, f, err) < 0)
		return -1;
	if (f->n_insns <= BPF_MAXINSNS)
		return 0;

	/* C-SEC-29 */
	return filter_library_build(p, true, a, f, err) < 0 ? -1 : prepend_enosys(p, a, f, err);
}

/* ---- the interface ----------------------------------------------------------------------------
 */

int filter_compile(const struct oci_config *c, struct arena *a, struct filter *ret, struct err *err)
{
	const struct oci_seccomp *s = &c->linux_.seccomp;
	struct filter f = { .insns = NULL };

	if (!s->present) {
		*ret = f;
		return 0;
	}

	struct filter_profile p = {
		.config = c,
		.default_action = action_value(s->default_action, &s->default_errno_ret),
	};
	if (collect_archs(&p, c, err) < 0 || collect_rules(&p, s, a, err) < 0)
		return -1;
	warn_unknown(s);
	if (build_by_library(&p, a, &f, err) < 0)
		return config_wrap(c, s->at, err, "linux.seccomp");
	if (f.n_insns > BPF_MAXINSNS)
		return config_fail(
			c, s->at, err,
			"linux.seccomp: %zu instructions are above the kernel's limit of %d",
			f.n_insns, BPF_MAXINSNS);

	f.flags = s->has_flags ? s->flags : SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	*ret = f;
	return 0;
}

uint32_t filter_verdict(const struct filter *f, int nr, const uint64_t args[6])
{
	struct seccomp_data data = { .nr = nr, .arch = filter_audit_arch(filter_native_arch()) };

	memcpy(data.args, args, sizeof(data.args));
	return f->insns ? filter_run(f, &data) : SECCOMP_RET_ALLOW;
}

static long call_seccomp(unsigned operation, uint32_t flags, const void *arg)
{
	return syscall(SYS_seccomp, operation, flags, arg);
}

/* prctl(PR_GET_SECCOMP) says 2 when a filter is in force (I-10); asked only if the filter lets us.
 */
static int read_mode_back(const struct filter *f, struct err *err)
{
	const uint64_t args[6] = { PR_GET_SECCOMP };

	if (filter_verdict(f, SYS_prctl, args) != SECCOMP_RET_ALLOW)
		return 0;

	int mode = prctl(PR_GET_SECCOMP, 0, 0, 0, 0);
	if (mode != SECCOMP_MODE_FILTER)
		return err_set(err, ERR_SYSTEM, "the seccomp mode is %d after loading the filter",
			       mode);

	return 0;
}

int filter_load(const struct filter *f, struct err *err)
{
	if (!f->insns)
		return 0;

	/* The kernel only reads; its type has no const. */
	const struct sock_fprog program = {
		.len = (unsigned short)f->n_insns,
		.filter = (struct sock_filter *)(uintptr_t)f->insns,
	};
	long rc = call_seccomp(SECCOMP_SET_MODE_FILTER, f->flags, &program);
	if (rc < 0)
		return err_sys(err, "load the seccomp filter");
	if (rc > 0) /* TSYNC: the id of the thread that cannot follow */
		return err_set(err, ERR_SYSTEM,
			       "load the seccomp filter: thread %ld has one of its own", rc);

	return read_mode_back(f, err);
}

/* A flag that the kernel knows gets as far as the missing program (EFAULT), others do not (EINVAL).
 */
static bool kernel_knows_flag(uint32_t flag)
{
	/* This one only together with a listener. */
	if (flag == SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
		flag |= SECCOMP_FILTER_FLAG_NEW_LISTENER;

	return call_seccomp(SECCOMP_SET_MODE_FILTER, flag, NULL) < 0 && errno == EFAULT;
}

const char *const *filter_supported_flags(void)
{
	static const char *names[8];
	size_t n = 0;

	for (const struct name_value *f = oci_seccomp_flags; f->name; f++) {
		if (n + 1 < ARRAY_LEN(names) && kernel_knows_flag((uint32_t)f->value))
			names[n++] = f->name;
	}
	names[n] = NULL;

	return names;
}
