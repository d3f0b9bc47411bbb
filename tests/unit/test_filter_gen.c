/* SPDX-License-Identifier: Apache-2.0 */
/* test_filter_gen.c - our seccomp program equals libseccomp's (D-11)
 *
 * Both are made for the same profile and run by the interpreter over architectures x numbers x
 * arguments: the recorded profiles of Docker, podman, containerd and Kubernetes, and random ones.
 * FILTER_GEN_SEED and FILTER_GEN_ROUNDS in the environment make the random part longer or different. */
#include "base_util.h"

#include <inttypes.h>
#include <linux/audit.h>

#include "base/str.h"
#include "kernel/filter-internal.h"
#include "oci/names.h"

/* ---- comparing ------------------------------------------------------------------------------- */

#define MAX_SAMPLES 400
struct samples {
	uint64_t args[MAX_SAMPLES][6];
	size_t n;
};

static uint64_t random_state = 1;

static uint64_t random_u64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static uint64_t pick(const uint64_t *values, size_t n)
{
	return values[random_u64() % n];
}

/* The values around which the profile's conditions change, all of them in each position. */
static void make_samples(const struct oci_seccomp *s, struct samples *out)
{
	static uint64_t values[4096];
	size_t n = 0;

	for (uint64_t i = 0; i < 3; i++)
		values[n++] = i;
	values[n++] = UINT64_MAX;
	values[n++] = UINT32_MAX;
	for (size_t i = 0; i < s->n_rules; i++) {
		for (size_t j = 0; j < s->rules[i].n_args && n + 16 < ARRAY_LEN(values); j++) {
			const struct oci_seccomp_arg *a = &s->rules[i].args[j];
			const uint64_t around[] = { a->value, a->value_two, ~a->value,
						    a->value & a->value_two };

			for (size_t k = 0; k < ARRAY_LEN(around); k++) {
				values[n++] = around[k];
				values[n++] = around[k] - 1;
				values[n++] = around[k] + 1;
				values[n++] = around[k] ^ (UINT64_C(1) << 32);
			}
		}
	}

	out->n = 0;
	for (size_t i = 0; i < n && out->n < MAX_SAMPLES / 2; i++, out->n++) {
		for (size_t k = 0; k < 6; k++)
			out->args[out->n][k] = values[i];
	}
	while (out->n < MAX_SAMPLES) {
		for (size_t k = 0; k < 6; k++)
			out->args[out->n][k] = pick(values, n);
		out->n++;
	}
}

static const uint32_t audit_archs[] = { AUDIT_ARCH_X86_64,  AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64,
					AUDIT_ARCH_ARM,	    AUDIT_ARCH_RISCV64,
					AUDIT_ARCH_S390X,   0 };

static size_t n_compared;

static bool same(const struct filter *a, const struct filter *b, uint32_t arch, uint32_t nr,
		 const uint64_t args[6])
{
	struct seccomp_data data = { .nr = (int)nr, .arch = arch };

	memcpy(data.args, args, sizeof(data.args));
	n_compared++;
	uint32_t x = filter_run(a, &data), y = filter_run(b, &data);
	if (x == y)
		return true;
	print_error("arch %#x nr %#x args %#" PRIx64 " %#" PRIx64 " %#" PRIx64 ": libseccomp %#x, we %#x\n",
		    arch, nr, args[0], args[1], args[2], x, y);
	return false;
}

/* All samples where one of the programs looks at arguments, a few elsewhere. */
static bool same_number(const struct filter *a, const struct filter *b, uint32_t arch, uint32_t nr,
			const struct samples *s, size_t step)
{
	for (size_t i = 0; i < s->n; i += step) {
		if (!same(a, b, arch, nr, s->args[i]))
			return false;
	}
	return true;
}

