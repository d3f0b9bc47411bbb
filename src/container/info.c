/* SPDX-License-Identifier: Apache-2.0 */
/* state, list, ps: what is known, without changing anything */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "container/container.h"
#include "container/status.h"
#include "verbs-internal.h"

static int copy_string(struct arena *a, const char **s, struct err *err)
{
	if (!*s)
		return 0;
	*s = arena_strdup(a, *s);
	return *s ? 0 : err_oom(err);
}

/* The record's strings die with the opened container: the caller's arena gets copies. */
static int copy_info(struct arena *a, struct container_info *info, struct err *err)
{
	struct oci_state *s = &info->state;
	struct json_map *m = &info->annotations;
	struct json_pair *pairs = ARENA_NEW(a, struct json_pair, m->n);

	if (!pairs)
		return err_oom(err);
	for (size_t i = 0; i < m->n; i++) {
		pairs[i] = m->v[i];
		if (copy_string(a, &pairs[i].key, err) < 0 ||
		    copy_string(a, &pairs[i].value, err) < 0)
			return -1;
	}
	m->v = pairs;
	if (copy_string(a, &s->oci_version, err) < 0 || copy_string(a, &s->id, err) < 0 ||
	    copy_string(a, &s->bundle, err) < 0 || copy_string(a, &s->rootfs, err) < 0 ||
	    copy_string(a, &s->created, err) < 0)
		return -1;
	return 0;
}

static int info_of(const struct opened *o, struct arena *a, struct container_info *ret,
		   struct err *err)
{
	const struct record *r = &o->record;

	*ret = (struct container_info){ .state = { .id = o->store.id, .status = o->status } };
	if (o->has_record) {
		status_fill(r, o->status, r->pid, &ret->state);
		ret->state.rootfs = r->rootfs;
		ret->state.created = r->created;
		ret->annotations = r->annotations;
		ret->owner = r->owner;
	}
	/* ret moves to the caller: the state points into it only after it has been returned. */
	ret->state.annotations = NULL;
	return copy_info(a, ret, err);
}

int container_info(int rootfd, const char *id, struct arena *a, struct container_info *ret,
		   struct err *err)
{
	struct cgroup_hierarchy h = CGROUP_HIERARCHY_INIT;
	AUTO_OPENED o = OPENED_INIT;
	int rc = opened_look(&h, rootfd, id, &o, err);

	cgroup_hierarchy_done(&h);
	if (rc < 0)
		return -1;
	if (o.status == STATUS_UNKNOWN)
		return err_wrap(err, "damaged state (delete --force removes the container)");
	return info_of(&o, a, ret, err);
}

/* Engines let several runtimes share a root (engine-contracts 5). What was never claimed by us is
 * not ours; a claim that was damaged still is. */
static bool is_foreign(const struct opened *o)
{
	struct stat st;

	return !o->has_record && o->status != STATUS_CREATING &&
	       fstatat(o->store.dir, "claim.json", &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

/* One entry of the state root. Returns 1 with *ret, 0 when it is none of ours (any more), -1. */
static int list_one(struct cgroup_hierarchy *h, int rootfd, const char *id, struct arena *a,
		    struct container_info *ret, struct err *err)
{
	AUTO_OPENED o = OPENED_INIT;
	struct err broken = ERR_INIT;

	if (opened_look(h, rootfd, id, &o, &broken) < 0) {
		/* Deleted while we looked; anything else is shown as unknown (D-07). */
		if (broken.kind == ERR_STATE)
			return 0;
		*ret = (struct container_info){ .state = { .id = id, .status = STATUS_UNKNOWN } };
		return 1;
	}
	if (is_foreign(&o))
		return 0;
	return info_of(&o, a, ret, err) < 0 ? -1 : 1;
}

int container_list(int rootfd, struct arena *a, struct container_info **ret, size_t *ret_n,
		   struct err *err)
{
	struct cgroup_hierarchy h = CGROUP_HIERARCHY_INIT;
	const char **ids;
	size_t n, found = 0;
	int rc = 0;

	if (store_list(rootfd, a, &ids, &n, err) < 0)
		return -1;
	struct container_info *infos = ARENA_NEW(a, struct container_info, n);
	if (!infos)
		return err_oom(err);
	for (size_t i = 0; i < n && rc >= 0; i++) {
		rc = list_one(&h, rootfd, ids[i], a, &infos[found], err);
		found += rc == 1;
	}
	cgroup_hierarchy_done(&h);
	if (rc < 0)
		return -1;
	*ret = infos;
	*ret_n = found;
	return 0;
}

int container_pids(int rootfd, const char *id, struct arena *a, pid_t **ret, size_t *ret_n,
		   struct err *err)
{
	AUTO_OPENED o = OPENED_INIT;
	struct cgroup_hierarchy h = CGROUP_HIERARCHY_INIT;
	struct cgroup cg = CGROUP_INIT;

	*ret = NULL;
	*ret_n = 0;
	if (opened_begin(rootfd, id, false, &o, err) < 0)
		return -1;
	if (o.status == STATUS_UNKNOWN)
		return err_wrap(err, "damaged state (delete --force removes the container)");
	int rc = opened_cgroup(&o, &h, &cg, err);
	if (rc == 1)
		rc = cgroup_pids(&cg, a, ret, ret_n, err);
	else if (rc == 0 && o.record.cgroup == NULL && o.proc.pidfd >= 0)
		rc = err_set(
			err, ERR_STATE,
			"container '%s' has no cgroup of its own, its processes cannot be told from others",
			id);
	cgroup_done(&cg);
	cgroup_hierarchy_done(&h);
	return rc < 0 ? -1 : 0;
}
