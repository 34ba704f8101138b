"""What an oned says with an answer that is an error, and what the caller must do next."""

import xmlrpc.client

import pytest

from one2one.opennebula.clean import clean_line
from one2one.opennebula.errors import (
    AuthenticationError,
    Busy,
    NotAuthorized,
    NotFound,
    OneError,
    ProtocolError,
    Refused,
    WrongState,
)
from one2one.opennebula.rpc import decode_result
from opennebula_sandbox.cloud import faults

ACTION = 0x2000
"""The code of almost every refusal, an election's included."""


def decode(words: str, code: int = ACTION) -> OneError:
    answer = xmlrpc.client.dumps(((False, words, code),), methodresponse=True)
    with pytest.raises(OneError) as error:
        decode_result(answer.encode())
    return error.value


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (0x0100, AuthenticationError),
        (0x0200, NotAuthorized),
        (0x0400, NotFound),
        (0x0800, WrongState),
        (0x1000, ProtocolError),
        (0x2000, Refused),
        (0x4000, Refused),
        (0x8000, Busy),
        (0x10000, Busy),
        (0x20000, Refused),
    ],
)
def test_a_code_tells_what_the_caller_must_do_next(code: int, kind: type[OneError]) -> None:
    error = decode("no", code)
    assert type(error) is kind
    assert not error.sent, "nothing was done"


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        (faults.ELECTION, False),
        (faults.REPLICATING, False),
        (faults.NO_LEADER, False),
        (faults.FORWARD_REFUSED, False),
        ("libcurl failed to execute the HTTP POST transaction, explaining: Empty reply", True),
        ("HTTP response code is 500, not 200", True),
        ("RPC call timed out and aborted", True),
        ("Error inserting VM in DB.", True),
        ("Error allocating a new virtual machine. Error inserting VM in DB.", True),
        ("Internal error.", False),
    ],
)
def test_an_election_or_a_database_passes_and_may_have_let_the_call_through(
    words: str, *, sent: bool
) -> None:
    error = decode(f"[one.template.instantiate] {words}")
    assert type(error) is Busy
    assert error.sent is sent
    assert error.cause == clean_line(words), "the call is named apart"


@pytest.mark.parametrize(
    "words",
    [
        "Internal error. Action result not defined",
        "The leader said: no leader found",
        "limit of 3 reached for VMS quota",
        "",
    ],
)
def test_a_refusal_that_only_sounds_like_it_does_not_pass(words: str) -> None:
    assert type(decode(words)) is Refused
