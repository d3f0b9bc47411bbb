/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/opt.h"

#include <stdint.h>
#include <string.h>

#include "base/arena.h"

/* Longer than the longest table; only bounds the list of candidates for "did you mean". */
#define MAX_OPTIONS 32

/* One option as it was written. */
struct word {
	const struct opt *opt;
	const char *written; /* for messages: "--bundle", "-b" */
	size_t written_len;
	const char *value; /* joined to it, or NULL */
};

static const struct opt *find_long(const struct opt *table, const char *name, size_t len)
{
	for (const struct opt *o = table; o->name; o++) {
		if (strlen(o->name) == len && strncmp(o->name, name, len) == 0)
			return o;
	}

	return NULL;
}

static const struct opt *find_letter(const struct opt *table, char letter)
{
	for (const struct opt *o = table; o->name; o++) {
		if (o->letter == letter)
			return o;
	}

	return NULL;
}

static bool takes_value(const struct opt *o)
{
	return o->type != OPT_FLAG && o->type != OPT_HELP;
}

static int set_flag(const struct word *w, bool *out, struct err *err)
{
	if (!w->value || strcmp(w->value, "true") == 0)
		*out = true;
	else if (strcmp(w->value, "false") == 0)
		*out = false;
	else
		return err_set(err, ERR_USAGE, "option '%.*s': expected true or false, found '%s'",
			       (int)w->written_len, w->written, w->value);

	return 0;
}

static int set_number(const struct word *w, unsigned *out, struct err *err)
{
	uint32_t number;

	if (parse_u32(w->value, &number) < 0 || number > OPT_NUMBER_MAX)
		return err_set(err, ERR_USAGE,
			       "option '%.*s': expected a number from 0 to %d, found '%s'",
			       (int)w->written_len, w->written, OPT_NUMBER_MAX, w->value);

	*out = number;
	return 0;
}

static int set_choice(const struct word *w, int *out, struct err *err)
{
	AUTO_STR list = STR_INIT;

	for (int i = 0; w->opt->choices[i]; i++) {
		if (strcmp(w->opt->choices[i], w->value) == 0) {
			*out = i;
			return 0;
		}
		if (i > 0)
			str_add(&list, w->opt->choices[i + 1] ? ", " : " or ");
		str_add(&list, w->opt->choices[i]);
	}

	const char *allowed = str_text(&list);
	return err_set(err, ERR_USAGE, "option '%.*s': expected %s, found '%s'",
		       (int)w->written_len, w->written, allowed ? allowed : "another value",
		       w->value);
}

static int fail_empty(const struct word *w, struct err *err)
{
	return err_set(err, ERR_USAGE, "option '%.*s': the value is empty", (int)w->written_len,
		       w->written);
}

/* There are not more values than words. */
static int add_to_list(const struct word *w, const struct opt_scan *s, struct str_list *list,
		       struct err *err)
{
	if (w->value[0] == '\0')
		return fail_empty(w, err);
	if (!list->v)
		list->v = ARENA_NEW(s->arena, const char *, s->argc);
	if (!list->v)
		return err_oom(err);
	list->v[list->n++] = w->value;

	return 0;
}

/* Stores the value of an option in the caller's struct. Returns 0, 1 for help, -1. */
static int set(const struct word *w, const struct opt_scan *s, struct err *err)
{
	void *out = (char *)s->base + w->opt->offset;

	switch (w->opt->type) {
	case OPT_FLAG:
		return set_flag(w, out, err);
	case OPT_STRING:
		if (w->value[0] == '\0')
			return fail_empty(w, err);
		*(const char **)out = w->value;
		return 0;
	case OPT_NUMBER:
		return set_number(w, out, err);
	case OPT_CHOICE:
		return set_choice(w, out, err);
	case OPT_LIST:
		return add_to_list(w, s, out, err);
	case OPT_HELP:
		return 1;
	}

	return err_set(err, ERR_BUG, "option '%s' has no type", w->opt->name);
}

