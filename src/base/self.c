/* SPDX-License-Identifier: Apache-2.0 */
#include "base/self.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U /* 6.3: needed where vm.memfd_noexec is set */
#endif

#define SELF  "/proc/self/exe"
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* Returns 1 when nobody can write through FD's file, 0 when somebody might, -1 with errno. */
static int is_protected(int fd)
{
	struct statvfs fs;

	if (fstatvfs(fd, &fs) < 0)
		return -1;
	if (fs.f_flag & ST_RDONLY)
		return 1;
	int seals = fcntl(fd, F_GET_SEALS);
	return seals >= 0 && (seals & SEALS) == SEALS;
}

static int read_only_copy(int *ret_fd)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	AUTO_FD tree = sys_open_tree(AT_FDCWD, SELF, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (tree < 0 || sys_mount_setattr(tree, "", AT_EMPTY_PATH, &attr) < 0)
		return -1;
	*ret_fd = fd_take(&tree);
	return 0;
}

static int copy_file(int from, int to)
{
	struct stat st;

	if (fstat(from, &st) < 0)
		return -1;
	for (off_t left = st.st_size; left > 0;) {
		ssize_t n = RETRY(sendfile(to, from, NULL, (size_t)left));
		if (n <= 0)
			return -1;
		left -= n;
	}
	return 0;
}

static int sealed_copy(int from, int *ret_fd)
{
	AUTO_FD copy = memfd_create("cruntime", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	if (copy < 0 && errno == EINVAL)
		copy = memfd_create("cruntime", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (copy < 0 || copy_file(from, copy) < 0 || fchmod(copy, 0500) < 0 ||
	    fcntl(copy, F_ADD_SEALS, SEALS) < 0)
		return -1;
	*ret_fd = fd_take(&copy);
	return 0;
}

int self_protect(char **argv, struct err *err)
{
	AUTO_FD self = open(SELF, O_RDONLY | O_CLOEXEC);
	AUTO_FD copy = -1;

	if (self < 0)
		return err_sys(err, "open the runtime's own program file '%s'", SELF);
	int safe = is_protected(self);
	if (safe < 0)
		return err_sys(err, "examine the runtime's own program file");
	if (safe) {
		/* The second pass is named after a descriptor (kernels before 6.14). */
		(void)prctl(PR_SET_NAME, "cruntime");
		return 0;
	}
	if (read_only_copy(&copy) < 0 && sealed_copy(self, &copy) < 0)
		return err_sys(err, "copy the runtime's own program file");
	(void)syscall(SYS_execveat, copy, "", argv, environ, AT_EMPTY_PATH);
	return err_sys(err, "execute the protected copy of the runtime");
}
