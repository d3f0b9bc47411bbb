# SPDX-License-Identifier: Apache-2.0
"""The systemd cgroup driver where the bus or systemd does not do what it should (D-10). A stand-in
plays both; what the real ones do is in test_systemd.py."""

import os
import socket
import time

import pytest

import standin
from harness import CGROUP, cgroup_of, cruntime, parse
from standin import MANAGER, OBJECT, SIGNAL, Bus

NO_UNIT = "org.freedesktop.systemd1.NoSuchUnit"
EXISTS = "org.freedesktop.systemd1.UnitExists"


@pytest.fixture
def make_bus(world, tmp_path, monkeypatch):
    """Makes the bus that commands find: make_bus(StartTransientUnit=function)."""
    made = []

    def make(**options):
        made.append(Bus(tmp_path / f"bus.{len(made)}", **options))
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", made[-1].address)
        return made[-1]

    yield make
    for bus in made:
        bus.close()
    standin.remove_slice()


@pytest.fixture
def scope(make_bus, bundle):
    """A bundle for tests.slice; it has to be clean again by the runtime's own doing."""
    bundle.linux["cgroupsPath"] = f"tests.slice:sd:{bundle.id}"
    bundle.unit = f"sd-{bundle.id}.scope"
    bundle.group = CGROUP / "tests.slice" / bundle.unit
    bundle.globals = ["--systemd-cgroup"]
    bundle.probe("sleep")
    yield bundle
    if bundle.exists():
        bundle.delete("--force")
    assert not bundle.group.exists()


# --- the way it should be -------------------------------------------------------------------------

def test_container_is_in_the_cgroup_that_systemd_made(make_bus, scope):
    """D-10: started, changed, stopped, by the calls that are needed and no others."""
    bus = make_bus()
    scope.hold()
    assert cgroup_of(scope.state().pid) == scope.group
    assert bus.calls == ["Hello", "AddMatch", "StartTransientUnit"]
    assert bus.units == {scope.unit: f"cruntime container {scope.id}, created {created(scope)}"}
    del os.environ["DBUS_SYSTEM_BUS_ADDRESS"]  # later commands know where
    scope.globals = []
    bus.calls.clear()
    scope.delete("--force")
    assert bus.calls == ["Hello", "AddMatch", "Get", "StopUnit", "ResetFailedUnit"]
    assert not bus.units


def created(bundle):
    return parse((bundle.root / bundle.id / "state.json").read_text()).created


def test_commands_of_a_running_container_ask_nobody(make_bus, scope):
    """performance-design 6: state, exec, kill, pause work on the cgroup alone."""
    bus = make_bus()
    scope.hold()
    bus.calls.clear()
    assert scope.exec("/probe", "exit", "3").code == 3
    assert scope.command("pause", scope.id).code == 0
    assert scope.command("resume", scope.id).code == 0
    scope.kill("KILL")
    scope.wait_stopped()
    assert scope.command("update", "--resources", "/dev/null", scope.id).code == 1
    assert not bus.calls


# --- no bus ---------------------------------------------------------------------------------------

def refused(scope):
    """One line, and nothing was made."""
    line = scope.refused()
    assert not scope.group.exists()
    return line


def test_absent_bus_is_named(scope, monkeypatch):
    """D-10"""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/bus")
    assert "systemd cgroup driver: open the bus '/nowhere/bus'" in refused(scope)
    monkeypatch.delenv("DBUS_SYSTEM_BUS_ADDRESS")
    assert "'/run/dbus/system_bus_socket'" in refused(scope)


def test_bus_that_nobody_listens_at(scope, tmp_path, monkeypatch):
    """D-10: a socket file that was left behind."""
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "dead"))
    dead.close()
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/dead")
    assert "connection refused" in refused(scope)


@pytest.mark.parametrize("address", ["tcp:host=localhost,port=1", "unix:tmpdir=/tmp", "nonsense"])
def test_address_that_is_none_of_ours(scope, monkeypatch, address):
    """D-10"""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
    assert f"the bus address '{address}' is not of the form" in refused(scope)