static bool is_named(const struct filter_profile *p, uint32_t audit, uint32_t nr)
{
	for (size_t arch = 0; arch < p->n_archs; arch++) {
		if (filter_audit_arch(p->archs[arch]) != audit)
			continue;
		/* direct numbers and multiplexers of i386 */
		if (audit == AUDIT_ARCH_I386 && (nr == 102 || nr == 117 || (nr >= 337 && nr <= 402)))
			return true;
		for (size_t i = 0; i < p->n_calls; i++) {
			if (p->numbers[i * p->n_archs + arch] == (int32_t)nr && p->calls[i].rule &&
			    p->calls[i].rule->n_args > 0)
				return true;
		}
	}
	return false;
}

static bool same_programs(const struct filter *a, const struct filter *b,
			  const struct filter_profile *p, const struct samples *s)
{
	static const uint32_t bases[] = { 0, FILTER_X32_BIT, 0xf0000, 0x3ffffc00, 0x7ffffc00,
					  0x80000000, 0xfffffc00 };

	for (size_t i = 0; i < ARRAY_LEN(audit_archs); i++) {
		for (size_t j = 0; j < ARRAY_LEN(bases); j++) {
			/* beyond the numbers of calls the ends of the stretch are enough */
			uint32_t stride = j < 2 || j == 6 ? 1 : 31;

			for (uint32_t k = 0; k < 1024; k += stride) {
				uint32_t nr = bases[j] + k;
				size_t step = is_named(p, audit_archs[i], nr) ? 1 : MAX_SAMPLES / 2;

				if (!same_number(a, b, audit_archs[i], nr, s, step))
					return false;
			}
		}
	}
	return true;
}

/* What the kernel checks before it takes a program (kernel/seccomp.c, net/core/filter.c). */
static bool is_well_formed(const struct filter *f)
{
	for (size_t i = 0; i < f->n_insns; i++) {
		const struct sock_filter *in = &f->insns[i];
		size_t last = i + 1;

		if (BPF_CLASS(in->code) == BPF_RET)
			continue;
		if (BPF_CLASS(in->code) == BPF_JMP)
			last += BPF_OP(in->code) == BPF_JA ? in->k :
				in->jt > in->jf		   ? in->jt :
							     in->jf;
		if (last >= f->n_insns)
			return false;
	}
	return f->n_insns > 0 && f->n_insns <= BPF_MAXINSNS;
}

enum outcome { EQUAL, DIFFERENT, REFUSED, ONLY_OURS, NOT_COVERED };

static enum outcome compare(const struct oci_config *c, size_t *ret_ours, size_t *ret_theirs)
{
	AUTO_ARENA a = ARENA_INIT;
	static struct samples samples;
	struct filter_profile p;
	struct filter theirs = { .insns = NULL }, ours = { .insns = NULL };
	struct err err = ERR_INIT, err2 = ERR_INIT;

	if (filter_profile_build(c, &a, &p, &err) < 0)
		return REFUSED;
	int rc = filter_generate(&p, &a, &ours, &err2);
	int rc2 = filter_build_by_library(&p, &a, &theirs, &err);
	if (rc < 0 && rc2 < 0)
		return REFUSED; /* rules that libseccomp calls contradictory */
	if (rc == 0)
		return NOT_COVERED;
	if (rc2 < 0)
		return ONLY_OURS; /* a contradiction behind a rule that decides everything */
	if (rc < 0) {
		print_error("only we refuse: %s\n", err2.msg);
		return DIFFERENT;
	}
	if (!is_well_formed(&ours)) {
		print_error("our program is not well formed\n");
		return DIFFERENT;
	}
	make_samples(&c->linux_.seccomp, &samples);
	*ret_ours = ours.n_insns;
	*ret_theirs = theirs.n_insns;
	return same_programs(&theirs, &ours, &p, &samples) ? EQUAL : DIFFERENT;
}

/* ---- recorded profiles ----------------------------------------------------------------------- */

