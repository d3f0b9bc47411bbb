/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the usage files of a cgroup. Their formats: cgroup-v2.rst, psi.rst. New kernels add keys
 * and lines, so unknown ones are passed over; a known one that is no number is a failure. A
 * container that may make sub-cgroups can give them the names of files that are not there: a
 * directory is no file. */
#include "kernel/cgroup_stats.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/str.h"
#include "kernel/cgroup-internal.h"

/* io.stat has a line of some 100 bytes per disk. */
#define STAT_MAX ((size_t)1 << 20)

struct reader {
	const struct cgroup *cg;
	struct arena *a;
	struct err *err;
};

/* Returns 1 with the text of file NAME, 0 when it is not there, -1. */
static int read_text(const struct reader *r, const char *name, char **ret)
{
	size_t len;

	if (file_read_at(r->cg->fd, name, STAT_MAX, r->a, ret, &len, r->err) == 0)
		return 1;
	/* EOPNOTSUPP: pressure files of a kernel with psi=0. */
	if (cgroup_is_gone(r->err->sys) || r->err->sys == EOPNOTSUPP || r->err->sys == EISDIR) {
		*r->err = (struct err)ERR_INIT;
		return 0;
	}

	return err_wrap(r->err, "cgroup '%s'", r->cg->path);
}

static int fail_text(const struct reader *r, const char *name, const char *text)
{
	return err_set(r->err, ERR_SYSTEM, "cgroup '%s': '%s' has '%s'", r->cg->path, name, text);
}

/* Cuts the next word, up to one of DELIMITERS, off *TEXT; NULL at the end. */
static char *next_word(char **text, const char *delimiters)
{
	char *word = *text + strspn(*text, delimiters);

	if (*word == '\0')
		return NULL;
	*text = word + strcspn(word, delimiters);
	if (**text != '\0')
		*(*text)++ = '\0';

	return word;
}

static size_t count_lines(const char *text)
{
	size_t n = 1;

	for (; *text; text++)
		n += *text == '\n';

	return n;
}

/* ---- numbers and keys ------------------------------------------------------------------------ */

/* A file that is one number or "max". */
static int read_number(const struct reader *r, const char *name, uint64_t *ret, bool *ret_set)
{
	char *text;
	int rc = read_text(r, name, &text);

	if (rc <= 0)
		return rc;
	text[strcspn(text, "\n")] = '\0';
	if (strcmp(text, "max") == 0)
		*ret = CGROUP_NO_LIMIT;
	else if (parse_u64(text, ret) < 0)
		return fail_text(r, name, text);
	*ret_set = true;

	return 0;
}

struct key {
	const char *name;
	size_t offset; /* of a uint64_t */
	uint64_t factor;
};

/* Lines "KEY NUMBER"; those with a row in KEYS, ended by NULL, go to the members of BASE. */
static int read_keys(const struct reader *r, const char *name, const struct key *keys, void *base)
{
	char *text;
	int rc = read_text(r, name, &text);

	for (char *line; rc > 0 && (line = next_word(&text, "\n"));) {
		const char *key = next_word(&line, " ");

		for (const struct key *k = keys; key && k->name; k++) {
			uint64_t *member = (uint64_t *)(void *)((char *)base + k->offset);

			if (strcmp(key, k->name) != 0)
				continue;
			if (parse_u64(line, member) < 0 ||
			    __builtin_mul_overflow(*member, k->factor, member))
				return fail_text(r, name, line);
		}
	}

	return rc;
}

/* ---- pressure -------------------------------------------------------------------------------- */

