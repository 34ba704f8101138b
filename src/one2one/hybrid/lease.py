"""How long a VM may run at the remote, and what its user is told before these hours are over.

    left                what the local VM tells
    ─────────────────   ──────────────────────────────────────────────
    more than a day     nothing
    a day or less       that it is less than a day, and what comes then
    an hour or less     the same of the hour
    nothing             that they are over

A lease that is no longer than a day, or an hour, is told as a whole. The words do not change in
between, so that the words in the VM show what its user was told already.

Hours are those in which the VM ran: RSTIME to RETIME of each history record. A VM that is off costs
no CPU and no memory. Both clouds keep such records, each by its own clock, and the smaller sum
counts. So a clock that jumps ends no VM, and hours of waiting in the remote's queue are not lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from one2one.hybrid.public_cloud import find_max_hours
from one2one.hybrid.settings import Settings
from one2one.opennebula.errors import Refused
from one2one.opennebula.records import Placement
from one2one.opennebula.template import Template

ATTRIBUTE = "REMOTE_LEASE"
"""The attribute of the local VM that tells it. Nothing else writes it, and nothing acts on it."""

_HOUR_S = 3600.0
_NOTICES = (1.0, 24.0)
"""So many hours before its end a lease is told."""


@dataclass(frozen=True, slots=True)
class Lease:
    """How long a VM may run, and what is done then."""

    hours: float
    action: str
    """An action of ``one.vm.action``."""
    source: str
    """Who says so."""

    @property
    def seconds(self) -> float:
        """The whole time."""
        return self.hours * _HOUR_S

    def describe(self, left: float) -> str:
        """Return what the VM tells when *left* seconds are left; nothing while that is long."""
        if left <= 0:
            return f"its {self.hours:g} hours are over: {self.action} ({self.source})"
        for notice in _NOTICES:
            if left <= notice * _HOUR_S:
                some = f"less than {notice:g} of {self.hours:g} hours are left"
                whole = f"it has {self.hours:g} hours in all"
                said = some if notice < self.hours else whole
                return f"{said}, then {self.action} ({self.source})"
        return ""

    def measure_quiet(self, left: float) -> float:
        """Return for how many seconds, of those *left*, ``describe`` says the same."""
        return left - max((n * _HOUR_S for n in _NOTICES if n * _HOUR_S < left), default=0.0)


def find_lease(user_template: Template, settings: Settings) -> Lease | None:
    """Return the lease of a VM on a host, None where it may run for as long as it likes.

    A wish that cannot be read lets the host's hours count: it may be written while the VM runs.
    """
    action, hours = settings.max_hours_action.lower(), settings.max_hours
    try:
        wish = find_max_hours(user_template, settings.host_name)
    except Refused:
        wish = None
    if wish is not None and (hours is None or wish < hours):
        return Lease(wish, action, "MAX_HOURS in PUBLIC_CLOUD")
    if hours is None:
        return None
    return Lease(hours, action, f"ONE_MAX_HOURS of host {settings.host_name}")


def measure_running(history: Sequence[Placement], now: float) -> float:
    """Return for how many seconds a VM ran, by the records of one cloud and its clock.

    A record that never ended counts up to the next one.
    """
    total = 0.0
    for record, following in zip_longest(history, history[1:]):
        end = record.retime or (following.rstime if following else now)
        if record.rstime > 0:
            total += max(0.0, end - record.rstime)
    return total
