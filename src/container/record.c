/* SPDX-License-Identifier: Apache-2.0 */
/* claim.json and state.json: the record of container/store.h as text and back */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/file.h"
#include "base/path.h"
#include "base/str.h"
#include "container/store.h"

#define RECORD_VERSION   1
#define RECORD_MAX_BYTES ((size_t)17 << 20) /* annotations of a config of maximum size */

static void add_string(struct str *b, const char *key, const char *value)
{
	if (!value)
		return;
	str_addf(b, ",\"%s\":", key);
	str_add_json(b, value);
}

static void add_bool(struct str *b, const char *key, bool value)
{
	str_addf(b, ",\"%s\":%s", key, value ? "true" : "false");
}

static void add_rdt(struct str *b, const struct rdt_group *g)
{
	if (!g->clos)
		return;
	add_string(b, "rdtClass", g->clos);
	add_string(b, "rdtMonitor", g->monitor);
	add_bool(b, "rdtClassMade", g->clos_made);
	add_bool(b, "rdtClassStays", g->keep);
	str_addf(b, ",\"rdtClassInode\":%" PRIu64 ",\"rdtMonitorInode\":%" PRIu64, g->clos_inode,
		 g->monitor_inode);
}

static void add_strings(struct str *b, const char *key, const struct json_strings *s)
{
	if (!s->n)
		return;
	str_addf(b, ",\"%s\":", key);
	for (size_t i = 0; i < s->n; i++) {
		str_add(b, i ? "," : "[");
		str_add_json(b, s->v[i]);
	}
	str_add(b, "]");
}

static void add_annotations(struct str *b, const struct json_map *m)
{
	str_add(b, ",\"annotations\":{");
	for (size_t i = 0; i < m->n; i++) {
		if (i)
			str_add(b, ",");
		str_add_json(b, m->v[i].key);
		str_add(b, ":");
		str_add_json(b, m->v[i].value);
	}
	str_add(b, "}");
}

int store_write(const struct store *s, const struct record *r, struct err *err)
{
	AUTO_STR b = STR_INIT;

	str_addf(&b, "{\"version\":%d", RECORD_VERSION);
	add_string(&b, "phase", r->phase == PHASE_CREATED ? "created" : "creating");
	add_string(&b, "id", r->id);
	add_string(&b, "bundle", r->bundle);
	add_string(&b, "rootfs", r->rootfs);
	add_string(&b, "ociVersion", r->oci_version);
	add_string(&b, "created", r->created);
	add_string(&b, "cgroup", r->cgroup);
	str_addf(&b, ",\"owner\":%u,\"pid\":%d,\"startTime\":%" PRIu64 ",\"cgroupInode\":%" PRIu64,
		 r->owner, r->pid, r->start_time, r->cgroup_ino);
	add_bool(&b, "cgroupCreated", r->cgroup_created);
	add_string(&b, "unit", r->unit);
	add_string(&b, "bus", r->bus);
	add_rdt(&b, &r->rdt);
	add_bool(&b, "ownPidNamespace", r->own_pid_ns);
	add_bool(&b, "poststart", r->has_poststart);
	add_bool(&b, "poststop", r->has_poststop);
	add_bool(&b, "hooksBegan", r->hooks_began);
	add_bool(&b, "process", r->has_process);
	add_bool(&b, "notifies", r->notifies);
	add_strings(&b, "stdio", &r->stdio);
	add_annotations(&b, &r->annotations);
	str_add(&b, "}\n");

	const char *text = str_text(&b);
	if (!text)
		return err_oom(err);
	return file_replace_at(s->dir, r->phase == PHASE_CREATED ? "state.json" : "claim.json",
			       text, b.len, 0600, err);
}

/* ---- reading -------------------------------------------------------------------------------- */

/* What the table below fills before it becomes a record. */
struct raw_record {
	struct record r;
	const char *phase;
	uint32_t version, owner, pid;
	struct opt_u64 start_time, cgroup_ino, rdt_clos_inode, rdt_monitor_inode;
};

#define F(key_, member, decoder, required_)                                                        \
	{                                                                                          \
		.key = (key_), .decode = (decoder), .offset = offsetof(struct raw_record, member), \
		.required = (required_)                                                            \
	}

