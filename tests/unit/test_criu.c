/* SPDX-License-Identifier: Apache-2.0 */
#include "base_util.h"

#include <string.h>

#include "base/protobuf.h"
#include "container/criu-internal.h"

/* "1=4 2.13=/root 2.23.1=/data": every field of a request, by the numbers of the schema. */
static void flatten(struct str *out, const char *prefix, const char *p, size_t len, int depth)
{
	/* Messages within: options, and of these pairs, the page server. */
	static const unsigned inner[] = { 11, 23, 27, 39 };
	struct pb_reader r = { p, p + len };
	struct pb_field f;

	while (pb_next(&r, &f) == 1) {
		char name[64];
		bool message = depth == 0;
		for (size_t i = 0; depth == 1 && i < ARRAY_LEN(inner); i++)
			message |= f.number == inner[i];
		(void)snprintf(name, sizeof(name), "%s%u", prefix, f.number);
		if (f.is_bytes && message) {
			(void)snprintf(name, sizeof(name), "%s%u.", prefix, f.number);
			flatten(out, name, f.bytes, f.len, depth + 1);
		} else if (f.is_bytes) {
			str_addf(out, " %s=%.*s", name, (int)f.len, f.bytes);
		} else {
			str_addf(out, " %s=%llu", name, (unsigned long long)f.value);
		}
	}
}

static void assert_has(const struct criu_request *r, const char *field, bool has)
{
	AUTO_STR message = STR_INIT, text = STR_INIT, wanted = STR_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(criu_request_message(r, &message, &err), 0);
	flatten(&text, "", message.s, message.len, 0);
	str_add(&text, " ");
	str_addf(&wanted, " %s ", field);
	if ((strstr(text.s, wanted.s) != NULL) != has)
		fail_msg("'%s' %s in:%s", field, has ? "is not" : "is", text.s);
}

static void begin(struct criu_request *r, enum criu_type type, const struct image_options *o)
{
	struct err err = ERR_INIT;

	assert_int_equal(criu_request_begin(r, type, o, &err), 0);
}

/* engine-contracts 9 */
static void options_become_fields(void **state)
{
	static const struct {
		struct image_options o;
		const char *field;
	} cases[] = {
		{ { .leave_running = true }, "2.3=1" },
		{ { .ext_unix_sk = true }, "2.4=1" },
		{ { .tcp_established = true }, "2.5=1" },
		{ { .shell_job = true }, "2.7=1" },
		{ { .file_locks = true }, "2.8=1" },
		{ { .page_server = "10.0.0.1:27" }, "2.11.1=10.0.0.1" },
		{ { .page_server = "10.0.0.1:27" }, "2.11.2=27" },
		{ { .page_server = "[::1]:65535" }, "2.11.1=::1" },
		{ { .parent_path = "../old" }, "2.14=../old" },
		{ { .parent_path = "../old" }, "2.15=1" },
		{ { .pre_dump = true }, "2.15=1" },
		{ { .auto_dedup = true }, "2.16=1" },
		{ { .link_remap = true }, "2.18=1" },
		{ { .tcp_skip_in_flight = true }, "2.46=1" },
		{ { .lazy_pages = true }, "2.48=1" },
		{ { .tcp_close = true }, "2.52=1" },
		{ { .lsm_mount_context = "a:b" }, "2.63=a:b" },
		{ { .network_lock = CRIU_LOCK_IPTABLES }, "2.64=1" },
		{ { .network_lock = CRIU_LOCK_NFTABLES }, "2.64=2" },
	};
	const struct image_options none = { .criu = NULL };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_CRIU_REQUEST with = CRIU_REQUEST_INIT;
		AUTO_CRIU_REQUEST without = CRIU_REQUEST_INIT;
		begin(&with, CRIU_DUMP, &cases[i].o);
		assert_has(&with, cases[i].field, true);
		begin(&without, CRIU_DUMP, &none);
		assert_has(&without, cases[i].field, false);
	}
}

/* What is asked for without any option. */
static void requests_have_what_a_container_needs(void **state)
{
	const struct image_options none = { .criu = NULL };
	AUTO_CRIU_REQUEST dump = CRIU_REQUEST_INIT;
	AUTO_CRIU_REQUEST restore = CRIU_REQUEST_INIT;

	(void)state;
	begin(&dump, CRIU_DUMP, &none);
	begin(&restore, CRIU_RESTORE, &none);
	assert_has(&dump, "1=1", true);
	assert_has(&restore, "1=2", true);
	assert_has(&dump, "2.12=1", true);          /* it tells what it does */
	assert_has(&dump, "2.34=0", true);          /* cgroups are ours */
	assert_has(&dump, "2.38=1073741824", true); /* CLONE_NEWNET stays empty */
	assert_has(&dump, "2.50=1", true);          /* terminals */
	assert_has(&dump, "2.51=/etc/criu/cruntime.conf", true);
	assert_has(&dump, "2.26=1", false);
	assert_has(&restore, "2.26=1", true); /* a child of ours */
	assert_has(&restore, "2.6=1", true);
}

/* Without connections to keep nothing holds packets up. */
static void network_is_locked_for_connections_only(void **state)
{
	const struct image_options none = { .criu = NULL };
	const struct image_options open_connections = { .tcp_established = true };
	AUTO_CRIU_REQUEST a = CRIU_REQUEST_INIT;
	AUTO_CRIU_REQUEST b = CRIU_REQUEST_INIT;

	(void)state;
	begin(&a, CRIU_DUMP, &none);
	assert_has(&a, "2.64=3", true);
	begin(&b, CRIU_DUMP, &open_connections);
	assert_has(&b, "2.64=3", false);
}

