/* SPDX-License-Identifier: Apache-2.0 */
#include "config_util.h"

#include <dirent.h>
#include <linux/mount.h>
#include <sys/resource.h>
#include <time.h>

#include "oci/names.h"

#define BUNDLES "tests/bundles"
#define VECTORS "tests/spec/schema/test/config"

/* ---- what is read -------------------------------------------------------------------------- */

static void process_is_read(void **state)
{
	static const char more[] =
		"\"terminal\":true,\"consoleSize\":{\"height\":24,\"width\":80},"
		"\"user\":{\"uid\":1000,\"gid\":1001,\"umask\":63,\"additionalGids\":[5,4294967294]},"
		"\"env\":[\"A=b\",\"C=\"],"
		"\"capabilities\":{\"bounding\":[\"CAP_CHOWN\",\"CAP_CHECKPOINT_RESTORE\"],"
		"\"ambient\":[\"CAP_KILL\",\"CAP_FOO\",\"cap_chown\"],\"inheritable\":[\"CAP_FOO\"]},"
		"\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":0,\"hard\":18446744073709551615}],"
		"\"noNewPrivileges\":true,\"oomScoreAdj\":-1000,\"apparmorProfile\":\"\","
		"\"selinuxLabel\":\"\",\"execCPUAffinity\":{\"final\":\"\"}";
	char *text;
	AUTO_CONFIG c = accepted(IN_PROCESS, more, &text);
	const struct oci_process *p = &c->process;
	(void)state;

	assert_true(p->present && p->terminal && p->no_new_privileges);
	assert_int_equal(p->console_height, 24);
	assert_int_equal(p->console_width, 80);
	assert_int_equal(p->user.uid, 1000);
	assert_int_equal(p->user.gid, 1001);
	assert_true(p->user.umask.set && p->user.umask.v == 077);
	assert_int_equal(p->user.n_additional_gids, 2);
	assert_int_equal(p->user.additional_gids[1], 4294967294);
	assert_string_equal(p->env.v[1], "C=");
	assert_null(p->env.v[2]);
	assert_true(p->oom_score_adj.set && p->oom_score_adj.v == -1000);
	assert_int_equal(p->n_rlimits, 1);
	assert_int_equal(p->rlimits[0].resource, RLIMIT_CORE);
	assert_true(p->rlimits[0].soft == 0 && p->rlimits[0].hard == RLIM_INFINITY); /* C-RLIM-05 */
	assert_null(p->apparmor_profile);
	assert_null(p->exec_cpu_final);

	/* C-CAP-02, C-CAP-04, C-CAP-09 */
	assert_true(p->caps.present);
	assert_true(p->caps.bounding == (UINT64_C(1) | UINT64_C(1) << 40));
	assert_true(p->caps.ambient == UINT64_C(1) << 5);
	assert_true(p->caps.effective == 0 && p->caps.inheritable == 0);
	assert_int_equal(p->caps.unknown.n, 2);
	assert_string_equal(p->caps.unknown.v[0], "CAP_FOO");
	assert_string_equal(p->caps.unknown.v[1], "cap_chown");
	free(text);
}

static void absent_and_zero_are_told_apart(void **state)
{
	char *text, *text2;
	AUTO_CONFIG c = accepted(IN_PROCESS, "", &text);
	(void)state;

	assert_false(c->process.oom_score_adj.set); /* C-PROC-14 */
	assert_false(c->process.user.umask.set);
	assert_false(c->process.caps.present);
	assert_true(c->process.caps.bounding == 0); /* C-CAP-03, S-81 */
	assert_false(c->linux_.resources.has_devices);
	assert_null(c->hostname);

	AUTO_CONFIG z = accepted(IN_PROCESS,
				 "\"oomScoreAdj\":0,\"user\":{\"uid\":0,\"gid\":0,"
				 "\"umask\":0}",
				 &text2);
	assert_true(z->process.oom_score_adj.set && z->process.oom_score_adj.v == 0);
	assert_true(z->process.user.umask.set);
	free(text);
	free(text2);
}

