"""What attacks have found, a case each."""

import gc
import socket
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from one2one.mad.im_messages import read_configuration
from one2one.opennebula.cloud import Cloud
from one2one.opennebula.endpoint import Endpoint
from one2one.opennebula.errors import OneError, ProtocolError, Unreachable
from one2one.opennebula.xml import parse
from tests.hostile import memory
from tests.hostile.xmlrpc import answer
from tests.opennebula.peer import OK, SESSION, always, client, page, read_request, serving


@dataclass(frozen=True)
class Found:
    """A document that was no answer to a call."""

    call: Callable[[Cloud], object]
    document: str
    told: str


DOCUMENTS = {
    "an account in a namespace": Found(
        lambda cloud: cloud.get_quotas(),
        "<USER xmlns='urn:x'><ID>2</ID></USER>",
        "answered with {urn",
    ),
    "a group for an account": Found(
        lambda cloud: cloud.get_quotas(),
        "<GROUP><ID>2</ID></GROUP>",
        "answered with GROUP 2, not USER",
    ),
    "the answer to another call": Found(
        lambda cloud: cloud.get_vm(7), "<VM><ID>8</ID><STATE>6</STATE></VM>", "VM 8, not VM 7"
    ),
    "a pool for a VM": Found(
        lambda cloud: cloud.find_summary(7), "<VM_POOL><ID>7</ID></VM_POOL>", "VM_POOL 7, not VM 7"
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_that_was_not_asked_for(name: str) -> None:
    found = DOCUMENTS[name]
    with serving(always(page(answer(found.document)))) as port:
        cloud = Cloud([Endpoint(f"http://127.0.0.1:{port}/RPC2")], SESSION)
        with pytest.raises(ProtocolError, match=found.told):
            found.call(cloud)
        cloud.close()


ADDRESSES = {
    "a control character": "a&#x96;b",
    "a label of 64 characters": "x" * 64,
    "a label of 70 accents": "é" * 70,
    "an empty label": "front..end",
    "a name of 5,000 characters": "x." * 2500,
    "an IPv6 address of nine parts": "1:2:3:4:5:6:7:8:9",
    "nothing but blanks": " \t ",
}
"""Of monitord: each one reached a look-up, which raised an error that nothing expected."""


@pytest.mark.parametrize("name", ADDRESSES)
def test_an_address_of_monitord_that_nobody_can_look_up(name: str) -> None:
    network = f"<NETWORK><MONITOR_ADDRESS>{ADDRESSES[name]}</MONITOR_ADDRESS></NETWORK>"
    with pytest.raises(ProtocolError, match="MONITOR_ADDRESS"):
        read_configuration(parse(f"<MONITOR_CONFIGURATION>{network}</MONITOR_CONFIGURATION>"))


@pytest.mark.parametrize("address", ["auto", "10.0.0.1", "FrontEnd.example.org.", "fd00::1"])
def test_an_address_of_monitord_that_is_right(address: str) -> None:
    network = f"<NETWORK><MONITOR_ADDRESS>{address}</MONITOR_ADDRESS></NETWORK>"
    assert read_configuration(parse(f"<MONITOR_CONFIGURATION>{network}</MONITOR_CONFIGURATION>"))


def test_what_comes_after_an_answer_is_not_taken_for_the_next_one() -> None:
    seen: list[int] = []

    def behave(connection: socket.socket, number: int) -> None:
        while read_request(connection):
            seen.append(number)
            connection.sendall(page(OK) + (page(OK) if number == 0 else b""))

    with serving(behave) as port, client(port) as one:
        for _ in range(3):
            assert one.call("one.system.version") == "6.10.0"
    assert seen == [0, 1, 1]


def test_a_call_that_meets_the_rest_of_an_earlier_answer_is_made_again() -> None:
    def behave(connection: socket.socket, number: int) -> None:
        rest = b""
        while read_request(connection):
            connection.sendall(rest + page(OK))
            rest = b"x" * 9 if number == 0 else b""

    with serving(behave) as port, client(port) as one:
        for _ in range(3):
            assert one.call("one.system.version") == "6.10.0"
        with serving(behave) as other, client(other) as changing:
            assert changing.call("one.vm.action", "resume", 7) == "6.10.0"
            with pytest.raises(Unreachable, match="not an HTTP answer") as caught:
                changing.call("one.vm.action", "reboot", 7)
            assert caught.value.sent


def test_an_error_that_is_kept_keeps_nothing_of_its_answer() -> None:
    kept: list[OneError] = []
    with serving(always(page(b"x" * (10 << 20)))) as port, client(port) as one:
        gc.disable()
        try:
            before = memory.reset_peak()
            for _ in range(12):
                with pytest.raises(ProtocolError, match="not an XML-RPC answer") as caught:
                    one.call("one.system.version")
                kept.append(caught.value)
            assert memory.read_peak() - before < 60 << 20
        finally:
            gc.enable()