/* "12.34" as 1234: the kernel prints two digits. */
static int parse_hundredths(const char *s, uint64_t *ret)
{
	char digits[16];
	size_t n = strspn(s, "0123456789");
	uint64_t whole, part;

	if (n == 0 || n >= sizeof(digits) || s[n] != '.' || strspn(s + n + 1, "0123456789") != 2 ||
	    s[n + 3] != '\0')
		return -1;
	memcpy(digits, s, n);
	digits[n] = '\0';
	part = (uint64_t)(s[n + 1] - '0') * 10 + (uint64_t)(s[n + 2] - '0');
	if (parse_u64(digits, &whole) < 0 || __builtin_mul_overflow(whole, 100u, &whole))
		return -1;

	*ret = whole + part;
	return 0;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" behind its first word. */
static int parse_pressure(char *text, struct cgroup_pressure_line *ret)
{
	for (char *word; (word = next_word(&text, " "));) {
		char *value = strchr(word, '=');
		int rc = 0;

		if (!value)
			return -1;
		*value++ = '\0';
		if (strcmp(word, "avg10") == 0)
			rc = parse_hundredths(value, &ret->avg10);
		else if (strcmp(word, "avg60") == 0)
			rc = parse_hundredths(value, &ret->avg60);
		else if (strcmp(word, "avg300") == 0)
			rc = parse_hundredths(value, &ret->avg300);
		else if (strcmp(word, "total") == 0)
			rc = parse_u64(value, &ret->total_us);
		if (rc < 0)
			return -1;
	}

	return 0;
}

static int read_pressure(const struct reader *r, const char *name, struct cgroup_pressure *p)
{
	char *text;
	int rc = read_text(r, name, &text);

	for (char *line; rc > 0 && (line = next_word(&text, "\n"));) {
		const char *kind = next_word(&line, " ");
		struct cgroup_pressure_line *to = NULL;

		if (kind && strcmp(kind, "some") == 0)
			to = &p->some;
		else if (kind && strcmp(kind, "full") == 0)
			to = &p->full;
		if (to && parse_pressure(line, to) < 0)
			return fail_text(r, name, line);
		p->set |= to != NULL;
	}

	return rc < 0 ? -1 : 0;
}

/* ---- controllers ----------------------------------------------------------------------------- */

static int read_cpu(const struct reader *r, struct cgroup_cpu *cpu)
{
	static const struct key keys[] = {
		{ "usage_usec", offsetof(struct cgroup_cpu, total_ns), 1000 },
		{ "user_usec", offsetof(struct cgroup_cpu, user_ns), 1000 },
		{ "system_usec", offsetof(struct cgroup_cpu, system_ns), 1000 },
		{ "nr_periods", offsetof(struct cgroup_cpu, periods), 1 },
		{ "nr_throttled", offsetof(struct cgroup_cpu, throttled_periods), 1 },
		{ "throttled_usec", offsetof(struct cgroup_cpu, throttled_ns), 1000 },
		{ NULL, 0, 0 },
	};
	int rc = read_keys(r, "cpu.stat", keys, cpu);

	cpu->set = rc > 0;

	return rc < 0 ? -1 : read_pressure(r, "cpu.pressure", &cpu->pressure);
}

static int read_counters(const struct reader *r, struct cgroup_memory *m)
{
	char *text;
	int rc = read_text(r, "memory.stat", &text);

	if (rc <= 0)
		return rc;
	m->counters = ARENA_NEW(r->a, struct cgroup_counter, count_lines(text));
	if (!m->counters)
		return err_oom(r->err);
	for (char *line; (line = next_word(&text, "\n"));) {
		struct cgroup_counter *c = &m->counters[m->n_counters];

		c->name = next_word(&line, " ");
		if (!c->name || parse_u64(line, &c->value) < 0)
			return fail_text(r, "memory.stat", line);
		m->n_counters++;
	}

	return 0;
}

static int read_memory(const struct reader *r, struct cgroup_memory *m)
{
	bool ignored;

	if (read_number(r, "memory.current", &m->memory.usage, &m->memory.set) < 0 ||
	    read_number(r, "memory.max", &m->memory.limit, &ignored) < 0 ||
	    read_number(r, "memory.peak", &m->memory.peak, &ignored) < 0 || /* kernel 5.19 */
	    read_number(r, "memory.swap.current", &m->swap.usage, &m->swap.set) < 0 ||
	    read_number(r, "memory.swap.max", &m->swap.limit, &ignored) < 0 ||
	    read_counters(r, m) < 0)
		return -1;

	return read_pressure(r, "memory.pressure", &m->pressure);
}

static int read_pids(const struct reader *r, struct cgroup_amount *p)
{
	bool ignored;
	pid_t *pids;
	size_t n;

	if (read_number(r, "pids.current", &p->usage, &p->set) < 0 ||
	    read_number(r, "pids.max", &p->limit, &ignored) < 0 ||
	    read_number(r, "pids.peak", &p->peak, &ignored) < 0) /* kernel 6.1 */
		return -1;
	if (p->set)
		return 0;
	if (cgroup_pids(r->cg, r->a, &pids, &n, r->err) < 0)
		return -1;
	p->usage = n;
	p->limit = CGROUP_NO_LIMIT;

	return 0;
}

/* "8:16" */
static int parse_device(char *word, struct cgroup_io_device *d)
{
	char *colon = strchr(word, ':');

	if (!colon)
		return -1;
	*colon = '\0';

	return parse_u32(word, &d->major) < 0 || parse_u32(colon + 1, &d->minor) < 0 ? -1 : 0;
}

/* "rbytes=4096" and its like; others ("cost.vrate=100.00") are not ours. */
static int parse_io_value(char *word, struct cgroup_io_device *d)
{
	const struct {
		const char *name;
		uint64_t *to;
	} keys[] = {
		{ "rbytes", &d->rbytes }, { "wbytes", &d->wbytes }, { "dbytes", &d->dbytes },
		{ "rios", &d->rios },     { "wios", &d->wios },     { "dios", &d->dios },
	};
	char *value = strchr(word, '=');

	*value++ = '\0';
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (strcmp(word, keys[i].name) == 0)
			return parse_u64(value, keys[i].to);
	}

	return 0;
}

