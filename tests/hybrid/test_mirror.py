"""What is reported of remote VMs, and what is never reported."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one2one.hybrid.mirror import (
    BY_LCM_STATE,
    BY_STATE,
    Observation,
    Report,
    choose_report,
    is_unlinked,
    map_state,
)
from one2one.opennebula.states import RUNNING, LcmState, State, VmState

UNKNOWN = State(VmState.ACTIVE, LcmState.UNKNOWN)
POWEROFF = State(VmState.POWEROFF)
SUSPENDED = State(VmState.SUSPENDED)
DONE = State(VmState.DONE)

states = st.one_of(
    st.builds(State, st.sampled_from(VmState), st.just(0)),
    st.builds(State, st.just(int(VmState.ACTIVE)), st.sampled_from(LcmState)),
    st.builds(State, st.integers(0, 40), st.integers(0, 200)),
)


def active(name: str) -> State:
    return State(VmState.ACTIVE, LcmState[name])


def choose(local: State, remote: State, *, stuck: bool = False) -> Report:
    """Return what is reported when the local VM has been as it is since long before."""
    return choose_report(Observation(local, "opennebula-hybrid-1", 10.0), remote, 20.0, stuck=stuck)


def test_every_state_of_every_release_has_its_report() -> None:
    assert set(BY_STATE) | {VmState.ACTIVE} == set(VmState)
    assert set(BY_LCM_STATE) == set(LcmState)


@pytest.mark.parametrize(
    ("remote", "report", "letter"),
    [
        (State(VmState.PENDING), "RUNNING", "a"),
        (State(VmState.HOLD), "RUNNING", "a"),
        (State(VmState.CLONING), "RUNNING", "a"),
        (active("PROLOG"), "RUNNING", "a"),
        (active("HOTPLUG_NIC"), "RUNNING", "a"),
        (active("BACKUP"), "RUNNING", "a"),
        (active("SAVE_MIGRATE"), "RUNNING", "a"),
        (active("UNKNOWN"), "FAILURE", "e"),
        (active("BOOT_FAILURE"), "FAILURE", "e"),
        (active("DISK_SNAPSHOT_POWEROFF"), "POWEROFF", "d"),
        (active("HOTPLUG_SAVEAS_SUSPENDED"), "SUSPENDED", "p"),
        (SUSPENDED, "SUSPENDED", "p"),
        (State(VmState.STOPPED), "SUSPENDED", "p"),
        (State(VmState.UNDEPLOYED), "POWEROFF", "d"),
        (DONE, "POWEROFF", "d"),
        (State(VmState.CLONING_FAILURE), "FAILURE", "e"),
        (State(99), "UNKNOWN", "-"),
        (State(VmState.ACTIVE, 99), "UNKNOWN", "-"),
    ],
)
def test_reports(remote: State, report: str, letter: str) -> None:
    assert map_state(remote).value == report
    assert map_state(remote).letter == letter


@pytest.mark.parametrize("name", [lcm.name for lcm in LcmState])
def test_a_vm_on_its_way_out_is_not_reported(name: str) -> None:
    on_its_way = re.fullmatch("(SHUTDOWN|SAVE|EPILOG|CLEANUP).*", name)
    if on_its_way and not name.endswith("_FAILURE") and name != "SAVE_MIGRATE":
        assert map_state(active(name)) is Report.SILENCE


@pytest.mark.parametrize(
    ("local", "remote", "report"),
    [
        (RUNNING, POWEROFF, Report.POWEROFF),
        (RUNNING, DONE, Report.POWEROFF),
        (RUNNING, SUSPENDED, Report.SUSPENDED),
        (RUNNING, UNKNOWN, Report.FAILURE),
        (UNKNOWN, RUNNING, Report.RUNNING),
        (UNKNOWN, POWEROFF, Report.POWEROFF),
        (UNKNOWN, SUSPENDED, Report.SUSPENDED),
        (POWEROFF, RUNNING, Report.RUNNING),
        (POWEROFF, State(VmState.PENDING), Report.RUNNING),
        (SUSPENDED, RUNNING, Report.RUNNING),
    ],
)
def test_what_the_remote_user_does_is_followed(local: State, remote: State, report: Report) -> None:
    assert choose(local, remote) is report


@given(states, st.booleans())
def test_a_vm_that_agrees_is_not_spoken_of(remote: State, stuck: bool) -> None:
    agreeing = {
        Report.RUNNING: RUNNING,
        Report.POWEROFF: POWEROFF,
        Report.SUSPENDED: SUSPENDED,
        Report.FAILURE: UNKNOWN,
        Report.SILENCE: RUNNING,
    }
    assert choose(agreeing[map_state(remote)], remote, stuck=stuck) is Report.SILENCE


@given(states, states, st.booleans())
def test_an_older_reading_never_moves_a_vm(local: State, remote: State, stuck: bool) -> None:
    """oned moved the VM at 20 or after; the remote was read from 20 on."""
    moved = Observation(local, "opennebula-hybrid-1", 20.0)
    assert choose_report(moved, remote, 20.0, stuck=stuck) is Report.SILENCE


@given(states, states)
def test_an_operation_is_left_to_the_driver(local: State, remote: State) -> None:
    at_rest = {RUNNING, UNKNOWN} | {State(s) for s in (VmState.POWEROFF, VmState.SUSPENDED)}
    if local not in at_rest and local.state not in (VmState.POWEROFF, VmState.SUSPENDED):
        assert choose(local, remote) is Report.SILENCE


@pytest.mark.parametrize(
    ("local", "remote", "report"),
    [
        ("BOOT_POWEROFF", RUNNING, Report.RUNNING),
        ("BOOT_SUSPENDED", active("HOTPLUG"), Report.RUNNING),
        ("BOOT_UNKNOWN", RUNNING, Report.RUNNING),
        ("BOOT_POWEROFF", POWEROFF, Report.SILENCE),
        ("SHUTDOWN", DONE, Report.POWEROFF),
        ("SHUTDOWN_POWEROFF", POWEROFF, Report.POWEROFF),
        ("SHUTDOWN_UNDEPLOY", State(VmState.UNDEPLOYED), Report.POWEROFF),
        # The remote VM still exists: oned would forget it.
        ("SHUTDOWN", POWEROFF, Report.SILENCE),
        ("SHUTDOWN", SUSPENDED, Report.SILENCE),
        ("SHUTDOWN_UNDEPLOY", POWEROFF, Report.SILENCE),
        # The deploy id may name a VM of another cloud.
        ("BOOT_UNDEPLOY", RUNNING, Report.SILENCE),
        ("BOOT_UNDEPLOY_FAILURE", RUNNING, Report.SILENCE),
        ("BOOT_STOPPED", RUNNING, Report.SILENCE),
        ("BOOT_MIGRATE", RUNNING, Report.SILENCE),
        ("HOTPLUG_NIC", POWEROFF, Report.SILENCE),
    ],
)
def test_a_stuck_operation_is_helped_out(local: str, remote: State, report: Report) -> None:
    assert choose(active(local), remote, stuck=True) is report


@pytest.mark.parametrize(
    ("local", "deploy_id", "unlinked"),
    [
        (active("BOOT"), "", True),
        (active("BOOT"), "opennebula-hybrid-1", True),
        (active("BOOT_FAILURE"), "", True),
        (RUNNING, "", True),
        (UNKNOWN, "", True),
        (RUNNING, "opennebula-hybrid-1", False),
        (POWEROFF, "", False),
        (active("SHUTDOWN"), "", False),
    ],
)
def test_which_vms_are_looked_for_by_their_marks(
    local: State, deploy_id: str, unlinked: bool
) -> None:
    sighting = Observation(local, deploy_id, 0)
    assert is_unlinked(sighting, stuck=True) is unlinked
    assert not is_unlinked(sighting, stuck=False)
