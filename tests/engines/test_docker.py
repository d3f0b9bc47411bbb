# SPDX-License-Identifier: Apache-2.0
"""Docker, one container at a time (engine-contracts 3 to 5)."""

import pathlib
import time

import pytest

from conftest import Daemon
from engines import RUNTIME, TOOLS, fetch_when_up, on_terminal, run, wait_until


def inspect(docker, name, what):
    return docker("inspect", "-f", "{{%s}}" % what, name).text


@pytest.mark.short
def test_life_of_a_container(docker, tmp_path):
    """run -d, exec, exec -it, logs, top, stats, cp, pause, update, kill, stop, rm."""
    assert docker("info", "-f", "{{.DefaultRuntime}}").text == "tested"
    docker("run", "-d", "--name", "web", "--init", TOOLS, "sh", "-c",
           "trap 'echo bye; exit 3' TERM; echo hello; while :; do sleep 0.1; done")
    if RUNTIME == "cruntime":
        ids = [p.parent.name for p in pathlib.Path("/run/docker").glob("runtime-*/moby/*/claim.json")]
        assert inspect(docker, "web", ".Id") in ids
    assert docker("exec", "web", "echo", "inside").text == "inside"
    docker("exec", "web", "sh", "-c", "exit 9", code=9)
    code, seen = on_terminal("docker", "exec", "-it", "web", "sh", "-c", "tty; sleep 0.5; stty size; exit 6")
    assert code == 6 and "/dev/pts/0" in seen and "30 100" in seen
    code, seen = on_terminal("docker", "exec", "-it", "web", "sh", say="echo $((6 * 7)); exit 8\n")
    assert code == 8 and "42" in seen
    wait_until(lambda: "hello" in docker("logs", "web").out, "the log")
    assert "sleep" in docker("top", "web").out or "sh -c" in docker("top", "web").out
    assert "web" in docker("stats", "--no-stream", "web").out
    (tmp_path / "file").write_text("copied")
    docker("cp", tmp_path / "file", "web:/tmp/file")
    assert docker("exec", "web", "cat", "/tmp/file").text == "copied"
    docker("pause", "web")
    assert inspect(docker, "web", ".State.Status") == "paused"
    docker("unpause", "web")
    docker("update", "--restart=on-failure:2", "web")
    docker("stop", "-t", "20", "web")
    assert "bye" in docker("logs", "web").out
    docker("rm", "web")


@pytest.mark.short
def test_kill_and_restart_policy(docker):
    docker("run", "-d", "--name", "retry", "--restart=on-failure:2", TOOLS, "sh", "-c", "exit 3")
    wait_until(lambda: inspect(docker, "retry", ".RestartCount") == "2"
               and inspect(docker, "retry", ".State.Status") == "exited", "two more attempts")
    docker("run", "-d", "--name", "always", "--restart=always", TOOLS, "sh", "-c",
           "echo up; sleep 1000")
    first = inspect(docker, "always", ".State.Pid")
    run("kill", "-9", first)
    wait_until(lambda: inspect(docker, "always", ".State.Pid") not in ("0", first), "a new process")
    docker("kill", "always")
    assert inspect(docker, "always", ".State.ExitCode") == "137"


@pytest.mark.short
@pytest.mark.parametrize("words, code", [
    (["/nonexist"], 127), (["nonexist"], 127), (["/etc/passwd"], 126), (["/etc"], 126),
    (["sh", "-c", "exit 42"], 42), (["sh", "-c", "sh -c 'kill -9 $$'; exit $?"], 137)])
def test_exit_codes(docker, words, code):
    """engine-contracts 3; runc and we, not crun, make docker run exit with 127 and 126."""
    docker("run", "--rm", TOOLS, *words, code=code)


@pytest.mark.parametrize("words, code", [
    (["/nonexist"], 127), (["nonexist"], 127), (["/etc/passwd"], 126), (["/etc"], 126)])
def test_exit_codes_of_exec(docker, words, code):
    docker("run", "-d", "--name", "box", TOOLS, "sleep", "1000")
    # Docker 20.10 and 26 have one status for all of them, with runc as well.
    old = int(docker("version", "-f", "{{.Server.Version}}").text.split(".")[0]) < 28
    docker("exec", "box", *words, code=126 if old else code)
    docker("exec", "-w", "/missing", "box", "true", code=126 if old else 127)