static void parts_are_added(void **state)
{
	const struct image_options none = { .criu = NULL };
	AUTO_CRIU_REQUEST r = CRIU_REQUEST_INIT;
	struct err err = ERR_INIT;

	(void)state;
	begin(&r, CRIU_RESTORE, &none);
	criu_put_places(&r, 7, 8, "x.log");
	criu_put_pid(&r, 42);
	criu_put_root(&r, "/rootfs");
	criu_put_freezer(&r, "/sys/fs/cgroup/web");
	criu_put_mount(&r, "/data", "/srv/data");
	criu_put_external(&r, "net[12]:key");
	criu_put_inherited(&r, "pipe:[3]", 2);
	criu_put_join(&r, "ipc", "/proc/1/fd/9");
	criu_put_lsm_profile(&r, "apparmor:p");
	assert_int_equal(criu_put_fd(&r, "extRootNetNS", 30, &err), 0);
	assert_int_equal(criu_put_fd(&r, "extRootPidNS", 31, &err), 0);
	static const char *const expected[] = {
		"2.1=7",
		"2.17=8",
		"2.10=x.log",
		"2.2=42",
		"2.13=/rootfs",
		"2.44=/sys/fs/cgroup/web",
		"2.23.1=/data",
		"2.23.2=/srv/data",
		"2.37=net[12]:key",
		"2.27.1=pipe:[3] 2.27.2=2",
		"2.39.1=ipc 2.39.2=/proc/1/fd/9",
		"2.53=apparmor:p",
		"2.27.1=extRootNetNS 2.27.2=4",
		"2.27.1=extRootPidNS 2.27.2=5",
	};
	for (size_t i = 0; i < ARRAY_LEN(expected); i++)
		assert_has(&r, expected[i], true);
	assert_int_equal(r.n_fds, 2);
	assert_true(r.fds[0] == 30 && r.fds[1] == 31);
}

static void bad_texts_are_refused(void **state)
{
	static const char *const servers[] = { "x", ":1", "a:", "a:0", "a:65536", "a:x", "" };
	const char *ipc = "ipc";
	const struct image_options namespaces = { .empty_ns = { .v = &ipc, .n = 1 } };
	const struct image_options modes = { .cgroups = CRIU_CGROUPS_SOFT };
	AUTO_CRIU_REQUEST r = CRIU_REQUEST_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(criu_request_begin(&r, CRIU_DUMP, &modes, &err), -1);
	assert_non_null(strstr(err.msg, "--manage-cgroups-mode"));
	for (size_t i = 0; i < ARRAY_LEN(servers); i++) {
		struct image_options o = { .page_server = servers[i] };
		assert_int_equal(criu_request_begin(&r, CRIU_DUMP, &o, &err), -1);
		assert_int_equal(err.kind, ERR_USAGE);
		assert_non_null(strstr(err.msg, "--page-server"));
	}
	assert_int_equal(criu_request_begin(&r, CRIU_DUMP, &namespaces, &err), -1);
	assert_non_null(strstr(err.msg, "'ipc' is not supported"));
}

static void replies_are_read(void **state)
{
	AUTO_STR notify = STR_INIT, message = STR_INIT;
	struct err err = ERR_INIT;
	struct criu_reply reply;

	(void)state;
	pb_put_string(&notify, 1, "setup-namespaces");
	pb_put_number(&notify, 2, 77);
	pb_put_number(&message, 1, CRIU_NOTIFY);
	pb_put_number(&message, 2, 1);
	pb_put_message(&message, 5, &notify);
	pb_put_string(&message, 9, "two\nlines");
	assert_int_equal(criu_reply_parse(message.s, message.len, &reply, &err), 0);
	assert_true(reply.type == CRIU_NOTIFY && reply.success && reply.pid == 77);
	assert_string_equal(reply.script, "setup-namespaces");
	assert_string_equal(reply.error, "two?lines");
	assert_int_equal(criu_reply_parse(message.s, message.len - 1, &reply, &err), -1);
}

static void last_error_of_a_log_is_found(void **state)
{
	char log[] = "(00.01) Error (criu/a.c:1): first\n"
		     "(00.02) Warn  (criu/b.c:2): no error\n"
		     "(00.03)     12: Error (criu/c.c:3): mnt: no mapping\n"
		     "(00.04) Error (criu/util.c:4): exited, status=1\n"
		     "(00.05) Error (criu/cr-dump.c:5): Dumping FAILED.\n";
	char only[] = "(00.05) Error (criu/cr-dump.c:5): Dumping FAILED.";
	char none[] = "(00.05) all is well\n";

	(void)state;
	assert_string_equal(criu_find_error(log), "criu/c.c:3): mnt: no mapping");
	assert_string_equal(criu_find_error(only), "criu/cr-dump.c:5): Dumping FAILED.");
	assert_null(criu_find_error(none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_become_fields),
		cmocka_unit_test(requests_have_what_a_container_needs),
		cmocka_unit_test(network_is_locked_for_connections_only),
		cmocka_unit_test(parts_are_added),
		cmocka_unit_test(bad_texts_are_refused),
		cmocka_unit_test(replies_are_read),
		cmocka_unit_test(last_error_of_a_log_is_found),
	};

	return cmocka_run_group_tests_name("criu", tests, NULL, NULL);
}
