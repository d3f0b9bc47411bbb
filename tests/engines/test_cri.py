# SPDX-License-Identifier: Apache-2.0
"""Pods of Kubernetes through containerd's CRI (engine-contracts 5, 13)."""

import pathlib

import pytest

from engines import CGROUP, RUNTIME, TOOLS, run, wait_until

grpc = pytest.importorskip("grpc", reason="python3-grpcio is not in this Debian")
import cri  # noqa: E402  (needs grpc)

NODE, CONTAINER, POD = 2, 1, 0
STATE = pathlib.Path("/run/containerd/runc/k8s.io")


pytestmark = pytest.mark.limit(300)


@pytest.fixture(scope="session")
def service(ctr, tools_archive):
    ctr("-n", "k8s.io", "image", "import", tools_archive)
    runtime = cri.Runtime()

    def ready():
        try:
            return runtime.call("Version")
        except grpc.RpcError:
            return None
    wait_until(ready, "the CRI service", 30)
    return runtime


def sandbox_config(name):
    """On the host's network: plugins of CNI are not what is tested."""
    namespaces = [(1, NODE), (2, CONTAINER), (3, POD)]
    return [(1, [(1, name), (2, f"uid-{name}"), (3, "default")]), (3, "/tmp/pods"),
            (8, [(1, f"/kubepods/pod{name}"), (2, [(1, namespaces)])])]


def container_config(name, *command, security=(), mounts=()):
    return [(1, [(1, name)]), (2, [(1, TOOLS)]), *((3, word) for word in command),
            (6, [(1, "WHO"), (2, "kubelet")]), *((7, mount) for mount in mounts),
            (11, f"{name}.log"), (15, [(2, [(3, [(1, NODE), (2, CONTAINER), (3, POD)]), *security])])]


@pytest.fixture
def pod(service, request):
    """(sandbox id, config) of a running pod; stopped and removed after the test."""
    if "cpu" not in (CGROUP / "cgroup.controllers").read_text().split() and \
            " 1." not in run("containerd", "--version").out:
        pytest.skip("containerd 2 asks for the least cpu shares, and cgroup2 lacks cpu here")
    config = sandbox_config(request.node.name.replace("_", "-"))
    sandbox = service.call("RunPodSandbox", (1, config))[1][0].decode()
    yield sandbox, config
    service.call("StopPodSandbox", (1, sandbox))
    service.call("RemovePodSandbox", (1, sandbox))
    assert not (STATE / sandbox).exists()


def start(service, pod, *command, name="main", **more):
    sandbox, config = pod
    made = service.call("CreateContainer", (1, sandbox), (2, container_config(name, *command, **more)),
                        (3, config))[1][0].decode()
    service.call("StartContainer", (1, made))
    return made


def execute(service, container, *words):
    answer = service.call("ExecSync", (1, container), *((2, word) for word in words), (3, 30))
    return answer.get(3, [0])[0], answer.get(1, [b""])[0].decode()


def state_of(service, container):
    """0 created, 1 running, 2 exited; and the exit code."""
    status = cri.decode(service.call("ContainerStatus", (1, container))[1][0])
    return status.get(3, [0])[0], status.get(7, [0])[0]


def test_life_of_a_pod(service, pod):
    """Sandbox, container, ExecSync, update, stop, remove."""
    container = start(service, pod, "sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.1; done")
    if RUNTIME == "cruntime":
        assert (STATE / container / "claim.json").exists()
    assert state_of(service, container)[0] == 1
    assert execute(service, container, "sh", "-c", "echo $WHO") == (0, "kubelet\n")
    assert execute(service, container, "sh", "-c", "exit 9")[0] == 9
    service.call("StopContainer", (1, container), (2, 20))
    assert state_of(service, container) == (2, 3)
    service.call("RemoveContainer", (1, container))
    assert not (STATE / container).exists()


@pytest.mark.limits
def test_update_in_place(service, pod):
    """Kubernetes resizes a running container: memory and shares of the processor."""
    container = start(service, pod, "sleep", "1000")
    service.call("UpdateContainerResources", (1, container),
                 (2, [(1, 100000), (2, 50000), (3, 512), (4, 64 << 20)]))
    seen = execute(service, container, "cat", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/cpu.max")
    assert seen[1].split() == [str(64 << 20), "50000", "100000"]


def test_two_containers_share_ipc_and_names(service, pod):
    one = start(service, pod, "sleep", "1000", name="one")
    two = start(service, pod, "sleep", "1000", name="two")
    script = "readlink /proc/self/ns/ipc; readlink /proc/self/ns/uts; readlink /proc/self/ns/net"
    assert execute(service, one, "sh", "-c", script) == execute(service, two, "sh", "-c", script)
    assert execute(service, one, "readlink", "/proc/self/ns/pid") != \
        execute(service, two, "readlink", "/proc/self/ns/pid")
    service.call("StopContainer", (1, one), (2, 0))
    assert state_of(service, one) == (2, 137) and state_of(service, two)[0] == 1


def test_program_that_is_not_there(service, pod):
    """StartContainer's text goes into the pod's events."""
    with pytest.raises(grpc.RpcError) as refused:
        start(service, pod, "/nonexist")
    assert 'exec: "/nonexist"' in refused.value.details()
    assert "no such file or directory" in refused.value.details()


def test_hardened_container(service, pod, tmp_path):
    """Read-only root, another user, no new privileges, a recursive read-only mount."""
    (tmp_path / "file").write_text("mounted\n")
    tmp_path.chmod(0o755)
    container = start(service, pod, "sleep", "1000",
                      security=[(5, [(1, 1000)]), (7, True), (11, True)],
                      mounts=[[(1, "/mnt"), (2, str(tmp_path)), (3, True)]])
    script = "id -u; touch /x 2>/dev/null || echo ro; cat /mnt/file; grep NoNewPrivs /proc/self/status"
    assert execute(service, container, "sh", "-c", script)[1].split() == \
        ["1000", "ro", "mounted", "NoNewPrivs:", "1"]
