"""After any cut call, a living local VM has one remote VM, and an ended one has none.

The cut points are not listed here: every operation is run once, the calls that the driver makes
are recorded, and then each call is cut in every way. Afterwards the administrator does one of the
things that he can do, and the remote VMs are counted.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.end_to_end.burst import TEMPLATE, WAYS
from tests.end_to_end.cut_calls import STEADY, Call, Lane, Lanes, Operation, lanes
from tests.end_to_end.cut_changes import CHANGES, check_followed, check_snapshots
from tests.end_to_end.cut_devices import DEVICES, check_devices
from tests.end_to_end.cuts import KINDS, Cut, Move, pretend_success, recreate


def deploy(lane: Lane) -> None:
    lane.vm.deploy(lane.host)


def deploy_first(lane: Lane) -> None:
    lane.host.update(ONE_HYBRID_ID="")
    lane.vm.deploy(lane.host)


def deploy_again(lane: Lane) -> None:
    lane.vm.act("resume")
    lane.vm.deploy(lane.host)


def act(action: str) -> Callable[[Lane], None]:
    return lambda lane: lane.vm.act(action)


def recover(way: str) -> Callable[[Lane], None]:
    return lambda lane: lane.vm.recover(way)


OPERATIONS = {
    "deploy": Operation(deploy, "DEPLOY", "RUNNING"),
    "deploy on a new host": Operation(deploy_first, "DEPLOY", "RUNNING", at_once=1),
    "suspend": Operation(act("suspend"), "SAVE", "SUSPENDED", "deploy"),
    "resume": Operation(act("resume"), "RESTORE", "RUNNING", "suspend"),
    "poweroff": Operation(act("poweroff"), "SHUTDOWN", "POWEROFF", "deploy"),
    "poweroff-hard": Operation(act("poweroff-hard"), "CANCEL", "POWEROFF", "deploy"),
    "power on": Operation(act("resume"), "DEPLOY", "RUNNING", "poweroff"),
    "undeploy": Operation(act("undeploy"), "SHUTDOWN", "UNDEPLOYED", "deploy"),
    "undeploy-hard": Operation(act("undeploy-hard"), "CANCEL", "UNDEPLOYED", "deploy"),
    "deploy again": Operation(deploy_again, "DEPLOY", "RUNNING", "undeploy"),
    "stop": Operation(act("stop"), "SAVE", "STOPPED", "deploy"),
    "restore": Operation(deploy_again, "RESTORE", "RUNNING", "stop"),
    "reboot": Operation(act("reboot"), "REBOOT", "RUNNING", "deploy"),
    "reboot-hard": Operation(act("reboot-hard"), "RESET", "RUNNING", "deploy"),
    "terminate": Operation(act("terminate"), "SHUTDOWN", "DONE", "deploy"),
    "terminate-hard": Operation(act("terminate-hard"), "CANCEL", "DONE", "deploy"),
    "delete": Operation(recover("delete"), "CLEANUP", "DONE", "deploy"),
    "recreate": Operation(recover("recreate"), "CLEANUP", "PENDING", "deploy"),
    **CHANGES,
    **DEVICES,
}
"""By name; ``after`` is what brings a VM to where an operation is possible."""


def list_calls(name: str, generation: str, way: str) -> list[Call]:
    """Return the calls that an operation makes when nothing goes wrong."""
    with lanes(generation, way) as both:
        lane = both.lanes[0]
        prepare(lane, name)
        lane.begin()
        assert lane.wait_answered(lane.operation.message)
        lane.vm.wait(lane.operation.goal)
        assert lane.operation.has_effect(lane.vm), f"{name} has failed"
        calls, lane.eager = list(lane.calls), True
        end(lane)
    assert calls[0] == Call("one.host.info", remote=False)
    assert any(call.remote for call in calls)
    return calls


def prepare(lane: Lane, name: str) -> None:
    """Give the lane a new VM in the state in which the operation is possible."""
    lane.vm = lane.frontend.add_vm(TEMPLATE | {"CONTEXT": {"GREETING": "hello"}})
    lane.eager, lane.cuts = True, {}
    chain = [OPERATIONS[name]]
    while chain[0].after:
        chain.insert(0, OPERATIONS[chain[0].after])
    for operation in chain[:-1]:
        operation.begin(lane)
        lane.vm.wait(operation.goal)
    lane.operation, lane.eager = chain[-1], False


Point = tuple[int, str, tuple[Move, ...]]
"""A call by its place, how it is cut, and what is done next, each in a lane."""


def choose_points(number_of_calls: int) -> list[Point]:
    """Return all ways to cut all calls."""
    return [
        (index, kind, moves)
        for index in range(number_of_calls)
        for kind, (_, moves) in KINDS.items()
    ]


def choose_sample(points: list[Point], number: int, share: int) -> list[Point]:
    """Return one of *share* points, and others for each *number*, so that all kinds occur."""
    return points[7 * number % min(share, len(points)) :: share]


def cut(name: str, calls: list[Call], points: list[Point], generation: str, way: str) -> None:
    """Cut calls of an operation, in lanes of their own."""
    with lanes(generation, way) as both:
        for index, kind, moves in points:
            at_once = OPERATIONS[name].at_once
            for first in range(0, len(moves), at_once):
                cut_once(both, name, calls, index, kind, moves[first : first + at_once])


def cut_once(
    both: Lanes, name: str, calls: list[Call], index: int, kind: str, moves: tuple[Move, ...]
) -> None:
    strike, _ = KINDS[kind]
    running = both.lanes[: len(moves)]
    for lane in running:
        prepare(lane, name)

    def begin(running: list[Lane]) -> None:
        for lane in running:
            lane.begin()

    strike(Cut(both, calls, index), running, begin)
    both.wait_for_scripts()
    for lane, move in zip(running, moves, strict=True):
        what = f"{name}, call {index} ({calls[index].method}) {kind}, then {move.__name__}"
        if "kill" not in kind:
            message = "CLEANUP" if "meanwhile" in kind else lane.operation.message
            assert lane.wait_answered(message), what
        lane.eager, lane.cuts = True, {}
        move(lane)
        may_lack = move is pretend_success or lane.operation.goal == "DONE"
        check(lane, what, may_lack=may_lack)
        if lane.operation.kind and lane.vm.state == "RUNNING":
            CHECKS[lane.operation.kind](lane, what, may_lack=may_lack or move is recreate)
        end(lane)
        assert lane.list_left() == [], what


def check(lane: Lane, what: str, *, may_lack: bool) -> None:
    """A VM that is DONE has no remote VM, one that lives has one, which its deploy id names.

    The reaper may only help with the former.
    """
    state = lane.vm.state
    found = lane.list_left() if state == "DONE" else lane.list_alive()
    story = f"{what}: the VM is {state}, {lane.vm.deploy_id}, and has {found}"
    if state == "DONE":
        assert found == [], story
    elif state == "PENDING" or may_lack:
        assert len(found) <= 1, story
    else:
        assert [f"opennebula-hybrid-{vm_id}" for vm_id in found] == [lane.vm.deploy_id], story


def end(lane: Lane) -> None:
    """Have the VM terminated; by force where that is not possible."""
    if lane.vm.state == "DONE":
        return
    if lane.vm.state == "RUNNING":
        lane.vm.act("terminate-hard")
        assert lane.wait_answered("CANCEL")
    elif lane.vm.state in STEADY:
        lane.vm.act("terminate")
    if lane.vm.state != "DONE":
        lane.clean_up("delete")


CHECKS = {
    "SNAPSHOT": check_snapshots,
    "RESIZE": check_followed,
    "UPDATECONF": check_followed,
    "DISK": check_devices,
    "NIC": check_devices,
}
"""What else must be true of a VM that runs, by the kind of what was changed."""
SHARES = {"resident": 8, "scripts": 120}
"""Of so many cut points one is tried where not all are asked for."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_one_remote_vm_whatever_is_cut(
    name: str, way: str, pytestconfig: pytest.Config, record_property: Callable[[str, object], None]
) -> None:
    generation = pytestconfig.getoption("generation")
    if OPERATIONS[name].message == "RESIZE" and generation == "5.10":
        pytest.skip("oned 5.10 resizes no VM that runs")
    if OPERATIONS[name].kind == "DISK" and way == "scripts" and generation != "7.2":
        pytest.skip("up to 6.10 the stock shell does not answer, and no script is called")
    calls = list_calls(name, generation, way)
    points = choose_points(len(calls))
    if not pytestconfig.getoption("all_cuts"):
        points = choose_sample(points, list(OPERATIONS).index(name), SHARES[way])
    by_call = [[point for point in points if point[0] == index] for index in range(len(calls))]
    with ThreadPoolExecutor(len(calls)) as pool:
        list(pool.map(lambda some: cut(name, calls, some, generation, way), filter(None, by_call)))
    record_property("cut points", len(points))
    record_property("cases", sum(len(moves) for _, _, moves in points))
