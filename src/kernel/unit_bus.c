/* SPDX-License-Identifier: Apache-2.0 */
/* The way to systemd: connection, calls, jobs.
 *
 * A job is over when systemd says so in the signal JobRemoved, which everybody on a bus can try to
 * send: it counts only from the sender of the reply that named the job, which the bus daemon writes
 * into each message. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"
#include "unit-internal.h"

#define BUS      "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"
#define MATCH                                                                                      \
	"type='signal',sender='" UNIT_SERVICE "',interface='" UNIT_MANAGER                         \
	"',member='JobRemoved',path='" UNIT_OBJECT "'"

/* Answered by a process that does nothing else, but may have to be started for us. */
#define LOGIN_MS 10000

void unit_bus_done(struct unit_bus *b)
{
	dbus_done(&b->d);
}

/* ---- connection ----------------------------------------------------------------------------- */

/* systemd's own socket, for root and the user himself, without a bus daemon. */
static bool is_direct(const char *address)
{
	static const char own[] = "/systemd/private";
	size_t n = strlen(address);

	return n >= sizeof(own) - 1 && strcmp(address + n - (sizeof(own) - 1), own) == 0;
}

/* The kernel shows a process of a pid namespace that is not ours, or below ours, as 0. */
static int check_pid_namespace(const struct unit_bus *b, struct err *err)
{
	struct ucred cred = { .pid = 0 };
	socklen_t len = sizeof(cred);

	if (getsockopt(b->d.fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return err_sys(err, "ask who is behind '%s'", b->address);
	if (cred.pid == 0)
		return err_set(err, ERR_SYSTEM,
			       "systemd at '%s' is in another pid namespace and would take our "
			       "process numbers for those of others",
			       b->address);

	return 0;
}

/* Nobody waits for the answers: a bus that refuses these answers no call either. */
static int introduce(struct unit_bus *b, struct err *err)
{
	const struct dbus_call hello = { .destination = BUS,
					 .path = BUS_PATH,
					 .interface = BUS,
					 .member = "Hello",
					 .signature = "" };
	const struct dbus_call match = { .destination = BUS,
					 .path = BUS_PATH,
					 .interface = BUS,
					 .member = "AddMatch",
					 .signature = "s",
					 .no_reply = true };
	AUTO_DBUS_WRITER w = DBUS_WRITER_INIT;

	if (b->direct)
		return 0;
	dbus_put_string(&w, MATCH);
	if (dbus_send(&b->d, &hello, NULL, NULL, err) < 0)
		return -1;

	return dbus_send(&b->d, &match, &w, NULL, err);
}

static bool is_absent(const struct err *err)
{
	return err->sys == ENOENT || err->sys == ECONNREFUSED;
}

int unit_bus_open(const char *const *addresses, struct unit_bus *ret, struct err *err)
{
	AUTO_UNIT_BUS b = UNIT_BUS_INIT;
	struct err first = ERR_INIT;

	for (; *addresses; addresses++) {
		if (dbus_open(*addresses, LOGIN_MS, &b.d, err) == 0)
			break;
		if (!is_absent(err))
			return -1;
		if (!first.kind)
			first = *err;
	}
	if (!*addresses) {
		if (!first.kind)
			return err_set(err, ERR_USAGE,
				       "no address of a systemd is known: set XDG_RUNTIME_DIR or "
				       "DBUS_SESSION_BUS_ADDRESS");
		*err = first;
		return -1;
	}
	b.address = *addresses;
	b.direct = is_direct(*addresses);
	if (check_pid_namespace(&b, err) < 0 || introduce(&b, err) < 0)
		return -1;

	*ret = b;
	b = (struct unit_bus)UNIT_BUS_INIT;
	return 0;
}

/* ---- calls and jobs ------------------------------------------------------------------------- */

static void copy(char *buf, size_t size, const char *s)
{
	(void)snprintf(buf, size, "%s", s);
}

static void note_signal(struct unit_watch *w, const struct dbus_message *m)
{
	struct dbus_reader r = dbus_read(m);

	if (m->type != DBUS_SIGNAL || strcmp(m->member, "JobRemoved") != 0 ||
	    strcmp(m->interface, UNIT_MANAGER) != 0 || strcmp(m->path, UNIT_OBJECT) != 0 ||
	    strcmp(m->signature, "uoss") != 0)
		return;
	(void)dbus_get_u32(&r);
	const char *job = dbus_get_string(&r);
	const char *unit = dbus_get_string(&r);
	const char *result = dbus_get_string(&r);
	if (r.failed || strcmp(unit, w->unit) != 0)
		return;
	copy(w->job, sizeof(w->job), job);
	copy(w->result, sizeof(w->result), result);
	copy(w->sender, sizeof(w->sender), m->sender);
}

int unit_call(struct unit_bus *b, const struct dbus_call *c, const struct dbus_writer *body,
	      struct unit_watch *w, struct dbus_message *ret, struct err *err)
{
	struct dbus_call direct = *c;
	uint32_t serial;

	if (b->direct)
		direct.destination = NULL;
	if (dbus_send(&b->d, &direct, body, &serial, err) < 0)
		return -1;
	for (;;) {
		if (dbus_receive(&b->d, ret, err) < 0)
			return -1;
		if (w)
			note_signal(w, ret);
		if (ret->reply_serial != serial)
			continue;
		if (ret->type == DBUS_RETURN || ret->type == DBUS_ERROR)
			return ret->type == DBUS_ERROR;
	}
}

int unit_fail_reply(const struct dbus_message *m, struct err *err)
{
	return err_set(err, ERR_SYSTEM, "systemd refuses: %.600s", dbus_error_text(m));
}

bool unit_is_error(const struct dbus_message *m, const char *name)
{
	return m->type == DBUS_ERROR && strcmp(m->error, name) == 0;
}

int unit_await_job(struct unit_bus *b, struct unit_watch *w, const struct dbus_message *reply,
		   struct err *err)
{
	struct dbus_reader r = dbus_read(reply);
	char job[sizeof(w->job)], sender[sizeof(w->sender)];
	struct dbus_message m;

	copy(job, sizeof(job), dbus_get_string(&r));
	copy(sender, sizeof(sender), reply->sender);
	if (strcmp(reply->signature, "o") != 0 || r.failed)
		return err_set(err, ERR_SYSTEM, "systemd's answer names no job");
	while (strcmp(w->job, job) != 0 || (!b->direct && strcmp(w->sender, sender) != 0)) {
		if (dbus_receive(&b->d, &m, err) < 0)
			return -1;
		note_signal(w, &m);
	}
	/* "skipped" is for conditions, which a scope has none of; a stop of what is gone is done.
	 */
	if (strcmp(w->result, "done") != 0)
		return err_set(err, ERR_SYSTEM, "systemd's job ended with the result '%s'",
			       w->result);

	return 0;
}

struct dbus_call unit_manager_call(const char *member, const char *signature)
{
	return (struct dbus_call){ .destination = UNIT_SERVICE,
				   .path = UNIT_OBJECT,
				   .interface = UNIT_MANAGER,
				   .member = member,
				   .signature = signature };
}

int unit_call_named(struct unit_bus *b, const char *member, const char *name,
		    struct dbus_message *ret, struct err *err)
{
	const struct dbus_call c = unit_manager_call(member, "s");
	AUTO_DBUS_WRITER w = DBUS_WRITER_INIT;

	dbus_put_string(&w, name);
	return unit_call(b, &c, &w, NULL, ret, err);
}

int unit_get_string(struct unit_bus *b, const char *path, const char *interface, const char *name,
		    const char **ret, struct err *err)
{
	const struct dbus_call c = { .destination = UNIT_SERVICE,
				     .path = path,
				     .interface = BUS ".Properties",
				     .member = "Get",
				     .signature = "ss" };
	AUTO_DBUS_WRITER w = DBUS_WRITER_INIT;
	struct dbus_message m;

	dbus_put_string(&w, interface);
	dbus_put_string(&w, name);
	int rc = unit_call(b, &c, &w, NULL, &m, err);
	if (rc < 0)
		return -1;
	struct dbus_reader r = dbus_read(&m);
	if (rc == 1 || strcmp(m.signature, "v") != 0 || strcmp(dbus_get_signature(&r), "s") != 0)
		return 1;

	*ret = dbus_get_string(&r);
	return r.failed;
}
