/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "filter-internal.h"
#include "oci/names.h"

static void release(scmp_filter_ctx *ctx)
{
	if (*ctx)
		seccomp_release(*ctx);
}
#define AUTO_CTX AUTO(release) scmp_filter_ctx

/* libseccomp returns negative errno values. */
static int library_fail(int rc, const char *what, struct err *err)
{
	errno = -rc;
	return err_sys(err, "%s (libseccomp)", what);
}

const char *filter_library_version(void)
{
	static char text[3 * 3 * sizeof(unsigned) + sizeof("..")];
	const struct scmp_version *v = seccomp_version();

	(void)snprintf(text, sizeof(text), "%u.%u.%u", v->major, v->minor, v->micro);
	return text;
}

uint32_t filter_library_native(void)
{
	return seccomp_arch_native();
}

uint32_t filter_audit_arch(uint32_t arch)
{
	/* All other tokens are AUDIT_ARCH_x. */
	return arch == SCMP_ARCH_X32 ? AUDIT_ARCH_X86_64 : arch;
}

int32_t filter_library_number(uint32_t arch, const char *name)
{
	return seccomp_syscall_resolve_name_arch(arch, name);
}

bool filter_library_knows(const char *name)
{
	return seccomp_syscall_resolve_name(name) != __NR_SCMP_ERROR;
}

static int add_archs(scmp_filter_ctx ctx, const struct filter_profile *p, struct err *err)
{
	for (size_t i = 0; i < p->n_archs; i++) {
		int rc = seccomp_arch_add(ctx, p->archs[i]);

		if (rc == 0 || rc == -EEXIST)
			continue;
		/* Another byte order, or newer than libseccomp: no process of this kernel can have
		 * it, and the program kills what it does not list. */
		if (rc == -EDOM || rc == -EINVAL) {
			const char *name = names_of(oci_seccomp_archs, p->archs[i]);
			log_warn(
				"linux.seccomp.architectures: '%s' cannot occur on this machine, continuing",
				name ? name : "?");
			continue;
		}
		return library_fail(rc, "add an architecture", err);
	}

	return 0;
}

static int add_call(scmp_filter_ctx ctx, const struct filter_profile *p,
		    const struct filter_call *call, struct err *err)
{
	const struct filter_rule *r = call->rule;
	struct scmp_arg_cmp args[6];

	int number = seccomp_syscall_resolve_name(call->name);
	if (number == __NR_SCMP_ERROR)
		return 0; /* the profile's builder has warned */

	for (size_t i = 0; i < r->n_args; i++) {
		const struct oci_seccomp_arg *from = &r->args[i];

		/* For MASKED_EQ a is the mask and b the datum (C-SEC-16). */
		args[i] = (struct scmp_arg_cmp){
			.arg = from->index,
			.op = (enum scmp_compare)oci_seccomp_ops[from->op].value,
			.datum_a = from->value,
			.datum_b = from->value_two,
		};
	}

	int rc = seccomp_rule_add_array(ctx, r->action, number, (unsigned)r->n_args, args);
	if (rc < 0) {
		(void)library_fail(rc, "add a rule", err);
		return config_wrap(p->config, r->at, err, "linux.seccomp.syscalls '%s'",
				   call->name);
	}

	/* libseccomp 2.5 and 2.6 load the number in front of the first call of an architecture;
	 * where that is one without a number there it is left out with its load, and all
	 * comparisons go wrong (gen_bpf.c, _gen_bpf_syscalls(), acc_reset). A priority, which only
	 * calls with a number take, keeps such calls from being first. It fails for those without;
	 * that is expected. */
	(void)seccomp_syscall_priority(ctx, number, 1);

	return 0;
}

/* The program comes as bytes in a file: seccomp_export_bpf_mem() is not in 2.5. */
static int export(scmp_filter_ctx ctx, struct arena *a, struct filter *ret, struct err *err)
{
	struct stat st;

	AUTO_FD fd = memfd_create("seccomp", MFD_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "make a memory file");

	int rc = seccomp_export_bpf(ctx, fd);
	if (rc < 0)
		return library_fail(rc, "compile the seccomp profile", err);
	if (fstat(fd, &st) < 0)
		return err_sys(err, "examine the compiled seccomp profile");

	size_t n = (size_t)st.st_size / sizeof(struct sock_filter);
	struct sock_filter *insns = ARENA_NEW(a, struct sock_filter, n);
	if (!insns)
		return err_oom(err);
	if (pread(fd, insns, n * sizeof(*insns), 0) != (ssize_t)(n * sizeof(*insns)))
		return err_set(err, ERR_SYSTEM, "short read of the compiled seccomp profile");

	ret->insns = insns;
	ret->n_insns = n;
	return 0;
}

/* TREE: with its binary tree. */
static int make_program(const struct filter_profile *p, bool tree, struct arena *a,
			struct filter *ret, struct err *err)
{
	AUTO_CTX ctx = seccomp_init(p->default_action);
	if (!ctx)
		return err_set(err, ERR_SYSTEM,
			       "libseccomp refuses the default action (does this kernel know it?)");
	if (tree) {
		int rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
		if (rc < 0)
			return library_fail(rc, "choose the binary tree", err);
	}
	if (add_archs(ctx, p, err) < 0)
		return -1;
	for (size_t i = 0; i < p->n_calls; i++) {
		if (p->calls[i].rule && add_call(ctx, p, &p->calls[i], err) < 0)
			return -1;
	}

	return export(ctx, a, ret, err);
}

/* ---- ENOSYS for calls that are newer than the profile ---------------------------------------- */

#define ENOSYS_GROUP 6 /* instructions for one architecture */

/* Calls of ARCH above NEWEST get ENOSYS. Expects the audit architecture in the accumulator and
 * leaves it there for whoever comes next. */
static void add_enosys(struct sock_filter *out, uint32_t arch, uint32_t newest)
{
	const struct sock_filter group[ENOSYS_GROUP] = {
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, filter_audit_arch(arch), 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, newest, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, filter_last_number(arch), 1, 0),
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

	if (!filter_profile_wants_enosys(p))
		return 0;

	struct sock_filter *out =
		ARENA_NEW(a, struct sock_filter, 1 + ENOSYS_GROUP * p->n_archs + f->n_insns);
	if (!out)
		return err_oom(err);

	out[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						offsetof(struct seccomp_data, arch));
	for (size_t i = 0; i < p->n_archs; i++) {
		if (p->newest[i] < 0)
			continue;
		add_enosys(out + n, p->archs[i], (uint32_t)p->newest[i]);
		n += ENOSYS_GROUP;
	}
	memcpy(out + n, f->insns, f->n_insns * sizeof(*out));
	f->insns = out;
	f->n_insns += n;

	return 0;
}

int filter_build_by_library(const struct filter_profile *p, struct arena *a, struct filter *ret,
			    struct err *err)
{
	if (make_program(p, false, a, ret, err) < 0 || prepend_enosys(p, a, ret, err) < 0)
		return -1;
	if (ret->n_insns <= BPF_MAXINSNS)
		return 0;

	/* C-SEC-29 */
	if (make_program(p, true, a, ret, err) < 0)
		return -1;
	return prepend_enosys(p, a, ret, err);
}
