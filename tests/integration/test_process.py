# SPDX-License-Identifier: Apache-2.0
"""process: arguments, environment, working directory, oom score and the like (C-PROC)."""

import os
import pathlib
import subprocess

import pytest

from harness import default_signals, status_field, wait_until
from marks import requires


def test_arguments_arrive_unchanged(bundle):
    """C-PROC-08."""
    bundle.args("/probe", "report", "two words", "", "\u00e9\u2713", "tab\tquote\"back\\")
    result = bundle.run_ok()
    assert result.lines[0].argv[1:] == ["two words", "", "\u00e9\u2713", "tab\tquote\"back\\"]


def test_program_is_found_in_the_path_of_the_container(bundle):
    """C-PROC-08: not in the runtime's own."""
    bundle.process["env"] = ["PATH=/nowhere:/opt/tools"]
    (bundle.rootfs / "opt/tools").mkdir(parents=True)
    (bundle.rootfs / "opt/tools/mytool").symlink_to("/probe")
    bundle.args("mytool", "read", "/etc/hosts")
    assert bundle.run_ok().lines[0].errno is None


def test_first_match_in_the_path_that_can_be_executed_wins(bundle):
    """C-PROC-08: execvp skips what it may not execute."""
    for name in ("a", "b"):
        (bundle.rootfs / name).mkdir()
    (bundle.rootfs / "a/tool").write_text("no program")
    (bundle.rootfs / "b/tool").symlink_to("/probe")
    bundle.process["env"] = ["PATH=/a:/b"]
    bundle.args("tool", "exit", "7")
    assert bundle.run().code == 7


def test_relative_program_is_relative_to_cwd(bundle):
    """C-PROC-08."""
    (bundle.rootfs / "tmp/tool").symlink_to("/probe")
    bundle.process["cwd"] = "/tmp"
    bundle.args("./tool", "exit", "6")
    assert bundle.run().code == 6


@pytest.mark.parametrize("arg, text", [
    ("nonexist", 'exec: "nonexist": executable file not found in $PATH'),
    ("/nonexist", 'exec: "/nonexist": no such file or directory'),
    ("/etc/hosts", 'exec: "/etc/hosts": permission denied'),
    ("/etc", 'exec: "/etc": is a directory'),
])
def test_unusable_program_fails_create_with_the_text_that_engines_match(bundle, arg, text):
    """R-LIFE-07, C-PROC-08, S-82, engine-contracts 3."""
    bundle.args(arg)
    bundle.write_config()
    result = bundle.command("create", "-b", bundle.dir, bundle.id)
    assert text in bundle.one_line(result)
    assert not bundle.exists()


def test_missing_interpreter_fails_with_its_reason(bundle):
    """C-PROC-09."""
    (bundle.rootfs / "script").write_text("#!/no/such/interpreter\n")
    (bundle.rootfs / "script").chmod(0o755)
    bundle.args("/script")
    line = bundle.refused()
    assert 'exec /script: no such file or directory (the file is there: its interpreter' in line
    # A file that is not there itself reads differently.
    bundle.args("/scrip")
    assert bundle.refused().endswith('exec: "/scrip": no such file or directory')


def test_script_without_shebang_is_not_given_to_a_shell(bundle):
    """C-PROC-10: execve, not execvp's fall-back."""
    (bundle.rootfs / "script").write_text("exit 0\n")
    (bundle.rootfs / "script").chmod(0o755)
    bundle.args("/script")
    assert 'exec /script: exec format error' in bundle.refused()


@pytest.mark.parametrize("args", [[], [""]])
def test_empty_arguments_are_refused(bundle, args):
    """C-PROC-08."""
    bundle.process["args"] = args
    bundle.refused_config("process.args")


def test_missing_arguments_are_refused(bundle):
    """C-PROC-08."""
    del bundle.process["args"]
    bundle.refused_config("process", "args")


def test_no_environment_means_no_path(bundle):
    """C-PROC-08: nothing of the runtime's own environment is used."""
    del bundle.process["env"]
    bundle.args("sh")
    assert 'exec: "sh": executable file not found in $PATH' in bundle.refused()


# --- environment ----------------------------------------------------------------------------------

def test_environment_is_what_is_listed_and_home(bundle):
    """C-PROC-06, C-PROC-07."""
    bundle.process["env"] = ["A=1", "B=two words", "C=", "D=a=b"]
    seen = bundle.run_probe(env={**os.environ, "SECRET": "of the caller"})
    assert sorted(seen.environ) == sorted(["A=1", "B=two words", "C=", "D=a=b", "HOME=/root"])


