/* SPDX-License-Identifier: Apache-2.0 */
#include "container/notify.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/str.h"
#include "container/sync.h"

/* ---- plan -------------------------------------------------------------------------------------
 */

static const char field[] = "linux.seccomp.listenerPath";

/* With runc's words. */
static int fail_agent(const struct oci_config *c, struct err *err)
{
	err_wrap(err, "failed to connect with seccomp agent");
	return config_wrap(c, c->linux_.seccomp.at, err, "%s", field);
}

static int open_socket(const struct oci_config *c, int bundlefd, int *ret_fd, struct err *err)
{
	const struct oci_seccomp *s = &c->linux_.seccomp;
	struct stat st;

	AUTO_FD fd = openat(bundlefd, s->listener_path, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		err_sys(err, "open '%s'", s->listener_path);
		return fail_agent(c, err);
	}
	if (!S_ISSOCK(st.st_mode))
		return config_fail(c, s->at, err, "%s: '%s' is no socket", field, s->listener_path);

	*ret_fd = fd_take(&fd);
	return 0;
}

int notify_check(const struct oci_config *c, int bundlefd, struct err *err)
{
	const struct opt_i64 *limit = &c->linux_.resources.pids_limit;
	AUTO_FD fd = -1;

	if (!config_notifies(c))
		return 0;
	if (limit->set && limit->v == 1)
		return config_fail(
			c, limit->at, err,
			"linux.resources.pids.limit: 1 leaves no room for the thread that hands the "
			"listener of SCMP_ACT_NOTIFY over; 2 is the least");
	return open_socket(c, bundlefd, &fd, err);
}

/* ---- start ------------------------------------------------------------------------------------
 */

static int write_payload(const struct oci_config *c, const struct oci_state *container, pid_t pid,
			 int *ret_fd, struct err *err)
{
	const struct oci_process_state state = {
		.oci_version = c->oci_version,
		.pid = pid,
		.metadata = c->linux_.seccomp.listener_metadata,
		.state = container,
	};
	AUTO_STR text = STR_INIT;

	process_state_print(&text, &state);
	if (!str_text(&text))
		return err_oom(err);
	AUTO_FD fd = memfd_create("process-state", MFD_CLOEXEC);
	if (fd < 0 || file_write_all(fd, text.s, text.len) < 0)
		return err_sys(err, "write the state for the seccomp agent");

	*ret_fd = fd_take(&fd);
	return 0;
}

int notify_connect(const struct oci_config *c, const char *bundle,
		   const struct oci_state *container, pid_t pid, struct notify *ret,
		   struct err *err)
{
	const struct oci_seccomp *s = &c->linux_.seccomp;
	AUTO_NOTIFY n = NOTIFY_INIT;
	AUTO_FD file = -1;

	if (!config_notifies(c)) {
		*ret = n;
		n = (struct notify)NOTIFY_INIT;
		return 0;
	}

	/* The bundle may be gone by now; an absolute path does not need it. */
	AUTO_FD bundlefd = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (open_socket(c, bundlefd, &file, err) < 0)
		return -1;
	if (fd_connect_file(file, s->listener_path, SOCK_STREAM, NOTIFY_TIMEOUT_MS, &n.agent, err) <
	    0)
		return fail_agent(c, err);
	if (write_payload(c, container, pid, &n.payload, err) < 0)
		return -1;

	*ret = n;
	n = (struct notify)NOTIFY_INIT;
	return 0;
}

int notify_send(int sock, const struct notify *n, struct err *err)
{
	if (n->agent < 0)
		return 0;
	if (sync_send(sock, SYNC_AGENT, n->agent, err) < 0)
		return -1;
	return sync_send(sock, SYNC_PAYLOAD, n->payload, err);
}

static int receive_one(int sock, enum sync_type expected, int *ret_fd, struct err *err)
{
	enum sync_type type;
	AUTO_FD fd = -1;

	if (sync_recv(sock, &type, &fd, err) < 0)
		return -1;
	if (type != expected || fd < 0)
		return err_set(err, ERR_SYSTEM, "the runtime went away");
	*ret_fd = fd_take(&fd);
	return 0;
}

int notify_receive(int sock, struct notify *ret, struct err *err)
{
	AUTO_NOTIFY n = NOTIFY_INIT;

	if (receive_one(sock, SYNC_AGENT, &n.agent, err) < 0 ||
	    receive_one(sock, SYNC_PAYLOAD, &n.payload, err) < 0)
		return -1;

	*ret = n;
	n = (struct notify)NOTIFY_INIT;
	return 0;
}

void notify_done(struct notify *n)
{
	fd_close(&n->agent);
	fd_close(&n->payload);
}
