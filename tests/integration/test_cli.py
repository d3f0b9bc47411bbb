# SPDX-License-Identifier: Apache-2.0
"""The command line: options, help, messages, exit status, output (cli-reference 1-8)."""

import json
import os
import pathlib
import re
import stat
import subprocess
import time

import pytest

import harness
from criu import StandIn
from harness import CRUNTIME, SOURCE, cruntime, run_command

COMMANDS = "create start run state kill delete list ps spec features checkpoint restore".split()


@pytest.fixture(scope="module")
def criu(tmp_path_factory):
    """Two commands have a help only where criu(8) works."""
    return StandIn(tmp_path_factory.mktemp("criu")).program


@pytest.fixture
def root(tmp_path):
    """A state root that does not exist yet."""
    return tmp_path / "state"


def one_line(result, code=1):
    return harness.Bundle.one_line(result, code)


def records(log):
    return [json.loads(line) for line in log.read_text().splitlines()]


# --- help, version, manual ------------------------------------------------------------------------

def test_version_lines_are_those_that_engines_read():
    """dockerd takes the last line with the word version, go-runc wants commit and spec."""
    result = cruntime("--version")
    lines = result.out.splitlines()
    assert result.code == 0 and result.err == ""
    assert re.fullmatch(r"cruntime version \d\S*", lines[0])
    assert re.fullmatch(r"commit: \S+", lines[1])
    assert re.fullmatch(r"spec: \d+\.\d+\.\d+", lines[2])
    assert all("version" not in line for line in lines[1:])
    assert cruntime("-v").out == result.out


@pytest.mark.parametrize("name", ["runc", "runc2", "crun"])
def test_version_under_another_name(tmp_path, name):
    """engine-contracts 2, 5: BuildKit and dockerd start `runc` from PATH and read its version."""
    link = tmp_path / name
    link.symlink_to(CRUNTIME)
    lines = run_command([link, "--version"]).out.splitlines()
    as_cruntime = cruntime("--version").out.splitlines()
    if name != "runc":
        assert lines == as_cruntime
        return
    version = as_cruntime[0].split()[-1]
    assert lines[0] == f"runc version {version}"
    assert lines[1:3] == as_cruntime[1:3] and f"cruntime: {version}" in lines
    assert all("version" not in line for line in lines[1:])


def test_without_a_command_the_help_is_shown():
    result = cruntime()
    assert (result.code, result.err) == (0, "")
    assert result.out == cruntime("--help").out == cruntime("-h").out == cruntime("help").out
    for name in COMMANDS:
        assert re.search(rf"^  {name} ", result.out, re.M)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_is_on_stdout(name, root, criu):
    result = cruntime("--criu", criu, "--root", root, name, "--help")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("Usage: cruntime ")
    assert max(map(len, result.out.splitlines())) <= 80
    assert "\nExample:\n" in result.out
    assert cruntime("--criu", criu, name, "-h").out == result.out
    assert cruntime("--criu", criu, "help", name).out == result.out
    assert not root.exists()


def options_of_help(*words):
    """[("-b", "--bundle", "DIR"), ...]"""
    text = cruntime(*words, "--help").out
    return re.findall(r"^  (-\w)?,? +(--[\w-]+) ?([A-Z:]*)  ", text, re.M)


def options_of_manual(section):
    text = (SOURCE / "man/cruntime.1").read_text()
    part = re.search(rf"^\.Ss {section}\b.*?\n(.*?)(?=^\.S[sh] )", text, re.M | re.S).group(1)
    found = []
    for line in re.findall(r"^\.It (Fl .*)$", part, re.M):
        short = re.match(r"Fl (\w) , ", line)
        long = re.search(r"Fl (-[\w-]+)(?: Ar ([\w:]+))?$", line)
        found.append((f"-{short[1]}" if short else "", f"-{long[1]}", long[2] or ""))
    return found


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_manual_lists_the_options_in_the_order_of_the_help(name, criu):
    from_help = options_of_help("--criu", criu, *name.split())
    assert from_help[-1][:2] == ("-h", "--help")
    assert options_of_manual(name or "Global options") == from_help


# --- mistakes -------------------------------------------------------------------------------------

