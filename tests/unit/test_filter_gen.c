/* SPDX-License-Identifier: Apache-2.0 */
/* test_filter_gen.c - our seccomp program equals libseccomp's (D-11)
 *
 * Both are made for the same profile and run by the interpreter over architectures x numbers x
 * arguments: the recorded profiles of Docker, podman, containerd and Kubernetes, and random ones.
 * FILTER_GEN_SEED and FILTER_GEN_ROUNDS in the environment make the random part longer or
 * different. */
#include "base_util.h"

#include <inttypes.h>
#include <linux/audit.h>

#include "base/str.h"
#include "kernel/filter-internal.h"
#include "oci/names.h"

/* ---- arguments ------------------------------------------------------------------------------- */

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

/* ---- the oracle: what the profile says, call by call -------------------------------------------
 */

static bool holds(const struct oci_seccomp_arg *a, bool wide, uint64_t arg)
{
	const uint64_t half = wide ? UINT64_MAX : UINT32_MAX;
	const uint64_t value = a->value & half, datum = a->value_two & half;

	arg &= half;
	switch (oci_seccomp_ops[a->op].value) {
	case 1:
		return arg != value;
	case 2:
		return arg < value;
	case 3:
		return arg <= value;
	case 4:
		return arg == value;
	case 5:
		return arg >= value;
	case 6:
		return arg > value;
	default:
		return (arg & value) == (datum & value);
	}
}

/* A mask of 0 is no condition. N: the call behind a multiplexer, whose first argument it is. */
static bool is_condition(const struct oci_seccomp_arg *a, bool wide, uint32_t n)
{
	const uint64_t half = wide ? UINT64_MAX : UINT32_MAX;

	return !(n != 0 && a->index == 0) &&
	       !(oci_seccomp_ops[a->op].value == 7 && (a->value & half) == 0);
}

/* Whether rule R, for a call with number NUMBER in libseccomp's eyes, is about NR; then N as above.
 */
static bool is_about(uint32_t arch, int32_t number, uint32_t nr, uint32_t *ret_n)
{
	uint32_t multiplexer, n;
	int32_t direct;

	*ret_n = 0;
	if (arch != AUDIT_ARCH_I386 || !filter_x86_multiplexed(number, &multiplexer, &n, &direct))
		return number >= 0 && (uint32_t)number == nr;
	if (nr == multiplexer)
		*ret_n = n;
	return nr == multiplexer || (direct >= 0 && nr == (uint32_t)direct);
}

static bool is_wide(uint32_t arch)
{
	return arch == AUDIT_ARCH_X86_64 || arch == AUDIT_ARCH_AARCH64 ||
	       arch == AUDIT_ARCH_RISCV64;
}

static bool find_arch(const struct filter_profile *p, uint32_t arch, size_t *ret)
{
	for (*ret = 0; *ret < p->n_archs; (*ret)++) {
		if (p->archs[*ret] == arch)
			return true;
	}
	return false;
}

static uint32_t oracle(const struct filter_profile *p, uint32_t audit, uint32_t nr,
		       const uint64_t args[6])
{
	const bool x32 = audit == AUDIT_ARCH_X86_64 && nr >= FILTER_X32_BIT;
	const uint32_t token = x32 ? EM_X86_64 | __AUDIT_ARCH_LE : audit;
	const bool wide = is_wide(token);
	uint32_t answer = p->default_action, n;
	bool answered = false;
	size_t arch;

	if (!find_arch(p, token, &arch))
		return x32 && nr == UINT32_MAX ? p->default_action : SECCOMP_RET_KILL_THREAD;
	if (p->default_action == (SECCOMP_RET_ERRNO | EPERM) && p->newest[arch] >= 0 &&
	    nr > (uint32_t)p->newest[arch] && nr <= filter_last_number(token))
		return SECCOMP_RET_ERRNO | ENOSYS;

	for (size_t i = 0; i < p->n_calls; i++) {
		const struct filter_rule *r = p->calls[i].rule;
		bool conditions = false, all = true;

		if (!r || !is_about(token, p->numbers[i * p->n_archs + arch], nr, &n))
			continue;
		if (n != 0) {
			conditions = true;
			all = (args[0] & UINT32_MAX) == n;
		}
		for (size_t j = 0; j < r->n_args; j++) {
			if (!is_condition(&r->args[j], wide, n))
				continue;
			conditions = true;
			all = all && holds(&r->args[j], wide, args[r->args[j].index]);
		}
		if (!conditions)
			return r->action; /* before and after all others */
		if (all && !answered)
			answer = r->action;
		answered = answered || all;
	}
	return answer;
}

