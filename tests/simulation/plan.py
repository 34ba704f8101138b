"""What happens from outside, drawn up front by a seed: so it can be shortened, event by event."""

import random
from collections.abc import Sequence
from typing import NamedTuple

from opennebula_sandbox.cloud import faults

GENERATIONS = ("5.10", "6.10", "7.2")
EFFECTS = {
    "drop before": faults.drop_before,
    "drop after": faults.drop_after,
    "reset": faults.reset,
    "duplicate": faults.duplicate,
    "truncate": faults.truncate,
    "cut XML": faults.cut_xml,
    "garbage": faults.answer_garbage(),
    "HTTP 500": faults.answer_http_error(),
    "HTTP 503": faults.answer_http_error("503 Service Unavailable"),
    "delay": faults.delay(2.0),
    "delay beyond the time limit": faults.delay_answer(40.0),
    "lost leader": faults.lose_leader,
}
ELECTIONS = (faults.ELECTION, faults.REPLICATING, faults.NO_LEADER, faults.FORWARD_REFUSED)
INSTANTIATE = "one.template.instantiate"
METHODS = (
    *("one.template.instantiate", "one.template.info", "one.vm.action", "one.vm.info"),
    *("one.vmpool.*", "one.vmpool.infoset", "one.*"),
)
LOCAL_METHODS = ("one.host.info", "one.vm.info", "one.host.*", "one.vmpool.*", "one.*")
ACTIONS = (
    *("suspend", "resume", "poweroff", "poweroff-hard", "undeploy", "undeploy-hard", "stop"),
    *("reboot", "reboot-hard", "resume", "terminate", "terminate-hard"),
)
REMOTE_ACTIONS = (
    *("suspend", "resume", "poweroff-hard", "stop", "undeploy-hard", "resume", "terminate-hard"),
    *("hold", "release"),
)
RECOVERIES = ("failure", "success", "retry", "delete", "recreate", "retry")
GUESTS = (
    "SANDBOX_IGNORES_ACPI=YES",
    "SANDBOX_IGNORES_ACPI=NO",
    "SANDBOX_FAILS=",
    "SANDBOX_FAILS=BOOT",
)

_BY_USERS = {
    "create": 6,
    "act": 14,
    "deploy": 3,
    "recover": 5,
    "act at the remote": 4,
    "stranger": 1,
    "guest": 1,
    "pause": 2,
}
_FAULTS = {
    "fail": 8,
    "fail locally": 4,
    "instantiate is lost": 3,
    "action is lost": 3,
    "is overtaken": 3,
    "clean-up is lost": 2,
    "dies at a call": 4,
    "cut": 3,
    "unknown name": 1,
    "election": 2,
    "refuse": 1,
    "remote restart": 1,
    "front-end restart": 1,
    "VMM driver dies": 2,
    "IM driver dies": 2,
    "clock": 2,
    "password": 1,
    "snapshot": 2,
    "restore": 2,
}
_WEIGHTS = _BY_USERS | _FAULTS
"""The kinds of events, and how often each happens."""
_OF_DEVICES = {"attach": 12, "detach": 6, "attachment is lost": 8}
"""Those that happen besides, where hosts pass disks and NICs through."""
DEVICES_FROM = 10**9
"""The first seed whose hosts do. So the others keep the histories that they have."""


class Event(NamedTuple):
    """Something that happens from outside."""

    at: float
    """Seconds since the beginning."""
    what: str
    first: float
    second: float
    third: float
    """Numbers from 0 to 1, which decide to whom, how and for how long."""

    @property
    def is_fault(self) -> bool:
        """Whether something fails by it."""
        faults = {*_FAULTS, "attachment is lost"} - {"snapshot"}
        return self.what in faults

    def choose(self, options: Sequence[str], number: float) -> str:
        """Return the one of *options* that a number means."""
        return options[int(number * len(options))]


def draw(seed: int, count: int) -> list[Event]:
    """Return so many events, in the order of their times."""
    number = random.Random(f"events {seed}").random
    weights = _WEIGHTS | _OF_DEVICES if seed >= DEVICES_FROM else _WEIGHTS
    kinds = [what for what, weight in weights.items() for _ in range(weight)]
    at, events = 5.0, []
    for _ in range(count):
        what = kinds[int(number() * len(kinds))]
        # Mostly close upon each other, sometimes far apart.
        at += 200 * number() if what == "pause" else 12 * number() ** 3
        events.append(Event(at, what, number(), number(), number()))
    return events


class Setting(NamedTuple):
    """What a world is made of."""

    front_ends: int
    remotes: int
    hosts: int
    """Of each front-end."""
    retries: int
    threads: int
    delay: float
    """Seconds that each intermediate state lasts at the remotes."""
    timeout: int
    shutdown_timeout: int
    state_vm: float
    devices: bool
    """Whether hosts pass disks and NICs through."""


def draw_setting(seed: int) -> Setting:
    """Return the world of a seed."""
    number = random.Random(f"world {seed}").random

    def one_of(*options: float) -> float:
        return options[int(number() * len(options))]

    return Setting(
        front_ends=int(one_of(1, 1, 2)),
        remotes=int(one_of(1, 2)),
        hosts=int(one_of(1, 2, 3)),
        retries=int(one_of(0, 2)),
        threads=int(one_of(1, 3, 15)),
        delay=one_of(0.0, 0.5, 3.0, 20.0),
        timeout=int(one_of(5, 30)),
        shutdown_timeout=int(one_of(20, 120)),
        state_vm=one_of(5.0, 5.0, 20.0),
        devices=seed >= DEVICES_FROM,
    )
