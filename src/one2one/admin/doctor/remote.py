"""Checks of the connection to the remote cloud, and of the cloud itself."""

import ipaddress
import time

from one2one.admin.doctor.daemon import check_known_release
from one2one.admin.doctor.facts import HybridHost
from one2one.admin.doctor.finding import Finding, failure, join_some, ok, skip, warning
from one2one.admin.doctor.first_answer import FirstAnswer
from one2one.admin.units import format_duration
from one2one.driver.vm_index import CLOCK_SKEW_S
from one2one.opennebula.errors import AuthenticationError, ConfigurationError, OneError
from one2one.opennebula.urls import parse_endpoint

_SKEW_S = 30
_EXPIRES_S = 21 * 86400
_REMOTE_CONNECTIONS = 15
"""MAX_CONN of oned, unless its administrator has changed it."""


def check_endpoint(host: HybridHost) -> Finding:
    """Check that the remote answers as an OpenNebula."""
    try:
        return ok(f"OpenNebula {host.version} at {host.settings.endpoint}")
    except AuthenticationError:
        return ok(f"an OpenNebula at {host.settings.endpoint}")
    except OneError as error:
        return failure(f"{host.settings.endpoint}: {error.cause}", error.remedy)


def check_servers(host: HybridHost) -> Finding:
    """Check that each server of the remote answers."""
    if len(host.settings.endpoints) == 1:
        return skip("one server")
    silent = [
        f"{url} ({answer.cause})"
        for url, answer in host.first_answers.items()
        if isinstance(answer, OneError)
    ]
    if silent:
        return warning(
            f"{len(silent)} of {len(host.first_answers)} do not answer: {join_some(silent)}",
            "The others are used meanwhile. Start it, or take it out of ONE_ENDPOINT",
        )
    return ok(f"all {len(host.first_answers)} answer")


def check_release(host: HybridHost) -> Finding:
    """Check that the remote's release is known."""
    return check_known_release(host.version)


def check_clear_text(host: HybridHost) -> Finding:
    """Check that the password does not cross a network in clear text."""
    plain = [to for to in map(parse_endpoint, host.settings.endpoints) if not to.is_tls]
    if not plain:
        return ok("TLS")
    away = [to.address.host for to in plain if not _is_here(to.address.host)]
    if not away:
        return ok("plain HTTP, but it does not leave this machine")
    return warning(
        f"plain HTTP to {join_some(away)}: the network can read the password",
        "Put a TLS proxy before the remote oned, and https:// into ONE_ENDPOINT",
    )


def check_certificate(host: HybridHost) -> Finding:
    """Check that the remote has a trusted certificate."""
    if not any(parse_endpoint(url).is_tls for url in host.settings.endpoints):
        return skip("no TLS")
    if not host.settings.verify_tls:
        return warning(
            "ONE_VERIFY_TLS=NO: anybody on the way can pretend to be the remote",
            "Put the remote's authority into ONE_CA_FILE and remove ONE_VERIFY_TLS",
        )
    for url, answer in host.first_answers.items():
        if isinstance(answer, ConfigurationError) and not isinstance(answer, AuthenticationError):
            return failure(f"{url}: {answer.cause}", answer.remedy)
    return ok("trusted")


def check_certificate_expiry(host: HybridHost) -> Finding:
    """Check that the remote's certificate will stay valid for a while."""
    expiries = [
        answer.certificate_expires
        for answer in _list_answers(host)
        if answer.certificate_expires is not None
    ]
    if not expiries:
        return skip("no verified certificate")
    left = int(min(expiries) - time.time())
    if left < _EXPIRES_S:
        return warning(f"it expires in {format_duration(max(0, left))}", "Renew it at the remote")
    return ok(f"valid for {format_duration(left)}")


def check_clock(host: HybridHost) -> Finding:
    """Check that both clouds have the same time."""
    skews = [answer.skew for answer in _list_answers(host) if answer.skew is not None]
    if not skews:
        return skip("the remote does not tell its time")
    skew = max(skews, key=abs)
    text = f"the remote is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
    if abs(skew) > CLOCK_SKEW_S:
        return failure(
            f"{text}: VMs of an attempt before cannot be recognised", "Synchronise both with NTP"
        )
    if abs(skew) > _SKEW_S:
        return warning(text, "Synchronise both with NTP")
    return ok(text if abs(skew) > 1 else "the same time")


def check_connections(host: HybridHost) -> Finding:
    """Check that our hosts together do not use up the connections of the remote oned."""
    neighbours = host.neighbours
    # The VMM and the IM driver are processes of their own.
    total = 2 * host.settings.max_connections * len(neighbours)
    if total > _REMOTE_CONNECTIONS:
        return warning(
            f"up to {total} to one oned, which takes {_REMOTE_CONNECTIONS} by default"
            f" ({join_some([known.name for known in neighbours])})",
            "Lower ONE_MAX_CONNECTIONS here, or raise MAX_CONN at the remote",
        )
    return ok(f"up to {total}")


def _list_answers(host: HybridHost) -> list[FirstAnswer]:
    """Return what the servers that answer told; raises the error of the first if none does."""
    told = list(host.first_answers.values())
    answers = [answer for answer in told if isinstance(answer, FirstAnswer)]
    if not answers and isinstance(told[0], OneError):
        raise told[0]
    return answers


def _is_here(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
