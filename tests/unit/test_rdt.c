/* SPDX-License-Identifier: Apache-2.0 */
/* test_rdt.c - kernel/rdt
 *
 * No machine for tests has resctrl, so a directory plays its part. What the kernel does by itself
 * is done by the functions that stand in for the system calls: a new directory is born with its
 * files, goes with all of them, and a write to schemata changes whole lines.
 *
 * wrap: mkdirat unlinkat write
 */
#include "config_util.h"

#include <sys/vfs.h>

#include "base/fd.h"
#include "kernel/rdt-internal.h"
#include "kernel/rdt.h"

int __real_mkdirat(int dirfd, const char *name, mode_t mode);
int __real_unlinkat(int dirfd, const char *name, int flags);
ssize_t __real_write(int fd, const void *buf, size_t len);
int __wrap_mkdirat(int dirfd, const char *name, mode_t mode);
int __wrap_unlinkat(int dirfd, const char *name, int flags);
ssize_t __wrap_write(int fd, const void *buf, size_t len);

/* ---- the kernel's part --------------------------------------------------------------------- */

#define DEFAULT_SCHEMATA "    L3:0=fffff;1=fffff\n    MB:0=100;1=100\n"

static struct {
	bool plays;
	char log[4096];   /* what was done, in order */
	int refuse_mkdir; /* errno of the mkdir number REFUSE_AT, counted from 1 */
	int refuse_at, made;
	int refuse_write;     /* errno of writes to schemata */
	const char *becomes;  /* what schemata has after a write, NULL: what was written */
	const char *stranger; /* somebody else makes this directory just before we do */
} kernel;

static void note(const char *fmt, ...) PRINTF_LIKE(1, 2);
static void note(const char *fmt, ...)
{
	size_t len = strlen(kernel.log);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(kernel.log + len, sizeof(kernel.log) - len, fmt, ap);
	va_end(ap);
}

/* Path of FD from the last component named "rdt" on: "rdt/web/tasks". */
static const char *name_of(int fd)
{
	static char path[512];
	char link[32];

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	assert_true(n > 0);
	path[n] = '\0';
	char *from = strstr(path, "/rdt");
	return from ? from + strlen("/rdt") : path;
}

static void populate(int dir)
{
	write_file_at(dir, "tasks", "");
	write_file_at(dir, "schemata", DEFAULT_SCHEMATA);
	assert_int_equal(__real_mkdirat(dir, "mon_groups", 0755), 0);
}

int __wrap_mkdirat(int dirfd, const char *name, mode_t mode)
{
	if (!kernel.plays)
		return __real_mkdirat(dirfd, name, mode);
	if (++kernel.made == kernel.refuse_at) {
		errno = kernel.refuse_mkdir;
		return -1;
	}
	if (kernel.stranger && strcmp(kernel.stranger, name) == 0) {
		kernel.stranger = NULL;
		assert_int_equal(__wrap_mkdirat(dirfd, name, mode), 0);
	}
	int rc = __real_mkdirat(dirfd, name, mode);
	if (rc == 0) {
		kernel.plays = false;
		AUTO_FD dir = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		populate(dir);
		kernel.plays = true;
		note("mkdir %s/%s\n", name_of(dirfd), name);
	}
	return rc;
}

int __wrap_unlinkat(int dirfd, const char *name, int flags)
{
	if (!kernel.plays || flags != AT_REMOVEDIR)
		return __real_unlinkat(dirfd, name, flags);
	char path[600];
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dirfd, name);
	kernel.plays = false;
	int rc = nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	kernel.plays = true;
	note("rmdir %s/%s\n", name_of(dirfd), name);
	return rc;
}

ssize_t __wrap_write(int fd, const void *buf, size_t len)
{
	if (!kernel.plays)
		return __real_write(fd, buf, len);
	const char *name = name_of(fd);
	bool is_schemata = strstr(name, "/schemata");
	note("%s <- %.*s\n", name, (int)len, (const char *)buf);
	if (is_schemata && kernel.refuse_write) {
		errno = kernel.refuse_write;
		return -1;
	}
	assert_int_equal(ftruncate(fd, 0), 0);
	if (is_schemata && kernel.becomes)
		(void)!__real_write(fd, kernel.becomes, strlen(kernel.becomes));
	else
		(void)!__real_write(fd, buf, len);
	return (ssize_t)len;
}

