/* SPDX-License-Identifier: Apache-2.0 */
/* update: the options become the document that --resources would have brought, so that both go
 * through the same decoder and the same rules. */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "cli/cli.h"
#include "oci/config.h"

#define LIMIT(option) offsetof(struct cli, update[option])

/* clang-format off */
static const struct opt update_opts[] = {
	{ "resources", 'r', OPT_STRING, offsetof(struct cli, resources), "FILE",
	  "a linux.resources object; - is standard input", NULL },
	{ "blkio-weight", 0, OPT_STRING, LIMIT(UPDATE_BLKIO_WEIGHT), "N",
	  "share of the disks, 10 to 1000", NULL },
	{ "cpu-period", 0, OPT_STRING, LIMIT(UPDATE_CPU_PERIOD), "N",
	  "microseconds that a quota is for", NULL },
	{ "cpu-quota", 0, OPT_STRING, LIMIT(UPDATE_CPU_QUOTA), "N",
	  "microseconds in a period; -1: no limit", NULL },
	{ "cpu-burst", 0, OPT_STRING, LIMIT(UPDATE_CPU_BURST), "N",
	  "unused quota that is kept, microseconds", NULL },
	{ "cpu-share", 0, OPT_STRING, LIMIT(UPDATE_CPU_SHARE), "N",
	  "share of the processors, 2 to 262144", NULL },
	{ "cpu-rt-period", 0, OPT_STRING, LIMIT(UPDATE_CPU_RT_PERIOD), "N",
	  "0 only: cgroup v2 has no such limit", NULL },
	{ "cpu-rt-runtime", 0, OPT_STRING, LIMIT(UPDATE_CPU_RT_RUNTIME), "N",
	  "0 only: cgroup v2 has no such limit", NULL },
	{ "cpu-idle", 0, OPT_STRING, LIMIT(UPDATE_CPU_IDLE), "N",
	  "1: run when nothing else does; 0", NULL },
	{ "cpuset-cpus", 0, OPT_STRING, LIMIT(UPDATE_CPUSET_CPUS), "LIST",
	  "processors, such as 0-3,7", NULL },
	{ "cpuset-mems", 0, OPT_STRING, LIMIT(UPDATE_CPUSET_MEMS), "LIST",
	  "memory nodes, such as 0-1", NULL },
	{ "memory", 0, OPT_STRING, LIMIT(UPDATE_MEMORY), "SIZE",
	  "memory; -1: no limit", NULL },
	{ "memory-reservation", 0, OPT_STRING, LIMIT(UPDATE_MEMORY_RESERVATION), "SIZE",
	  "memory that is not taken away", NULL },
	{ "memory-swap", 0, OPT_STRING, LIMIT(UPDATE_MEMORY_SWAP), "SIZE",
	  "memory plus swap; -1: no limit on swap", NULL },
	{ "kernel-memory", 0, OPT_STRING, LIMIT(UPDATE_KERNEL_MEMORY), "SIZE",
	  "-1 only: cgroup v2 has no such limit", NULL },
	{ "kernel-memory-tcp", 0, OPT_STRING, LIMIT(UPDATE_KERNEL_MEMORY_TCP), "SIZE",
	  "-1 only: cgroup v2 has no such limit", NULL },
	{ "pids-limit", 0, OPT_STRING, LIMIT(UPDATE_PIDS_LIMIT), "N",
	  "processes; -1: no limit", NULL },
	{ "l3-cache-schema", 0, OPT_STRING, LIMIT(UPDATE_L3_CACHE_SCHEMA), "TEXT",
	  "cache of the class of service, L3:0=ff", NULL },
	{ "mem-bw-schema", 0, OPT_STRING, LIMIT(UPDATE_MEM_BW_SCHEMA), "TEXT",
	  "its memory bandwidth, MB:0=50", NULL },
	OPT_HELP_ROW,
	OPT_END,
};

enum kind { KIND_NUMBER, KIND_SIZE, KIND_TEXT };

/* The member of the document for each option. */
static const struct member {
	const char *object, *name;
	enum kind kind;
} members[UPDATE_OPTIONS] = {
	[UPDATE_BLKIO_WEIGHT]       = { "blockIO", "weight",          KIND_NUMBER },
	[UPDATE_CPU_PERIOD]         = { "cpu",     "period",          KIND_NUMBER },
	[UPDATE_CPU_QUOTA]          = { "cpu",     "quota",           KIND_NUMBER },
	[UPDATE_CPU_BURST]          = { "cpu",     "burst",           KIND_NUMBER },
	[UPDATE_CPU_SHARE]          = { "cpu",     "shares",          KIND_NUMBER },
	[UPDATE_CPU_RT_PERIOD]      = { "cpu",     "realtimePeriod",  KIND_NUMBER },
	[UPDATE_CPU_RT_RUNTIME]     = { "cpu",     "realtimeRuntime", KIND_NUMBER },
	[UPDATE_CPU_IDLE]           = { "cpu",     "idle",            KIND_NUMBER },
	[UPDATE_CPUSET_CPUS]        = { "cpu",     "cpus",            KIND_TEXT   },
	[UPDATE_CPUSET_MEMS]        = { "cpu",     "mems",            KIND_TEXT   },
	[UPDATE_MEMORY]             = { "memory",  "limit",           KIND_SIZE   },
	[UPDATE_MEMORY_RESERVATION] = { "memory",  "reservation",     KIND_SIZE   },
	[UPDATE_MEMORY_SWAP]        = { "memory",  "swap",            KIND_SIZE   },
	[UPDATE_KERNEL_MEMORY]      = { "memory",  "kernel",          KIND_SIZE   },
	[UPDATE_KERNEL_MEMORY_TCP]  = { "memory",  "kernelTCP",       KIND_SIZE   },
	[UPDATE_PIDS_LIMIT]         = { "pids",    "limit",           KIND_NUMBER },
	/* without an object: no resource of cgroups, see make_schemata() */
};
/* clang-format on */