MISTAKES = [
    (["--nonsense"], "cruntime: unknown option '--nonsense'"),
    (["--rot=/x", "list"], "cruntime: unknown option '--rot', did you mean '--root'?"),
    (["--log-format", "xml", "list"], "expected text or json, found 'xml'"),
    (["--log-level=loud", "list"], "expected error, warning or debug, found 'loud'"),
    (["--root"], "option '--root' requires an argument"),
    (["--root", "", "list"], "option '--root': the value is empty"),
    (["nonsense"], "cruntime: unknown command 'nonsense'"),
    ([""], "cruntime: unknown command ''"),
    (["strat", "x"], "did you mean 'start'?"),
    (["create", "--foo", "x"], "cruntime create: unknown option '--foo'"),
    (["create", "--root=/x", "x"], "global option '--root' belongs before the command"),
    (["create", "-xy", "x"], "cruntime create: unknown option '-xy'"),
    (["create", "--preserve-fds", "-1", "x"], "found '-1'"),
    (["create", "--no-pivot=perhaps", "x"], "expected true or false, found 'perhaps'"),
    (["create", "x", "--pid-file"], "option '--pid-file' requires an argument"),
    (["create"], "ID|BUNDLE/ is missing"),
    (["run", "a", "b"], "'b' is one too many"),
    (["state"], "requires exactly 1 argument, ID is missing"),
    (["start", "a", "b"], "requires exactly 1 argument, 'b' is one too many"),
    (["kill"], "requires 1 to 2 arguments, ID is missing"),
    (["kill", "a", "TERM", "--all"], "'--all' is one too many"),
    (["delete", "--force"], "requires exactly 1 argument, ID is missing"),
    (["list", "a"], "takes no arguments"),
    (["list", "--format", "xml"], "expected table or json, found 'xml'"),
    (["ps", "--format", "json"], "requires at least 1 argument, ID is missing"),
    (["spec", "a"], "takes no arguments"),
    (["features", "a"], "takes no arguments"),
]


@pytest.mark.parametrize("words, text", MISTAKES, ids=str)
def test_mistake_gives_one_line_and_a_hint(words, text, tmp_path):
    """S-76, R-STATE-10, R-LIFE-01, R-LIFE-10: exit 1, nothing on stdout, no state."""
    line = one_line(cruntime(*words, cwd=tmp_path))
    assert text in line
    assert re.search(r" \(see 'cruntime( \w+)? --help'\)$", line)
    assert os.listdir(tmp_path) == []


def test_many_arguments_are_a_mistake_like_any_other(root):
    """S-76: 100 000 arguments."""
    assert "'a' is one too many" in one_line(cruntime("--root", root, "state", *"a" * 100000))
    assert not root.exists()


def test_cgroup_drivers_that_exclude_each_other(root):
    words = ["--systemd-cgroup", "--cgroup-manager=disabled"]
    for command in ("create", "run"):
        assert "exclude each other" in one_line(cruntime("--root", root, *words, command, "web"))
    assert not root.exists()



@pytest.mark.parametrize("words", [["--systemd-cgroup"], ["--cgroup-manager", "systemd"]])
def test_commands_of_no_container_ask_no_systemd(words, root):
    """engine-contracts 5: the shim's cleanup comes with and without the option."""
    assert cruntime("--root", root, *words, "delete", "--force", "web").code == 0
    assert cruntime("--root", root, *words, "list").code == 0


def test_options_of_other_runtimes_are_accepted(root):
    """cli-reference 2: --rootless means nothing here, and --criu to other commands."""
    result = cruntime("--criu", "/x", "--rootless=true", "--cgroup-manager", "cgroupfs", "--debug",
                      "--root", root, "list", "-q")
    assert (result.code, result.out) == (0, "")


# --- ids and the state root -----------------------------------------------------------------------

@pytest.mark.parametrize("id", ["", "a b", "a:b", "é", "-x", ".x", "a\nb", "%s%n!", "x" * 256,
                                "\x1b[31m"])
def test_invalid_id_is_refused_before_anything_is_made(id, root, tmp_path):
    """R-LIFE-03, S-31"""
    for command in ("create", "run", "start", "state", "kill", "delete", "ps"):
        assert one_line(cruntime("--root", root, command, "--", id, cwd=tmp_path))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("words", [["state"], ["start"], ["kill"], ["kill", "--all"], ["delete"],
                                   ["ps"]])
def test_unknown_id_gives_the_text_that_engines_match(words, root):
    """R-STATE-10: containerd looks for `does not exist` (engine-contracts 3 and 5)."""
    expected = f"{words[0]} 'web': container \"web\" does not exist"
    assert one_line(cruntime("--root", root, *words, "web")) == expected
    root.mkdir(mode=0o700)
    assert one_line(cruntime("--root", root, *words, "web")) == expected


