"""An object that cannot be read, or that a cloud cannot even send, hides none of the others."""

from collections.abc import Iterator

import pytest

from one2one.opennebula.cloud import Cloud
from one2one.opennebula.endpoint import Endpoint
from one2one.opennebula.errors import NotSendable, ProtocolError
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.cloud import SimulatedCloud as Sandbox
from tests.end_to_end.poison import MARKS, ROWS, poison

SMILE = "\N{GRINNING FACE}"


@pytest.fixture(params=["5.10", "6.10"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(request.param) as sandbox:
        yield sandbox


@pytest.fixture
def cloud(sandbox: Sandbox) -> Iterator[Cloud]:
    cloud = Cloud([Endpoint(sandbox.endpoint)], sandbox.session)
    yield cloud
    cloud.close()


def test_every_reading_of_vms_tells_of_the_others(sandbox: Sandbox, cloud: Cloud) -> None:
    good = [sandbox.instantiate(0, f"good-{n}").id for n in range(5)]
    odd = poison(sandbox, "h")
    good += [sandbox.instantiate(0, f"good-{n}").id for n in range(5)]
    readable = {*good, *odd[: len(MARKS)]}
    in_short_rows = {*readable, odd[len(MARKS)]}  # a short row has no emoji

    assert {vm.id for vm in cloud.list_vms()} >= in_short_rows
    assert {vm.id for vm in cloud.list_newest_vms(100)} >= in_short_rows
    assert {vm.id for vm in cloud.list_summaries()} >= in_short_rows
    assert {vm.id for vm in cloud.list_vms_by_id([*good, *odd])} >= in_short_rows
    assert {vm.id for vm in cloud.list_whole_vms()} == readable
    assert {vm.id for vm in cloud.list_whole_vms_by_id([*good, *odd])} == readable
    assert cloud.is_unread(odd[len(MARKS)])
    assert len(cloud.unread) == 2 + len(ROWS)


def test_a_vm_that_cannot_be_sent_costs_some_calls(sandbox: Sandbox, cloud: Cloud) -> None:
    ids = [sandbox.instantiate(0, SMILE if n == 13 else "vm").id for n in range(40)]
    others = ids[:13] + ids[14:]

    assert [vm.id for vm in cloud.list_vms()] == others[::-1]
    assert len(sandbox.calls) < 70
    cloud.list_vms_by_id([0])  # the client learns whether the cloud has infoset
    sandbox.calls.clear()
    assert [vm.id for vm in cloud.list_summaries_by_id(ids)] == others[::-1]
    assert len(sandbox.calls) < 16
    assert cloud.unread == {"VM 13": cloud.unread["VM 13"]}
    with pytest.raises(NotSendable, match="a character beyond U"):
        cloud.get_vm(13)


def test_no_vms_at_all_cost_no_call(sandbox: Sandbox, cloud: Cloud) -> None:
    cloud.list_vms_by_id([0])  # the client learns whether the cloud has infoset
    sandbox.calls.clear()
    assert cloud.list_summaries_by_id([]) == []
    assert cloud.list_whole_vms_by_id([]) == []
    assert len(sandbox.calls) == 0


def test_what_is_read_alone_is_a_protocol_error(sandbox: Sandbox, cloud: Cloud) -> None:
    good, *odd = sandbox.instantiate(0, "good").id, *poison(sandbox, "h")
    assert cloud.get_vm(good).name == "good"
    for vm_id in odd[len(MARKS) :]:
        with pytest.raises(ProtocolError):
            cloud.get_vm(vm_id)


@pytest.mark.parametrize("answer", ["2147483648", "-1", "9" * 4000, "9" * 5000])
def test_an_id_that_is_none_is_a_protocol_error(
    sandbox: Sandbox, cloud: Cloud, answer: str
) -> None:
    body = (
        "<methodResponse><params><param><value><array><data><value><boolean>1</boolean></value>"
        f"<value><i4>{answer}</i4></value></data></array></value></param></params></methodResponse>"
    )
    sandbox.faults.on(faults.answer_garbage(body.encode()), "one.template.instantiate")
    with pytest.raises(ProtocolError) as caught:
        cloud.instantiate(0, "vm", "")
    assert caught.value.sent, "a VM may have been made"
    assert len(str(caught.value)) < 1300
