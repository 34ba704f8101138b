"""Carrying an operation out, and starting it again with new credentials or after a failure."""

from one2one import runtime
from one2one.driver.operation import Job, Pause, Steps
from one2one.driver.operations import find_operation
from one2one.hybrid.mirror import Report
from one2one.hybrid.pass_through import require_passed
from one2one.hybrid.retry import Attempts
from one2one.opennebula.errors import AuthenticationError, Busy, OneError, Unreachable

ANSWER_IF_UNREADABLE = {"POLL": f"STATE={Report.SILENCE.letter}"}
"""What to answer where a cloud does not: FAILURE would make the VM UNKNOWN at once, and monitoring
is more patient."""


def carry_out(job: Job, retries: int = 0) -> Steps:
    """Carry out the operation that *job* asks for; start it again as ``hybrid.retry`` allows.

    *retries* is the ``-r`` of the driver's ARGUMENTS. Where the remote refuses the credentials,
    the host may have new ones: then these are tried, once.
    """
    action = job.request.action
    began = runtime.monotonic()
    attempts, renewed = Attempts(retries), False
    while True:
        remote = None
        try:
            remote = job.open_remote(job.not_before)
            require_passed(action, remote.settings.pass_through)
            return (yield from find_operation(action)(job))
        except OneError as error:
            if isinstance(error, AuthenticationError) and remote is not None and not renewed:
                renewed = job.open_remote(runtime.monotonic()).cloud is not remote.cloud
                if renewed:
                    job.not_before = runtime.monotonic()
                    continue
            age, chance = runtime.monotonic() - began, runtime.random()
            pause = attempts.pause(action, error, age, chance)
            if pause is None:
                if action in ANSWER_IF_UNREADABLE and isinstance(error, Unreachable | Busy):
                    job.log(f"The state of {job.request.deploy_id} could not be read: {error}")
                    return ANSWER_IF_UNREADABLE[action]
                raise
            job.log(f"Waiting {pause:.1f} s before the next attempt: {error}")
            yield Pause(pause)
        job.not_before = runtime.monotonic()