/* R-BUND-05, R-BUND-14, R-BUND-17, R-BUND-18, R-BUND-19 */
static void null_is_absent_and_unknown_keys_are_ignored(void **state)
{
	(void)state;

	assert_string_equal(
		verdict_of("{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"}}", true), "");
	assert_string_equal(
		verdict_of("{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\",\"readonly\":null},"
			   "\"process\":null,\"hostname\":null,\"domainname\":null,\"mounts\":null,"
			   "\"linux\":null,\"hooks\":null,\"annotations\":null,\"new\":[{}],"
			   "\"windows\":{\"layerFolders\":5},\"vm\":[],\"solaris\":1,\"zos\":{},"
			   "\"freebsd\":\"\"}",
			   true),
		"");
	assert_string_equal(
		verdict(IN_LINUX,
			"\"namespaces\":null,\"uidMappings\":null,\"gidMappings\":null,"
			"\"timeOffsets\":null,\"devices\":null,\"netDevices\":null,"
			"\"cgroupsPath\":null,\"resources\":null,\"rootfsPropagation\":null,"
			"\"seccomp\":null,\"sysctl\":null,\"maskedPaths\":null,\"readonlyPaths\":null,"
			"\"mountLabel\":null,\"intelRdt\":null,\"memoryPolicy\":null,"
			"\"personality\":null,\"foo\":{\"bar\":[1]}"),
		"");
	assert_string_equal(
		verdict(IN_LINUX,
			"\"resources\":{\"devices\":null,\"pids\":null,\"memory\":null,\"cpu\":null,"
			"\"blockIO\":null,\"hugepageLimits\":null,\"network\":null,\"rdma\":null,"
			"\"unified\":null,\"x\":1}"),
		"");
	assert_string_equal(verdict(IN_PROCESS, "\"user\":null,\"env\":null,\"capabilities\":null,"
						"\"rlimits\":null,\"consoleSize\":null,"
						"\"scheduler\":null,\"ioPriority\":null,"
						"\"execCPUAffinity\":null,\"commandLine\":7"),
			    "");
}

static void namespaces_are_found_by_type(void **state)
{
	char *text;
	AUTO_CONFIG c =
		accepted(IN_LINUX,
			 "\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\","
			 "\"path\":\"/proc/1/ns/net\"},{\"type\":\"time\",\"path\":\"\"},"
			 "{\"type\":\"cgroup\",\"path\":null}],"
			 "\"timeOffsets\":{\"boottime\":{\"secs\":-5,\"nanosecs\":999999999}}",
			 &text);
	(void)state;

	assert_true(config_ns_new(c, OCI_NS_PID));
	assert_true(config_ns_join(c, OCI_NS_NETWORK));
	assert_string_equal(c->linux_.ns[OCI_NS_NETWORK].path, "/proc/1/ns/net");
	assert_true(config_ns_new(c, OCI_NS_TIME)); /* C-NS-07 */
	assert_true(config_ns_new(c, OCI_NS_CGROUP));
	assert_false(c->linux_.ns[OCI_NS_USER].present);
	assert_true(c->linux_.boottime.set && !c->linux_.monotonic.set);
	assert_int_equal(c->linux_.boottime.secs, -5);
	free(text);
}

static void devices_and_rules_have_their_defaults(void **state)
{
	char *text;
	AUTO_CONFIG c = accepted(
		IN_LINUX_NS,
		"\"devices\":[{\"type\":\"u\",\"path\":\"/dev/x\",\"major\":4095,\"minor\":1048575},"
		"{\"type\":\"p\",\"path\":\"/run//fifo\",\"fileMode\":384,\"uid\":7,\"gid\":8},"
		"{\"type\":\"c\",\"path\":\"/dev/x\",\"major\":4095,\"minor\":1048575}],"
		"\"resources\":{\"devices\":[{\"allow\":false},{\"allow\":true,\"type\":\"c\","
		"\"major\":10,\"minor\":-1,\"access\":\"rw\"},{\"allow\":true,\"type\":\"b\","
		"\"access\":\"m\"},{\"allow\":true,\"type\":\"\",\"access\":\"\"}]}",
		&text);
	const struct oci_device *dev = c->linux_.devices;
	const struct oci_device_rule *rule = c->linux_.resources.devices;
	(void)state;

	assert_int_equal(dev[0].type, 'c');
	assert_int_equal(dev[0].mode, 0666); /* C-DEV-06 */
	assert_int_equal(dev[0].minor, 1048575);
	assert_int_equal(dev[1].type, 'p');
	assert_int_equal(dev[1].mode, 0600);
	assert_int_equal(dev[1].uid, 7);

	/* C-CGD-02, C-CGD-03, C-CGD-09 */
	assert_true(!rule[0].allow && rule[0].type == 'a' && rule[0].major == -1 &&
		    rule[0].minor == -1 && rule[0].access == 7);
	assert_true(rule[1].allow && rule[1].type == 'c' && rule[1].major == 10 &&
		    rule[1].minor == -1 && rule[1].access == 6);
	assert_int_equal(rule[2].access, 1);
	assert_true(rule[3].type == 'a' && rule[3].access == 7);
	free(text);
}

