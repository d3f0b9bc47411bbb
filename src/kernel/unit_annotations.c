/* SPDX-License-Identifier: Apache-2.0 */
/* Annotations "org.systemd.property.NAME", with a value in GVariant's text form.
 *
 * Whoever fills in annotations is mostly not the one who may change the host (S-29,
 * CVE-2024-3154), so there is a list of what may be set: how the scope ends, and nothing that
 * starts, orders or limits anything else. Limits belong to linux.resources. */
#include <inttypes.h>
#include <string.h>

#include "base/str.h"
#include "unit-internal.h"

#define PREFIX       "org.systemd.property."
#define USEC_PER_SEC 1000000

/* ---- values --------------------------------------------------------------------------------- */

enum kind {
	KIND_NONE,
	KIND_BOOL,
	KIND_NUMBER,
	KIND_TEXT
};
struct value {
	enum kind kind;
	uint64_t number;
	const char *text;
};

static const char *skip_type(const char *s)
{
	static const char *const types[] = { "byte ",  "int16 ",  "uint16 ",  "int32 ",  "uint32 ",
					     "int64 ", "uint64 ", "boolean ", "string ", "@y ",
					     "@n ",    "@q ",     "@i ",      "@u ",     "@x ",
					     "@t ",    "@b ",     "@s " };

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (str_starts(s, types[i]))
			return s + strlen(types[i]) + strspn(s + strlen(types[i]), " ");
	}

	return s;
}

/* 'text', "text", true, 15, uint64 10. The type that it names is of no importance: the property has
 * one. */
static int parse_value(const char *s, struct arena *a, struct value *ret, struct err *err)
{
	struct value v = { .kind = KIND_NONE };
	size_t len;

	s = skip_type(s + strspn(s, " "));
	len = strlen(s);
	while (len > 0 && s[len - 1] == ' ')
		len--;

	char *word = arena_strndup(a, s, len);
	if (!word)
		return err_oom(err);
	if (len >= 2 && (*s == '\'' || *s == '"') && s[len - 1] == *s &&
	    !memchr(s + 1, *s, len - 2) && !memchr(s, '\\', len)) {
		word[len - 1] = '\0';
		v = (struct value){ .kind = KIND_TEXT, .text = word + 1 };
	} else if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0) {
		v = (struct value){ .kind = KIND_BOOL, .number = *word == 't' };
	} else if (parse_u64(word, &v.number) == 0) {
		v.kind = KIND_NUMBER;
	}

	*ret = v;
	return 0;
}

/* ---- what may be set ------------------------------------------------------------------------ */

static const struct allowed {
	const char *name;     /* in the annotation */
	const char *property; /* of the unit */
	char type;
	uint64_t scale, max;
	const char *expected;
} allowed[] = {
	/* clang-format off */
	{ "CollectMode",     "CollectMode",     's', 0, 0, "'inactive' or 'inactive-or-failed'" },
	{ "KillSignal",      "KillSignal",      'i', 1, 64, "the number of a signal" },
	{ "RuntimeMaxSec",   "RuntimeMaxUSec",  't', USEC_PER_SEC, UINT64_MAX, "whole seconds" },
	{ "RuntimeMaxUSec",  "RuntimeMaxUSec",  't', 1, UINT64_MAX, "whole microseconds" },
	{ "SendSIGHUP",      "SendSIGHUP",      'b', 0, 0, "true or false" },
	{ "TimeoutStopSec",  "TimeoutStopUSec", 't', USEC_PER_SEC, UINT64_MAX, "whole seconds" },
	{ "TimeoutStopUSec", "TimeoutStopUSec", 't', 1, UINT64_MAX, "whole microseconds" },
	/* clang-format on */
};

static int fail_name(const struct oci_config *c, const struct json_pair *p, struct err *err)
{
	AUTO_STR names = STR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		str_addf(&names, "%s%s", i ? ", " : "", allowed[i].name);
	if (!str_text(&names))
		return err_oom(err);

	return config_fail(
		c, p->at, err,
		"annotations.%s: this property may not be set by an annotation; allowed: "
		"%s",
		p->key, names.s);
}

static bool convert(const struct allowed *w, const struct value *v, struct unit_property *ret)
{
	struct unit_property p = { .name = w->property, .type = w->type };

	switch (w->type) {
	case 's':
		p.text = v->text;
		if (v->kind != KIND_TEXT || (strcmp(v->text, "inactive") != 0 &&
					     strcmp(v->text, "inactive-or-failed") != 0))
			return false;
		break;
	case 'b':
		p.number = v->number;
		if (v->kind != KIND_BOOL)
			return false;
		break;
	default:
		if (v->kind != KIND_NUMBER || (w->type == 'i' && v->number == 0) ||
		    __builtin_mul_overflow(v->number, w->scale, &p.number) || p.number > w->max)
			return false;
	}

	*ret = p;
	return true;
}

static int take(const struct oci_config *c, const struct json_pair *p, struct arena *a,
		struct unit_property *ret, struct err *err)
{
	const char *name = p->key + sizeof(PREFIX) - 1;
	char shown[JSON_SHOWN];
	struct value v = { .kind = KIND_NONE };

	for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
		if (strcmp(name, allowed[i].name) != 0)
			continue;
		if (parse_value(p->value, a, &v, err) < 0)
			return -1;
		if (convert(&allowed[i], &v, ret))
			return 0;
		return config_fail(c, p->at, err, "annotations.%s: expected %s, found \"%s\"",
				   p->key, allowed[i].expected, json_shown(p->value, shown));
	}

	return fail_name(c, p, err);
}

int unit_annotations(const struct oci_config *c, struct arena *a, struct unit_properties *ret,
		     struct err *err)
{
	struct unit_properties out = { .n = 0 };

	out.v = ARENA_NEW(a, struct unit_property, c->annotations.n);
	if (!out.v)
		return err_oom(err);
	for (size_t i = 0; i < c->annotations.n; i++) {
		const struct json_pair *p = &c->annotations.v[i];

		if (!str_starts(p->key, PREFIX))
			continue;
		if (take(c, p, a, &out.v[out.n], err) < 0)
			return -1;
		out.n++;
	}

	*ret = out;
	return 0;
}
