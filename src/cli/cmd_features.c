/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/criu.h"
#include "kernel/filter.h"
#include "oci/features.h"

static const struct opt features_opts[] = { OPT_HELP_ROW, OPT_END };

static int do_features(struct cli *c, struct err *err)
{
	struct err why_not = ERR_INIT;
	const char *criu;

	if (cli_find_criu(c, &criu, err) < 0)
		return -1;
	const struct features_input in = {
		.version = CRUNTIME_VERSION,
		.commit = CRUNTIME_COMMIT,
		.libseccomp_version = filter_library_version(),
		.seccomp_supported_flags = filter_supported_flags(),
		.checkpoint = criu && container_check_criu(criu, &why_not) == 0,
	};

	features_print(&c->out, &in);
	if (c->out.len > 0 && c->out.s[c->out.len - 1] != '\n')
		str_add(&c->out, "\n");

	return 0;
}

const struct command command_features = {
	.name = "features",
	.operands = "",
	.summary = "print what this runtime can do as JSON",
	.text = "Prints the features document of the OCI runtime specification.\n",
	.example = "  $ cruntime features\n",
	.opts = features_opts,
	.run = do_features,
};