static void seccomp_is_read(void **state)
{
	char *text;
	AUTO_CONFIG c = accepted(
		IN_LINUX_NS,
		"\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,"
		"\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X32\"],\"flags\":[],"
		"\"listenerPath\":\"/ignored\",\"syscalls\":[{\"names\":[\"a\",\"nosuchcall\"],"
		"\"action\":\"SCMP_ACT_TRACE\",\"errnoRet\":4095,\"args\":[{\"index\":5,"
		"\"value\":18446744073709551615,\"valueTwo\":1,\"op\":\"SCMP_CMP_MASKED_EQ\"}]}]}",
		&text);
	const struct oci_seccomp *s = &c->linux_.seccomp;
	(void)state;

	assert_true(s->present && s->has_flags && s->flags == 0); /* C-SEC-10 */
	assert_string_equal(oci_seccomp_actions[s->default_action].name, "SCMP_ACT_ERRNO");
	assert_int_equal(s->default_errno_ret.v, 38);
	assert_int_equal(s->architectures.n, 2);
	assert_int_equal(s->rules[0].names.n, 2);
	assert_string_equal(oci_seccomp_actions[s->rules[0].action].name, "SCMP_ACT_TRACE");
	assert_int_equal(s->rules[0].errno_ret.v, 4095);
	assert_true(s->rules[0].args[0].value == UINT64_MAX);
	assert_int_equal(oci_seccomp_ops[s->rules[0].args[0].op].value, 7);
	free(text);
}

static void resources_and_the_rest_are_read(void **state)
{
	char *text;
	AUTO_CONFIG c = accepted(
		IN_LINUX_NS,
		"\"cgroupsPath\":\"a/b\",\"rootfsPropagation\":\"rslave\","
		"\"personality\":{\"domain\":\"LINUX\",\"flags\":[]},"
		"\"maskedPaths\":[\"/proc/kcore\"],\"readonlyPaths\":[],"
		"\"resources\":{\"pids\":{\"limit\":0},\"memory\":{\"limit\":9223372036854775807,"
		"\"swap\":-1,\"disableOOMKiller\":false,\"useHierarchy\":true,\"kernel\":-1},"
		"\"cpu\":{\"shares\":18446744073709551615,\"quota\":-1,\"period\":100000,"
		"\"cpus\":\"0-3,7\",\"mems\":\"\",\"idle\":1,\"realtimePeriod\":0},"
		"\"blockIO\":{\"weight\":0,\"weightDevice\":[]},\"network\":{\"classID\":0},"
		"\"hugepageLimits\":[],\"rdma\":{},\"unified\":{\"memory.high\":\"1\"}}",
		&text);
	const struct oci_resources *r = &c->linux_.resources;
	(void)state;

	assert_string_equal(c->linux_.cgroups_path, "a/b");
	assert_true(c->linux_.rootfs_propagation == (MS_SLAVE | MS_REC)); /* C-PROP-02 */
	assert_true(r->pids_limit.set && r->pids_limit.v == 0);           /* C-PIDS-02 */
	assert_true(r->memory.limit.v == INT64_MAX && r->memory.swap.v == -1);
	assert_true(r->cpu.shares.v == UINT64_MAX); /* C-CPU-03 */
	assert_string_equal(r->cpu.cpus, "0-3,7");
	assert_null(r->cpu.mems);
	assert_string_equal(r->unified.v[0].key, "memory.high");
	assert_int_equal(c->linux_.masked_paths.n, 1);
	free(text);
}

