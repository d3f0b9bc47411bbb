/* SPDX-License-Identifier: Apache-2.0 */
#include "base_util.h"

#include <signal.h>
#include <time.h>

#include "base/log.h"

/* Standard error goes to a file of the scratch directory while a record is written. */
static int saved_stderr;

static void capture(const struct scratch *s)
{
	int fd = openat(s->fd, "stderr", O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	fflush(stderr);
	saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

static const char *captured(const struct scratch *s)
{
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);

	return read_file_at(s->fd, "stderr");
}

/* Back to stderr and the defaults. */
static void reset(void)
{
	struct log_options o = { .file = NULL };
	struct err e = ERR_INIT;

	assert_int_equal(log_open(&o, &e), 0);
}

static void open_log(const struct scratch *s, const char *name, struct log_options o)
{
	char path[128];
	struct err e = ERR_INIT;

	(void)snprintf(path, sizeof(path), "%s/%s", s->path, name);
	o.file = path;
	if (log_open(&o, &e) < 0)
		fail_msg("%s", e.msg);
}

static void all_levels(void)
{
	struct err e = ERR_INIT;

	log_debug("d %d", 1);
	log_warn("w %d", 2);
	err_set(&e, ERR_STATE, "e \"3\"");
	log_error(&e);
}

/* Cuts the value of the time out of TEXT and checks that it is RFC 3339 and now: containerd refuses
 * the whole file for one wrong time (engine-contracts 2). */
static const char *without_time(const char *text)
{
	static char buf[4096];
	char *out = buf;

	while (*text) {
		const char *start = strstr(text, "20");
		struct tm tm = { .tm_year = 0 };
		const char *end = start ? strptime(start, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;

		if (!end) {
			strncpy(out, text, sizeof(buf) - 1 - (size_t)(out - buf));
			return buf;
		}
		assert_true(llabs((long long)(timegm(&tm) - time(NULL))) < 10);
		assert_int_equal(*end, '.');
		end += 1 + strspn(end + 1, "0123456789");
		assert_int_equal(*end, 'Z');

		memcpy(out, text, (size_t)(start - text));
		out += start - text;
		*out++ = 'T';
		*out = '\0';
		text = end + 1;
	}

	return buf;
}

static void default_is_plain_text_of_errors_and_warnings(void **state)
{
	const struct scratch *s = *state;

	reset();
	capture(s);
	all_levels();

	assert_string_equal(captured(s), "warning: w 2\ne \"3\"\n");
	assert_int_equal(log_fd(), -1);
	assert_false(log_debug_enabled());
}

static void debug_level_shows_all_on_stderr(void **state)
{
	const struct scratch *s = *state;
	struct log_options o = { .level = LOG_LEVEL_DEBUG, .level_set = true };
	struct err e = ERR_INIT;

	assert_int_equal(log_open(&o, &e), 0);
	assert_true(log_debug_enabled());
	capture(s);
	all_levels();

	assert_string_equal(without_time(captured(s)), "time=\"T\" level=debug msg=\"d 1\"\n"
							 "warning: w 2\ne \"3\"\n");
	reset();
}

static void error_level_hides_warnings(void **state)
{
	const struct scratch *s = *state;
	struct log_options o = { .level = LOG_LEVEL_ERROR, .level_set = true };
	struct err e = ERR_INIT;

	assert_int_equal(log_open(&o, &e), 0);
	capture(s);
	all_levels();

	assert_string_equal(captured(s), "e \"3\"\n");
	reset();
}

static void json_goes_to_stderr_when_there_is_no_file(void **state)
{
	const struct scratch *s = *state;
	struct log_options o = { .format = LOG_FORMAT_JSON };
	struct err e = ERR_INIT;

	assert_int_equal(log_open(&o, &e), 0);
	capture(s);
	all_levels();

	assert_string_equal(without_time(captured(s)),
			    "{\"level\":\"warning\",\"msg\":\"w 2\",\"time\":\"T\"}\n"
			    "{\"level\":\"error\",\"msg\":\"e \\\"3\\\"\",\"time\":\"T\"}\n");
	reset();
}

/* D-05: podman decodes the whole file as one object. */
static void json_file_has_exactly_the_error(void **state)
{
	const struct scratch *s = *state;

	open_log(s, "log", (struct log_options){ .format = LOG_FORMAT_JSON });
	capture(s);
	all_levels();

	assert_string_equal(captured(s), "e \"3\"\n");
	assert_string_equal(without_time(read_file_at(s->fd, "log")),
			    "{\"level\":\"error\",\"msg\":\"e \\\"3\\\"\",\"time\":\"T\"}\n");
	reset();
}

static void text_file_has_fields(void **state)
{
	const struct scratch *s = *state;

	open_log(s, "log", (struct log_options){ .format = LOG_FORMAT_TEXT });
	capture(s);
	all_levels();

	assert_string_equal(captured(s), "e \"3\"\n");
	assert_string_equal(without_time(read_file_at(s->fd, "log")),
			    "time=\"T\" level=error msg=\"e \\\"3\\\"\"\n");
	reset();
}

static void debug_level_puts_all_into_the_file(void **state)
{
	const struct scratch *s = *state;

	open_log(s, "log",
		 (struct log_options){
			 .format = LOG_FORMAT_JSON, .level = LOG_LEVEL_DEBUG, .level_set = true });
	capture(s);
	all_levels();

	assert_string_equal(captured(s), "e \"3\"\n");
	assert_string_equal(without_time(read_file_at(s->fd, "log")),
			    "{\"level\":\"debug\",\"msg\":\"d 1\",\"time\":\"T\"}\n"
			    "{\"level\":\"warning\",\"msg\":\"w 2\",\"time\":\"T\"}\n"
			    "{\"level\":\"error\",\"msg\":\"e \\\"3\\\"\",\"time\":\"T\"}\n");
	reset();
}

/* D-03: several errors of one config are one object. */
static void several_lines_are_one_json_object(void **state)
{
	const struct scratch *s = *state;
	struct err e = ERR_INIT;

	err_add(&e, ERR_CONFIG, "config.json:1:2: a: bad");
	err_add(&e, ERR_CONFIG, "config.json:3:4: b: bad");
	open_log(s, "log", (struct log_options){ .format = LOG_FORMAT_JSON });
	capture(s);
	log_error(&e);

	assert_string_equal(captured(s), "config.json:1:2: a: bad\nconfig.json:3:4: b: bad\n");
	assert_string_equal(without_time(read_file_at(s->fd, "log")),
			    "{\"level\":\"error\",\"msg\":\"config.json:1:2: a: bad\\n"
			    "config.json:3:4: b: bad\",\"time\":\"T\"}\n");
	reset();
}

static void warning_stays_one_line(void **state)
{
	const struct scratch *s = *state;

	reset();
	capture(s);
	log_warn("key '%s'", "a\nwarning: b\x1b[2J");

	assert_string_equal(captured(s), "warning: key 'a?warning: b?[2J'\n");
}

/* engine-contracts 2: the same file serves all calls of a container's life. */
static void file_is_appended_to_and_close_on_exec(void **state)
{
	const struct scratch *s = *state;
	struct err e = ERR_INIT;

	write_file_at(s->fd, "log", "before\n");
	open_log(s, "log", (struct log_options){ .format = LOG_FORMAT_TEXT });
	assert_true(is_cloexec(log_fd()));
	err_set(&e, ERR_STATE, "x");
	capture(s);
	log_error(&e);
	(void)captured(s);

	assert_string_equal(without_time(read_file_at(s->fd, "log")),
			    "before\ntime=\"T\" level=error msg=\"x\"\n");
	reset();
}

/* S-46: no symbolic link as last component, no hang at a FIFO; the error is then still shown,
 * plainly. */
static void unusable_log_is_a_failure_after_which_stderr_still_works(void **state)
{
	const struct scratch *s = *state;
	static const char *const names[] = { "link", "fifo", "dir", "missing/log" };

	assert_int_equal(symlinkat("canary", s->fd, "link"), 0);
	assert_int_equal(mkfifoat(s->fd, "fifo", 0600), 0);
	assert_int_equal(mkdirat(s->fd, "dir", 0700), 0);
	alarm(20);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char path[128];
		struct log_options o = { .file = path, .format = LOG_FORMAT_JSON };
		struct err e = ERR_INIT;

		(void)snprintf(path, sizeof(path), "%s/%s", s->path, names[i]);
		assert_int_equal(log_open(&o, &e), -1);
		assert_non_null(strstr(e.msg, path));
		assert_int_equal(log_fd(), -1);
		err_set(&e, ERR_STATE, "x");
		capture(s);
		log_error(&e);
		assert_string_equal(captured(s), "x\n");
	}
	alarm(0);

	assert_int_equal(faccessat(s->fd, "canary", F_OK, 0), -1);
	reset();
}

static void logging_keeps_errno(void **state)
{
	const struct scratch *s = *state;
	struct err e = ERR_INIT;

	reset();
	err_set(&e, ERR_STATE, "x");
	capture(s);
	close(STDERR_FILENO);
	errno = ENOTTY;
	log_warn("x");
	log_error(&e);
	int after = errno;
	(void)captured(s);

	assert_int_equal(after, ENOTTY);
}

/* A pipe in packet mode shows where each write ended. */
static void a_record_is_one_write(void **state)
{
	int p[2];
	char buf[4096];
	struct err e = ERR_INIT;

	(void)state;
	reset();
	assert_int_equal(pipe2(p, O_CLOEXEC | O_DIRECT), 0);
	saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	dup2(p[1], STDERR_FILENO);
	err_set(&e, ERR_STATE, "one");
	log_error(&e);
	log_warn("two");
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);

	assert_int_equal(read(p[0], buf, sizeof(buf)), strlen("one\n"));
	assert_int_equal(read(p[0], buf, sizeof(buf)), strlen("warning: two\n"));
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(default_is_plain_text_of_errors_and_warnings),
		SCRATCH_TEST(debug_level_shows_all_on_stderr),
		SCRATCH_TEST(error_level_hides_warnings),
		SCRATCH_TEST(json_goes_to_stderr_when_there_is_no_file),
		SCRATCH_TEST(json_file_has_exactly_the_error),
		SCRATCH_TEST(text_file_has_fields),
		SCRATCH_TEST(debug_level_puts_all_into_the_file),
		SCRATCH_TEST(several_lines_are_one_json_object),
		SCRATCH_TEST(warning_stays_one_line),
		SCRATCH_TEST(file_is_appended_to_and_close_on_exec),
		SCRATCH_TEST(unusable_log_is_a_failure_after_which_stderr_still_works),
		SCRATCH_TEST(logging_keeps_errno),
		SCRATCH_TEST(a_record_is_one_write),
	};

	return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