/* ---- comparing ------------------------------------------------------------------------------- */

static const uint32_t audit_archs[] = { AUDIT_ARCH_X86_64,
					AUDIT_ARCH_I386,
					AUDIT_ARCH_AARCH64,
					AUDIT_ARCH_ARM,
					AUDIT_ARCH_RISCV64,
					AUDIT_ARCH_S390X,
					0 };

static size_t n_compared;

struct subject {
	const struct filter_profile *profile;
	const struct filter *ours;
	const struct filter *theirs; /* NULL: the oracle only */
	bool multiplexers;           /* compare those of i386 too */
	struct samples samples;
};

static bool same(const struct subject *s, uint32_t arch, uint32_t nr, const uint64_t args[6])
{
	struct seccomp_data data = { .nr = (int)nr, .arch = arch };

	memcpy(data.args, args, sizeof(data.args));
	n_compared++;
	uint32_t ours = filter_run(s->ours, &data);
	bool multiplexer = arch == AUDIT_ARCH_I386 && (nr == 102 || nr == 117);
	bool skip_theirs = !s->theirs || (multiplexer && !s->multiplexers);
	uint32_t theirs = skip_theirs ? ours : filter_run(s->theirs, &data);
	uint32_t meant = oracle(s->profile, arch, nr, args);
	if (ours == theirs && ours == meant)
		return true;
	print_error("arch %#x nr %#x args %#" PRIx64 " %#" PRIx64 " %#" PRIx64
		    ": the profile says %#x, libseccomp %#x, we %#x\n",
		    arch, nr, args[0], args[1], args[2], meant, theirs, ours);
	return false;
}

/* Numbers that have conditions get all samples, others a few. */
static bool has_conditions(const struct filter_profile *p, uint32_t audit, uint32_t nr)
{
	uint32_t n;

	for (size_t arch = 0; arch < p->n_archs; arch++) {
		if (filter_audit_arch(p->archs[arch]) != audit)
			continue;
		for (size_t i = 0; i < p->n_calls; i++) {
			if (p->calls[i].rule &&
			    is_about(p->archs[arch], p->numbers[i * p->n_archs + arch], nr, &n) &&
			    (n != 0 || p->calls[i].rule->n_args > 0))
				return true;
		}
	}
	return false;
}

static bool same_number(const struct subject *s, uint32_t arch, uint32_t nr)
{
	size_t step = has_conditions(s->profile, arch, nr) ? 1 : MAX_SAMPLES / 2;

	for (size_t i = 0; i < s->samples.n; i += step) {
		if (!same(s, arch, nr, s->samples.args[i]))
			return false;
	}
	return true;
}