static int fail_unknown(const struct opt_scan *s, const char *word, struct err *err)
{
	const char *names[MAX_OPTIONS];
	AUTO_STR name = STR_INIT;
	size_t n = 0;
	int len = (int)strcspn(word, "=");

	for (const struct opt *o = s->table; o->name && n < MAX_OPTIONS; o++)
		names[n++] = o->name;
	str_addf(&name, "%.*s", len, word);
	const char *text = str_text(&name);
	if (!text)
		return err_oom(err);
	text += strspn(text, "-");

	if (s->global && find_long(s->global, text, strlen(text)))
		return err_set(err, ERR_USAGE, "global option '%.*s' belongs before the command",
			       len, word);
	const char *nearest = str_nearest(text, names, n);
	if (nearest)
		return err_set(err, ERR_USAGE, "unknown option '%.*s', did you mean '--%s'?", len,
			       word, nearest);

	return err_set(err, ERR_USAGE, "unknown option '%.*s'", len, word);
}

/* The value of an option is the text joined to it or else the next word, whatever that looks like.
 */
static int set_with_next(struct word *w, struct opt_scan *s, size_t *i, struct err *err)
{
	if (takes_value(w->opt) && !w->value) {
		if (*i + 1 >= s->argc)
			return err_set(err, ERR_USAGE, "option '%.*s' requires an argument",
				       (int)w->written_len, w->written);
		w->value = s->argv[++*i];
	}

	return set(w, s, err);
}

/* "-abc": flags a and b, then c, which may take the rest or the next word as its value. */
static int parse_cluster(struct opt_scan *s, size_t *i, struct err *err)
{
	const char *text = s->argv[*i];

	for (const char *p = text + 1; *p; p++) {
		char written[] = { '-', *p, '\0' };
		struct word w = {
			.opt = find_letter(s->table, *p),
			.written = written,
			.written_len = 2,
		};

		if (!w.opt)
			return fail_unknown(s, text, err);
		if (takes_value(w.opt)) {
			/* Both -bDIR and -b=DIR are in use. */
			if (p[1] != '\0')
				w.value = p + 1 + (p[1] == '=');
			return set_with_next(&w, s, i, err);
		}

		int r = set(&w, s, err);
		if (r != 0)
			return r;
	}

	return 0;
}

static int parse_option(struct opt_scan *s, size_t *i, struct err *err)
{
	const char *text = s->argv[*i];
	const char *name = text + (text[1] == '-' ? 2 : 1);
	size_t len = strcspn(name, "=");

	struct word w = {
		.opt = find_long(s->table, name, len),
		.written = text,
		.written_len = (size_t)(name - text) + len,
		.value = name[len] == '=' ? name + len + 1 : NULL,
	};
	if (w.opt)
		return set_with_next(&w, s, i, err);
	if (text[1] == '-')
		return fail_unknown(s, text, err);

	return parse_cluster(s, i, err);
}

int opt_parse(struct opt_scan *s, struct err *err)
{
	size_t n_operands = 0;
	bool options = true;

	for (size_t i = 0; i < s->argc; i++) {
		char *word = s->argv[i];

		/* "-" alone is an operand: it stands for a standard stream where one is read. */
		if (!options || word[0] != '-' || word[1] == '\0') {
			s->argv[n_operands++] = word;
			options = options && !s->stop_at_operand;
			continue;
		}
		if (strcmp(word, "--") == 0) {
			options = false;
			continue;
		}

		int r = parse_option(s, &i, err);
		if (r != 0)
			return r;
	}

	s->argc = n_operands;
	return 0;
}

/* Column where the explanations begin: behind "      --console-socket PATH". */
#define HELP_COLUMN 29

void opt_help(struct str *out, const struct opt *table)
{
	for (const struct opt *o = table; o->name; o++) {
		size_t start = out->len;

		if (o->letter)
			str_addf(out, "  -%c, --%s", o->letter, o->name);
		else
			str_addf(out, "      --%s", o->name);
		if (o->value)
			str_addf(out, " %s", o->value);

		size_t width = out->len - start;
		int blanks = width + 2 > HELP_COLUMN ? 2 : (int)(HELP_COLUMN - width);
		str_addf(out, "%*s%s\n", blanks, "", o->help);
	}
}