static void hooks_are_read_per_point(void **state)
{
	char *text;
	AUTO_CONFIG c = accepted(
		IN_TOP,
		"\"hooks\":{\"poststop\":[{\"path\":\"/a\"},{\"path\":\"/b\",\"args\":[\"x\",\"y\"],"
		"\"env\":[\"A=1\"],\"timeout\":1}],\"createRuntime\":[],\"prestart\":[{\"path\":"
		"\"/c\"}]},\"annotations\":{\"z\":\"1\",\"a\":\"\"},\"hostname\":\"\","
		"\"domainname\":\"d\"",
		&text);
	(void)state;

	assert_int_equal(c->hooks[HOOK_POSTSTOP].n, 2);
	assert_int_equal(c->hooks[HOOK_PRESTART].n, 1);
	assert_int_equal(c->hooks[HOOK_CREATE_RUNTIME].n, 0);
	assert_string_equal(c->hooks[HOOK_POSTSTOP].v[1].path, "/b");
	assert_int_equal(c->hooks[HOOK_POSTSTOP].v[1].args.n, 2);
	assert_int_equal(c->hooks[HOOK_POSTSTOP].v[1].timeout_s, 1);
	assert_int_equal(c->hooks[HOOK_POSTSTOP].v[0].timeout_s, 0);
	assert_string_equal(c->annotations.v[0].key, "z"); /* document order */
	assert_null(c->hostname);                          /* C-UTS-03 */
	assert_string_equal(c->domainname, "d");
	free(text);
}

/* ---- mount options ------------------------------------------------------------------------- */

struct options_case {
	const char *options; /* comma separated */
	uint64_t set, clear, rset, rclear;
};

/* The options of one mount as config_parse() reads them, without the rules. */
static struct oci_config *read_options(const char *list, char **ret_text)
{
	struct str text = STR_INIT;
	struct err err = ERR_INIT;
	struct oci_config *c = NULL;

	str_add(&text, "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\"},\"mounts\":[{"
		       "\"destination\":\"/a\",\"options\":[");
	for (const char *p = list;;) {
		size_t n = strcspn(p, ",");
		str_addf(&text, "%s\"%.*s\"", p == list ? "" : ",", (int)n, p);
		if (!p[n])
			break;
		p += n + 1;
	}
	str_add(&text, "]}]}");
	*ret_text = text.s;
	if (config_parse("c", text.s, text.len, false, &c, &err) < 0)
		fail_msg("%s: %s", list, err.msg);
	return c;
}

