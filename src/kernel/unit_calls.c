/* SPDX-License-Identifier: Apache-2.0 */
/* What is said to systemd (org.freedesktop.systemd1(5)): start, stop, change. */
#include <poll.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "unit-internal.h"

#define NO_UNIT UNIT_SERVICE ".NoSuchUnit"
#define EXISTS  UNIT_SERVICE ".UnitExists"

/* A machine that boots or loads all its units again is busy for seconds. */
#define JOB_MS    30000
/* Its processes are dead already. Shorter, because it may follow a start that took too long. */
#define STOP_MS   15000
/* Between two looks at whether a unit is still known; no signal tells that without a subscription
 * to those of all units. */
#define FORGET_MS 5

/* ---- properties ----------------------------------------------------------------------------- */

static void put_property(struct dbus_writer *w, const struct unit_property *p)
{
	static const struct {
		char type;
		const char *signature;
	} types[] = { { 'b', "b" }, { 'i', "i" },  { 't', "t" },
		      { 's', "s" }, { 'y', "ay" }, { 'd', "a(st)" } };
	size_t mark;

	dbus_put_struct(w);
	dbus_put_string(w, p->name);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (types[i].type == p->type)
			dbus_put_signature(w, types[i].signature);
	}
	switch (p->type) {
	case 'b':
	case 'i':
		dbus_put_u32(w, (uint32_t)p->number);
		break;
	case 't':
		dbus_put_u64(w, p->number);
		break;
	case 's':
		dbus_put_string(w, p->text);
		break;
	case 'y':
		mark = dbus_array_begin(w, 1);
		for (size_t i = 0; i < p->len; i++)
			dbus_put_byte(w, (uint8_t)p->text[i]);
		dbus_array_end(w, mark, 1);
		break;
	case 'd':
		mark = dbus_array_begin(w, 8);
		dbus_put_struct(w);
		dbus_put_string(w, p->text);
		dbus_put_u64(w, p->number);
		dbus_array_end(w, mark, 8);
		break;
	default:
		ASSERT(false);
	}
}

/* Those that this systemd has; the files have the limit in any case. */
static void put_properties(struct dbus_writer *w, const struct unit_properties *p, unsigned version)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i].since <= version)
			put_property(w, &p->v[i]);
		else
			log_debug("systemd %u has no such %s", version, p->v[i].name);
	}
}

/* "252.38-1~deb12u1", "v255.4": 252, 255. Asked only where it matters; 0 when it does not. */
static int get_version(struct unit_bus *b, const struct unit_properties *p, unsigned *ret,
		       struct err *err)
{
	const char *text = "";
	unsigned version = 0;
	bool matters = false;

	for (size_t i = 0; i < p->n; i++)
		matters |= p->v[i].since > 0;
	if (matters && unit_get_string(b, UNIT_OBJECT, UNIT_MANAGER, "Version", &text, err) < 0)
		return -1;
	for (text += *text == 'v'; *text >= '0' && *text <= '9' && version < 100000; text++)
		version = version * 10 + (unsigned)(*text - '0');

	*ret = version;
	return 0;
}

/* ---- start ---------------------------------------------------------------------------------- */

static void put_scope(struct dbus_writer *w, const struct unit_plan *p, const char *description,
		      pid_t pid, unsigned version)
{
	const struct unit_property fixed[] = {
		{ .name = "Description", .type = 's', .text = description },
		{ .name = "Slice", .type = 's', .text = p->slice },
		{ .name = "Delegate", .type = 'b', .number = 1 },
		{ .name = "DefaultDependencies", .type = 'b', .number = 0 },
		/* A failed one is forgotten too: nobody would reset it. */
		{ .name = "CollectMode", .type = 's', .text = "inactive-or-failed" },
		{ .name = "CPUAccounting", .type = 'b', .number = 1 },
		{ .name = "MemoryAccounting", .type = 'b', .number = 1 },
		{ .name = "IOAccounting", .type = 'b', .number = 1 },
		{ .name = "TasksAccounting", .type = 'b', .number = 1 },
	};

	dbus_put_string(w, p->name);
	dbus_put_string(w, "replace");

	size_t mark = dbus_array_begin(w, 8);
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		put_property(w, &fixed[i]);
	dbus_put_struct(w);
	dbus_put_string(w, "PIDs");
	dbus_put_signature(w, "au");
	size_t pids = dbus_array_begin(w, 4);
	dbus_put_u32(w, (uint32_t)pid);
	dbus_array_end(w, pids, 4);
	put_properties(w, &p->properties, version);
	dbus_array_end(w, mark, 8);

	dbus_array_end(w, dbus_array_begin(w, 8), 8); /* no auxiliary units */
}

