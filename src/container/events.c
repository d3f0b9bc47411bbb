/* SPDX-License-Identifier: Apache-2.0 */
#include "container/events.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/fd.h"
#include "container/texts.h"
#include "verbs-internal.h"

struct measured {
	const char *id;
	struct cgroup_hierarchy h;
	struct cgroup cg;
};
#define MEASURED_INIT                                                                              \
	{                                                                                          \
		.h = CGROUP_HIERARCHY_INIT, .cg = CGROUP_INIT                                      \
	}
static void measured_done(struct measured *m)
{
	cgroup_done(&m->cg);
	cgroup_hierarchy_done(&m->h);
}
#define AUTO_MEASURED AUTO(measured_done) struct measured

static int fail_stopped(const char *id, struct err *err)
{
	return err_set(err, ERR_STATE, TEXT_ID_NOT_RUNNING, id);
}

/* Only the cgroup stays open: whoever watches for days must be in nobody's way. */
static int measured_begin(int rootfd, const char *id, struct measured *m, struct err *err)
{
	AUTO_OPENED o = OPENED_INIT;

	m->id = id;
	if (opened_begin(rootfd, id, false, &o, err) < 0)
		return -1;
	if (o.status == STATUS_UNKNOWN)
		return err_wrap(err, "damaged state (delete --force removes the container)");
	if (o.status == STATUS_CREATING)
		return err_set(err, ERR_STATE,
			       "cannot measure a container that is still being created");
	if (o.status == STATUS_STOPPED)
		return fail_stopped(id, err);

	return opened_need_cgroup(&o, "measure", &m->h, &m->cg, err);
}

int container_stats(int rootfd, const char *id, struct arena *a, struct cgroup_stats *ret,
		    struct err *err)
{
	AUTO_MEASURED m = MEASURED_INIT;

	if (measured_begin(rootfd, id, &m, err) < 0)
		return -1;

	int rc = cgroup_stats_read(&m.cg, a, ret, err);
	if (rc == 0)
		return fail_stopped(id, err);

	return rc < 0 ? -1 : 0;
}

static int print_stats(const struct measured *m, const struct events_options *o, struct err *err)
{
	AUTO_ARENA a = ARENA_INIT;
	AUTO_STR line = STR_INIT;
	struct cgroup_stats s;

	int rc = cgroup_stats_read(&m->cg, &a, &s, err);
	if (rc <= 0)
		return rc;
	events_print_stats(&line, m->id, &s);
	if (!str_text(&line))
		return err_oom(err);

	return o->print(o->arg, line.s, err);
}

static int print_oom(const struct measured *m, const struct events_options *o, struct err *err)
{
	AUTO_STR line = STR_INIT;

	events_print_oom(&line, m->id);
	if (!str_text(&line))
		return err_oom(err);

	return o->print(o->arg, line.s, err);
}

static int print_pressure(const struct measured *m, const struct events_options *o, size_t i,
			  struct err *err)
{
	AUTO_STR line = STR_INIT;

	events_print_pressure(&line, m->id, &o->pressure[i]);
	if (!str_text(&line))
		return err_oom(err);

	return o->print(o->arg, line.s, err);
}

/* What poll waits for, in the order of its array. */
enum {
	POLL_CGROUP,
	POLL_MEMORY,
	POLL_TIMER,
	POLL_PRESSURE
};

struct polled {
	struct pollfd fds[POLL_PRESSURE + EVENTS_PRESSURE_MAX];
	nfds_t n;
};

static void polled_done(struct polled *p)
{
	for (nfds_t i = POLL_PRESSURE; i < p->n; i++)
		fd_close(&p->fds[i].fd);
}
#define AUTO_POLLED AUTO(polled_done) struct polled

static int watch_pressure(const struct measured *m, const struct events_options *o,
			  struct polled *p, struct err *err)
{
	for (size_t i = 0; i < o->n_pressure; i++) {
		struct pollfd *fd = &p->fds[p->n];

		*fd = (struct pollfd){ .fd = -1, .events = POLLPRI };
		if (pressure_watch(&m->cg, &o->pressure[i], &fd->fd, err) < 0)
			return -1;
		p->n++;
	}

	return 0;
}

static int tell_pressure(const struct measured *m, const struct events_options *o,
			 struct polled *p, struct err *err)
{
	for (size_t i = 0; i < o->n_pressure; i++) {
		struct pollfd *fd = &p->fds[POLL_PRESSURE + i];

		/* The cgroup is gone: nothing more will come. */
		if (fd->revents & (POLLERR | POLLHUP))
			fd_close(&fd->fd);
		else if (fd->revents & POLLPRI && print_pressure(m, o, i, err) < 0)
			return -1;
	}

	return 0;
}

/* Until nobody is left. Each turn looks at the files first, which arms the next poll for them, so
 * that no change falls between. */
static int watch(const struct measured *m, const struct cgroup_watch *w, struct polled *p,
		 const struct events_options *o, struct err *err)
{
	uint64_t kills = 0, kills_before, turns;
	bool populated = false;

	if (cgroup_watch_look(w, &populated, &kills, err) < 0)
		return -1;
	while (populated) {
		if (RETRY(poll(p->fds, p->n, -1)) < 0)
			return err_sys(err, "wait for events");

		kills_before = kills;
		if (cgroup_watch_look(w, &populated, &kills, err) < 0 ||
		    (kills > kills_before && print_oom(m, o, err) < 0) ||
		    tell_pressure(m, o, p, err) < 0)
			return -1;
		if (!(p->fds[POLL_TIMER].revents & POLLIN) || !populated)
			continue;
		if (RETRY(read(p->fds[POLL_TIMER].fd, &turns, sizeof(turns))) < 0)
			return err_sys(err, "read a timer");
		if (print_stats(m, o, err) < 0)
			return -1;
	}

	return 0;
}

int container_events(int rootfd, const struct events_options *o, struct err *err)
{
	AUTO_MEASURED m = MEASURED_INIT;
	AUTO_WATCH w = CGROUP_WATCH_INIT;
	AUTO_FD timer = -1;

	if (measured_begin(rootfd, o->id, &m, err) < 0 ||
	    fd_open_timer(o->interval_ns, &timer, err) < 0)
		return -1;

	int rc = cgroup_watch_begin(&m.cg, &w, err);
	if (rc == 0)
		return fail_stopped(o->id, err);

	if (rc < 0)
		return -1;
	AUTO_POLLED p = { .fds = { [POLL_CGROUP] = { .fd = w.events, .events = POLLPRI },
				   /* -1 is passed over */
				   [POLL_MEMORY] = { .fd = w.memory, .events = POLLPRI },
				   [POLL_TIMER] = { .fd = timer, .events = POLLIN } },
			  .n = POLL_PRESSURE };
	return watch_pressure(&m, o, &p, err) < 0 ? -1 : watch(&m, &w, &p, o, err);
}