static const char *option_name(size_t option)
{
	return update_opts[option + 1].name;
}

/* A whole number, or a size of one with a suffix; a part of the word is never enough. */
static int check_number(size_t option, const char *word, int64_t *ret, struct err *err)
{
	bool is_size = members[option].kind == KIND_SIZE;

	if (is_size ? parse_size(word, ret) == 0 : parse_i64(word, ret) == 0)
		return 0;

	return err_set(
		err, ERR_USAGE, "option '--%s': expected %s, found '%s'", option_name(option),
		is_size ? "a size such as 1048576, 512k, 100M or 2G, or -1" : "a whole number",
		word);
}

/* Appends the member of OPTION, "shares":512. */
static int add_member(const struct cli *c, size_t option, struct str *out, struct err *err)
{
	const char *word = c->update[option];
	int64_t number;

	str_addf(out, "\"%s\":", members[option].name);
	if (members[option].kind == KIND_TEXT) {
		str_add_json(out, word);
		return 0;
	}
	/* Shares have the whole range of an unsigned number. */
	if (members[option].kind == KIND_NUMBER && parse_u64(word, &(uint64_t){ 0 }) == 0) {
		str_add(out, word);
		return 0;
	}
	if (check_number(option, word, &number, err) < 0)
		return -1;
	str_addf(out, "%" PRId64, number);

	return 0;
}

/* All options of an object stand together in the table. */
static int make_document(const struct cli *c, struct str *out, struct err *err)
{
	const char *open = NULL;

	str_add(out, "{");
	for (size_t i = 0; i < UPDATE_OPTIONS; i++) {
		const char *object = members[i].object;

		if (!c->update[i] || !object)
			continue;
		if (!open || strcmp(open, object) != 0)
			str_addf(out, "%s\"%s\":{", open ? "}," : "", object);
		else
			str_add(out, ",");
		open = object;
		if (add_member(c, i, out, err) < 0)
			return -1;
	}
	str_add(out, open ? "}}" : "}");

	return str_text(out) ? 0 : err_oom(err);
}

/* The two options for resctrl, one line each (C-RDT-07 to -09). */
static int make_schemata(const struct cli *c, struct str *out, struct err *err)
{
	static const struct {
		size_t option;
		const char *prefix;
	} lines[] = { { UPDATE_L3_CACHE_SCHEMA, "L3:" }, { UPDATE_MEM_BW_SCHEMA, "MB:" } };

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		const char *word = c->update[lines[i].option];

		if (!word)
			continue;
		if (!str_starts(word, lines[i].prefix) || strchr(word, '\n'))
			return err_set(err, ERR_USAGE,
				       "option '--%s': expected one line '%s…', found '%s'",
				       option_name(lines[i].option), lines[i].prefix, word);
		str_addf(out, "%s\n", word);
	}

	return out->len == 0 || str_text(out) ? 0 : err_oom(err);
}

static bool has_any_limit(const struct cli *c)
{
	for (size_t i = 0; i < UPDATE_OPTIONS; i++) {
		if (c->update[i])
			return true;
	}

	return false;
}

static int read_document(const struct cli *c, struct arena *a, char **ret, size_t *ret_len,
			 struct err *err)
{
	for (size_t i = 0; i < UPDATE_OPTIONS; i++) {
		if (c->update[i] && members[i].object)
			return err_set(err, ERR_USAGE,
				       "option '--%s': --resources has all limits, it cannot be "
				       "combined with others",
				       option_name(i));
	}
	if (strcmp(c->resources, "-") == 0)
		return file_read_fd(STDIN_FILENO, "<stdin>", JSON_MAX_BYTES, a, ret, ret_len, err);
	if (file_read_given(c->resources, JSON_MAX_BYTES, a, ret, ret_len, err) < 0)
		return err_wrap(err, "--resources");

	return 0;
}

static int do_update(struct cli *c, struct err *err)
{
	AUTO_FD root = -1;
	AUTO_ARENA a = ARENA_INIT;
	AUTO_STR made = STR_INIT;
	AUTO_STR schemata = STR_INIT;
	AUTO_CONFIG resources = NULL;
	const char *name = NULL;
	char *text;
	size_t len;

	if (cli_take_id(c, err) < 0 || make_schemata(c, &schemata, err) < 0)
		return -1;
	if (!c->resources && !has_any_limit(c))
		return err_set(err, ERR_USAGE,
			       "no limit is given, see 'cruntime update --help'");
	if (c->resources) {
		name = strcmp(c->resources, "-") == 0 ? "<stdin>" : c->resources;
		if (read_document(c, &a, &text, &len, err) < 0)
			return -1;
	} else {
		if (make_document(c, &made, err) < 0)
			return -1;
		text = made.s;
		len = made.len;
	}
	if (config_parse_resources(name, text, len, &resources, err) < 0 ||
	    cli_open_root(c, false, &root, err) < 0)
		return -1;

	return container_update(root, c->id, resources, schemata.len ? schemata.s : NULL, err);
}

const struct command command_update = {
	.name = "update",
	.operands = "ID",
	.summary = "change the limits of a container",
	.text = "Changes limits of a container that is not stopped; what is not named stays as it\n"
		"is. SIZE is in bytes, or has one of the suffixes k, m, g and t (powers of 1024).\n",
	.example = "  # cruntime update --memory 512M --pids-limit 100 web\n"
		   "  # echo '{\"cpu\":{\"quota\":50000}}' | cruntime update --resources - web\n",
	.opts = update_opts,
	.min_operands = 1,
	.max_operands = 1,
	.run = do_update,
};