const char *unit_description(struct arena *a, const char *id, const char *created)
{
	return arena_printf(a, "cruntime container %s, created %s", id, created);
}

static int start(struct unit_bus *b, const struct unit_plan *p, const struct dbus_writer *body,
		 struct err *err)
{
	const struct dbus_call c = unit_manager_call("StartTransientUnit", "ssa(sv)a(sa(sv))");
	struct unit_watch watch = { .unit = p->name };
	struct dbus_message m;

	int rc = unit_call(b, &c, body, &watch, &m, err);
	/* A scope that has failed and was not forgotten has the name still. */
	if (rc == 1 && unit_is_error(&m, EXISTS)) {
		if (unit_call_named(b, "ResetFailedUnit", p->name, &m, err) < 0)
			return -1;
		rc = unit_call(b, &c, body, &watch, &m, err);
	}
	if (rc == 1 && unit_is_error(&m, EXISTS))
		return err_set(err, ERR_STATE, "there is such a unit already");
	if (rc == 1)
		return unit_fail_reply(&m, err);

	return rc < 0 ? -1 : unit_await_job(b, &watch, &m, err);
}

int unit_start(struct unit_bus *b, const struct unit_plan *p, const char *description, pid_t pid,
	       bool *ret_asked, struct err *err)
{
	AUTO_DBUS_WRITER w = DBUS_WRITER_INIT;
	unsigned version;

	dbus_set_deadline(&b->d, JOB_MS);
	if (get_version(b, &p->properties, &version, err) < 0)
		return err_wrap(err, "start unit '%s'", p->name);
	put_scope(&w, p, description, pid, version);
	*ret_asked = true;

	return start(b, p, &w, err) < 0 ? err_wrap(err, "start unit '%s'", p->name) : 0;
}

/* ---- enter ---------------------------------------------------------------------------------- */

int unit_attach(struct unit_bus *b, const char *name, const char *sub, pid_t pid, struct err *err)
{
	const struct dbus_call c = unit_manager_call("AttachProcessesToUnit", "ssau");
	AUTO_DBUS_WRITER w = DBUS_WRITER_INIT;
	struct dbus_message m;

	dbus_set_deadline(&b->d, JOB_MS);
	dbus_put_string(&w, name);
	dbus_put_string(&w, sub);
	size_t mark = dbus_array_begin(&w, 4);
	dbus_put_u32(&w, (uint32_t)pid);
	dbus_array_end(&w, mark, 4);

	int rc = unit_call(b, &c, &w, NULL, &m, err);
	if (rc == 1)
		rc = unit_fail_reply(&m, err);

	return rc < 0 ? err_wrap(err, "enter unit '%s'", name) : 0;
}

/* ---- stop ----------------------------------------------------------------------------------- */

/* The object of a unit: what is no letter or digit is "_2e". */
static void add_object(struct str *path, const char *name)
{
	str_add(path, UNIT_OBJECT "/unit/");
	for (const char *s = name; *s; s++) {
		bool letter = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z');
		bool digit = *s >= '0' && *s <= '9';

		if (letter || (digit && s > name))
			str_addn(path, s, 1);
		else
			str_addf(path, "_%02x", (unsigned char)*s);
	}
}

/* 1: there is one, and it is ours; 0: neither; -1. A unit that is not there is described by its
 * name. */
static int is_ours(struct unit_bus *b, const char *name, const char *description, struct err *err)
{
	AUTO_STR path = STR_INIT;
	const char *text;

	add_object(&path, name);
	if (!str_text(&path))
		return err_oom(err);
	int rc = unit_get_string(b, path.s, UNIT_SERVICE ".Unit", "Description", &text, err);

	return rc < 0 ? -1 : rc == 0 && strcmp(text, description) == 0;
}

/* Until systemd says that it knows no such unit: then the name is free again. */
static int forget(struct unit_bus *b, const char *name, struct err *err)
{
	struct dbus_message m;

	for (;;) {
		int rc = unit_call_named(b, "ResetFailedUnit", name, &m, err);

		if (rc < 0)
			return -1;
		if (rc == 1)
			return unit_is_error(&m, NO_UNIT) ? 0 : unit_fail_reply(&m, err);
		(void)poll(NULL, 0, FORGET_MS);
	}
}