static int read_io(const struct reader *r, struct cgroup_io *io)
{
	char *text;
	int rc = read_text(r, "io.stat", &text);

	io->set = rc > 0;
	if (rc < 0)
		return -1;
	if (rc > 0) {
		io->devices = ARENA_NEW(r->a, struct cgroup_io_device, count_lines(text));
		if (!io->devices)
			return err_oom(r->err);
	}
	for (char *line; rc > 0 && (line = next_word(&text, "\n"));) {
		struct cgroup_io_device d = { .major = 0 };
		bool used = false;

		/* Kernels before 5.16 print idle devices without a newline: the last name counts.
		 */
		for (char *word; (word = next_word(&line, " "));) {
			bool is_value = strchr(word, '=') != NULL;

			if ((is_value ? parse_io_value(word, &d) : parse_device(word, &d)) < 0)
				return fail_text(r, "io.stat", word);
			used |= is_value;
		}
		if (used)
			io->devices[io->n_devices++] = d;
	}

	return read_pressure(r, "io.pressure", &io->pressure);
}

/* ---- huge pages: a set of files for each size of page ---------------------------------------- */

static int read_page_size(const struct reader *r, const char *size, struct cgroup_hugetlb *h)
{
	static const struct key keys[] = {
		{ "max", offsetof(struct cgroup_hugetlb, failures), 1 },
		{ NULL, 0, 0 },
	};
	bool ignored;
	const char *current = arena_printf(r->a, "hugetlb.%s.current", size);
	const char *events = arena_printf(r->a, "hugetlb.%s.events", size);

	if (!current || !events)
		return err_oom(r->err);
	h->size = size;
	if (read_number(r, current, &h->usage, &ignored) < 0)
		return -1;

	return read_keys(r, events, keys, h) < 0 ? -1 : 0;
}

/* The size in "hugetlb.2MB.current", NULL for other names: "hugetlb.2MB.rsvd.current" has one more
 * part. */
static char *page_size_in(struct arena *a, const char *name)
{
	if (!str_starts(name, "hugetlb."))
		return NULL;
	name += strlen("hugetlb.");
	size_t len = strcspn(name, ".");

	return strcmp(name + len, ".current") == 0 ? arena_strndup(a, name, len) : NULL;
}

/* More than any architecture has. */
#define PAGE_SIZES_MAX 16

