"""Why a remote VM is not where an operation wanted it, and what helps.

    the remote VM …                           blame                    helps
    ───────────────────────────────────────   ──────────────────────   ──────────────────────────
    is in a failure state                     what that state is of    its administrator
    is back where the action was asked for    its guest, or for an     the hard variant, or the
                                              action that asks no      log there
                                              guest its hypervisor
    is where nothing leads on                 who acted on it there    a look at it
    is on its way still                       no one                   more time

``terminate`` deletes a VM that is in a failure state, without doing what failed
(``DispatchManager::terminate``; measured on 6.10), so persistent disks are not saved then.
"""

from one2one.hybrid.goals import Goal
from one2one.hybrid.words import read_words
from one2one.opennebula.errors import Refused
from one2one.opennebula.records import Vm
from one2one.opennebula.states import FAILURES, State

_FAILURES = frozenset(lcm.name for lcm in FAILURES) | {"CLONING_FAILURE"}
_FAILED_AT = {
    "BOOT": "the remote's hypervisor could not start it",
    "PROLOG": "the remote's storage could not bring its disks",
    "EPILOG": "the remote's storage could not take its disks back",
    "CLONING": "the remote's storage could not copy its images",
}
"""What fails in a state ``…_FAILURE``, by its first word: the transfer manager's or the virtual
machine manager's part of ``LifeCycleStates.cc``."""
_ASKS_THE_GUEST = ("terminate", "poweroff", "undeploy", "reboot")


def explain_failure_at(state: State) -> str:
    """Return what the remote failed at, nothing where *state* is no failure state."""
    name = str(state)
    return _FAILED_AT[name.partition("_")[0]] if name in _FAILURES else ""


def has_unsaved_disks(vm: Vm) -> bool:
    """Tell whether its persistent disks wait for being saved, which terminating would not do."""
    disks = vm.template.vectors("DISK")
    return str(vm.state).startswith("EPILOG") and any(d.get("SAVE") == "YES" for d in disks)


def failure_error(vm: Vm, secret: str) -> Refused:
    """Return the error for a remote VM in a failure state, with its own cloud's words.

    *secret*, the account's password, is not among them.
    """
    said = read_words(vm, "ERROR", secret)
    remedy = f"Have its administrator repair that and run there: onevm recover --retry {vm.id}"
    if has_unsaved_disks(vm):
        lost = "To terminate the VM again loses what its persistent disks have not saved"
        remedy = f"{remedy}. {lost}"
    return Refused(
        f"remote VM {vm.id} is {vm.state}: {explain_failure_at(vm.state)}"
        f"{f' ({said})' if said else ''}",
        remedy=remedy,
    )


def not_followed_error(remote_id: int, state: State, action: str) -> Refused:
    """Return the error for a remote VM that is back where *action* was asked for."""
    soft = action in _ASKS_THE_GUEST
    return Refused(
        f"remote VM {remote_id} is still {state}: its {'guest or ' if soft else ''}hypervisor did "
        f"not follow {action}",
        remedy="Act in the guest, or use the hard variant"
        if soft
        else "See its log in the remote cloud",
    )


def dead_end_error(remote_id: int, state: State, goal: Goal) -> Refused:
    """Return the error for a remote VM that is where nothing leads to *goal*."""
    return Refused(
        f"remote VM {remote_id} is {state} and cannot become {goal.name}",
        remedy="See what happened to it in the remote cloud",
    )


def failed_change_error(remote: Vm, what: str, error: str) -> Refused:
    """Return the error for a remote VM that accepted *what* and did not do it.

    *error* is what the remote VM says of that, perhaps nothing.
    """
    said = f" ({error})" if error else ""
    return Refused(
        f"remote VM {remote.id} is {remote.state}: {what} failed there{said}",
        remedy="See its log in the remote cloud",
    )


def unchangeable_error(remote: Vm, action: str) -> Refused:
    """Return the error for a remote VM whose state does not allow *action*."""
    return Refused(
        f"remote VM {remote.id} is {remote.state}, which does not allow {action}",
        remedy="See what happened to it in the remote cloud",
    )


def too_late_error(remote_id: int, state: State, action: str, seconds: float) -> Refused:
    """Return the error for a remote VM that is not there *seconds* after *action*."""
    return Refused(
        f"remote VM {remote_id} is still {state}, {seconds:g} s after {action}",
        remedy="See the remote's log of it, or raise the host's ONE_SHUTDOWN_TIMEOUT",
    )
