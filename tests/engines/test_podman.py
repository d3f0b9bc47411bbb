# SPDX-License-Identifier: Apache-2.0
"""podman with conmon, and buildah (engine-contracts 7, 8)."""

import pathlib
import shutil

import pytest

from engines import RUNTIME, TOOLS, fetch_when_up, on_terminal, run, wait_until


def inspect(podman, name, what):
    return podman("inspect", "-f", "{{%s}}" % what, name).text


@pytest.mark.short
def test_life_of_a_container(podman):
    """run, exec, exec -it, logs, top, pause, kill, stop, rm."""
    assert podman("info", "-f", "{{.Host.OCIRuntime.Name}}").text == RUNTIME
    podman("run", "-d", "--name", "web", TOOLS, "sh", "-c",
           "trap 'echo bye; exit 3' TERM; echo hello; while :; do sleep 0.1; done")
    if RUNTIME == "cruntime":
        assert (pathlib.Path("/run/cruntime") / inspect(podman, "web", ".Id") / "claim.json").exists()
    assert podman("exec", "web", "echo", "inside").text == "inside"
    podman("exec", "web", "sh", "-c", "exit 9", code=9)
    code, seen = on_terminal("podman", "exec", "-it", "web", "sh", "-c", "tty; sleep 0.5; stty size; exit 6")
    assert code == 6 and "/dev/pts/0" in seen and "30 100" in seen
    wait_until(lambda: "hello" in podman("logs", "web").out, "the log")
    assert "sh" in podman("top", "web", "comm").out
    podman("pause", "web")
    assert inspect(podman, "web", ".State.Status") == "paused"
    podman("unpause", "web")
    podman("stop", "-t", "20", "web")
    assert "bye" in podman("logs", "web").out and inspect(podman, "web", ".State.ExitCode") == "3"
    podman("start", "web")
    podman("kill", "web")
    podman("rm", "-f", "-t", "0", "web")


@pytest.mark.short
@pytest.mark.parametrize("words, code", [
    (["/nonexist"], 127), (["nonexist"], 127), (["/etc/passwd"], 126), (["/etc"], 126),
    (["sh", "-c", "exit 42"], 42), (["sh", "-c", "sh -c 'kill -9 $$'; exit $?"], 137)])
def test_exit_codes(podman, words, code):
    """engine-contracts 3."""
    podman("run", "--rm", TOOLS, *words, code=code)


@pytest.mark.short
def test_pod(podman):
    """Members join the namespaces of the infra container."""
    podman("pod", "create", "--name", "pod", "--network", "none")
    podman("run", "-d", "--pod", "pod", "--name", "one", TOOLS, "httpd", "-f", "-h", "/var/www")
    seen = podman("run", "--rm", "--pod", "pod", TOOLS, "sh", "-c",
                  "ip link set lo up 2>/dev/null; wget -qO- http://127.0.0.1/").text
    assert seen == "hello from the container"
    podman("pod", "pause", "pod")
    podman("pod", "unpause", "pod")
    podman("pod", "stop", "-t", "0", "pod")
    podman("pod", "rm", "pod")


@pytest.mark.short
def test_healthcheck(podman):
    podman("run", "-d", "--name", "sick", "--health-cmd", "test -e /tmp/well",
           "--health-interval", "disable", TOOLS, "sleep", "1000")
    podman("healthcheck", "run", "sick", code=1)
    podman("exec", "sick", "touch", "/tmp/well")
    podman("healthcheck", "run", "sick")


@pytest.mark.short
def test_buildah(podman_tools, tmp_path):
    """from, run, commit; then a build by Containerfile."""
    del podman_tools
    runtime = ["--runtime", f"/opt/runtime/{RUNTIME}", "--isolation", "oci"]
    # The machine of the tests may lack the right to raise limits, which buildah's default asks for.
    ulimits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]
    name = run("buildah", "from", *ulimits, TOOLS).text
    assert run("buildah", "run", *runtime, "--network", "none", name, "--", "sh", "-c",
               "echo made >/srv/made; echo said").text == "said"
    run("buildah", "run", *runtime, "--network", "none", name, "--", "sh", "-c", "exit 3", code=3)
    # buildah leaves the write ends of this very output open: its end would never come.
    assert run("buildah", "run", *runtime, "--network", "none", name, "--", "sh", "-c",
               "ls /proc/$$/fd; echo").out.split() == ["0", "1", "2"]
    run("buildah", "commit", name, "localhost/made:b")
    run("buildah", "rm", name)
    (tmp_path / "Containerfile").write_text("FROM localhost/made:b\nRUN echo more >>/srv/made\n"
                                            "USER web\nRUN id -u >/tmp/id\nCMD cat /srv/made /tmp/id\n")
    run("buildah", "bud", *runtime, *ulimits, "--network", "none", "-t", "localhost/made:c", tmp_path)
    seen = run("podman", "run", "--rm", "--network", "none", "localhost/made:c").text
    assert seen.split() == ["made", "more", "1000"]


