/* SPDX-License-Identifier: Apache-2.0 */
/* Values and messages of D-Bus as bytes and back. We write little-endian, and read both. */
#include <string.h>

#include "base/dbus.h"

/* Codes of header fields. */
enum field {
	FIELD_PATH = 1,
	FIELD_INTERFACE = 2,
	FIELD_MEMBER = 3,
	FIELD_ERROR = 4,
	FIELD_REPLY_SERIAL = 5,
	FIELD_DESTINATION = 6,
	FIELD_SENDER = 7,
	FIELD_SIGNATURE = 8
};

#define FLAG_NO_REPLY 1
#define VERSION       1
#define HEAD_LEN      16 /* the fixed part, with the length of the array of fields */
#define ARRAY_MAX     ((uint32_t)64 << 20)

/* ---- writing -------------------------------------------------------------------------------- */

void dbus_writer_done(struct dbus_writer *w)
{
	str_done(&w->b);
}

static void put(struct dbus_writer *w, uint64_t v, unsigned bytes)
{
	char buf[8];

	for (unsigned i = 0; i < bytes; i++)
		buf[i] = (char)(v >> 8 * i & 0xff);
	str_addn(&w->b, buf, bytes);
}

static void align(struct dbus_writer *w, size_t to)
{
	while (!w->b.failed && w->b.len % to != 0)
		put(w, 0, 1);
}

void dbus_put_byte(struct dbus_writer *w, uint8_t v)
{
	put(w, v, 1);
}

void dbus_put_bool(struct dbus_writer *w, bool v)
{
	dbus_put_u32(w, v);
}

void dbus_put_u32(struct dbus_writer *w, uint32_t v)
{
	align(w, 4);
	put(w, v, 4);
}

void dbus_put_u64(struct dbus_writer *w, uint64_t v)
{
	align(w, 8);
	put(w, v, 8);
}

void dbus_put_string(struct dbus_writer *w, const char *s)
{
	size_t len = strlen(s);

	/* Nothing that we send comes near; a longer one could not be told from a short one. */
	ASSERT(len <= DBUS_MESSAGE_MAX);
	dbus_put_u32(w, (uint32_t)len);
	str_addn(&w->b, s, len + 1);
}

void dbus_put_signature(struct dbus_writer *w, const char *s)
{
	size_t len = strlen(s);

	ASSERT(len <= UINT8_MAX);
	put(w, len, 1);
	str_addn(&w->b, s, len + 1);
}

void dbus_put_struct(struct dbus_writer *w)
{
	align(w, 8);
}

size_t dbus_array_begin(struct dbus_writer *w, size_t to)
{
	dbus_put_u32(w, 0);
	size_t mark = w->b.len - 4;
	align(w, to);

	return mark;
}

/* The padding before the first element does not count, and is there without elements as well. */
void dbus_array_end(struct dbus_writer *w, size_t mark, size_t to)
{
	size_t start = (mark + 4 + to - 1) / to * to;

	if (w->b.failed)
		return;
	for (unsigned i = 0; i < 4; i++)
		w->b.s[mark + i] = (char)((w->b.len - start) >> 8 * i & 0xff);
}

static void put_field(struct dbus_writer *w, enum field code, const char *type, const char *value)
{
	if (!value || !*value)
		return;
	dbus_put_struct(w);
	dbus_put_byte(w, (uint8_t)code);
	dbus_put_signature(w, type);
	if (*type == 'g')
		dbus_put_signature(w, value);
	else
		dbus_put_string(w, value);
}