def test_last_of_equal_names_wins(bundle):
    """C-PROC-06."""
    bundle.process["env"] = ["A=1", "A=2"]
    values = [e for e in bundle.run_probe().environ if e.startswith("A=")]
    assert values == ["A=2"]


@pytest.mark.parametrize("entry", ["NOEQ", "=x", ""])
def test_malformed_environment_entry_is_refused(bundle, entry):
    """C-PROC-06, I-12."""
    bundle.process["env"].append(entry)
    bundle.refused_config("process.env[2]")


@pytest.mark.parametrize("uid, home", [(0, "/root"), (1000, "/home/user"), (4242, "/")])
def test_home_comes_from_the_passwd_of_the_image(bundle, uid, home):
    """C-PROC-07."""
    bundle.process["user"] = {"uid": uid, "gid": 0}
    assert f"HOME={home}" in bundle.run_probe().environ


@pytest.mark.parametrize("uid, home", [(0, "/root"), (7, "/last"), (8, "/")])
def test_last_line_of_passwd_may_lack_its_newline(bundle, uid, home):
    """C-PROC-07."""
    (bundle.rootfs / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nx:x:7:7::/last:/bin/sh")
    bundle.process["user"] = {"uid": uid, "gid": 0}
    assert f"HOME={home}" in bundle.run_probe().environ


def test_home_without_passwd_is_the_root(bundle):
    """C-PROC-07."""
    (bundle.rootfs / "etc/passwd").unlink()
    assert "HOME=/" in bundle.run_probe().environ


def test_home_that_is_given_stays(bundle):
    """C-PROC-07."""
    bundle.process["env"] = ["HOME=/somewhere"]
    assert bundle.run_probe().environ == ["HOME=/somewhere"]


@pytest.mark.parametrize("kind", ["fifo", "device", "directory", "huge", "loop"])
def test_hostile_passwd_does_not_stop_or_flood_us(bundle, kind):
    """S-83, I-16, I-29."""
    passwd = bundle.rootfs / "etc/passwd"
    passwd.unlink()
    if kind == "fifo":
        os.mkfifo(passwd)
    elif kind == "device":
        passwd.symlink_to("/dev/zero")
    elif kind == "directory":
        passwd.mkdir()
    elif kind == "huge":
        with open(passwd, "wb") as file:
            file.truncate(10 << 30)
    else:
        passwd.symlink_to("passwd")
    assert "HOME=/" in bundle.run_probe(timeout=10).environ


# --- working directory ----------------------------------------------------------------------------

def test_working_directory(bundle):
    """C-PROC-03."""
    bundle.process["cwd"] = "/tmp"
    assert bundle.run_probe().cwd == "/tmp"


@pytest.mark.parametrize("cwd", ["tmp", "", "./"])
def test_relative_working_directory_is_refused(bundle, cwd):
    """C-PROC-03, S-69."""
    bundle.process["cwd"] = cwd
    bundle.refused_config("process.cwd")


def test_missing_working_directory_member_is_refused(bundle):
    """C-PROC-03."""
    del bundle.process["cwd"]
    bundle.refused_config("process", "cwd")


def test_working_directory_that_the_image_lacks_is_made(bundle):
    """C-PROC-04."""
    bundle.process["cwd"] = "/srv/new/place"
    seen, stat = bundle.run_probe("report", "stat /srv/new/place")
    assert seen.cwd == "/srv/new/place"
    assert stat.mode == 0o755


def test_working_directory_that_is_a_file_is_refused(bundle):
    """C-PROC-03, engine-contracts 3."""
    bundle.process["cwd"] = "/etc/hosts"
    line = bundle.refused()
    assert 'chdir to cwd ("/etc/hosts") set in config.json failed: not a directory' in line


def test_working_directory_that_only_the_user_may_enter(bundle):
    """C-PROC-05: root of a container without CAP_DAC_OVERRIDE, directory 0700 of the user."""
    home = bundle.rootfs / "home/user"
    home.mkdir(parents=True)
    os.chown(home, 1000, 1000)
    home.chmod(0o700)
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["cwd"] = "/home/user"
    assert bundle.run_probe().cwd == "/home/user"


def test_working_directory_that_only_root_may_enter(bundle):
    """C-PROC-05."""
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["cwd"] = "/root"
    assert bundle.run_probe().cwd == "/root"


def test_working_directory_behind_a_symlink_stays_inside(bundle):
    """I-08, S-16."""
    (bundle.rootfs / "link").symlink_to("/../../../../tmp")
    bundle.process["cwd"] = "/link"
    assert bundle.run_probe().cwd == "/tmp"


@pytest.mark.parametrize("fd", [0, 1, 3, 5, 7, 8, 9, 10, 12, 15, 20])
def test_working_directory_through_a_descriptor_of_ours_is_refused(bundle, fd):
    """S-15, S-84, I-08 (CVE-2024-21626)."""
    bundle.process["cwd"] = f"/proc/self/fd/{fd}/../../.."
    bundle.probe("report")
    result = bundle.run()
    if result.code == 0:
        assert result.lines[0].cwd.startswith("/") and "unreachable" not in result.lines[0].cwd
    else:
        assert result.code == 1


# --- the rest -------------------------------------------------------------------------------------

@pytest.mark.parametrize("value", [True, False])
def test_no_new_privileges(bundle, value):
    """C-PROC-11."""
    bundle.process["noNewPrivileges"] = value
    assert bundle.run_probe().no_new_privs == int(value)


def test_no_new_privileges_is_off_by_default(bundle):
    """C-PROC-11."""
    del bundle.process["noNewPrivileges"]
    assert bundle.run_probe().no_new_privs == 0


def test_no_new_privileges_comes_before_the_filter(bundle):
    """C-PROC-11: a filter that forbids prctl does not hinder it."""
    bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["prctl"], "action": "SCMP_ACT_ERRNO"}]}
    seen = bundle.run_probe()
    assert status_field(seen, "NoNewPrivs") == "1" and status_field(seen, "Seccomp") == "2"


