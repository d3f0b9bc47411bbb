/* SPDX-License-Identifier: Apache-2.0 */
#include "base_util.h"

#include "oci/state.h"

static const char *print(const struct oci_state *s, unsigned indent)
{
	static struct str out = STR_INIT;

	str_done(&out);
	state_print(&out, s, indent);
	assert_non_null(str_text(&out));
	return out.s;
}

/* R-STATE-01, R-STATE-03, R-STATE-09; go-runc reads these members. */
static void document_has_the_members_that_callers_read(void **state)
{
	struct json_pair pairs[] = { { "b\n", "\"", 0 }, { "a", "", 0 } };
	const struct json_map annotations = { pairs, 2 };
	const struct oci_state s = {
		.oci_version = "1.0.2-dev",
		.id = "web",
		.status = STATUS_RUNNING,
		.pid = 4422,
		.bundle = "/b/\xc3\xa9",
		.rootfs = "/b/rootfs",
		.created = "2024-01-02T03:04:05.678901234Z",
		.owner = "",
		.annotations = &annotations,
	};
	(void)state;

	assert_string_equal(print(&s, 0),
			    "{\"ociVersion\":\"1.0.2-dev\",\"id\":\"web\",\"pid\":4422,\"status\":"
			    "\"running\",\"bundle\":\"/b/\xc3\xa9\",\"rootfs\":\"/b/rootfs\","
			    "\"created\":\"2024-01-02T03:04:05.678901234Z\",\"annotations\":{"
			    "\"b\\n\":\"\\\"\",\"a\":\"\"},\"owner\":\"\"}");

	const char *indented = print(&s, 2);
	assert_int_equal(
		strncmp(indented, "{\n  \"ociVersion\": \"1.0.2-dev\",\n  \"id\": \"web\",\n", 46),
		0);
	assert_non_null(strstr(indented, "\n  \"annotations\": {\n    \"b\\n\": \"\\\"\",\n"));
	assert_string_equal(indented + strlen(indented) - 2, "\n}"); /* no newline behind */
}

/* R-STATE-06, R-STATE-08, R-HOOK-05: hooks get the members of the spec, no pid when stopped. */
static void form_for_hooks_leaves_out_what_is_absent(void **state)
{
	const struct json_map none = { NULL, 0 };
	struct oci_state s = {
		.oci_version = "1.0.0",
		.id = "i",
		.status = STATUS_STOPPED,
		.bundle = "/b",
		.annotations = &none,
	};
	(void)state;

	assert_string_equal(print(&s, 0), "{\"ociVersion\":\"1.0.0\",\"id\":\"i\",\"status\":"
					  "\"stopped\",\"bundle\":\"/b\"}");
	s.status = STATUS_CREATING;
	s.pid = 1;
	s.annotations = NULL;
	assert_string_equal(print(&s, 0), "{\"ociVersion\":\"1.0.0\",\"id\":\"i\",\"pid\":1,"
					  "\"status\":\"creating\",\"bundle\":\"/b\"}");
	s.rootfs = "/r";
	s.status = STATUS_STOPPED;
	s.pid = 0;
	assert_non_null(strstr(print(&s, 0), "\"pid\":0,"));
}

static void every_status_has_its_name(void **state)
{
	static const char *const names[] = { "creating", "created", "running",
					     "paused",   "stopped", "unknown" };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_string_equal(status_name((enum status)i), names[i]);
}

/* Checklist 23: what we print is JSON that a strict reader takes, whatever the strings hold. */
static void printed_document_can_be_parsed(void **state)
{
	struct json_pair pair = { "\x01\"\\", "\x7f\xe2\x82\xac\xff", 0 };
	const struct json_map annotations = { &pair, 1 };
	const struct oci_state s = {
		.oci_version = "1.0.0",
		.id = "\t",
		.status = STATUS_CREATED,
		.bundle = "/a\nb",
		.annotations = &annotations,
	};
	AUTO_ARENA arena = ARENA_INIT;
	struct json_doc doc;
	struct err err = ERR_INIT;
	(void)state;

	for (unsigned indent = 0; indent < 5; indent += 2) {
		const char *text = print(&s, indent);
		if (json_parse(&doc, "s", text, strlen(text), &arena, &err) < 0)
			fail_msg("%s", err.msg);
		assert_string_equal(json_member(&doc, doc.nodes, "bundle")->text, "/a\nb");
		assert_string_equal(
			json_first(&doc, json_member(&doc, doc.nodes, "annotations"))->key,
			"\x01\"\\");
	}
}

/* C-SEC-26: metadata is optional, all else is required. */
static void process_state_names_the_descriptor_and_holds_the_state(void **state)
{
	const struct oci_state container = { .oci_version = "1.0.2",
					     .id = "web",
					     .status = STATUS_CREATED,
					     .pid = 7,
					     .bundle = "/b" };
	struct oci_process_state s = {
		.oci_version = "1.0.2", .pid = 8, .metadata = "m\"", .state = &container
	};
	AUTO_STR with = STR_INIT;
	AUTO_STR without = STR_INIT;
	(void)state;

	process_state_print(&with, &s);
	assert_string_equal(str_text(&with),
			    "{\"ociVersion\":\"1.0.2\",\"fds\":[\"seccompFd\"],\"pid\":8,"
			    "\"metadata\":\"m\\\"\",\"state\":{\"ociVersion\":\"1.0.2\",\"id\":"
			    "\"web\",\"pid\":7,\"status\":\"created\",\"bundle\":\"/b\"}}");
	s.metadata = NULL;
	process_state_print(&without, &s);
	assert_null(strstr(str_text(&without), "metadata"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(document_has_the_members_that_callers_read),
		cmocka_unit_test(form_for_hooks_leaves_out_what_is_absent),
		cmocka_unit_test(every_status_has_its_name),
		cmocka_unit_test(printed_document_can_be_parsed),
		cmocka_unit_test(process_state_names_the_descriptor_and_holds_the_state),
	};

	return cmocka_run_group_tests_name("oci/state", tests, NULL, NULL);
}
