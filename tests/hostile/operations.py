"""What oned asks for, done with a remote that answers wrongly."""

import time

from one2one.driver.attempts import carry_out
from one2one.driver.operation import Job, Outcome, Pause, Wait, explain, resume
from one2one.driver.operations import ACTIONS
from one2one.driver.watch import read_states
from one2one.mad import messages
from one2one.opennebula.errors import OneError
from tests.hostile import checks, lines
from tests.hostile.chance import Chance
from tests.hostile.ground import Ground

WAYS = ("odd", "seldom", "seldom")
"""What the answer to each call is, or to one in five: then an operation gets further."""
_STEPS = 4
"""So many times is an operation told what its VM has become."""


def attack_operation(ground: Ground, case: str, chance: Chance) -> int:
    """Carry out one operation; its line and its answer are exchanged."""
    line = messages.parse_line(lines.vmm(chance, 7, chance.choice(ACTIONS)).text)
    request = messages.parse_request(line.action, line.payload)
    local, remotes = ground.clouds(chance.choice(WAYS), case)
    job = Job(request, local, remotes, checks.check_secret, time.monotonic())
    try:
        info, success = _run(job, retries=chance.choice((0, 2))), True
    except OneError as error:
        checks.check_error(error)
        info, success = explain(error, request, job.opened), False
    checks.check_to_oned(messages.format_answer(request.action, 7, success=success, info=info))
    remotes.close()
    local.cloud.close()
    return 2


def _run(job: Job, retries: int) -> str:
    """Carry *job* out for a while; what waits longer is left."""
    steps = carry_out(job, retries)
    try:
        wait = next(steps)
        for _ in range(_STEPS):
            wait = resume(steps, _wait(job, wait))
    except StopIteration as end:
        return str(end.value)
    steps.close()
    return ""


def _wait(job: Job, wait: Wait) -> Outcome:
    """Return what has become of the VM, without waiting for anything."""
    if isinstance(wait, Pause):
        return None
    try:
        return read_states(job.remote.cloud, [wait.remote_id])[wait.remote_id]
    except OneError as error:
        checks.check_error(error)
        return error