void dbus_compose(struct str *out, const struct dbus_call *c, uint32_t serial,
		  const struct dbus_writer *body)
{
	AUTO_DBUS_WRITER w = DBUS_WRITER_INIT;
	size_t body_len = body ? body->b.len : 0;

	ASSERT(body_len <= DBUS_MESSAGE_MAX && serial != 0);
	dbus_put_byte(&w, 'l');
	dbus_put_byte(&w, DBUS_CALL);
	dbus_put_byte(&w, c->no_reply ? FLAG_NO_REPLY : 0);
	dbus_put_byte(&w, VERSION);
	dbus_put_u32(&w, (uint32_t)body_len);
	dbus_put_u32(&w, serial);

	size_t fields = dbus_array_begin(&w, 8);
	put_field(&w, FIELD_PATH, "o", c->path);
	put_field(&w, FIELD_INTERFACE, "s", c->interface);
	put_field(&w, FIELD_MEMBER, "s", c->member);
	put_field(&w, FIELD_DESTINATION, "s", c->destination);
	put_field(&w, FIELD_SIGNATURE, "g", c->signature);
	dbus_array_end(&w, fields, 8);
	align(&w, 8);

	if (body)
		str_addn(&w.b, body->b.s ? body->b.s : "", body_len);
	out->failed |= w.b.failed || (body && body->b.failed);
	if (!out->failed)
		str_addn(out, w.b.s, w.b.len);
}

/* ---- reading -------------------------------------------------------------------------------- */

/* N more bytes behind the padding, or NULL. */
static const uint8_t *take(struct dbus_reader *r, size_t n, size_t to)
{
	size_t start = (r->at + to - 1) / to * to;

	if (r->failed || start > r->len || n > r->len - start) {
		r->failed = true;
		return NULL;
	}
	r->at = start + n;

	return r->p + start;
}

static uint64_t number(struct dbus_reader *r, unsigned bytes)
{
	const uint8_t *p = take(r, bytes, bytes);
	uint64_t v = 0;

	for (unsigned i = 0; p && i < bytes; i++)
		v |= (uint64_t)p[i] << 8 * (r->big_endian ? bytes - 1 - i : i);

	return v;
}

/* LEN bytes and a NUL that is the only one. */
static const char *text(struct dbus_reader *r, size_t len)
{
	const uint8_t *p = len < SIZE_MAX ? take(r, len + 1, 1) : NULL;

	if (!p || memchr(p, '\0', len + 1) != p + len) {
		r->failed = true;
		return "";
	}

	return (const char *)p;
}

uint8_t dbus_get_byte(struct dbus_reader *r)
{
	return (uint8_t)number(r, 1);
}

uint32_t dbus_get_u32(struct dbus_reader *r)
{
	return (uint32_t)number(r, 4);
}

const char *dbus_get_string(struct dbus_reader *r)
{
	uint32_t len = dbus_get_u32(r);

	return text(r, len);
}

const char *dbus_get_signature(struct dbus_reader *r)
{
	uint8_t len = dbus_get_byte(r);

	return text(r, len);
}

struct dbus_reader dbus_read(const struct dbus_message *m)
{
	return (struct dbus_reader){ .p = m->body,
				     .len = m->body_len,
				     .big_endian = m->big_endian };
}

const char *dbus_error_text(const struct dbus_message *m)
{
	struct dbus_reader r = dbus_read(m);

	if (m->signature[0] != 's')
		return m->error;
	const char *said = dbus_get_string(&r);

	return *said ? said : m->error;
}

static int malformed(struct err *err, const char *what)
{
	return err_set(err, ERR_SYSTEM, "the bus sent a malformed message (%s)", what);
}

/* What the fixed part says, before anything else is looked at. */
static int parse_head(struct dbus_reader *r, size_t *ret_body, size_t *ret_fields,
		      uint8_t *ret_type, uint32_t *ret_serial, struct err *err)
{
	uint8_t order = dbus_get_byte(r);

	if (order != 'l' && order != 'B')
		return malformed(err, "its byte order");
	r->big_endian = order == 'B';
	*ret_type = dbus_get_byte(r);
	(void)dbus_get_byte(r); /* flags: none of them matters to a receiver of replies */
	if (dbus_get_byte(r) != VERSION)
		return malformed(err, "its version");
	*ret_body = dbus_get_u32(r);
	*ret_serial = dbus_get_u32(r);
	*ret_fields = dbus_get_u32(r);
	if (r->failed || *ret_type == 0 || *ret_serial == 0)
		return malformed(err, "its head");
	if (*ret_body > DBUS_MESSAGE_MAX || *ret_fields > DBUS_MESSAGE_MAX)
		return err_set(err, ERR_SYSTEM, "the bus sent a message of more than %zu bytes",
			       DBUS_MESSAGE_MAX);

	return 0;
}

