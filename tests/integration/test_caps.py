# SPDX-License-Identifier: Apache-2.0
"""process.capabilities: five sets, exactly as listed (C-CAP)."""

import pytest

from harness import CAPABILITIES, cap_mask, default_signals, drop_from_bounding_set

SETS = ["bounding", "effective", "permitted", "inheritable", "ambient"]


def test_sets_are_exactly_as_listed(bundle):
    """C-CAP-01, I-17."""
    bundle.process["capabilities"] = {
        "bounding": ["CAP_KILL", "CAP_CHOWN", "CAP_SETUID"], "permitted": ["CAP_KILL", "CAP_CHOWN"],
        "effective": ["CAP_KILL"], "inheritable": ["CAP_CHOWN"]}
    # Root without securebits: execve gives it the bounding set, whatever the sets before were.
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    caps = bundle.run_probe().caps
    assert caps.bounding == cap_mask("KILL", "CHOWN", "SETUID")
    assert caps.inheritable == cap_mask("CHOWN")
    assert caps.permitted == caps.effective == caps.ambient == 0


def test_root_gets_its_bounding_set(bundle):
    """C-CAP-01: what execve does for uid 0; seen by every container of docker."""
    caps = bundle.run_probe().caps
    expected = cap_mask("AUDIT_WRITE", "KILL", "NET_BIND_SERVICE")
    assert caps.bounding == caps.effective == caps.permitted == expected
    assert caps.inheritable == caps.ambient == 0


def test_ambient_capability_of_a_user_survives_exec(bundle):
    """C-CAP-07."""
    bundle.caps("KILL", sets=SETS)
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    caps = bundle.run_probe().caps
    assert all(caps[s] == cap_mask("KILL") for s in SETS)


def test_absent_capabilities_are_no_capabilities(bundle):
    """C-CAP-03, S-81: also for root."""
    del bundle.process["capabilities"]
    caps = bundle.run_probe().caps
    assert all(caps[s] == 0 for s in SETS)


@pytest.mark.parametrize("missing", SETS)
def test_absent_set_is_empty(bundle, missing):
    """C-CAP-04, S-81."""
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.caps("KILL", sets=[s for s in SETS if s != missing])
    # Sets that the rest depends on (C-CAP-05, C-CAP-06).
    dependent = {"bounding": ["inheritable", "ambient"], "permitted": ["effective", "ambient"],
                 "effective": ["ambient"], "inheritable": ["ambient"]}
    for name in dependent.get(missing, []):
        bundle.process["capabilities"].pop(name, None)
    assert bundle.run_probe().caps[missing] == 0


def test_nothing_is_inheritable_or_ambient_by_default(bundle):
    """S-13: CVE-2022-24769 and its relatives."""
    seen = bundle.run_probe()
    assert seen.caps.inheritable == seen.caps.ambient == 0


def test_every_capability_can_be_given(bundle):
    """C-CAP-08: all names of the specification that this kernel knows."""
    bundle.all_caps()
    bundle.process["noNewPrivileges"] = False
    caps = bundle.run_probe().caps
    with open("/proc/self/status") as file:
        own = next(int(line.split()[1], 16) for line in file if line.startswith("CapBnd"))
    assert caps.bounding == own & ((1 << len(CAPABILITIES)) - 1)


@pytest.mark.parametrize("name", ["CAP_FOO", "CAP_", "KILL", "cap_kill"])
def test_unknown_capability_is_warned_about_and_not_granted(bundle, name):
    """C-CAP-02, C-CAP-09, X-08, R-LIFE-24."""
    for s in ("bounding", "effective", "permitted"):
        bundle.process["capabilities"][s] = ["CAP_CHOWN", name]
    bundle.probe("report")
    result = bundle.run_ok()
    assert name in result.err
    assert result.lines[0].caps.bounding == cap_mask("CHOWN")


def test_effective_beyond_permitted_is_refused(bundle):
    """C-CAP-05."""
    bundle.process["capabilities"] = {"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"]}
    line = bundle.refused()
    assert "effective" in line and "CAP_KILL" in line


def test_ambient_beyond_inheritable_is_not_granted(bundle):
    """C-CAP-06."""
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["capabilities"] = {
        "bounding": ["CAP_KILL"], "permitted": ["CAP_KILL"], "effective": ["CAP_KILL"],
        "ambient": ["CAP_KILL"]}
    bundle.probe("report")
    result = bundle.run_ok()
    assert result.lines[0].caps.ambient == 0
    assert "can't raise ambient capability CAP_KILL: " in result.err, "runc's words"


def test_capability_that_the_runtime_lacks_is_warned_about_and_not_granted(bundle):
    """C-CAP-10: the rest is granted."""
    def caller():
        default_signals()
        drop_from_bounding_set("SYS_TIME")
    bundle.caps("SYS_TIME", "KILL")
    bundle.probe("report")
    result = bundle.run_ok(preexec_fn=caller)
    assert result.lines[0].caps.bounding == cap_mask("KILL")
    assert "CAP_SYS_TIME" in result.err and "CAP_KILL" not in result.err


def test_capabilities_do_not_need_proc(bundle):
    """C-CAP-08, C-MASK-09: the last capability is not read from the container's files."""
    bundle.config["mounts"] = [m for m in bundle.config["mounts"] if m["destination"] != "/proc"]
    bundle.linux["maskedPaths"] = bundle.linux["readonlyPaths"] = []
    assert bundle.run_probe().caps.bounding == cap_mask("AUDIT_WRITE", "KILL", "NET_BIND_SERVICE")


def test_bounding_set_limits_a_setuid_program(bundle):
    """C-CAP-07: nothing outside of it can come back."""
    (bundle.rootfs / "suid").write_bytes((bundle.rootfs / "probe").read_bytes())
    (bundle.rootfs / "suid").chmod(0o4755)
    bundle.process["noNewPrivileges"] = False
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.args("/suid")
    seen = bundle.run_ok().lines[0]
    assert seen.uid == [1000, 0, 0]
    assert seen.caps.permitted == cap_mask("AUDIT_WRITE", "KILL", "NET_BIND_SERVICE")


def test_no_new_privileges_stops_a_setuid_program(bundle):
    """C-PROC-11."""
    (bundle.rootfs / "suid").write_bytes((bundle.rootfs / "probe").read_bytes())
    (bundle.rootfs / "suid").chmod(0o4755)
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.args("/suid")
    assert bundle.run_ok().lines[0].uid == [1000, 1000, 1000]
