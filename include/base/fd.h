/* SPDX-License-Identifier: Apache-2.0 */
/* base/fd.h - ownership of file descriptors
 *
 * A descriptor is owned by exactly one variable or struct field; unset is -1. Passing `int fd`
 * lends it; a parameter named `take_fd` is closed by the callee in every case. Every descriptor is
 * close-on-exec from birth (I-13). */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"

/* Closes *fd if it is set and sets it to -1; errno survives. */
void fd_close(int *fd);
/* The same, also within a batch. */
void fd_close_now(int *fd);
#define AUTO_FD     AUTO(fd_close) int
#define AUTO_FD_NOW AUTO(fd_close_now) int

/* Between the two fd_close() puts off: descriptors that a mount or a mask needs for a moment have
 * neighbouring numbers and are closed together (close_range, kernel 5.9). Not for pipes and sockets,
 * whose other side waits for the end, nor for files that are open for writing: a mount that has one
 * becomes neither read-only nor id-mapped. At most FD_BATCH_MAX are open longer than they would be.
 * Does not nest. */
#define FD_BATCH_MAX 32
struct fd_batch {
	char unused;
};
struct fd_batch fd_batch_begin(void) MUST_CHECK;
/* Closes what was put off so far. */
void fd_batch_flush(void);
void fd_batch_end(const struct fd_batch *b);
#define AUTO_FD_BATCH UNUSED AUTO(fd_batch_end) const struct fd_batch

/* Moves ownership out of *fd. */
int fd_take(int *fd) MUST_CHECK;

/* Marks every descriptor >= FIRST close-on-exec (close_range, kernel 5.11). */
int fd_cloexec_from(unsigned first, struct err *err) MUST_CHECK;

/* One message on a SOCK_SEQPACKET or SOCK_STREAM socket with up to FD_PASS_MAX descriptors in one
 * SCM_RIGHTS; never raises SIGPIPE. Returns 0 or -1 with errno. */
#define FD_PASS_MAX 4
int fd_send(int sock, const void *buf, size_t len, const int *fds, size_t n_fds) MUST_CHECK;
/* The same with at most one descriptor (FD -1: none); ETIMEDOUT when TIMEOUT_MS were not enough for
 * all of it, however little the other side reads meanwhile. */
int fd_send_within(int sock, const void *buf, size_t len, int fd, unsigned timeout_ms) MUST_CHECK;

/* Receives one message. Descriptors that came with it land close-on-exec in FDS and are owned by
 * the caller; those beyond MAX_FDS are closed. Returns bytes (0 = end of file) or -1 with errno. */
ssize_t fd_recv(int sock, void *buf, size_t len, int *fds, size_t max_fds, size_t *ret_n_fds)
	MUST_CHECK;

/* Address of NAME in the directory DIRFD through /proc/self/fd: sun_path holds 108 bytes and state
 * directories may be longer. NAME must be short. SOCK_TYPE is SOCK_SEQPACKET or SOCK_STREAM; of a
 * socket that is only bound it may also be SOCK_DGRAM. The file has mode 0600. */
int fd_bind_unix_at(int dirfd, const char *name, int sock_type, int *ret_fd, struct err *err)
	MUST_CHECK;
int fd_listen_unix_at(int dirfd, const char *name, int sock_type, int *ret_fd, struct err *err)
	MUST_CHECK;
int fd_connect_unix_at(int dirfd, const char *name, int sock_type, int *ret_fd, struct err *err)
	MUST_CHECK;
/* The same for a path of any length; its directory is opened first. */
int fd_connect_unix(const char *path, int sock_type, int *ret_fd, struct err *err) MUST_CHECK;
/* The same for an absolute path or, after a '@', an abstract name, as in NOTIFY_SOCKET. */
int fd_connect_any(const char *address, int sock_type, int *ret_fd, struct err *err) MUST_CHECK;
/* The same for a socket file that is open (O_PATH); NAME is for messages. EAGAIN in err->sys when
 * the other side's queue stays full for TIMEOUT_MS; 0 waits for ever. */
int fd_connect_file(int file, const char *name, int sock_type, unsigned timeout_ms, int *ret_fd,
		    struct err *err) MUST_CHECK;

/* A timer that expires every INTERVAL_NS, the first time after one; 0 is no interval. Each read(2)
 * of 8 bytes waits for that. */
int fd_open_timer(uint64_t interval_ns, int *ret_fd, struct err *err) MUST_CHECK;

/* Makes 0, 1 and 2 exist (as /dev/null), so that no descriptor of ours ever gets such a number. */
int fd_ensure_stdio(struct err *err) MUST_CHECK;
