# SPDX-License-Identifier: Apache-2.0
"""Bundles, the runtime under test, and what is compared before and after each test.

The tests read like sentences: a test edits `bundle.config`, a dict, and looks at what the probe saw
from inside, or at what the runtime said. Everything that concerns processes, files and cleaning up
is here.
"""

import copy
import ctypes
import errno
import json
import os
import pathlib
import re
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
CRUNTIME = os.environ.get("CRUNTIME", str(SOURCE / "build/cruntime"))
PROBE = os.environ.get("CRUNTIME_PROBE", str(SOURCE / "build/probe"))
CGROUP = pathlib.Path("/sys/fs/cgroup")
# Guests and sanitizers are slow; a limit only has to end what hangs.
TIMEOUT = 60
SANITIZER = re.compile(r"(Address|Leak|Undefined\w*)Sanitizer|runtime error: ")

CAPABILITIES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE "
    "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO "
    "SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME "
    "SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG "
    "WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE").split()

DEFAULT_CAPS = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]

BASE_CONFIG = {
    "ociVersion": "1.0.2",
    "process": {
        "terminal": False,
        "user": {"uid": 0, "gid": 0},
        "args": ["/probe"],
        "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
        "cwd": "/",
        "capabilities": {
            "bounding": DEFAULT_CAPS, "effective": DEFAULT_CAPS, "permitted": DEFAULT_CAPS},
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
        "noNewPrivileges": True,
    },
    "root": {"path": "rootfs", "readonly": False},
    "hostname": "inside",
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
         "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
         "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
         "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
        {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
         "options": ["nosuid", "noexec", "nodev"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs",
         "options": ["nosuid", "noexec", "nodev", "ro"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
         "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]},
    ],
    "linux": {
        "resources": {"devices": [{"allow": False, "access": "rwm"}]},
        "namespaces": [{"type": t} for t in ("pid", "network", "ipc", "uts", "mount", "cgroup")],
        "maskedPaths": ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys",
                        "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
                        "/proc/sched_debug", "/sys/firmware", "/proc/scsi"],
        "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                          "/proc/sysrq-trigger"],
    },
}

APPLETS = ("sh cat echo ls sleep true false id stty ps kill mkdir rm mount umount hostname "
           "touch chmod test env head tail grep sed dd seq wc stat readlink trap nc").split()


class Box(dict):
    """A JSON object whose members are attributes as well."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def parse(text):
    return json.loads(text, object_hook=Box)


class Result:
    def __init__(self, args, code, out, err):
        self.args, self.code, self.out, self.err = args, code, out, err
        assert not SANITIZER.search(err), err

    def __repr__(self):
        return (f"{' '.join(map(str, self.args))}\nexit status {self.code}\n"
                f"stdout: {self.out[:2000]}\nstderr: {self.err[:2000]}")

    @property
    def json(self):
        return parse(self.out)

    @property
    def lines(self):
        return [parse(line) for line in self.out.splitlines() if line.startswith("{")]


def default_signals():
    """A caller with clean signal dispositions: Python ignores SIGPIPE."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)


def become(user):
    """What turns a child into one of USER, with his group alone: for preexec_fn."""
    def change():
        default_signals()
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    return change


def odd_signals():
    """A caller that ignores and blocks signals, as daemons and shells do (S-80)."""
    for number in (signal.SIGINT, signal.SIGUSR2, signal.SIGPIPE, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGTERM, signal.SIGCHLD})


def run_command(args, timeout=TIMEOUT, **options):
    options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault("preexec_fn", default_signals)
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True,
                          errors="surrogateescape", timeout=timeout, check=False, **options)
    return Result(args, done.returncode, done.stdout, done.stderr)


def cruntime(*args, **options):
    """Runs the program with exactly these arguments."""
    return run_command([CRUNTIME, *args], **options)


