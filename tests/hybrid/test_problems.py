"""A user reads why a remote VM is not as it should be, and nothing where it is."""

import pytest

from one2one.hybrid.problems import (
    LIMIT,
    find_problem,
    is_settled,
    may_be_problem,
)
from one2one.opennebula.records import Vm
from one2one.opennebula.states import FAILURES, LcmState, State, VmState
from one2one.opennebula.template import Template, to_xml

STATES = {state.name: State(state) for state in VmState if state != VmState.ACTIVE} | {
    lcm.name: State(VmState.ACTIVE, lcm) for lcm in LcmState if lcm != LcmState.LCM_INIT
}
NO_HOST = "Cannot dispatch VM: No host with enough capacity to deploy the VM"


def make_vm(state: str, **user_template: str) -> Vm:
    return Vm(3, "web", STATES[state], "", 0, user_template=Template(user_template.items()))


@pytest.mark.parametrize("separator", [": ", " : "])
def test_a_pending_vm_has_its_schedulers_words_without_their_time(separator: str) -> None:
    said = f"Fri Nov 27 18:51:52 2026{separator}{NO_HOST}"
    assert find_problem(make_vm("PENDING", SCHED_MESSAGE=said)) == (
        f"remote VM 3 is PENDING: {NO_HOST}"
    )


def test_a_pending_vm_of_which_no_scheduler_speaks_is_a_problem_when_it_lasts() -> None:
    assert find_problem(make_vm("PENDING", SCHED_MESSAGE="")) == ""
    assert "found no place" in find_problem(make_vm("PENDING"), lasts=True)


def test_a_plan_that_failed_is_told_of_a_pending_vm() -> None:
    said = "Fri Nov  7 08:01:02 2026: [one.vm.deploy] Not enough capacity"
    assert find_problem(make_vm("PENDING", ERROR=said)).endswith(
        "PENDING: [one.vm.deploy] Not enough capacity"
    )


def test_a_vm_on_hold_names_what_releases_it() -> None:
    assert "onevm release 3" in find_problem(make_vm("HOLD"))


@pytest.mark.parametrize("lcm", sorted(FAILURES), ids=lambda lcm: lcm.name)
def test_each_failure_is_told_with_its_clouds_words(lcm: LcmState) -> None:
    problem = find_problem(make_vm(lcm.name, ERROR="Fri Nov 27 18:51:52 2026: DEPLOY: no machine"))
    assert problem.startswith(f"remote VM 3 is {lcm.name}: the remote's ")
    assert problem.endswith(" (DEPLOY: no machine)")


@pytest.mark.parametrize("state", ["FAILED", "CLONING_FAILURE", "UNKNOWN", "DONE"])
def test_other_ends_are_told_too(state: str) -> None:
    assert find_problem(make_vm(state))


@pytest.mark.parametrize("state", ["RUNNING", "POWEROFF", "SUSPENDED", "BOOT", "CLONING"])
def test_the_words_of_an_old_failure_are_not_told(state: str) -> None:
    vm = make_vm(state, ERROR="Fri Nov 27 18:51:52 2026: DETACHNIC: no", SCHED_MESSAGE=NO_HOST)
    assert find_problem(vm, lasts=True) == ""


def test_only_what_must_be_read_may_be_a_problem() -> None:
    for name, state in STATES.items():
        told = find_problem(make_vm(name, SCHED_MESSAGE=NO_HOST), lasts=True)
        assert bool(told) is may_be_problem(state), name


@pytest.mark.parametrize(
    "said",
    [
        'x" ]\nSCHED_REQUIREMENTS = "ID = 0',
        "</REMOTE_PROBLEM><DEPLOY_ID>one-1</DEPLOY_ID>",
        "]]>" * 200,
        "@^_^@",
        "\x1b[2J\x00\u202e\U0001f525",
        "\\" * 5000,
        "Fri Nov 27 18:51:52 2026: " * 500,
    ],
)
@pytest.mark.parametrize("state", ["PENDING", "BOOT_FAILURE"])
def test_hostile_words_stay_one_short_line_of_one_attribute(said: str, state: str) -> None:
    problem = find_problem(make_vm(state, SCHED_MESSAGE=said, ERROR=said))
    assert len(problem) <= LIMIT
    assert problem.isprintable()
    written = to_xml(Template([("REMOTE_PROBLEM", problem)]))
    assert written.count("<") == written.count(">") == 4


def test_the_accounts_password_is_not_told() -> None:
    vm = make_vm("BOOT_FAILURE", ERROR="login burst:geheim refused")
    assert "geheim" not in find_problem(vm, secret="geheim")
    assert "burst:… refused" in find_problem(vm, secret="geheim")


def test_a_password_is_hidden_before_the_words_are_cut() -> None:
    for length in range(2 * LIMIT):
        vm = make_vm("BOOT_FAILURE", ERROR=f"{'x' * length} Geheim-Wort-4711")
        assert "Ge" not in find_problem(vm, secret="Geheim-Wort-4711")


def test_a_local_vm_that_an_operation_moves_is_left_alone() -> None:
    settled = {name for name, state in STATES.items() if is_settled(state)}
    assert settled == {"RUNNING", "UNKNOWN", "POWEROFF", "SUSPENDED"}