def in_container(docker, *options, script, code=0):
    return docker("run", "--rm", *options, TOOLS, "sh", "-c", script, code=code).text


def test_init(docker):
    assert "docker-init" in in_container(docker, "--init", script="cat /proc/1/cmdline") or \
        "init" in in_container(docker, "--init", script="cat /proc/1/comm")


def test_no_descriptor_of_the_engine_gets_in(docker):
    """The shim leaks its sockets and inotify descriptors to the runtime (engine-contracts 4)."""
    docker("run", "-d", "--name", "box", TOOLS, "sleep", "1000")
    assert docker("exec", "box", "ls", "/proc/1/fd").out.split() == ["0", "1", "2"]
    seen = docker("exec", "box", "sh", "-c", "ls /proc/$$/fd; echo").out.split()
    assert seen == ["0", "1", "2"]


def test_health_checks(docker):
    docker("run", "-d", "--name", "sick", "--health-cmd", "test -e /tmp/well", "--health-interval",
           "0.3s", "--health-retries", "2", TOOLS, "sleep", "1000")
    wait_until(lambda: inspect(docker, "sick", ".State.Health.Status") == "unhealthy", "unhealthy")
    docker("exec", "sick", "touch", "/tmp/well")
    wait_until(lambda: inspect(docker, "sick", ".State.Health.Status") == "healthy", "healthy")


def test_volumes(docker, tmp_path):
    """A named volume keeps data and is filled from the image; a bind shows the host's files."""
    assert in_container(docker, "-v", "vol:/data", script="cat /data/seed") == "from the image"
    in_container(docker, "-v", "vol:/data", script="echo kept >/data/new")
    assert in_container(docker, "-v", "vol:/data", script="cat /data/new") == "kept"
    docker("volume", "rm", "vol")
    (tmp_path / "x").write_text("host")
    assert in_container(docker, "-v", f"{tmp_path}:/h:ro",
                        script="cat /h/x; touch /h/y 2>/dev/null || echo refused") == "hostrefused"
    assert not (tmp_path / "y").exists()


def test_read_only_binds_are_so_all_the_way_down(docker, tmp_path):
    """`features` announces rro, so newer Docker makes every :ro mount recursively read-only."""
    (tmp_path / "sub").mkdir()
    run("mount", "-t", "tmpfs", "sub", tmp_path / "sub")
    try:
        version = int(docker("version", "-f", "{{.Server.Version}}").text.split(".")[0])
        seen = in_container(docker, "-v", f"{tmp_path}:/h:ro",
                            script="touch /h/sub/y 2>/dev/null && echo written || echo refused")
        if version >= 25:
            assert seen == "refused"
    finally:
        run("umount", tmp_path / "sub")


def test_tmpfs(docker):
    seen = in_container(docker, "--tmpfs", "/scratch:rw,noexec,size=1m",
                        script="grep scratch /proc/mounts; dd if=/dev/zero of=/scratch/f bs=1M "
                               "count=2 2>/dev/null || echo full")
    assert "noexec" in seen and "size=1024k" in seen and "full" in seen


def test_devices(docker):
    """An added device can be used, one that was not added cannot."""
    script = "mknod /tmp/zero c 1 5 && head -c1 /tmp/zero | wc -c; " \
             "mknod /tmp/loop b 7 0 && head -c1 /tmp/loop 2>&1; ls -l /dev/full2"
    seen = in_container(docker, "--cap-add", "MKNOD", "--device", "/dev/full:/dev/full2",
                        script=script)
    assert seen.startswith("1") and "not permitted" in seen and "/dev/full2" in seen


def test_ulimits_and_sysctls(docker):
    seen = in_container(docker, "--ulimit", "nofile=77:88", "--sysctl", "net.ipv4.ip_forward=1",
                        "--sysctl", "kernel.msgmax=1234",
                        script="ulimit -Sn; ulimit -Hn; cat /proc/sys/net/ipv4/ip_forward "
                               "/proc/sys/kernel/msgmax")
    assert seen.split() == ["77", "88", "1", "1234"]