/* ---- tools --------------------------------------------------------------------------------- */

struct lab {
	int root;
	char *text;
	struct oci_config *config;
	struct arena arena;
	struct rdt_plan plan;
	struct rdt_group group;
	struct err err;
};

/* A resctrl with a class "gold" of an administrator. */
static int make_root(struct scratch *s)
{
	assert_int_equal(mkdirat(s->fd, "rdt", 0755), 0);
	int root = openat(s->fd, "rdt", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(root >= 0);
	populate(root);
	assert_int_equal(mkdirat(root, "info", 0755), 0);
	assert_int_equal(mkdirat(root, "info/MB", 0755), 0);
	write_file_at(root, "info/MB/bandwidth_gran", "10\n");
	write_file_at(root, "info/last_cmd_status", "ok\n");
	assert_int_equal(mkdirat(root, "gold", 0755), 0);
	AUTO_FD gold = openat(root, "gold", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	populate(gold);
	return root;
}

static struct lab *begin(struct scratch *s, const char *members)
{
	static struct lab l;
	AUTO_STR more = STR_INIT;

	memset(&kernel, 0, sizeof(kernel));
	l = (struct lab){ .plan = RDT_PLAN_INIT };
	l.root = make_root(s);
	str_addf(&more, "\"intelRdt\":{%s}", members);
	l.config = accepted(IN_LINUX, str_text(&more), &l.text);
	kernel.plays = true;
	return &l;
}

static void end(struct lab *l)
{
	kernel.plays = false;
	rdt_plan_done(&l->plan);
	arena_done(&l->arena);
	config_free(&l->config);
	free(l->text);
	fd_close(&l->root);
}

static int plan(struct lab *l)
{
	rdt_plan_done(&l->plan);
	int rc = rdt_plan_build_at(fcntl(l->root, F_DUPFD_CLOEXEC, 3), l->config, "web", &l->arena,
				   &l->plan, &l->err);

	if (rc == 0)
		l->group = rdt_planned(&l->plan);
	/* The plan changes nothing. */
	assert_string_equal(kernel.log, "");
	return rc;
}

static int apply(struct lab *l)
{
	return rdt_apply(&l->plan, 4321, &l->group, &l->err);
}

static bool exists(const struct lab *l, const char *name)
{
	return faccessat(l->root, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

#define assert_ok(call, l)                                                                         \
	do {                                                                                       \
		if ((call) != 0)                                                                   \
			fail_msg("%s: %s", #call, (l)->err.msg);                                   \
	} while (0)

static void assert_refused(struct lab *l, const char *part)
{
	assert_int_equal(plan(l), -1);
	assert_int_equal(l->plan.root, -1);
	if (!strstr(l->err.msg, part) || !strstr(l->err.msg, "linux.intelRdt (c:1:"))
		fail_msg("'%s' has no '%s', or no position", l->err.msg, part);
}

/* ---- the life of a class ------------------------------------------------------------------- */

/* C-RDT-01, C-RDT-03, C-RDT-11 */
static void class_of_the_container_is_made_and_removed(void **state)
{
	struct lab *l = begin(*state, "");

	assert_ok(plan(l), l);
	assert_string_equal(l->group.clos, "web");
	assert_true(l->group.clos_made && !l->group.keep);
	assert_ok(apply(l), l);
	/* No schemata were asked for, so none are written. */
	assert_string_equal(kernel.log, "mkdir /web\n/web/tasks <- 4321\n");
	assert_true(l->group.clos_inode != 0);
	kernel.log[0] = '\0';
	assert_ok(rdt_remove(l->root, &l->group, false, &l->err), l);
	assert_string_equal(kernel.log, "rmdir /web\n");
	assert_ok(rdt_remove(l->root, &l->group, false, &l->err), l); /* again */
	assert_true(exists(l, "gold"));
	end(l);
}

/* C-RDT-07, C-RDT-05: one write in the order of the fields, then the process */
static void schemata_are_written_in_order(void **state)
{
	struct lab *l = begin(
		*state, "\"schemata\":[\"L2:0=3\",\"SMBA:0=50\"],\"memBwSchema\":\"MB:0=20;1=70\","
			"\"l3CacheSchema\":\"L3:0=f;1=f0\",\"closID\":\"blue\"");

	assert_ok(plan(l), l);
	assert_ok(apply(l), l);
	assert_string_equal(kernel.log,
			    "mkdir /blue\n"
			    "/blue/schemata <- L3:0=f;1=f0\nMB:0=20;1=70\nL2:0=3\nSMBA:0=50\n\n"
			    "/blue/tasks <- 4321\n");
	end(l);
}

/* C-RDT-13: a class with a given name stays, whoever made it */
static void class_with_a_given_name_stays(void **state)
{
	struct lab *l = begin(*state, "\"closID\":\"blue\",\"l3CacheSchema\":\"L3:0=f\"");

	assert_ok(plan(l), l);
	assert_ok(apply(l), l);
	assert_true(l->group.clos_made && l->group.keep);
	assert_ok(rdt_remove(l->root, &l->group, false, &l->err), l);
	assert_true(exists(l, "blue"));
	end(l);
}

/* I-25: but nothing of a create that failed */
static void unfinished_create_leaves_no_class(void **state)
{
	struct lab *l = begin(*state, "\"closID\":\"blue\",\"l3CacheSchema\":\"L3:0=f\"");

	assert_ok(plan(l), l);
	assert_ok(apply(l), l);
	write_file_at(l->root, "blue/tasks", "99\n"); /* another container came in between */
	assert_ok(rdt_remove(l->root, &l->group, true, &l->err), l);
	assert_true(exists(l, "blue"));
	kernel.plays = false;
	close(openat(l->root, "blue/tasks", O_WRONLY | O_TRUNC | O_CLOEXEC));
	kernel.plays = true;
	assert_ok(rdt_remove(l->root, &l->group, true, &l->err), l);
	assert_false(exists(l, "blue"));
	end(l);
}

/* C-RDT-06, C-RDT-11, C-RDT-13 */
static void prepared_class_is_used_as_it_is(void **state)
{
	struct lab *l = begin(*state, "\"closID\":\"gold\"");

	assert_ok(plan(l), l);
	assert_ok(apply(l), l);
	assert_string_equal(kernel.log, "/gold/tasks <- 4321\n");
	assert_false(l->group.clos_made);
	assert_ok(rdt_remove(l->root, &l->group, true, &l->err), l);
	assert_true(exists(l, "gold"));
	end(l);
}

/* C-RDT-06 */
static void missing_class_without_schema_is_refused(void **state)
{
	struct lab *l = begin(*state, "\"closID\":\"silver\"");

	assert_refused(l, "resctrl has no class of service 'silver'");
	end(l);
}

/* C-RDT-04 */
static void slash_is_the_root_class(void **state)
{
	struct lab *l = begin(*state, "\"closID\":\"/\",\"memBwSchema\":\"MB:0=100\"");

	assert_ok(plan(l), l);
	assert_ok(apply(l), l);
	assert_string_equal(kernel.log, "/tasks <- 4321\n");
	assert_ok(rdt_remove(l->root, &l->group, true, &l->err), l);
	assert_string_equal(kernel.log, "/tasks <- 4321\n");
	end(l);
}

/* C-RDT-05 */
static void existing_class_must_have_the_same_schemata(void **state)
{
	static const struct {
		const char *members, *failure;
	} cases[] = {
		/* clang-format off */
		{ "\"l3CacheSchema\":\"L3:0=fffff;1=fffff\"", "" },
		{ "\"l3CacheSchema\":\"L3: 1 = 0xFFFFF ;\"", "" },
		{ "\"l3CacheSchema\":\"L3:0=0fffff\",\"memBwSchema\":\"MB:1=100\"", "" },
		{ "\"memBwSchema\":\"MB:0=95\"", "" }, /* the kernel makes 100 of it */
		{ "\"memBwSchema\":\"MB:0=90\"", "the class has 'MB:0=100', not '0=90'" },
		{ "\"memBwSchema\":\"MB:0=101\"", "the class has 'MB:0=100', not '0=101'" },
		{ "\"l3CacheSchema\":\"L3:0=ffff\"", "the class has 'L3:0=fffff', not '0=ffff'" },
		{ "\"l3CacheSchema\":\"L3:0=ffff5\"", "the class has 'L3:0=fffff', not '0=ffff5'" },
		{ "\"l3CacheSchema\":\"L3:0=fffff;2=1\"", "resource 'L3' has no domain '2=1'" },
		{ "\"l3CacheSchema\":\"L3:0\"", "the class has 'L3:0=fffff', not '0'" },
		{ "\"schemata\":[\"MB:0=100\",\"L3:0=fffff\"]", "" },
		{ "\"schemata\":[\"L2:0=1\"]", "the class has no resource 'L2:0=1'" },
		{ "\"schemata\":[\"L3:0=fffff\",\"MB:0=20\"]", "the class has 'MB:0=100'" },
		/* clang-format on */
	};
	struct scratch *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_STR members = STR_INIT;
		str_addf(&members, "\"closID\":\"gold\",%s", cases[i].members);
		struct lab *l = begin(s, str_text(&members));
		if (!*cases[i].failure) {
			assert_ok(plan(l), l);
			assert_ok(apply(l), l);
			assert_string_equal(kernel.log, "/gold/tasks <- 4321\n");
		} else {
			assert_refused(l, cases[i].failure);
		}
		end(l);
		assert_int_equal(nftw(s->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
		assert_int_equal(mkdir(s->path, 0700), 0);
		close(s->fd);
		s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
}

/* C-RDT-05: two containers begin with the same closID at the same time */
static void class_that_appears_meanwhile_is_compared(void **state)
{
	struct lab *l = begin(*state, "\"closID\":\"blue\",\"l3CacheSchema\":\"L3:0=f\"");

	assert_ok(plan(l), l);
	kernel.stranger = "blue";
	assert_int_equal(apply(l), -1);
	assert_non_null(strstr(l->err.msg, "the class has 'L3:0=fffff', not '0=f'"));
	assert_false(l->group.clos_made);
	assert_ok(rdt_remove(l->root, &l->group, true, &l->err), l);
	assert_true(exists(l, "blue"));
	end(l);
}

/* C-RDT-03, C-RDT-13: the id of the container as the name of something of others */
static void class_of_others_with_our_name_is_not_taken(void **state)
{
	struct lab *l = begin(*state, "");

	assert_ok(plan(l), l);
	kernel.stranger = "web";
	assert_int_equal(apply(l), -1);
	assert_ok(rdt_remove(l->root, &l->group, true, &l->err), l);
	assert_true(exists(l, "web"));
	kernel.log[0] = '\0';
	assert_refused(l, "has a class of service 'web' already");
	end(l);
}

static void directories_that_are_no_class_are_refused(void **state)
{
	struct lab *l = begin(*state, "\"closID\":\"info\"");

	assert_refused(l, "'info' is no class of service");
	end(l);
}

static void links_are_not_followed(void **state)
{
	struct lab *l = begin(*state, "\"closID\":\"link\"");

	assert_int_equal(symlinkat("gold", l->root, "link"), 0);
	assert_refused(l, "open class of service 'link'");
	end(l);
}

/* ---- the kernel refuses -------------------------------------------------------------------- */

/* C-RDT-05, C-RDT-07 */
static void refused_schemata_are_explained_and_undone(void **state)
{
	struct lab *l = begin(*state, "\"l3CacheSchema\":\"L3:0=5\"");

	assert_ok(plan(l), l);
	kernel.plays = false;
	write_file_at(l->root, "info/last_cmd_status", "The mask 5 has non-consecutive 1-bits\n");
	kernel.plays = true;
	kernel.refuse_write = EINVAL;
	assert_int_equal(apply(l), -1);
	assert_non_null(strstr(l->err.msg, "(The mask 5 has non-consecutive 1-bits)"));
	assert_ok(rdt_remove(l->root, &l->group, true, &l->err), l);
	assert_false(exists(l, "web"));
	assert_null(strstr(kernel.log, "tasks"));
	end(l);
}

/* I-10 */
static void schemata_are_read_back(void **state)
{
	struct lab *l = begin(*state, "\"l3CacheSchema\":\"L3:0=f\"");

	assert_ok(plan(l), l);
	kernel.becomes = DEFAULT_SCHEMATA;
	assert_int_equal(apply(l), -1);
	assert_non_null(strstr(l->err.msg, "the class has 'L3:0=fffff', not '0=f'"));
	end(l);
}

static void rounded_bandwidth_is_what_was_asked_for(void **state)
{
	struct lab *l = begin(*state, "\"memBwSchema\":\"MB:0=25\"");

	assert_ok(plan(l), l);
	kernel.becomes = "    L3:0=fffff;1=fffff\n    MB:0= 30;1=100\n";
	assert_ok(apply(l), l);
	end(l);
}

static void full_processor_is_a_failure(void **state)
{
	for (int n = 1; n <= 2; n++) {
		struct scratch *s = *state;
		struct lab *l = begin(s, "\"enableMonitoring\":true");
		assert_ok(plan(l), l);
		kernel.refuse_at = n;
		kernel.refuse_mkdir = ENOSPC;
		assert_int_equal(apply(l), -1);
		assert_non_null(strstr(l->err.msg, n == 1 ? "make class of service 'web'"
							  : "make monitoring group 'web'"));
		assert_ok(rdt_remove(l->root, &l->group, true, &l->err), l);
		assert_false(exists(l, "web"));
		end(l);
		char path[128];
		(void)snprintf(path, sizeof(path), "%s/rdt", s->path);
		assert_int_equal(nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
	}
}

/* ---- monitoring ---------------------------------------------------------------------------- */

/* C-RDT-12 */
static void monitoring_group_is_made_in_the_class_and_removed(void **state)
{
	struct lab *l = begin(*state, "\"closID\":\"gold\",\"enableMonitoring\":true");

	assert_ok(plan(l), l);
	assert_ok(apply(l), l);
	assert_string_equal(kernel.log, "mkdir /gold/mon_groups/web\n/gold/tasks <- 4321\n"
					"/gold/mon_groups/web/tasks <- 4321\n");
	kernel.log[0] = '\0';
	assert_ok(rdt_join(l->root, &l->group, 77, &l->err), l); /* what exec does */
	assert_string_equal(kernel.log, "/gold/tasks <- 77\n/gold/mon_groups/web/tasks <- 77\n");
	kernel.log[0] = '\0';
	assert_ok(rdt_remove(l->root, &l->group, false, &l->err), l);
	assert_string_equal(kernel.log, "rmdir /gold/mon_groups/web\n");
	end(l);
}

/* C-RDT-12, C-RDT-04 */
static void root_class_can_be_monitored(void **state)
{
	struct lab *l = begin(*state, "\"closID\":\"/\",\"enableMonitoring\":true");

	assert_ok(plan(l), l);
	assert_ok(apply(l), l);
	assert_true(exists(l, "mon_groups/web"));
	assert_ok(rdt_remove(l->root, &l->group, false, &l->err), l);
	assert_false(exists(l, "mon_groups/web"));
	end(l);
}

/* C-RDT-12: an error, not silently shared with others; C-RDT-13 */
static void monitoring_group_of_others_is_not_taken(void **state)
{
	struct lab *l = begin(*state, "\"closID\":\"gold\",\"enableMonitoring\":true");

	assert_ok(plan(l), l);
	kernel.stranger = "web";
	assert_int_equal(apply(l), -1);
	assert_ok(rdt_remove(l->root, &l->group, true, &l->err), l);
	assert_true(exists(l, "gold/mon_groups/web"));
	kernel.log[0] = '\0';
	assert_refused(l, "has a monitoring group 'web' already");
	end(l);
}

/* C-RDT-12 */
static void resctrl_without_monitoring_is_refused(void **state)
{
	struct lab *l = begin(*state, "\"enableMonitoring\":true");

	kernel.plays = false;
	assert_int_equal(unlinkat(l->root, "mon_groups", AT_REMOVEDIR), 0);
	kernel.plays = true;
	assert_refused(l, "enableMonitoring: the resctrl of this host has no monitoring groups");
	end(l);
}

/* ---- removing ------------------------------------------------------------------------------ */

/* C-RDT-13: another directory with the same name is not what was made */
static void only_what_was_made_is_removed(void **state)
{
	struct lab *l = begin(*state, "\"enableMonitoring\":true");

	assert_ok(plan(l), l);
	assert_ok(apply(l), l);
	struct rdt_group other = l->group;
	other.clos_inode++;
	other.monitor_inode++;
	assert_ok(rdt_remove(l->root, &other, true, &l->err), l);
	assert_true(exists(l, "web/mon_groups/web"));
	other = l->group;
	other.clos_made = false;
	other.monitor = NULL;
	assert_ok(rdt_remove(l->root, &other, true, &l->err), l);
	assert_true(exists(l, "web/mon_groups/web"));
	other = (struct rdt_group){ .clos = NULL, .clos_made = true };
	assert_ok(rdt_remove(l->root, &other, true, &l->err), l);
	end(l);
}

/* S-79: a create that was killed between mkdir and its next record */
static void killed_create_is_cleaned_up_unless_others_moved_in(void **state)
{
	struct lab *l = begin(*state, "\"enableMonitoring\":true");

	assert_ok(plan(l), l);
	struct rdt_group record = l->group;
	assert_ok(rdt_remove(l->root, &record, true, &l->err), l); /* nothing was made */
	assert_ok(apply(l), l);
	assert_ok(rdt_remove(l->root, &record, true, &l->err), l);
	assert_true(exists(l, "web")); /* pid 4321 is in it */
	kernel.plays = false;
	close(openat(l->root, "web/tasks", O_WRONLY | O_TRUNC | O_CLOEXEC));
	close(openat(l->root, "web/mon_groups/web/tasks", O_WRONLY | O_TRUNC | O_CLOEXEC));
	kernel.plays = true;
	assert_ok(rdt_remove(l->root, &record, true, &l->err), l);
	assert_false(exists(l, "web"));
	end(l);
}

/* ---- no resctrl ---------------------------------------------------------------------------- */

/* C-RDT-01, C-RDT-02 */
static void config_decides_whether_resctrl_is_looked_for(void **state)
{
	struct lab *l = begin(*state, "\"closID\":\"gold\"");
	struct rdt_plan p = RDT_PLAN_INIT;
	int root = -1;

	int rc = rdt_open(&root, &l->err);
	fd_close(&root);
	l->config->linux_.intel_rdt.present = false;
	assert_ok(rdt_plan_build(l->config, "web", &l->arena, &p, &l->err), l);
	assert_int_equal(p.root, -1);
	struct rdt_group g = rdt_planned(&p);
	assert_null(g.clos);
	assert_ok(rdt_apply(&p, 4321, &g, &l->err), l);
	assert_ok(rdt_join(-1, &g, 4321, &l->err), l);
	assert_ok(rdt_remove(-1, &g, true, &l->err), l);
	assert_string_equal(kernel.log, "");
	l->config->linux_.intel_rdt.present = true;
	if (rc == 0) {
		assert_int_equal(rdt_plan_build(l->config, "web", &l->arena, &p, &l->err), -1);
		assert_non_null(strstr(l->err.msg, "c:1:"));
		assert_non_null(strstr(l->err.msg, "no resctrl file system mounted"));
	}
	end(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(class_of_the_container_is_made_and_removed),
		SCRATCH_TEST(class_with_a_given_name_stays),
		SCRATCH_TEST(unfinished_create_leaves_no_class),
		SCRATCH_TEST(prepared_class_is_used_as_it_is),
		SCRATCH_TEST(missing_class_without_schema_is_refused),
		SCRATCH_TEST(slash_is_the_root_class),
		SCRATCH_TEST(existing_class_must_have_the_same_schemata),
		SCRATCH_TEST(class_that_appears_meanwhile_is_compared),
		SCRATCH_TEST(class_of_others_with_our_name_is_not_taken),
		SCRATCH_TEST(directories_that_are_no_class_are_refused),
		SCRATCH_TEST(links_are_not_followed),
		SCRATCH_TEST(schemata_are_written_in_order),
		SCRATCH_TEST(refused_schemata_are_explained_and_undone),
		SCRATCH_TEST(schemata_are_read_back),
		SCRATCH_TEST(rounded_bandwidth_is_what_was_asked_for),
		SCRATCH_TEST(full_processor_is_a_failure),
		SCRATCH_TEST(monitoring_group_is_made_in_the_class_and_removed),
		SCRATCH_TEST(root_class_can_be_monitored),
		SCRATCH_TEST(monitoring_group_of_others_is_not_taken),
		SCRATCH_TEST(resctrl_without_monitoring_is_refused),
		SCRATCH_TEST(only_what_was_made_is_removed),
		SCRATCH_TEST(killed_create_is_cleaned_up_unless_others_moved_in),
		SCRATCH_TEST(config_decides_whether_resctrl_is_looked_for),
	};

	return cmocka_run_group_tests_name("rdt", tests, NULL, NULL);
}
