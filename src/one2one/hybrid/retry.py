"""Which failed calls are made again, and when.

    call                               not sent   no answer   busy    any other error
    ────────────────────────────────   ────────   ─────────   ─────   ───────────────
    DEPLOY's one.template.instantiate  again      no          again   no
    REBOOT's, RESET's one.vm.action    again      no          again   no
    any other                          again      again       again   no

Without an answer nobody knows whether the call had its effect. Those that are marked *no* would
have it twice: two VMs, or a second reboot. All others ask for a state that the VM may already be
in, or only read, and an operation begun anew finds out (``driver.reach``, ``driver.roster``).

How often is oned's decision: the ``-r`` of its driver's ARGUMENTS, 0 by default. What a waiting
operation reads once a second is not counted: it is read until the operation's own deadline.
"""

from one2one.opennebula.errors import Busy, OneError, Unreachable

LIMIT_S = 600.0
"""So long after an action arrived it is not begun anew any more."""
_LONGEST_S = 60.0

_ONCE = {
    ("DEPLOY", "one.template.instantiate"),
    ("REBOOT", "one.vm.action"),
    ("RESET", "one.vm.action"),
}
"""By oned's action and the remote call that failed."""


def is_repeatable(action: str, error: OneError) -> bool:
    """Tell whether oned's *action*, which failed by *error*, may be begun anew."""
    if isinstance(error, Unreachable):
        return not error.sent or (action, error.call) not in _ONCE
    return isinstance(error, Busy)


def back_off(attempt: int, chance: float) -> float:
    """Return how many seconds to wait after so many attempts: 1, 2, 4, … up to a minute.

    *chance*, from 0 to 1, takes up to half of it away, so that what failed together does not
    come back together.
    """
    longest = min(2.0 ** min(attempt - 1, 9), _LONGEST_S)
    return longest * (1 - chance / 2)
