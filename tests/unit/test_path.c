/* SPDX-License-Identifier: Apache-2.0 */
#include "base_util.h"

#include <limits.h>
#include <linux/openat2.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/path.h"

/* The attacker's tree: "root" is the container's root file system, "outside" stands for the host
 * (S-09, S-16, S-40). */
static int hostile_root(const struct scratch *s)
{
	static const struct {
		const char *target;
		const char *link;
	} links[] = {
		/* clang-format off */
		{ "/etc",                "root/abs" },         /* existing, absolute */
		{ "etc",                 "root/rel" },         /* existing, relative */
		{ "../../outside",       "root/escape" },
		{ "/outside/new",        "root/dangle-abs" },
		{ "../../outside/new",   "root/dangle-rel" },
		{ "loop-b",              "root/loop-a" },
		{ "loop-a",              "root/loop-b" },
		{ "/proc/self/root",     "root/magic" },
		{ "../../leaf-made",     "root/leaf" },
		{ "etc/chain",           "root/chain" },
		{ "x/made",              "root/etc/chain" },
		{ "no9/../up",           "root/up" },
		{ "/etc/hosts",          "root/file-link" },
		{ "../etc",              "root/etc/self" },
		/* clang-format on */
	};

	assert_int_equal(mkdirat(s->fd, "outside", 0755), 0);
	assert_int_equal(mkdirat(s->fd, "root", 0755), 0);
	assert_int_equal(mkdirat(s->fd, "root/etc", 0755), 0);
	assert_int_equal(mkdirat(s->fd, "root/etc/sub", 0755), 0);
	write_file_at(s->fd, "outside/canary", "safe");
	write_file_at(s->fd, "root/etc/hosts", "x");
	assert_int_equal(mkfifoat(s->fd, "root/fifo", 0600), 0);
	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		assert_int_equal(symlinkat(links[i].target, s->fd, links[i].link), 0);

	int fd = openat(s->fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);

	return fd;
}

/* The host's side is as hostile_root() left it. */
static void assert_outside_is_untouched(const struct scratch *s)
{
	char path[128];
	size_t n = 0;

	(void)snprintf(path, sizeof(path), "%s/outside", s->path);
	DIR *d = opendir(path);
	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);

	assert_int_equal(n, 3);
	assert_string_equal(read_file_at(s->fd, "outside/canary"), "safe");
}

/* Where FD is, below the scratch directory. */
static const char *place(const struct scratch *s, int fd)
{
	static char buf[PATH_MAX];
	char link[32];

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, buf, sizeof(buf) - 1);
	assert_true(n > 0);
	buf[n] = '\0';
	assert_memory_equal(buf, s->path, strlen(s->path));

	return buf + strlen(s->path);
}

struct expectation {
	const char *path;
	const char *place; /* NULL: refused */
	int sys;           /* with this errno; 0: any */
};

static const struct expectation existing[] = {
	/* clang-format off */
	{ "/",                     "/root",           0 },
	{ "etc",                   "/root/etc",       0 },
	{ "//etc/./sub/",          "/root/etc/sub",   0 },
	{ "/abs",                  "/root/etc",       0 },
	{ "/rel/sub",              "/root/etc/sub",   0 },
	{ "/etc/self/self/hosts",  "/root/etc/hosts", 0 },
	{ "/file-link",            "/root/etc/hosts", 0 },
	{ "/../../../etc",         "/root/etc",       0 },
	{ "/etc/../../etc/hosts",  "/root/etc/hosts", 0 },
	{ "/fifo",                 "/root/fifo",      0 },
	{ "/loop-a",               NULL,              ELOOP },
	{ "/loop-a/x",             NULL,              ELOOP },
	{ "/fifo/x",               NULL,              ENOTDIR },
	{ "/etc/hosts/x",          NULL,              ENOTDIR },
	{ "/file-link/x",          NULL,              ENOTDIR },
	{ "",                      NULL,              ENOENT },
	/* clang-format on */
};

