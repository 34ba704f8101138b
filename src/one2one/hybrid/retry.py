"""Which failed operations start again, and when.

                                       busy, or no   the call was   it may have had   any other
    call                               user known    not sent       its effect        error
    ────────────────────────────────   ───────────   ────────────   ───────────────   ─────────
    DEPLOY's one.template.instantiate  patiently     again          no                no
    REBOOT's, RESET's one.vm.action    patiently     again          no                no
    SNAPSHOTCREATE's, …REVERT's call   patiently     again          no                no
    ATTACHDISK's, ATTACHNIC's call     patiently     again          no                no
    any of POLL                        no            no             no                no
    any other                          patiently     again          again             no

Without an answer the driver cannot know whether the call had its effect. Those marked *no* would
have it twice: two VMs, snapshots, disks or NICs, a second reboot or revert. All others ask for a
state that the VM may already be in, or only read, and an operation that starts again finds out
(``driver.reach``, ``driver.hotplug``, ``driver.vm_index``).

*again*: as often as the ``-r`` of the driver's ARGUMENTS says, 0 by default.
*patiently*: PATIENCE times more, for any ``-r``. An HA zone without a leader refuses what would
change anything, and does nothing. It elects a leader within seconds (ELECTION_TIMEOUT_MS is 5,000
by default), while FAILURE would leave a VM in BOOT_FAILURE until an administrator acts. The driver
also waits for a busy cloud where the call may have had its effect, unless the table says *no*.
While its database is away, an oned refuses every user and password, and does nothing either
(``UserPool::authenticate``, measured on 7.2.0 with MariaDB). So a wrong password is tried as often.

The reads of a waiting operation, once a second, do not count: they go on until the operation's own
deadline. POLL is answered at once: monitoring is more patient than oned (``driver.lifecycle``).
"""

from dataclasses import dataclass

from one2one.opennebula.errors import AuthenticationError, Busy, OneError, Unreachable

LIMIT_S = 600.0
"""Seconds after an action arrived within which its operation may start again."""
PATIENCE = 5
"""Extra tries for a busy cloud, or one that knows no user: 15 to 31 seconds in all."""
_LONGEST_S = 60.0

_ONCE = {
    ("DEPLOY", "one.template.instantiate"),
    ("REBOOT", "one.vm.action"),
    ("RESET", "one.vm.action"),
    ("ATTACHDISK", "one.vm.attach"),
    ("ATTACHNIC", "one.vm.attachnic"),
    ("SNAPSHOTCREATE", "one.vm.snapshotcreate"),
    ("SNAPSHOTREVERT", "one.vm.snapshotrevert"),
}
"""By oned's action and the remote call that failed."""


def is_repeatable(action: str, error: OneError) -> bool:
    """Tell whether oned's *action*, which failed by *error*, may start again."""
    if action == "POLL" or not isinstance(error, Unreachable | Busy | AuthenticationError):
        return False
    return not error.sent or (action, error.call) not in _ONCE


def back_off(attempt: int, chance: float) -> float:
    """Return how many seconds to wait after so many attempts: 1, 2, 4, … up to a minute.

    *chance*, from 0 to 1, takes up to half of it away, so that what failed together does not
    come back together.
    """
    longest = min(2.0 ** min(attempt - 1, 9), _LONGEST_S)
    return longest * (1 - chance / 2)


@dataclass(slots=True)
class Attempts:
    """How often one operation may be begun again, and has been."""

    retries: int
    """The ``-r`` of the driver's ARGUMENTS."""
    counted: int = 0
    patient: int = 0

    def pause(self, action: str, error: OneError, age: float, chance: float) -> float | None:
        """Return the seconds to wait before *action* is begun again; None where *error* ends it.

        *age* is how many seconds ago it arrived; see ``back_off`` for *chance*.
        """
        if not is_repeatable(action, error):
            return None
        if isinstance(error, Busy | AuthenticationError) and self.patient < PATIENCE:
            self.patient += 1
            return back_off(self.patient, chance)
        if isinstance(error, AuthenticationError):
            return None
        self.counted += 1
        pause = back_off(self.counted, chance)
        return pause if self.counted <= self.retries and age + pause <= LIMIT_S else None
