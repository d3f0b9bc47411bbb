/* SPDX-License-Identifier: Apache-2.0 */
/* blockIO, hugepageLimits and rdma as lines for cgroup v2 files: rows C-IO, C-HUGE, C-RDMA. What
 * they name (disks, page sizes) is looked up here, before anything is made. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "cgroup_convert-internal.h"
#include "kernel/cgroup-internal.h"

/* ---- blockIO -------------------------------------------------------------------------------- */

#define DISKS "/sys/dev/block"

/* C-IO-06: the kernel takes whole disks only, and says no more than ENODEV about others. */
static int check_disk(const struct converter *b, int64_t major, int64_t minor, const char *field,
		      uint32_t at)
{
	char path[sizeof(DISKS "/:/partition") + 40];
	const char *shown = convert_shown(b, field);

	(void)snprintf(path, sizeof(path), DISKS "/%" PRId64 ":%" PRId64, major, minor);
	if (access(path, F_OK) < 0) {
		/* Without sysfs the kernel's word is all there is. */
		if (errno != ENOENT || access(DISKS, F_OK) < 0)
			return 0;
		return config_fail(b->c, at, b->err,
				   "%s: there is no block device %" PRId64 ":%" PRId64, shown,
				   major, minor);
	}

	(void)snprintf(path, sizeof(path), DISKS "/%" PRId64 ":%" PRId64 "/partition", major,
		       minor);
	if (access(path, F_OK) < 0)
		return 0;
	return config_fail(b->c, at, b->err,
			   "%s: block device %" PRId64 ":%" PRId64
			   " is a partition; only a whole disk can be limited",
			   shown, major, minor);
}

/* C-IO-01: BFQ takes the numbers of version 1, io.cost has a wider range. */
static uint64_t io_weight(uint64_t weight)
{
	return 1 + (weight - 10) * 9999 / 990;
}

static int add_weight(struct converter *b, const char *device, uint64_t weight, const char *field,
		      uint32_t at)
{
	return convert_add(
		b, &(struct cgroup_setting){
			   .controller = "io",
			   .file = "io.bfq.weight",
			   .value = arena_printf(b->a, "%s%" PRIu64, device, weight),
			   .or_file = "io.weight",
			   .or_value = arena_printf(b->a, "%s%" PRIu64, device, io_weight(weight)),
			   .field = field,
			   .at = at });
}

/* C-IO-03 */
static int add_weight_device(struct converter *b, size_t i)
{
	const struct oci_weight_device *dev = &b->r->block_io.weight_devices[i];

	if (dev->weight.v == 0)
		return 0;

	const char *field = arena_printf(b->a, RES "blockIO.weightDevice[%zu]", i);
	const char *device = arena_printf(b->a, "%" PRId64 ":%" PRId64 " ", dev->major, dev->minor);
	if (!field || !device)
		return err_oom(b->err);
	if (check_disk(b, dev->major, dev->minor, field, dev->at) < 0)
		return -1;

	return add_weight(b, device, dev->weight.v, field, dev->at);
}

struct throttle {
	const char *member, *key;
	const struct oci_throttle_device *v;
	size_t n;
};

/* C-IO-04: one write for each rule. A rate of 0 removed the rule in version 1; version 2 has a word
 * for that. */
static int add_throttle(struct converter *b, const struct throttle *t, size_t i)
{
	const struct oci_throttle_device *dev = &t->v[i];
	const char *field = arena_printf(b->a, RES "blockIO.%s[%zu]", t->member, i);
	const char *rate = dev->rate ? arena_printf(b->a, "%" PRIu64, dev->rate) : "max";

	if (!field || !rate)
		return err_oom(b->err);
	if (check_disk(b, dev->major, dev->minor, field, dev->at) < 0)
		return -1;

	return convert_add(b, &(struct cgroup_setting){
				      .controller = "io",
				      .file = "io.max",
				      .value = arena_printf(b->a, "%" PRId64 ":%" PRId64 " %s=%s",
							    dev->major, dev->minor, t->key, rate),
				      .field = field,
				      .at = dev->at,
				      .optional = dev->rate == 0 });
}

int convert_block_io(struct converter *b)
{
	const struct oci_block_io *io = &b->r->block_io;
	const struct throttle throttles[] = {
		{ "throttleReadBpsDevice", "rbps", io->read_bps, io->n_read_bps },
		{ "throttleWriteBpsDevice", "wbps", io->write_bps, io->n_write_bps },
		{ "throttleReadIOPSDevice", "riops", io->read_iops, io->n_read_iops },
		{ "throttleWriteIOPSDevice", "wiops", io->write_iops, io->n_write_iops },
	};

	if (io->weight.v != 0 &&
	    add_weight(b, "", io->weight.v, RES "blockIO.weight", io->weight.at) < 0)
		return -1;
	for (size_t i = 0; i < io->n_weight_devices; i++) {
		if (add_weight_device(b, i) < 0)
			return -1;
	}
	for (size_t t = 0; t < ARRAY_LEN(throttles); t++) {
		for (size_t i = 0; i < throttles[t].n; i++) {
			if (add_throttle(b, &throttles[t], i) < 0)
				return -1;
		}
	}

	return 0;
}

