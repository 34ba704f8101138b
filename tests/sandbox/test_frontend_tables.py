"""The tables of operations and reactions fit: every operation has an end."""

from itertools import chain

import pytest

from one2one.opennebula.states import LcmState, VmState
from opennebula_sandbox.frontend.oned.operations import (
    BOOT,
    BOOT_AFTER,
    HOTPLUG,
    OPERATIONS,
    RETRY,
    Transition,
)
from opennebula_sandbox.frontend.oned.reactions import REACTIONS, RECOVERED_ACTIONS, SETTLED

STEPS = {
    *chain.from_iterable(operation.values() for operation in OPERATIONS.values()),
    *RETRY.values(),
    *BOOT_AFTER.values(),
    *HOTPLUG.values(),
    BOOT,
}
SENT = sorted((step for step in STEPS if step.message and step.to), key=str)


@pytest.mark.parametrize("step", SENT, ids=lambda step: f"{step.to}-{step.message}")
@pytest.mark.parametrize("success", [True, False])
def test_answer_leads_out_of_every_state_that_waits_for_it(step: Transition, success: bool) -> None:
    assert step.to is not None
    waiting = LcmState(step.to.lcm_state)
    reaction = REACTIONS[step.message]
    left_for = (reaction.success if success else reaction.failure)[waiting]
    assert left_for != step.to
    snapshot = waiting == LcmState.HOTPLUG_SNAPSHOT
    assert waiting in RECOVERED_ACTIONS or snapshot, "onevm recover would do nothing"


def test_whatever_is_not_sent_settles_by_itself() -> None:
    quiet = [step.to for step in STEPS if not step.message and step.to]
    transient = [state for state in quiet if state.state == VmState.ACTIVE]
    assert transient
    assert all(LcmState(state.lcm_state) in SETTLED for state in transient)