/* C-MOUNT-10, C-MOUNT-13, C-MOUNT-15, C-MOUNT-16, C-MOUNT-21 */
static void attributes_follow_the_last_option(void **state)
{
	enum {
		RO = MOUNT_ATTR_RDONLY,
		EX = MOUNT_ATTR_NOEXEC,
		NO = MOUNT_ATTR_NOATIME,
		ST = MOUNT_ATTR_STRICTATIME,
		AT = MOUNT_ATTR__ATIME,
		DA = MOUNT_ATTR_NODIRATIME
	};
	static const struct options_case cases[] = {
		/* clang-format off */
		{ "",                       0, 0, 0, 0 },
		{ "defaults",               0, 0, 0, 0 },
		{ "ro",                     RO, 0, 0, 0 },
		{ "rw",                     0, RO, 0, 0 },
		{ "ro,rw,noexec,exec",      0, RO | EX, 0, 0 },
		{ "rw,ro",                  RO, 0, 0, 0 },
		{ "nosymfollow",            MOUNT_ATTR_NOSYMFOLLOW, 0, 0, 0 },
		{ "noatime",                NO, AT, 0, 0 },
		{ "noatime,strictatime",    ST, AT, 0, 0 },
		{ "strictatime,noatime",    NO, AT, 0, 0 },
		{ "strictatime,relatime",   0, AT, 0, 0 },
		{ "noatime,atime",          0, AT, 0, 0 },
		{ "atime",                  0, AT, 0, 0 },
		{ "strictatime,atime",      ST, AT, 0, 0 },
		{ "strictatime,nostrictatime", 0, AT, 0, 0 },
		{ "noatime,nostrictatime",  NO, AT, 0, 0 },
		{ "norelatime",             0, 0, 0, 0 },
		{ "noatime,norelatime",     NO, AT, 0, 0 },
		{ "nodiratime,noatime",     NO | DA, AT, 0, 0 },
		{ "noatime,diratime",       NO, AT | DA, 0, 0 },
		{ "rro",                    0, 0, RO, 0 },
		{ "ro,rrw",                 0, 0, 0, RO },
		{ "rrw,ro",                 RO, 0, 0, RO },
		{ "rnoatime,rstrictatime",  0, 0, ST, AT },
		{ "noatime,rrelatime",      0, 0, 0, AT },
		{ "rnosuid,rsuid,rnodev",   0, 0, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID },
		{ "rsymfollow,rnosymfollow", 0, 0, MOUNT_ATTR_NOSYMFOLLOW, 0 },
		/* mount(8): user implies these unless a later option says otherwise */
		{ "user",                   MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | EX, 0, 0, 0 },
		{ "user,exec,dev,suid",     0, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | EX, 0, 0 },
		/* clang-format on */
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *text;
		AUTO_CONFIG c = read_options(cases[i].options, &text);
		const struct oci_mount_options *o = &c->mounts[0].options;

		if (o->attr_set != cases[i].set || o->attr_clear != cases[i].clear ||
		    o->rattr_set != cases[i].rset || o->rattr_clear != cases[i].rclear)
			fail_msg("%s: %lx %lx %lx %lx", cases[i].options, o->attr_set,
				 o->attr_clear, o->rattr_set, o->rattr_clear);
		assert_int_equal(o->n_data + o->n_sb_flags + o->n_propagation, 0);
		free(text);
	}
}

/* C-MOUNT-12, C-MOUNT-14, C-MOUNT-20, C-MOUNT-23, C-MOUNT-24 */
static void other_options_keep_their_order(void **state)
{
	char *text;
	AUTO_CONFIG c = read_options(
		"rbind,,size=64k,silent,shared,rprivate,foo,sync,async,lazytime,nofail,_netdev,"
		"x-systemd.automount,comment=hi,auto,mode=755,context=a=b,iversion,acl,"
		"remount,tmpcopyup,idmap",
		&text);
	const struct oci_mount_options *o = &c->mounts[0].options;
	(void)state;

	assert_true(o->bind && o->recursive && o->remount && o->tmpcopyup && o->idmap &&
		    !o->ridmap);
	assert_int_equal(o->n_propagation, 2);
	assert_true(o->propagation[0] == MS_SHARED);
	assert_true(o->propagation[1] == (MS_PRIVATE | MS_REC));
	assert_int_equal(o->n_sb_flags, 3);
	assert_string_equal(o->sb_flags[0], "sync");
	assert_string_equal(o->sb_flags[1], "async");
	assert_int_equal(o->n_data, 5);
	assert_string_equal(o->data[0].key, "size");
	assert_string_equal(o->data[0].value, "64k");
	assert_string_equal(o->data[1].key, "foo");
	assert_null(o->data[1].value);
	assert_string_equal(o->data[3].key, "context");
	assert_string_equal(o->data[3].value, "a=b");
	assert_string_equal(o->data[4].key, "acl");
	free(text);
}

/* C-MOUNT-31, C-MOUNT-36: recursive or not, the later one says. */
static void later_one_of_idmap_and_ridmap_wins(void **state)
{
	char *text, *other;
	AUTO_CONFIG c = read_options("rbind,idmap,ridmap", &text);
	AUTO_CONFIG d = read_options("rbind,ridmap,idmap", &other);
	(void)state;

	assert_true(!c->mounts[0].options.idmap && c->mounts[0].options.ridmap);
	assert_true(d->mounts[0].options.idmap && !d->mounts[0].options.ridmap);
	free(text);
	free(other);
}