static int stop(struct unit_bus *b, const char *name, struct err *err)
{
	const struct dbus_call c = unit_manager_call("StopUnit", "ss");
	AUTO_DBUS_WRITER w = DBUS_WRITER_INIT;
	struct unit_watch watch = { .unit = name };
	struct dbus_message m;

	dbus_put_string(&w, name);
	dbus_put_string(&w, "replace");
	int rc = unit_call(b, &c, &w, &watch, &m, err);
	if (rc == 1)
		return unit_is_error(&m, NO_UNIT) ? 0 : unit_fail_reply(&m, err);
	if (rc < 0 || unit_await_job(b, &watch, &m, err) < 0)
		return -1;

	return forget(b, name, err);
}

int unit_stop(struct unit_bus *b, const char *name, const char *description, struct err *err)
{
	dbus_set_deadline(&b->d, STOP_MS);
	int rc = is_ours(b, name, description, err);
	if (rc == 1)
		rc = stop(b, name, err);

	return rc < 0 ? err_wrap(err, "stop unit '%s'", name) : 0;
}

/* ---- change --------------------------------------------------------------------------------- */

/* systemd answers, and writes to the cgroup on its next round; it reads the next message after
 * that. */
static int settle(struct unit_bus *b, struct err *err)
{
	const struct dbus_call c = { .destination = UNIT_SERVICE,
				     .path = UNIT_OBJECT,
				     .interface = "org.freedesktop.DBus.Peer",
				     .member = "Ping",
				     .signature = "" };
	struct dbus_message m;

	return unit_call(b, &c, NULL, NULL, &m, err) < 0 ? -1 : 0;
}

static int change(struct unit_bus *b, const char *name, const struct unit_properties *p,
		  struct err *err)
{
	const struct dbus_call c = unit_manager_call("SetUnitProperties", "sba(sv)");
	AUTO_DBUS_WRITER w = DBUS_WRITER_INIT;
	struct dbus_message m;
	unsigned version;

	if (get_version(b, p, &version, err) < 0)
		return -1;
	dbus_put_string(&w, name);
	dbus_put_bool(&w, true); /* not beyond the next boot */
	size_t mark = dbus_array_begin(&w, 8);
	put_properties(&w, p, version);
	dbus_array_end(&w, mark, 8);

	int rc = unit_call(b, &c, &w, NULL, &m, err);
	if (rc == 1)
		return unit_fail_reply(&m, err);

	return rc < 0 ? -1 : settle(b, err);
}

/* cpu.idle 0 alone brings a weight back that only the kernel knows. */
static int add_weight(const struct cgroup *cg, const struct cgroup_setting *settings, size_t n,
		      struct arena *a, struct unit_properties *p, struct err *err)
{
	char text[32];
	uint64_t weight;
	bool woken = false;

	for (size_t i = 0; i < n; i++) {
		woken |= strcmp(settings[i].file, "cpu.idle") == 0 &&
			 strcmp(settings[i].value, "0") == 0;
		if (strcmp(settings[i].file, "cpu.weight") == 0)
			return 0;
	}
	if (!woken || file_read_small_at(cg->fd, "cpu.weight", text, sizeof(text)) < 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	if (parse_u64(text, &weight) < 0)
		return 0;

	struct unit_property *v = ARENA_NEW(a, struct unit_property, p->n + 1);
	if (!v)
		return err_oom(err);
	for (size_t i = 0; i < p->n; i++)
		v[i] = p->v[i];
	v[p->n] = (struct unit_property){ .name = "CPUWeight", .type = 't', .number = weight };
	*p = (struct unit_properties){ .v = v, .n = p->n + 1 };
	return 0;
}

int unit_change(struct unit_bus *b, const char *name, const struct cgroup *cg,
		const struct cgroup_setting *settings, size_t n, struct err *err)
{
	AUTO_ARENA a = ARENA_INIT;
	struct unit_properties p;

	if (unit_translate(settings, n, &a, &p, err) < 0 ||
	    add_weight(cg, settings, n, &a, &p, err) < 0)
		return -1;
	if (p.n == 0)
		return 0;
	dbus_set_deadline(&b->d, JOB_MS);

	return change(b, name, &p, err) < 0 ? err_wrap(err, "change unit '%s'", name) : 0;
}
