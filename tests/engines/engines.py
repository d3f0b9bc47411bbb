# SPDX-License-Identifier: Apache-2.0
"""What the engine tests share: commands, terminals, images that are made here."""

import fcntl
import http.client
import io
import json
import os
import pathlib
import pty
import select
import shutil
import signal
import struct
import subprocess
import tarfile
import termios
import time

RUNTIME = os.environ.get("ENGINES_RUNTIME", "cruntime")
BINARY = pathlib.Path("/opt/runtime") / RUNTIME
IMAGES = pathlib.Path("/images")  # of tests/engines/setup
TOOLS = "localhost/tools:1"
DEBIAN = "localhost/debian:1"
CGROUP = pathlib.Path("/sys/fs/cgroup")
TIMEOUT = 120


class Result:
    def __init__(self, args, code, out, err):
        self.args, self.code, self.out, self.err = args, code, out, err

    def __repr__(self):
        return (f"{' '.join(map(str, self.args))}\nexit status {self.code}\n"
                f"stdout: {self.out[-3000:]}\nstderr: {self.err[-3000:]}")

    @property
    def text(self):
        return self.out.strip()

    @property
    def json(self):
        return json.loads(self.out)


def run(*args, code=0, timeout=TIMEOUT, env=None, **options):
    """Runs a command; the exit status must be CODE unless that is None."""
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, check=False,
                          errors="replace", timeout=timeout, env={**os.environ, **(env or {})},
                          **options)
    result = Result(args, done.returncode, done.stdout, done.stderr)
    assert code is None or result.code == code, result
    return result


def on_terminal(*args, say="", size=(30, 100), timeout=TIMEOUT):
    """Runs a command on a terminal of its own and types SAY; returns exit status and output."""
    pid, master = pty.fork()
    if pid == 0:
        try:
            os.execvp(args[0], [str(a) for a in args])
        finally:
            os._exit(127)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    end = time.monotonic() + timeout
    seen, typed = b"", not say
    while True:
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            raise AssertionError(f"{args}: no end after {timeout} seconds: {seen!r}")
        if not select.select([master], [], [], 0.2)[0]:
            if not typed and seen:
                os.write(master, say.encode())
                typed = True
            continue
        try:
            data = os.read(master, 4096)
        except OSError:
            break
        if not data:
            break
        seen += data
    os.close(master)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode(errors="replace")


def wait_until(condition, what, timeout=60):
    end = time.monotonic() + timeout
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"waited {timeout} seconds in vain: {what}"
        time.sleep(0.1)


def fetch(port, path="/", host="127.0.0.1", method="GET", body=None, headers=None):
    """(status, body) of one HTTP request."""
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


def fetch_when_up(port, path="/", timeout=60, host="127.0.0.1"):
    def attempt():
        try:
            return fetch(port, path, host)
        except (OSError, http.client.HTTPException):
            return None
    return wait_until(attempt, f"an answer on port {port}", timeout)


# --- images ---------------------------------------------------------------------------------------

def make_archive(path, tag, layer, config=None):
    """An image as `docker save` writes it, which all engines can load. LAYER: a tar file."""
    import hashlib
    data = pathlib.Path(layer).read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    document = json.dumps({
        "architecture": "amd64", "os": "linux", "created": "2024-01-01T00:00:00Z",
        "config": {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                   **(config or {})},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created": "2024-01-01T00:00:00Z", "created_by": "tests"}]}).encode()
    name = hashlib.sha256(document).hexdigest() + ".json"
    manifest = json.dumps([{"Config": name, "RepoTags": [tag],
                            "Layers": [f"{digest}/layer.tar"]}]).encode()
    with tarfile.open(path, "w") as archive:
        for member, content in ((name, document), (f"{digest}/layer.tar", data),
                                ("manifest.json", manifest)):
            info = tarfile.TarInfo(member)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def make_tools(directory):
    """Busybox with its applets, users and the directories that an image has; as a tar file."""
    root = pathlib.Path(directory) / "tools"
    for name in ("bin", "dev", "etc", "home/web", "proc", "root", "run", "sys", "tmp", "usr/bin",
                 "var/www", "srv", "data"):
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    for applet in run("busybox", "--list").out.split():
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n"
                                     "web:x:1000:1000:web:/home/web:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\ntty:x:5:\nweb:x:1000:\n")
    (root / "var/www/index.html").write_text("hello from the container\n")
    (root / "data/seed").write_text("from the image\n")
    os.chown(root / "home/web", 1000, 1000)
    tar = pathlib.Path(directory) / "tools.tar"
    run("tar", "-C", root, "-cf", tar, ".")
    return tar