def test_forced_delete_of_an_unknown_id_is_silent_success(root):
    """R-LIFE-19: containerd's clean-up always comes, also after a successful delete."""
    for words in (["delete", "--force", "web"], ["delete", "web", "-f"]):
        result = cruntime("--root", root, *words)
        assert (result.code, result.out, result.err) == (0, "", "")
    assert not root.exists()


def test_unknown_signal_is_named(root):
    """R-LIFE-13"""
    for name in ("FOO", "99", "-9", "", "SIG"):
        line = one_line(cruntime("--root", root, "kill", "web", name))
        assert line == f"kill 'web': unknown signal \"{name}\""


def test_list_of_nothing(root):
    """D-07"""
    assert cruntime("--root", root, "list", "-f", "json").out == "[]\n"
    assert cruntime("--root", root, "list", "-q").out == ""
    assert cruntime("--root", root, "list").out.split() == [
        "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    assert not root.exists()


def test_root_directory_is_refused_as_state_root(root):
    for path in ("/", "//", "/..", "/./"):
        assert "state root" in one_line(cruntime("--root", path, "list"))


def test_state_root_may_be_relative(tmp_path):
    (tmp_path / "state").mkdir(mode=0o700)
    assert cruntime("--root", "state", "list", "-q", cwd=tmp_path).code == 0


def test_state_root_of_others_is_refused(root, tmp_path):
    """S-31: a symbolic link, a directory that others can write to, a file."""
    real = tmp_path / "real"
    real.mkdir(mode=0o700)
    root.symlink_to(real)
    assert "state root" in one_line(cruntime("--root", root, "list"))
    root.unlink()
    root.mkdir()
    root.chmod(0o777)
    assert "state root" in one_line(cruntime("--root", root, "list"))
    root.rmdir()
    root.touch(mode=0o600)
    assert "state root" in one_line(cruntime("--root", root, "list"))


# --- the log --------------------------------------------------------------------------------------

def test_failure_is_one_object_in_the_log_and_one_line_on_stderr(root, tmp_path):
    """podman decodes the whole file, containerd wants level, msg and an RFC 3339 time."""
    log = tmp_path / "log.json"
    result = cruntime("--root", root, "--log", log, "--log-format", "json", "state", "web")
    line = one_line(result)
    (record,) = records(log)
    assert record["level"] == "error" and record["msg"] == line
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", record["time"])

    assert cruntime("--root", root, "--log", log, "--log-format=json", "list").code == 0
    assert len(records(log)) == 1

    one_line(cruntime("--root", root, "--log", log, "--log-format=json", "state"))
    assert "ID is missing" in records(log)[1]["msg"]
    assert stat.S_IMODE(log.stat().st_mode) == 0o644


def test_text_log_is_one_line_too(root, tmp_path):
    log = tmp_path / "log"
    one_line(cruntime("--root", root, "--log", log, "state", "web"))
    assert re.fullmatch(r'time="\S+" level=error msg="state .*"\n', log.read_text())


def test_without_log_file_the_format_is_that_of_stderr(root):
    line = one_line(cruntime("--root", root, "--log-format", "json", "state", "web"))
    assert json.loads(line)["level"] == "error"


def test_log_is_not_written_through_a_symlink_or_a_fifo(root, tmp_path):
    """S-46"""
    target = tmp_path / "target"
    (tmp_path / "link").symlink_to(target)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "dir").mkdir()
    for name in ("link", "fifo", "dir", "missing/log"):
        path = tmp_path / name
        assert f"'{path}'" in one_line(cruntime("--root", root, "--log", path, "list"))
    assert not target.exists()


def test_delete_and_kill_do_without_their_log(root, tmp_path):
    """engine-contracts 5: containerd's clean-up comes when the bundle is partly gone."""
    log = tmp_path / "gone" / "log.json"
    words = ["--root", root, "--log", log, "--log-format", "json"]
    result = cruntime(*words, "delete", "--force", "web")
    assert (result.code, result.out, result.err) == (0, "", "")
    assert one_line(cruntime(*words, "delete", "web")).endswith("does not exist")
    assert one_line(cruntime(*words, "kill", "web")).endswith("does not exist")


# --- output ---------------------------------------------------------------------------------------