def in_container(podman, *options, script, code=0):
    return podman("run", "--rm", "--network", "none", *options, TOOLS, "sh", "-c", script,
                  code=code).text


def test_no_descriptor_of_the_engine_gets_in(podman):
    """podman passes whatever its own caller had open (engine-contracts 4)."""
    podman("run", "-d", "--name", "box", "--network", "none", TOOLS, "sleep", "1000")
    assert podman("exec", "box", "ls", "/proc/1/fd").out.split() == ["0", "1", "2"]


def test_network_and_published_port(podman):
    podman("run", "-d", "--name", "web", "-p", "127.0.0.1:18081:80", TOOLS, "httpd", "-f", "-h",
           "/var/www")
    assert fetch_when_up(18081) == (200, "hello from the container\n")


def test_volumes_and_tmpfs(podman, tmp_path):
    in_container(podman, "-v", "vol:/data", script="echo kept >/data/new")
    assert in_container(podman, "-v", "vol:/data", script="cat /data/new /data/seed") == \
        "kept\nfrom the image"
    podman("volume", "rm", "vol")
    (tmp_path / "x").write_text("host")
    assert in_container(podman, "-v", f"{tmp_path}:/h:ro,z",
                        script="cat /h/x; touch /h/y 2>/dev/null || echo refused") == "hostrefused"
    # tmpcopyup: podman's tmpfs has what the image had there.
    assert in_container(podman, "--tmpfs", "/data", script="cat /data/seed") == "from the image"


def test_user_namespaces(podman):
    seen = in_container(podman, "--uidmap", "0:100000:65536", script="cat /proc/self/uid_map; id -u")
    assert seen.split() == ["0", "100000", "65536", "0"]
    seen = in_container(podman, "--userns", "auto:size=2000", script="cat /proc/self/uid_map")
    assert seen.split()[2] == "2000"


def test_security(podman):
    seen = in_container(podman, "--cap-drop", "all", "--security-opt", "no-new-privileges",
                        "--read-only", script="grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status")
    assert "0000000000000000" in seen and "NoNewPrivs:\t1" in seen and "Seccomp:\t2" in seen
    seen = in_container(podman, "--privileged", script="grep CapBnd /proc/self/status")
    assert int(seen.split()[1], 16).bit_count() > 35


def test_init_and_preserved_descriptors(podman, tmp_path):
    assert "catatonit" in in_container(podman, "--init", script="cat /proc/1/cmdline") or \
        "init" in in_container(podman, "--init", script="cat /proc/1/cmdline")
    (tmp_path / "x").write_text("through a descriptor")
    seen = run("sh", "-c", 'exec 3<"$0"; exec "$@"', tmp_path / "x", "podman", "run", "--rm",
               "--network", "none", "--preserve-fds", "1", TOOLS, "cat", "/proc/self/fd/3").text
    assert seen == "through a descriptor"


def test_sdnotify_of_conmon(podman):
    """podman --sdnotify=container binds a directory and leaves the talking to conmon."""
    seen = podman("run", "--rm", "--network", "none", "--sdnotify=container", TOOLS, "sh", "-c",
                  "echo ${NOTIFY_SOCKET:-none}").text
    assert seen == "none"


def test_cgroups_disabled(podman):
    """--cgroup-manager disabled; known to podman by the drop-in that the program installs."""
    if RUNTIME == "runc":
        pytest.skip("runc has no --cgroup-manager")
    seen = podman("run", "--rm", "--network", "none", "--cgroups", "disabled", TOOLS, "cat",
                  "/proc/self/cgroup").text
    assert "libpod" not in seen


