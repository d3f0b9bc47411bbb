# SPDX-License-Identifier: Apache-2.0
"""events and stats (cli-reference 4 and 8.5, engine-contracts 2). What a native machine without
controllers has is processor time and the number of processes; the formats are in the unit tests
cgroup_stats and events."""

import os
import pathlib
import pty
import re
import subprocess
import time

import pytest

from harness import cgroup_of, parse, wait_until
from marks import requires


def stats_of(bundle, *options):
    """events --stats"""
    result = bundle.command("events", "--stats", *options, bundle.id)
    assert (result.code, result.err) == (0, ""), result
    assert result.out.endswith("}\n") and result.out.count("\n") == 1
    assert result.json.type == "stats" and result.json.id == bundle.id
    return result.json.data


class Watcher:
    """A command that goes on printing, in the background."""

    def __init__(self, bundle, *words):
        self.file = bundle.dir / "watched"
        self.errors = bundle.dir / "watched.err"
        cgroup = cgroup_of(bundle.state().pid)
        self.watched = [f"/{name}" for name in ("cgroup.events", "memory.events")
                        if (cgroup / name).exists()]
        with open(self.file, "wb") as out, open(self.errors, "wb") as err:
            self.process = bundle.popen(*words, stdout=out, stderr=err, stdin=subprocess.DEVNULL)

    @property
    def text(self):
        return self.file.read_text()

    @property
    def lines(self):
        return [parse(line) for line in self.text.splitlines(keepends=True) if line[-1] == "\n"]

    def wait_lines(self, n):
        wait_until(lambda: self.text.count("\n") >= n, f"{n} lines of output")

    def waits(self):
        """It sleeps, and has not been awake for a while: so it does in poll and nowhere else."""
        def look():
            # state, and the number of times that it gave the processor away
            text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
            return re.findall(r"^(?:State|voluntary_ctxt_switches):\t(\w+)", text, re.M)
        before = look()
        time.sleep(0.2)
        return before[0] == "S" and look() == before

    def wait_watching(self):
        """Until its descriptors are those of the loop."""
        def has_all():
            fds = f"/proc/{self.process.pid}/fd"
            targets = []
            for name in os.listdir(fds):
                try:
                    targets.append(os.readlink(f"{fds}/{name}"))
                except OSError:
                    pass
            return any("timerfd" in t for t in targets) and \
                all(any(t.endswith(f) for t in targets) for f in self.watched) and self.waits()
        wait_until(has_all, "events to watch")

    def ended(self):
        """It must end by itself, with success."""
        code = self.process.wait(60)
        assert (code, self.errors.read_text()) == (0, ""), self.text


# --- events --stats -------------------------------------------------------------------------------

@pytest.mark.parametrize("words", [["--stats", "ID"], ["ID", "--stats"], ["-stats", "ID"],
                                   ["--stats", "--interval=5s", "ID"]], ids=str)
def test_stats_is_one_object_on_one_line(bundle, words):
    """engine-contracts 2: go-runc decodes it."""
    bundle.hold()
    result = bundle.command("events", *[bundle.id if w == "ID" else w for w in words])
    assert (result.code, result.err) == (0, "")
    assert result.out.count("\n") == 1
    assert set(result.json) == {"type", "id", "data"}
    assert set(result.json.data) == {"cpu", "cpuset", "memory", "pids", "blkio", "hugetlb",
                                     "intel_rdt", "network_interfaces"}
    assert result.json.data.network_interfaces is None and result.json.data.intel_rdt == {}


def test_what_needs_no_controller_is_there(bundle):
    """cli-reference 8.5: processor time in nanoseconds, and the processes."""
    bundle.probe("spawn 2", "spin 0.1", "sleep")
    bundle.create_and_start()
    wait_until(lambda: '"cpu"' in bundle.output() or bundle.output().count("\n") >= 2, "the spin")
    data = stats_of(bundle)
    usage = data.cpu.usage
    assert data.pids.current == 3
    assert usage.total > 1000000 and abs(usage.kernel + usage.user - usage.total) <= 2000
    assert {"limit", "failcnt"} <= set(data.memory.usage) and "limit" in data.memory.swap