static void bundle_is_equal(const char *file)
{
	char path[128], *text = NULL;
	AUTO_ARENA a = ARENA_INIT;
	struct err err = ERR_INIT;
	size_t len = 0, ours = 0, theirs = 0;
	AUTO_CONFIG c = NULL;

	snprintf(path, sizeof(path), "tests/bundles/%s", file);
	FILE *f = fopen(path, "re");
	if (!f) {
		print_message("no '%s' below the working directory\n", path);
		skip();
	}
	text = arena_alloc(&a, 1 << 20, 1);
	assert_non_null(text);
	len = fread(text, 1, 1 << 20, f);
	fclose(f);
	assert_int_equal(config_parse(file, text, len, false, &c, &err), 0);

	n_compared = 0;
	assert_int_equal(compare(c, &ours, &theirs), EQUAL);
	print_message("%s: %zu instructions, libseccomp %zu; %zu points\n", file, ours, theirs,
		      n_compared);
}

static void dockers_profile_is_equal(void **state)
{
	(void)state;
	bundle_is_equal("docker-run-default.json");
}

static void podmans_profile_is_equal(void **state)
{
	(void)state;
	bundle_is_equal("podman-run-default.json");
}

static void containerds_profile_is_equal(void **state)
{
	(void)state;
	bundle_is_equal("ctr-many-options.json");
}

static void the_profile_of_a_pod_is_equal(void **state)
{
	(void)state;
	bundle_is_equal("k8s-sandbox-userns.json");
}

static void a_profile_that_denies_is_equal(void **state)
{
	(void)state;
	bundle_is_equal("k8s-container-hardened.json");
}

/* ---- random profiles ------------------------------------------------------------------------- */

static const char *const some_names[] = {
	"read",	      "write",	   "socket",	 "bind",	"accept",     "accept4",
	"send",	      "recvmsg",   "sendmmsg",	 "socketcall",	"ipc",	      "semop",
	"semget",     "semtimedop", "shmat",	 "msgctl",	"personality", "clone",
	"clone3",     "mmap2",	   "stat64",	 "futex",	"futex_time64", "execve",
	"nosuchcall", "set_tls",   "cacheflush", "arch_prctl",	"umount",     "umount2",
	"getuid32",   "time",	   "openat2",	 "riscv_flush_icache",
};

static const char *const all_archs[] = { "X86_64", "X86", "X32", "AARCH64", "ARM", "RISCV64" };

static const uint64_t some_values[] = { 0,	    1,		2,	     8,
					16,	    40,		0xff,	     0x80000000,
					0xffffffff, 0x100000000, 0x100000001, 0x1ffffffff,
					0x200000001, UINT64_MAX, 0x7e020000 };

/* One and the same most of the time: conditions that lead to one action are what we make ourselves. */
static void add_action(struct str *s, const char *key, const char *errno_key)
{
	static const char *const actions[] = { "ALLOW", "ERRNO", "ERRNO", "ALLOW", "KILL",
					       "KILL_PROCESS", "TRAP", "LOG", "TRACE", "NOTIFY" };
	const bool common = strcmp(key, "action") == 0 && random_u64() % 4 != 0;
	const char *action = common ? "ALLOW" : actions[random_u64() % ARRAY_LEN(actions)];

	str_addf(s, "\"%s\":\"SCMP_ACT_%s\"", key, action);
	if ((strcmp(action, "ERRNO") == 0 || strcmp(action, "TRACE") == 0) && random_u64() % 2)
		str_addf(s, ",\"%s\":%u", errno_key, (unsigned)(random_u64() % 3 * 19));
}

/* Few calls for each profile, so that rules meet. */
#define POOL 5