/* clang-format off */
static const struct json_field record_fields[] = {
	F("version",         version,          json_dec_u32,    true),
	F("phase",           phase,            json_dec_string, true),
	F("id",              r.id,             json_dec_string, true),
	F("bundle",          r.bundle,         json_dec_string, true),
	F("rootfs",          r.rootfs,         json_dec_string, true),
	F("ociVersion",      r.oci_version,    json_dec_string, true),
	F("created",         r.created,        json_dec_string, true),
	F("cgroup",          r.cgroup,         json_dec_string, false),
	F("owner",           owner,            json_dec_u32,    true),
	F("pid",             pid,              json_dec_u32,    true),
	F("startTime",       start_time,       json_dec_ou64,   true),
	F("cgroupInode",     cgroup_ino,       json_dec_ou64,   true),
	F("cgroupCreated",   r.cgroup_created, json_dec_bool,   true),
	F("unit",            r.unit,           json_dec_string, false),
	F("bus",             r.bus,            json_dec_string, false),
	F("rdtClass",        r.rdt.clos,       json_dec_string, false),
	F("rdtMonitor",      r.rdt.monitor,    json_dec_string, false),
	F("rdtClassMade",    r.rdt.clos_made,  json_dec_bool,   false),
	F("rdtClassStays",   r.rdt.keep,       json_dec_bool,   false),
	F("rdtClassInode",   rdt_clos_inode,   json_dec_ou64,   false),
	F("rdtMonitorInode", rdt_monitor_inode, json_dec_ou64,  false),
	F("ownPidNamespace", r.own_pid_ns,     json_dec_bool,   true),
	F("poststart",       r.has_poststart,  json_dec_bool,   true),
	F("poststop",        r.has_poststop,   json_dec_bool,   true),
	F("hooksBegan",      r.hooks_began,    json_dec_bool,   true),
	F("process",         r.has_process,    json_dec_bool,   true),
	F("notifies",        r.notifies,       json_dec_bool,   true),
	F("stdio",           r.stdio,          json_dec_strings, false),
	F("annotations",     r.annotations,    json_dec_map,    true),
	{ .key = NULL },
};
/* clang-format on */
#undef F

/* They become names of directories again. */
static bool has_sane_rdt(const struct rdt_group *g)
{
	return (!g->clos || !*g->clos || path_is_component(g->clos)) &&
	       (!g->monitor || path_is_component(g->monitor));
}

static int parse_record(const char *name, const char *text, size_t len, struct arena *a,
			struct record *ret, struct err *err)
{
	struct json_doc doc;
	struct raw_record raw = { .phase = NULL };

	if (json_parse(&doc, name, text, len, a, err) < 0)
		return -1;
	if (doc.nodes[0].type != JSON_OBJECT)
		return err_set(err, ERR_STATE, "%s holds no object", name);

	struct json_decoder d = { .doc = &doc, .arena = a, .err = err };
	json_decode(&d, &doc.nodes[0], record_fields, &raw);
	if (d.n_errors)
		return -1;
	if (raw.version != RECORD_VERSION)
		return err_set(err, ERR_STATE, "%s has version %u, this program knows %d", name,
			       raw.version, RECORD_VERSION);

	if (!has_sane_rdt(&raw.r.rdt))
		return err_set(err, ERR_STATE, "%s names an impossible class of resctrl", name);

	if (!raw.r.unit != !raw.r.bus)
		return err_set(err, ERR_STATE, "%s has a unit without a bus, or a bus alone", name);

	*ret = raw.r;
	ret->phase = strcmp(raw.phase, "created") == 0 ? PHASE_CREATED : PHASE_CREATING;
	ret->owner = raw.owner;
	ret->pid = (pid_t)raw.pid;
	ret->start_time = raw.start_time.v;
	ret->cgroup_ino = raw.cgroup_ino.v;
	ret->rdt.clos_inode = raw.rdt_clos_inode.v;
	ret->rdt.monitor_inode = raw.rdt_monitor_inode.v;
	return 0;
}

/* 1 with *ret; 0: damaged, errno is ENOENT when it is not there at all; -1: we lack the means to
 * read. */
static int read_file(const struct store *s, const char *name, struct arena *a, struct record *ret,
		     struct err *err)
{
	char *text;
	size_t len;

	if (file_read_at(s->dir, name, RECORD_MAX_BYTES, a, &text, &len, err) < 0)
		return errno == ENOMEM || errno == EMFILE || errno == ENFILE ? -1 : 0;
	if (parse_record(name, text, len, a, ret, err) == 0)
		return 1;
	errno = EINVAL;
	return 0;
}

int store_read(const struct store *s, struct arena *a, struct record *ret, struct err *err)
{
	struct err ignored = ERR_INIT;

	*ret = (struct record){ .id = NULL };
	int rc = read_file(s, "state.json", a, ret, err);
	if (rc != 0)
		return rc;
	bool missing = errno == ENOENT;
	rc = read_file(s, "claim.json", a, ret, missing ? err : &ignored);
	return rc < 0 || missing ? rc : 0;
}
