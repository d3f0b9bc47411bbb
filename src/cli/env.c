/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/path.h"

/* More sockets are not passed by anyone; a stray value must not open hundreds of holes. */
#define LISTEN_FDS_MAX 1024

/* The initial user namespace maps every id to itself in one line. Without /proc there is nothing to
 * be seen, and calls as simple as `--version` must work there (engine-contracts 2). */
static bool in_initial_userns(void)
{
	char map[256];
	const char *p = map;

	if (file_read_small_at(AT_FDCWD, "/proc/self/uid_map", map, sizeof(map)) < 0)
		return true;

	static const char *const fields[] = { "0", "0", "4294967295" };
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		p += strspn(p, " ");
		size_t len = strcspn(p, " \n");
		if (len != strlen(fields[i]) || strncmp(p, fields[i], len) != 0)
			return false;
		p += len;
	}

	return true;
}

int env_default_root(uid_t euid, bool initial_userns, const char *xdg, struct str *ret,
		     struct err *err)
{
	/* Rootful podman sets XDG_RUNTIME_DIR to the empty string (engine-contracts 4); a relative
	 * one is invalid by the base directory specification. */
	bool has_xdg = xdg && xdg[0] == '/';

	if (has_xdg && (euid != 0 || !initial_userns))
		str_addf(ret, "%s/cruntime", xdg);
	else if (euid == 0)
		str_add(ret, "/run/cruntime");
	else
		return err_set(err, ERR_USAGE,
			       "no place for the state: set XDG_RUNTIME_DIR or use --root DIR");

	return str_text(ret) ? 0 : err_oom(err);
}

int env_root(const char *option, struct str *ret, struct err *err)
{
	if (!option) {
		const char *xdg = getenv("XDG_RUNTIME_DIR");
		uid_t euid = geteuid();

		/* The file is read only where it matters. */
		bool matters = euid == 0 && xdg && xdg[0] == '/';
		return env_default_root(euid, !matters || in_initial_userns(), xdg, ret, err);
	}

	AUTO_PATH path = path_absolute(option);
	if (!path)
		return err_sys(err, "state root '%s'", option);
	/* "/.." is the root directory as well; nobody names a state root "...". */
	if (path[strspn(path, "/.")] == '\0')
		return err_set(err, ERR_USAGE, "state root '%s': a directory of its own is needed",
			       path);
	str_add(ret, path);

	return str_text(ret) ? 0 : err_oom(err);
}

unsigned env_count_listen_fds(const char *fds, const char *pid, pid_t self)
{
	uint32_t count;
	uint32_t owner;

	if (!fds || parse_u32(fds, &count) < 0 || count > LISTEN_FDS_MAX)
		return 0;
	/* Descriptors that are meant for a process above us must not get into a container. */
	if (pid && pid[0] != '\0' && (parse_u32(pid, &owner) < 0 || owner != (uint32_t)self))
		return 0;

	return count;
}

unsigned env_listen_fds(void)
{
	const char *fds = getenv("LISTEN_FDS");

	return fds ? env_count_listen_fds(fds, getenv("LISTEN_PID"), getpid()) : 0;
}

int env_copy(const char *name, struct arena *a, const char **ret, struct err *err)
{
	const char *value = getenv(name);

	if (!value || !*value)
		return 0;
	*ret = arena_strdup(a, value);

	return *ret ? 0 : err_oom(err);
}

/* ---- systemd -------------------------------------------------------------------------------- */

/* DIR and TAIL as a D-Bus address; other characters than these are escaped there. */
static const char *path_address(struct arena *a, const char *dir, const char *tail)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/.\\*";
	AUTO_STR b = STR_INIT;

	str_add(&b, "unix:path=");
	for (const char *s = dir; *s; s++) {
		if (strchr(plain, *s))
			str_addn(&b, s, 1);
		else
			str_addf(&b, "%%%02x", (unsigned char)*s);
	}
	str_add(&b, tail);

	return str_text(&b) ? arena_strdup(a, b.s) : NULL;
}

int env_manager_of(bool user, const struct env_bus *env, struct arena *a, struct unit_manager *ret,
		   struct err *err)
{
	struct unit_manager m = { .user = user };
	const char *given = user ? env->session : env->system;
	bool has_xdg = env->xdg && env->xdg[0] == '/';
	size_t n = 0;

	if (given && *given)
		m.addresses[n++] = arena_strdup(a, given);
	if (user && has_xdg) {
		m.addresses[n++] = path_address(a, env->xdg, "/bus");
		m.addresses[n++] = path_address(a, env->xdg, "/systemd/private");
	} else if (!user && n == 0) {
		/* Without a bus daemon, systemd itself has a socket for root. */
		m.addresses[n++] = "unix:path=/run/dbus/system_bus_socket";
		m.addresses[n++] = "unix:path=/run/systemd/private";
	}
	for (size_t i = 0; i < n; i++) {
		if (!m.addresses[i])
			return err_oom(err);
	}

	*ret = m;
	return 0;
}

int env_manager(struct arena *a, struct unit_manager *ret, struct err *err)
{
	const struct env_bus env = { .system = getenv("DBUS_SYSTEM_BUS_ADDRESS"),
				     .session = getenv("DBUS_SESSION_BUS_ADDRESS"),
				     .xdg = getenv("XDG_RUNTIME_DIR") };

	return env_manager_of(geteuid() != 0 || !in_initial_userns(), &env, a, ret, err);
}
