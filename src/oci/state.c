/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/state.h"

#include "base/json_write.h"

const char *status_name(enum status s)
{
	switch (s) {
	case STATUS_CREATING:
		return "creating";
	case STATUS_CREATED:
		return "created";
	case STATUS_RUNNING:
		return "running";
	case STATUS_PAUSED:
		return "paused";
	case STATUS_STOPPED:
		return "stopped";
	case STATUS_UNKNOWN:
		return "unknown";
	}
	return "unknown";
}

static void put_optional(struct json_writer *w, const char *key, const char *value)
{
	if (value)
		json_put_string(w, key, value);
}

/* KEY: NULL for the document itself. */
static void put_state(struct json_writer *w, const char *key, const struct oci_state *s)
{
	json_open(w, key, '{');
	json_put_string(w, "ociVersion", s->oci_version);
	json_put_string(w, "id", s->id);
	/* R-STATE-06: `state` says 0 when stopped, hooks are told no pid then. */
	if (s->pid != 0 || s->rootfs)
		json_put_int(w, "pid", s->pid);
	json_put_string(w, "status", status_name(s->status));
	json_put_string(w, "bundle", s->bundle);
	put_optional(w, "rootfs", s->rootfs);
	put_optional(w, "created", s->created);
	if (s->annotations && s->annotations->n > 0) {
		json_open(w, "annotations", '{');
		for (size_t i = 0; i < s->annotations->n; i++)
			json_put_string(w, s->annotations->v[i].key, s->annotations->v[i].value);
		json_close(w, '}');
	}
	put_optional(w, "owner", s->owner);
	json_close(w, '}');
}

void state_print(struct str *out, const struct oci_state *s, unsigned indent)
{
	struct json_writer w = { .out = out, .indent = indent };

	put_state(&w, NULL, s);
}

void process_state_print(struct str *out, const struct oci_process_state *s)
{
	static const char *const fds[] = { "seccompFd", NULL };
	struct json_writer w = { .out = out };

	json_open(&w, NULL, '{');
	json_put_string(&w, "ociVersion", s->oci_version);
	json_put_strings(&w, "fds", fds);
	json_put_int(&w, "pid", s->pid);
	put_optional(&w, "metadata", s->metadata);
	put_state(&w, "state", s->state);
	json_close(&w, '}');
}
