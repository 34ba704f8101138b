"""The ways to cut a call, and what an administrator does afterwards."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.wire.delivery import ApiRequest, Delivery, Drop
from tests.end_to_end.cut_calls import Call, Lane, Lanes


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
