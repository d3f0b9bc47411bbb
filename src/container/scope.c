/* SPDX-License-Identifier: Apache-2.0 */
#include "scope-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/sys.h"

/* ---- create --------------------------------------------------------------------------------- */

/* It has nothing of ours open but one end of a pipe, which ends with the runtime however that
 * happens: the container's first process, which has the other end too, ends with it as well. */
NORETURN static void placeholder_main(int alive)
{
	char ignored;

	(void)sys_close_range(0, (unsigned)alive - 1, 0);
	(void)sys_close_range((unsigned)alive + 1, ~0U, 0);
	(void)!RETRY(read(alive, &ignored, 1));
	_exit(0);
}

static int start_placeholder(struct scope *s, struct err *err)
{
	struct clone_args args = { .flags = CLONE_PIDFD,
				   .pidfd = (uint64_t)(uintptr_t)&s->placeholder.pidfd,
				   .exit_signal = SIGCHLD };
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "make a pipe");
	AUTO_FD theirs = ends[0];
	s->end = ends[1];
	s->placeholder.pid = sys_clone3(&args);
	if (s->placeholder.pid == 0) {
		fd_close(&s->end);
		placeholder_main(theirs);
	}
	return s->placeholder.pid < 0 ? err_sys(err, "create the placeholder of a unit") : 0;
}

void scope_release(struct scope *s)
{
	if (s->placeholder.pidfd >= 0) {
		(void)!proc_signal(&s->placeholder, SIGKILL);
		(void)!proc_reap(&s->placeholder);
	}
	proc_done(&s->placeholder);
	s->placeholder = (struct proc)PROC_INIT;
	fd_close(&s->end);
}

int scope_start(struct scope *s, struct plan *p, const struct record *r,
		const struct cgroup_hierarchy *h, struct cgroup *ret, struct err *err)
{
	const char *text = unit_description(&p->arena, r->id, r->created);

	if (!text)
		return err_oom(err);
	if (start_placeholder(s, err) < 0)
		return -1;
	int rc = unit_start(&p->bus, &p->unit, text, s->placeholder.pid, &s->asked, err);
	unit_bus_done(&p->bus);
	if (rc < 0)
		return -1;
	return cgroup_adopt(h, &p->cgroup, p->procfd, s->placeholder.pid, p->unit.path, ret, err);
}

/* ---- later commands ------------------------------------------------------------------------- */

static int open_bus(const struct record *r, struct unit_bus *ret, struct err *err)
{
	const char *const addresses[] = { r->bus, NULL };

	return unit_bus_open(addresses, ret, err);
}

/* systemd says yes; whether the process is where it should be, /proc says. */
static int check_place(const struct scope_place *place, pid_t pid, struct err *err)
{
	struct cgroup found = CGROUP_INIT;

	if (cgroup_open_leaf(place->cgroup, place->procfd, pid, &found, err) < 0)
		return -1;
	cgroup_done(&found);
	return 0;
}

int scope_attach(void *arg, pid_t pid, struct err *err)
{
	const struct scope_place *place = arg;
	const struct record *r = place->record;
	AUTO_UNIT_BUS bus = UNIT_BUS_INIT;
	size_t len = strlen(r->cgroup);

	if (strncmp(place->cgroup->path, r->cgroup, len) != 0)
		return err_set(err, ERR_BUG, "cgroup '%s' is not in '%s'", place->cgroup->path,
			       r->cgroup);
	if (open_bus(r, &bus, err) < 0)
		return err_wrap(err, "enter unit '%s'", r->unit);
	if (unit_attach(&bus, r->unit, place->cgroup->path + len, pid, err) < 0)
		return -1;
	return check_place(place, pid, err);
}

int scope_stop(const struct record *r, struct err *err)
{
	AUTO_UNIT_BUS bus = UNIT_BUS_INIT;
	AUTO_ARENA a = ARENA_INIT;

	if (!r->unit)
		return 0;
	const char *text = unit_description(&a, r->id, r->created);
	if (!text)
		return err_oom(err);
	if (open_bus(r, &bus, err) == 0)
		return unit_stop(&bus, r->unit, text, err);
	if (err->sys != ENOENT && err->sys != ECONNREFUSED)
		return err_wrap(err, "stop unit '%s'", r->unit);

	log_debug("unit '%s' is not asked for: %s", r->unit, err->msg);
	*err = (struct err)ERR_INIT;
	return 0;
}

struct telling {
	const struct record *record;
	const struct cgroup *cg;
	struct unit_bus *bus;
};

static int tell(void *arg, const struct cgroup_setting *v, size_t n, struct err *err)
{
	const struct telling *t = arg;

	return unit_change(t->bus, t->record->unit, t->cg, v, n, err);
}

int scope_update(const struct record *r, const struct cgroup_hierarchy *h, const struct cgroup *cg,
		 const struct oci_config *resources, struct err *err)
{
	AUTO_UNIT_BUS bus = UNIT_BUS_INIT;
	struct telling t = { .record = r, .cg = cg, .bus = &bus };
	const struct cgroup_keeper keeper = { .tell = tell, .arg = &t };

	if (!r->unit)
		return cgroup_update(h, cg, resources, err);
	if (open_bus(r, &bus, err) < 0)
		return err_wrap(err, "change unit '%s'", r->unit);
	return cgroup_update_kept(h, cg, resources, &keeper, err);
}
