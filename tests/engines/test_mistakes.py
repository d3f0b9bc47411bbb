# SPDX-License-Identifier: Apache-2.0
"""The user's mistakes: exit status and message, through each engine, are those of runc or better.

Every test records what it saw as the property "mistake" of results.xml. Some mistakes never reach a
runtime: they are here so that a table of all of them can be made for several runtimes.
"""

import json
import os
import re

import pytest

from engines import BINARY, CGROUP, RUNTIME, TOOLS

# Not each of them starts a container.
pytestmark = pytest.mark.unused

BOX = "box"  # the container of exec


def allowed(ours, *others):
    """The exit status of a failure, and what runc and crun make of it in some versions."""
    return (ours,) if RUNTIME == "cruntime" else (ours, *others)


class Engine:
    """docker or podman, `run` or `exec`, which ends at once with an error."""

    def __init__(self, name, verb, call, record):
        self.name, self.verb, self.call, self.record = name, verb, call, record
        self.old_docker = name == "docker" and int(
            call("version", "-f", "{{.Server.Version}}").text.split(".")[0]) < 28

    def pick(self, docker, podman):
        return docker if self.name == "docker" else podman

    def refuses(self, *options, words=("true",), code, says):
        """CODE: the exit status, or those of allowed(); SAYS: words that the user sees, each of them,
        in any case."""
        if self.verb == "run":
            network = [] if {"--network", "-p"} & set(options) else ["--network", "none"]
            command = ["run", "--rm", *network, *options, TOOLS, *words]
        else:
            command = ["exec", *options, BOX, *words]
        seen = self.call(*command, code=None)
        # docker exec of old says it on stdout.
        text = " ".join(f"{seen.err} {seen.out}".split())
        self.record("mistake", json.dumps([f"{self.name} {self.verb}", seen.code, text]))
        assert seen.code in (code if isinstance(code, tuple) else (code,)), seen
        missing = [word for word in says if word.lower() not in text.lower()]
        assert not missing, f"{missing} not in: {text}"


@pytest.fixture(autouse=True)
def controllers(request):
    """What runc and crun cannot do without, and fail for before they look at the mistake."""
    there = (CGROUP / "cgroup.controllers").read_text().split()
    lacking = {"runc": "cpu" if "ctr_refuses" in request.fixturenames else None, "crun": "io"}.get(RUNTIME)
    if lacking and lacking not in there:
        pytest.skip(f"{RUNTIME} needs the {lacking} controller, which cgroup2 lacks here")


@pytest.fixture(params=["docker", "podman"])
def mistake(request, record_property):
    """`run` of an engine."""
    return Engine(request.param, "run", request.getfixturevalue(request.param), record_property)


@pytest.fixture(params=["docker", "podman"])
def exec_mistake(request, record_property):
    """`exec` of an engine, into a container that runs."""
    call = request.getfixturevalue(request.param)
    call("run", "-d", "--name", BOX, "--network", "none", TOOLS, "sleep", "1000")
    return Engine(request.param, "exec", call, record_property)


@pytest.fixture
def ctr_refuses(ctr, request, record_property):
    """`ctr run` has one exit status for all; ctr prints the message as it is."""
    def call(*options, words=("true",), says):
        name = re.sub("[^a-z]+", "-", request.node.name).strip("-")[:60]
        seen = ctr("run", "--runc-binary", BINARY, "--rm", *options, TOOLS, name, *words, code=None)
        text = " ".join(seen.err.split())
        record_property("mistake", json.dumps(["ctr run", seen.code, text]))
        assert seen.code == 1, seen
        missing = [word for word in says if word.lower() not in text.lower()]
        assert not missing, f"{missing} not in: {text}"
    return call


# --- the program ----------------------------------------------------------------------------------

def test_command_that_is_not_found(mistake):
    mistake.refuses(words=["nonexist"], code=127,
                    says=['"nonexist"', "executable file not found in $PATH"])


