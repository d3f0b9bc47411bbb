# SPDX-License-Identifier: Apache-2.0
"""state, list and ps: what the outside can learn about containers (R-STATE, cli-reference 8)."""

import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

import harness
import schema
from harness import cgroup_of, wait_until


def test_state_is_valid_under_the_schema(bundle):
    """R-STATE-01, R-STATE-09: in each status that the schema knows."""
    bundle.config["annotations"] = {"a": "b"}
    bundle.probe("await /go")
    bundle.create()
    schema.validate(bundle.state(), "state-schema.json")
    bundle.start()
    schema.validate(bundle.state(), "state-schema.json")
    (bundle.rootfs / "go").touch()
    bundle.wait_stopped()
    schema.validate(bundle.state(), "state-schema.json")


def test_state_of_a_running_container(bundle):
    """R-STATE-03, R-STATE-05, R-STATE-07: host pid, absolute bundle, absolute rootfs."""
    bundle.hold()
    state = bundle.state()
    assert state.id == bundle.id
    assert pathlib.Path(f"/proc/{state.pid}/cmdline").read_bytes().startswith(b"/probe\0")
    assert state.bundle == str(bundle.dir)
    assert state.rootfs == str(bundle.rootfs)
    assert state.ociVersion.startswith("1.")


def test_created_is_a_time_of_rfc_3339_in_utc(bundle):
    """R-STATE-09: Go callers decode it as time.Time."""
    bundle.create()
    created = bundle.state().created
    assert created.endswith("Z")
    parsed = datetime.datetime.fromisoformat(created[:19] + "+00:00")
    age = datetime.datetime.now(datetime.timezone.utc) - parsed
    assert abs(age.total_seconds()) < 120


def test_stopped_container_has_pid_0(bundle):
    """R-STATE-06."""
    bundle.probe("exit 0")
    bundle.create_and_start()
    bundle.wait_stopped()
    assert bundle.state().pid == 0


def test_bundle_given_as_relative_path_is_absolute_in_state(bundle):
    """R-STATE-07, R-BUND-02, D-25."""
    bundle.write_config()
    with open(os.devnull, "wb") as null:
        subprocess.run([harness.CRUNTIME, "--root", bundle.root, "create", "-b", bundle.dir.name,
                        bundle.id], cwd=bundle.dir.parent, check=True, stdout=null)
    assert bundle.state().bundle == str(bundle.dir)


def test_bundle_given_as_link_is_absolute_in_state(bundle, tmp_path):
    """R-STATE-07: and leads to the bundle, from whatever directory."""
    (tmp_path / "link").symlink_to(bundle.dir)
    bundle.write_config()
    with open(os.devnull, "wb") as null:
        subprocess.run([harness.CRUNTIME, "--root", bundle.root, "create", "-b", "link", bundle.id],
                       cwd=tmp_path, check=True, stdout=null)
    state = bundle.state()
    assert os.path.isabs(state.bundle) and os.path.samefile(state.bundle, bundle.dir)


@pytest.mark.parametrize("version", ["1.0.2", "1.1.0-rc.2", "1.2.0+dev"])
def test_state_has_the_version_of_the_container(bundle, version):
    """R-STATE-02, X-30, D-08: a semantic version that we accept, the same in `state` and in hooks;
    no constant as in the text's example."""
    out = bundle.hook("createRuntime", "cat >$OUT")
    bundle.config["ociVersion"] = version
    bundle.create()
    assert bundle.state().ociVersion == version
    assert harness.parse(out.read_text()).ociVersion == version


def test_ids_are_unique_in_their_state_root(bundle, make_bundle):
    """R-STATE-03: the same id in another root is another container."""
    other = make_bundle("other")
    bundle.create()
    other.id = bundle.id
    other.ids = {bundle.id}
    other.linux["cgroupsPath"] = "/other"
    other.create()
    assert other.state().pid != bundle.state().pid
    other.delete()
    assert bundle.status() == "created"


def test_annotations_are_in_state(bundle):
    """R-STATE-08, C-ANN-02."""
    bundle.config["annotations"] = {"org.example.key": "value", "empty": "", "quote\"": "\u00e9\n"}
    bundle.create()
    assert bundle.state().annotations == bundle.config["annotations"]


def test_no_annotations_is_no_member_or_an_empty_one(bundle):
    """R-STATE-08."""
    bundle.create()
    assert not bundle.state().get("annotations")


def test_creating_is_seen_while_create_runs(bundle):
    """R-STATE-11, R-STATE-04, X-34: from a createRuntime hook; a wait for the lock would never end."""
    out = bundle.hook("createRuntime",
                      f"{harness.CRUNTIME} --root {bundle.root} state {bundle.id} >$OUT")
    bundle.create()
    state = harness.parse(out.read_text())
    assert state.status == "creating"


