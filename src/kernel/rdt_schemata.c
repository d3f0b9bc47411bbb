/* SPDX-License-Identifier: Apache-2.0 */
/* The schemata of a class: "RESOURCE:DOMAIN=VALUE;DOMAIN=VALUE" lines, as in
 * Documentation/arch/x86/resctrl.rst. */
#include <fcntl.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/str.h"
#include "kernel/rdt-internal.h"

/* A part of a text, without blanks around it. */
struct span {
	const char *s;
	size_t len;
};

static struct span trim(const char *s, size_t len)
{
	while (len > 0 && (*s == ' ' || *s == '\t')) {
		s++;
		len--;
	}
	while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '\t'))
		len--;
	return (struct span){ s, len };
}

/* Cuts the part before STOP off *REST; false at the end of it. */
static bool next_part(struct span *rest, char stop, struct span *ret)
{
	if (rest->len == 0)
		return false;

	const char *end = memchr(rest->s, stop, rest->len);
	size_t len = end ? (size_t)(end - rest->s) : rest->len;

	*ret = trim(rest->s, len);
	rest->s += len + (end != NULL);
	rest->len -= len + (end != NULL);
	return true;
}

static bool same(struct span a, struct span b)
{
	return a.len == b.len && memcmp(a.s, b.s, a.len) == 0;
}

/* The list behind "NAME:" in TEXT. */
static bool find_resource(const char *text, struct span name, struct span *ret)
{
	struct span lines = { text, strlen(text) };
	struct span line, found;

	while (next_part(&lines, '\n', &line)) {
		if (next_part(&line, ':', &found) && same(found, name)) {
			*ret = line;
			return true;
		}
	}
	return false;
}

static bool find_domain(struct span list, struct span id, struct span *ret)
{
	struct span domain, found;

	while (next_part(&list, ';', &domain)) {
		if (next_part(&domain, '=', &found) && same(found, id)) {
			*ret = trim(domain.s, domain.len);
			return true;
		}
	}
	return false;
}

/* Without "0x" and leading zeroes. */
static struct span significant(struct span v)
{
	if (v.len > 2 && v.s[0] == '0' && (v.s[1] == 'x' || v.s[1] == 'X'))
		v = (struct span){ v.s + 2, v.len - 2 };
	while (v.len > 1 && *v.s == '0')
		v = (struct span){ v.s + 1, v.len - 1 };
	return v;
}

static int number(struct span v, uint64_t *ret)
{
	char text[24];

	v = significant(v);
	if (v.len >= sizeof(text))
		return -1;
	memcpy(text, v.s, v.len);
	text[v.len] = '\0';
	return parse_u64(text, ret);
}

/* Bit masks are compared as text, so their length has no limit. */
static bool same_value(struct span resource, struct span has, struct span wanted,
		       unsigned long step)
{
	struct span mb = { "MB", 2 }, smba = { "SMBA", 4 };
	struct span a = significant(has), b = significant(wanted);
	uint64_t is, asked;

	if (a.len == b.len && strncasecmp(a.s, b.s, a.len) == 0)
		return true;
	if (!same(resource, mb) && !same(resource, smba))
		return false;
	return number(has, &is) == 0 && number(wanted, &asked) == 0 && is > asked &&
	       is - asked < step;
}

#define SHOWN(span) (int)((span).len < 64 ? (span).len : 64), (span).s

static int compare_line(const char *text, struct span line, unsigned long step, struct err *err)
{
	struct span resource, list, domain, id, has;
	struct span whole = line;

	if (!next_part(&line, ':', &resource) || resource.len == 0 ||
	    !find_resource(text, resource, &list))
		return err_set(err, ERR_SYSTEM, "schemata: the class has no resource '%.*s'",
			       SHOWN(whole));
	while (next_part(&line, ';', &domain)) {
		struct span rest = domain;

		if (domain.len == 0)
			continue;
		if (!next_part(&rest, '=', &id) || !find_domain(list, id, &has))
			return err_set(err, ERR_SYSTEM,
				       "schemata: resource '%.*s' has no domain '%.*s'",
				       SHOWN(resource), SHOWN(domain));
		if (!same_value(resource, has, trim(rest.s, rest.len), step))
			return err_set(err, ERR_SYSTEM,
				       "schemata: the class has '%.*s:%.*s=%.*s', not '%.*s'",
				       SHOWN(resource), SHOWN(id), SHOWN(has), SHOWN(domain));
	}
	return 0;
}

int rdt_compare(const char *text, const char *wanted, unsigned long step, struct err *err)
{
	struct span lines = { wanted, strlen(wanted) };
	struct span line;

	while (next_part(&lines, '\n', &line)) {
		if (compare_line(text, line, step, err) < 0)
			return -1;
	}
	return 0;
}

/* Granularity of memory bandwidth; 1 where there is none. */
static unsigned long bandwidth_step(int root)
{
	char text[32];
	uint64_t step;

	if (file_read_small_at(root, "info/MB/bandwidth_gran", text, sizeof(text)) < 0)
		return 1;
	text[strcspn(text, "\n")] = '\0';
	return parse_u64(text, &step) == 0 && step > 0 ? step : 1;
}

int rdt_check_schemata(int root, int dir, const char *wanted, struct err *err)
{
	AUTO_ARENA a = ARENA_INIT;
	char *text;
	size_t len;

	if (file_read_at(dir, "schemata", RDT_SCHEMATA_MAX, &a, &text, &len, err) < 0)
		return -1;
	return rdt_compare(text, wanted, bandwidth_step(root), err);
}

int rdt_explain(int root, struct err *err)
{
	char text[256];

	if (file_read_small_at(root, "info/last_cmd_status", text, sizeof(text)) < 0)
		return -1;
	text[strcspn(text, "\n")] = '\0';
	if (*text && strcmp(text, "ok") != 0) {
		struct err first = *err;
		return err_set(err, ERR_SYSTEM, "%s (%s)", first.msg, text);
	}
	return -1;
}

int rdt_write_schemata(int root, int dir, const char *wanted, struct err *err)
{
	if (file_write_at(dir, "schemata", wanted, err) < 0)
		return rdt_explain(root, err);
	return rdt_check_schemata(root, dir, wanted, err);
}