def test_path_that_is_missing(mistake):
    mistake.refuses(words=["/nonexist"], code=127, says=['"/nonexist"', "no such file or directory"])


def test_program_that_is_not_executable(mistake):
    mistake.refuses(words=["/etc/passwd"], code=126, says=['"/etc/passwd"', "permission denied"])


def test_program_that_is_a_directory(mistake):
    """runc 1.3 says only "is a directory", which podman exec does not know."""
    mistake.refuses(words=["/etc"], code=126, says=['"/etc"'])


def made_by_host(directory, text):
    """An executable file with a text that execve refuses."""
    file = directory / "program"
    file.write_text(text)
    file.chmod(0o755)
    return ["-v", f"{file}:/program"]


# With the others the container has already started, prints the error among its own output and ends
# with 1 or 255: `docker run -d` succeeds. We tell the engine, which tells the user.

def test_program_of_an_unknown_format(mistake, tmp_path):
    mistake.refuses(*made_by_host(tmp_path, "\0garbage"), words=["/program"],
                    code=allowed(mistake.pick(125, 126), 1, 255),
                    says=["/program", "exec format error"])


def test_script_whose_interpreter_is_missing(mistake, tmp_path):
    mistake.refuses(*made_by_host(tmp_path, "#!/nonexist\n"), words=["/program"],
                    code=allowed(mistake.pick(127, 126), 1, 255),
                    says=["/program", "no such file or directory"])


def test_working_directory_that_is_a_file(mistake):
    mistake.refuses("-w", "/etc/passwd", code=mistake.pick(125, 126),
                    says=["/etc/passwd", "not a directory"])


# --- the program of exec --------------------------------------------------------------------------
# Before Docker 28 every failure of exec is 126.

def test_exec_of_a_command_that_is_not_found(exec_mistake):
    exec_mistake.refuses(words=["nonexist"], code=126 if exec_mistake.old_docker else 127,
                         says=['"nonexist"', "executable file not found in $PATH"])


def test_exec_of_a_path_that_is_missing(exec_mistake):
    exec_mistake.refuses(words=["/nonexist"], code=126 if exec_mistake.old_docker else 127,
                         says=['"/nonexist"', "no such file or directory"])


def test_exec_of_a_program_that_is_not_executable(exec_mistake):
    exec_mistake.refuses(words=["/etc/passwd"], code=126, says=['"/etc/passwd"', "permission denied"])


def test_exec_of_a_directory(exec_mistake):
    exec_mistake.refuses(words=["/etc"], code=allowed(126, 255), says=['"/etc"'])


def test_exec_in_a_working_directory_that_is_missing(exec_mistake):
    exec_mistake.refuses("-w", "/missing", code=126 if exec_mistake.old_docker else 127,
                         says=["/missing", "no such file or directory"])


def test_exec_in_a_working_directory_that_is_a_file(exec_mistake):
    code = exec_mistake.pick(126 if exec_mistake.old_docker else 127, 255)
    exec_mistake.refuses("-w", "/etc/passwd", code=code, says=["/etc/passwd", "not a directory"])


@pytest.mark.parametrize("user", ["nosuch", "12x"])
def test_exec_as_a_user_who_does_not_exist(exec_mistake, user):
    code = exec_mistake.pick(126 if exec_mistake.old_docker else 1, 255)
    exec_mistake.refuses("-u", user, code=code, says=["unable to find user", user])


# --- mounts ---------------------------------------------------------------------------------------

def test_bind_mount_without_a_source(mistake, tmp_path):
    mistake.refuses("--mount", f"type=bind,source={tmp_path}/missing,target=/x", code=125,
                    says=[f"{tmp_path}/missing", mistake.pick("does not exist", "no such file or directory")])


def test_bind_mount_of_a_directory_onto_a_file(mistake, tmp_path):
    mistake.refuses("-v", f"{tmp_path}:/var/www/index.html", code=mistake.pick(125, 126),
                    says=["/var/www/index.html", "not a directory"])


