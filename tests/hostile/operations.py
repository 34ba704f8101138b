"""What oned asks for, carried out with a remote that answers as nobody should."""

import time

from one2one.driver.attempts import carry_out
from one2one.driver.lifecycle import OPERATIONS
from one2one.driver.operation import Pause, Steps, explain
from one2one.driver.remotes import Remote
from one2one.driver.watch import read_states
from one2one.mad import messages
from one2one.opennebula.errors import OneError
from tests.hostile import checks, lines
from tests.hostile.chance import Chance
from tests.hostile.ground import Ground

_STEPS = 4
"""So many times is an operation told what its VM has become."""


def attack_operation(ground: Ground, case: str, chance: Chance) -> int:
    """Carry out one operation; its line and its answer are exchanged."""
    line = messages.parse_line(lines.vmm(chance, 7, chance.choice([*OPERATIONS])).text)
    request = messages.parse_request(line.action, line.payload)
    local, remotes = ground.clouds(case)
    remote: list[Remote] = []

    def opened(not_before: float) -> Remote:
        host_id, host_name = request.placement.host_id, request.host_name
        remote[:] = [remotes.open_for_host(host_id, host_name, not_before)]
        return remote[0]

    log, now, retries = checks.check_secret, time.monotonic(), chance.choice((0, 2))
    steps = carry_out(request, local, opened, log, not_before=now, retries=retries)
    try:
        info, success = _run(steps, remote), True
    except OneError as error:
        checks.check_error(error)
        info, success = explain(error, request, *remote), False
    checks.check_to_oned(messages.format_answer(request.action, 7, success=success, info=info))
    remotes.close()
    local.cloud.client.close()
    return 2


def _run(steps: Steps, remote: list[Remote]) -> str:
    """Carry *steps* on for a while; what waits longer is left."""
    try:
        wait = next(steps)
        for _ in range(_STEPS):
            if isinstance(wait, Pause):
                wait = steps.send(None)
                continue
            try:
                state = read_states(remote[0].cloud, [wait.remote_id])[wait.remote_id]
            except OneError as error:
                checks.check_error(error)
                wait = steps.throw(error)
            else:
                wait = steps.send(state)
    except StopIteration as end:
        return str(end.value)
    steps.close()
    return ""