def test_missing_memory_controller_leaves_zeros(bundle):
    """runc on v2: no limit is 18446744073709551615 only where there is a controller."""
    bundle.hold()
    memory = stats_of(bundle).memory
    if "raw" in memory:
        assert memory.usage.limit == 2**64 - 1 and memory.cache == memory.raw.get("file", 0)
    else:
        assert memory.usage == memory.swap == {"limit": 0, "failcnt": 0}


def test_created_and_paused_containers_are_measured(bundle):
    """cli-reference 4: everything but a stopped one."""
    bundle.probe("sleep")
    bundle.create()
    assert stats_of(bundle).pids.current == 1
    bundle.start()
    assert bundle.command("pause", bundle.id).code == 0
    assert stats_of(bundle).pids.current == 1


@pytest.mark.parametrize("words", [["events"], ["events", "--stats"], ["events", "--interval=1s"],
                                   ["stats"], ["stats", "--no-stream"]], ids=str)
def test_stopped_container_is_refused(bundle, words):
    """cli-reference 4: runc's words."""
    bundle.probe("exit 0")
    bundle.create_and_start()
    bundle.wait_stopped()
    line = bundle.one_line(bundle.command(*words, bundle.id))
    assert line == f"{words[0]} '{bundle.id}': container with id {bundle.id} is not running"


@pytest.mark.parametrize("words", [["events"], ["events", "--stats"], ["stats"]], ids=str)
def test_unknown_container_is_refused(bundle, words):
    """engine-contracts 3."""
    assert "does not exist" in bundle.one_line(bundle.command(*words, "nobody"))
    assert "may not start with '.'" in bundle.one_line(bundle.command(*words, "../x"))


@pytest.mark.parametrize("command", ["events", "stats"])
@pytest.mark.parametrize("value", ["0", "0s", "0.0000000001s", "5", "-5s", "abc", "s", "1m30",
                                   "1e3s", "5s ", "9999999999h"])
def test_bad_interval_is_refused(bundle, command, value):
    """D-02: whole durations above zero."""
    bundle.hold()
    line = bundle.one_line(bundle.command(command, f"--interval={value}", bundle.id))
    assert "option '--interval': expected a duration above 0 such as 5s" in line
    assert f"found '{value}'" in line


# --- events ---------------------------------------------------------------------------------------

def test_one_object_per_interval_until_the_container_ends(bundle):
    """cli-reference 4."""
    bundle.hold()
    watcher = Watcher(bundle, "events", "--interval", "20ms", bundle.id)
    watcher.wait_lines(3)
    bundle.kill("KILL")
    watcher.ended()
    lines = watcher.lines
    assert {(line.type, line.id) for line in lines} == {("stats", bundle.id)}
    totals = [line.data.cpu.usage.total for line in lines]
    assert totals == sorted(totals)


def test_end_of_the_container_ends_events_before_the_interval(bundle):
    """cli-reference 4: it is told of the end and does not look for it."""
    bundle.hold()
    watcher = Watcher(bundle, "events", "--interval", "5h", bundle.id)
    watcher.wait_watching()
    bundle.kill("KILL")
    watcher.ended()
    assert watcher.text == ""


def has_pressure():
    try:
        return bool(pathlib.Path("/proc/pressure/cpu").read_text())
    except OSError:
        return False


pressure = pytest.mark.skipif(not has_pressure(), reason="the kernel does not measure pressure")


@pressure
def test_pressure_is_told(bundle):
    """More that want a processor than there are: some wait, and only they are told of. The window
    is one that a caller without CAP_SYS_RESOURCE may have too."""
    busy = "while :; do :; done"
    bundle.shell(" & ".join([f"sh -c '{busy}'"] * (2 * os.cpu_count() + 1)))
    bundle.create_and_start()
    watcher = Watcher(bundle, "events", "--interval", "5h", "--pressure", "cpu:some:1ms/2s",
                      "--pressure", "io:full:10s/10s", bundle.id)
    watcher.wait_lines(2)
    line = f'{{"type":"pressure","id":"{bundle.id}","data":{{"resource":"cpu","kind":"some",' \
           f'"stall":1000000,"window":2000000000}}}}'
    assert set(watcher.text.splitlines()) == {line}
    bundle.kill("KILL")
    watcher.ended()


