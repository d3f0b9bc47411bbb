# SPDX-License-Identifier: Apache-2.0
"""systemd as the first process of a container (engine-contracts 7, 11)."""

import shutil

import pytest

from engines import DEBIAN, IMAGES, run, wait_until
from test_workflows import INSTALL

pytestmark = pytest.mark.limit(600)
# A machine may lack the right to raise limits, which builders ask for.
ULIMITS = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]


@pytest.fixture(scope="module")
def image(debian_archive, tmp_path_factory):
    run("podman", "load", "-i", debian_archive)
    directory = tmp_path_factory.mktemp("init")
    shutil.copytree(IMAGES / "debs/init", directory / "debs")
    (directory / "Containerfile").write_text(
        INSTALL % DEBIAN + "RUN systemctl mask systemd-firstboot systemd-networkd-wait-online\n"
        'CMD ["/sbin/init"]\n')
    run("podman", "build", "--network", "none", *ULIMITS, "-t", "localhost/init:1", directory,
        timeout=500)
    return "localhost/init:1"


def test_systemd_runs_and_is_stopped(podman, image):
    """Its cgroup is its own, units are in cgroups below it; the stop signal ends it in order."""
    podman("run", "-d", "--name", "box", "--network", "none", "--systemd", "always", image)

    def state():
        return podman("exec", "box", "systemctl", "is-system-running", code=None).text
    wait_until(lambda: state() in ("running", "degraded"), "systemd", 120)
    podman("exec", "box", "systemd-run", "--unit", "job", "sleep", "1000")
    assert podman("exec", "box", "systemctl", "is-active", "job").text == "active"
    assert "job.service" in podman("exec", "box", "systemd-cgls", "--no-pager").out
    podman("pause", "box")
    podman("unpause", "box")
    podman("stop", "-t", "60", "box")
    assert podman("inspect", "-f", "{{.State.ExitCode}}", "box").text in ("0", "130")
