"""Checks of the servers of an HA front-end: who leads, and whether all have the same key."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from one2one.admin.doctor.facts import FrontEnd
from one2one.admin.doctor.finding import Finding, failure, join_some, ok, skip, warning
from one2one.opennebula.cloud import Cloud
from one2one.opennebula.errors import OneError
from one2one.opennebula.states import RaftState
from one2one.opennebula.xml import read_integer

Answer = TypeVar("Answer")


def check_leader(front_end: FrontEnd) -> Finding:
    """Check that each server of the zone answers, and that one leads."""
    states = _ask_each(front_end, _read_state)
    if not states:
        return skip("one server")
    leading = [name for name, state in states.items() if state == RaftState.LEADER]
    silent = [
        f"{name} ({answer.cause})"
        for name, answer in states.items()
        if isinstance(answer, OneError)
    ]
    if not leading:
        return failure(
            f"none of {len(states)} servers leads: {join_some(silent) or 'they elect one'}",
            "See: onezone show 0",
        )
    if silent:
        return warning(
            f"{join_some(leading)} leads; no answer of {join_some(silent)}",
            "Start OpenNebula there, or: onezone server-del",
        )
    return ok(f"{join_some(leading)} leads, {len(states) - 1} follow")


def check_same_key(front_end: FrontEnd) -> Finding:
    """Check that each server decrypts the hosts' passwords alike: a new leader needs them."""
    if front_end.local.get_version() < (5, 10):
        return skip("before 5.10 oned decrypts nothing for its drivers")
    hosts = [host.id for host in front_end.hosts]
    passwords = {
        name: answer
        for name, answer in _ask_each(front_end, partial(_read_passwords, hosts)).items()
        if not isinstance(answer, OneError)
    }
    if len(passwords) < 2:
        return skip("no two servers answer")
    here = _read_passwords(hosts, front_end.local.cloud)
    others = [name for name, known in passwords.items() if known != here]
    if others:
        return failure(
            f"{join_some(others)} decrypts ONE_PASSWORD to something else than this server",
            "Copy /var/lib/one/.one from the leader to it, and restart OpenNebula there",
        )
    return ok(f"{len(passwords)} servers decrypt the passwords alike")


def _ask_each(front_end: FrontEnd, ask: Callable[[Cloud], Answer]) -> dict[str, Answer | OneError]:
    """Return what each server of the zone answers, or why it does not, by its name."""
    answers: dict[str, Answer | OneError] = {}
    for name, url in front_end.servers.items():
        try:
            with front_end.local.open_server(url) as server:
                answers[name] = ask(server)
        except OneError as error:
            answers[name] = error
    return answers


def _read_state(server: Cloud) -> int:
    return read_integer(server.get_raft(), "STATE")


def _read_passwords(host_ids: list[int], server: Cloud) -> list[str]:
    return [
        server.get_host(host_id, decrypt=True).template.text("ONE_PASSWORD") for host_id in host_ids
    ]
