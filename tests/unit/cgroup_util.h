/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_util.h - a cgroup plan from a piece of config.json */
#pragma once

#include "base_util.h"

#include "base/str.h"
#include "kernel/cgroup.h"
#include "oci/config.h"

/* A config whose linux object has the members LINUX_, and its plan. */
struct planned {
	struct str text;
	struct oci_config *c;
	struct arena arena;
	struct cgroup_plan p;
	struct err err;
	int rc;
};

static inline UNUSED void plan(struct planned *t, const char *more, const char *linux_)
{
	*t = (struct planned){ .text = STR_INIT, .arena = ARENA_INIT, .err = ERR_INIT };
	str_addf(&t->text,
		 "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"r\"},\"process\":{\"cwd\":\"/\","
		 "\"args\":[\"a\"],\"user\":{\"uid\":1000,\"gid\":1000}}%s,\"linux\":{%s}}",
		 more, linux_);
	t->rc = config_parse("config.json", str_text(&t->text), t->text.len, false, &t->c, &t->err);
	if (t->rc < 0)
		fail_msg("%s", t->err.msg);
	t->rc = cgroup_plan_build(t->c, "web", &t->arena, &t->p, &t->err);
}

static inline UNUSED void plan_done(struct planned *t)
{
	cgroup_plan_done(&t->p);
	arena_done(&t->arena);
	config_free(&t->c);
	str_done(&t->text);
}
