/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of fields and names hold together. With an argument the program serves test_schema.py:
 *   tables   prints every table of fields and every enumeration
 *   decode   reads documents, each ended by a NUL, and prints a line with the verdict on each */
#include "base_util.h"

#include "base/str.h"
#include "oci/config.h"
#include "oci/names.h"

static const struct {
	const char *name;
	const struct name_value *table;
} enumerations[] = {
	/* clang-format off */
	{ "NamespaceType",     oci_namespaces },
	{ "SeccompAction",     oci_seccomp_actions },
	{ "SeccompOperators",  oci_seccomp_ops },
	{ "SeccompArch",       oci_seccomp_archs },
	{ "SeccompFlag",       oci_seccomp_flags },
	{ "SchedulerPolicy",   oci_scheduler_policies },
	{ "SchedulerFlag",     oci_scheduler_flags },
	{ "MemoryPolicyMode",  oci_memory_policies },
	{ "MemoryPolicyFlag",  oci_memory_policy_flags },
	{ "PersonalityDomain", oci_personalities },
	{ "RootfsPropagation", oci_propagations },
	{ "IOPriorityClass",   oci_io_classes },
	/* clang-format on */
};

/* A key twice, or more fields than json_decode() can count, would be a silent loss. */
static void tables_of_fields_are_sound(void **state)
{
	(void)state;

	for (const struct config_table *t = config_tables; t->schema_path; t++) {
		size_t n = 0;

		for (; t->fields[n].key; n++) {
			assert_non_null(t->fields[n].decode);
			for (size_t i = 0; i < n; i++)
				assert_string_not_equal(t->fields[i].key, t->fields[n].key);
		}
		assert_in_range(n, 1, 64);
		for (const struct config_table *u = config_tables; u < t; u++)
			assert_string_not_equal(u->schema_path, t->schema_path);
	}
}

static int print_tables(void)
{
	for (const struct config_table *t = config_tables; t->schema_path; t++) {
		for (const struct json_field *f = t->fields; f->key; f++)
			printf("field\t%s\t%s\t%s\n", t->schema_path, f->key,
			       f->required ? "required" : "optional");
	}
	for (size_t i = 0; i < ARRAY_LEN(enumerations); i++) {
		for (const struct name_value *n = enumerations[i].table; n->name; n++)
			printf("name\t%s\t%s\n", enumerations[i].name, n->name);
	}
	return 0;
}

static void print_verdict(const char *text, size_t len)
{
	struct err err = ERR_INIT;
	AUTO_CONFIG c = NULL;

	if (config_parse("c", text, len, false, &c, &err) == 0)
		printf("ok\n");
	else
		printf("%.*s\n", (int)strcspn(err.msg, "\n"), err.msg);
}

static int decode_documents(void)
{
	AUTO_STR in = STR_INIT;
	char buf[65536];
	size_t n;

	while ((n = fread(buf, 1, sizeof(buf), stdin)) > 0)
		str_addn(&in, buf, n);
	if (!str_text(&in))
		return 1;
	for (size_t at = 0; at < in.len;) {
		size_t len = strlen(in.s + at);
		print_verdict(in.s + at, len);
		at += len + 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_of_fields_are_sound),
	};

	if (argc > 1 && strcmp(argv[1], "tables") == 0)
		return print_tables();
	if (argc > 1 && strcmp(argv[1], "decode") == 0)
		return decode_documents();
	return cmocka_run_group_tests_name("oci/config tables", tests, NULL, NULL);
}
