"""After any cut call, a living local VM has one remote VM, and an ended one has none.

The cut points are not listed here: every operation is run once, the calls that the driver makes
are recorded, and then each call is cut in every way. Afterwards the administrator does one of the
things that he can do, and the remote VMs are counted.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.wire.delivery import ApiRequest, Delivery, Drop
from tests.end_to_end.burst import TEMPLATE, WAYS
from tests.end_to_end.cut_calls import STEADY, Call, Lane, Lanes, Operation, lanes
from tests.end_to_end.cut_changes import CHANGES, check_followed, check_snapshots
from tests.end_to_end.cut_devices import DEVICES, check_devices


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


class Cut:
    """A cut of one call of an operation, the same one in every lane."""

    def __init__(self, both: Lanes, calls: list[Call], index: int) -> None:
        self.both = both
        self.call = calls[index]
        self.index = index
        self.arrived = threading.Semaphore(0)
        self.struck = threading.Event()

    def hold_call(self, lane: Lane, request: ApiRequest) -> Iterator[bytes]:
        """Hold a call until the cut is made, then end its connection."""
        self.wait_for_strike(request)
        raise Drop

    def hold_answer(self, lane: Lane, request: ApiRequest) -> Iterator[bytes]:
        """Do a call, hold its answer until the cut is made, then end its connection."""
        list(lane.answer(request))
        self.wait_for_strike(request)
        raise Drop

    def send_last_answer(self, lane: Lane, request: ApiRequest) -> Iterator[bytes]:
        """Hold an answer until the cut is made, then send it as the last of its connection."""
        answer = list(lane.answer(replace(request, keep=False)))
        self.wait_for_strike(request)
        yield from answer

    def wait_for_strike(self, request: ApiRequest) -> None:
        self.arrived.release()
        while not self.struck.is_set():
            request.wait(0.005)

    def strike(self, running: list[Lane], action: Callable[[], object]) -> None:
        """Do *action* when the call of each lane is held."""
        for lane in running:
            assert self.arrived.acquire(timeout=60), f"VM {lane.vm.id} made other calls this time"
        action()
        self.struck.set()


Begin = Callable[[list[Lane]], None]
Kind = Callable[[Cut, list[Lane], Begin], None]
"""Begins an operation in some lanes, and cuts it."""


def break_connection(effect: Delivery) -> Kind:
    """Return the cut that happens to the connection while the driver lives on."""

    def cut_here(cut: Cut, running: list[Lane], begin: Begin) -> None:
        for lane in running:
            lane.cuts = {cut.index: lambda lane, request: effect(lane.prepare_request(request))}
        begin(running)

    return cut_here


def refuse_connections(cut: Cut, running: list[Lane], begin: Begin) -> None:
    """Refuse connections when the driver makes the call."""
    servers = {cut.both.server(lane, cut.call) for lane in running}

    def close_ports() -> None:
        for server in servers:
            server.refuse_connections()

    if cut.index:
        for lane in running:
            lane.cuts = {cut.index - 1: cut.send_last_answer}
        begin(running)
        cut.strike(running, close_ports)
    else:
        for server in servers:
            server.stop()
            server.start()
        close_ports()
        begin(running)
    for lane in running:
        lane.wait_answered(lane.operation.message, timeout=0.3 if cut.index else 5.0)
    for server in servers:
        server.stop()
        server.start()


def kill_driver(*, after: bool = False) -> Kind:
    """Return the cut that kills the driver with the call under way, or just done."""

    def cut_here(cut: Cut, running: list[Lane], begin: Begin) -> None:
        for lane in running:
            lane.cuts = {cut.index: cut.hold_answer if after else cut.hold_call}
        begin(running)
        cut.strike(running, cut.both.kill_driver)

    return cut_here


def kill_oned(cut: Cut, running: list[Lane], begin: Begin) -> None:
    """Kill oned with the call under way, which is lost."""
    for lane in running:
        lane.cuts = {cut.index: cut.hold_call}
    begin(running)
    cut.strike(running, cut.both.kill_oned)


def recover_meanwhile(way: str) -> Kind:
    """Return the cut by an administrator who recovers the VM while the call is under way."""

    def cut_here(cut: Cut, running: list[Lane], begin: Begin) -> None:
        def effect(lane: Lane, request: ApiRequest) -> Iterator[bytes]:
            lane.vm.recover(way)
            lane.cuts = {}
            yield from lane.answer(request)

        for lane in running:
            lane.cuts = {cut.index: effect}
        begin(running)

    return cut_here


def repeat(lane: Lane) -> None:
    """Have it failed if it hangs, and ask for the same once more."""
    if not lane.is_settled():
        lane.vm.recover("failure")
    if lane.vm.state.endswith("FAILURE"):
        lane.vm.recover("retry")
    elif not lane.has_succeeded():
        lane.operation.begin(lane)
    if lane.vm.state != "DONE":
        lane.vm.wait(lane.operation.goal)


def pretend_success(lane: Lane) -> None:
    """Pretend that it has worked."""
    if not lane.is_settled() or lane.vm.state.endswith("FAILURE"):
        lane.vm.recover("success")


def delete(lane: Lane) -> None:
    lane.clean_up("delete")


def recreate(lane: Lane) -> None:
    if lane.vm.state != "DONE":
        lane.clean_up("recreate")
        lane.vm.wait("PENDING")
        lane.vm.deploy(lane.host)
        lane.vm.wait("RUNNING")


Move = Callable[[Lane], None]
ALL: tuple[Move, ...] = (repeat, pretend_success, delete, recreate)
KINDS: dict[str, tuple[Kind, tuple[Move, ...]]] = {
    "refused": (refuse_connections, (repeat, delete)),
    "dropped before": (break_connection(faults.drop_before), (repeat, delete)),
    "dropped after": (break_connection(faults.drop_after), (repeat, recreate)),
    "truncated": (break_connection(faults.truncate), (repeat, delete)),
    "driver killed before": (kill_driver(), ALL),
    "driver killed after": (kill_driver(after=True), ALL),
    "oned killed": (kill_oned, (repeat, delete)),
    "deleted meanwhile": (recover_meanwhile("delete"), (repeat,)),
    "recreated meanwhile": (recover_meanwhile("recreate"), (recreate,)),
}
"""Ways to cut, and what the administrator does afterwards, in a lane each."""


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
SHARES = {"resident": 4, "scripts": 60}
"""Of so many cut points one is tried where not all are asked for."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_one_remote_vm_whatever_is_cut(
    name: str, way: str, pytestconfig: pytest.Config, record_property: Callable[[str, object], None]
) -> None:
    generation = pytestconfig.getoption("generation")
    if OPERATIONS[name].message == "RESIZE" and generation == "5.10":
        pytest.skip("oned 5.10 resizes no VM that runs")
    calls = list_calls(name, generation, way)
    points = choose_points(len(calls))
    if not pytestconfig.getoption("all_cuts"):
        points = choose_sample(points, list(OPERATIONS).index(name), SHARES[way])
    by_call = [[point for point in points if point[0] == index] for index in range(len(calls))]
    with ThreadPoolExecutor(len(calls)) as pool:
        list(pool.map(lambda some: cut(name, calls, some, generation, way), filter(None, by_call)))
    record_property("cut points", len(points))
    record_property("cases", sum(len(moves) for _, _, moves in points))
