/* SPDX-License-Identifier: Apache-2.0 */
/* test_keyring.c - kernel/keyring: R-LNX-09 */
#include "kernel_util.h"

#include <linux/keyctl.h>
#include <sys/syscall.h>

#include "kernel/keyring.h"

static long session_keyring(void)
{
	return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
}

static void need_keyrings(void)
{
	if (session_keyring() < 0 && errno == ENOSYS)
		skip_child("no keyrings in this kernel");
}

static void join(void)
{
	struct err err = ERR_INIT;
	char text[512];

	need_keyrings();
	long before = session_keyring();
	REQUIRE_OK(keyring_join(".web+1", &err), err);
	long after = session_keyring();
	REQUIRE(after > 0 && after != before);
	REQUIRE(syscall(SYS_keyctl, KEYCTL_DESCRIBE, after, text, sizeof(text)) > 0);
	REQUIRE(strstr(text, ";_ses..web+1"));
}

static void the_session_keyring_is_new_and_has_the_id(void **state)
{
	(void)state;
	in_child(join);
}

/* Two containers with one id (other state roots) must not share keys. */
static void join_twice(void)
{
	struct err err = ERR_INIT;

	need_keyrings();
	REQUIRE_OK(keyring_join("same", &err), err);
	long first = session_keyring();
	pid_t pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		/* leaves the first, so that only its name could lead back */
		REQUIRE(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) > 0);
		REQUIRE_OK(keyring_join("same", &err), err);
		REQUIRE(session_keyring() != first);
		_exit(0);
	}
	int status;
	REQUIRE(waitpid(pid, &status, 0) == pid && status == 0);
}

static void the_same_id_gets_another_keyring(void **state)
{
	(void)state;
	in_child(join_twice);
}

static void endless_ids_are_refused(void **state)
{
	struct err err = ERR_INIT;
	char id[300];
	(void)state;

	memset(id, 'a', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	assert_int_equal(keyring_join(id, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_session_keyring_is_new_and_has_the_id),
		cmocka_unit_test(the_same_id_gets_another_keyring),
		cmocka_unit_test(endless_ids_are_refused),
	};

	return cmocka_run_group_tests_name("keyring", tests, NULL, NULL);
}