def test_user_without_a_session(scope, monkeypatch):
    """D-10: says what is missing, not that a file is."""
    def become_user():
        os.setgroups([])
        os.setresgid(1000, 1000, 1000)
        os.setresuid(1000, 1000, 1000)

    monkeypatch.delenv("DBUS_SYSTEM_BUS_ADDRESS", raising=False)
    scope.write_config()
    scope.give_rootfs_to(0)
    root = scope.dir / "rootless"
    root.mkdir()
    os.chown(root, 1000, 1000)
    result = cruntime("--root", root, "--systemd-cgroup", "create", "-b", scope.dir, "web",
                      preexec_fn=become_user)
    assert result.code == 1
    assert "set XDG_RUNTIME_DIR or DBUS_SESSION_BUS_ADDRESS" in result.err, result
    root.rmdir()


def test_silent_bus_is_given_up(make_bus, scope):
    """D-10: a deadline; nothing was made before."""
    make_bus(login=b"")
    before = time.monotonic()
    line = refused(scope)
    assert "systemd cgroup driver: the bus does not answer" in line
    assert 9 < time.monotonic() - before < 30


@pytest.mark.parametrize("login, text", [
    (b"REJECTED EXTERNAL\r\n", "the bus refuses the login: 'REJECTED EXTERNAL'"),
    (b"x" * 4096, "nonsense"), (b"\xff\xfe\r\n", "the bus refuses the login")])
def test_bus_that_refuses_the_login(make_bus, scope, login, text):
    """D-10"""
    make_bus(login=login)
    assert text in refused(scope)


# --- systemd says no ------------------------------------------------------------------------------

def test_error_of_systemd_is_shown(make_bus, scope):
    """D-10: one line with what systemd said."""
    make_bus(StartTransientUnit=lambda bus, client, serial, _: bus.fail(
        client, serial, "org.freedesktop.DBus.Error.AccessDenied", "Permission\nrefused"))
    line = refused(scope)
    assert f"start unit '{scope.unit}': systemd refuses: Permission?refused" in line


def test_unit_that_exists_is_not_touched(make_bus, scope):
    """R-LIFE-21: it may have failed and be forgotten; if it lives, it is somebody else's."""
    def exists(bus, client, serial, _):
        bus.fail(client, serial, EXISTS, "Unit was already loaded")

    bus = make_bus(StartTransientUnit=exists)
    bus.units[scope.unit] = "somebody's unit"
    assert "there is such a unit already" in refused(scope)
    assert bus.calls.count("StartTransientUnit") == 2 and "StopUnit" not in bus.calls
    assert scope.unit in bus.units


def test_job_that_fails_is_an_error_and_leaves_nothing(make_bus, scope):
    """I-25: the unit is stopped again."""
    def fails(bus, client, serial, data):
        job, unit = bus.new_job(), bus.make(data)
        bus.reply(client, serial, "o", [job])
        bus.removed(client, job, unit, "failed")

    bus = make_bus(StartTransientUnit=fails)
    line = scope.refused()
    assert "systemd's job ended with the result 'failed'" in line
    assert "StopUnit" in bus.calls and not bus.units
    scope.group.rmdir()  # a real one removes it with the unit


def test_signal_before_the_reply_counts(make_bus, scope):
    """The order is not promised."""
    def early(bus, client, serial, data):
        job, unit = bus.new_job(), bus.make(data)
        bus.removed(client, job, unit)
        bus.reply(client, serial, "o", [job])

    make_bus(StartTransientUnit=early)
    scope.hold()


def test_forged_signals_do_not_count(make_bus, scope):
    """Everybody can send a signal to us: only the one from the sender of the reply is the answer."""
    def forged(bus, client, serial, data):
        job, unit = bus.new_job(), bus.make(data)
        bus.removed(client, job, unit, "failed", sender=":1.66")
        bus.reply(client, serial, "o", [job])
        bus.removed(client, job, unit, "failed", sender=":1.66")
        bus.removed(client, job, unit, "failed", path="/elsewhere")
        bus.removed(client, f"{OBJECT}/job/77", unit, "failed")
        bus.removed(client, job, "other.scope", "failed")
        bus.send(client, SIGNAL, "s", [job], path=OBJECT, interface=MANAGER, member="JobRemoved",
                 sender=standin.SYSTEMD)
        bus.removed(client, job, unit)

    make_bus(StartTransientUnit=forged)
    scope.hold()


@pytest.mark.parametrize("data", [
    b"\0" * 64, b"l\2\0\1" + b"\xff" * 60, b"l\2\0\1\0\0\0\0\1\0\0\0\x08\0\0\0\5\1s\0\0\0\0\0",
    b"B" + b"\x01" * 63], ids=["zeros", "huge", "wrong type", "noise"])
