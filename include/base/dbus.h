/* SPDX-License-Identifier: Apache-2.0 */
/* base/dbus.h - the little of D-Bus that a caller of a few methods needs (D-Bus specification 0.43)
 *
 * One connection over a unix socket: login by the kernel's word on who we are (SASL EXTERNAL with
 * an empty identity, so that it also works from a user namespace), calls with a body, replies, and
 * signals that come in between. Everything has a deadline, and waiting is poll(2).
 *
 * The other side is trusted little. A message is bounded in size, every length in it is checked
 * against what there is, and what does not fit together is a failure of the connection. Nothing
 * that was received is ever executed, opened or used as a format.
 *
 * Three parts: writing values, reading values, the connection. The first two are pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"

/* What we read are replies with a few words; a property's text may be long. */
#define DBUS_MESSAGE_MAX ((size_t)256 << 10)

/* ---- writing ---------------------------------------------------------------------------------
 *
 * A body is built value by value in the order of its signature; padding comes by itself. Out of
 * memory shows when it is sent. */

struct dbus_writer {
	struct str b;
};
#define DBUS_WRITER_INIT                                                                           \
	{                                                                                          \
		.b = STR_INIT                                                                      \
	}
void dbus_writer_done(struct dbus_writer *w);
#define AUTO_DBUS_WRITER AUTO(dbus_writer_done) struct dbus_writer

void dbus_put_byte(struct dbus_writer *w, uint8_t v);
void dbus_put_bool(struct dbus_writer *w, bool v);
void dbus_put_u32(struct dbus_writer *w, uint32_t v); /* also for 'i' in two's complement */
void dbus_put_u64(struct dbus_writer *w, uint64_t v);
void dbus_put_string(struct dbus_writer *w, const char *s);    /* 's' and 'o' */
void dbus_put_signature(struct dbus_writer *w, const char *s); /* 'g', and before each variant */
/* Before the members of a struct or dict entry. */
void dbus_put_struct(struct dbus_writer *w);
/* An array whose elements are aligned to ALIGN bytes (8 for structs and 't', 1 for 'y', 4 for most
 * others); what is put between the two calls are its elements. The first returns MARK. */
size_t dbus_array_begin(struct dbus_writer *w, size_t align);
void dbus_array_end(struct dbus_writer *w, size_t mark, size_t align);

struct dbus_call {
	const char *destination; /* NULL: the other side itself, without a bus in between */
	const char *path, *interface, *member;
	const char *signature; /* of the body; "": none */
	bool no_reply;         /* fire and forget */
};

/* Appends the whole message to OUT. */
void dbus_compose(struct str *out, const struct dbus_call *c, uint32_t serial,
		  const struct dbus_writer *body);

/* ---- reading --------------------------------------------------------------------------------- */

enum dbus_type {
	DBUS_CALL = 1,
	DBUS_RETURN = 2,
	DBUS_ERROR = 3,
	DBUS_SIGNAL = 4
};

/* Pointers are into the bytes that were parsed. Strings that the message does not have are "". */
struct dbus_message {
	enum dbus_type type;
	uint32_t serial, reply_serial;
	const char *path, *interface, *member, *error, *sender, *signature;
	const uint8_t *body;
	size_t body_len;
	bool big_endian;
};

/* Length of the message that begins with these 16 bytes; -1: they begin none that we would take. */
int dbus_message_length(const uint8_t head[16], size_t *ret, struct err *err) MUST_CHECK;

/* BUF has exactly one message. */
int dbus_parse(const uint8_t *buf, size_t len, struct dbus_message *ret,
	       struct err *err) MUST_CHECK;

/* Walks a body. The first value that is not there sets `failed`, after which all are 0 or "". */
struct dbus_reader {
	const uint8_t *p;
	size_t len, at;
	bool big_endian, failed;
};
struct dbus_reader dbus_read(const struct dbus_message *m);
uint8_t dbus_get_byte(struct dbus_reader *r);
uint32_t dbus_get_u32(struct dbus_reader *r);
const char *dbus_get_string(struct dbus_reader *r);    /* 's', 'o' */
const char *dbus_get_signature(struct dbus_reader *r); /* 'g', and what a variant begins with */

/* What an error reply says for humans, else its name. */
const char *dbus_error_text(const struct dbus_message *m);

/* ---- the connection -------------------------------------------------------------------------- */

struct dbus {
	int fd;           /* owned */
	uint32_t serial;  /* of the last message that we sent */
	int64_t deadline; /* of what is going on now: CLOCK_MONOTONIC in ms */
	struct str in;    /* received */
	size_t taken;     /* bytes at its start that the last message handed out has */
};
#define DBUS_INIT                                                                                  \
	{                                                                                          \
		.fd = -1, .in = STR_INIT                                                           \
	}
void dbus_done(struct dbus *d);
#define AUTO_DBUS AUTO(dbus_done) struct dbus

/* Everything from here on has to be over in TIMEOUT_MS. */
void dbus_set_deadline(struct dbus *d, unsigned timeout_ms);

/* Connects to the first of ADDRESSES ("unix:path=/run/x;unix:abstract=y") that somebody listens at,
 * and logs in. err->sys is ENOENT or ECONNREFUSED when nobody does. */
int dbus_open(const char *addresses, unsigned timeout_ms, struct dbus *ret,
	      struct err *err) MUST_CHECK;

/* Sends a call; *ret_serial is what its reply will refer to. BODY may be NULL. */
int dbus_send(struct dbus *d, const struct dbus_call *c, const struct dbus_writer *body,
	      uint32_t *ret_serial, struct err *err) MUST_CHECK;

/* The next message, whatever it is; it lives until the next call of this. */
int dbus_receive(struct dbus *d, struct dbus_message *ret, struct err *err) MUST_CHECK;
