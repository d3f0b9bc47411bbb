/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/arena.h"
#include "base/fd.h"
#include "cli/cli.h"
#include "cli/passwd.h"
#include "oci/features.h"

/* clang-format off */
static const struct opt list_opts[] = {
	{ "format", 'f', OPT_CHOICE, offsetof(struct cli, format), "FORMAT",
	  "table or json (default: table)", cli_formats },
	{ "quiet", 'q', OPT_FLAG, offsetof(struct cli, quiet), NULL,
	  "print ids only", NULL },
	OPT_HELP_ROW,
	OPT_END,
};
/* clang-format on */

enum {
	ID,
	PID,
	STATUS,
	BUNDLE,
	CREATED,
	OWNER,
	N_COLUMNS
};

struct row {
	const char *cells[N_COLUMNS];
};

/* What is missing in a broken entry is "-", so that columns can be counted by scripts. A bundle
 * path may contain anything; on a terminal it must stay one harmless line. */
static const char *cell(struct arena *a, const char *text)
{
	char *copy = arena_strdup(a, text && text[0] != '\0' ? text : "-");

	if (copy)
		err_make_line(copy);

	return copy;
}

static int make_row(struct arena *a, const struct container_info *info, struct row *ret,
		    struct err *err)
{
	ret->cells[ID] = cell(a, info->state.id);
	ret->cells[PID] = arena_printf(a, "%d", (int)info->state.pid);
	ret->cells[STATUS] = status_name(info->state.status);
	ret->cells[BUNDLE] = cell(a, info->state.bundle);
	ret->cells[CREATED] = cell(a, info->state.created);
	ret->cells[OWNER] = cell(a, info->state.owner);
	for (int i = 0; i < N_COLUMNS; i++) {
		if (!ret->cells[i])
			return err_oom(err);
	}

	return 0;
}

static void print_rows(struct str *out, const struct row *rows, size_t n)
{
	size_t width[N_COLUMNS] = { 0 };

	for (size_t r = 0; r < n; r++) {
		for (int i = 0; i < N_COLUMNS; i++) {
			size_t len = strlen(rows[r].cells[i]);
			if (len > width[i])
				width[i] = len;
		}
	}

	for (size_t r = 0; r < n; r++) {
		for (int i = 0; i < OWNER; i++) {
			size_t pad = width[i] - strlen(rows[r].cells[i]) + 3;

			str_add(out, rows[r].cells[i]);
			str_addf(out, "%*s", (int)pad, "");
		}
		str_addf(out, "%s\n", rows[r].cells[OWNER]);
	}
}

static int print_table(struct str *out, struct arena *a, const struct container_info *infos,
		       size_t n, struct err *err)
{
	static const struct row header = { { "ID", "PID", "STATUS", "BUNDLE", "CREATED",
					     "OWNER" } };

	struct row *rows = ARENA_NEW(a, struct row, n + 1);
	if (!rows)
		return err_oom(err);

	rows[0] = header;
	for (size_t i = 0; i < n; i++) {
		if (make_row(a, &infos[i], &rows[i + 1], err) < 0)
			return -1;
	}
	print_rows(out, rows, n + 1);

	return 0;
}

static void print_json(struct str *out, const struct container_info *infos, size_t n)
{
	str_add(out, "[");
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			str_add(out, ",");
		state_print(out, &infos[i].state, 0);
	}
	str_add(out, "]\n");
}

/* Owners' names, the annotations where state_print() looks for them, and for a broken entry what
 * the document must have. */
static int complete(struct arena *a, struct container_info *infos, size_t n, struct err *err)
{
	const char *users = n > 0 ? passwd_load(a) : "";

	for (size_t i = 0; i < n; i++) {
		struct container_info *info = &infos[i];

		info->state.annotations = &info->annotations;
		if (!info->state.oci_version)
			info->state.oci_version = OCI_VERSION_MAX;
		if (!info->state.bundle)
			info->state.bundle = "";
		info->state.owner = passwd_name(users, info->owner, a);
		if (!info->state.owner)
			return err_oom(err);
	}

	return 0;
}

static int do_list(struct cli *c, struct err *err)
{
	AUTO_ARENA arena = ARENA_INIT;
	AUTO_FD root = -1;
	struct container_info *infos;
	size_t n;

	if (cli_open_root(c, false, &root, err) < 0 ||
	    container_list(root, &arena, &infos, &n, err) < 0)
		return -1;

	if (c->quiet) {
		for (size_t i = 0; i < n; i++)
			str_addf(&c->out, "%s\n", infos[i].state.id);
		return 0;
	}
	if (complete(&arena, infos, n, err) < 0)
		return -1;
	if (c->format != FORMAT_JSON)
		return print_table(&c->out, &arena, infos, n, err);
	print_json(&c->out, infos, n);

	return 0;
}

const struct command command_list = {
	.name = "list",
	.operands = "",
	.summary = "list the containers of the state root",
	.text = "Lists all containers of the state root, one per line, or as one JSON array of\n"
		"their states. A damaged entry has the status unknown.\n",
	.example = "  # cruntime list --format json\n",
	.opts = list_opts,
	.run = do_list,
};