def test_cgroups_split_and_no_conmon(podman):
    for mode in ("no-conmon", "split"):
        podman("run", "--rm", "--network", "none", "--cgroups", mode, TOOLS, "true")


def test_hooks(podman, tmp_path):
    """A hooks directory becomes hooks of the config."""
    script = tmp_path / "hook.sh"
    script.write_text(f"#!/bin/sh\ncat >>{tmp_path}/out\n")
    script.chmod(0o755)
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks/one.json").write_text(
        '{"version":"1.0.0","hook":{"path":"%s"},"when":{"always":true},'
        '"stages":["createRuntime","poststart"]}' % script)
    run("podman", "--hooks-dir", tmp_path / "hooks", "run", "--rm", "--network", "none", TOOLS, "true")
    assert (tmp_path / "out").read_text().count('"ociVersion"') == 2


def test_systemd_mode(podman):
    """--systemd=always: a writable cgroup of its own, tmpfs mounts with tmpcopyup."""
    seen = in_container(podman, "--systemd=always",
                        script="mkdir /sys/fs/cgroup/x && echo made; grep -c tmpfs /proc/mounts")
    assert seen.split()[0] == "made"


def test_restart_policy(podman):
    podman("run", "-d", "--name", "retry", "--network", "none", "--restart", "on-failure:2", TOOLS,
           "sh", "-c", "exit 3")
    wait_until(lambda: inspect(podman, "retry", ".RestartCount") == "2", "two more attempts")


def test_play_kube(podman, tmp_path):
    (tmp_path / "pod.yaml").write_text(f"""
apiVersion: v1
kind: Pod
metadata: {{name: kube}}
spec:
  hostNetwork: true
  containers:
  - name: main
    image: {TOOLS}
    command: ["sh", "-c", "echo $WHO; sleep 1000"]
    env: [{{name: WHO, value: from-yaml}}]
""")
    podman("play", "kube", tmp_path / "pod.yaml")
    wait_until(lambda: "from-yaml" in podman("logs", "kube-main").out, "the log")
    podman("play", "kube", "--down", tmp_path / "pod.yaml")


@pytest.mark.limits
def test_limits(podman):
    seen = in_container(podman, "-m", "64m", "--pids-limit", "20", "--cpus", "0.5",
                        script="cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max")
    assert seen.split() == ["67108864", "20", "50000", "100000"]


def as_user(*words, code=0):
    """As a user who has nothing but a line in /etc/subuid."""
    script = 'export HOME=/home/user XDG_RUNTIME_DIR=/tmp/user-run; mkdir -p -m 700 $XDG_RUNTIME_DIR; ' \
             'cd; exec "$@"'
    return run("setpriv", "--reuid=900", "--regid=900", "--init-groups", "sh", "-c", script, "sh",
               *words, code=code)


def test_rootless(tools_archive, tmp_path):
    """A user namespace by newuidmap, no cgroup of its own, slirp4netns not needed."""
    uid = int(run("id", "-u", "user").text)
    assert uid == 900
    pathlib.Path("/home/user").mkdir(exist_ok=True)
    conf = pathlib.Path("/home/user/.config/containers/storage.conf")
    conf.parent.mkdir(parents=True, exist_ok=True)
    conf.write_text('[storage]\ndriver="vfs"\nrunroot="/tmp/user-run/containers"\n'
                    'graphroot="/home/user/storage"\n')
    run("chown", "-R", f"{uid}:{uid}", "/home/user")
    shutil.copy(tools_archive, "/home/user/tools.tar")
    options = ["podman"]
    as_user(*options, "load", "-i", "/home/user/tools.tar")
    seen = as_user(*options, "run", "--rm", "--network", "none", TOOLS, "sh", "-c",
                   "id -u; cat /proc/self/uid_map").out.split()
    assert seen[:4] == ["0", "0", "900", "1"]
    as_user(*options, "run", "-d", "--name", "c", "--network", "none", TOOLS, "sleep", "1000")
    assert as_user(*options, "exec", "c", "echo", "inside").text == "inside"
    as_user(*options, "kill", "c")
    as_user(*options, "rm", "-f", "c")
