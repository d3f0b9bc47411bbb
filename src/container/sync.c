/* SPDX-License-Identifier: Apache-2.0 */
#include "container/sync.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/fd.h"

struct sync_msg {
	uint32_t type;
	struct err err; /* only with SYNC_FAILED, cut behind its text */
};

#define HEADER_SIZE offsetof(struct sync_msg, err)

int sync_send(int sock, enum sync_type type, int fd, struct err *err)
{
	struct sync_msg m = { .type = type };

	if (fd_send(sock, &m, HEADER_SIZE, &fd, fd >= 0 ? 1 : 0) < 0)
		return err_sys(err, "send message %d to the other side of the container's set-up",
			       type);
	return 0;
}

void sync_send_failure(int sock, const struct err *e)
{
	struct sync_msg m = { .type = SYNC_FAILED, .err = *e };
	size_t len = HEADER_SIZE + offsetof(struct err, msg) + e->len + 1;

	int rc = fd_send(sock, &m, len, NULL, 0);
	(void)rc; /* whoever waited is gone: nobody is left to tell */
}

/* The sender shares the container's mounts by now; its bytes are checked like any input. */
static int take_failure(const struct sync_msg *m, size_t len, struct err *err)
{
	const size_t fixed = HEADER_SIZE + offsetof(struct err, msg);

	if (len <= fixed || len > sizeof(*m) || m->err.len != len - fixed - 1 ||
	    m->err.len >= sizeof(m->err.msg))
		return err_set(err, ERR_BUG,
			       "malformed failure message from the container's set-up");
	*err = m->err;
	err->msg[m->err.len] = '\0';
	return 0;
}

int sync_recv(int sock, enum sync_type *ret, int *ret_fd, struct err *err)
{
	struct sync_msg m = { .type = 0 };
	AUTO_FD fd = -1;
	size_t n_fds = 0;

	if (ret_fd)
		*ret_fd = -1;
	ssize_t n = fd_recv(sock, &m, sizeof(m), &fd, 1, &n_fds);
	if (n < 0 && errno == ECONNRESET)
		n = 0;
	if (n < 0)
		return err_sys(err, "receive from the other side of the container's set-up");
	if (n == 0) {
		*ret = SYNC_EOF;
		return 0;
	}
	if ((size_t)n < HEADER_SIZE || m.type < SYNC_CHILD || m.type > SYNC_FAILED)
		return err_set(err, ERR_BUG, "malformed message from the container's set-up");
	if (m.type == SYNC_FAILED && take_failure(&m, (size_t)n, err) < 0)
		return -1;
	*ret = (enum sync_type)m.type;
	if (ret_fd && n_fds)
		*ret_fd = fd_take(&fd);
	return 0;
}

int sync_expect(int sock, enum sync_type expected, struct err *err)
{
	enum sync_type type;

	if (sync_recv(sock, &type, NULL, err) < 0)
		return -1;
	if (type != expected)
		return err_set(err, ERR_SYSTEM, "the runtime went away");
	return 0;
}
