# SPDX-License-Identifier: Apache-2.0
"""docker build with both builders, Compose, Swarm (engine-contracts 5, 6)."""

import os
import shutil

import pytest

from engines import TOOLS, fetch_when_up, run, wait_until

DOCKERFILE = f"""
FROM {TOOLS} AS builder
ARG WHAT=nothing
RUN echo "built with $WHAT" >/srv/made && id -u >/srv/who
USER web
RUN id -u >/tmp/who && ! touch /srv/refused 2>/dev/null
FROM {TOOLS}
COPY --from=builder /srv/made /tmp/who /srv/
ENV GREETING=hello
WORKDIR /srv
RUN test "$PWD" = /srv && ls /dev/null /proc/self/status >/dev/null && mkdir -p /a/b/c
CMD cat made who
"""


@pytest.fixture
def context(tmp_path):
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    return tmp_path


def builder(kind):
    if kind == "buildkit":
        try:
            major = int(run("dockerd", "--version").out.split()[2].split(".")[0])
        except ValueError:
            major = 0
        if major >= 23 and not shutil.which("docker-buildx") and \
                run("docker", "buildx", "version", code=None).code != 0:
            pytest.skip("docker-buildx is not in this Debian")
    return {"DOCKER_BUILDKIT": "1" if kind == "buildkit" else "0"}


@pytest.mark.parametrize("kind", ["classic", "buildkit"])
def test_build(docker, context, kind):
    """The classic builder uses the default runtime, BuildKit whatever `runc` in PATH is."""
    docker("build", "--build-arg", f"WHAT={kind}", "-t", f"localhost/built:{kind}", context,
           env=builder(kind))
    assert docker("run", "--rm", f"localhost/built:{kind}").out.split() == ["built", "with", kind, "1000"]


@pytest.mark.parametrize("kind", ["classic", "buildkit"])
def test_step_that_fails(docker, context, kind):
    (context / "Dockerfile").write_text(f"FROM {TOOLS}\nRUN sh -c 'exit 41'\n")
    refused = docker("build", "--no-cache", context, code=None, env=builder(kind))
    assert refused.code != 0 and "41" in refused.err + refused.out


def test_buildkit_step_that_is_cancelled(docker, context):
    """The builder kills the container of the step and deletes it."""
    import signal
    import subprocess
    (context / "Dockerfile").write_text(f"FROM {TOOLS}\nRUN sleep 987\n")
    build = subprocess.Popen(["docker", "build", "--no-cache", str(context)],
                             env={**os.environ, **builder("buildkit")},
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: run("pgrep", "-xf", "sleep 987", code=None).code == 0, "the step to run")
    build.send_signal(signal.SIGINT)
    build.wait(60)
    wait_until(lambda: run("pgrep", "-xf", "sleep 987", code=None).code != 0, "the step to end")
    docker("version")


# --- Compose --------------------------------------------------------------------------------------

def compose():
    if run("docker", "compose", "version", code=None).code == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    return pytest.skip("docker-compose is not in this Debian")


COMPOSE = f"""
version: "3.4"
services:
  web:
    image: {TOOLS}
    command: httpd -f -h /var/www
    ports: ["127.0.0.1:18082:80"]
    volumes: ["data:/data"]
    healthcheck: {{test: "wget -qO- http://127.0.0.1/", interval: 1s}}
  client:
    image: {TOOLS}
    command: sh -c 'until wget -qO- http://web/; do sleep 0.2; done; sleep 1000'
    depends_on: [web]
    init: true
    user: web
volumes:
  data:
"""


def test_compose(docker, tmp_path):
    words = compose()
    project = tmp_path / "project"
    project.mkdir()
    (project / "docker-compose.yml").write_text(COMPOSE)

    def call(*args, code=0):
        return run(*words, *args, code=code, cwd=project)
    call("up", "-d")
    try:
        assert fetch_when_up(18082) == (200, "hello from the container\n")
        wait_until(lambda: "hello from the container" in call("logs", "client").out, "the client's log")
        assert call("exec", "-T", "web", "cat", "/data/seed").text == "from the image"
        call("restart", "-t", "0", "client")
        call("pause")
        call("unpause")
    finally:
        call("down", "-t", "0", "-v")
    assert docker("ps", "-aq").text == ""


# --- Swarm ----------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def swarm(docker_tools):
    del docker_tools
    made = run("docker", "swarm", "init", "--advertise-addr", "127.0.0.1", code=None)
    if made.code != 0:
        pytest.skip(f"no swarm on this kernel: {made.err.strip()[:150]}")
    yield
    run("docker", "swarm", "leave", "--force")


def tasks(docker, name, wanted=None):
    """Ids of the running tasks' containers; WANTED: an environment variable that they have."""
    ids = docker("ps", "-q", "--filter", f"label=com.docker.swarm.service.name={name}").out.split()
    if wanted is None:
        return ids
    return [i for i in ids if wanted in docker("inspect", "-f", "{{.Config.Env}}", i, code=None).out]


def test_swarm_service(swarm, docker):
    """Replicas, a rolling update, a task that is killed and comes back."""
    del swarm
    docker("service", "create", "--detach", "--name", "s", "--replicas", "3", "--no-resolve-image",
           "--env", "V=1", "--stop-grace-period", "1s", "--update-delay", "0s",
           "--restart-delay", "100ms", TOOLS, "sleep", "1000")
    try:
        first = wait_until(lambda: len(tasks(docker, "s")) == 3 and tasks(docker, "s"), "three tasks")
        docker("kill", first[0])
        wait_until(lambda: len(tasks(docker, "s")) == 3 and first[0] not in tasks(docker, "s"),
                   "another task")
        docker("service", "update", "--detach", "--no-resolve-image", "--env-add", "V=2", "s")
        wait_until(lambda: len(tasks(docker, "s", "V=2")) == 3, "the update")
        docker("service", "scale", "--detach", "s=1")
        wait_until(lambda: len(tasks(docker, "s")) == 1, "one task")
    finally:
        docker("service", "rm", "s")
        wait_until(lambda: not tasks(docker, "s"), "the end of the tasks")
