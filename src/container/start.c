/* SPDX-License-Identifier: Apache-2.0 */
/* start: release the created process and see it run the user's program */
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "container/container.h"
#include "container/notify.h"
#include "container/status.h"
#include "container/sync.h"
#include "container/texts.h"
#include "verbs-internal.h"

static int check_status(const struct opened *o, struct err *err)
{
	switch (o->status) {
	case STATUS_CREATED:
		break;
	case STATUS_RUNNING:
		return err_set(err, ERR_STATE, "%s", TEXT_START_RUNNING);
	case STATUS_PAUSED:
		return err_set(err, ERR_STATE, "%s", TEXT_START_PAUSED);
	case STATUS_STOPPED:
		return err_set(err, ERR_STATE, "%s", TEXT_START_STOPPED);
	case STATUS_CREATING:
		return err_set(err, ERR_STATE,
			       "cannot start a container that is still being created");
	case STATUS_UNKNOWN:
		return err_wrap(err, "damaged state (delete --force removes the container)");
	}
	if (!o->record.has_process)
		return err_set(err, ERR_CONFIG, "cannot start: config.json has no process");
	return 0;
}

/* A failure after LAUNCH is one of the filter's load or of execve. End of file without LAUNCH: the
 * process died on the way. */
int launch_await(int sock, struct err *err)
{
	bool launched = false;
	enum sync_type type;

	for (;;) {
		if (sync_recv(sock, &type, NULL, err) < 0)
			return -1;
		if (type == SYNC_FAILED)
			return -1;
		if (type == SYNC_EOF)
			break;
		if (type != SYNC_LAUNCH)
			return err_set(err, ERR_BUG,
				       "message %d from the container came out of turn", type);
		launched = true;
	}
	if (!launched)
		return err_set(err, ERR_SYSTEM,
			       "the container's process ended before it ran the program");
	return 0;
}

/* Of the saved config: later edits of the bundle do not matter (R-BUND-15). */
static int reach_agent(const struct opened *o, struct notify *ret, struct err *err)
{
	AUTO_CONFIG config = NULL;
	struct oci_state state;

	if (!o->record.notifies)
		return 0;
	if (config_load(o->store.dir, "config.json", &config, err) < 0)
		return err_wrap(err, "saved config of container '%s'", o->store.id);
	status_fill(&o->record, STATUS_CREATED, o->record.pid, &state);
	return notify_connect(config, o->record.bundle, &state, o->record.pid, ret, err);
}

static int release(const struct opened *o, struct notify *n, struct err *err)
{
	AUTO_FD sock = -1;

	if (fd_connect_unix_at(o->store.dir, "start.sock", SOCK_SEQPACKET, &sock, err) < 0)
		return err_wrap(err, "reach the created process");
	/* The status is derived from the socket's name: gone before GO, so a `start` that is killed
	 * between the two leaves a container that ends, never one that runs as "created". */
	if (unlinkat(o->store.dir, "start.sock", 0) < 0)
		return err_sys(err, "remove start.sock");
	if (notify_send(sock, n, err) < 0 || sync_send(sock, SYNC_GO, -1, err) < 0)
		return -1;
	notify_done(n); /* the agent awaits the end of the file */
	return launch_await(sock, err);
}

#define KILL_WAIT_MS 10000

/* What could not be started ends; it stays `stopped` until `delete`. */
static void stop(struct opened *o)
{
	struct cgroup_hierarchy h = CGROUP_HIERARCHY_INIT;
	struct cgroup cg = CGROUP_INIT;
	struct err err = ERR_INIT;

	if (o->proc.pidfd >= 0) {
		(void)!proc_signal(&o->proc, SIGKILL);
		(void)!proc_wait_end(&o->proc, KILL_WAIT_MS);
	}
	if (opened_cgroup(o, &h, &cg, &err) == 1 && cgroup_signal(&cg, SIGKILL, &err) < 0)
		log_warn("%s, continuing", err.msg);
	cgroup_done(&cg);
	cgroup_hierarchy_done(&h);
}

/* A failing startContainer or poststart hook stops the container *and* destroys it, poststop hooks
 * included (runtime.md#lifecycle steps 8 and 10: "continue at step 12"; R-HOOK-14, -15). */
static int give_up(struct opened *o, const struct err *cause)
{
	struct err err = ERR_INIT;

	stop(o);
	if (cause->kind == ERR_HOOK && opened_destroy(o, &err) < 0)
		log_warn("%s, continuing", err.msg);
	return -1;
}

int start_opened(struct opened *o, const char *notify_socket, struct ready *ret_ready,
		 struct err *err)
{
	AUTO_NOTIFY n = NOTIFY_INIT;

	/* An agent or a manager that is not there leaves the container `created`: `start` can be
	 * tried again. */
	if (check_status(o, err) < 0 || reach_agent(o, &n, err) < 0 ||
	    ready_open(o->store.dir, notify_socket, ret_ready, err) < 0)
		return -1;
	if (release(o, &n, err) < 0)
		return give_up(o, err);
	if (o->record.has_poststart &&
	    opened_hooks(o, HOOK_POSTSTART, STATUS_RUNNING, false, err) < 0)
		return give_up(o, err);
	return 0;
}

int container_start(int rootfd, const char *id, const char *notify_socket, struct err *err)
{
	AUTO_OPENED o = OPENED_INIT;
	AUTO_READY ready = READY_INIT;

	if (opened_begin(rootfd, id, true, &o, err) < 0 ||
	    start_opened(&o, notify_socket, &ready, err) < 0)
		return -1;
	store_unlock(&o.store); /* others may stop what never becomes ready */
	return ready_wait(&ready, &o.proc, err);
}