/* LEVEL 0: no conditions; 1: one for each rule; 2: up to three. */
static void add_rule(struct str *s, unsigned level, const char *const *pool)
{
	const size_t n_names = 1 + random_u64() % 3;
	size_t n_args = level == 0 ? 0 : random_u64() % (level == 1 ? 2 : 4);

	str_add(s, "{\"names\":[");
	for (size_t i = 0; i < n_names; i++)
		str_addf(s, "%s\"%s\"", i > 0 ? "," : "", pool[random_u64() % POOL]);
	str_add(s, "],");
	add_action(s, "action", "errnoRet");
	str_add(s, ",\"args\":[");
	for (size_t i = 0; i < n_args; i++) {
		uint64_t op = random_u64() % names_count(oci_seccomp_ops);

		str_addf(s, "%s{\"index\":%u,\"op\":\"%s\",\"value\":%" PRIu64 ",\"valueTwo\":%" PRIu64 "}",
			 i > 0 ? "," : "", (unsigned)(random_u64() % 3), oci_seccomp_ops[op].name,
			 pick(some_values, ARRAY_LEN(some_values)),
			 pick(some_values, ARRAY_LEN(some_values)));
	}
	str_add(s, "]}");
}

static void add_profile(struct str *s, unsigned level)
{
	const char *pool[POOL];
	size_t n_rules = random_u64() % 12;
	bool first = true;

	for (size_t i = 0; i < POOL; i++)
		pool[i] = some_names[random_u64() % ARRAY_LEN(some_names)];

	str_add(s, "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"r\"},\"linux\":{\"seccomp\":{");
	add_action(s, "defaultAction", "defaultErrnoRet");
	str_add(s, ",\"architectures\":[");
	for (size_t i = 0; i < ARRAY_LEN(all_archs); i++) {
		if (random_u64() % 2)
			continue;
		str_addf(s, "%s\"SCMP_ARCH_%s\"", first ? "" : ",", all_archs[i]);
		first = false;
	}
	str_add(s, "],\"syscalls\":[");
	for (size_t i = 0; i < n_rules; i++) {
		if (i > 0)
			str_add(s, ",");
		add_rule(s, level, pool);
	}
	str_add(s, "]}}}");
}

static uint64_t env_number(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);
	uint64_t v;

	return s && parse_u64(s, &v) == 0 ? v : otherwise;
}

static void random_profiles(unsigned level)
{
	const uint64_t rounds = env_number("FILTER_GEN_ROUNDS", 150);
	size_t seen[5] = { 0 }, ours = 0, theirs = 0;

	random_state = env_number("FILTER_GEN_SEED", 88172645463325252) + level;
	for (uint64_t i = 0; i < rounds; i++) {
		AUTO_STR text = STR_INIT;
		AUTO_CONFIG c = NULL;
		struct err err = ERR_INIT;

		add_profile(&text, level);
		if (config_parse("random", text.s, text.len, false, &c, &err) < 0) {
			print_error("%s\n%s\n", err.msg, text.s);
			fail();
		}
		enum outcome o = compare(c, &ours, &theirs);
		seen[o]++;
		if (o == DIFFERENT)
			print_error("%s\n", text.s);
	}
	print_message("%zu equal, %zu refused by both, %zu by libseccomp, %zu not covered, %zu differ\n",
		      seen[EQUAL], seen[REFUSED], seen[ONLY_OURS], seen[NOT_COVERED],
		      seen[DIFFERENT]);
	assert_int_equal(seen[DIFFERENT], 0);
	assert_true(seen[EQUAL] > rounds / 2);
}

static void random_profiles_without_conditions_are_equal(void **state)
{
	(void)state;
	random_profiles(0);
}

static void random_profiles_with_one_condition_are_equal(void **state)
{
	(void)state;
	random_profiles(1);
}

static void random_profiles_with_many_conditions_are_equal(void **state)
{
	(void)state;
	random_profiles(2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dockers_profile_is_equal),
		cmocka_unit_test(podmans_profile_is_equal),
		cmocka_unit_test(containerds_profile_is_equal),
		cmocka_unit_test(the_profile_of_a_pod_is_equal),
		cmocka_unit_test(a_profile_that_denies_is_equal),
		cmocka_unit_test(random_profiles_without_conditions_are_equal),
		cmocka_unit_test(random_profiles_with_one_condition_are_equal),
		cmocka_unit_test(random_profiles_with_many_conditions_are_equal),
	};

	return cmocka_run_group_tests_name("filter_gen", tests, NULL, NULL);
}
