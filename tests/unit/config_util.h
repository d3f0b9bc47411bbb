/* SPDX-License-Identifier: Apache-2.0 */
/* config_util.h - what the tests of oci/config share: small configs and their verdicts */
#pragma once

#include "base_util.h"

#include "base/str.h"
#include "oci/config.h"

/* Namespaces that most rules want. */
#define NS "\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"uts\"},{\"type\":\"pid\"}]"

/* A config that is accepted, with more members in `process`, in `linux` and in the document; each
 * is
 * "" or starts with a comma. LINUX is the whole content of the object. */
static inline UNUSED char *make_config(const char *process, const char *linux_, const char *top)
{
	struct str text = STR_INIT;

	str_addf(&text,
		 "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"},"
		 "\"process\":{\"cwd\":\"/\",\"args\":[\"sh\"]%s},\"linux\":{%s}%s}",
		 process, linux_, top);
	assert_non_null(str_text(&text));
	return text.s;
}

/* The failure without its position ("linux.x: what is wrong"), all lines of it; "" when accepted.
 */
static inline UNUSED const char *verdict_of(const char *json, bool validate)
{
	static char lines[4096];
	struct err err = ERR_INIT;
	AUTO_CONFIG c = NULL;

	int r = config_parse("c", json, strlen(json), validate, &c, &err);
	assert_int_equal(r, err.kind == ERR_NONE ? 0 : -1);
	lines[0] = '\0';
	if (r == 0) {
		assert_non_null(c);
		return lines;
	}
	assert_null(c);
	assert_int_equal(err.kind, ERR_CONFIG);

	/* c:LINE:COL: text */
	char *out = lines, *rest = err.msg, *line;
	while ((line = strsep(&rest, "\n"))) {
		char *text = strstr(line, ": ");
		assert_non_null(text);
		assert_memory_equal(line, "c:1:", 4);
		out = stpcpy(out, out == lines ? "" : "\n");
		out = stpcpy(out, text + 2);
	}
	return lines;
}

enum part {
	IN_PROCESS,
	IN_LINUX,
	IN_LINUX_NS,
	IN_TOP
};

/* The small config with MORE (without a leading comma) in one part of it. IN_LINUX_NS is IN_LINUX
 * together with NS. */
static inline UNUSED char *config_with(enum part part, const char *more)
{
	AUTO_STR with_comma = STR_INIT;
	AUTO_STR linux_ = STR_INIT;

	str_addf(&with_comma, "%s%s", *more ? "," : "", more);
	str_addf(&linux_, "%s%s", NS, part == IN_LINUX_NS ? with_comma.s : "");
	return make_config(part == IN_PROCESS ? with_comma.s : "",
			   part == IN_LINUX ? more : linux_.s, part == IN_TOP ? with_comma.s : "");
}

static inline UNUSED const char *verdict(enum part part, const char *more)
{
	char *json = config_with(part, more);
	const char *v = verdict_of(json, true);

	free(json);
	return v;
}

struct verdict_case {
	enum part part;
	const char *more;
	const char *failure; /* "" : accepted; otherwise how the failure begins */
};

static inline UNUSED void check_verdicts(const struct verdict_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *v = verdict(cases[i].part, cases[i].more);
		const char *want = cases[i].failure;
		if (*want ? strncmp(v, want, strlen(want)) != 0 : *v)
			fail_msg("%s: '%s', expected '%s'", cases[i].more, v,
				 *want ? want : "accepted");
	}
}

/* The accepted config; the caller frees it and *RET_TEXT. */
static inline UNUSED struct oci_config *accepted(enum part part, const char *more, char **ret_text)
{
	struct err err = ERR_INIT;
	struct oci_config *c = NULL;

	*ret_text = config_with(part, more);
	if (config_parse("c", *ret_text, strlen(*ret_text), true, &c, &err) < 0)
		fail_msg("%s", err.msg);
	return c;
}
