/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of --help and --version, made from the tables. */
#include <string.h>

#include "cli/cli.h"
#include "kernel/filter.h"
#include "oci/features.h"

void cli_help(struct str *out)
{
	str_add(out, "Usage: cruntime [GLOBAL OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]\n\n"
		     "Creates and runs containers from OCI bundles.\n\n"
		     "Commands:\n");
	for (const struct command *const *c = cli_commands; *c; c++)
		str_addf(out, "  %-12s%s\n", (*c)->name, (*c)->summary);
	str_add(out, "\nGlobal options, before the command:\n");
	opt_help(out, cli_global_options);
	str_add(out, "\nExample:\n"
		     "  # mkdir -p demo/rootfs && cruntime spec --bundle demo\n"
		     "  # cruntime run demo/\n");
}

void cli_help_command(struct str *out, const struct command *cmd)
{
	str_addf(out, "Usage: cruntime [GLOBAL OPTIONS] %s [OPTIONS]%s%s\n\n", cmd->name,
		 cmd->operands[0] ? " " : "", cmd->operands);
	str_add(out, cmd->text);
	str_add(out, "\nOptions:\n");
	opt_help(out, cmd->opts);
	str_add(out, "\nExample:\n");
	str_add(out, cmd->example);
}

/* dockerd takes the last line with the word "version" for the version, go-runc and dockerd look for
 * the lines "commit: " and "spec: "; go-runc, and with it BuildKit, wants "runc version " in front
 * (engine-contracts 2). */
void cli_version(struct str *out, const char *name)
{
	const char *slash = name ? strrchr(name, '/') : NULL;
	bool as_runc = name && strcmp(slash ? slash + 1 : name, "runc") == 0;

	str_addf(out, "%s version %s\n", as_runc ? "runc" : "cruntime", CRUNTIME_VERSION);
	str_addf(out, "commit: %s\n", CRUNTIME_COMMIT);
	str_addf(out, "spec: %s\n", OCI_VERSION_MAX);
	if (as_runc)
		str_addf(out, "cruntime: %s\n", CRUNTIME_VERSION);
	str_addf(out, "libseccomp: %s\n", filter_library_version());
}