def test_created_container_whose_process_died_is_stopped(bundle):
    """R-STATE-12."""
    bundle.create()
    os.kill(bundle.state().pid, 9)
    bundle.wait_stopped()


def test_frozen_container_is_paused(bundle):
    """R-STATE-04: the de-facto fifth status."""
    bundle.hold()
    freeze = cgroup_of(bundle.state().pid) / "cgroup.freeze"
    freeze.write_text("1")
    wait_until(lambda: bundle.status() == "paused", "status 'paused'")
    line = bundle.one_line(bundle.delete(check=False))
    assert "that is not stopped: paused" in line
    freeze.write_text("0")
    wait_until(lambda: bundle.status() == "running", "status 'running'")


def test_paused_container_can_be_killed(bundle):
    """cli-reference 4: SIGKILL takes effect on a frozen cgroup."""
    bundle.hold()
    (cgroup_of(bundle.state().pid) / "cgroup.freeze").write_text("1")
    bundle.kill("KILL")
    bundle.wait_stopped()


def test_zombie_counts_as_stopped(bundle):
    """R-STATE-14: a caller that is a subreaper and does not reap."""
    bundle.write_config()
    script = (
        "import ctypes, subprocess, sys\n"
        "ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
        "sys.stdin.read()\n")
    with subprocess.Popen([sys.executable, "-c", script, harness.CRUNTIME, "--root", bundle.root,
                           "create", "-b", bundle.dir, bundle.id],
                          stdin=subprocess.PIPE) as parent:
        wait_until(lambda: bundle.exists() and bundle.status() == "created", "create")
        pid = bundle.state().pid
        os.kill(pid, 9)
        wait_until(lambda: ") Z " in pathlib.Path(f"/proc/{pid}/stat").read_text(), "a zombie")
        assert bundle.status() == "stopped"
        assert bundle.state().pid == 0
        bundle.delete()
        parent.stdin.close()


def test_recycled_pid_is_not_the_container(bundle):
    """R-STATE-13: pid and start time; a process that got the number is neither shown nor killed."""
    bundle.probe("exit 0")
    bundle.create_and_start()
    bundle.wait_stopped()
    record = next(p for p in (bundle.root / bundle.id).iterdir() if p.name == "state.json")
    with subprocess.Popen(["sleep", "1000"]) as other:
        try:
            text = record.read_text()
            data = json.loads(text)
            assert "pid" in data
            data["pid"] = other.pid
            record.write_text(json.dumps(data))
            assert bundle.status() == "stopped"
            bundle.kill("KILL", check=False)
            bundle.delete("--force")
            assert other.poll() is None
        finally:
            other.kill()


# --- list -----------------------------------------------------------------------------------------

def test_empty_list_is_an_empty_array(bundle):
    """D-07."""
    result = bundle.command("list", "--format", "json")
    assert (result.code, result.out.strip()) == (0, "[]")


def test_list_of_a_missing_root_is_empty_and_does_not_create_it(bundle):
    """cli-reference 4."""
    result = bundle.command("list", "-f", "json")
    assert result.code == 0
    assert not bundle.root.exists()


def test_list_as_json_has_the_state_of_each_container(bundle):
    """cli-reference 8.3."""
    bundle.create()
    bundle.create(id="second")
    listed = bundle.command("list", "-f", "json").json
    assert [c.id for c in listed] == sorted([bundle.id, "second"])
    one = next(c for c in listed if c.id == "second")
    state = bundle.state("second")
    for member in ("ociVersion", "pid", "status", "bundle", "rootfs", "created"):
        assert one[member] == state[member]
    assert one.owner == "root"


def test_list_as_table(bundle):
    """cli-reference 4."""
    bundle.create()
    head, row = bundle.command("list").out.splitlines()
    assert head.split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    columns = row.split()
    assert columns[0] == bundle.id
    assert columns[1] == str(bundle.state().pid)
    assert columns[2:4] == ["created", str(bundle.dir)]
    assert columns[5] == "root"


def test_list_quiet_prints_ids(bundle):
    """cli-reference 4."""
    bundle.create()
    bundle.create(id="another")
    assert bundle.command("list", "-q").out.split() == sorted([bundle.id, "another"])


def test_list_refuses_an_unknown_format(bundle):
    """cli-reference 4."""
    assert bundle.command("list", "--format", "yaml").code == 1


