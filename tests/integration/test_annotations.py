# SPDX-License-Identifier: Apache-2.0
"""Annotations: passed on, and without effect but for the signal that ends the image (C-ANN)."""

import pytest

from harness import wait_until

IMAGE = "org.opencontainers.image."
STOP = IMAGE + "stopSignal"
INFORMATION = {IMAGE + name: value for name, value in (
    ("os", "windows"), ("os.version", "10.0"), ("os.features", "win32k"), ("architecture", "s390x"),
    ("variant", "v9"), ("author", "nobody"), ("created", "yesterday"), ("exposedPorts", "1/tcp"))}


def test_information_about_the_image_has_no_effect(bundle):
    """C-ANN-04, C-ANN-02: of another system, architecture or century: the program runs, and state
    and hooks get it as it is."""
    bundle.config["annotations"] = dict(INFORMATION)
    out = bundle.hook("createRuntime", "cat >$OUT")
    bundle.hold()
    assert bundle.state().annotations == INFORMATION
    for key, value in INFORMATION.items():
        assert f'"{key}":"{value}"' in out.read_text().replace(": ", ":")


@pytest.mark.parametrize("key", ["bundle", "id", "pid", "status", "rootfs", "ociVersion"])
def test_annotation_with_the_name_of_a_member_of_the_state_confuses_nothing(bundle, key):
    """C-ANN-06: state, and the commands that read the record, have the real one."""
    bundle.config["annotations"] = {key: "/nowhere"}
    bundle.hold()
    state = bundle.state()
    assert state.annotations == {key: "/nowhere"}
    assert (state.bundle, state.id, state.status) == (str(bundle.dir), bundle.id, "running")
    assert state.pid > 1 and state.rootfs == str(bundle.rootfs)
    bundle.delete("--force")


@pytest.mark.parametrize("value, number", [("SIGUSR1", 10), ("USR2", 12), ("15", 15),
                                           ("SIGRTMIN+3", 37)])
def test_kill_without_a_signal_sends_the_stop_signal_of_the_image(bundle, value, number):
    """C-ANN-03, X-32: the text's SHOULD; a signal that is given wins."""
    bundle.config["annotations"] = {STOP: value}
    bundle.probe("signal-trap", "signal-trap")
    bundle.create_and_start()
    wait_until(lambda: len(bundle.probe_lines()) == 1, "ready")
    bundle.kill()
    wait_until(lambda: len(bundle.probe_lines()) == 3, "ready for another one")
    bundle.kill("HUP")
    bundle.wait_stopped()
    assert [line.signal for line in bundle.probe_lines() if "signal" in line] == [number, 1]


@pytest.mark.parametrize("value", ["", "SIGNONE", "0", "65", "-9", "KILL TERM"])
def test_stop_signal_that_is_none_is_named(bundle, value):
    """C-ANN-03: kill without a signal says so and sends none; with a signal it works."""
    bundle.config["annotations"] = {STOP: value}
    bundle.hold()
    line = bundle.one_line(bundle.kill(check=False))
    assert STOP in line
    assert bundle.status() == "running"
    bundle.kill("KILL")
    bundle.wait_stopped()
