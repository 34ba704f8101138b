"""What the user reads about a remote VM that did not reach its goal."""

import pytest

from one2one.hybrid import verdicts
from one2one.opennebula.records import Vm
from one2one.opennebula.states import FAILURES, RUNNING, LcmState, State, VmState
from one2one.opennebula.template import Template


@pytest.mark.parametrize("lcm", list(LcmState), ids=lambda lcm: lcm.name)
def test_each_failure_state_and_no_other_has_a_cause(lcm: LcmState) -> None:
    assert bool(verdicts.explain_failure_at(State(VmState.ACTIVE, lcm))) is (lcm in FAILURES)


def test_images_that_could_not_be_copied_are_the_storages_failure() -> None:
    assert "copy its images" in verdicts.explain_failure_at(State(VmState.CLONING_FAILURE))


def test_the_accounts_password_is_not_told() -> None:
    said = Template([("ERROR", "login burst:geheim refused")])
    failed = State(VmState.ACTIVE, LcmState.BOOT_FAILURE)
    vm = Vm(9, "web", failed, "", 0, user_template=said)
    assert "(login burst:… refused)" in verdicts.failure_error(vm, "geheim").cause


@pytest.mark.parametrize("action", ["poweroff-hard", "suspend", "stop", "resume", "terminate-hard"])
def test_no_guest_is_blamed_for_what_no_guest_was_asked(action: str) -> None:
    error = str(verdicts.not_followed_error(7, RUNNING, action))
    assert "guest" not in error
    assert "hard variant" not in error
