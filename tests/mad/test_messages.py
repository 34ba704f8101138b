"""The lines between oned and the VMM driver."""

from base64 import b64encode
from textwrap import wrap
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one2one.mad import messages
from one2one.mad.messages import Dialect
from one2one.opennebula.clean import clean_line
from one2one.opennebula.errors import ProtocolError
from one2one.opennebula.ids import MAX_ID
from one2one.opennebula.states import State, VmState

MESSAGE = b64encode(
    b"<VMM_DRIVER_ACTION_DATA><HOST>burst1</HOST><DEPLOY_ID>opennebula-hybrid-9</DEPLOY_ID>"
    b"<VM><ID>34</ID><STATE>3</STATE><LCM_STATE>12</LCM_STATE><HISTORY_RECORDS><HISTORY>"
    b"<SEQ>0</SEQ><HOSTNAME>burst1</HOSTNAME><HID>2</HID></HISTORY></HISTORY_RECORDS></VM>"
    b"</VMM_DRIVER_ACTION_DATA>"
).decode()


@pytest.mark.parametrize(
    ("text", "generation"),
    [
        (f"SHUTDOWN 34 {MESSAGE}", Dialect.MAD),
        (f"SHUTDOWN  34 {MESSAGE}", Dialect.DRIVER),
        (f"shutdown  34 {MESSAGE} ", Dialect.DRIVER),
    ],
)
def test_the_spaces_tell_the_generation(text: str, generation: Dialect) -> None:
    line = messages.parse_line(text)
    assert (line.action, line.vm_id, line.dialect) == ("SHUTDOWN", 34, generation)
    request = messages.parse_request(line.action, line.payload)
    assert (request.host_name, request.deploy_id) == ("burst1", "opennebula-hybrid-9")
    assert (request.vm.id, request.placement.host_id) == (34, 2)


def test_a_cancel_has_no_payload() -> None:
    assert messages.parse_line("DRIVER_CANCEL  34 ").vm_id == 34
    assert messages.parse_line("DRIVER_CANCEL 34").vm_id == 34


letters = st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"])
words = st.text(letters, min_size=1).map(str.strip).filter(bool)


@given(
    st.sampled_from([" ", "  "]),
    st.sampled_from(["DEPLOY", "CANCEL"]),
    st.integers(0, MAX_ID),
    words,
    words,
    st.integers(0, 70),
    st.booleans(),
)
def test_what_oned_writes_is_what_is_read(
    space: str, action: str, vm_id: int, host: str, name: str, lcm: int, broken: bool
) -> None:
    payload = b64encode(
        f"<VMM_DRIVER_ACTION_DATA><HOST>{escape(host)}</HOST><DEPLOY_ID/>"
        f"<VM><ID>{vm_id}</ID><NAME>{escape(name)}</NAME><STATE>3</STATE>"
        f"<LCM_STATE>{lcm}</LCM_STATE><HISTORY_RECORDS><HISTORY><SEQ>0</SEQ><HID>0</HID></HISTORY>"
        "</HISTORY_RECORDS></VM></VMM_DRIVER_ACTION_DATA>".encode()
    ).decode()
    line = messages.parse_line(f"{action}{space}{vm_id} {payload}")
    assert (line.action, line.vm_id) == (action, vm_id)
    request = messages.parse_request(
        action, "\n".join(wrap(payload, 60)) if broken else line.payload
    )
    assert (request.action, request.host_name, request.deploy_id) == (action, host, "")
    assert (request.vm.id, request.vm.name) == (vm_id, name)
    assert request.vm.state == State(VmState.ACTIVE, lcm)


@pytest.mark.parametrize("vm_id", ["2147483648", "9" * 5000, "-7", "٣", "07"])
def test_a_vm_that_no_oned_can_have_is_a_protocol_error(vm_id: str) -> None:
    with pytest.raises(ProtocolError, match="no VM id in it"):
        messages.parse_line(f"DEPLOY  {vm_id} {MESSAGE}")
    document = messages.decode_payload(MESSAGE).replace(b"<ID>34", f"<ID>{vm_id}".encode())
    with pytest.raises(ProtocolError, match="<VM> has no id"):
        messages.parse_request("DEPLOY", b64encode(document).decode())


@pytest.mark.parametrize("action", ["DE\x1bPLOY", "DÉPLOY", "D" * 5000])
def test_an_action_that_no_oned_can_mean_is_a_protocol_error(action: str) -> None:
    with pytest.raises(ProtocolError, match="no action"):
        messages.parse_line(f"{action}  34 {MESSAGE}")


@given(st.text())
def test_any_line_is_understood_or_a_protocol_error(text: str) -> None:
    try:
        line = messages.parse_line(text)
        messages.parse_request(line.action, line.payload)
    except ProtocolError as error:
        assert str(error)


@given(st.sampled_from(["DEPLOY", "SAVE"]), st.integers(0, 2**31), st.booleans(), st.text())
def test_an_answer_is_one_line_that_reads_back(
    action: str, vm_id: int, success: bool, info: str
) -> None:
    line = messages.format_answer(action, vm_id, success=success, info=info)
    assert line.endswith("\n")
    assert len(line.splitlines()) == 1
    words = line.split(" ", 3)
    assert words[:3] == [action, "SUCCESS" if success else "FAILURE", str(vm_id)]
    assert words[3] == f"{clean_line(info) or '-'}\n"


def test_no_vm_is_written_as_each_generation_understands_it() -> None:
    assert messages.format_log("E", None, "x", Dialect.MAD) == "LOG E - x\n"
    assert messages.format_log("E", None, "x", Dialect.DRIVER) == "LOG E -1 x\n"
    assert messages.format_log("I", 7, "two\nlines", Dialect.DRIVER) == "LOG I 7 two lines\n"