def test_malformed_message_is_an_error(make_bus, scope, data):
    """I-27 for the bus: refused, not obeyed, and the container is undone."""
    make_bus(StartTransientUnit=lambda bus, client, serial, _: client.sendall(data))
    line = refused(scope)
    assert "malformed message" in line or "more than" in line


def test_bus_that_ends_in_the_middle(make_bus, scope):
    """systemd is executed again, or the machine goes down: an error, and nothing is left."""
    def gone(bus, client, serial, data):
        bus.make(data)
        client.close()

    bus = make_bus(StartTransientUnit=gone)
    line = scope.refused()
    assert "the bus has closed the connection" in line
    assert not bus.units
    scope.group.rmdir()


def test_process_that_was_not_moved_is_an_error(make_bus, scope):
    """What /proc says counts: a systemd of version 1 says yes and means another hierarchy."""
    def says_yes(bus, client, serial, data):
        job = bus.new_job()
        bus.reply(client, serial, "o", [job])
        bus.removed(client, job, scope.unit)

    make_bus(StartTransientUnit=says_yes)
    line = refused(scope)
    assert f"and not in '/tests.slice/{scope.unit}': does systemd use cgroup v2 here" in line


# --- delete ---------------------------------------------------------------------------------------

def test_delete_leaves_a_unit_of_somebody_else(make_bus, scope):
    """R-LIFE-21: the same name, another description."""
    bus = make_bus()
    scope.hold()
    bus.units[scope.unit] = "another unit with the name"
    scope.delete("--force")
    assert "StopUnit" not in bus.calls and scope.unit in bus.units


def test_delete_needs_no_bus_that_is_gone(make_bus, scope):
    """The container's processes and cgroup are ours to remove; without a bus there is no unit."""
    bus = make_bus()
    scope.hold()
    bus.path.unlink()
    scope.delete("--force")
    assert not scope.exists()


def test_delete_that_failed_can_be_repeated(make_bus, scope):
    """The state goes last: until systemd has forgotten the unit, the container is known."""
    bus = make_bus()
    scope.hold()
    bus.answers["StopUnit"] = lambda bus, client, serial, _: bus.fail(
        client, serial, "org.freedesktop.DBus.Error.AccessDenied", "not now")
    line = scope.one_line(scope.command("delete", "--force", scope.id))
    assert f"stop unit '{scope.unit}': systemd refuses: not now" in line
    assert scope.status() == "stopped"
    del bus.answers["StopUnit"]
    scope.delete()
    assert not bus.units


def test_delete_of_a_unit_that_goes_meanwhile(make_bus, scope):
    """systemd collects an empty scope by itself."""
    def gone(bus, client, serial, _):
        bus.units.clear()
        bus.fail(client, serial, NO_UNIT, "Unit not loaded")

    make_bus(StopUnit=gone)
    scope.hold()
    scope.delete("--force")


# --- config ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("path, text", [
    ("/docker/1234", "is not of the form"), ("a.slice:b", "is not of the form"),
    ("a--b.slice:c:d", "is no slice"), ("a.slice:b:c.slice", "names a slice"),
    ("../../a.slice:b:c", "not allowed"), ("a/b.slice:b:c", "is no slice"),
    ("a.slice:b:c/d", "no name of a unit")])
def test_path_for_systemd_is_checked(make_bus, scope, path, text):
    """C-CGP-04, C-CGP-05, I-22: before the bus is asked for anything."""
    bus = make_bus()
    scope.linux["cgroupsPath"] = path
    scope.refused_config("linux.cgroupsPath", text)
    assert "StartTransientUnit" not in bus.calls


@pytest.mark.parametrize("name", ["ExecStopPost", "MemoryMax", "Slice", "PIDs", "DeviceAllow"])
def test_property_that_could_do_harm_is_refused(make_bus, scope, name):
    """S-29, C-ANN-05, D-10; CVE-2024-3154: with its place."""
    bus = make_bus()
    scope.config["annotations"] = {"other": "x", f"org.systemd.property.{name}": "'/bin/false'"}
    scope.refused_config(f"annotations.org.systemd.property.{name}", "may not be set")
    assert "StartTransientUnit" not in bus.calls


def test_annotations_mean_nothing_without_the_driver(make_bus, scope):
    """S-29: they are for another program then."""
    bus = make_bus()
    scope.globals = []
    del scope.linux["cgroupsPath"]
    scope.config["annotations"] = {"org.systemd.property.ExecStopPost": "'/bin/false'"}
    scope.probe("exit 0")
    scope.run_ok()
    assert not bus.calls
