/* SPDX-License-Identifier: Apache-2.0 */
/* How the unit is called, where it belongs, and what else it is asked to be. */
#include "kernel/unit.h"

#include <string.h>

#include "base/str.h"
#include "unit-internal.h"

#define SUFFIX  ".scope"
#define SLICE   ".slice"
#define DEFAULT "cruntime"

static const char name_chars[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\";

static bool ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && strcmp(s + n - m, suffix) == 0;
}

/* systemd.slice(5): the dashes of the name are the path to it. */
const char *unit_expand_slice(const char *slice, struct arena *a, const char **why)
{
	AUTO_STR b = STR_INIT;
	size_t len = strlen(slice);

	*why = NULL;
	if (strcmp(slice, "-" SLICE) == 0)
		return "";
	if (!ends_with(slice, SLICE) || len == sizeof(SLICE) - 1)
		*why = "a slice is called NAME.slice";
	else if (len > UNIT_NAME_MAX)
		*why = "it is too long";
	else if (strspn(slice, name_chars) != len)
		*why = "allowed are letters, digits and :-_.\\";
	if (*why)
		return NULL;

	size_t end = len - (sizeof(SLICE) - 1);
	for (size_t i = 0; i <= end; i++) {
		if (i < end && slice[i] != '-')
			continue;
		if (i == 0 || slice[i - 1] == '-') {
			*why = "a part of it between dashes is empty";
			return NULL;
		}
		str_addf(&b, "/%.*s" SLICE, (int)i, slice);
	}

	return str_text(&b) ? arena_strdup(a, b.s) : NULL;
}

/* ---- cgroupsPath ---------------------------------------------------------------------------- */

struct parts {
	const char *slice, *prefix, *name; /* as given; NULL: the default */
};

static int fail_path(const struct oci_config *c, struct err *err, const char *what)
{
	return config_fail(c, c->linux_.cgroups_path_at, err, "linux.cgroupsPath: '%s' %s",
			   c->linux_.cgroups_path, what);
}

/* The three parts; what is empty is as if it were not given. */
static int split(const struct oci_config *c, struct arena *a, struct parts *ret, struct err *err)
{
	const char *given = c->linux_.cgroups_path;
	struct parts p = { .slice = NULL };

	if (!given) {
		*ret = p;
		return 0;
	}
	const char *first = strchr(given, ':');
	const char *second = first ? strchr(first + 1, ':') : NULL;
	if (!second || strchr(second + 1, ':'))
		return fail_path(c, err,
				 "is not of the form \"slice:prefix:name\" that the systemd cgroup "
				 "driver needs");

	if (first > given)
		p.slice = arena_strndup(a, given, (size_t)(first - given));
	p.prefix = arena_strndup(a, first + 1, (size_t)(second - first - 1));
	if (second[1])
		p.name = arena_strdup(a, second + 1);
	if ((first > given && !p.slice) || !p.prefix || (second[1] && !p.name))
		return err_oom(err);

	*ret = p;
	return 0;
}

/* An id can have a '+', a unit cannot. */
static void add_escaped(struct str *b, const char *id)
{
	for (const char *s = id; *s; s++) {
		if (strchr(name_chars, *s))
			str_addn(b, s, 1);
		else
			str_addf(b, "\\x%02x", (unsigned char)*s);
	}
}

static int plan_name(const struct oci_config *c, const struct parts *p, const char *id,
		     struct arena *a, struct unit_plan *u, struct err *err)
{
	const char *prefix = p->prefix ? p->prefix : DEFAULT;
	AUTO_STR b = STR_INIT;

	if (p->name && ends_with(p->name, SLICE))
		return fail_path(c, err, "names a slice, which holds other units and no processes");
	str_addf(&b, "%s%s", prefix, *prefix ? "-" : "");
	if (p->name)
		str_add(&b, p->name);
	else
		add_escaped(&b, id);
	str_add(&b, SUFFIX);
	if (!str_text(&b))
		return err_oom(err);
	if (c->linux_.cgroups_path && strspn(b.s, name_chars) != b.len)
		return fail_path(c, err,
				 "is no name of a unit; allowed are letters, digits and :-_.\\");
	if (b.len > UNIT_NAME_MAX)
		return err_set(err, ERR_CONFIG,
			       "the unit '%.40s…' would have a name of %zu bytes; "
			       "allowed: %d",
			       b.s, b.len, UNIT_NAME_MAX);

	u->name = arena_strdup(a, b.s);
	return u->name ? 0 : err_oom(err);
}

static int plan_slice(const struct oci_config *c, const struct parts *p, bool user, struct arena *a,
		      struct unit_plan *u, struct err *err)
{
	const char *why;

	u->slice = p->slice ? p->slice : user ? "user" SLICE : "system" SLICE;
	if (strcmp(u->slice, "-") == 0)
		u->slice = "-" SLICE;
	const char *path = unit_expand_slice(u->slice, a, &why);
	if (!path && why)
		return config_fail(c, c->linux_.cgroups_path_at, err,
				   "linux.cgroupsPath: '%s' is no slice: %s", u->slice, why);
	u->path = path ? arena_printf(a, "%s/%s", path, u->name) : NULL;

	return u->path ? 0 : err_oom(err);
}

/* ---- all ------------------------------------------------------------------------------------ */

int unit_plan_build(const struct oci_config *c, const char *id, bool user,
		    const struct cgroup_plan *cg, struct arena *a, struct unit_plan *ret,
		    struct err *err)
{
	struct unit_plan u = { .name = NULL };
	struct unit_properties limits, asked;
	struct parts p = { .slice = NULL };

	if (split(c, a, &p, err) < 0 || plan_name(c, &p, id, a, &u, err) < 0 ||
	    plan_slice(c, &p, user, a, &u, err) < 0 ||
	    unit_translate(cg->settings, cg->n_settings, a, &limits, err) < 0 ||
	    unit_annotations(c, a, &asked, err) < 0)
		return -1;

	u.properties.v = ARENA_NEW(a, struct unit_property, limits.n + asked.n);
	if (!u.properties.v)
		return err_oom(err);
	u.properties.n = limits.n + asked.n;
	for (size_t i = 0; i < limits.n; i++)
		u.properties.v[i] = limits.v[i];
	for (size_t i = 0; i < asked.n; i++)
		u.properties.v[limits.n + i] = asked.v[i];

	*ret = u;
	return 0;
}
