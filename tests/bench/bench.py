# SPDX-License-Identifier: Apache-2.0
"""Start-up cost of cruntime against crun and runc, in one interleaved run. See `make bench`.

For each of two bundles, a minimal one and one as docker makes them: wall and CPU time of each verb,
as medians over the rounds, and the medians of the paired ratios cruntime/other; then system calls,
page faults and peak memory of `run`. The column "floor" is a hard-coded program (floor.c).
Times of a shared machine: compare ratios, and repeat when the quartiles are far apart.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
MEASURE = SOURCE / "build/bench/measure"
FLOOR = SOURCE / "build/bench/floor"
CGROUP = pathlib.Path("/sys/fs/cgroup")
WORK = pathlib.Path(os.environ["TMPDIR"]) / "bench"
VERBS = ["run", "create", "start", "exec", "state", "kill", "delete", "delete -f"]


class Cost:
    """One measured command."""

    def __init__(self, line):
        self.status, self.wall, self.cpu, self.faults, self.memory = map(int, line.split())


class Failed(Exception):
    """A measured command did not do what it should."""


def measured(args, expected=0):
    read, write = os.pipe()
    # Descriptor 3 is where `measure` reports; the shell-free way to put the pipe there.
    def place():
        os.dup2(write, 3)
    with open(WORK / "stderr", "w+") as err:
        done = subprocess.run([str(MEASURE), *map(str, args)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=err, preexec_fn=place,
                              pass_fds=(3,), check=False, timeout=60)
        os.close(write)
        with os.fdopen(read) as file:
            line = file.read()
        cost = Cost(line) if line else None
        if done.returncode != 0 or cost is None or cost.status != expected:
            err.seek(0)
            raise Failed(f"status {cost and cost.status}: {err.read().strip()}")
    return cost


class Runtime:
    def __init__(self, name, path):
        self.name, self.path = name, path
        self.root = WORK / f"state-{name}"

    def command(self, *args):
        return [self.path, "--root", self.root, *args]

    def pid(self, container):
        out = subprocess.run(list(map(str, self.command("state", container))), check=True,
                             capture_output=True, text=True).stdout
        return json.loads(out)["pid"]

    def run(self, bundle, container):
        return measured(self.command("run", "-b", bundle, container))

    def works(self, bundle):
        """False, with a note, for one that cannot run this bundle on this machine."""
        try:
            self.run(bundle, "try")
            return True
        except Failed as reason:
            print(f"{self.name} cannot run the {bundle.parent.name} bundle here, skipped: {reason}")
            subprocess.run(list(map(str, self.command("delete", "-f", "try"))), check=False,
                           capture_output=True)
            if self.name == "cruntime":
                raise
            return False

    def lifecycle(self, bundle, container):
        """Costs of the verbs of one container that sleeps; the second one is deleted by force."""
        costs = {}
        costs["create"] = measured(self.command("create", "-b", bundle, container))
        costs["start"] = measured(self.command("start", container))
        costs["exec"] = measured(self.command("exec", container, "/bin/true"))
        costs["state"] = measured(self.command("state", container))
        pid = self.pid(container)
        costs["kill"] = measured(self.command("kill", container, "KILL"))
        deadline = time.monotonic() + 10
        while os.path.exists(f"/proc/{pid}"):
            if time.monotonic() > deadline:
                raise Failed(f"{self.name}: process {pid} is there 10 s after kill")
            time.sleep(0.001)
        costs["delete"] = measured(self.command("delete", container))
        measured(self.command("create", "-b", bundle, container))
        measured(self.command("start", container))
        costs["delete -f"] = measured(self.command("delete", "-f", container))
        return costs


class Floor:
    name = "floor"

    def works(self, _bundle):
        return True

    def run(self, bundle, container):
        kind = "docker" if bundle.parent.name == "docker" else "minimal"
        return measured([FLOOR, kind, bundle / "rootfs", CGROUP / f"floor-{container}", "/bin/true"])

    def lifecycle(self, _bundle, _container):
        return {}


# --- bundles --------------------------------------------------------------------------------------

def make_rootfs(path):
    for name in ("bin", "etc", "proc", "sys", "dev", "tmp"):
        (path / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", path / "bin/busybox")
    for name in ("true", "sleep", "sh"):
        (path / "bin" / name).symlink_to("busybox")
    for name in ("a", "b", "c", "resolv.conf", "hostname", "hosts"):
        (path / "etc" / name).write_text("")


def docker_config():
    """A recorded config of `docker run`, with its bind sources made here."""
    config = json.loads((SOURCE / "tests/bundles/docker-run-default.json").read_text())
    # What the incumbents refuse here: crun an empty blockIO without its controller, and older
    # ones a newer version of the specification.
    config["ociVersion"] = "1.0.2"
    config["linux"]["resources"].pop("blockIO", None)
    config["process"].pop("oomScoreAdj", None)
    for i, mount in enumerate(m for m in config["mounts"] if "rbind" in m["options"]):
        source = WORK / f"bind.{i}"
        source.write_text("")
        mount["source"] = str(source)
    return config


def minimal_config():
    return {
        "ociVersion": "1.0.2", "root": {"path": "rootfs"},
        "process": {"cwd": "/", "args": [], "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0},
                    "capabilities": {}},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                   {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                    "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]}],
        "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}]}}


def make_bundle(name, config, args, kind):
    """A directory KIND-of-command below NAME; seccomp names that libseccomp lacks only warn."""
    path = WORK / name / kind
    path.mkdir(parents=True)
    make_rootfs(path / "rootfs")
    config = json.loads(json.dumps(config))
    config["root"]["path"] = "rootfs"
    config["process"]["args"] = args
    config["linux"]["cgroupsPath"] = f"/bench-{name}-{kind}"
    (path / "config.json").write_text(json.dumps(config))
    return path


# --- measuring ------------------------------------------------------------------------------------

def collect(runtimes, name, config, rounds):
    """{(runtime, verb): [Cost]}; in every round each runtime has its turn, in changing order."""
    once = make_bundle(name, config, ["/bin/true"], "true")
    long = make_bundle(name, config, ["/bin/sleep", "1000"], "sleep")
    found = {}
    runtimes = [r for r in runtimes if r.works(once)]
    for i in range(-2, rounds):
        for runtime in runtimes[i % len(runtimes):] + runtimes[:i % len(runtimes)]:
            costs = {"run": runtime.run(once, f"r{i + 2}"),
                     **runtime.lifecycle(long, f"l{i + 2}")}
            if i >= 0:  # the first two rounds warm the caches
                for verb, cost in costs.items():
                    found.setdefault((runtime.name, verb), []).append(cost)
    return runtimes, found, once


def system_calls(runtime, bundle):
    if not shutil.which("strace"):
        return None
    out = WORK / "strace"
    args = runtime.command("run", "-b", bundle, "traced") if isinstance(runtime, Runtime) else \
        [FLOOR, bundle.parent.name, bundle / "rootfs", CGROUP / "floor-traced", "/bin/true"]
    subprocess.run(["strace", "-f", "-qq", "-o", str(out), *map(str, args)],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return sum(1 for line in out.read_text().splitlines()
               if "resumed>" not in line and "---" not in line and "+++" not in line)


# --- many containers ------------------------------------------------------------------------------

CROWDS = [1, 100, 500]
CROWD_VERBS = ["list", "state", "stats", "pause", "resume", "delete", "delete -f"]
CROWD_ROUNDS = 9


def stats_command(runtime):
    """Its one reading of what a container uses; crun has none."""
    return {"crun": None}.get(runtime.name, ["events", "--stats"])


def crowd_round(runtime, bundle, i):
    """Costs of the verbs, of one container among the others, which ends with it."""
    name = f"one{i}"
    measured(runtime.command("create", "-b", bundle, name))
    measured(runtime.command("start", name))
    costs = {"list": measured(runtime.command("list")),
             "state": measured(runtime.command("state", name))}
    stats = stats_command(runtime)
    if stats:
        costs["stats"] = measured(runtime.command(*stats, name))
    costs["pause"] = measured(runtime.command("pause", name))
    costs["resume"] = measured(runtime.command("resume", name))
    if i % 2:
        costs["delete -f"] = measured(runtime.command("delete", "-f", name))
        return costs
    pid = runtime.pid(name)
    measured(runtime.command("kill", name, "KILL"))
    while os.path.exists(f"/proc/{pid}"):
        time.sleep(0.001)
    costs["delete"] = measured(runtime.command("delete", name))
    return costs


def crowds(runtimes, config):
    """{(runtime, verb, crowd): [Cost]}: each runtime with its crowd of created containers."""
    bundle = make_bundle("crowd", config, ["/bin/sleep", "1000"], "sleep")
    text = json.loads((bundle / "config.json").read_text())
    found = {}
    for runtime in runtimes:
        there = 0
        for crowd in CROWDS:
            for there in range(there, crowd):
                text["linux"]["cgroupsPath"] = f"/crowd-{runtime.name}-{there}"
                (bundle / "config.json").write_text(json.dumps(text))
                measured(runtime.command("create", "-b", bundle, f"crowd{there}"))
            there = crowd
            text["linux"]["cgroupsPath"] = f"/crowd-{runtime.name}-one"
            (bundle / "config.json").write_text(json.dumps(text))
            for i in range(2 * CROWD_ROUNDS):
                for verb, cost in crowd_round(runtime, bundle, i).items():
                    found.setdefault((runtime.name, verb, crowd), []).append(cost)
        for i in range(there):
            measured(runtime.command("delete", "-f", f"crowd{i}"))
    return found


def print_crowds(found, names):
    print("\nAmong 1, 100 and 500 containers: wall time, ms, median; then cruntime as a fraction "
          "of the other at 500")
    print(f"  {'':10}" + "".join(f"{n:>24}" for n in names)
          + "".join(f"{'/' + n:>8}" for n in names[1:]))
    for verb in CROWD_VERBS:
        cells, ratios = "", ""
        for name in names:
            costs = [found.get((name, verb, crowd)) for crowd in CROWDS]
            text = " ".join(f"{median(c, 'wall') / 1e6:7.2f}" if c else f"{'-':>7}" for c in costs)
            cells += f"{text:>24}"
            if name != names[0]:
                mine = found[(names[0], verb, CROWDS[-1])]
                ratios += f"{median(mine, 'wall') / median(costs[-1], 'wall'):8.2f}" \
                    if costs[-1] else f"{'-':>8}"
        print(f"  {verb:10}{cells}{ratios}")


def median(costs, field):
    return statistics.median(getattr(c, field) for c in costs)


def ratio(mine, other, field):
    return statistics.median(getattr(a, field) / max(1, getattr(b, field))
                             for a, b in zip(mine, other))


def spread(costs, field):
    """Half the distance of the quartiles, in percent of the median."""
    if len(costs) < 4:
        return 0
    low, _, high = statistics.quantiles([getattr(c, field) for c in costs], n=4)
    return 50 * (high - low) / max(1, median(costs, field))


def print_times(found, names, title, field):
    print(f"\n{title}: {'wall' if field == 'wall' else 'CPU'} time, ms (± quartile), "
          "then cruntime as a fraction of the other")
    print(f"  {'':10}" + "".join(f"{n:>16}" for n in names)
          + "".join(f"{'/' + n:>8}" for n in names[1:]))
    for verb in VERBS:
        cells, ratios = "", ""
        for name in names:
            costs = found.get((name, verb))
            text = f"{median(costs, field) / 1e6:.2f} ±{spread(costs, field):.0f} %" if costs \
                else "-"
            cells += f"{text:>16}"
            if name != names[0]:
                mine = found[(names[0], verb)]
                ratios += f"{ratio(mine, costs, field):8.2f}" if costs else f"{'-':>8}"
        print(f"  {verb:10}{cells}{ratios}")


def print_counts(found, names, title, calls):
    print(f"\n{title}: what `run true` needs")
    print(f"  {'':22}" + "".join(f"{n:>12}" for n in names))
    for label, cell in (
            ("system calls", lambda n: calls[n] if calls[n] is not None else "no strace"),
            ("page faults", lambda n: int(median(found[(n, "run")], "faults"))),
            ("peak memory, KiB", lambda n: int(median(found[(n, "run")], "memory")))):
        print(f"  {label:22}" + "".join(f"{cell(n):>12}" for n in names))


def find_runtimes(own):
    runtimes = [Runtime("cruntime", own)]
    for name in ("crun", "runc"):
        path = shutil.which(name)
        if path:
            runtimes.append(Runtime(name, path))
        else:
            print(f"{name} is not installed: skipped")
    return runtimes + [Floor()]


def measured_binary():
    """The release binary, which `make bench` has brought up to date, if there is one."""
    release = SOURCE / "build/release/cruntime"
    if release.exists():
        return release
    print("no release binary (make release): the default one is measured")
    return SOURCE / "build/cruntime"


def version(path):
    text = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    return text.splitlines()[0] if text else "?"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", type=int, default=int(os.environ.get("BENCH_ROUNDS", "40")),
                        help="rounds (default 40)")
    parser.add_argument("--binary", default=str(measured_binary()))
    options = parser.parse_args()
    WORK.mkdir()
    runtimes = find_runtimes(options.binary)
    print(f"{options.binary} ({os.path.getsize(options.binary) >> 10} KiB), {options.n} rounds, "
          f"load {os.getloadavg()[0]:.1f}, kernel {os.uname().release}")
    for runtime in runtimes[:-1]:
        print(f"  {version(runtime.path)}")
    for name, title, config in (("docker", "Docker-like bundle", docker_config()),
                                ("minimal", "minimal bundle", minimal_config())):
        there, found, once = collect(runtimes, name, config, options.n)
        names = [r.name for r in there]
        for field in ("wall", "cpu"):
            print_times(found, names, title, field)
        print_counts(found, names, title, {r.name: system_calls(r, once) for r in there})
    crowded = [r for r in runtimes if isinstance(r, Runtime)]
    print_crowds(crowds(crowded, minimal_config()), [r.name for r in crowded])


if __name__ == "__main__":
    main()