static size_t padded(size_t len)
{
	return (len + 7) / 8 * 8;
}

int dbus_message_length(const uint8_t head[16], size_t *ret, struct err *err)
{
	struct dbus_reader r = { .p = head, .len = HEAD_LEN };
	size_t body, fields;
	uint32_t serial;
	uint8_t type;

	if (parse_head(&r, &body, &fields, &type, &serial, err) < 0)
		return -1;
	if (padded(HEAD_LEN + fields) + body > DBUS_MESSAGE_MAX)
		return err_set(err, ERR_SYSTEM, "the bus sent a message of more than %zu bytes",
			       DBUS_MESSAGE_MAX);

	*ret = padded(HEAD_LEN + fields) + body;
	return 0;
}

/* The value of a field that we do not know; only simple types occur. */
static void skip_value(struct dbus_reader *r, char type)
{
	switch (type) {
	case 'y':
		(void)number(r, 1);
		break;
	case 'n':
	case 'q':
		(void)number(r, 2);
		break;
	case 'b':
	case 'i':
	case 'u':
	case 'h':
		(void)number(r, 4);
		break;
	case 'x':
	case 't':
	case 'd':
		(void)number(r, 8);
		break;
	case 's':
	case 'o':
		(void)dbus_get_string(r);
		break;
	case 'g':
		(void)dbus_get_signature(r);
		break;
	default:
		r->failed = true;
	}
}

static void parse_field(struct dbus_reader *r, struct dbus_message *m)
{
	const struct {
		enum field code;
		char type;
		const char **value;
	} known[] = {
		{ FIELD_PATH, 'o', &m->path },     { FIELD_INTERFACE, 's', &m->interface },
		{ FIELD_MEMBER, 's', &m->member }, { FIELD_ERROR, 's', &m->error },
		{ FIELD_SENDER, 's', &m->sender }, { FIELD_SIGNATURE, 'g', &m->signature },
	};

	(void)take(r, 0, 8);
	uint8_t code = dbus_get_byte(r);
	const char *type = dbus_get_signature(r);
	if (r->failed || code == 0 || strlen(type) != 1) {
		r->failed = true;
		return;
	}
	if (code == FIELD_REPLY_SERIAL && *type == 'u') {
		m->reply_serial = dbus_get_u32(r);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (code != known[i].code)
			continue;
		if (*type != known[i].type)
			r->failed = true;
		else
			*known[i].value = *type == 'g' ? dbus_get_signature(r) : dbus_get_string(r);
		return;
	}
	/* A reply serial of another type ends here, and is then missed below. */
	skip_value(r, *type);
}

/* What a message of its type must have. */
static bool is_complete(const struct dbus_message *m)
{
	switch (m->type) {
	case DBUS_CALL:
		return *m->path && *m->member;
	case DBUS_RETURN:
		return m->reply_serial != 0;
	case DBUS_ERROR:
		return m->reply_serial != 0 && *m->error;
	case DBUS_SIGNAL:
		return *m->path && *m->interface && *m->member;
	}

	return true; /* types of the future are to be ignored */
}

int dbus_parse(const uint8_t *buf, size_t len, struct dbus_message *ret, struct err *err)
{
	struct dbus_message m = { .path = "",
				  .interface = "",
				  .member = "",
				  .error = "",
				  .sender = "",
				  .signature = "" };
	struct dbus_reader r = { .p = buf, .len = len };
	size_t body, fields;
	uint8_t type;

	if (parse_head(&r, &body, &fields, &type, &m.serial, err) < 0)
		return -1;
	if (padded(HEAD_LEN + fields) + body != len)
		return malformed(err, "its length");
	m.type = (enum dbus_type)type;
	m.big_endian = r.big_endian;

	r.len = HEAD_LEN + fields;
	while (!r.failed && r.at < r.len)
		parse_field(&r, &m);
	if (r.failed || !is_complete(&m))
		return malformed(err, "its fields");
	m.body = buf + padded(HEAD_LEN + fields);
	m.body_len = body;

	*ret = m;
	return 0;
}