@pressure
def test_no_pressure_is_no_event(bundle):
    bundle.hold()
    watcher = Watcher(bundle, "events", "--interval", "5h", "--pressure", "cpu:full:2s/2s",
                      bundle.id)
    watcher.wait_watching()
    bundle.delete("--force")
    watcher.ended()
    assert watcher.text == ""


@pytest.mark.parametrize("trigger", [
    "cpu", "cpu:some", "cpu:some:1ms", "disk:some:1ms/1s", "cpu:any:1ms/1s", "cpu:some:1/1s",
    "cpu:some:1ms/1s/2", "cpu:some:-1ms/1s", "cpu:some:1ns/1s", "memory:some:0/1s",
    "memory:some:2s/1s", "io:full:1ms/499ms", "io:full:1ms/11s", "x" * 100])
def test_bad_trigger_is_refused(bundle, trigger):
    line = bundle.one_line(bundle.command("events", "--pressure", trigger, bundle.id))
    assert "--pressure: " in line and trigger in line, line


def test_delete_ends_events(bundle):
    """cli-reference 4: its cgroup is gone by then."""
    bundle.hold()
    watcher = Watcher(bundle, "events", "--interval", "5h", bundle.id)
    watcher.wait_watching()
    bundle.delete("--force")
    watcher.ended()


def test_events_last_as_long_as_any_process(bundle):
    """cli-reference 4: the first process is not the last one where the pid namespace is shared."""
    bundle.remove_namespace("pid")
    bundle.probe("spawn 1", "sleep")
    bundle.create_and_start()
    wait_until(lambda: "pids" in bundle.output(), "the second process")
    watcher = Watcher(bundle, "events", "--interval", "20ms", bundle.id)
    watcher.wait_lines(1)
    bundle.kill("TERM")
    bundle.wait_stopped()
    watcher.wait_lines(watcher.text.count("\n") + 2)
    assert watcher.process.poll() is None and watcher.lines[-1].data.pids.current == 1
    assert bundle.command("kill", "--all", bundle.id, "KILL").code == 0
    watcher.ended()


def test_paused_container_is_watched_on(bundle):
    """Freezing changes cgroup.events too, and is no end."""
    bundle.hold()
    watcher = Watcher(bundle, "events", "--interval", "20ms", bundle.id)
    watcher.wait_lines(1)
    assert bundle.command("pause", bundle.id).code == 0
    watcher.wait_lines(watcher.text.count("\n") + 2)
    assert bundle.command("resume", bundle.id).code == 0
    bundle.kill("KILL")
    watcher.ended()


def test_reader_that_goes_away_ends_events(bundle):
    """cli/cli.h: a closed pipe is a failure like any other."""
    bundle.hold()
    process = bundle.popen("events", "--interval", "20ms", bundle.id, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True)
    assert parse(process.stdout.readline()).type == "stats"
    process.stdout.close()
    assert process.wait(60) == 1
    assert "write to standard output" in process.stderr.read()
    process.stderr.close()


def test_container_cannot_spoil_its_readings_by_names(bundle):
    """Attacker: a container with a writable cgroup. It calls its sub-cgroups as files are called
    whose controllers are missing; events must neither fail nor believe them."""
    bundle.hold()
    before = stats_of(bundle)
    for name in ("memory.current", "memory.events", "pids.max", "io.stat", "hugetlb.9MB.current"):
        try:
            (cgroup_of(bundle.state().pid) / name).mkdir()
        except FileExistsError:
            pass
    after = stats_of(bundle)
    assert (after.memory.usage.limit, after.pids, set(after.hugetlb), set(after.blkio)) == \
        (before.memory.usage.limit, before.pids, set(before.hugetlb), set(before.blkio))
    watcher = Watcher(bundle, "events", "--interval", "20ms", bundle.id)
    watcher.wait_lines(2)
    bundle.kill("KILL")
    watcher.ended()


# --- stats ----------------------------------------------------------------------------------------

HEADER = ["ID", "CPU %", "MEM USAGE / LIMIT", "MEM %", "PIDS", "BLOCK I/O"]


def table(text):
    return [re.split(r" {3,}", line) for line in text.splitlines()]