static bool same_everywhere(const struct subject *s)
{
	static const struct {
		uint32_t base, stride;
	} stretches[] = { { 0, 1 },           { FILTER_X32_BIT, 1 }, { 0xf0000, 1 },
			  { 0x3ffffc00, 31 }, { 0x7ffffc00, 31 },    { 0x80000000, 31 },
			  { 0xfffffc00, 1 } };

	for (size_t i = 0; i < ARRAY_LEN(audit_archs); i++) {
		for (size_t j = 0; j < ARRAY_LEN(stretches); j++) {
			for (uint32_t k = 0; k < 1024; k += stretches[j].stride) {
				if (!same_number(s, audit_archs[i], stretches[j].base + k))
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
			last += BPF_OP(in->code) == BPF_JA ? in->k
				: in->jt > in->jf          ? in->jt
							   : in->jf;
		if (last >= f->n_insns)
			return false;
	}
	return f->n_insns > 0 && f->n_insns <= BPF_MAXINSNS;
}

enum outcome {
	EQUAL,
	DIFFERENT,
	REFUSED
};

enum with {
	WITH_LIBRARY,
	WITHOUT_MULTIPLEXERS,
	WITH_ORACLE
};

static enum outcome compare(const struct oci_config *c, enum with with, size_t *ret_ours,
			    size_t *ret_theirs)
{
	AUTO_ARENA a = ARENA_INIT;
	static struct subject s;
	struct filter_profile p;
	struct filter theirs = { .insns = NULL }, ours = { .insns = NULL };
	struct err err = ERR_INIT;

	assert_int_equal(filter_profile_build(c, &a, &p, &err), 0);
	assert_int_equal(filter_generate(&p, &a, &ours, &err), 1);
	assert_true(is_well_formed(&ours));
	if (with != WITH_ORACLE && filter_build_by_library(&p, &a, &theirs, &err) < 0)
		return REFUSED; /* what it calls contradictory */

	make_samples(&c->linux_.seccomp, &s.samples);
	s.profile = &p;
	s.ours = &ours;
	s.theirs = with != WITH_ORACLE ? &theirs : NULL;
	s.multiplexers = with == WITH_LIBRARY;
	*ret_ours = ours.n_insns;
	*ret_theirs = theirs.n_insns;
	return same_everywhere(&s) ? EQUAL : DIFFERENT;
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
	assert_int_equal(compare(c, WITH_LIBRARY, &ours, &theirs), EQUAL);
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
	"read",         "write",
	"socket",       "bind",
	"accept",       "accept4",
	"send",         "recvmsg",
	"sendmmsg",     "socketcall",
	"ipc",          "semop",
	"semget",       "semtimedop",
	"shmat",        "msgctl",
	"personality",  "clone",
	"clone3",       "mmap2",
	"stat64",       "futex",
	"futex_time64", "execve",
	"nosuchcall",   "set_tls",
	"cacheflush",   "arch_prctl",
	"umount",       "umount2",
	"getuid32",     "time",
	"openat2",      "riscv_flush_icache",
};

static const char *const all_archs[] = { "X86_64", "X86", "X32", "AARCH64", "ARM", "RISCV64" };

static const uint64_t some_values[] = { 0,           1,           2,           8,
					16,          40,          0xff,        0x80000000,
					0xffffffff,  0x100000000, 0x100000001, 0x1ffffffff,
					0x200000001, UINT64_MAX,  0x7e020000 };

/* libseccomp merges the conditions of all rules for a call into one tree, which is not what the
 * rules say as soon as several of them meet: with comparisons for order, or with more than one
 * condition, it answers too much or too little, and some profiles it never finishes (2.5.4).
 * Compared is what it does well, which does not include conditions beside the call's number of
 * socketcall and ipc; the oracle judges everything. */
enum wildness {
	NO_CONDITIONS,
	ALTERNATIVES, /* any number of rules for a call, each with one equality, all with one action
		       */
	ONE_RULE,     /* one rule for a call, with any conditions */
	ANYTHING,
};

/* Few calls for each profile, so that rules meet. */
#define POOL 5

struct generator {
	enum wildness wildness;
	const char *pool[POOL];
	size_t n_rules;
	size_t common; /* ALTERNATIVES: action of the rules with conditions */
};

static const char *const actions[] = { "ALLOW", "ERRNO", "KILL",  "KILL_PROCESS",
				       "TRAP",  "LOG",   "TRACE", "NOTIFY" };

static void add_action(struct str *s, const char *key, const char *errno_key, size_t action)
{
	str_addf(s, "\"%s\":\"SCMP_ACT_%s\"", key, actions[action]);
	if ((action == 1 || action == 6) && random_u64() % 2)
		str_addf(s, ",\"%s\":%u", errno_key, (unsigned)(random_u64() % 3 * 19));
}

static bool is_equality(const char *op)
{
	return strstr(op, "_EQ") || strstr(op, "_NE");
}

static void add_condition(struct str *s, const struct generator *g, unsigned i)
{
	const size_t n_ops = names_count(oci_seccomp_ops);
	uint64_t op = random_u64() % n_ops;
	unsigned index = g->wildness == ONE_RULE ? i : (unsigned)(random_u64() % 3);

	while (g->wildness == ALTERNATIVES && !is_equality(oci_seccomp_ops[op].name))
		op = random_u64() % n_ops;
	str_addf(s, "{\"index\":%u,\"op\":\"%s\",\"value\":%" PRIu64 ",\"valueTwo\":%" PRIu64 "}",
		 index, oci_seccomp_ops[op].name, pick(some_values, ARRAY_LEN(some_values)),
		 pick(some_values, ARRAY_LEN(some_values)));
}

static void add_names(struct str *s, const struct generator *g)
{
	const size_t n = 1 + random_u64() % 3;

	str_add(s, "{\"names\":[");
	if (g->wildness == ONE_RULE)
		str_addf(s, "\"%s\"", g->pool[g->n_rules % POOL]);
	for (size_t i = 0; i < n && g->wildness != ONE_RULE; i++)
		str_addf(s, "%s\"%s\"", i > 0 ? "," : "", g->pool[random_u64() % POOL]);
	str_add(s, "],");
}

static void add_rule(struct str *s, struct generator *g)
{
	static const unsigned most[] = { 0, 1, 4, 4 };
	unsigned n_args = (unsigned)(random_u64() % (most[g->wildness] + 1));

	if (g->wildness == ONE_RULE && g->n_rules >= POOL)
		n_args = 0;
	add_names(s, g);
	if (n_args > 0 && g->wildness == ALTERNATIVES)
		str_addf(s, "\"action\":\"SCMP_ACT_%s\"", actions[g->common]);
	else
		add_action(s, "action", "errnoRet", random_u64() % ARRAY_LEN(actions));
	str_add(s, ",\"args\":[");
	for (unsigned i = 0; i < n_args; i++) {
		str_add(s, i > 0 ? "," : "");
		add_condition(s, g, i);
	}
	str_add(s, "]}");
	g->n_rules++;
}

static void add_profile(struct str *s, enum wildness wildness)
{
	struct generator g = { .wildness = wildness };
	size_t n_rules = random_u64() % 12;
	bool first = true;

	g.common = random_u64() % ARRAY_LEN(actions);
	/* stretches of the list, so that all are different */
	size_t start = random_u64() % ARRAY_LEN(some_names);
	for (size_t i = 0; i < POOL; i++)
		g.pool[i] = some_names[(start + i * 7) % ARRAY_LEN(some_names)];

	str_add(s, "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"r\"},\"linux\":{\"seccomp\":{");
	add_action(s, "defaultAction", "defaultErrnoRet", random_u64() % ARRAY_LEN(actions));
	str_add(s, ",\"architectures\":[");
	for (size_t i = 0; i < ARRAY_LEN(all_archs); i++) {
		if (random_u64() % 2)
			continue;
		str_addf(s, "%s\"SCMP_ARCH_%s\"", first ? "" : ",", all_archs[i]);
		first = false;
	}
	str_add(s, "],\"syscalls\":[");
	for (size_t i = 0; i < n_rules; i++) {
		str_add(s, i > 0 ? "," : "");
		add_rule(s, &g);
	}
	str_add(s, "]}}}");
}

static uint64_t env_number(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);
	uint64_t v;

	return s && parse_u64(s, &v) == 0 ? v : otherwise;
}

static void random_profiles(enum wildness wildness)
{
	static const enum with with[] = { WITH_LIBRARY, WITHOUT_MULTIPLEXERS, WITHOUT_MULTIPLEXERS,
					  WITH_ORACLE };
	const uint64_t rounds = env_number("FILTER_GEN_ROUNDS", 150);
	size_t seen[3] = { 0 }, ours = 0, theirs = 0;

	random_state = env_number("FILTER_GEN_SEED", 88172645463325252) + wildness;
	for (uint64_t i = 0; i < rounds; i++) {
		AUTO_STR text = STR_INIT;
		AUTO_CONFIG c = NULL;
		struct err err = ERR_INIT;

		add_profile(&text, wildness);
		if (config_parse("random", text.s, text.len, false, &c, &err) < 0) {
			print_error("%s\n%s\n", err.msg, text.s);
			fail();
		}
		alarm(60);
		enum outcome o = compare(c, with[wildness], &ours, &theirs);
		alarm(0);
		seen[o]++;
		if (o == DIFFERENT)
			print_error("%s\n", text.s);
	}
	print_message("%zu equal, %zu refused by libseccomp, %zu differ\n", seen[EQUAL],
		      seen[REFUSED], seen[DIFFERENT]);
	assert_int_equal(seen[DIFFERENT], 0);
	assert_true(seen[EQUAL] > rounds / 2);
}

static void random_profiles_without_conditions_are_equal(void **state)
{
	(void)state;
	random_profiles(NO_CONDITIONS);
}

static void random_profiles_with_alternatives_are_equal(void **state)
{
	(void)state;
	random_profiles(ALTERNATIVES);
}

static void random_profiles_with_one_rule_for_a_call_are_equal(void **state)
{
	(void)state;
	random_profiles(ONE_RULE);
}

/* C-SEC-18: the order of the profile, without libseccomp. */
static void contradictory_profiles_keep_their_order(void **state)
{
	(void)state;
	random_profiles(ANYTHING);
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
		cmocka_unit_test(random_profiles_with_alternatives_are_equal),
		cmocka_unit_test(random_profiles_with_one_rule_for_a_call_are_equal),
		cmocka_unit_test(contradictory_profiles_keep_their_order),
	};

	return cmocka_run_group_tests_name("filter_gen", tests, NULL, NULL);
}
