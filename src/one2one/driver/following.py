"""Bringing a remote VM that is off in line with its local VM, before it starts.

oned lets users change a VM that is off without asking a driver. What the host passes through
arrives at the latest here.
"""

from collections.abc import Callable

from one2one.driver.configuring import follow_context
from one2one.driver.hotplug import Call, Follower, Result, change
from one2one.driver.operation import Job, Steps
from one2one.driver.ownership import find_remote_vm, read_own
from one2one.driver.resizing import follow_size
from one2one.hybrid import goals
from one2one.hybrid.goals import Step
from one2one.opennebula.errors import NotFound
from one2one.opennebula.records import Vm

_FOLLOWERS: dict[str, Callable[[Job], Follower]] = {
    "RESIZE": follow_size,
    "UPDATECONF": follow_context,
}
"""By the kind of operation that a host passes through."""


def follow(job: Job) -> Steps:
    """Change the remote VM as its local VM was changed while it was off; raises as ``change`` does.

    A remote VM that is not off, or no longer, stays as it is, until it is off when its local VM
    starts: its memory was saved, or its own user has started it.
    """
    passed = job.remote.settings.pass_through
    followers = [begin(job) for kind, begin in _FOLLOWERS.items() if kind in passed]
    if not followers:
        return ""
    try:
        remote = read_own(job, find_remote_vm(job))
    except NotFound:
        return ""
    if not _is_off(remote):
        return ""

    def choose(remote: Vm, accepted: frozenset[str]) -> Call | Result | None:
        if not _is_off(remote):
            return Result()
        calls = (follower(remote, accepted) for follower in followers)
        return next(filter(None, calls), None) or Result()

    return (yield from change(job, choose, goals.OFF_OR_STARTED, remote))


def _is_off(remote: Vm) -> bool:
    return goals.OFF.step(remote.state) is Step.REACHED
