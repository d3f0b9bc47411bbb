# SPDX-License-Identifier: Apache-2.0
"""The systemd cgroup driver with a real systemd as process 1 (D-10), in the guest uml-systemd.

What a scope is, systemd is asked with `systemctl show`; what is in force, the kernel's files say.
"""

import os
import pathlib
import shutil
import subprocess

import pytest

import harness
from harness import CGROUP, cgroup_of, parse, run_command, wait_until
from marks import requires
from test_engines import JOINS, RECORDED, check_report, recorded, run  # noqa: F401 (a fixture)

pytestmark = requires("systemd")

MIB = 1 << 20
LIMITS = {"memory": {"limit": 100 * MIB, "swap": 150 * MIB, "reservation": 10 * MIB},
          "cpu": {"shares": 512, "quota": 50000, "period": 200000},
          "pids": {"limit": 20}}
PROPERTIES = {"MemoryMax": str(100 * MIB), "MemorySwapMax": str(50 * MIB),
              "MemoryLow": str(10 * MIB), "CPUWeight": "59", "CPUQuotaPerSecUSec": "250ms",
              "CPUQuotaPeriodUSec": "200ms", "TasksMax": "20"}
FILES = {"memory.max": str(100 * MIB), "memory.swap.max": str(50 * MIB),
         "memory.low": str(10 * MIB), "cpu.weight": "59", "cpu.max": "50000 200000",
         "pids.max": "20"}


def systemctl(*words):
    result = run_command(["systemctl", "--no-pager", *words])
    assert result.code == 0, result
    return result.out


def show(unit, *names):
    """Properties of a unit; with one name its value."""
    found = dict(line.split("=", 1) for line in
                 systemctl("show", unit, "-p", ",".join(names)).splitlines())
    return found[names[0]] if len(names) == 1 else found


def is_known(unit):
    return show(unit, "LoadState") != "not-found"


def files(group):
    return {name: (group / name).read_text().strip() for name in FILES}


@pytest.fixture(scope="session", autouse=True)
def bus():
    """dbus-daemon is started by the first who asks; from then on it is there."""
    if shutil.which("busctl") and os.path.exists("/run/dbus/system_bus_socket"):
        subprocess.run(["busctl", "list"], stdout=subprocess.DEVNULL, check=True)


@pytest.fixture(autouse=True)
def slices(world):
    """Slices stay when they are empty: they belong to the engine. Ours begin with "tests"."""
    yield
    for line in systemctl("list-units", "--plain", "--no-legend", "--type=slice").splitlines():
        name = line.split()[0]
        if name.startswith(("tests", "docker", "kubepods", "machine")):
            subprocess.run(["systemctl", "stop", name], check=True)


@pytest.fixture
def scope(slices, bundle):
    """A bundle whose container is tests-a.slice/sd-ID.scope; only create and run say --systemd-cgroup."""
    bundle.linux["cgroupsPath"] = f"tests-a.slice:sd:{bundle.id}"
    bundle.unit = f"sd-{bundle.id}.scope"
    bundle.driver = ["--systemd-cgroup"]
    create, run = bundle.create, bundle.run

    def with_driver(verb):
        def call(*words, **more):
            bundle.globals = bundle.driver
            try:
                return verb(*words, **more)
            finally:
                bundle.globals = []
        return call

    bundle.create, bundle.run = with_driver(create), with_driver(run)
    bundle.group = CGROUP / "tests.slice/tests-a.slice" / bundle.unit
    yield bundle
    if bundle.exists():
        bundle.delete("--force")
    assert not is_known(bundle.unit) and not bundle.group.exists()


# --- what is made ---------------------------------------------------------------------------------