def test_table_has_a_row_per_container(bundle):
    """All that have processes: created, running and paused, but not stopped ones."""
    ids = [f"{bundle.id}-{name}" for name in ("created", "running", "stopped")]
    bundle.probe("sleep")
    for id in ids:
        bundle.create(id=id)
    bundle.start(id=ids[1])
    bundle.kill("KILL", id=ids[2])
    bundle.wait_stopped(ids[2])
    result = bundle.command("stats", "--no-stream")
    assert (result.code, result.err) == (0, "")
    rows = table(result.out)
    assert rows[0] == HEADER and [row[0] for row in rows[1:]] == ids[:2]
    assert [row[4] for row in rows[1:]] == ["1", "1"]
    assert all(re.fullmatch(r"\d+\.\d\d%", row[1]) for row in rows[1:])

    named = bundle.command("stats", "--no-stream", ids[1], ids[0])
    assert [row[0] for row in table(named.out)[1:]] == [ids[1], ids[0]]


def test_without_containers_there_is_only_the_header(bundle):
    """D-07."""
    assert table(bundle.command("stats", "--no-stream").out) == [HEADER]
    assert bundle.command("stats", "--no-stream", "--format", "json").out == "[]\n"


def test_json_has_numbers_or_null(bundle):
    """cruntime.1 stats."""
    bundle.probe("spin 60")
    bundle.create_and_start()
    result = bundle.command("stats", "--no-stream", "-f", "json", bundle.id)
    assert (result.code, result.err) == (0, "") and result.out.count("\n") == 1
    row, = result.json
    assert set(row) == {"id", "cpu", "memory", "pids", "block_io"} and row["id"] == bundle.id
    assert row["cpu"]["percent"] > 0 and row["cpu"]["total_ns"] > 0
    assert row["pids"] == {"current": 1, "limit": None}
    assert set(row["memory"]) == {"usage", "limit", "percent"}
    assert set(row["block_io"]) == {"read", "write"}
    assert row["memory"]["limit"] is None and row["memory"]["percent"] is None


def test_stats_in_a_pipe_go_on_until_the_containers_end(bundle):
    """A block per interval; nothing that only a terminal understands."""
    bundle.hold()
    watcher = Watcher(bundle, "stats", "--interval", "20ms", bundle.id)
    watcher.wait_lines(4)
    bundle.kill("KILL")
    watcher.ended()
    rows = table(watcher.text)
    assert all(row == HEADER for row in rows[::2]) and "\033" not in watcher.text
    assert all(row[0] == bundle.id for row in rows[1::2])