def test_bind_mount_of_a_file_onto_a_directory(mistake, tmp_path):
    (tmp_path / "file").touch()
    mistake.refuses("-v", f"{tmp_path}/file:/srv", code=mistake.pick(125, 126),
                    says=["/srv", "not a directory"])


def test_bind_mount_below_a_file(mistake, tmp_path):
    """Docker adds "Are you trying to mount a directory onto a file" to these words."""
    mistake.refuses("-v", f"{tmp_path}:/etc/passwd/x", code=mistake.pick(125, 126),
                    says=["/etc/passwd/x", "not a directory"])


def test_bind_mount_with_an_unknown_option(mistake, tmp_path):
    mistake.refuses("-v", f"{tmp_path}:/x:nope", code=125, says=["invalid", "nope"])


def test_device_onto_a_directory(mistake):
    """The others run the program without the device."""
    if RUNTIME != "cruntime":
        pytest.skip(f"no mistake for {RUNTIME}")
    mistake.refuses("--device", "/dev/full:/srv", code=mistake.pick(125, 126),
                    says=["/srv", "exists already: a directory"])


def test_tmpfs_with_an_unknown_option(mistake):
    mistake.refuses("--tmpfs", "/x:nope=1", code=125, says=["option", "nope"])


def test_tmpfs_with_a_bad_size(mistake):
    mistake.refuses("--tmpfs", "/x:size=abc", code=mistake.pick(125, 126),
                    says=["/x", "size=abc", "invalid argument"])


# --- users, capabilities, limits, sysctls, ports --------------------------------------------------

@pytest.mark.parametrize("user", ["nosuch", "12x"])
def test_user_who_does_not_exist(mistake, user):
    mistake.refuses("-u", user, code=mistake.pick(125, 126), says=["unable to find user", user])


def test_user_with_too_large_a_number(mistake):
    mistake.refuses("-u", "4294967296", code=mistake.pick(125, 126), says=["uids and gids", "range"])


def test_unknown_capability(mistake):
    mistake.refuses("--cap-add", "NOPE", code=125, says=["unknown capability", "CAP_NOPE"])


def test_port_in_use(mistake):
    if os.environ.get("TESTS_IN") != "native":
        pytest.skip("the guest has no bridge")
    options = ["-p", "127.0.0.1:18099:80"]
    mistake.call("run", "-d", "--name", "first", *options, TOOLS, "sleep", "1000")
    mistake.refuses(*options, code=mistake.pick(125, 126),
                    says=["127.0.0.1:18099", mistake.pick("already allocated", "already in use")])


def test_unknown_ulimit(mistake):
    mistake.refuses("--ulimit", "nope=1", code=125, says=["invalid ulimit type", "nope"])


def test_ulimit_whose_soft_limit_is_above_the_hard_one(mistake):
    mistake.refuses("--ulimit", "nofile=99:88", code=125, says=["soft limit", "hard limit"])


def test_ulimit_that_is_too_high(mistake):
    mistake.refuses("--ulimit", "nofile=99999999:99999999", code=mistake.pick(125, 126),
                    says=["rlimit", "not permitted"])


def test_sysctl_of_the_host(mistake):
    mistake.refuses("--sysctl", "vm.swappiness=10", code=125,
                    says=["sysctl", "vm.swappiness", mistake.pick("not", "not allowed")])


def test_sysctl_of_the_host_s_network(mistake):
    mistake.refuses("--network", "host", "--sysctl", "net.ipv4.ip_forward=1", code=125,
                    says=["net.ipv4.ip_forward", "host", "network", "namespace"])


def test_sysctl_of_the_host_s_ipc(mistake):
    mistake.refuses("--ipc", "host", "--sysctl", "kernel.msgmax=1234", code=mistake.pick(125, 126),
                    says=["sysctl", "kernel.msgmax", "ipc", "namespace"])


def test_sysctl_with_a_bad_value(mistake):
    mistake.refuses("--sysctl", "kernel.msgmax=lots", code=mistake.pick(125, 126),
                    says=["kernel", "msgmax", "invalid argument"])


