/* SPDX-License-Identifier: Apache-2.0 */
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

	for (size_t i = 0; validate && i < c->process.caps.unknown.n; i++)
		log_warn("unknown capability '%s' is not granted", c->process.caps.unknown.v[i]);
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

int config_load(int dirfd, const char *name, struct oci_config **ret, struct err *err)
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
	if (parse_into(c, kept, text, len, true, err) < 0)
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