/* C-MOUNT-45, F-06: every name of the table means something else than file system data. */
static void every_option_of_the_table_is_recognised(void **state)
{
	(void)state;

	for (const struct mount_option *o = oci_mount_options; o->name; o++) {
		char *text;
		AUTO_CONFIG c = read_options(o->name, &text);
		assert_int_equal(c->mounts[0].options.n_data, 0);
		free(text);
	}
}

/* ---- what is refused while reading (single values: test_config_values.c) --------------------- */

/* D-03: one run names everything that is wrong, at its place; a rule says nothing about parts that
 * could not be read. */
static void all_errors_are_reported_in_one_go(void **state)
{
	static const char text[] = "{\n\t\"ociVersion\": \"abc\",\n\t\"root\": { \"path\": 7 },\n"
				   "\t\"process\": {\n\t\t\"args\": [],\n\t\t\"cwd\": \"x\",\n"
				   "\t\t\"user\": { \"uid\": 0, \"gid\": 0 }\n\t},\n"
				   "\t\"hostname\": \"h\",\n"
				   "\t\"linux\": { \"namespaces\": [{ \"type\": \"utss\" }],\n"
				   "\t\t\"cgroupsPath\": \"/\" }\n}\n";
	struct err err = ERR_INIT;
	AUTO_CONFIG c = NULL;
	(void)state;

	assert_int_equal(config_parse("config.json", text, strlen(text), true, &c, &err), -1);
	assert_int_equal(err.kind, ERR_CONFIG);
	assert_string_equal(
		err.msg,
		"config.json:3:20: root.path: expected a string, found number 7\n"
		"config.json:10:38: linux.namespaces[0].type: unknown value \"utss\", did you mean "
		"\"uts\"?\n"
		"config.json:2:16: ociVersion: expected a version such as \"1.2.1\", found string "
		"\"abc\"\n"
		"config.json:6:10: process.cwd: expected an absolute path\n"
		"config.json:5:11: process.args: at least one argument is required\n"
		"config.json:11:18: linux.cgroupsPath: is the root of the hierarchy, which no container "
		"may use");
}

/* ---- files --------------------------------------------------------------------------------- */

static int load_in(const char *dir, const char *name, struct err *err)
{
	AUTO_CONFIG c = NULL;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	int r = config_load(fd, name, &c, err);
	close(fd);
	assert_int_equal(r == 0, c != NULL);
	return r;
}

/* Checks all of DIR: ACCEPTED says whether the file must load; if not, REASON must be among what
 * is said about it. */
struct file_case {
	const char *name;
	const char *reason;
};

static void check_files(const char *dir, const struct file_case *refused, size_t n_refused,
			size_t expected)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	size_t n = 0;

	assert_non_null(d);
	while ((e = readdir(d))) {
		const char *reason = NULL;
		struct err err = ERR_INIT;

		if (e->d_name[0] == '.')
			continue;
		n++;
		for (size_t i = 0; i < n_refused; i++) {
			if (strcmp(refused[i].name, e->d_name) == 0)
				reason = refused[i].reason;
		}
		int r = load_in(dir, e->d_name, &err);
		if (reason ? r == 0 || !strstr(err.msg, reason) : r != 0)
			fail_msg("%s: %s", e->d_name, err.msg);
		if (r != 0)
			assert_int_equal(err.kind, ERR_CONFIG);
	}
	closedir(d);
	assert_int_equal(n, expected);
}

/* What engines really send loads. */
static void recorded_configs_of_engines_load(void **state)
{
	(void)state;

	check_files(BUNDLES, NULL, 0, 25);
}

/* Checklist 23: the spec's own vectors. The good ones parse; those for other platforms, or with
 * what this one lacks, are refused later, for these reasons only. */
static void bad_vectors_of_the_spec_are_refused(void **state)
{
	static const struct file_case refused[] = {
		{ "invalid-json.json", ":1:2: syntax error" },
		{ "linux-hugepage.json", "found string \"64kB\"" },
		{ "linux-netdevice.json", "linux.netDevices.eth0.name: expected a string" },
		{ "linux-rdma.json", "hcaHandles: expected an integer from 0 to 4294967295" },
		/* freebsd-vnet-disable.json: an unknown block here, R-BUND-17 */
	};
	(void)state;

	check_files(VECTORS "/bad", refused, ARRAY_LEN(refused), 5);
}