def test_sysctl_that_does_not_exist(mistake):
    """With runc it is 127, "command not found", which it is not."""
    mistake.refuses("--sysctl", "net.nope=1", says=["nope", "no such"],
                    code=allowed(mistake.pick(125, 126), 127))


def test_host_name_that_is_too_long(mistake):
    mistake.refuses("-h", "x" * 70, code=mistake.pick(125, 126), says=["hostname"])


def test_unknown_action_in_a_seccomp_profile(mistake, tmp_path):
    (tmp_path / "profile.json").write_text('{"defaultAction": "SCMP_ACT_NOPE"}')
    mistake.refuses("--security-opt", f"seccomp={tmp_path}/profile.json",
                    code=mistake.pick(125, 126), says=["SCMP_ACT_NOPE", "seccomp"])


# --- the state of the container -------------------------------------------------------------------

def test_exec_in_a_paused_container(exec_mistake):
    exec_mistake.call("pause", BOX)
    try:
        exec_mistake.refuses(code=exec_mistake.pick(1, 255),
                             says=exec_mistake.pick(["is paused"], ["running containers"]))
    finally:
        exec_mistake.call("unpause", BOX)


def test_exec_in_a_stopped_container(exec_mistake):
    exec_mistake.call("stop", "-t", "0", BOX)
    exec_mistake.refuses(code=exec_mistake.pick(1, 255),
                         says=exec_mistake.pick(["is not running"], ["running containers"]))


def test_start_after_the_source_of_a_bind_mount_has_gone(mistake, tmp_path):
    """The engine has checked it at `create`; the error is ours, and must name it."""
    (tmp_path / "source").mkdir()
    mistake.call("create", "--name", "late", "--network", "none", "--mount",
                 f"type=bind,source={tmp_path}/source,target=/x", TOOLS, "true")
    (tmp_path / "source").rmdir()
    seen = mistake.call("start", "late", code=None)
    mistake.record("mistake", json.dumps([f"{mistake.name} start", seen.code, " ".join(seen.err.split())]))
    assert seen.code == mistake.pick(1, 125) and f"{tmp_path}/source" in seen.err, seen


# --- ctr ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("words, says", [
    (["nonexist"], '"nonexist": executable file not found in $PATH'),
    (["/nonexist"], "no such file or directory"),
    (["/etc/passwd"], '"/etc/passwd": permission denied'),
    (["/etc"], '"/etc"')], ids=["not-found", "missing", "not-executable", "directory"])
def test_ctr_with_a_bad_program(ctr_refuses, words, says):
    ctr_refuses(words=words, says=[says])


def test_ctr_with_a_working_directory_that_is_a_file(ctr_refuses):
    ctr_refuses("--cwd", "/etc/passwd", says=["/etc/passwd", "not a directory"])


def test_ctr_with_a_bind_mount_without_a_source(ctr_refuses, tmp_path):
    ctr_refuses("--mount", f"type=bind,src={tmp_path}/missing,dst=/x,options=rbind",
                says=[f"{tmp_path}/missing", "no such"])


def test_ctr_with_a_directory_bound_onto_a_file(ctr_refuses, tmp_path):
    ctr_refuses("--mount", f"type=bind,src={tmp_path},dst=/etc/passwd,options=rbind",
                says=["/etc/passwd", "not a directory"])


def test_ctr_with_an_unknown_file_system(ctr_refuses):
    ctr_refuses("--mount", "type=nope,src=nope,dst=/x", says=["/x", "no such device"])


def test_ctr_with_an_unknown_option_of_tmpfs(ctr_refuses):
    ctr_refuses("--mount", "type=tmpfs,src=tmpfs,dst=/x,options=nope=1", says=["/x", "nope=1", "invalid argument"])


def test_ctr_with_a_namespace_that_does_not_exist(ctr_refuses):
    ctr_refuses("--with-ns", "network:/nonexist", says=["/nonexist", "no such"])