def test_scope_is_what_the_config_asks_for(scope):
    """engine-contracts 11: slice, name, delegation, and limits in both, the unit and the files."""
    scope.resources.update(LIMITS)
    scope.hold()
    assert show(scope.unit, *PROPERTIES) == PROPERTIES
    assert show(scope.unit, "Slice", "Delegate", "DefaultDependencies", "ActiveState",
                "ControlGroup") == {
        "Slice": "tests-a.slice", "Delegate": "yes", "DefaultDependencies": "no",
        "ActiveState": "active", "ControlGroup": f"/tests.slice/tests-a.slice/{scope.unit}"}
    assert files(scope.group) == FILES
    for controller in ("Memory", "CPU", "IO", "Tasks"):
        assert show(scope.unit, f"{controller}Accounting") == "yes"


def test_process_is_born_in_the_scope(scope):
    """C-CGP-07: it is the only one there, and its cgroup namespace begins there."""
    scope.probe("read /proc/self/cgroup")
    scope.create()
    assert (scope.group / "cgroup.procs").read_text().split() == [str(scope.state().pid)]
    assert scope.finish()[0].text.strip() == "0::/"


def test_without_limits_there_are_none(scope):
    """C-CGP-11: what the config does not name is systemd's default."""
    scope.hold()
    assert show(scope.unit, "MemoryMax", "CPUQuotaPerSecUSec", "CPUWeight") == {
        "MemoryMax": "infinity", "CPUQuotaPerSecUSec": "infinity", "CPUWeight": "[not set]"}
    assert show(scope.unit, "TasksMax") == systemctl("show", "-p", "DefaultTasksMax",
                                                     "--value").strip()


@pytest.mark.parametrize("limit", [0, 1])
def test_limit_of_no_further_process(scope, limit):
    """C-PIDS-02, C-PIDS-05, X-09: the placeholder takes no place in it."""
    scope.resources["pids"] = {"limit": limit}
    scope.hold()
    assert (scope.group / "pids.max").read_text() == f"{limit}\n"
    assert show(scope.unit, "TasksMax") == "1"


def test_name_that_looks_like_a_file_of_a_cgroup(scope):
    """systemd puts a '_' before the name of the directory."""
    scope.unit = f"cgroup.{scope.id}.scope"
    scope.linux["cgroupsPath"] = f"tests-a.slice::cgroup.{scope.id}"
    scope.hold()
    assert cgroup_of(scope.state().pid) == CGROUP / f"tests.slice/tests-a.slice/_{scope.unit}"
    assert show(scope.unit, "ActiveState") == "active"


def test_limits_of_disks_are_properties_too(scope):
    """C-IO-04: by the number of the device; the guest has one disk."""
    rule = {"major": 98, "minor": 0, "rate": 1 << 20}
    scope.resources["blockIO"] = {"throttleReadBpsDevice": [rule], "throttleWriteIOPSDevice": [rule]}
    scope.hold()
    assert show(scope.unit, "IOReadBandwidthMax", "IOWriteIOPSMax") == {
        "IOReadBandwidthMax": "/dev/block/98:0 1048576", "IOWriteIOPSMax": "/dev/block/98:0 1048576"}
    expected = "98:0 rbps=1048576 wbps=max riops=max wiops=1048576\n"
    assert (scope.group / "io.max").read_text() == expected
    systemctl("daemon-reload")
    assert (scope.group / "io.max").read_text() == expected


def test_default_is_the_name_of_the_container(scope):
    """cli-reference 10: no cgroupsPath."""
    del scope.linux["cgroupsPath"]
    scope.unit = f"cruntime-{scope.id}.scope"
    scope.hold()
    assert cgroup_of(scope.state().pid) == CGROUP / "system.slice" / scope.unit


def test_cgroup_manager_is_the_same_option(scope):
    """cli-reference 2: crun's spelling."""
    scope.driver = ["--cgroup-manager", "systemd"]
    scope.hold()
    assert show(scope.unit, "ActiveState") == "active"