def test_read_only_root(docker):
    seen = in_container(docker, "--read-only", "--tmpfs", "/run",
                        script="touch /x 2>/dev/null || echo ro; touch /run/x && echo rw")
    assert seen.split() == ["ro", "rw"]


def test_user_and_groups(docker):
    assert in_container(docker, "-u", "web", "--group-add", "5", script="id -u; id -G; echo ~") \
        .split() == ["1000", "1000", "5", "/home/web"]


def test_capabilities(docker):
    seen = in_container(docker, "--cap-drop", "ALL", "--cap-add", "CHOWN",
                        script="grep CapEff /proc/self/status; chown 1 /tmp && echo chown; "
                               "chmod 0 /tmp; mknod /x c 1 3 2>/dev/null || echo refused")
    assert "0000000000000001" in seen and "chown" in seen and "refused" in seen
    seen = in_container(docker, "--privileged", script="grep CapBnd /proc/self/status")
    assert int(seen.split()[1], 16).bit_count() > 35


def test_seccomp(docker, tmp_path):
    assert "Seccomp:\t2" in in_container(docker, script="grep Seccomp: /proc/self/status")
    assert "Seccomp:\t0" in in_container(docker, "--security-opt", "seccomp=unconfined",
                                         script="grep Seccomp: /proc/self/status")
    profile = tmp_path / "profile.json"
    profile.write_text('{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],'
                       '"action":"SCMP_ACT_ERRNO","errnoRet":38}]}')
    assert "not implemented" in in_container(docker, "--security-opt", f"seccomp={profile}",
                                             script="mkdir /x 2>&1; true")


def test_security_options(docker):
    seen = in_container(docker, "--security-opt", "no-new-privileges",
                        script="grep NoNewPrivs /proc/self/status; cat /proc/kcore | wc -c; "
                               "ls /proc/acpi 2>/dev/null | wc -l; "
                               "echo 1 >/proc/sys/vm/drop_caches || true")
    assert "NoNewPrivs:\t1" in seen


def test_hostname_domain_and_hosts(docker):
    seen = in_container(docker, "-h", "box", "--domainname", "example.org", "--add-host",
                        "db:10.9.8.7", script="hostname; cat /proc/sys/kernel/domainname; "
                                              "grep db /etc/hosts")
    assert seen.split() == ["box", "example.org", "10.9.8.7", "db"]


def test_joined_namespaces(docker):
    docker("run", "-d", "--name", "first", "--ipc=shareable", TOOLS, "sleep", "1000")
    here = docker("exec", "first", "sh", "-c", "readlink /proc/1/ns/net; readlink /proc/1/ns/ipc").text
    there = in_container(docker, "--network", "container:first", "--ipc", "container:first",
                         "--pid", "container:first",
                         script="readlink /proc/self/ns/net; readlink /proc/self/ns/ipc; ps | grep -c '[s]leep 1000'")
    assert there.split() == [*here.split(), "1"]
    assert in_container(docker, "--pid=host", "--network=host", "--uts=host",
                        script="cat /proc/1/comm; hostname").split()[-1] == \
        run("hostname").text


def test_published_port_and_networks(docker):
    """Bridge, a network of one's own with names, a published port answered over HTTP."""
    docker("network", "create", "net1")
    docker("run", "-d", "--name", "web", "--network", "net1", "-p", "127.0.0.1:18080:80", TOOLS,
           "httpd", "-f", "-h", "/var/www")
    assert fetch_when_up(18080) == (200, "hello from the container\n")
    seen = in_container(docker, "--network", "net1", script="wget -qO- http://web/")
    assert seen == "hello from the container"
    docker("rm", "-f", "web")
    docker("network", "rm", "net1")


