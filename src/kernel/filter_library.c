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

uint32_t filter_native_arch(void)
{
	return seccomp_arch_native();
}

uint32_t filter_audit_arch(uint32_t arch)
{
	/* All other tokens are AUDIT_ARCH_x. */
	return arch == SCMP_ARCH_X32 ? AUDIT_ARCH_X86_64 : arch;
}

bool filter_knows_name(const char *name)
{
	return seccomp_syscall_resolve_name(name) != __NR_SCMP_ERROR;
}

/* i386 has numbers of their own for what once was only reachable through socketcall(2) and ipc(2)
 * (arch/x86/entry/syscalls/syscall_32.tbl, kernel 4.3 and 5.1); libseccomp names the multiplexed
 * ones with negative pseudo numbers, -100 - call and -200 - call. */
static int x86_direct_number(int pseudo)
{
	/* clang-format off */
	static const short socketcalls[] = { /* linux/net.h SYS_x */
		[1] = 359 /* socket */,       [2] = 361 /* bind */,         [3] = 362 /* connect */,
		[4] = 363 /* listen */,       [6] = 367 /* getsockname */,  [7] = 368 /* getpeername */,
		[8] = 360 /* socketpair */,   [11] = 369 /* sendto */,      [12] = 371 /* recvfrom */,
		[13] = 373 /* shutdown */,    [14] = 366 /* setsockopt */,  [15] = 365 /* getsockopt */,
		[16] = 370 /* sendmsg */,     [17] = 372 /* recvmsg */,     [18] = 364 /* accept4 */,
		[19] = 337 /* recvmmsg */,    [20] = 345 /* sendmmsg */,
	};
	static const short ipcs[] = { /* linux/ipc.h SEMGET and so on */
		[2] = 393 /* semget */,  [3] = 394 /* semctl */,
		[11] = 400 /* msgsnd */, [12] = 401 /* msgrcv */, [13] = 399 /* msgget */, [14] = 402 /* msgctl */,
		[21] = 397 /* shmat */,  [22] = 398 /* shmdt */,  [23] = 395 /* shmget */, [24] = 396 /* shmctl */,
	};
	/* clang-format on */
	int socketcall = -100 - pseudo;
	int ipc = -200 - pseudo;

	if (socketcall > 0 && socketcall < (int)ARRAY_LEN(socketcalls) && socketcalls[socketcall])
		return socketcalls[socketcall];
	if (ipc > 0 && ipc < (int)ARRAY_LEN(ipcs) && ipcs[ipc])
		return ipcs[ipc];
	return -1;
}

int filter_number(uint32_t arch, const char *name)
{
	int number = seccomp_syscall_resolve_name_arch(arch, name);

	if (number < 0 && arch == SCMP_ARCH_X86)
		return x86_direct_number(number);
	return number < 0 ? -1 : number;
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

static int add_rule(scmp_filter_ctx ctx, const struct filter_profile *p,
		    const struct filter_rule *r, struct err *err)
{
	struct scmp_arg_cmp args[6];

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

	for (size_t i = 0; i < r->names->n; i++) {
		int number = seccomp_syscall_resolve_name(r->names->v[i]);

		if (number == __NR_SCMP_ERROR)
			continue; /* reported by filter_compile() */

		int rc = seccomp_rule_add_array(ctx, r->action, number, (unsigned)r->n_args, args);
		if (rc < 0) {
			(void)library_fail(rc, "add a rule", err);
			return config_wrap(p->config, r->at, err, "linux.seccomp.syscalls '%s'",
					   r->names->v[i]);
		}
	}

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

int filter_library_build(const struct filter_profile *p, bool tree, struct arena *a,
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
	for (size_t i = 0; i < p->n_rules; i++) {
		if (add_rule(ctx, p, &p->rules[i], err) < 0)
			return -1;
	}

	return export(ctx, a, ret, err);
}
