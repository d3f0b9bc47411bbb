/* SPDX-License-Identifier: Apache-2.0 */
#include "base_util.h"

#include <sys/wait.h>

#include "base/fd.h"
#include "base/file.h"

static void file_is_read_whole_with_a_nul(void **state)
{
	const struct scratch *s = *state;
	AUTO_ARENA a = ARENA_INIT;
	struct err e = ERR_INIT;
	char *text = NULL;
	size_t len = 99;

	write_file_at(s->fd, "f", "hello");
	assert_int_equal(file_read_at(s->fd, "f", 5, &a, &text, &len, &e), 0);
	assert_int_equal(len, 5);
	assert_string_equal(text, "hello");

	write_file_at(s->fd, "f", "");
	assert_int_equal(file_read_at(s->fd, "f", 5, &a, &text, &len, &e), 0);
	assert_int_equal(len, 0);
	assert_string_equal(text, "");
}

static void large_file_is_read_whole(void **state)
{
	enum {
		LEN = 300000
	};
	static char data[LEN];
	const struct scratch *s = *state;
	AUTO_ARENA a = ARENA_INIT;
	struct err e = ERR_INIT;
	char *text = NULL;
	size_t len = 0;

	for (size_t i = 0; i < LEN; i++)
		data[i] = (char)(i * 31);
	assert_int_equal(file_replace_at(s->fd, "f", data, LEN, 0600, &e), 0);
	assert_int_equal(file_read_at(s->fd, "f", LEN, &a, &text, &len, &e), 0);

	assert_int_equal(len, LEN);
	assert_memory_equal(text, data, LEN);
	assert_int_equal(text[LEN], 0);
}

/* stat shows size 0 for files of proc; the buffer has to grow. */
static void file_of_unknown_size_is_read_whole(void **state)
{
	AUTO_ARENA a = ARENA_INIT;
	struct err e = ERR_INIT;
	char *text = NULL;
	size_t len = 0;
	(void)state;

	assert_int_equal(file_read_at(AT_FDCWD, "/proc/self/smaps", 1 << 20, &a, &text, &len, &e),
			 0);
	assert_true(len > 4096);
	assert_int_equal(strlen(text), len);

	assert_int_equal(file_read_at(AT_FDCWD, "/proc/self/smaps", 4096, &a, &text, &len, &e), -1);
	assert_int_equal(e.sys, EFBIG);
}

/* S-43: huge, FIFO, device, directory: no hang, no memory. */
static void what_is_huge_or_no_regular_file_is_refused(void **state)
{
	static const struct {
		const char *name;
		int sys;
	} cases[] = {
		{ "fifo", EINVAL }, { "dir", EISDIR },     { "zero", EINVAL },
		{ "huge", EFBIG },  { "missing", ENOENT },
	};
	const struct scratch *s = *state;
	AUTO_ARENA a = ARENA_INIT;
	char *text = NULL;
	size_t len = 99;

	assert_int_equal(mkfifoat(s->fd, "fifo", 0600), 0);
	assert_int_equal(mkdirat(s->fd, "dir", 0700), 0);
	assert_int_equal(symlinkat("/dev/zero", s->fd, "zero"), 0);
	write_file_at(s->fd, "huge", "");
	AUTO_FD huge = openat(s->fd, "huge", O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(huge, 10LL << 30), 0);
	alarm(20);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = ERR_INIT;
		int rc = file_read_at(s->fd, cases[i].name, 4096, &a, &text, &len, &e);

		assert_int_equal(rc, -1);
		assert_int_equal(errno, cases[i].sys);
		assert_int_equal(e.sys, cases[i].sys);
		assert_non_null(strstr(e.msg, cases[i].name));
		assert_null(text);
		assert_int_equal(len, 99);
	}
	alarm(0);
}

static void too_long_a_file_names_the_limit(void **state)
{
	const struct scratch *s = *state;
	AUTO_ARENA a = ARENA_INIT;
	struct err e = ERR_INIT;
	char *text = NULL;
	size_t len = 99;

	write_file_at(s->fd, "f", "123456");
	assert_int_equal(file_read_at(s->fd, "f", 5, &a, &text, &len, &e), -1);
	assert_string_equal(e.msg, "read 'f': longer than the allowed 5 bytes");
}

static void small_read_cuts(void **state)
{
	const struct scratch *s = *state;
	char buf[6];

	write_file_at(s->fd, "f", "123");
	assert_int_equal(file_read_small_at(s->fd, "f", buf, sizeof(buf)), 3);
	assert_string_equal(buf, "123");
	write_file_at(s->fd, "f", "123456789");
	assert_int_equal(file_read_small_at(s->fd, "f", buf, sizeof(buf)), 5);
	assert_string_equal(buf, "12345");
	assert_int_equal(file_read_small_at(s->fd, "missing", buf, sizeof(buf)), -1);
	assert_int_equal(errno, ENOENT);
}

static void value_is_written_to_an_existing_file_only(void **state)
{
	const struct scratch *s = *state;
	struct err e = ERR_INIT;

	write_file_at(s->fd, "f", "");
	assert_int_equal(mkdirat(s->fd, "sub", 0700), 0);
	assert_int_equal(mkdirat(s->fd, "sub/dir", 0700), 0);
	write_file_at(s->fd, "sub/dir/f", "");
	assert_int_equal(file_write_at(s->fd, "f", "100", &e), 0);
	assert_int_equal(file_write_at(s->fd, "sub/dir/f", "200", &e), 0);
	assert_string_equal(read_file_at(s->fd, "f"), "100");
	assert_string_equal(read_file_at(s->fd, "sub/dir/f"), "200");

	assert_int_equal(file_write_at(s->fd, "missing", "1", &e), -1);
	assert_int_equal(errno, ENOENT);
	assert_string_equal(e.msg, "open 'missing': no such entry");
	assert_int_equal(faccessat(s->fd, "missing", F_OK, 0), -1);
}

