/* SPDX-License-Identifier: Apache-2.0 */
#include "base_util.h"

#include <sys/socket.h>

#include "base/fd.h"
#include "container/sync.h"

static void make_pair(int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
}

static void failure_arrives_as_it_was_set(void **state)
{
	struct err sent = ERR_INIT, got = ERR_INIT;
	enum sync_type type;
	int pair[2];
	(void)state;
	make_pair(pair);
	err_set(&sent, ERR_HOOK, "a '%s' b", "x");
	sent.sys = 5;

	sync_send_failure(pair[0], &sent);
	assert_int_equal(sync_recv(pair[1], &type, NULL, &got), 0);

	assert_int_equal(type, SYNC_FAILED);
	assert_string_equal(got.msg, "a 'x' b");
	assert_int_equal(got.kind, ERR_HOOK);
	assert_int_equal(got.sys, 5);
	close(pair[0]);
	close(pair[1]);
}

static void longest_failure_arrives_whole(void **state)
{
	struct err sent = ERR_INIT, got = ERR_INIT;
	char text[sizeof(sent.msg) * 2];
	enum sync_type type;
	int pair[2];
	(void)state;
	make_pair(pair);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&sent, ERR_SYSTEM, "%s", text);

	sync_send_failure(pair[0], &sent);
	assert_int_equal(sync_recv(pair[1], &type, NULL, &got), 0);

	assert_string_equal(got.msg, sent.msg);
	close(pair[0]);
	close(pair[1]);
}

static void descriptor_comes_along_close_on_exec(void **state)
{
	struct err err = ERR_INIT;
	enum sync_type type;
	int pair[2], got = -1;
	(void)state;
	make_pair(pair);

	assert_int_equal(sync_send(pair[0], SYNC_CONSOLE, 0, &err), 0);
	assert_int_equal(sync_recv(pair[1], &type, &got, &err), 0);

	assert_int_equal(type, SYNC_CONSOLE);
	assert_true(got > 2 && is_cloexec(got));
	close(got);
	close(pair[0]);
	close(pair[1]);
}

static void end_of_file_is_told_and_is_not_what_was_expected(void **state)
{
	struct err err = ERR_INIT;
	enum sync_type type;
	int pair[2];
	(void)state;
	make_pair(pair);
	close(pair[0]);

	assert_int_equal(sync_recv(pair[1], &type, NULL, &err), 0);
	assert_int_equal(type, SYNC_EOF);
	assert_int_equal(sync_expect(pair[1], SYNC_GO, &err), -1);
	close(pair[1]);
}

/* The child lives in attacker-chosen mounts: its bytes are checked like any input. */
static void malformed_messages_are_refused(void **state)
{
	static const struct {
		uint32_t words[4];
		size_t len;
	} bad[] = {
		{ { 0 }, 4 },           { { SYNC_EOF }, 4 },
		{ { 4711 }, 4 },        { { SYNC_READY }, 2 },
		{ { SYNC_FAILED }, 4 }, { { SYNC_FAILED, 0xffff0001, 0, 0x41414141 }, 16 },
	};
	int pair[2];
	(void)state;
	make_pair(pair);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = ERR_INIT;
		enum sync_type type;
		assert_true(send(pair[0], bad[i].words, bad[i].len, 0) == (ssize_t)bad[i].len);
		assert_int_equal(sync_recv(pair[1], &type, NULL, &err), -1);
		assert_int_equal(err.kind, ERR_BUG);
	}
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failure_arrives_as_it_was_set),
		cmocka_unit_test(longest_failure_arrives_whole),
		cmocka_unit_test(descriptor_comes_along_close_on_exec),
		cmocka_unit_test(end_of_file_is_told_and_is_not_what_was_expected),
		cmocka_unit_test(malformed_messages_are_refused),
	};

	return cmocka_run_group_tests_name("sync", tests, NULL, NULL);
}
