/* SPDX-License-Identifier: Apache-2.0 */
/* unit-internal.h - what the unit*.c files share */
#pragma once

#include "base/attr.h"
#include "kernel/unit.h"

/* Properties that the annotations "org.systemd.property.NAME" ask for (unit_annotations.c). */
int unit_annotations(const struct oci_config *c, struct arena *a, struct unit_properties *ret,
		     struct err *err) MUST_CHECK;

/* ---- unit_bus.c ------------------------------------------------------------------------------ */

#define UNIT_SERVICE "org.freedesktop.systemd1"
#define UNIT_OBJECT  "/org/freedesktop/systemd1"
#define UNIT_MANAGER UNIT_SERVICE ".Manager"

/* The job of UNIT that has ended last, as far as signals went by. */
struct unit_watch {
	const char *unit;
	char job[128], result[32], sender[256];
};

struct dbus_call unit_manager_call(const char *member, const char *signature);

/* Returns 0 with the reply, 1 when it is an error, -1. W may be NULL. */
int unit_call(struct unit_bus *b, const struct dbus_call *c, const struct dbus_writer *body,
	      struct unit_watch *w, struct dbus_message *ret, struct err *err) MUST_CHECK;
/* A call of the manager with the name of a unit alone. */
int unit_call_named(struct unit_bus *b, const char *member, const char *name,
		    struct dbus_message *ret, struct err *err) MUST_CHECK;
/* Property NAME, a string, of INTERFACE at PATH; *ret lives as long as a message. */
int unit_get_string(struct unit_bus *b, const char *path, const char *interface, const char *name,
		    const char **ret, struct err *err) MUST_CHECK;

/* Waits for the end of the job that REPLY names. */
int unit_await_job(struct unit_bus *b, struct unit_watch *w, const struct dbus_message *reply,
		   struct err *err) MUST_CHECK;

bool unit_is_error(const struct dbus_message *m, const char *name);
/* "systemd refuses: …"; -1. */
int unit_fail_reply(const struct dbus_message *m, struct err *err);