def test_stats_on_a_terminal_are_drawn_in_place(bundle):
    """From the upper left corner on a cleared screen, until somebody interrupts."""
    bundle.hold()
    master, slave = pty.openpty()
    process = bundle.popen("stats", "--interval", "20ms", stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    seen = ""
    while seen.count("\033[H\033[2J") < 3:
        seen += os.read(master, 4096).decode()
    process.terminate()
    process.wait(60)
    os.close(master)
    blocks = seen.split("\033[H\033[2J")
    assert blocks[0] == ""
    for block in blocks[1:3]:
        assert [row[0] for row in table(block)] == ["ID", bundle.id]


@pytest.mark.parametrize("words, message", [
    (["--format", "xml"], "expected table or json"), (["--stream"], "unknown option '--stream'"),
], ids=str)
def test_bad_option_of_stats_is_refused(bundle, words, message):
    """D-02."""
    assert message in bundle.one_line(bundle.command("stats", *words))


# --- with controllers -----------------------------------------------------------------------------

@requires("memory", "pids")
def test_limits_and_usage_of_memory_and_processes(bundle):
    """cli-reference 8.5."""
    bundle.resources["memory"] = {"limit": 64 << 20}
    bundle.resources["pids"] = {"limit": 20}
    bundle.probe("spawn 2", "eat 8", "sleep")
    bundle.create_and_start()
    wait_until(lambda: "eaten" in bundle.output(), "the memory")
    data = stats_of(bundle)
    assert data.pids == {"current": 3, "limit": 20}
    memory = data.memory
    assert memory.usage.limit == 64 << 20 and 8 << 20 <= memory.usage.usage <= 64 << 20
    assert memory.usage.get("max", 64 << 20) >= memory.usage.usage and memory.usage.failcnt == 0
    assert memory.swap.usage >= memory.usage.usage
    assert memory.raw.anon >= 8 << 20 and memory.get("cache", 0) == memory.raw.file
    assert {"anon", "file", "slab", "pgfault", "inactive_file"} <= set(memory.raw)

    result = bundle.command("stats", "--no-stream", "--format=json")
    row, = result.json
    assert row.memory.limit == 64 << 20 and 12 < row.memory.percent < 100
    assert row.pids == {"current": 3, "limit": 20}
    line = table(bundle.command("stats", "--no-stream").out)[1]
    assert re.fullmatch(r"\d+\.\dMiB / 64\.0MiB", line[2]) and line[4] == "3"


@requires("memory", "pids")
def test_process_killed_for_memory_is_told(bundle):
    """C-MEM-15: the container goes on, and so do the readings."""
    bundle.resources["memory"] = {"limit": 16 << 20, "swap": 16 << 20}
    bundle.hold()
    watcher = Watcher(bundle, "events", "--interval", "5h", bundle.id)
    watcher.wait_watching()
    for n in (1, 2):
        assert bundle.exec("/probe", "eat", "100").code == 137
        watcher.wait_lines(n)
    bundle.kill("KILL")
    watcher.ended()
    assert watcher.text == f'{{"type":"oom","id":"{bundle.id}"}}\n' * 2


@requires("memory", "pids")
def test_container_killed_for_memory_is_told_before_the_end(bundle):
    """C-MEM-15: watched from before its start."""
    bundle.resources["memory"] = {"limit": 16 << 20, "swap": 16 << 20}
    bundle.probe("eat 100")
    bundle.create()
    watcher = Watcher(bundle, "events", "--interval", "5h", bundle.id)
    watcher.wait_watching()
    bundle.start()
    watcher.ended()
    assert watcher.text == f'{{"type":"oom","id":"{bundle.id}"}}\n'


@requires("memory", "pids")
def test_earlier_kills_are_not_told(bundle):
    """C-MEM-15: a rise of the counter is an event, its value is not."""
    bundle.resources["memory"] = {"limit": 16 << 20, "swap": 16 << 20}
    bundle.hold()
    assert bundle.exec("/probe", "eat", "100").code == 137
    watcher = Watcher(bundle, "events", "--interval", "20ms", bundle.id)
    watcher.wait_lines(2)
    bundle.kill("KILL")
    watcher.ended()
    assert {line.type for line in watcher.lines} == {"stats"}


@requires("io")
def test_disk_traffic_is_counted_per_device(bundle):
    """cli-reference 8.5: 98:0 is the disk of the guest."""
    bundle.linux["devices"] = [{"path": "/dev/disk", "type": "b", "major": 98, "minor": 0}]
    bundle.resources["devices"] += [{"allow": True, "type": "b", "major": 98, "minor": 0,
                                     "access": "rwm"}]
    bundle.resources["blockIO"] = {
        "throttleReadBpsDevice": [{"major": 98, "minor": 0, "rate": 1 << 30}]}
    bundle.all_caps()
    bundle.shell("dd if=/dev/zero of=/dev/disk bs=64k count=4 oflag=direct 2>/dev/null; echo done; "
                 "sleep 1000")
    bundle.create_and_start()
    wait_until(lambda: "done" in bundle.output(), "the end of dd")
    blkio = stats_of(bundle).blkio
    written = [e for e in blkio.ioServiceBytesRecursive if e.op == "Write"]
    assert [(e.major, e.get("minor", 0)) for e in written] == [(98, 0)]
    assert written[0].value >= 4 << 16
    assert {e.op for e in blkio.ioServicedRecursive} == {"Read", "Write", "Discard"}
    row, = bundle.command("stats", "--no-stream", "--format", "json").json
    assert row.block_io.write == written[0].value


@requires("cpu")
def test_throttling_is_counted(bundle):
    """cli-reference 8.5."""
    bundle.resources["cpu"] = {"quota": 5000, "period": 50000}
    bundle.probe("spin 60")
    bundle.create_and_start()
    wait_until(lambda: stats_of(bundle).cpu.throttling.get("throttledPeriods", 0) > 0,
               "a throttled period")
    throttling = stats_of(bundle).cpu.throttling
    assert throttling.periods >= throttling.throttledPeriods and throttling.throttledTime > 0
