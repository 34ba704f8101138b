"""An error tells its cause first, and where it happened, however long the cause is."""

from hypothesis import given
from hypothesis import strategies as st

from one2one.driver.operation import explain
from one2one.hybrid.request import Request
from one2one.mad import messages
from one2one.opennebula.clean import LIMIT, clean_line
from one2one.opennebula.errors import Unreachable
from one2one.opennebula.records import Placement, Vm
from one2one.opennebula.states import RUNNING

VM = Vm(7, "web", RUNNING, "opennebula-hybrid-9", 0, history=(Placement(2, "burst1", 0),))
REQUEST = Request("SAVE", VM, "burst1", "opennebula-hybrid-9")
ENDPOINT = "https://cloud.example.org:2633/RPC2"
WHERE = f"[VM 7, opennebula-hybrid-9, host burst1, one.vm.action, {ENDPOINT}]"


@given(st.text(min_size=1).map(lambda text: f"-{text}"), st.integers(0, 40_000))
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


@given(st.text(min_size=1, max_size=20).map(lambda text: 2000 * text))
def test_a_long_place_leaves_the_cause(host_name: str) -> None:
    request = Request("SAVE", VM, host_name, "opennebula-hybrid-9")
    told = explain(Unreachable("no answer within 30 s"), request)
    assert told.startswith("no answer within 30 s. Check that the cloud runs")
    assert len(told) <= LIMIT
