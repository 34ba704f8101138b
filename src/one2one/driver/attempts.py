"""Carrying an operation out, and starting it again with new credentials or after a failure."""

import random
import time
from collections.abc import Callable

from one2one.driver.lifecycle import ANSWER_IF_UNREADABLE, OPERATIONS
from one2one.driver.local import LocalCloud
from one2one.driver.operation import Job, Pause, Steps
from one2one.driver.remotes import Remote
from one2one.hybrid.request import Request
from one2one.hybrid.retry import Attempts
from one2one.opennebula.errors import AuthenticationError, Busy, OneError, Unreachable


def carry_out(
    request: Request,
    local: LocalCloud,
    opened: Callable[[float], Remote],
    log: Callable[[str], None],
    *,
    not_before: float,
    retries: int = 0,
) -> Steps:
    """Carry out the operation that *request* asks for; start it again as ``hybrid.retry`` allows.

    *opened* returns the remote that the host names, read at the given time or later. Where the
    remote does not know the credentials, the host may have got new ones meanwhile: then these are
    tried, once. See ``Context`` for the others.
    """
    operation = OPERATIONS[request.action]
    begun = time.monotonic()
    attempts, renewed = Attempts(retries), False
    while True:
        remote = None
        try:
            remote = opened(not_before)
            return (yield from operation(Job(request, not_before, local, remote, log)))
        except AuthenticationError:
            if remote is None or renewed or opened(time.monotonic()).cloud is remote.cloud:
                raise
            renewed = True
        except OneError as error:
            age, chance = time.monotonic() - begun, random.random()  # noqa: S311 - not a secret
            pause = attempts.pause(request.action, error, age, chance)
            if pause is None:
                if request.action in ANSWER_IF_UNREADABLE and isinstance(error, Unreachable | Busy):
                    log(f"The state of {request.deploy_id} could not be read: {error}")
                    return ANSWER_IF_UNREADABLE[request.action]
                raise
            log(f"Waiting {pause:.1f} s before the next attempt: {error}")
            yield Pause(pause)
        not_before = time.monotonic()