static const struct expectation missing[] = {
	/* clang-format off */
	{ "/new1",                 "/root/new1",       0 },
	{ "new2/",                 "/root/new2",       0 },
	{ "//new3/./a//b/.",       "/root/new3/a/b",   0 },
	{ "/etc/new4/x",           "/root/etc/new4/x", 0 },
	{ "/abs/new5",             "/root/etc/new5",   0 },
	{ "/rel/self/new6/y",      "/root/etc/new6/y", 0 },
	{ "/../../../new7",        "/root/new7",       0 },
	{ "/abs/../new8",          "/root/new8",       0 },
	/* The links point to nothing inside: what they name is made there. */
	{ "/leaf",                 "/root/leaf-made",  0 },
	{ "/chain",                "/root/etc/x/made", 0 },
	{ "/dangle-abs/x/y",       "/root/outside/new/x/y", 0 },
	{ "/dangle-rel/z",         "/root/outside/new/z", 0 },
	{ "/etc/self/../dangle-rel/w", "/root/outside/new/w", 0 },
	{ "/escape/v",             "/root/outside/v",  0 },
	{ "/magic/new",            "/root/proc/self/root/new", 0 },
	{ "/up/no9/u",             NULL,               ENOENT },
	{ "/no9/../etc",           NULL,               ENOENT },
	{ "/no9/../../x",          NULL,               ENOENT },
	{ "/no9/..",               NULL,               ENOENT },
	/* clang-format on */
};

/* I-01, CVE-2015-3629, CVE-2019-18837 (S-09). */
static void open_stays_inside_whatever_the_links_say(void **state)
{
	const struct scratch *s = *state;
	AUTO_FD root = hostile_root(s);

	for (size_t i = 0; i < ARRAY_LEN(existing); i++) {
		AUTO_FD fd = -1;
		struct err e = ERR_INIT;
		int rc = path_open_in(root, existing[i].path, O_PATH, 0, &fd, &e);

		if (!existing[i].place) {
			assert_int_equal(rc, -1);
			assert_int_equal(errno, existing[i].sys);
			assert_int_equal(e.sys, existing[i].sys);
			assert_int_equal(fd, -1);
			continue;
		}
		if (rc < 0)
			fail_msg("%s", e.msg);
		assert_true(is_cloexec(fd));
		assert_string_equal(place(s, fd), existing[i].place);
	}
	for (size_t i = 0; i < ARRAY_LEN(missing); i++) {
		AUTO_FD fd = -1;
		struct err e = ERR_INIT;

		assert_int_equal(path_open_in(root, missing[i].path, O_PATH, 0, &fd, &e), -1);
		assert_int_equal(e.sys, ENOENT);
	}
}

static void open_refuses_magic_links(void **state)
{
	AUTO_FD proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD fd = -1;
	struct err e = ERR_INIT;
	(void)state;

	assert_int_equal(path_open_in(proc, "self/root", O_PATH, 0, &fd, &e), -1);
	assert_int_equal(e.sys, ELOOP);
	assert_int_equal(path_open_in(proc, "self/root/etc", O_PATH, 0, &fd, &e), -1);
	assert_int_equal(e.sys, ELOOP);
}

/* I-03, S-10: proc and sysfs want a path without any link. */
static void caller_can_refuse_all_links(void **state)
{
	static const char *const linked[] = { "/abs", "/rel/sub", "/file-link", "/rel/new",
					      "/dangle-abs" };
	const struct scratch *s = *state;
	AUTO_FD root = hostile_root(s);

	for (size_t i = 0; i < ARRAY_LEN(linked); i++) {
		AUTO_FD fd = -1;
		struct err e = ERR_INIT;

		assert_int_equal(
			path_make_in(root, linked[i], PATH_DIR, 0755, RESOLVE_NO_SYMLINKS, &fd, &e),
			-1);
		assert_int_equal(e.sys, ELOOP);
	}

	AUTO_FD fd = -1;
	struct err e = ERR_INIT;
	assert_int_equal(
		path_make_in(root, "/etc/n/m", PATH_DIR, 0755, RESOLVE_NO_SYMLINKS, &fd, &e), 1);
	assert_string_equal(place(s, fd), "/root/etc/n/m");
	assert_int_equal(faccessat(s->fd, "root/etc/new", F_OK, 0), -1);
}

