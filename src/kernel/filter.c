/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/filter.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "filter-internal.h"
#include "oci/names.h"

/* Our own program where it is covered, else libseccomp's (D-11). */
static int build(const struct filter_profile *p, struct arena *a, struct filter *f, struct err *err)
{
	int rc = filter_generate(p, a, f, err);

	return rc == 0 ? filter_build_by_library(p, a, f, err) : rc;
}

static long call_seccomp(unsigned operation, uint32_t flags, const void *arg)
{
	return syscall(SYS_seccomp, operation, flags, arg);
}

/* Flags that the kernel knows get as far as the missing program (EFAULT), others do not (EINVAL). */
static bool kernel_knows(uint32_t flags)
{
	/* This one only together with a listener. */
	if (flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
		flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;

	return call_seccomp(SECCOMP_SET_MODE_FILTER, flags, NULL) < 0 && errno == EFAULT;
}

/* C-SEC-11, C-SEC-30: before any side effect, with the place in config.json. */
static int check_flags(const struct oci_config *c, uint32_t flags, bool notifies, struct err *err)
{
	const uint32_t at = c->linux_.seccomp.at;

	/* Nearly always one question is enough. */
	if (kernel_knows(flags | (notifies ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0)))
		return 0;
	if (!kernel_knows(0))
		return config_fail(c, at, err,
				   "linux.seccomp: the running kernel has no seccomp filters "
				   "(CONFIG_SECCOMP_FILTER)");
	if (notifies && !kernel_knows(SECCOMP_FILTER_FLAG_NEW_LISTENER))
		return config_fail(c, at, err, "linux.seccomp: SCMP_ACT_NOTIFY needs kernel 5.0");
	for (const struct name_value *f = oci_seccomp_flags; f->name; f++) {
		if (flags & f->value && !kernel_knows((uint32_t)f->value))
			return config_fail(
				c, at, err,
				"linux.seccomp.flags: the running kernel does not know %s",
				f->name);
	}
	return 0;
}

static uint32_t listener_flag(const struct filter *f)
{
	return f->notifies ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
}

int filter_compile(const struct oci_config *c, struct arena *a, struct filter *ret, struct err *err)
{
	const struct oci_seccomp *s = &c->linux_.seccomp;
	struct filter f = { .insns = NULL };

	if (!s->present) {
		*ret = f;
		return 0;
	}

	struct filter_profile p;
	if (filter_profile_build(c, a, &p, err) < 0)
		return -1;
	if (build(&p, a, &f, err) < 0)
		return config_wrap(c, s->at, err, "linux.seccomp");
	if (f.n_insns > BPF_MAXINSNS)
		return config_fail(
			c, s->at, err,
			"linux.seccomp: %zu instructions are above the kernel's limit of %d",
			f.n_insns, BPF_MAXINSNS);

	f.flags = s->has_flags ? s->flags : SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	f.notifies = config_notifies(c);
	if (check_flags(c, f.flags, f.notifies, err) < 0)
		return -1;
	f.flags &= ~(uint32_t)SECCOMP_FILTER_FLAG_TSYNC;
	log_debug("seccomp filter flags: %u", f.flags | listener_flag(&f));
	*ret = f;
	return 0;
}

uint32_t filter_verdict(const struct filter *f, int nr, const uint64_t args[6])
{
	struct seccomp_data data = { .nr = nr, .arch = filter_audit_arch(filter_library_native()) };

	memcpy(data.args, args, sizeof(data.args));
	return f->insns ? filter_run(f, &data) : SECCOMP_RET_ALLOW;
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

int filter_load(const struct filter *f, int *ret_listener, struct err *err)
{
	*ret_listener = -1;
	if (!f->insns)
		return 0;

	/* The kernel only reads; its type has no const. */
	const struct sock_fprog program = {
		.len = (unsigned short)f->n_insns,
		.filter = (struct sock_filter *)(uintptr_t)f->insns,
	};
	long rc = call_seccomp(SECCOMP_SET_MODE_FILTER, f->flags | listener_flag(f), &program);
	if (rc < 0)
		return err_sys(err, "load the seccomp filter");
	if (f->notifies)
		*ret_listener = (int)rc;

	return read_mode_back(f, err);
}

int filter_load_unheard(const struct filter *f, struct err *err)
{
	struct filter unheard = *f;
	int none;

	unheard.notifies = false;
	/* Means nothing without. */
	unheard.flags &= ~(uint32_t)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	return filter_load(&unheard, &none, err);
}

const char *const *filter_supported_flags(void)
{
	static const char *names[8];
	size_t n = 0;

	for (const struct name_value *f = oci_seccomp_flags; f->name; f++) {
		if (n + 1 < ARRAY_LEN(names) && kernel_knows((uint32_t)f->value))
			names[n++] = f->name;
	}
	names[n] = NULL;

	return names;
}