static void good_vectors_of_the_spec_parse(void **state)
{
	static const struct file_case refused[] = {
		{ "linux-netdevice.json", "linux.netDevices: needs a namespace" },
		{ "spec-example.json", "linux.resources.cpu.realtimeRuntime: cgroup v2" },
		{ "zos-example.json", "version \"0.5.0-dev\" is not supported" },
		{ "freebsd-example.json", "mounts: need a new mount namespace" },
	};
	DIR *d = opendir(VECTORS "/good");
	struct dirent *e;
	(void)state;

	check_files(VECTORS "/good", refused, ARRAY_LEN(refused), 9);
	assert_non_null(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		char text[32768];
		struct err err = ERR_INIT;
		AUTO_CONFIG c = NULL;
		int fd = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC);
		ssize_t len = read(fd, text, sizeof(text));

		assert_true(len > 0 && len < (ssize_t)sizeof(text));
		close(fd);
		if (config_parse(e->d_name, text, (size_t)len, false, &c, &err) < 0)
			fail_msg("%s", err.msg);
	}
	closedir(d);
}

/* The list of what the example of the spec is refused for: nothing else may be in it. */
static void example_of_the_spec_is_refused_for_known_reasons(void **state)
{
	static const char *const reasons[] = {
		": ociVersion: version \"0.5.0-dev\"",
		": linux.resources.memory.swappiness: cgroup v2",
		": linux.resources.memory.useHierarchy: cgroup v2",
		": linux.resources.cpu.realtimeRuntime: cgroup v2",
		": linux.resources.cpu.realtimePeriod: cgroup v2",
		": linux.resources.network.classID: cgroup v2",
		": linux.resources.network.priorities: cgroup v2",
		": linux.resources.blockIO.leafWeight: cgroup v2",
		": linux.resources.blockIO.weightDevice[0].leafWeight: cgroup v2",
	};
	struct err err = ERR_INIT;
	size_t lines = 1;
	(void)state;

	assert_int_equal(load_in(VECTORS "/good", "spec-example.json", &err), -1);
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
		if (!strstr(err.msg, reasons[i]))
			fail_msg("'%s' is not in: %s", reasons[i], err.msg);
	}
	for (const char *p = err.msg; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, ARRAY_LEN(reasons));
}

/* S-72, R-BUND-01 */
static void what_is_no_regular_file_is_refused(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;

	assert_int_equal(load_in(s->path, "config.json", &err), -1);
	assert_int_equal(err.sys, ENOENT);
	assert_int_equal(mkdirat(s->fd, "dir", 0700), 0);
	assert_int_equal(load_in(s->path, "dir", &err), -1);
	assert_int_equal(mkfifoat(s->fd, "fifo", 0600), 0);
	assert_int_equal(load_in(s->path, "fifo", &err), -1);
	assert_int_equal(symlinkat("loop", s->fd, "loop"), 0);
	assert_int_equal(load_in(s->path, "loop", &err), -1);
	assert_int_equal(symlinkat("/dev/zero", s->fd, "zero"), 0);
	assert_int_equal(load_in(s->path, "zero", &err), -1);
	write_file_at(s->fd, "config.json", "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"}}");
	assert_int_equal(load_in(s->path, "config.json", &err), 0);
	write_file_at(s->fd, "empty", "");
	assert_int_equal(load_in(s->path, "empty", &err), -1);
	assert_string_equal(err.msg, "empty:1:1: syntax error: the document is empty");
}

