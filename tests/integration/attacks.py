# SPDX-License-Identifier: Apache-2.0
"""Tools of the attack tests: a canary outside the rootfs, and somebody who swaps files."""

import contextlib
import ctypes
import os
import pathlib
import signal
import socket
import stat

from harness import run_command

LIBC = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, RENAME_EXCHANGE = -100, 2
# A race is tried this often; the window is a few system calls wide, so most rounds hit it.
ROUNDS = 60


class Canary:
    """A directory beside the rootfs that no container may read from, write to or change."""

    def __init__(self, path):
        self.path = path
        path.mkdir()
        path.chmod(0o755)
        (path / "file").write_text("canary\n")
        (path / "passwd").write_text("root:x:0:0:root:/stolen:/bin/sh\n"
                                     "user:x:1234:1234:user:/stolen:/bin/sh\n")
        (path / "directory").mkdir()
        (path / "directory/inner").write_text("inner\n")
        (path / "ptmx").write_text("a file that is named ptmx\n")
        os.mknod(path / "null", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        os.mkfifo(path / "fifo")
        self.before = self.snapshot()

    def snapshot(self):
        """Names, kinds, owners, modes, times and bytes. Times tell of what was made and removed."""
        found = {}
        for base, directories, files in os.walk(self.path):
            for name in [".", *directories, *files]:
                path = os.path.join(base, name)
                st = os.lstat(path)
                text = None
                if stat.S_ISREG(st.st_mode):
                    text = pathlib.Path(path).read_bytes()
                elif stat.S_ISLNK(st.st_mode):
                    text = os.readlink(path)
                found[path] = (st.st_mode, st.st_uid, st.st_gid, st.st_rdev, st.st_nlink,
                               st.st_mtime_ns, st.st_ctime_ns, text)
        return found

    def assert_unchanged(self):
        after = self.snapshot()
        for path in sorted({*self.before, *after}):
            assert self.before.get(path) == after.get(path), f"the canary '{path}' has changed"

    def inside(self, rootfs, path):
        """The way from a directory of the rootfs to the canary, as `..` that end above every root."""
        return "../" * 20 + str(self.path / path).lstrip("/")


def swap(a, b):
    if LIBC.renameat2(AT_FDCWD, os.fsencode(a), AT_FDCWD, os.fsencode(b), RENAME_EXCHANGE) < 0:
        raise OSError(ctypes.get_errno(), f"exchange '{a}' and '{b}'")


@contextlib.contextmanager
def swapper(a, b):
    """Somebody exchanges these two names as fast as he can; both are at their places afterwards."""
    a, b = os.fsencode(a), os.fsencode(b)
    inode = os.lstat(a).st_ino
    pid = os.fork()
    if pid == 0:
        try:
            renameat2 = LIBC.renameat2
            while renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) == 0:
                pass
        finally:
            os._exit(1)
    try:
        yield
    finally:
        ended, _ = os.waitpid(pid, os.WNOHANG)
        if not ended:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        if os.lstat(a).st_ino != inode:
            swap(a, b)
    assert not ended, "the swapper failed"


def remove(path):
    """Whatever is there."""
    if path.is_symlink() or path.exists():
        run_command(["rm", "-rf", "--one-file-system", path])


def replacements(canary):
    """The kinds of things that an image can have where a mount or a file is to be: name -> maker."""
    target = canary.path

    def link(text):
        return lambda path: path.symlink_to(text)

    def make_socket(path):
        # Longer than sun_path allows: through the descriptor of the directory.
        directory = os.open(path.parent, os.O_PATH)
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(f"/proc/self/fd/{directory}/{path.name}")
        sock.close()
        os.close(directory)

    return {
        "link, absolute": link(target / "directory"),
        "link, relative": lambda path: path.symlink_to(canary.inside(path, "directory")),
        "link to a file": link(target / "file"),
        "link to nowhere": link(target / "new"),
        "relative link to nowhere": lambda path: path.symlink_to(canary.inside(path, "new")),
        "link to a magic link": link(f"/proc/self/root{target}/directory"),
        "link to a descriptor": link("/proc/self/fd/3"),
        "link to itself": lambda path: path.symlink_to(path.name),
        "fifo": os.mkfifo,
        "file": lambda path: path.write_text("from the image"),
        "socket": make_socket,
        "device": lambda path: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5)),
    }


def refuse_or_inside(bundle, canary, *options, **more):
    """Runs the bundle's probe: either the runtime refuses with one line, or everything is as
    configured and the canary is untouched. Returns the reports, or None when it was refused."""
    more.setdefault("timeout", 20)
    result = bundle.run(*options, **more)
    canary.assert_unchanged()
    if result.code == 1 and not result.out:
        lines = result.err.splitlines()
        assert len(lines) == 1, result
        assert not bundle.exists(), result
        return None
    assert result.code == 0, result
    assert result.lines, result
    for seen in result.lines:
        # A mount that went through a link to the outside is not there after pivot_root. (Masks
        # and read-only paths are mounts too: tests that rely on this leave them out.)
        if "mounts" in seen and seen.mounts is not None:
            assert len(seen.mounts) >= 1 + len(bundle.config["mounts"]), "a mount is missing"
    return result.lines
