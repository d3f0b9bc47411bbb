/* SPDX-License-Identifier: Apache-2.0 */
/* Each write of an update with the text that takes it back, and both into the files. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "cgroup_update-internal.h"
#include "kernel/cgroup-internal.h"

/* One file: io.max of a machine with hundreds of disks. */
#define TEXT_MAX ((size_t)1 << 20)

/* ---- the way back --------------------------------------------------------------------------- */

/* Files with one line for each device, and what a device has that is not listed. */
static const struct keyed {
	const char *file, *nothing;
} keyed[] = {
	{ "io.max", "rbps=max wbps=max riops=max wiops=max" },
	{ "io.weight", "default" },
	{ "io.bfq.weight", "default" },
	{ "rdma.max", "hca_handle=max hca_object=max" },
	{ "misc.max", "max" },
};

static const struct keyed *find_keyed(const char *file)
{
	for (size_t i = 0; i < ARRAY_LEN(keyed); i++) {
		if (strcmp(keyed[i].file, file) == 0)
			return &keyed[i];
	}

	return NULL;
}

/* The line of TEXT that begins with the word KEY[LEN], without its newline; NULL: none. */
static const char *line_of(const char *text, const char *key, size_t len, struct arena *a)
{
	for (const char *line = text; *line;) {
		size_t n = strcspn(line, "\n");

		if (n > len && strncmp(line, key, len) == 0 && line[len] == ' ')
			return arena_strndup(a, line, n);
		line += n + (line[n] == '\n');
	}

	return NULL;
}

/* The text that brings back what S->value replaces in a file that says TEXT. */
static const char *undo_text(const struct cgroup_setting *s, const char *text, struct arena *a)
{
	const struct keyed *k = find_keyed(s->file);
	size_t len = strcspn(s->value, " ");
	size_t first = strcspn(text, "\n");

	if (k && s->value[len] == ' ') {
		const char *line = line_of(text, s->value, len, a);

		return line ? line : arena_printf(a, "%.*s %s", (int)len, s->value, k->nothing);
	}
	/* A write of nothing is none; the kernel takes an empty line for it. */
	if (first == 0)
		return "\n";

	return arena_strndup(a, text, first);
}

/* The setting changes nothing: the file shows its value, or "default" before it. */
static bool is_same(const struct cgroup_setting *s, const char *undo)
{
	return strcmp(undo, s->value) == 0 ||
	       (str_starts(undo, "default ") && strcmp(undo + strlen("default "), s->value) == 0);
}

/* The file that S goes to, as is known only now. */
static bool choose_file(const struct cgroup *cg, struct cgroup_setting *s)
{
	if (faccessat(cg->fd, s->file, F_OK, 0) == 0)
		return true;
	if (!s->or_file || faccessat(cg->fd, s->or_file, F_OK, 0) < 0)
		return false;
	s->file = s->or_file;
	s->value = s->or_value;

	return true;
}

/* What is there when the setting is: CHANGE->undo. Returns 1, or 0 when nothing would change. */
static int look(const struct cgroup *cg, struct cgroup_change *change, struct arena *a,
		struct err *err)
{
	AUTO_ARENA scratch = ARENA_INIT;
	struct err ignored = ERR_INIT;
	char *text;
	size_t len;

	/* A missing one is explained, or passed over, when it comes to writing. */
	if (!choose_file(cg, &change->s))
		return 1;
	/* Files that are only written (memory.reclaim) have no way back. */
	if (file_read_at(cg->fd, change->s.file, TEXT_MAX, &scratch, &text, &len, &ignored) < 0)
		return 1;

	change->undo = undo_text(&change->s, text, a);
	if (!change->undo)
		return err_oom(err);

	return !is_same(&change->s, change->undo);
}

/* C-CPU-13: the kernel forgets the weight of a cgroup that becomes idle, and an idle one has none
 * that could be put back. */
static int remember_weight(const struct cgroup *cg, struct arena *a, struct cgroup_change *ret,
			   struct err *err)
{
	char text[32];

