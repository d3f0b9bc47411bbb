/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/tty.h - pseudo terminals (pty(7)): the container's side and the caller's side */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

#include "base/attr.h"
#include "base/err.h"

/* Child: opens /dev/pts/ptmx beneath ROOTFD (checked: devpts, character device 5:2) and takes the peer from
 * the master by TIOCGPTPEER (I-07, CVE-2025-52565). Size as given when both are not 0; ONLCR is switched
 * off (D-24). */
int tty_open_pair(int rootfd, uint32_t height, uint32_t width, int *ret_master, int *ret_slave,
		  struct err *err) MUST_CHECK;

/* Child: makes SLAVE the controlling terminal of the calling session leader and descriptors 0, 1, 2;
 * owner becomes UID (container id) through the descriptor. */
int tty_make_controlling(int slave, uid_t uid, struct err *err) MUST_CHECK;

/* Parent: sends MASTER to the listener at SOCKET_PATH, one message whose data is a name and whose only
 * control data is this descriptor (engine-contracts 4). SOCKETFD is already connected: plan opened it,
 * so a bad path fails before the clone. */
int tty_send_master(int socketfd, int master, struct err *err) MUST_CHECK;

/* Caller's terminal in raw mode, restored by tty_restore() on every exit path. */
struct tty_saved {
	bool active;
	int fd;
	struct termios termios;
};
int tty_set_raw(int fd, struct tty_saved *ret, struct err *err) MUST_CHECK;
void tty_restore(struct tty_saved *s);
/* Copies the window size of terminal FROM to terminal TO; silently nothing when FROM is none. */
void tty_copy_size(int from, int to);
