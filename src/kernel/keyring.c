/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/keyring.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

/* Room for an id of 255 bytes (I-24) behind the prefix. */
#define NAME_MAX_BYTES (sizeof("_ses.") + 255)

/* The prefix is runc's. It also keeps an id with a leading dot possible: the kernel reserves such
 * names. An older keyring of the same name is not joined: the kernel only finds those that grant
 * search to others, which ours never does (keyctl(2), KEYCTL_JOIN_SESSION_KEYRING). */
int keyring_join(const char *id, struct err *err)
{
	char name[NAME_MAX_BYTES];

	int n = snprintf(name, sizeof(name), "_ses.%s", id);
	if (n < 0 || (size_t)n >= sizeof(name))
		return err_set(err, ERR_BUG, "id '%s' is too long for a keyring name", id);

	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name) < 0) {
		/* Best effort on purpose, see the header: both are the host's state, and no key of
		 * the caller becomes reachable by more than before. */
		if (errno != ENOSYS && errno != EDQUOT)
			return err_sys(err, "make session keyring '%s'", name);
		log_warn("make session keyring '%s': %s, continuing with the caller's", name,
			 err_text(errno));
	}

	return 0;
}
