/* SPDX-License-Identifier: Apache-2.0 */
/* What the container takes from the host: network devices, a class of the processor's resources. */
#include <string.h>

#include "base/path.h"
#include "base/str.h"
#include "oci/validate-internal.h"

/* ---- network devices ----------------------------------------------------------------------- */

#define DEVICE_NAME_MAX 15 /* IFNAMSIZ - 1 */

/* The kernel's isspace(): bytes of Latin-1, where 0xa0 is a blank that does not break. */
static bool is_kernel_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || (unsigned char)c == 0xa0;
}

/* dev_valid_name() of the kernel; NULL when NAME is one, else what is wrong. */
static const char *device_name_fault(const char *name)
{
	size_t len = strlen(name);

	if (len == 0)
		return "is empty";
	if (len > DEVICE_NAME_MAX)
		return "is longer than 15 bytes";
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return "is no name of a network device";
	for (const char *p = name; *p; p++) {
		if (*p == '/' || *p == ':' || is_kernel_space(*p))
			return "has a '/', ':' or blank";
	}
	return NULL;
}

/* "eth%d": the kernel chooses the number (dev_prep_valid_name). */
static bool is_device_template(const char *name)
{
	const char *percent = strchr(name, '%');

	return percent && percent[1] == 'd' && !strchr(percent + 1, '%');
}

static void check_net_device(struct json_decoder *d, const struct oci_net_device *dev)
{
	const char *fault = device_name_fault(dev->host_name);
	char shown[JSON_SHOWN];

	if (fault) {
		json_fail_at(d, dev->at, "the name \"%s\" %s", json_shown(dev->host_name, shown),
			     fault);
		return;
	}
	fault = device_name_fault(dev->name);
	if (!fault && strchr(dev->name, '%') && !is_device_template(dev->name))
		fault = "may only have one '%', as in \"eth%d\"";
	if (!fault && strcmp(dev->name, "lo") == 0)
		fault = "is taken in every network namespace";
	if (fault)
		json_fail_at(d, dev->at, "name: \"%s\" %s", json_shown(dev->name, shown), fault);
}

/* C-NETDEV-02, C-NETDEV-03, C-NETDEV-09 */
void check_net_devices(struct json_decoder *d, const struct oci_config *c)
{
	const struct oci_linux *l = &c->linux_;
	struct named *names = ARENA_NEW(d->arena, struct named, l->n_net_devices);
	char shown[JSON_SHOWN];
	size_t n = 0;

	if (!names) {
		config_oom(d);
		return;
	}
	for (size_t i = 0; i < l->n_net_devices; i++) {
		const struct oci_net_device *dev = &l->net_devices[i];
		size_t mark =
			json_enter(d, "linux.netDevices.%s", json_shown(dev->host_name, shown));

		check_net_device(d, dev);
		json_leave(d, mark);
		if (!is_device_template(dev->name))
			names[n++] = (struct named){ .name = dev->name, .at = dev->at };
	}
	complain_duplicates(d, names, n, "linux.netDevices", "device that is to be named");
	if (l->n_net_devices > 0 && !l->ns[OCI_NS_NETWORK].present)
		complain(d, l->net_devices[0].at, "linux.netDevices",
			 "needs a namespace of type \"network\"");
}

/* ---- Intel RDT ----------------------------------------------------------------------------- */

#define CLASS_NAME_MAX 255

/* C-RDT-04; the kernel refuses a newline in the name of a directory of resctrl. */
static void check_clos_id(struct json_decoder *d, const struct oci_intel_rdt *rdt)
{
	const char *id = rdt->clos_id;
	char shown[JSON_SHOWN];

	if (!id || strcmp(id, "/") == 0)
		return;
	if (!path_is_component(id) || strlen(id) > CLASS_NAME_MAX || strchr(id, '\n'))
		complain(d, rdt->at, "linux.intelRdt.closID",
			 "expected the name of a directory, or \"/\", found string \"%s\"",
			 json_shown(id, shown));
}

/* C-RDT-08, C-RDT-09 */
static void check_schema(struct json_decoder *d, const struct oci_intel_rdt *rdt, const char *key,
			 const char *schema, const char *prefix)
{
	char shown[JSON_SHOWN];

	if (!schema)
		return;
	if (strchr(schema, '\n'))
		complain(d, rdt->at, key, "must not contain a newline");
	else if (!str_starts(schema, prefix))
		complain(d, rdt->at, key, "expected \"%s…\", found string \"%s\"", prefix,
			 json_shown(schema, shown));
}

void check_intel_rdt(struct json_decoder *d, const struct oci_config *c)
{
	const struct oci_intel_rdt *rdt = &c->linux_.intel_rdt;
	char shown[JSON_SHOWN];

	if (!rdt->present)
		return;
	check_clos_id(d, rdt);
	check_schema(d, rdt, "linux.intelRdt.l3CacheSchema", rdt->l3_schema, "L3:");
	check_schema(d, rdt, "linux.intelRdt.memBwSchema", rdt->mb_schema, "MB:");
	for (size_t i = 0; i < rdt->schemata.n; i++) {
		const char *line = rdt->schemata.v[i];
		size_t mark = json_enter(d, "linux.intelRdt.schemata[%zu]", i);

		if (strchr(line, '\n')) /* C-RDT-10 */
			json_fail_at(d, rdt->schemata.at[i], "must not contain a newline");
		else if (!strchr(line, ':') || *line == ':')
			json_fail_at(d, rdt->schemata.at[i],
				     "expected \"RESOURCE:DOMAIN=VALUE;…\", found string \"%s\"",
				     json_shown(line, shown));
		json_leave(d, mark);
	}
}