/* S-68: each of these in linear time. */
static void large_configs_load_in_linear_time(void **state)
{
	static const struct {
		const char *before, *item, *after;
		unsigned n;
	} cases[] = {
		{ "\"annotations\":{", "\"annotation-%u\":\"v\"", "}", 100000 },
		{ "\"mounts\":[",
		  "{\"destination\":\"/m%u\",\"type\":\"tmpfs\",\"options\":[\"ro\"]}", "]",
		  20000 },
		{ "\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{"
		  "\"action\":\"SCMP_ACT_ERRNO\",\"names\":[",
		  "\"call_%u\"", "]}]}}", 200000 },
		{ "\"linux\":{\"devices\":[",
		  "{\"type\":\"c\",\"path\":\"/dev/d%u\",\"major\":1,\"minor\":3}", "]}", 50000 },
		{ "\"linux\":{\"namespaces\":[{\"type\":\"network\"}],\"sysctl\":{",
		  "\"net.ipv4.conf.if%u.x\":\"1\"", "}}", 50000 },
		{ "\"linux\":{\"namespaces\":[", "{\"type\":\"bad%u\"}", "]}", 100000 },
		{ "\"process\":{\"cwd\":\"/\",\"args\":[\"a\"],\"env\":[", "\"NOVALUE%u\"", "]}",
		  100000 },
	};
	struct timespec from, to;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_STR text = STR_INIT;
		AUTO_CONFIG c = NULL;
		struct err err = ERR_INIT;

		str_addf(&text, "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\"},%s",
			 cases[i].before);
		for (unsigned k = 0; k < cases[i].n; k++) {
			char item[128];
			const char *p = strchr(cases[i].item, '%');
			(void)snprintf(item, sizeof(item), "%.*s%u%s", (int)(p - cases[i].item),
				       cases[i].item, k, p + 2);
			str_addf(&text, "%s%s", k ? "," : "", item);
		}
		str_addf(&text, "%s}", cases[i].after);

		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
		(void)!config_parse("c", str_text(&text), text.len, true, &c, &err);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
		double s = (double)(to.tv_sec - from.tv_sec) +
			   (double)(to.tv_nsec - from.tv_nsec) / 1e9;
		if (s > 2)
			fail_msg("case %zu took %.1f s", i, s);
	}
}

/* ---- messages of later layers -------------------------------------------------------------- */

static void later_failures_name_the_place(void **state)
{
	static const char text[] = "{\"ociVersion\":\"1.0.0\",\n \"root\":{\"path\":\"r\"}}";
	struct err err = ERR_INIT;
	AUTO_CONFIG c = NULL;
	(void)state;

	assert_int_equal(config_parse("config.json", text, strlen(text), true, &c, &err), 0);
	(void)err_set(&err, ERR_SYSTEM, "open '/x': no such entry");
	assert_int_equal(config_wrap(c, c->root_at, &err, "root '%s'", "r"), -1);
	assert_string_equal(err.msg, "root 'r' (config.json:2:9): open '/x': no such entry");
	assert_int_equal(config_fail(c, c->root_at, &err, "bad '%s'", "r"), -1);
	assert_string_equal(err.msg, "config.json:2:9: bad 'r'");
	assert_int_equal(err.kind, ERR_CONFIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(process_is_read),
		cmocka_unit_test(absent_and_zero_are_told_apart),
		cmocka_unit_test(null_is_absent_and_unknown_keys_are_ignored),
		cmocka_unit_test(namespaces_are_found_by_type),
		cmocka_unit_test(devices_and_rules_have_their_defaults),
		cmocka_unit_test(seccomp_is_read),
		cmocka_unit_test(resources_and_the_rest_are_read),
		cmocka_unit_test(hooks_are_read_per_point),
		cmocka_unit_test(attributes_follow_the_last_option),
		cmocka_unit_test(other_options_keep_their_order),
		cmocka_unit_test(later_one_of_idmap_and_ridmap_wins),
		cmocka_unit_test(every_option_of_the_table_is_recognised),
		cmocka_unit_test(all_errors_are_reported_in_one_go),
		cmocka_unit_test(recorded_configs_of_engines_load),
		cmocka_unit_test(bad_vectors_of_the_spec_are_refused),
		cmocka_unit_test(good_vectors_of_the_spec_parse),
		cmocka_unit_test(example_of_the_spec_is_refused_for_known_reasons),
		SCRATCH_TEST(what_is_no_regular_file_is_refused),
		cmocka_unit_test(large_configs_load_in_linear_time),
		cmocka_unit_test(later_failures_name_the_place),
	};

	return cmocka_run_group_tests_name("oci/config", tests, NULL, NULL);
}
