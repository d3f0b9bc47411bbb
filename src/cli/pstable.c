/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/pstable.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"

#define BLANKS " \t"

/* Field number INDEX of LINE, which ends at a newline or NUL; NULL when there are fewer. */
static const char *field(const char *line, size_t index, size_t *ret_len)
{
	for (;;) {
		line += strspn(line, BLANKS);
		size_t len = strcspn(line, BLANKS "\n");
		if (len == 0)
			return NULL;
		if (index-- == 0) {
			*ret_len = len;
			return line;
		}
		line += len;
	}
}

static bool is_text(const char *s, size_t len, const char *text)
{
	return len == strlen(text) && strncmp(s, text, len) == 0;
}

static bool find_pid_column(const char *header, size_t *ret)
{
	size_t len;
	const char *f;

	for (size_t i = 0; (f = field(header, i, &len)); i++) {
		if (is_text(f, len, "PID")) {
			*ret = i;
			return true;
		}
	}

	return false;
}

static bool is_wanted(const char *f, size_t len, const pid_t *pids, size_t n)
{
	char digits[sizeof("4294967295")];
	uint32_t pid;

	if (len >= sizeof(digits))
		return false;
	memcpy(digits, f, len);
	digits[len] = '\0';
	if (parse_u32(digits, &pid) < 0)
		return false;

	for (size_t i = 0; i < n; i++) {
		if (pid == (uint32_t)pids[i])
			return true;
	}

	return false;
}

int pstable_filter(const char *table, const pid_t *pids, size_t n, struct str *out, struct err *err)
{
	bool kept = false;
	size_t column;

	if (!find_pid_column(table, &column))
		return err_set(err, ERR_USAGE, "the options of ps must show a column PID");

	size_t header_len = strcspn(table, "\n");
	str_addn(out, table, header_len);
	str_add(out, "\n");
	table += header_len;
	while (*table == '\n') {
		const char *line = table + 1;
		size_t line_len = strcspn(line, "\n");
		size_t len = 0;

		const char *f = field(line, column, &len);
		if (!f || !is_text(f, len, "-"))
			kept = f && is_wanted(f, len, pids, n);
		if (kept) {
			str_addn(out, line, line_len);
			str_add(out, "\n");
		}
		table = line + line_len;
	}

	return str_text(out) ? 0 : err_oom(err);
}

void pstable_add_header(struct str *out)
{
	str_addf(out, "%7s %7s %7s %s %9s %5s %9s %7s %s\n", "PID", "PPID", "UID", "S", "RSS",
		 "%CPU", "TIME", "NSPID", "COMMAND");
}

void pstable_add(const struct process_facts *f, struct str *out)
{
	double share = f->age_ms ? 100 * (double)f->cpu_ms / (double)f->age_ms : 0;
	uint64_t seconds = f->cpu_ms / 1000;
	char time[32];

	(void)snprintf(time, sizeof(time), "%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64, seconds / 3600,
		       seconds / 60 % 60, seconds % 60);
	str_addf(out, "%7d %7d %7u %c %9" PRIu64 " %5.1f %9s %7d %s\n", f->pid, f->ppid, f->uid,
		 f->state, f->rss_bytes >> 10, share, time, f->inner, f->command);
}