@pytest.mark.parametrize("value", [0, 100, 1000])
def test_oom_score(bundle, value):
    """C-PROC-12, C-PROC-14."""
    bundle.process["oomScoreAdj"] = value
    assert bundle.run_probe().oom_score_adj == str(value)


@requires("sys-resource")
def test_oom_score_of_a_user_in_a_user_namespace(bundle):
    """C-PROC-12: written with the runtime's rights, not with those of the process."""
    bundle.user_namespace()
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["oomScoreAdj"] = -500
    assert bundle.run_probe().oom_score_adj == "-500"


def test_oom_score_0_is_not_unset(bundle):
    """C-PROC-14: the caller's 500 goes down to 0."""
    def caller():
        default_signals()
        pathlib.Path("/proc/self/oom_score_adj").write_text("500")
    bundle.process["oomScoreAdj"] = 0
    assert bundle.run_probe(preexec_fn=caller).oom_score_adj == "0"


def test_oom_score_is_inherited_when_unset(bundle):
    """C-PROC-13."""
    def caller():
        default_signals()
        pathlib.Path("/proc/self/oom_score_adj").write_text("300")
    assert bundle.run_probe(preexec_fn=caller).oom_score_adj == "300"


@pytest.mark.parametrize("value", [1001, -1001, 5000])
def test_oom_score_out_of_range_is_refused(bundle, value):
    """C-PROC-12, S-69."""
    bundle.process["oomScoreAdj"] = value
    bundle.refused_config("process.oomScoreAdj")


def test_process_is_dumpable_again_and_outlives_us(bundle):
    """C-PROC-20: not dumpable until exec; the caller's death signal does not stick."""
    seen = bundle.run_probe()
    assert seen.dumpable == 1
    assert seen.pdeathsig == 0


def test_process_cannot_be_looked_into_before_it_is_the_program(bundle):
    """C-PROC-20, CVE-2016-9962: not even by one with the same user id and the same (no) capabilities,
    who can look into the program itself."""
    def look():
        return subprocess.run(["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups",
                               "ls", f"/proc/{bundle.state().pid}/fd/"],
                              capture_output=True, check=False).returncode

    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["capabilities"] = {}
    bundle.probe("sleep")
    bundle.create()
    assert look() != 0
    bundle.start()
    wait_until(lambda: look() == 0, "the program can be looked into")


def test_command_line_of_windows_is_ignored(bundle):
    """C-PROC-19: an unknown key on Linux, whatever is in it."""
    bundle.process["commandLine"] = {"not": ["even", 1, "string"]}
    assert bundle.run_probe().argv == ["/probe"]


def test_securebits_are_reset(bundle):
    """I-17."""
    assert bundle.run_probe().securebits == 0


def test_empty_label_is_no_label(bundle):
    """R-BUND-14: what Go callers write for "unset"."""
    bundle.process["apparmorProfile"] = bundle.process["selinuxLabel"] = ""
    bundle.linux["mountLabel"] = ""
    bundle.run_probe()