/* One tree, all paths, made as KIND. */
static void make_all(const struct scratch *s, enum path_kind kind)
{
	AUTO_FD root = hostile_root(s);

	for (size_t i = 0; i < ARRAY_LEN(existing) + ARRAY_LEN(missing); i++) {
		bool is_new = i >= ARRAY_LEN(existing);
		const struct expectation *x =
			is_new ? &missing[i - ARRAY_LEN(existing)] : &existing[i];
		AUTO_FD fd = -1;
		struct err e = ERR_INIT;
		struct stat st;
		int rc = path_make_in(root, x->path, kind, 0700, 0, &fd, &e);

		if (!x->place) {
			if (rc >= 0)
				fail_msg("'%s' led to %s", x->path, place(s, fd));
			if (e.sys != x->sys)
				fail_msg("'%s': %s", x->path, e.msg);
			assert_int_equal(errno, x->sys);
			assert_int_equal(fd, -1);
			continue;
		}
		if (rc < 0)
			fail_msg("%s", e.msg);
		assert_true(is_cloexec(fd));
		assert_true((fcntl(fd, F_GETFL) & O_PATH) != 0);
		assert_string_equal(place(s, fd), x->place);
		assert_int_equal(fstat(fd, &st), 0);
		if (is_new)
			assert_int_equal(st.st_mode,
					 kind == PATH_DIR ? S_IFDIR | 0700 : S_IFREG | 0644);
	}

	assert_int_equal(faccessat(root, "no9", F_OK, 0), -1);
	assert_outside_is_untouched(s);
}

/* S-16, CVE-2024-45310; S-40. */
static void directories_are_made_inside_whatever_the_links_say(void **state)
{
	make_all(*state, PATH_DIR);
}

static void files_are_made_inside_whatever_the_links_say(void **state)
{
	make_all(*state, PATH_FILE);
}