/* ---- hugepageLimits ------------------------------------------------------------------------- */

#define HUGEPAGES "/sys/kernel/mm/hugepages"

/* The name that cgroup files have for the directory "hugepages-2048kB": "2MB". False: another
 * directory. */
static bool size_name(const char *directory, char *buf, size_t size)
{
	char digits[24];
	uint64_t kib;

	if (!str_starts(directory, "hugepages-"))
		return false;
	directory += sizeof("hugepages-") - 1;

	size_t n = strspn(directory, "0123456789");
	if (n >= sizeof(digits) || strcmp(directory + n, "kB") != 0)
		return false;
	memcpy(digits, directory, n);
	digits[n] = '\0';
	if (parse_u64(digits, &kib) < 0)
		return false;
	if (kib >= 1 << 20)
		(void)snprintf(buf, size, "%" PRIu64 "GB", kib >> 20);
	else if (kib >= 1 << 10)
		(void)snprintf(buf, size, "%" PRIu64 "MB", kib >> 10);
	else
		(void)snprintf(buf, size, "%" PRIu64 "KB", kib);

	return true;
}

/* Returns 1 when the kernel has huge pages of SIZE; else 0 and the sizes that it has in *HAVE. */
static int has_size(const char *size, struct str *have)
{
	char name[32];

	AUTO_FD fd = open(HUGEPAGES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	AUTO_DIR dir = cgroup_dir_stream(fd);
	if (!dir)
		return 0;
	for (const char *entry; (entry = cgroup_dir_next(dir));) {
		if (!size_name(entry, name, sizeof(name)))
			continue;
		if (strcmp(name, size) == 0)
			return 1;
		str_addf(have, "%s%s", have->len ? ", " : "", name);
	}

	return 0;
}

/* C-HUGE-01 */
static int check_size(const struct converter *b, const struct oci_hugepage *page, const char *field)
{
	AUTO_STR have = STR_INIT;

	if (has_size(page->page_size, &have))
		return 0;
	if (!str_text(&have))
		return err_oom(b->err);
	if (have.len == 0)
		return config_fail(b->c, page->at, b->err, "%s: this kernel has no huge pages",
				   convert_shown(b, field));

	return config_fail(b->c, page->at, b->err,
			   "%s.pageSize: this kernel has no huge pages of %s; it has %s",
			   convert_shown(b, field), page->page_size, have.s);
}

/* C-HUGE-02, X-23: the limit holds for what is reserved, and for what is touched: a kernel before
 * 5.7 has only the second. C-HUGE-03: numbers beyond what the kernel can count are no limit. */
static int add_hugepage(struct converter *b, size_t i)
{
	const struct oci_hugepage *page = &b->r->hugepages[i];
	uint64_t unit = (uint64_t)sysconf(_SC_PAGESIZE);
	bool none = page->limit >= INT64_MAX / unit * unit;

	const char *field = arena_printf(b->a, RES "hugepageLimits[%zu]", i);
	if (!field)
		return err_oom(b->err);
	if (check_size(b, page, field) < 0)
		return -1;

	struct cgroup_setting s = {
		.controller = "hugetlb",
		.file = arena_printf(b->a, "hugetlb.%s.max", page->page_size),
		.value = none ? "max" : arena_printf(b->a, "%" PRIu64, page->limit),
		.field = field,
		.at = page->at,
		.optional = none,
	};
	if (convert_add(b, &s) < 0)
		return -1;

	s.file = arena_printf(b->a, "hugetlb.%s.rsvd.max", page->page_size);
	s.dispensable = true;
	return convert_add(b, &s);
}

int convert_hugepages(struct converter *b)
{
	for (size_t i = 0; i < b->r->n_hugepages; i++) {
		if (add_hugepage(b, i) < 0)
			return -1;
	}

	return 0;
}

/* ---- rdma ----------------------------------------------------------------------------------- */

/* " KEY=N"; the kernel counts in an int, whose end it calls "max". */
static const char *rdma_word(struct converter *b, const char *key, const struct opt_u64 *v)
{
	if (!v->set)
		return "";
	if (v->v >= INT32_MAX)
		return arena_printf(b->a, " %s=max", key);

	return arena_printf(b->a, " %s=%" PRIu64, key, v->v);
}

/* C-RDMA-01 */
int convert_rdma(struct converter *b)
{
	for (size_t i = 0; i < b->r->n_rdma; i++) {
		const struct oci_rdma *dev = &b->r->rdma[i];
		const char *handles = rdma_word(b, "hca_handle", &dev->hca_handles);
		const char *objects = rdma_word(b, "hca_object", &dev->hca_objects);

		if (!handles || !objects)
			return err_oom(b->err);
		if (convert_add(b, &(struct cgroup_setting){
					   .controller = "rdma",
					   .file = "rdma.max",
					   .value = arena_printf(b->a, "%s%s%s", dev->device,
								 handles, objects),
					   .field = arena_printf(b->a, RES "rdma.%s", dev->device),
					   .at = dev->at,
					   .optional = (!dev->hca_handles.set ||
							dev->hca_handles.v >= INT32_MAX) &&
						       (!dev->hca_objects.set ||
							dev->hca_objects.v >= INT32_MAX) }) < 0)
			return -1;
	}

	return 0;
}