/* S-02, I-12: a control file's name cannot lead elsewhere. */
static void writing_follows_no_link_and_leaves_no_directory(void **state)
{
	static const char *const names[] = { "link",        "dirlink/f",     "sub/link", "../f",
					     "sub/../../f", "/etc/hostname", ".",        "sub" };
	const struct scratch *s = *state;

	assert_int_equal(mkdirat(s->fd, "sub", 0700), 0);
	write_file_at(s->fd, "f", "canary");
	assert_int_equal(symlinkat("f", s->fd, "link"), 0);
	assert_int_equal(symlinkat("../f", s->fd, "sub/link"), 0);
	assert_int_equal(symlinkat(".", s->fd, "dirlink"), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct err e = ERR_INIT;

		assert_int_equal(file_write_at(s->fd, names[i], "x", &e), -1);
		assert_int_equal(e.kind, ERR_SYSTEM);
		assert_int_equal(errno, e.sys);
	}

	assert_string_equal(read_file_at(s->fd, "f"), "canary");
}

static void kernel_refusal_names_value_and_file(void **state)
{
	struct err e = ERR_INIT;
	(void)state;

	AUTO_FD proc = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(file_write_at(proc, "oom_score_adj", "99999", &e), -1);
	assert_int_equal(errno, EINVAL);
	assert_string_equal(e.msg, "write '99999' to 'oom_score_adj': invalid argument");
}

static size_t count_entries(const char *path)
{
	DIR *d = opendir(path);
	size_t n = 0;

	while (readdir(d))
		n++;
	closedir(d);

	return n - 2;
}

static void replacement_has_content_and_mode(void **state)
{
	const struct scratch *s = *state;
	struct err e = ERR_INIT;
	struct stat st;

	mode_t mask = umask(0077);
	assert_int_equal(file_replace_at(s->fd, "f", "one", 3, 0644, &e), 0);
	umask(0);
	assert_int_equal(file_replace_at(s->fd, "f", "second", 6, 0600, &e), 0);
	umask(mask);

	assert_string_equal(read_file_at(s->fd, "f"), "second");
	assert_int_equal(fstatat(s->fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(count_entries(s->path), 1);
}

/* S-46: --pid-file and the like at a symbolic link. */
static void replacement_replaces_a_link_and_a_fifo(void **state)
{
	const struct scratch *s = *state;
	struct err e = ERR_INIT;
	struct stat st;

	write_file_at(s->fd, "canary", "safe");
	assert_int_equal(symlinkat("canary", s->fd, "link"), 0);
	assert_int_equal(mkfifoat(s->fd, "fifo", 0600), 0);
	assert_int_equal(file_replace_at(s->fd, "link", "new", 3, 0644, &e), 0);
	assert_int_equal(file_replace_at(s->fd, "fifo", "new", 3, 0644, &e), 0);

	assert_string_equal(read_file_at(s->fd, "canary"), "safe");
	assert_int_equal(fstatat(s->fd, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_string_equal(read_file_at(s->fd, "fifo"), "new");
}

static void failed_replacement_leaves_nothing_behind(void **state)
{
	const struct scratch *s = *state;
	char name[300];
	struct err e = ERR_INIT;

	assert_int_equal(mkdirat(s->fd, "dir", 0700), 0);
	assert_int_equal(file_replace_at(s->fd, "dir", "x", 1, 0644, &e), -1);
	assert_int_equal(errno, EISDIR);
	assert_int_equal(count_entries(s->path), 1);

	memset(name, 'a', 255);
	name[255] = '\0';
	assert_int_equal(file_replace_at(s->fd, name, "x", 1, 0644, &e), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	assert_int_equal(file_replace_at(s->fd, "dir/f", "x", 1, 0644, &e), -1);
	assert_int_equal(file_replace_at(s->fd, "..", "x", 1, 0644, &e), -1);
	assert_int_equal(file_replace_at(s->fd, "", "x", 1, 0644, &e), -1);
	assert_int_equal(count_entries(s->path), 1);
}

static void write_all_goes_on_after_a_part(void **state)
{
	enum {
		LEN = 1 << 20
	};
	static char data[LEN];
	static char buf[LEN];
	int p[2];
	int status;
	size_t len = 0;
	(void)state;

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(file_write_all(p[1], data, LEN) == 0 ? 0 : 1);
	close(p[1]);
	for (;;) {
		ssize_t n = read(p[0], buf, sizeof(buf));
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	close(p[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);

	assert_int_equal(status, 0);
	assert_int_equal(len, LEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(file_is_read_whole_with_a_nul),
		SCRATCH_TEST(large_file_is_read_whole),
		SCRATCH_TEST(file_of_unknown_size_is_read_whole),
		SCRATCH_TEST(what_is_huge_or_no_regular_file_is_refused),
		SCRATCH_TEST(too_long_a_file_names_the_limit),
		SCRATCH_TEST(small_read_cuts),
		SCRATCH_TEST(value_is_written_to_an_existing_file_only),
		SCRATCH_TEST(writing_follows_no_link_and_leaves_no_directory),
		SCRATCH_TEST(kernel_refusal_names_value_and_file),
		SCRATCH_TEST(replacement_has_content_and_mode),
		SCRATCH_TEST(replacement_replaces_a_link_and_a_fifo),
		SCRATCH_TEST(failed_replacement_leaves_nothing_behind),
		SCRATCH_TEST(write_all_goes_on_after_a_part),
	};

	return cmocka_run_group_tests_name("base/file", tests, NULL, NULL);
}