static void what_exists_is_taken_as_it_is(void **state)
{
	const struct scratch *s = *state;
	AUTO_FD root = hostile_root(s);
	AUTO_FD file = -1;
	AUTO_FD dir = -1;
	struct err e = ERR_INIT;
	struct stat st;

	assert_int_equal(path_make_in(root, "/etc/hosts", PATH_DIR, 0700, 0, &file, &e), 0);
	assert_int_equal(path_make_in(root, "/etc/sub", PATH_FILE, 0700, 0, &dir, &e), 0);

	assert_int_equal(fstat(file, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(fstat(dir, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
}

static void modes_do_not_depend_on_the_umask(void **state)
{
	const struct scratch *s = *state;
	AUTO_FD root = hostile_root(s);
	AUTO_FD dir = -1;
	AUTO_FD file = -1;
	struct err e = ERR_INIT;
	struct stat st;

	mode_t mask = umask(0077);
	assert_int_equal(path_make_in(root, "/p/q/tmp", PATH_DIR, 01777, 0, &dir, &e), 1);
	assert_int_equal(path_make_in(root, "/p/r/f", PATH_FILE, 01777, 0, &file, &e), 1);
	assert_int_equal(umask(mask), 0077);

	assert_int_equal(fstatat(root, "p", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
	assert_int_equal(fstatat(root, "p/q", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
	assert_int_equal(fstat(dir, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 01777);
	assert_int_equal(fstat(file, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0644);
}

static void endless_paths_and_names_are_refused(void **state)
{
	const struct scratch *s = *state;
	AUTO_FD root = hostile_root(s);
	static char path[2 * PATH_MAX];
	AUTO_FD fd = -1;
	struct err e = ERR_INIT;

	memset(path, 'a', sizeof(path) - 1);
	assert_int_equal(path_make_in(root, path, PATH_DIR, 0755, 0, &fd, &e), -1);
	assert_int_equal(e.sys, ENAMETOOLONG);
	path[300] = '\0';
	assert_int_equal(path_make_in(root, path, PATH_DIR, 0755, 0, &fd, &e), -1);
	assert_int_equal(e.sys, ENAMETOOLONG);
	memcpy(path, "new/", 4);
	assert_int_equal(path_make_in(root, path, PATH_DIR, 0755, 0, &fd, &e), -1);
	assert_int_equal(e.sys, ENAMETOOLONG);

	/* The deepest path that fits. */
	for (size_t i = 0; i + 2 < PATH_MAX; i += 2)
		memcpy(path + i, "/d", 3);
	if (path_make_in(root, path, PATH_DIR, 0755, 0, &fd, &e) < 0)
		fail_msg("%s", e.msg);

	/* Removed from below: nftw cannot name it. */
	size_t len = strlen(path);
	for (; len > 2; len -= 2) {
		path[len] = '\0';
		assert_int_equal(unlinkat(root, path + 1, AT_REMOVEDIR), 0);
	}
}

static void parent_is_made_and_the_name_returned(void **state)
{
	static const struct {
		const char *path;
		const char *place;
		const char *name;
	} cases[] = {
		/* clang-format off */
		{ "/null",          "/root",       "null" },
		{ "null",           "/root",       "null" },
		{ "/abs/sub/x",     "/root/etc/sub", "x" },
		{ "/dev/net/tun",   "/root/dev/net", "tun" },
		{ "/dev//fuse",     "/root/dev",   "fuse" },
		{ "/../x",          "/root",       "x" },
		/* The name itself is not looked up. */
		{ "/dangle-abs",    "/root",       "dangle-abs" },
		/* clang-format on */
	};
	static const char *const refused[] = { "",         "/",       "//",           "..",
					       "/..",      "/etc/..", "/etc/.",       "/etc/",
					       "/fifo/x",  ".",       "/etc/hosts/x", "/loop-a/x" };
	const struct scratch *s = *state;
	AUTO_FD root = hostile_root(s);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_FD dir = -1;
		const char *name = NULL;
		struct err e = ERR_INIT;

		if (path_make_parent_in(root, cases[i].path, &dir, &name, &e) < 0)
			fail_msg("%s", e.msg);
		assert_string_equal(place(s, dir), cases[i].place);
		assert_string_equal(name, cases[i].name);
		assert_true(name >= cases[i].path && name <= cases[i].path + strlen(cases[i].path));
	}
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		AUTO_FD dir = -1;
		const char *name = NULL;
		struct err e = ERR_INIT;

		assert_int_equal(path_make_parent_in(root, refused[i], &dir, &name, &e), -1);
		assert_int_equal(e.kind, ERR_SYSTEM);
		assert_int_equal(dir, -1);
		assert_null(name);
	}
	assert_outside_is_untouched(s);
}

/* CVE-2021-30465, CVE-2024-45310 (S-11, S-16): a neighbour who owns a shared volume swaps a
 * directory for a link while we resolve and make paths in it. */
static void a_race_with_a_link_makes_nothing_outside(void **state)
{
	const struct scratch *s = *state;
	AUTO_FD root = hostile_root(s);
	int status;

	assert_int_equal(mkdirat(root, "vol", 0755), 0);
	assert_int_equal(mkdirat(root, "vol/a", 0755), 0);
	assert_int_equal(symlinkat("../../outside", root, "vol/b"), 0);
	pid_t pid = fork();
	if (pid == 0) {
		alarm(20);
		for (;;)
			(void)renameat2(root, "vol/a", root, "vol/b", RENAME_EXCHANGE);
	}
	size_t made = 0;
	for (int i = 0; i < 3000; i++) {
		char path[64];
		AUTO_FD fd = -1;
		struct err e = ERR_INIT;

		(void)snprintf(path, sizeof(path), "/vol/a/x%d/../x%d/y", i, i);
		if (i % 2)
			(void)snprintf(path, sizeof(path), "/vol/a/x%d/y", i);
		made += path_make_in(root, path, i % 3 ? PATH_DIR : PATH_FILE, 0755, 0, &fd, &e) >=
			0;
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);

	/* Some must have got through, or nothing was tested. */
	assert_true(made > 0);
	assert_outside_is_untouched(s);
}

static void normalise_is_lexical(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} cases[] = {
		/* clang-format off */
		{ "/",             "/" },
		{ "",              "/" },
		{ ".",             "/" },
		{ "data",          "/data" },
		{ "/a//b/./c/",    "/a/b/c" },
		{ "./a/.",         "/a" },
		{ "///",           "/" },
		{ "/...",          "/..." },
		{ "/.a/b..",       "/.a/b.." },
		{ "..",            NULL },
		{ "/a/../b",       NULL },
		{ "/a/..",         NULL },
		{ "../a",          NULL },
		/* clang-format on */
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char buf[64];
		int rc = path_normalise(cases[i].in, buf, sizeof(buf));

		assert_int_equal(rc, cases[i].out ? 0 : -1);
		if (cases[i].out)
			assert_string_equal(buf, cases[i].out);
	}
}

static void normalise_respects_the_size(void **state)
{
	(void)state;

	for (size_t size = 0; size < 9; size++) {
		char *buf = malloc(size + 1);

		assert_int_equal(path_normalise("/abc/def", buf, size), -1);
		assert_int_equal(path_normalise("/", buf, size), size < 2 ? -1 : 0);
		free(buf);
	}
	char fits[9];
	assert_int_equal(path_normalise("/abc/def", fits, sizeof(fits)), 0);
	assert_string_equal(fits, "/abc/def");
}

static void absolute_prefixes_the_working_directory(void **state)
{
	const struct scratch *s = *state;
	AUTO_FD old = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	static const struct {
		const char *in;
		const char *tail;
	} cases[] = {
		{ "b", "/b" },
		{ ".", "" },
		{ "./b//c/", "/b/c" },
		{ "../b", "/../b" },
	};

	assert_int_equal(fchdir(s->fd), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char want[128];
		char *got = path_absolute(cases[i].in);

		(void)snprintf(want, sizeof(want), "%s%s", s->path, cases[i].tail);
		assert_non_null(got);
		assert_string_equal(got, want);
		free(got);
	}
	assert_int_equal(fchdir(old), 0);

	char *got = path_absolute("/x//y/");
	assert_string_equal(got, "/x/y");
	free(got);
	assert_null(path_absolute(""));
	assert_int_equal(errno, ENOENT);
}

static void absolute_fails_in_a_deleted_directory(void **state)
{
	const struct scratch *s = *state;
	AUTO_FD old = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(mkdirat(s->fd, "gone", 0700), 0);
	AUTO_FD gone = openat(s->fd, "gone", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fchdir(gone), 0);
	assert_int_equal(unlinkat(s->fd, "gone", AT_REMOVEDIR), 0);
	char *got = path_absolute("x");
	int reason = errno;
	assert_int_equal(fchdir(old), 0);

	assert_null(got);
	assert_int_equal(reason, ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(open_stays_inside_whatever_the_links_say),
		SCRATCH_TEST(open_refuses_magic_links),
		SCRATCH_TEST(caller_can_refuse_all_links),
		SCRATCH_TEST(directories_are_made_inside_whatever_the_links_say),
		SCRATCH_TEST(files_are_made_inside_whatever_the_links_say),
		SCRATCH_TEST(what_exists_is_taken_as_it_is),
		SCRATCH_TEST(modes_do_not_depend_on_the_umask),
		SCRATCH_TEST(endless_paths_and_names_are_refused),
		SCRATCH_TEST(parent_is_made_and_the_name_returned),
		SCRATCH_TEST(a_race_with_a_link_makes_nothing_outside),
		SCRATCH_TEST(normalise_is_lexical),
		SCRATCH_TEST(normalise_respects_the_size),
		SCRATCH_TEST(absolute_prefixes_the_working_directory),
		SCRATCH_TEST(absolute_fails_in_a_deleted_directory),
	};

	return cmocka_run_group_tests_name("base/path", tests, NULL, NULL);
}