def test_output_that_is_lost_is_a_failure(root):
    for words in (["--version"], ["--help"], ["list"], ["features"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([CRUNTIME, "--root", root, *words], stdout=full, check=False,
                                  stderr=subprocess.PIPE, text=True, timeout=harness.TIMEOUT)
        assert done.returncode == 1
        assert "standard output" in done.stderr and done.stderr.count("\n") == 1


def test_closed_pipe_is_a_failure_and_no_signal(root):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([CRUNTIME, "--root", root, "list"], stdout=write, check=False,
                          stderr=subprocess.PIPE, text=True, timeout=harness.TIMEOUT)
    os.close(write)
    assert done.returncode == 1 and "standard output" in done.stderr


def test_missing_standard_streams_are_harmless(root):
    """Fault F9: none of our descriptors may take the number of a standard stream."""
    script = '"$0" --root "$1" list <&- >&- 2>&-'
    done = subprocess.run(["sh", "-c", script, CRUNTIME, root], check=False,
                          timeout=harness.TIMEOUT)
    assert done.returncode == 0


# --- spec and features ----------------------------------------------------------------------------

def test_spec_writes_a_config(tmp_path):
    (tmp_path / "b").mkdir()
    result = cruntime("spec", "--bundle", "b", cwd=tmp_path)
    assert (result.code, result.out, result.err) == (0, "", "")
    config = json.loads((tmp_path / "b/config.json").read_text())
    assert config["process"]["args"] == ["sh"] and config["process"]["terminal"] is True
    assert config["root"]["path"] == "rootfs"
    assert {"type": "network"} in config["linux"]["namespaces"]


def test_spec_rootless_has_a_user_namespace_and_the_hosts_network(tmp_path):
    assert cruntime("spec", "--rootless", cwd=tmp_path).code == 0
    linux = json.loads((tmp_path / "config.json").read_text())["linux"]
    types = {n["type"] for n in linux["namespaces"]}
    assert "user" in types and "network" not in types
    assert linux["uidMappings"] == [{"containerID": 0, "hostID": os.geteuid(), "size": 1}]


def test_spec_replaces_nothing(tmp_path):
    """S-46: not even through a dangling symbolic link."""
    file = tmp_path / "config.json"
    file.write_text("mine")
    line = one_line(cruntime("spec", cwd=tmp_path))
    assert line == "spec: config.json exists. Remove it first"
    assert file.read_text() == "mine"
    file.unlink()
    file.symlink_to("elsewhere")
    assert "config.json exists" in one_line(cruntime("spec", cwd=tmp_path))
    assert os.listdir(tmp_path) == ["config.json"]


def test_spec_honours_umask_and_file_name(tmp_path):
    done = subprocess.run(["sh", "-c", 'umask 027; "$0" spec -f other.json', CRUNTIME],
                          cwd=tmp_path, check=False, timeout=harness.TIMEOUT)
    assert done.returncode == 0
    assert stat.S_IMODE((tmp_path / "other.json").stat().st_mode) == 0o640


def test_spec_needs_its_directory(tmp_path):
    line = one_line(cruntime("spec", "--bundle", "missing", cwd=tmp_path))
    assert "'missing'" in line and "no such file" not in line


def test_features_is_one_json_document():
    """CRI-O reads stdout and stderr together; runtimeArgs may precede the command."""
    for words in (["features"], ["--debug", "features"]):
        result = cruntime(*words)
        assert (result.code, result.err) == (0, "")
        assert result.json.ociVersionMin and result.json.ociVersionMax
        assert result.out.endswith("}\n")


# --- with containers ------------------------------------------------------------------------------

def test_bundle_operand_runs_it(bundle):
    """D-01: nothing but the program's output on stdout."""
    bundle.shell("echo hello; exit 7")
    bundle.write_config()
    result = bundle.command("run", f"{bundle.dir}/")
    assert (result.code, result.out, result.err) == (7, "hello\n", "")
    assert bundle.command("run", ".", cwd=bundle.dir).code == 7


def test_bundle_operand_makes_an_id_and_prints_it(bundle):
    """D-01"""
    bundle.args("/bin/sleep", "1000")
    bundle.write_config()
    # The container keeps stdout: a file, because a pipe would not end.
    with open(bundle.dir / "id", "w+", encoding="ascii") as out:
        for words in (["run", "--detach"], ["create"]):
            out.truncate(0)
            out.seek(0)
            done = subprocess.run([CRUNTIME, "--root", bundle.root, *words, "."], cwd=bundle.dir,
                                  stdin=subprocess.DEVNULL, stdout=out, timeout=harness.TIMEOUT,
                                  check=False)
            id = (bundle.dir / "id").read_text()[:-1]
            bundle.ids.add(id)
            assert done.returncode == 0
            assert re.fullmatch(r"bundle-[0-9a-f]{6}", id)
            assert bundle.status(id) == ("running" if "run" in words else "created")


def test_id_option_names_the_container_of_a_bundle(bundle):
    """D-01"""
    bundle.shell("true")
    bundle.write_config()
    with open(bundle.dir / "id", "wb") as out:
        done = subprocess.run([CRUNTIME, "--root", bundle.root, "create", "--id", bundle.id,
                               f"{bundle.dir}/"], stdin=subprocess.DEVNULL, stdout=out,
                              timeout=harness.TIMEOUT, check=False)
    assert done.returncode == 0
    assert (bundle.dir / "id").read_text() == f"{bundle.id}\n"
    assert bundle.status() == "created"


def test_bundle_operand_excludes_the_bundle_option(bundle):
    line = one_line(bundle.command("run", "-b", bundle.dir, "./"))
    assert "--bundle" in line
    line = one_line(bundle.command("run", "-b", bundle.dir, "web", "--id", "other"))
    assert "--id" in line


def test_missing_bundle_is_named(bundle):
    """The message must not hold the words that make engines exit with 127."""
    line = one_line(bundle.command("run", "./missing/", cwd=bundle.dir))
    assert "./missing" in line and "no such file or directory" not in line


def test_options_may_follow_the_id(bundle):
    """cli-reference 1; the pid file is decimal without a newline."""
    bundle.probe("sleep")
    bundle.write_config()
    with open(bundle.dir / "out", "wb") as out:
        done = subprocess.run([CRUNTIME, "--root", bundle.root, "create", bundle.id, "--bundle",
                               bundle.dir, "--pid-file", bundle.dir / "pid"],
                              stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                              timeout=harness.TIMEOUT, check=False)
    assert done.returncode == 0
    assert (bundle.dir / "out").read_text() == ""
    assert (bundle.dir / "pid").read_text() == str(bundle.state().pid)
    assert bundle.command("delete", bundle.id, "--force").code == 0


def test_config_errors_begin_with_their_place(bundle):
    """D-03: one line per mistake, no prefix; one object in the log."""
    bundle.process["user"]["uid"] = "0"
    bundle.process["cwd"] = 1
    bundle.write_config()
    log = bundle.dir / "log.json"
    result = bundle.command("--log", log, "--log-format", "json", "run", "-b", bundle.dir,
                            bundle.id)
    assert (result.code, result.out) == (1, "")
    lines = result.err.splitlines()
    assert len(lines) == 2
    assert all(re.match(r"config\.json:\d+:\d+: process\.\S+: ", line) for line in lines)
    (record,) = records(log)
    assert record["msg"] == "\n".join(lines)
    assert not bundle.exists()


def test_failures_name_the_command_and_the_container(bundle):
    bundle.args("/missing")
    line = bundle.refused()
    assert line.startswith(f"run '{bundle.id}': ")


def test_state_is_an_indented_document(bundle):
    """R-STATE-01, R-STATE-07"""
    bundle.hold()
    result = bundle.command("state", bundle.id)
    assert result.out.startswith('{\n  "ociVersion": ')
    assert result.out.endswith("\n}\n")
    state = result.json
    assert state.id == bundle.id and state.status == "running" and state.pid > 0
    assert state.bundle == str(bundle.dir) and state.rootfs == str(bundle.rootfs)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]+(\.\d+)?Z", state.created)


def test_list_shows_containers_with_their_owners(bundle):
    bundle.hold()
    line = bundle.command("list").out.splitlines()
    assert line[1].split()[:4] == [bundle.id, str(bundle.state().pid), "running", str(bundle.dir)]
    assert line[1].split()[5] == "root"
    result = bundle.command("list", "--format=json")
    assert result.out.count("\n") == 1
    (entry,) = result.json
    assert entry.id == bundle.id and entry.owner == "root" and entry.status == "running"
    assert bundle.command("list", "-q").out == f"{bundle.id}\n"


@pytest.mark.parametrize("text", ["", "{", "[]", "\0" * 100], ids=["none", "cut", "list", "nul"])
def test_damaged_entry_hides_no_other(bundle, text):
    """D-07"""
    bundle.hold()
    broken = bundle.root / "broken"
    broken.mkdir(mode=0o700)
    (broken / "claim.json").write_text(text)
    (broken / "state.json").write_text(text)
    bundle.ids.add("broken")
    result = bundle.command("list", "-f", "json")
    assert (result.code, result.err) == (0, "")
    assert {e.id: e.status for e in result.json} == {bundle.id: "running", "broken": "unknown"}
    rows = bundle.command("list").out.splitlines()
    assert [row.split()[2] for row in rows[1:]] == ["unknown", "running"]
    assert one_line(bundle.command("state", "broken")).startswith("state 'broken': ")
    assert bundle.delete("--force", id="broken").code == 0
    assert not broken.exists()


def test_ps_shows_the_processes_of_the_container(bundle):
    """cli-reference ps; go-runc's Top passes all options of ps as one word."""
    bundle.shell("sleep 1000 & wait")
    bundle.create_and_start()
    harness.wait_until(lambda: len(bundle.command("ps", "-f", "json", bundle.id).json) == 2,
                       "two processes")
    pids = bundle.command("ps", "--format", "json", bundle.id).json
    assert bundle.state().pid in pids
    table = bundle.command("ps", bundle.id).out.splitlines()
    assert "PID" in table[0] and len(table) == 3
    for words in (["-o", "pid,args", "-e"], ["-e -o pid,args"]):
        rows = bundle.command("ps", bundle.id, *words).out.splitlines()
        assert rows[0].split()[0] == "PID"
        assert sorted(int(row.split()[0]) for row in rows[1:]) == sorted(pids)
    assert "PID" in one_line(bundle.command("ps", bundle.id, "-eo", "args"))
    assert "ps failed" in one_line(bundle.command("ps", bundle.id, "--nonsense"))


def test_ps_long_is_a_table_of_our_own(bundle):
    """Also on a host without ps. Lines of 'pid inside', state and command are compared with /proc."""
    bundle.shell("sh -c 'while :; do :; done' a\033b & sleep 1000 & wait")
    bundle.create_and_start()
    harness.wait_until(lambda: len(bundle.command("ps", "-f", "json", bundle.id).json) == 3,
                       "three processes")
    time.sleep(0.3)
    result = bundle.command("ps", "--format", "long", bundle.id, env={"PATH": "/nowhere"})
    rows = [row.split(None, 8) for row in result.out.splitlines()]
    assert rows[0] == ["PID", "PPID", "UID", "S", "RSS", "%CPU", "TIME", "NSPID", "COMMAND"]
    by_inner = {int(row[7]): row for row in rows[1:]}
    first = by_inner[1]
    assert len(rows) == 4 and int(first[0]) == bundle.state().pid
    loop = next(row for row in rows[1:] if row[8].startswith("sh -c while"))
    assert loop[1] == first[0] and loop[3] == "R" and float(loop[5]) > 5
    assert "a?b" in loop[8] and "\033" not in result.out
    sleep = next(row for row in rows[1:] if row[8] == "sleep 1000")
    assert sleep[3] == "S" and float(sleep[5]) < 5 and sleep[2] == "0"
    status = pathlib.Path(f"/proc/{sleep[0]}/status").read_text()
    assert f"VmRSS:\t{sleep[4]:>8} kB" in status
    assert re.search(rf"NSpid:.*\t{sleep[7]}\n", status)
    assert "an option of ps" in one_line(bundle.command("ps", "-f", "long", bundle.id, "-ef"))


def test_ps_of_a_stopped_container_is_the_header(bundle):
    bundle.shell("true")
    bundle.create_and_start()
    bundle.wait_stopped()
    assert bundle.command("ps", "-f", "json", bundle.id).out == "[]\n"
    assert len(bundle.command("ps", bundle.id).out.splitlines()) == 1
    assert len(bundle.command("ps", "-f", "long", bundle.id).out.splitlines()) == 1


# --- installing -----------------------------------------------------------------------------------

def test_install_and_uninstall(tmp_path):
    """Program, manual and drop-in, and nothing of them stays."""
    root = tmp_path / "root"

    def make(target):
        result = run_command(["make", "-C", SOURCE, "-o", "all", target, f"DESTDIR={root}",
                              "PREFIX=/opt/x", f"BIN={CRUNTIME}"])
        assert result.code == 0, result
        return sorted(str(p.relative_to(root)) for p in root.glob("**/*") if p.is_file())

    assert make("install") == ["etc/containers/containers.conf.d/60-cruntime.conf",
                               "opt/x/bin/cruntime", "opt/x/share/man/man1/cruntime.1"]
    text = (root / "etc/containers/containers.conf.d/60-cruntime.conf").read_text()
    assert 'cruntime = ["/opt/x/bin/cruntime"]' in text and "@" not in text
    assert run_command([root / "opt/x/bin/cruntime", "--version"]).code == 0
    assert make("uninstall") == []