	if (file_read_small_at(cg->fd, "cpu.weight", text, sizeof(text)) < 0)
		return err_sys(err, "read 'cpu.weight' of cgroup '%s'", cg->path);

	*ret = (struct cgroup_change){ .s = { .file = "cpu.weight" },
				       .undo = arena_strndup(a, text, strcspn(text, "\n")) };
	return ret->undo ? 0 : err_oom(err);
}

/* An earlier change of the same file: what is there now is then not what comes before the next. */
static bool is_changed(const struct cgroup_update *u, const char *file)
{
	for (size_t i = 0; i < u->n; i++) {
		if (strcmp(u->v[i].s.file, file) == 0)
			return true;
	}

	return false;
}

int cgroup_update_changes(const struct cgroup *cg, const struct cgroup_now *now, struct arena *a,
			  struct cgroup_update *u, struct err *err)
{
	u->v = ARENA_NEW(a, struct cgroup_change, 2 * u->plan.n_settings);
	if (!u->v)
		return err_oom(err);

	for (size_t i = 0; i < u->plan.n_settings; i++) {
		struct cgroup_change change = { .s = u->plan.settings[i] };
		int rc = look(cg, &change, a, err);

		if (rc < 0)
			return -1;
		if (rc == 0 && !is_changed(u, change.s.file))
			continue;
		if (now->idle && strcmp(change.s.file, "cpu.weight") == 0)
			change.undo = NULL;
		if (!now->idle && change.undo && strcmp(change.s.file, "cpu.idle") == 0 &&
		    remember_weight(cg, a, &u->v[u->n++], err) < 0)
			return -1;
		u->v[u->n++] = change;
	}

	return 0;
}

/* ---- into the files ------------------------------------------------------------------------- */

/* Puts the first N changes back, the last one first; *WHY is the first failure. Returns how many
 * could not be. */
static size_t put_back(const struct cgroup *cg, const struct cgroup_update *u, size_t n,
		       struct err *why)
{
	size_t failed = 0;

	while (n-- > 0) {
		const struct cgroup_change *change = &u->v[n];
		struct err err = ERR_INIT;

		if (!change->undo || file_write_at(cg->fd, change->s.file, change->undo, &err) == 0)
			continue;
		if (failed++ == 0)
			*why = err;
	}

	return failed;
}

/* What came before *ERR, N changes, is put back and the message says so. */
static int take_back(const struct cgroup *cg, const struct cgroup_update *u, size_t n,
		     struct err *err)
{
	const struct err first = *err;
	struct err why = ERR_INIT;

	size_t failed = put_back(cg, u, n, &why);
	if (failed > 0)
		(void)err_set(err, first.kind, "%s; %zu of the values before it are not back: %s",
			      first.msg, failed, why.msg);
	else
		(void)err_set(err, first.kind, "%s; nothing is changed%s", first.msg,
			      n > 0 ? ", what was written before it is put back" : "");
	err->sys = first.sys;

	return -1;
}

static int fail_update(const struct cgroup *cg, const struct cgroup_update *u, size_t failing,
		       struct err *err)
{
	const struct cgroup_change *change = &u->v[failing];
	struct err why = ERR_INIT;

	/* It may have been written and then not read back as it should. */
	if (change->undo && file_write_at(cg->fd, change->s.file, change->undo, &why) < 0)
		log_debug("cgroup '%s': %s", cg->path, why.msg);

	return take_back(cg, u, failing, err);
}

int cgroup_update_back(const struct cgroup *cg, const struct cgroup_update *u, struct err *err)
{
	return take_back(cg, u, u->n, err);
}

int cgroup_update_apply(const struct cgroup *cg, const struct cgroup_update *u, struct err *err)
{
	for (size_t i = 0; i < u->n; i++) {
		if (u->v[i].s.value && cgroup_write_setting(cg, &u->plan, &u->v[i].s, err) < 0)
			return fail_update(cg, u, i, err);
	}

	return 0;
}