def test_broken_entry_is_listed_as_unknown_and_hides_no_other(bundle):
    """D-07."""
    bundle.create()
    bundle.create(id="broken")
    record = bundle.root / "broken/state.json"
    text = record.read_text()
    record.write_text("{ half")
    listed = {c.id: c.status for c in bundle.command("list", "-f", "json").json}
    record.write_text(text)
    assert listed == {bundle.id: "created", "broken": "unknown"}


def test_foreign_directory_in_the_root_is_no_container(bundle):
    """engine-contracts 5: another program's directory is skipped."""
    bundle.create()
    (bundle.root / "foreign").mkdir()
    try:
        assert bundle.command("list", "-q").out.split() == [bundle.id]
    finally:
        (bundle.root / "foreign").rmdir()


# --- ps -------------------------------------------------------------------------------------------

def test_ps_as_json_is_an_array_of_host_pids(bundle):
    """cli-reference 8.4."""
    bundle.probe("spawn 2", "sleep")
    bundle.create_and_start()
    wait_until(bundle.probe_lines, "the probe")
    pids = bundle.command("ps", "--format", "json", bundle.id).json
    assert len(pids) == 3 and bundle.state().pid in pids
    assert all(os.path.exists(f"/proc/{p}") for p in pids)


def test_ps_as_table_has_a_pid_column(bundle):
    """engine-contracts 2."""
    bundle.hold()
    lines = bundle.command("ps", bundle.id).out.splitlines()
    column = lines[0].split().index("PID")
    assert [line.split()[column] for line in lines[1:]] == [str(bundle.state().pid)]


def test_ps_of_stopped_container_is_empty(bundle):
    """cli-reference 4."""
    bundle.probe("exit 0")
    bundle.create_and_start()
    bundle.wait_stopped()
    assert bundle.command("ps", "-f", "json", bundle.id).out.strip() == "[]"


# --- damaged state --------------------------------------------------------------------------------

def spoil_empty(path):
    path.write_text("")


def spoil_half(path):
    data = path.read_bytes()
    path.write_bytes(data[:len(data) // 2])


def spoil_garbage(path):
    path.write_bytes(os.urandom(300))


def spoil_delete(path):
    path.unlink()


def spoil_directory(path):
    path.unlink()
    path.mkdir()


def is_running(pid):
    """A zombie has ended; who reaps it is not the runtime's business."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.parametrize("spoil", [spoil_empty, spoil_half, spoil_garbage, spoil_delete,
                                   spoil_directory])
@pytest.mark.parametrize("name", ["state.json", "config.json"])
def test_damaged_state_still_leads_to_a_clean_delete(bundle, name, spoil):
    """S-78: gone with its process and cgroup, or refused and nothing claimed; never success with a
    live process."""
    bundle.hold()
    pid = bundle.state().pid
    group = cgroup_of(pid)
    spoil(bundle.root / bundle.id / name)
    result = bundle.command("delete", "--force", bundle.id)
    gone = not is_running(pid) and not group.exists()
    try:
        assert result.code != 0 or (gone and not bundle.exists()), result
        assert result.code == 0, result
    finally:
        if not gone and group.exists():
            (group / "cgroup.kill").write_text("1")
            wait_until(lambda: "populated 0" in (group / "cgroup.events").read_text(), "empty")
            group.rmdir()
        shutil.rmtree(bundle.root / bundle.id, ignore_errors=True)


def test_state_root_is_private(bundle):
    """I-24."""
    bundle.create()
    assert bundle.root.stat().st_mode & 0o7777 == 0o700
    assert (bundle.root / bundle.id).stat().st_mode & 0o077 in (0, 0o011)


def test_state_root_that_is_a_symlink_is_refused(bundle):
    """I-24."""
    target = bundle.dir / "elsewhere"
    target.mkdir(mode=0o700)
    bundle.root.symlink_to(target)
    bundle.write_config()
    try:
        assert bundle.command("create", "-b", bundle.dir, bundle.id).code == 1
        assert os.listdir(target) == []
    finally:
        bundle.root.unlink()


def test_state_root_of_another_user_is_refused(bundle):
    """I-24, S-31."""
    bundle.root.mkdir(mode=0o700)
    os.chown(bundle.root, 1000, 1000)
    bundle.write_config()
    assert bundle.command("create", "-b", bundle.dir, bundle.id).code == 1
    assert os.listdir(bundle.root) == []


def test_state_root_that_others_may_write_to_is_refused(bundle):
    """I-24."""
    bundle.root.mkdir()
    bundle.root.chmod(0o777)
    bundle.write_config()
    assert bundle.command("create", "-b", bundle.dir, bundle.id).code == 1


def test_state_root_that_is_a_file_is_refused(bundle):
    """I-24."""
    bundle.root.write_text("")
    bundle.write_config()
    assert bundle.command("create", "-b", bundle.dir, bundle.id).code == 1
