/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "oci/config-internal.h"
#include "oci/validate.h"

/* An empty config that lives in its own arena; NULL when memory is out. */
static struct oci_config *config_new(void)
{
	struct arena arena = ARENA_INIT;
	struct oci_config *c = ARENA_NEW(&arena, struct oci_config, 1);

	if (!c) {
		arena_done(&arena);
		return NULL;
	}
	c->arena = arena;
	return c;
}

static void warn_unknown_caps(const struct oci_config *c)
{
	for (size_t i = 0; i < c->process.caps.unknown.n; i++)
		log_warn("unknown capability '%s' is not granted", c->process.caps.unknown.v[i]);
}

static int parse_into(struct oci_config *c, const char *name, const char *text, size_t len,
		      bool validate, struct err *err)
{
	struct config_walk walk = { .config = c };
	struct json_decoder d = { .doc = &c->doc, .arena = &c->arena, .err = err, .user = &walk };

	if (json_parse(&c->doc, name, text, len, &c->arena, err) < 0)
		return -1;
	json_decode(&d, &c->doc.nodes[0], config_fields, c);
	if (validate)
		config_validate(&d, c);
	if (json_finish(&d) < 0)
		return -1;

	if (validate)
		warn_unknown_caps(c);
	return 0;
}

int config_parse(const char *name, const char *text, size_t len, bool validate,
		 struct oci_config **ret, struct err *err)
{
	AUTO_CONFIG c = config_new();
	if (!c)
		return err_oom(err);

	const char *kept = arena_strdup(&c->arena, name);
	if (!kept)
		return err_oom(err);
	if (parse_into(c, kept, text, len, validate, err) < 0)
		return -1;

	*ret = c;
	c = NULL;
	return 0;
}

static int load(int dirfd, const char *name, bool validate, struct oci_config **ret,
		struct err *err)
{
	AUTO_CONFIG c = config_new();
	char *text;
	size_t len;

	if (!c)
		return err_oom(err);
	if (file_read_at(dirfd, name, JSON_MAX_BYTES, &c->arena, &text, &len, err) < 0)
		return -1;

	const char *kept = arena_strdup(&c->arena, name);
	if (!kept)
		return err_oom(err);
	if (parse_into(c, kept, text, len, validate, err) < 0)
		return -1;

	*ret = c;
	c = NULL;
	return 0;
}

static int parse_resources(struct oci_config *c, const char *text, size_t len, struct err *err)
{
	struct config_walk walk = { .config = c };
	struct json_decoder d = { .doc = &c->doc, .arena = &c->arena, .err = err, .user = &walk };

	c->resources_only = true;
	if (json_parse(&c->doc, c->doc.name, text, len, &c->arena, err) < 0)
		return -1;
	config_dec_resources(&d, &c->doc.nodes[0], &c->linux_.resources, NULL);
	if (d.n_errors == 0)
		config_validate_resources(&d, c);

	return json_finish(&d);
}

int config_parse_resources(const char *name, const char *text, size_t len, struct oci_config **ret,
			   struct err *err)
{
	AUTO_CONFIG c = config_new();
	if (!c)
		return err_oom(err);

	c->doc.name = name ? arena_strdup(&c->arena, name) : NULL;
	if (name && !c->doc.name)
		return err_oom(err);
	if (parse_resources(c, text, len, err) < 0)
		return -1;

	*ret = c;
	c = NULL;
	return 0;
}

int config_load(int dirfd, const char *name, struct oci_config **ret, struct err *err)
{
	return load(dirfd, name, true, ret, err);
}

int config_load_saved(int dirfd, const char *name, struct oci_config **ret, struct err *err)
{
	return load(dirfd, name, false, ret, err);
}

/* ---- a process of its own -------------------------------------------------------------------- */

/* What describes the program, not its restrictions: only FILE's counts. */
static void forget_program(struct oci_process *p)
{
	p->terminal = false;
	p->console_height = p->console_width = 0;
	p->cwd = NULL;
	p->user = (struct oci_user){ .uid = 0 };
	p->args = p->env = (struct json_strings){ .n = 0 };
	p->caps.unknown.n = 0; /* warned about by create */
}

/* Restrictions that FILE mentions replace those of the container as a whole. */
static void forget_mentioned(const struct json_doc *doc, struct oci_process *p)
{
	/* clang-format off */
	const struct {
		const char *key;
		void *member;
		size_t size;
	} members[] = {
		{ "capabilities",    &p->caps,             sizeof(p->caps) },
		{ "scheduler",       &p->scheduler,        sizeof(p->scheduler) },
		{ "ioPriority",      &p->io_priority,      sizeof(p->io_priority) },
		{ "execCPUAffinity", &p->exec_cpu_initial, sizeof(p->exec_cpu_initial) },
		{ "execCPUAffinity", &p->exec_cpu_final,   sizeof(p->exec_cpu_final) },
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const struct json_node *m = json_member(doc, &doc->nodes[0], members[i].key);
		if (m && m->type != JSON_NULL)
			memset(members[i].member, 0, members[i].size);
	}
}

int config_load_process(const char *name, struct oci_config *c, struct err *err)
{
	struct config_walk walk = { .config = c };
	struct json_doc *doc = &c->process_doc;
	struct json_decoder d = { .doc = doc, .arena = &c->arena, .err = err, .user = &walk };
	uint32_t base = (uint32_t)c->doc.len + 1;
	char *text;
	size_t len;

	const char *kept = arena_strdup(&c->arena, name);
	if (!kept)
		return err_oom(err);
	if (file_read_given(name, JSON_MAX_BYTES, &c->arena, &text, &len, err) < 0 ||
	    json_parse_from(doc, base, kept, text, len, &c->arena, err) < 0)
		return -1;

	doc->root = "process";
	forget_program(&c->process);
	forget_mentioned(doc, &c->process);
	size_t mark = json_enter(&d, "process");
	config_dec_process(&d, &doc->nodes[0], &c->process, NULL);
	json_leave(&d, mark);
	if (d.n_errors > 0)
		walk.broken |= PART_PROCESS;
	config_validate_process(&d, c);
	if (json_finish(&d) < 0)
		return -1;

	warn_unknown_caps(c);
	return 0;
}