static int read_hugetlb(const struct reader *r, struct cgroup_stats *s)
{
	AUTO_DIR dir = cgroup_dir_stream(r->cg->fd);
	if (!dir)
		return cgroup_is_gone(errno)
			       ? 0
			       : err_sys(r->err, "read the directory of cgroup '%s'", r->cg->path);

	s->hugetlb = ARENA_NEW(r->a, struct cgroup_hugetlb, PAGE_SIZES_MAX);
	if (!s->hugetlb)
		return err_oom(r->err);
	for (const struct dirent *e; (e = readdir(dir)) && s->n_hugetlb < PAGE_SIZES_MAX;) {
		const char *size = e->d_type == DT_REG ? page_size_in(r->a, e->d_name) : NULL;

		if (size && read_page_size(r, size, &s->hugetlb[s->n_hugetlb++]) < 0)
			return -1;
	}

	return 0;
}

/* ---- all of it ------------------------------------------------------------------------------- */

int cgroup_stats_read(const struct cgroup *cg, struct arena *a, struct cgroup_stats *ret,
		      struct err *err)
{
	const struct reader r = { .cg = cg, .a = a, .err = err };
	struct cgroup_stats s = { .n_hugetlb = 0 };

	if (read_cpu(&r, &s.cpu) < 0 || read_memory(&r, &s.memory) < 0 ||
	    read_pids(&r, &s.pids) < 0 || read_io(&r, &s.io) < 0 || read_hugetlb(&r, &s) < 0)
		return -1;
	/* Every cgroup has this one: without it, all others were missing for the same reason. */
	if (cgroup_event(cg->fd, "populated") < 0)
		return cgroup_is_gone(errno)
			       ? 0
			       : err_sys(err, "read 'cgroup.events' of cgroup '%s'", cg->path);

	*ret = s;
	return 1;
}

/* ---- being told ------------------------------------------------------------------------------ */

/* Closes *FD unless it is a file. */
static void drop_directory(int *fd)
{
	struct stat st;

	if (*fd >= 0 && (fstat(*fd, &st) < 0 || !S_ISREG(st.st_mode)))
		fd_close(fd);
}

int cgroup_watch_begin(const struct cgroup *cg, struct cgroup_watch *ret, struct err *err)
{
	AUTO_WATCH w = CGROUP_WATCH_INIT;

	w.events = openat(cg->fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	if (w.events < 0)
		return cgroup_is_gone(errno)
			       ? 0
			       : err_sys(err, "open 'cgroup.events' of cgroup '%s'", cg->path);
	w.memory = openat(cg->fd, "memory.events", O_RDONLY | O_CLOEXEC);
	if (w.memory < 0 && !cgroup_is_gone(errno))
		return err_sys(err, "open 'memory.events' of cgroup '%s'", cg->path);

	drop_directory(&w.memory);

	*ret = (struct cgroup_watch){ .events = fd_take(&w.events), .memory = fd_take(&w.memory) };
	return 1;
}

void cgroup_watch_done(struct cgroup_watch *w)
{
	fd_close(&w->events);
	fd_close(&w->memory);
}

/* Returns 1 with the text, 0 when the cgroup is gone, -1. */
static int read_again(int fd, const char *name, char *text, size_t size, struct err *err)
{
	ssize_t n = RETRY(pread(fd, text, size - 1, 0));

	if (n < 0)
		return cgroup_is_gone(errno) ? 0 : err_sys(err, "read '%s'", name);
	text[n] = '\0';

	return 1;
}

int cgroup_watch_look(const struct cgroup_watch *w, bool *ret_populated, uint64_t *ret_oom_kills,
		      struct err *err)
{
	char text[512];
	int rc =
		w->memory < 0 ? 0 : read_again(w->memory, "memory.events", text, sizeof(text), err);

	if (rc < 0)
		return -1;
	for (char *rest = text, *line; rc > 0 && (line = next_word(&rest, "\n"));) {
		const char *key = next_word(&line, " ");

		if (key && strcmp(key, "oom_kill") == 0 && parse_u64(line, ret_oom_kills) < 0)
			return err_set(err, ERR_SYSTEM, "'memory.events' has '%s'", line);
	}

	/* Read last: whoever was killed has been counted by now. */
	rc = read_again(w->events, "cgroup.events", text, sizeof(text), err);
	if (rc < 0)
		return -1;
	*ret_populated = rc > 0 && cgroup_event_in(text, "populated");

	return 0;
}
