"""What an operation works with, how it goes on after a wait, and how it tells its failure."""

from collections.abc import Generator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from one2one.driver.operation import Pause, Wait, explain, resume
from one2one.hybrid.request import Request
from one2one.mad import messages
from one2one.opennebula.clean import LIMIT, clean_line
from one2one.opennebula.errors import ProtocolError, Refused, Unreachable
from one2one.opennebula.records import Placement, Vm
from one2one.opennebula.states import RUNNING, State
from tests.driver.world import HOST, HOST_ID, HYBRID_ID, MARKS, World

VM = Vm(7, "web", RUNNING, "opennebula-hybrid-9", 0, history=(Placement(2, "burst1", 0),))
REQUEST = Request("SAVE", VM, "burst1", "opennebula-hybrid-9")
ENDPOINT = "https://cloud.example.org:2633/RPC2"
WHERE = f"[VM 7, opennebula-hybrid-9, host burst1, one.vm.action, {ENDPOINT}]"
SIZES = st.sampled_from([0, 1, 50, LIMIT // 2, LIMIT, 20 * LIMIT])


def test_a_request_without_a_history_is_not_oneds() -> None:
    with pytest.raises(ProtocolError, match="oned sent VM 7 without a history record"):
        Request("SAVE", Vm(7, "web", RUNNING, "", 0), "burst1", "")


def test_the_marks_are_those_of_this_start_of_the_vm(world: World) -> None:
    world.add_both()
    assert world.open_job().marks == MARKS
    world.local.vms[7].hosts = 3 * [(HOST_ID, HOST)]
    assert world.open_job().marks.sequence == 2


def test_the_remote_is_the_one_that_the_host_names(world: World) -> None:
    world.add_both()
    job = world.make_job()
    opened = job.open_remote(job.not_before)
    assert job.remote is opened
    assert (opened.cloud.url, opened.settings.hybrid_id) == ("http://remote/RPC2", HYBRID_ID)


def wait_once() -> Generator[Wait, State | None, str]:
    try:
        state = yield Pause(1.0)
    except Unreachable as error:
        return f"failed: {error.cause}"
    return str(state)


@pytest.mark.parametrize(
    ("outcome", "answer"),
    [(RUNNING, "RUNNING"), (None, "None"), (Unreachable("no answer"), "failed: no answer")],
)
def test_an_operation_goes_on_with_what_its_wait_came_to(
    outcome: State | Unreachable | None, answer: str
) -> None:
    steps = wait_once()
    assert resume(steps, None) == Pause(1.0)
    with pytest.raises(StopIteration) as end:
        resume(steps, outcome)
    assert end.value.value == answer


def test_a_failure_is_told_with_cause_remedy_and_place(world: World) -> None:
    world.add_both()
    job = world.open_job()
    told = explain(Refused("it is locked", remedy="Unlock it"), job.request, job.remote)
    place = "[VM 7, opennebula-hybrid-9, host burst1, http://remote/RPC2]"
    assert told == f"it is locked. Unlock it. {place}"


def test_a_vm_without_a_remote_one_names_none(world: World) -> None:
    world.add_local(7)
    assert explain(Refused("no", remedy=""), world.make_job().request) == "no. [VM 7, host burst1]"


@settings(max_examples=40)
@given(st.text(min_size=1).map(lambda text: f"-{text}"), SIZES)
def test_cause_and_place_survive_any_cause(text: str, repeated: int) -> None:
    cause = text + "x" * repeated
    error = Unreachable(cause, call="one.vm.action", endpoint=ENDPOINT)
    told = explain(error, REQUEST)
    assert len(told) <= LIMIT
    assert told == clean_line(told)
    assert told.startswith(f"Error: {clean_line(cause)[:100].rstrip('.…')}")
    assert told.endswith(f". {error.remedy}. {WHERE}")
    line = messages.format_answer("SAVE", 7, success=False, info=told)
    assert line == f"SAVE FAILURE 7 {told}\n"


@settings(max_examples=20)
@given(st.text(min_size=1, max_size=20).map(lambda text: 2000 * text))
def test_a_long_place_leaves_the_cause(host_name: str) -> None:
    request = Request("SAVE", VM, host_name, "opennebula-hybrid-9")
    told = explain(Unreachable("no answer within 30 s"), request)
    assert told.startswith("no answer within 30 s. Check that the cloud runs")
    assert len(told) <= LIMIT