def cpu_seconds():
    """Processor time of all commands that have ended so far: what a command cost, however busy the
    machine is."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def wait_until(condition, what, timeout=20):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"waited {timeout} seconds in vain: {what}"
        time.sleep(0.01)


def make_rootfs(path):
    path.chmod(0o755)
    for directory in ("bin", "etc", "tmp", "root", "usr/bin"):
        (path / directory).mkdir(parents=True)
    (path / "tmp").chmod(0o1777)
    (path / "root").chmod(0o700)
    shutil.copy(PROBE, path / "probe")
    shutil.copy("/bin/busybox", path / "bin/busybox")
    for name in APPLETS:
        (path / "bin" / name).symlink_to("busybox")
    (path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n"
                                     "user:x:1000:1000:user:/home/user:/bin/sh\n")
    (path / "etc/group").write_text("root:x:0:\nuser:x:1000:\n")
    (path / "etc/hosts").write_text("127.0.0.1 localhost\n")


def probe_words(*actions):
    """The command line that makes the probe do these things."""
    words = ["/probe"]
    for i, action in enumerate(actions):
        words += ["--"] * (i > 0)
        words += shlex.split(action) if isinstance(action, str) else [str(a) for a in action]
    return words


def copy_or_link(source, target):
    """Programs are large and nobody changes them in place."""
    if os.stat(source, follow_symlinks=False).st_size > 1 << 16:
        os.link(source, target, follow_symlinks=False)
    else:
        shutil.copy2(source, target, follow_symlinks=False)


class Bundle:
    """A bundle on a tmpfs, the containers made from it, and their state root."""

    count = 0

    def __init__(self, directory, template):
        self.dir = directory
        self.rootfs = directory / "rootfs"
        shutil.copytree(template, self.rootfs, symlinks=True, copy_function=copy_or_link)
        self.config = copy.deepcopy(BASE_CONFIG)
        self.root = directory / "state"
        Bundle.count += 1
        self.id = f"test-{os.getpid()}-{Bundle.count}"
        self.ids = {self.id}
        self.globals = []
        self.processes = []

    # --- shorthand for the parts that many tests edit ---

    @property
    def process(self):
        return self.config["process"]

    @property
    def linux(self):
        return self.config["linux"]

    @property
    def resources(self):
        return self.linux.setdefault("resources", {})

    def mount(self, destination, kind, source, *options):
        """Appends a mount."""
        entry = {"destination": destination, "source": str(source), "options": list(options)}
        if kind:
            entry["type"] = kind
        self.config["mounts"].append(entry)
        return entry

    def remove_mount(self, destination):
        self.config["mounts"] = [m for m in self.config["mounts"]
                                 if m["destination"] != destination]

    def namespace(self, kind, path=None):
        """Makes the container have this namespace: a new one, or the one at path."""
        self.remove_namespace(kind)
        entry = {"type": kind}
        if path is not None:
            entry["path"] = str(path)
        self.linux["namespaces"].append(entry)

    def remove_namespace(self, kind):
        self.linux["namespaces"] = [n for n in self.linux["namespaces"] if n["type"] != kind]

    def user_namespace(self, host=100000, size=65536):
        """A user namespace with one range; the root file system is given to its root."""
        self.namespace("user")
        for name in ("uidMappings", "gidMappings"):
            self.linux[name] = [{"containerID": 0, "hostID": host, "size": size}]
        self.give_rootfs_to(host)

    def give_rootfs_to(self, host):
        """Makes the root file system belong to this user, and reachable for it."""
        # Own copies, because the files of other bundles are hard links to the same inodes.
        plain = self.dir / "plain"
        subprocess.run(["cp", "-a", self.rootfs, plain], check=True)
        subprocess.run(["rm", "-rf", self.rootfs], check=True)
        plain.rename(self.rootfs)
        subprocess.run(["chown", "-Rh", f"{host}:{host}", self.rootfs], check=True)
        for directory in (self.dir, *self.dir.parents):
            if directory.stat().st_mode & 0o1 == 0:
                directory.chmod(directory.stat().st_mode | 0o711)

    def caps(self, *names, sets=("bounding", "effective", "permitted")):
        self.process["capabilities"] = {s: [f"CAP_{n}" for n in names] for s in sets}

    def all_caps(self):
        self.caps(*CAPABILITIES)

    def hook(self, point, script, **more):
        """Adds a hook that is a shell script; returns the file that it may write to ($OUT)."""
        hooks = self.config.setdefault("hooks", {}).setdefault(point, [])
        out = self.dir / f"{point}.{len(hooks)}.out"
        file = self.dir / f"{point}.{len(hooks)}.sh"
        file.write_text(f"#!/bin/sh\nOUT={out}\n{script}\n")
        file.chmod(0o755)
        hooks.append({"path": str(file), **more})
        return out

    def args(self, *words):
        self.process["args"] = [str(w) for w in words]

    def shell(self, script):
        self.args("/bin/sh", "-c", script)

    def probe(self, *actions):
        """Sets the arguments that make the probe do these things ("read /etc/passwd")."""
        self.args(*probe_words(*actions))

    # --- the verbs ---

    def write_config(self):
        text = self.config if isinstance(self.config, (str, bytes)) \
            else json.dumps(self.config, indent=2)
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
        (self.dir / "config.json").write_bytes(data)
        return data

    def command(self, *args, **options):
        """cruntime --root STATE ARGS..."""
        return cruntime("--root", self.root, *self.globals, *args, **options)

    def run(self, *options, write=True, **more):
        """`run` in the foreground."""
        if write:
            self.write_config()
        return self.command("run", *options, "-b", self.dir, self.id, **more)

    def run_ok(self, *options, **more):
        result = self.run(*options, **more)
        assert result.code == 0, result
        return result

    def run_probe(self, *actions, options=(), **more):
        """Runs the probe; one Box for one action (or for the full report), a list for several."""
        self.probe(*actions)
        result = self.run(*options, **more)
        assert result.code == 0, result
        lines = result.lines
        assert len(lines) == max(1, len(actions)), result
        return lines[0] if len(lines) == 1 else lines

    def run_shell(self, script, **more):
        """Runs a shell script and returns what it printed, without the last newline."""
        self.shell(script)
        return self.run_ok(**more).out.rstrip("\n")

    def refused(self, *options, **more):
        """`run` must fail as the runtime's own failure; returns the one line that it printed."""
        result = self.run(*options, **more)
        assert not self.exists(), f"a state directory is left behind: {result}"
        return self.one_line(result)

    def refused_config(self, *parts):
        """`run` must fail because of config.json, with the right position and these parts in its
        message."""
        line = self.refused()
        for part in parts:
            assert part in line, line
        self.check_position(line)
        return line

    def check_position(self, line):
        """A message about config.json has a line and column within what it names; what is missing
        is at the object that should have it."""
        found = re.search(r"^config\.json:(?P<row>\d+):(?P<column>\d+): (?P<path>\w[^: ]*)", line)
        found = found or re.search(r"(?P<path>[\w.\[\]]+)(?: '[^']*')?"
                                   r" \(config\.json:(?P<row>\d+):(?P<column>\d+)\)", line)
        assert found, line
        steps = [] if isinstance(self.config, (str, bytes)) \
            else steps_to(self.config, found["path"])
        if steps:
            first, last = extent(self.config, steps)
            assert first <= (int(found["row"]), int(found["column"])) <= last, line

    @staticmethod
    def one_line(result, code=1):
        assert result.code == code, result
        assert result.out == "", result
        lines = result.err.splitlines()
        assert len(lines) == 1, result
        assert not re.match(r"^[A-Z]", lines[0]), f"message begins with a capital: {result}"
        assert not lines[0].endswith("."), f"message ends with a full stop: {result}"
        return lines[0]

    def create(self, *options, id=None, write=True, check=True, stdin=subprocess.DEVNULL, **more):
        """`create`; the container's output goes to the files `out` and `err`."""
        if write:
            self.write_config()
        id = id or self.id
        self.ids.add(id)
        args = [CRUNTIME, "--root", str(self.root), *self.globals, "create",
                *map(str, options), "-b", str(self.dir), id]
        more.setdefault("preexec_fn", default_signals)
        with open(self.dir / "out", "ab") as out, open(self.dir / "err", "ab") as err:
            before = err.tell()
            done = subprocess.run(args, stdin=stdin, stdout=out, stderr=err, timeout=TIMEOUT,
                                  check=False, **more)
        result = Result(args, done.returncode, "",
                        (self.dir / "err").read_bytes()[before:].decode(errors="replace"))
        if check:
            assert result.code == 0, result
        return result

    def start(self, id=None, check=True):
        result = self.command("start", id or self.id)
        if check:
            assert result.code == 0, result
        return result

    def create_and_start(self, *options, **more):
        self.create(*options, **more)
        self.start()

    def hold(self):
        """A running container that does nothing."""
        self.probe("sleep")
        self.create_and_start()

    def exec(self, *words, options=(), id=None, **more):
        """`exec` in the foreground."""
        return self.command("exec", *options, id or self.id, *words, **more)

    def exec_probe(self, *actions, options=(), **more):
        """Runs the probe in the container; a Box for one action, a list for several."""
        result = self.exec(*probe_words(*actions), options=options, **more)
        assert result.code == 0, result
        assert len(result.lines) == max(1, len(actions)), result
        return result.lines[0] if len(result.lines) == 1 else result.lines

    def exec_detached(self, *words, options=()):
        """`exec --detach`; its output goes to the file `exec.out`. Returns the pid."""
        pid_file = self.dir / "exec.pid"
        with open(self.dir / "exec.out", "ab") as out:
            done = subprocess.run(
                [CRUNTIME, "--root", str(self.root), "exec", "--detach", "--pid-file",
                 str(pid_file), *map(str, options), self.id, *map(str, words)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=TIMEOUT, check=False,
                preexec_fn=default_signals)
        assert done.returncode == 0, (self.dir / "exec.out").read_text()
        text = pid_file.read_text()
        assert text.isdigit(), f"pid file holds {text!r}"
        return int(text)

    def refused_exec(self, *words, options=(), **more):
        """`exec` must fail as the runtime's own failure (D-06); returns its one line."""
        return self.one_line(self.exec(*words, options=options, **more), code=255)

    def state(self, id=None):
        result = self.command("state", id or self.id)
        assert result.code == 0, result
        return result.json

    def status(self, id=None):
        return self.state(id).status

    def kill(self, *args, id=None, check=True):
        result = self.command("kill", id or self.id, *args)
        if check:
            assert result.code == 0, result
        return result

    def delete(self, *options, id=None, check=True):
        result = self.command("delete", *options, id or self.id)
        if check:
            assert result.code == 0, result
        return result

    def wait_stopped(self, id=None):
        wait_until(lambda: self.status(id) == "stopped", "status 'stopped'")

    def output(self):
        return (self.dir / "out").read_text(errors="surrogateescape")

    def probe_lines(self):
        """What the probe of a created and started container has printed so far."""
        return [parse(line) for line in self.output().splitlines() if line.endswith("}")]

    def finish(self):
        """Start, wait for the end, and return what the probe printed."""
        self.start()
        self.wait_stopped()
        return self.probe_lines()

    # --- what is left ---

    def exists(self, id=None):
        return (self.root / (id or self.id)).exists()

    def cleanup(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        failures = []
        for id in sorted(self.ids):
            if self.exists(id):
                result = self.command("delete", "--force", id)
                if result.code != 0:
                    failures.append(str(result))
        left = sorted(os.listdir(self.root)) if self.root.is_dir() else []
        if left:
            failures.append(f"left in the state root: {left}")
        return failures

    def popen(self, *args, **options):
        """A runtime command in the background, ended after the test."""
        options.setdefault("preexec_fn", default_signals)
        process = subprocess.Popen([CRUNTIME, "--root", str(self.root), *map(str, args)],
                                   **options)
        self.processes.append(process)
        return process


# --- what must be the same before and after a test ------------------------------------------------

def cgroups():
    return {str(pathlib.Path(base, name).relative_to(CGROUP))
            for base, names, _ in os.walk(CGROUP) for name in names}


def mounts():
    with open("/proc/self/mountinfo") as file:
        return sorted(line.split(" ", 1)[1] for line in file)


def processes():
    """Pids with names of all live processes that this pid namespace shows; we live in a private one."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                stat = pathlib.Path("/proc", name, "stat").read_text()
            except OSError:
                continue
            # Kernel threads (of a guest) have no address space: field 23, vsize, is 0.
            rest = stat.rsplit(")", 1)[1].split()
            if rest[20] != "0" or rest[0] == "Z":
                found[int(name)] = stat.split("(", 1)[1].rsplit(")", 1)[0]
    return found


def state_roots():
    return sorted(os.listdir("/run/cruntime")) if os.path.isdir("/run/cruntime") else []


class World:
    """Everything on this (private) machine that a container could leave behind."""

    def __init__(self):
        self.cgroups, self.mounts, self.processes = cgroups(), mounts(), processes()
        self.state = state_roots()

    def leaks(self):
        """What is there now and was not before, after giving ended processes time to be reaped."""
        for _ in range(200):
            now = World()
            found = []
            found += [f"cgroup '{c}'" for c in sorted(now.cgroups - self.cgroups)]
            found += [f"cgroup '{c}' has gone" for c in sorted(self.cgroups - now.cgroups)]
            found += [f"mount {m}" for m in now.mounts if m not in self.mounts]
            found += [f"mount has gone: {m}" for m in self.mounts if m not in now.mounts]
            found += [f"process {p} ({n})" for p, n in now.processes.items()
                      if p not in self.processes]
            found += [f"state '{s}'" for s in now.state if s not in self.state]
            if not found:
                return []
            time.sleep(0.01)
        return found


# --- positions in config.json ----------------------------------------------------------------------

def steps_to(node, path):
    """The keys and indices that lead to PATH, "linux.sysctl.net.ipv4.x", as far as they exist."""
    steps = []
    while path:
        index = re.match(r"\[(\d+)\]\.?", path)
        if index and isinstance(node, list) and int(index[1]) < len(node):
            step, length = int(index[1]), index.end()
        else:
            # Keys may have dots themselves.
            keys = [k for k in node if path == k or path.startswith((k + ".", k + "["))] \
                if isinstance(node, dict) else []
            if not keys:
                break
            step = max(keys, key=len)
            length = len(step) + (path[len(step):len(step) + 1] == ".")
        if node[step] is None:
            break
        steps.append(step)
        node, path = node[step], path[length:]
    return steps


def extent(config, steps):
    """(line, column) of the first and of the last character of a member in what
    Bundle.write_config writes: of the value, or with the key where it is in a map of strings."""
    marked = copy.deepcopy(config)
    node = marked
    for step in steps[:-1]:
        node = node[step]
    value, node[steps[-1]] = node[steps[-1]], "@here@"
    before = json.dumps(marked, indent=2).partition('"@here@"')[0]
    row = before.rpartition("\n")[2]
    shift = "\n" + row[:len(row) - len(row.lstrip())]
    end = before + json.dumps(value, indent=2).replace("\n", shift)
    if isinstance(steps[-1], str) and isinstance(value, str):
        before = before[:-len(json.dumps(steps[-1]) + ": ")]
    return [(text.count("\n") + 1, len(text) - text.rfind("\n") - last)
            for text, last in ((before, 0), (end, 1))]


# --- tools for single features --------------------------------------------------------------------

def mount_at(seen, target):
    """The topmost mount at a path in a probe's report."""
    found = [m for m in seen.mounts if m.target == target]
    assert found, f"no mount at '{target}': {[m.target for m in seen.mounts]}"
    return found[-1]


def flags(mount):
    return set(mount.options.split(","))


def cap_mask(*names):
    return sum(1 << CAPABILITIES.index(n) for n in names)


def drop_from_bounding_set(name):
    """For preexec_fn: the program that is executed next has not this capability."""
    assert ctypes.CDLL(None).prctl(24, CAPABILITIES.index(name), 0, 0, 0) == 0


def own_namespace(kind):
    return os.readlink(f"/proc/self/ns/{kind}")


def status_field(seen, name):
    """A line of /proc/self/status in a probe's report."""
    for line in seen.status.splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return value.strip()
    raise AssertionError(f"no '{name}' in status")


def cgroup_of(pid):
    """The cgroup2 directory of a process, as we see it."""
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        if line.startswith("0::"):
            return CGROUP / line[3:].lstrip("/")
    raise AssertionError(f"process {pid} has no cgroup2 line")


class ConsoleSocket:
    """The receiving end of --console-socket."""

    def __init__(self, path):
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Longer than sun_path allows: through the descriptor of the directory.
        directory = os.open(os.path.dirname(path), os.O_RDONLY)
        self.listener.bind(f"/proc/self/fd/{directory}/{os.path.basename(path)}")
        os.close(directory)
        self.listener.listen(4)
        self.listener.settimeout(TIMEOUT)

    def receive(self):
        """The message and the descriptors that came with it."""
        connection, _ = self.listener.accept()
        with connection:
            data, fds, _, _ = socket.recv_fds(connection, 4096, 8)
        return data, fds

    def close(self):
        self.listener.close()


def read_terminal(fd, until=None, timeout=20):
    """Reads a pty master until the other side is closed, or until a text came."""
    import select
    text = b""
    end = time.monotonic() + timeout
    while until is None or until.encode() not in text:
        ready, _, _ = select.select([fd], [], [], max(0, end - time.monotonic()))
        assert ready, f"terminal is silent after {text!r}"
        try:
            data = os.read(fd, 4096)
        except OSError as e:
            if e.errno != errno.EIO:
                raise
            break
        if not data:
            break
        text += data
    return text.decode(errors="replace")
