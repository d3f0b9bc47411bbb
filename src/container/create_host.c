/* SPDX-License-Identifier: Apache-2.0 */
/* create: what the container takes from the host, and giving it back */
#include <fcntl.h>
#include <stdio.h>

#include "base/fd.h"
#include "base/log.h"
#include "create-internal.h"

/* Through the trusted procfs: our child is not reaped yet, so its pid is its own. */
static int open_netns(const struct creation *c, int *ret_fd, struct err *err)
{
	char name[sizeof("/ns/net") + 11];
	int joined = c->plan.ns.join[OCI_NS_NETWORK];

	(void)snprintf(name, sizeof(name), "%d/ns/net", c->proc.pid);
	*ret_fd = joined >= 0 ? fcntl(joined, F_DUPFD_CLOEXEC, 3)
			      : openat(c->plan.procfd, name, O_RDONLY | O_CLOEXEC);

	return *ret_fd < 0 ? err_sys(err, "open the container's network namespace") : 0;
}

static int take_devices(struct creation *c, struct err *err)
{
	AUTO_FD netns = -1;

	if (c->plan.config->linux_.n_net_devices == 0)
		return 0;
	if (open_netns(c, &netns, err) < 0)
		return -1;
	return net_devices_move(c->plan.config, c->plan.procfd, fd_take(&netns), &c->net, err);
}

int create_join_rdt(struct creation *c, pid_t pid, struct err *err)
{
	const struct oci_config *config = c->plan.config;

	if (!config->linux_.intel_rdt.present)
		return 0;
	if (rdt_apply(&c->plan.rdt, pid, &c->record.rdt, err) < 0)
		return config_wrap(config, config->linux_.intel_rdt.at, err, "linux.intelRdt");
	/* The record had what was to be made; now it has what was, with inode numbers. */
	return store_write(&c->store, &c->record, err);
}

int create_take_host(struct creation *c, struct err *err)
{
	return take_devices(c, err) < 0 ? -1 : create_join_rdt(c, c->proc.pid, err);
}

bool create_give_back(struct creation *c)
{
	struct err err = ERR_INIT;
	bool clean = true;

	if (rdt_remove(c->plan.rdt.root, &c->record.rdt, true, &err) < 0) {
		log_warn("%s, continuing", err.msg);
		clean = false;
	}
	/* No later command could do better, so this is no reason to keep the record. */
	if (net_devices_undo(&c->net, &err) < 0)
		log_warn("%s, continuing", err.msg);
	return clean;
}