def test_userns_remap(containerd, tools_archive, tmp_path):
    """Root of the containers is nobody on the host. A dockerd of its own, and a network of its own:
    one without a bridge takes that of the other one away."""
    del containerd
    socket = f"unix://{tmp_path}/docker.sock"
    daemon = Daemon("dockerd-remap", [
        "unshare", "-n", "dockerd", "--containerd", "/run/containerd/containerd.sock",
        "--userns-remap=dockremap",
        "--data-root", "/var/tmp/remap", "--exec-root", "/run/docker-remap", "--bridge=none",
        "--iptables=false", "-H", socket, "-p", f"{tmp_path}/pid"], ["docker", "-H", socket, "version"])
    docker = ["docker", "-H", socket]
    try:
        run(*docker, "load", "-i", tools_archive)
        run(*docker, "run", "-d", "--name", "remapped", "-v", "vol:/data", TOOLS, "sleep", "1000")
        seen = run(*docker, "exec", "remapped", "sh", "-c",
                   "id -u; cat /proc/self/uid_map; echo x >/data/new && ls -ln /data/new").out.split()
        assert seen[:4] == ["0", "0", "2000000", "65536"] and seen[6] == "0"
        pid = run(*docker, "inspect", "-f", "{{.State.Pid}}", "remapped").text
        assert pathlib.Path(f"/proc/{pid}").stat().st_uid == 2000000
        assert run(*docker, "run", "--rm", "--userns=host", TOOLS, "cat",
                   "/proc/self/uid_map").out.split() == ["0", "0", "4294967295"]
        run(*docker, "rm", "-f", "remapped")
    finally:
        daemon.stop()


def test_commit_and_diff(docker):
    docker("run", "--name", "made", TOOLS, "sh", "-c", "echo new >/srv/made")
    assert "A /srv/made" in docker("diff", "made").out
    docker("commit", "made", "localhost/made:1")
    assert docker("run", "--rm", "localhost/made:1", "cat", "/srv/made").text == "new"


def test_attach_and_stdin(docker):
    assert docker("run", "--rm", "-i", TOOLS, "sh", "-c", "cat; echo end", stdin=None,
                  input="line\n").text == "line\nend"
    assert docker("run", "--rm", "-i", TOOLS, "wc", "-c", stdin=None,
                  input="x" * 300000).text == "300000"
    code, seen = on_terminal("docker", "run", "--rm", "-it", TOOLS, "sh", say="stty size; exit 5\n")
    assert code == 5 and "30 100" in seen


def test_docker_in_namespace_of_the_host_cgroup(docker):
    script = "grep ^0:: /proc/self/cgroup"
    assert "/docker/" in in_container(docker, "--cgroupns", "host", script=script)
    assert in_container(docker, "--cgroupns", "private", script=script) == "0::/"


def test_a_hundred_runs_leave_nothing_behind(docker):
    """cgroups, state directories, mounts: as before."""
    def things():
        return (sorted(str(p) for p in pathlib.Path("/sys/fs/cgroup").glob("docker/*")),
                sorted(str(p) for p in pathlib.Path("/run/docker").glob("runtime-*/moby/*")))
    docker("run", "--rm", TOOLS, "true")
    before = things()
    begin = time.monotonic()
    for _ in range(20):
        docker("run", "--rm", "--network", "none", TOOLS, "true")
    print(f"{(time.monotonic() - begin) / 20:.3f} s for each docker run --rm")
    assert things() == before


@pytest.mark.limits
def test_limits(docker):
    script = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max"
    seen = in_container(docker, "-m", "64m", "--pids-limit", "20", "--cpus", "0.5", script=script)
    assert seen.split() == ["67108864", "20", "50000", "100000"]


@pytest.mark.limits
def test_update_of_limits(docker):
    docker("run", "-d", "--name", "box", "-m", "64m", TOOLS, "sleep", "1000")
    docker("update", "-m", "96m", "--memory-swap", "96m", "--pids-limit", "33", "--cpus", "0.25", "box")
    seen = docker("exec", "box", "sh", "-c",
                  "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max").text
    assert seen.split() == ["100663296", "33", "25000", "100000"]


@pytest.mark.limits
def test_out_of_memory_is_reported(docker):
    """The shim looks for the event while the cgroup goes away, and misses it now and then, with any
    runtime: it has to come once in five tries."""
    reports = set()
    for i in range(5):
        name = f"eater{i}"
        docker("run", "--name", name, "-m", "16m", "--memory-swap", "16m", TOOLS, "sh", "-c",
               "x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done", code=137)
        time.sleep(2)
        reports.add(inspect(docker, name, ".State.OOMKilled"))
        if "true" in reports:
            return
    raise AssertionError(f"five times killed, reported: {reports}")
