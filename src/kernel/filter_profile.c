/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/audit.h>

#include "base/log.h"
#include "base/str.h"
#include "filter-internal.h"
#include "oci/names.h"

#define WARN_NAMES_MAX 8

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

static int collect_archs(struct filter_profile *p, const struct oci_seccomp *s, struct err *err)
{
	(void)add_arch(p, filter_library_native()); /* always (C-SEC-06); the first one fits */
	for (size_t i = 0; i < s->architectures.n; i++) {
		uint64_t arch;

		/* oci/config has checked the names. */
		if (!names_find(oci_seccomp_archs, s->architectures.v[i], &arch) ||
		    !add_arch(p, (uint32_t)arch))
			return config_fail(p->config, s->at, err,
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

static void add_calls(struct filter_profile *p, const struct json_strings *names,
		      const struct filter_rule *rule)
{
	for (size_t i = 0; i < names->n; i++)
		p->calls[p->n_calls++] = (struct filter_call){ names->v[i], rule };
}

static int collect_calls(struct filter_profile *p, const struct oci_seccomp *s, struct arena *a,
			 struct err *err)
{
	size_t n_rules = 0, n_calls = 0;

	for (size_t i = 0; i < s->n_rules; i++) {
		n_rules += parts_of(&s->rules[i]);
		n_calls += parts_of(&s->rules[i]) * s->rules[i].names.n;
	}
	struct filter_rule *rules = ARENA_NEW(a, struct filter_rule, n_rules);
	p->calls = ARENA_NEW(a, struct filter_call, n_calls);
	if (!rules || !p->calls)
		return err_oom(err);

	for (size_t i = 0; i < s->n_rules; i++) {
		const struct oci_seccomp_rule *r = &s->rules[i];
		const uint32_t action = action_value(r->action, &r->errno_ret);
		const size_t parts = parts_of(r);

		/* C-SEC-17: such a rule would change nothing, and libseccomp refuses it. Its names
		 * are known to the profile all the same. */
		if (action == p->default_action) {
			add_calls(p, &r->names, NULL);
			continue;
		}
		for (size_t part = 0; part < parts; part++, rules++) {
			rules->at = r->at;
			rules->action = action;
			rules->args = r->args + part;
			rules->n_args = parts > 1 ? 1 : r->n_args;
			add_calls(p, &r->names, rules);
		}
	}

	return 0;
}

/* Numbers from arch/x86/entry/syscalls/syscall_32.tbl; calls that have none of their own: 0. */
bool filter_x86_multiplexed(int32_t number, uint32_t *ret_call, uint32_t *ret_n,
			    int32_t *ret_direct)
{
	/* clang-format off */
	static const int16_t socketcalls[] = { /* linux/net.h, SYS_x; direct since kernel 4.3 */
		[1]  = 359 /* socket */,      [2]  = 361 /* bind */,        [3]  = 362 /* connect */,
		[4]  = 363 /* listen */,      [5]  = 0   /* accept */,      [6]  = 367 /* getsockname */,
		[7]  = 368 /* getpeername */, [8]  = 360 /* socketpair */,  [9]  = 0   /* send */,
		[10] = 0   /* recv */,        [11] = 369 /* sendto */,      [12] = 371 /* recvfrom */,
		[13] = 373 /* shutdown */,    [14] = 366 /* setsockopt */,  [15] = 365 /* getsockopt */,
		[16] = 370 /* sendmsg */,     [17] = 372 /* recvmsg */,     [18] = 364 /* accept4 */,
		[19] = 337 /* recvmmsg */,    [20] = 345 /* sendmmsg */,
	};
	static const int16_t ipcs[] = { /* linux/ipc.h; direct since kernel 5.1 */
		[1]  = 0   /* semop */,       [2]  = 393 /* semget */,      [3]  = 394 /* semctl */,
		[4]  = 0   /* semtimedop */,  [11] = 400 /* msgsnd */,      [12] = 401 /* msgrcv */,
		[13] = 399 /* msgget */,      [14] = 402 /* msgctl */,      [21] = 397 /* shmat */,
		[22] = 398 /* shmdt */,       [23] = 395 /* shmget */,      [24] = 396 /* shmctl */,
	};
	/* clang-format on */
	bool is_socketcall = number < -100 && number >= -120;
	bool is_ipc = number < -200 && number >= -224;

	if (!is_socketcall && !is_ipc)
		return false;

	*ret_call = is_socketcall ? 102 : 117;
	*ret_n = (uint32_t)(is_socketcall ? -100 - number : -200 - number);
	int16_t direct = is_socketcall ? socketcalls[*ret_n] : ipcs[*ret_n];
	*ret_direct = direct == 0 ? -1 : direct;
	return true;
}

/* The largest number by which ARCH reaches a call that libseccomp numbers NUMBER. */
static int32_t largest_of(uint32_t arch, int32_t number)
{
	uint32_t call, n;
	int32_t direct;

	if (arch != AUDIT_ARCH_I386 || !filter_x86_multiplexed(number, &call, &n, &direct))
		return number;
	return direct > (int32_t)call ? direct : (int32_t)call;
}

static int collect_numbers(struct filter_profile *p, struct arena *a, struct err *err)
{
	p->numbers = ARENA_NEW(a, int32_t, p->n_calls * p->n_archs);
	if (!p->numbers)
		return err_oom(err);

	for (size_t arch = 0; arch < p->n_archs; arch++) {
		p->newest[arch] = -1;
		for (size_t i = 0; i < p->n_calls; i++) {
			int32_t number = filter_library_number(p->archs[arch], p->calls[i].name);
			int32_t largest = largest_of(p->archs[arch], number);

			p->numbers[i * p->n_archs + arch] = number;
			if (largest > p->newest[arch] &&
			    (uint32_t)largest <= filter_last_number(p->archs[arch]))
				p->newest[arch] = largest;
		}
	}

	return 0;
}

/* C-SEC-07: one warning that lists the first few. */
static void warn_unknown(const struct filter_profile *p)
{
	AUTO_STR list = STR_INIT;
	size_t n = 0;

	for (size_t i = 0; i < p->n_calls; i++) {
		/* What has a number here needs no second look. */
		if (p->numbers[i * p->n_archs] >= 0 || filter_library_knows(p->calls[i].name))
			continue;
		if (n < WARN_NAMES_MAX)
			str_addf(&list, "%s'%s'", n == 0 ? "" : ", ", p->calls[i].name);
		n++;
	}
	if (n > WARN_NAMES_MAX)
		str_addf(&list, " and %zu more", n - WARN_NAMES_MAX);

	const char *text = str_text(&list);
	if (n > 0)
		log_warn(
			"linux.seccomp: libseccomp %s does not know these system calls, skipped: %s",
			filter_library_version(), text ? text : "several");
}

int filter_profile_build(const struct oci_config *c, struct arena *a, struct filter_profile *ret,
			 struct err *err)
{
	const struct oci_seccomp *s = &c->linux_.seccomp;
	struct filter_profile p = {
		.config = c,
		.default_action = action_value(s->default_action, &s->default_errno_ret),
	};

	if (collect_archs(&p, s, err) < 0 || collect_calls(&p, s, a, err) < 0 ||
	    collect_numbers(&p, a, err) < 0)
		return -1;
	warn_unknown(&p);

	*ret = p;
	return 0;
}

bool filter_profile_wants_enosys(const struct filter_profile *p)
{
	return p->default_action == (SECCOMP_RET_ERRNO | EPERM);
}

uint32_t filter_last_number(uint32_t arch)
{
	if (arch == AUDIT_ARCH_X86_64)
		return FILTER_X32_BIT - 1;
	return arch == AUDIT_ARCH_ARM ? FILTER_ARM_PRIVATE - 1 : UINT32_MAX;
}
