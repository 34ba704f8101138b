"""Checks of the way to the remote cloud, and of the cloud itself."""

import ipaddress
import time

from one2one.admin.doctor.daemon import known_release
from one2one.admin.doctor.facts import HybridHost
from one2one.admin.doctor.finding import Finding, failure, ok, skipped, some, warning
from one2one.admin.units import duration
from one2one.driver.roster import CLOCK_SKEW_S
from one2one.opennebula.endpoint import parse_endpoint
from one2one.opennebula.errors import AuthenticationError, ConfigurationError, OneError

_SKEW_S = 30
_EXPIRES_S = 21 * 86400
_REMOTE_CONNECTIONS = 15
"""MAX_CONN of oned, unless its administrator has changed it."""


def endpoint(host: HybridHost) -> Finding:
    """Check that the remote answers as an OpenNebula."""
    try:
        return ok(f"OpenNebula {host.version} at {host.settings.endpoint}")
    except AuthenticationError:
        return ok(f"an OpenNebula at {host.settings.endpoint}")
    except OneError as error:
        return failure(f"{host.settings.endpoint}: {error.cause}", error.remedy)


def release(host: HybridHost) -> Finding:
    """Check that the remote's release is known."""
    return known_release(host.version)


def clear_text(host: HybridHost) -> Finding:
    """Check that the password does not cross a network in clear text."""
    to = parse_endpoint(host.settings.endpoint)
    if to.is_tls:
        return ok("TLS")
    if _is_here(to.address.host):
        return ok("plain HTTP, but it does not leave this machine")
    return warning(
        f"plain HTTP to {to.address.host}: whoever listens reads the password",
        "Put a TLS proxy before the remote oned, and https:// into ONE_ENDPOINT",
    )


def certificate(host: HybridHost) -> Finding:
    """Check that the remote proves who it is."""
    if not parse_endpoint(host.settings.endpoint).is_tls:
        return skipped("no TLS")
    if not host.settings.verify_tls:
        return warning(
            "ONE_VERIFY_TLS=NO: anybody on the way can pretend to be the remote",
            "Put the remote's authority into ONE_CA_FILE and remove ONE_VERIFY_TLS",
        )
    try:
        host.greeting  # noqa: B018 - it is read for its errors
    except AuthenticationError:
        pass
    except ConfigurationError as error:
        return failure(error.cause, error.remedy)
    return ok("trusted")


def certificate_expiry(host: HybridHost) -> Finding:
    """Check that the remote's certificate will stay valid for a while."""
    expires = host.greeting.certificate_expires
    if expires is None:
        return skipped("no verified certificate")
    left = int(expires - time.time())
    if left < _EXPIRES_S:
        return warning(f"it expires in {duration(max(0, left))}", "Renew it at the remote")
    return ok(f"valid for {duration(left)}")


def clock(host: HybridHost) -> Finding:
    """Check that both clouds have the same time."""
    skew = host.greeting.skew
    if skew is None:
        return skipped("the remote does not tell its time")
    text = f"the remote is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
    if abs(skew) > CLOCK_SKEW_S:
        return failure(
            f"{text}: VMs of an attempt before cannot be recognised", "Synchronise both with NTP"
        )
    if abs(skew) > _SKEW_S:
        return warning(text, "Synchronise both with NTP")
    return ok(text if abs(skew) > 1 else "the same time")


def connections(host: HybridHost) -> Finding:
    """Check that our hosts together leave connections of the remote oned to others."""
    neighbours = [
        known
        for known in host.front_end.hosts
        if known.template.text("ONE_ENDPOINT").strip() == host.settings.endpoint
    ]
    # The VMM and the IM driver are processes of their own.
    total = 2 * host.settings.max_connections * len(neighbours)
    if total > _REMOTE_CONNECTIONS:
        return warning(
            f"up to {total} to one oned, which takes {_REMOTE_CONNECTIONS} by default"
            f" ({some([known.name for known in neighbours])})",
            "Lower ONE_MAX_CONNECTIONS here, or raise MAX_CONN at the remote",
        )
    return ok(f"up to {total}")


def _is_here(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