def test_private_socket_of_systemd_is_enough(scope):
    """D-10: a host without dbus-daemon."""
    scope.resources.update(LIMITS)
    scope.probe("sleep")
    address = "unix:path=/run/systemd/private"
    scope.create(env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": address})
    assert show(scope.unit, *PROPERTIES) == PROPERTIES
    assert scope.command("update", "--memory", 120 * MIB, scope.id).code == 0
    assert show(scope.unit, "MemoryMax") == str(120 * MIB)
    scope.delete("--force")
    assert not is_known(scope.unit)


# --- annotations ----------------------------------------------------------------------------------

def test_harmless_annotations_become_properties(scope):
    """D-10: podman's two (engine-contracts 7), and CollectMode."""
    scope.config["annotations"] = {"org.systemd.property.KillSignal": "15",
                                   "org.systemd.property.TimeoutStopUSec": "uint64 10000000",
                                   "org.systemd.property.CollectMode": "'inactive'"}
    scope.hold()
    assert show(scope.unit, "KillSignal", "TimeoutStopUSec", "CollectMode") == {
        "KillSignal": "15", "TimeoutStopUSec": "10s", "CollectMode": "inactive"}


# --- what systemd does by itself ------------------------------------------------------------------

def test_daemon_reload_changes_nothing(scope):
    """engine-contracts 10: neither limits nor the device program; nor does setting a property."""
    scope.resources.update(LIMITS)
    scope.resources["devices"] = [{"allow": False, "access": "rwm"},
                                  {"allow": True, "type": "c", "major": 10, "minor": 200,
                                   "access": "r"}]
    scope.linux["devices"] = [
        {"path": "/tmp/full", "type": "c", "major": 1, "minor": 8},
        {"path": "/tmp/kmsg", "type": "c", "major": 1, "minor": 11}]
    scope.all_caps()
    scope.hold()
    script = "for d in /dev/null /tmp/full /tmp/kmsg; do (: <$d) 2>/dev/null && echo $d; done"
    before = scope.exec("/bin/sh", "-c", script).out
    assert "/dev/null" in before and "/tmp/kmsg" not in before
    systemctl("daemon-reload")
    assert files(scope.group) == FILES
    assert scope.exec("/bin/sh", "-c", script).out == before
    systemctl("set-property", "--runtime", scope.unit, "CPUWeight=200")
    wait_until(lambda: files(scope.group)["cpu.weight"] == "200", "the property to be applied")
    assert files(scope.group) == {**FILES, "cpu.weight": "200"}
    systemctl("daemon-reexec")
    wait_until(lambda: run_command(["systemctl", "is-active", scope.unit]).code == 0, "systemd")
    assert files(scope.group) == {**FILES, "cpu.weight": "200"}
    assert scope.exec("/bin/sh", "-c", script).out == before
    assert cgroup_of(scope.state().pid) == scope.group


def test_stop_by_systemd_ends_the_container(scope):
    """A unit like any other: `systemctl stop` works, and the container is stopped."""
    scope.config["annotations"] = {"org.systemd.property.TimeoutStopUSec": "uint64 100000"}
    scope.hold()
    systemctl("stop", scope.unit)
    assert scope.status() == "stopped"
    scope.delete()


# --- later commands -------------------------------------------------------------------------------

def test_later_commands_know_the_driver(scope):
    """D-10: without --systemd-cgroup, and in an environment without addresses."""
    scope.hold()
    assert cgroup_of(scope.exec_detached("/probe", "sleep")) == scope.group
    assert len(parse(scope.command("ps", "--format", "json", scope.id).out)) == 2
    assert scope.command("pause", scope.id).code == 0 and scope.status() == "paused"
    assert scope.command("resume", scope.id).code == 0 and scope.status() == "running"
    scope.command("kill", "--all", scope.id, "KILL")
    scope.wait_stopped()
    scope.delete()


def test_update_changes_unit_and_files(scope):
    """engine-contracts 10: podman's update comes without the option."""
    scope.resources.update(LIMITS)
    scope.hold()
    assert scope.command("update", "--memory", 120 * MIB, "--memory-swap", 180 * MIB, "--cpu-share",
                         "2048", "--pids-limit", "33", scope.id).code == 0
    changed = {"memory.max": str(120 * MIB), "memory.swap.max": str(60 * MIB),
               "cpu.weight": "174", "pids.max": "33"}
    assert files(scope.group) == {**FILES, **changed}
    asked = {"MemoryMax": str(120 * MIB), "MemorySwapMax": str(60 * MIB), "CPUWeight": "174",
             "TasksMax": "33"}
    assert show(scope.unit, *PROPERTIES) == {**PROPERTIES, **asked}
    systemctl("daemon-reload")
    assert files(scope.group) == {**FILES, **changed}


def test_update_keeps_what_systemd_cannot_say(scope):
    """A quota of one and a half percent is two for systemd, which writes it with every change of
    the processor's settings; ours comes after."""
    scope.resources["cpu"] = {"quota": 1500, "period": 100000}
    scope.hold()
    assert (scope.group / "cpu.max").read_text() == "1500 100000\n"
    assert scope.command("update", "--cpu-share", "512", scope.id).code == 0
    assert files(scope.group)["cpu.weight"] == "59"
    assert (scope.group / "cpu.max").read_text() == "1500 100000\n"
    assert show(scope.unit, "CPUQuotaPerSecUSec", "CPUWeight") == {
        "CPUQuotaPerSecUSec": "20ms", "CPUWeight": "59"}


def test_idle_comes_and_goes(scope):
    """C-CPU-13: an idle unit has the weight 0, and gets its weight back."""
    scope.resources["cpu"] = {"shares": 512}
    scope.hold()
    if not (scope.group / "cpu.idle").exists():
        pytest.skip("kernel without cpu.idle")
    assert scope.command("update", "--cpu-idle", "1", scope.id).code == 0
    assert (scope.group / "cpu.idle").read_text() == "1\n"
    systemctl("daemon-reload")
    assert (scope.group / "cpu.idle").read_text() == "1\n"
    assert scope.command("update", "--cpu-idle", "0", "--cpu-share", "512", scope.id).code == 0
    systemctl("daemon-reload")
    assert (scope.group / "cpu.idle").read_text() == "0\n"
    assert (scope.group / "cpu.weight").read_text() == "59\n"


def test_refused_update_changes_nothing(scope):
    """A unit that was stopped meanwhile cannot be told: the files stay."""
    scope.resources.update(LIMITS)
    scope.hold()
    state = scope.root / scope.id / "state.json"
    text = state.read_text()
    state.write_text(text.replace(f'"unit":"{scope.unit}"', '"unit":"no-such.scope"'))
    line = scope.one_line(scope.command("update", "--memory", 120 * MIB, scope.id))
    assert "change unit 'no-such.scope': systemd refuses: " in line
    assert "put back" in line
    assert files(scope.group) == FILES
    state.write_text(text)


# --- the end --------------------------------------------------------------------------------------

def test_nothing_is_left_after_run(scope):
    """The unit is forgotten when `run` returns, and the same name can be used at once."""
    for _ in range(3):
        assert scope.run_shell("echo here") == "here"
        assert not is_known(scope.unit) and not scope.group.exists()


def test_delete_of_a_created_container_stops_its_unit(scope):
    """D-15"""
    scope.hold()
    scope.delete("--force")
    assert not is_known(scope.unit) and not scope.group.exists()
    scope.delete("--force")


def test_container_that_ended_by_itself(scope):
    """systemd has removed the cgroup; state and delete work."""
    scope.shell("exit 3")
    scope.create_and_start()
    scope.wait_stopped()
    wait_until(lambda: not is_known(scope.unit), "systemd to forget the unit")
    assert scope.one_line(scope.command("update", "--memory", 120 * MIB, scope.id))
    scope.delete()


def test_container_without_memory_is_forgotten_too(scope):
    """A scope that has failed stays known by default (CollectMode)."""
    scope.resources["memory"] = {"limit": 20 * MIB, "swap": 20 * MIB}
    scope.shell("tail /dev/zero")
    assert scope.run().code == 137
    assert not is_known(scope.unit)


def test_nested_cgroups_go_with_the_unit(scope):
    """C-CGP-16: a container that makes cgroups, as a systemd in it does."""
    mount = next(m for m in scope.config["mounts"] if m["destination"] == "/sys/fs/cgroup")
    mount["options"].remove("ro")
    scope.shell("mkdir -p /sys/fs/cgroup/a/b && echo 0 >/sys/fs/cgroup/a/b/cgroup.procs && sleep 99")
    scope.create_and_start()
    wait_until((scope.group / "a/b").exists, "nested cgroups")
    scope.delete("--force")
    assert not scope.group.exists()


@pytest.mark.parametrize("what", ["program", "hook", "device"])
def test_failed_create_leaves_nothing(scope, what):
    """I-25: it fails when the unit is there already."""
    if what == "program":
        scope.args("/no/such/program")
    elif what == "hook":
        scope.hook("createRuntime", f"systemctl is-active {scope.unit} >$OUT; exit 1")
    else:
        scope.resources["unified"] = {"memory.max": "nonsense"}
    line = scope.refused()
    assert line and not is_known(scope.unit) and not scope.group.exists()


def test_killed_create_is_finished_by_delete(scope):
    """S-79, I-24: SIGKILL while the unit exists."""
    scope.hook("createRuntime", f"systemctl is-active {scope.unit} >$OUT; kill -9 $PPID; sleep 1")
    assert scope.create(check=False).code == -9
    assert (scope.dir / "createRuntime.0.out").read_text() == "active\n"
    scope.delete("--force")
    assert not scope.exists() and not is_known(scope.unit) and not scope.group.exists()


def test_create_that_is_killed_around_the_start_of_the_unit(scope):
    """S-79, I-24: at each call that could make or use it; afterwards the id can be used again."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    scope.probe("exit 0")
    scope.write_config()
    words = [harness.CRUNTIME, "--root", scope.root, "--systemd-cgroup", "create", "-b", scope.dir,
             scope.id]
    # The placeholder and the process; AddMatch and StartTransientUnit; its reply and its signal.
    for call, when in (("clone3", 1), ("clone3", 2), ("sendto", 3), ("sendto", 4),
                       ("recvfrom", 2), ("recvfrom", 3)):
        subprocess.run(["strace", "-o", "/dev/null", "-e",
                        f"inject={call}:signal=SIGKILL:when={when}", *words], check=False,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        scope.delete("--force")
        assert not scope.exists(), (call, when)
        wait_until(lambda: not is_known(scope.unit), "the unit to be gone")
    scope.create()


# --- names that are taken -------------------------------------------------------------------------

def test_unit_of_somebody_else_is_left_alone(scope):
    """R-LIFE-21, R-LIFE-26: the name is taken: create fails, and nothing stops the other one."""
    other = subprocess.Popen(["systemd-run", "-q", "--scope", f"--unit={scope.unit}", "sleep", "99"])
    wait_until(lambda: show(scope.unit, "ActiveState") == "active", "the other unit")
    line = scope.refused()
    assert f"start unit '{scope.unit}': there is such a unit already" in line
    assert show(scope.unit, "ActiveState") == "active"
    systemctl("stop", scope.unit)
    other.wait()


def test_delete_stops_no_unit_of_somebody_else(scope):
    """R-LIFE-21: the container has ended, and another unit has its name now."""
    scope.shell("exit 0")
    scope.create_and_start()
    scope.wait_stopped()
    wait_until(lambda: not is_known(scope.unit), "systemd to forget the unit")
    other = subprocess.Popen(["systemd-run", "-q", "--scope", f"--unit={scope.unit}", "sleep", "99"])
    wait_until(lambda: show(scope.unit, "ActiveState") == "active", "the other unit")
    scope.delete()
    assert show(scope.unit, "ActiveState") == "active"
    systemctl("stop", scope.unit)
    other.wait()


def test_failed_unit_gives_its_name_away(scope):
    """A scope that ended badly and is remembered for that."""
    done = run_command(["systemd-run", "-q", "--scope", f"--unit={scope.unit}",
                        "-p", "RuntimeMaxSec=1", "sleep", "99"])
    assert done.code != 0
    wait_until(lambda: show(scope.unit, "ActiveState") == "failed", "a failed unit")
    assert scope.run_shell("echo here") == "here"


def test_frozen_slice_is_refused(scope):
    """R-LIFE-26: a process that is born in a frozen cgroup would never answer."""
    scope.hold()
    scope.delete("--force")
    if run_command(["systemctl", "freeze", "tests-a.slice"]).code != 0:
        (CGROUP / "tests.slice/tests-a.slice/cgroup.freeze").write_text("1")
    try:
        line = scope.refused()
        assert "is frozen" in line
    finally:
        (CGROUP / "tests.slice/tests-a.slice/cgroup.freeze").write_text("0")


# --- recorded configs -----------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["docker-systemd-cgroup", "k8s-container-systemd-cgroup",
                                  "podman-systemd-mode"])
def test_recorded_config_runs_under_systemd(slices, recorded, name):  # noqa: F811
    """D-09: what engines send with --systemd-cgroup, with all that it asks for."""
    bundle = recorded(next(p for p in RECORDED if p.stem == name))
    bundle.globals = ["--systemd-cgroup"]
    slice_, prefix, last = bundle.linux["cgroupsPath"].split(":")
    asked = bundle.dir / "asked"
    bundle.hook("createRuntime", f"systemctl show {prefix}-{last}.scope -p Slice,MemoryMax,TasksMax,"
                f"KillSignal >{asked}")
    code, out, err = run(bundle)
    if "raise the hard limit" in err:
        pytest.skip("a limit above our own")
    assert code == 0, err
    check_report(bundle, out, JOINS.get(name, []))
    found = dict(line.split("=") for line in asked.read_text().splitlines())
    assert found["Slice"] == slice_
    memory = bundle.linux["resources"].get("memory", {}).get("limit")
    assert found["MemoryMax"] == str(memory or "infinity")
    if name == "podman-systemd-mode":
        assert found["TasksMax"] == "2048" and found["KillSignal"] == "37"
    assert not is_known(f"{prefix}-{last}.scope")


# --- a user's own systemd -------------------------------------------------------------------------

USER = 1000
RUNTIME_DIR = f"/run/user/{USER}"


become_user = harness.become(USER)


@pytest.fixture
def user_manager(world):
    """`systemd --user` as a login would start it, with the controllers that it is given there."""
    unit = pathlib.Path("/run/systemd/system/tests-user.service")
    unit.write_text(f"""[Service]
Type=notify
User={USER}
Group={USER}
Slice=user.slice
Delegate=pids memory
Environment=XDG_RUNTIME_DIR={RUNTIME_DIR} SYSTEMD_LOG_TARGET=console
ExecStart=/usr/lib/systemd/systemd --user --unit=default.target
KillMode=mixed
TimeoutStopSec=5
[Unit]
DefaultDependencies=no
""")
    os.makedirs(RUNTIME_DIR, exist_ok=True)
    os.chown(RUNTIME_DIR, USER, USER)
    os.makedirs(f"{RUNTIME_DIR}/systemd/user", exist_ok=True)
    pathlib.Path(f"{RUNTIME_DIR}/systemd/user/default.target").write_text("[Unit]\n")
    subprocess.run(["chown", "-R", f"{USER}:{USER}", RUNTIME_DIR], check=True)
    systemctl("daemon-reload")
    systemctl("start", "tests-user.service")
    yield {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": RUNTIME_DIR}
    systemctl("stop", "tests-user.service")
    unit.unlink()
    systemctl("daemon-reload")
    subprocess.run(["systemctl", "stop", "user.slice"], check=True)
    shutil.rmtree(RUNTIME_DIR)


@pytest.mark.parametrize("caller", ["unit of the user", "elsewhere", "user namespace"])
def test_rootless_container_in_a_users_systemd(user_manager, bundle, caller):
    """engine-contracts 7: user.slice of the user's own manager, with limits. A caller who is in
    no unit of it (a login session) may not make a process there, but systemd may move one. podman
    calls as root of a user namespace that is not the initial one."""
    subprocess.run(["chown", "-R", f"{USER}:{USER}", bundle.dir], check=True)
    for directory in (bundle.dir, *bundle.dir.parents):
        if directory.stat().st_mode & 0o1 == 0:
            directory.chmod(directory.stat().st_mode | 0o711)
    options = {"env": user_manager, "preexec_fn": become_user}
    assert harness.cruntime("spec", "--rootless", "-b", bundle.dir, **options).code == 0
    bundle.config = parse((bundle.dir / "config.json").read_text())
    bundle.process["terminal"] = False
    bundle.linux["resources"] = {"memory": {"limit": 50 * MIB}, "pids": {"limit": 20}}
    bundle.probe("sleep")
    for name in ("out", "err"):
        (bundle.dir / name).touch()
    bundle.linux["resources"]["cpu"] = {"quota": 50000}
    bundle.write_config()
    line = bundle.one_line(bundle.command("--systemd-cgroup", "create", "-b", bundle.dir, bundle.id,
                                          **options))
    assert "the cpu controller is not delegated" in line and not bundle.exists()
    del bundle.linux["resources"]["cpu"]
    bundle.write_config()
    words = [harness.CRUNTIME, "--root", bundle.root, "--systemd-cgroup", "create", "-b", bundle.dir,
             bundle.id]
    prefix = {"unit of the user": ["systemd-run", "--user", "--scope", "-q"],
              "user namespace": ["unshare", "-r"]}.get(caller, [])
    if caller == "user namespace":
        for mapping in bundle.linux["uidMappings"] + bundle.linux["gidMappings"]:
            mapping["hostID"] = 0
        bundle.write_config()
    with open(bundle.dir / "out", "a") as out, open(bundle.dir / "err", "a") as err:
        code = subprocess.run([*prefix, *map(str, words)], stdin=subprocess.DEVNULL, stdout=out,
                              stderr=err, check=False, **options).returncode
    assert code == 0, (bundle.dir / "err").read_text()
    unit = f"cruntime-{bundle.id}.scope"

    def show_user(*names):
        done = run_command(["systemctl", "--user", "show", unit, "-p", ",".join(names)], **options)
        return dict(line.split("=", 1) for line in done.out.splitlines())

    assert show_user("Slice", "MemoryMax", "TasksMax", "ActiveState") == {
        "Slice": "user.slice", "MemoryMax": str(50 * MIB), "TasksMax": "20",
        "ActiveState": "active"}
    pid = parse(bundle.command("state", bundle.id, **options).out).pid
    group = cgroup_of(pid)
    assert group.name == unit and "tests-user.service" in str(group)
    assert (group / "memory.max").read_text() == f"{50 * MIB}\n"
    bare = {"env": {"PATH": os.environ["PATH"]}, "preexec_fn": become_user}
    assert bundle.command("start", bundle.id, **bare).code == 0
    paths = bundle.exec_probe("read /proc/self/cgroup", "read /proc/1/cgroup", **bare)
    assert [p.text.strip() for p in paths] == ["0::/", "0::/"]
    assert (group / "cgroup.procs").read_text().split() == [str(pid)]
    assert bundle.command("update", "--memory", 60 * MIB, bundle.id, **bare).code == 0
    assert show_user("MemoryMax")["MemoryMax"] == str(60 * MIB)
    assert bundle.command("delete", "--force", bundle.id, **bare).code == 0
    assert show_user("LoadState")["LoadState"] == "not-found" and not group.exists()
