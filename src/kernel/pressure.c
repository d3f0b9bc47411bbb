/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/pressure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

static const char *const resources[] = { "cpu", "memory", "io" };

/* Cuts the word before SEPARATOR off *REST; NULL when there is no separator. */
static const char *cut(char **rest, char separator)
{
	char *word = *rest, *end = strchr(word, separator);

	if (!end)
		return NULL;
	*end = '\0';
	*rest = end + 1;
	return word;
}

/* Whole microseconds. */
static int parse_us(const char *word, uint32_t *ret)
{
	uint64_t ns;

	if (!word || parse_duration(word, &ns) < 0 || ns % 1000 || ns / 1000 > UINT32_MAX)
		return -1;
	*ret = (uint32_t)(ns / 1000);
	return 0;
}

static int parse(char *text, struct pressure_trigger *t)
{
	const char *resource = cut(&text, ':');
	const char *kind = resource ? cut(&text, ':') : NULL;
	const char *stall = kind ? cut(&text, '/') : NULL;

	if (!stall)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(resources); i++) {
		if (strcmp(resource, resources[i]) == 0)
			t->resource = resources[i];
	}
	t->full = strcmp(kind, "full") == 0;
	if (!t->resource || (!t->full && strcmp(kind, "some") != 0))
		return -1;
	return parse_us(stall, &t->stall_us) < 0 ? -1 : parse_us(text, &t->window_us);
}

int pressure_parse(const char *text, struct pressure_trigger *ret, struct err *err)
{
	struct pressure_trigger t = { .resource = NULL };
	char copy[64];

	if (strlen(text) >= sizeof(copy) || parse(memcpy(copy, text, strlen(text) + 1), &t) < 0)
		return err_set(err, ERR_USAGE,
			       "expected cpu, memory or io, then :some: or :full:, then STALL/WINDOW, "
			       "such as memory:some:150ms/1s, found '%s'",
			       text);
	if (t.window_us < PRESSURE_WINDOW_MIN_US || t.window_us > PRESSURE_WINDOW_MAX_US)
		return err_set(err, ERR_USAGE, "'%s': the window has to be from 500ms to 10s", text);
	if (t.stall_us == 0 || t.stall_us > t.window_us)
		return err_set(err, ERR_USAGE,
			       "'%s': the stall has to be more than 0 and at most the window", text);
	*ret = t;
	return 0;
}

int pressure_watch(const struct cgroup *cg, const struct pressure_trigger *t, int *ret_fd,
		   struct err *err)
{
	char name[sizeof("memory.pressure")], text[64];

	(void)snprintf(name, sizeof(name), "%s.pressure", t->resource);
	int len = snprintf(text, sizeof(text), "%s %u %u", t->full ? "full" : "some", t->stall_us,
			   t->window_us);

	AUTO_FD fd = openat(cg->fd, name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_SYSTEM, "the kernel does not measure pressure (psi=1)");
	if (fd < 0)
		return err_sys(err, "open '%s' of cgroup '%s'", name, cg->path);
	/* With the NUL (psi.rst). */
	if (RETRY(write(fd, text, (size_t)len + 1)) < 0)
		return err_sys(err, "watch '%s' of cgroup '%s'%s", name, cg->path,
			       errno == EINVAL && t->window_us % 2000000 ?
				       " (without CAP_SYS_RESOURCE the window has to be a multiple of "
				       "2s)" :
				       "");
	*ret_fd = fd_take(&fd);
	return 0;
}
