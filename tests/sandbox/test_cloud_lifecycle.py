"""VMs in the sandbox have oned's states, oned's times and oned's errors."""

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from one2one.opennebula.states import RUNNING, LcmState, State, VmState
from opennebula_sandbox.cloud.clock import Clock
from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.cloud.profile import PROFILES
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal

DAY = 86_400

LEGAL = {
    "PENDING": "HOLD PROLOG PROLOG_RESUME PROLOG_UNDEPLOY DONE",
    "HOLD": "PENDING DONE",
    "PROLOG": "BOOT PROLOG_FAILURE",
    "BOOT": "RUNNING BOOT_FAILURE",
    "RUNNING": "SAVE_SUSPEND SAVE_STOP SHUTDOWN SHUTDOWN_POWEROFF SHUTDOWN_UNDEPLOY",
    "SAVE_SUSPEND": "SUSPENDED RUNNING",
    "SAVE_STOP": "EPILOG_STOP RUNNING",
    "EPILOG_STOP": "STOPPED EPILOG_STOP_FAILURE",
    "SHUTDOWN": "EPILOG RUNNING",
    "SHUTDOWN_POWEROFF": "POWEROFF RUNNING",
    "SHUTDOWN_UNDEPLOY": "EPILOG_UNDEPLOY RUNNING",
    "EPILOG_UNDEPLOY": "UNDEPLOYED EPILOG_UNDEPLOY_FAILURE",
    "EPILOG": "DONE EPILOG_FAILURE",
    "SUSPENDED": "BOOT_SUSPENDED EPILOG_STOP EPILOG",
    "POWEROFF": "BOOT_POWEROFF EPILOG_UNDEPLOY EPILOG",
    "STOPPED": "PENDING EPILOG",
    "UNDEPLOYED": "PENDING EPILOG",
    "BOOT_SUSPENDED": "RUNNING SUSPENDED",
    "BOOT_POWEROFF": "RUNNING POWEROFF",
    "PROLOG_RESUME": "BOOT_STOPPED PROLOG_RESUME_FAILURE",
    "BOOT_STOPPED": "RUNNING BOOT_STOPPED_FAILURE",
    "PROLOG_UNDEPLOY": "BOOT_UNDEPLOY PROLOG_UNDEPLOY_FAILURE",
    "BOOT_UNDEPLOY": "RUNNING BOOT_UNDEPLOY_FAILURE",
    "PROLOG_FAILURE": "CLEANUP_DELETE",
    "BOOT_FAILURE": "CLEANUP_DELETE",
    "EPILOG_FAILURE": "CLEANUP_DELETE",
    "EPILOG_STOP_FAILURE": "CLEANUP_DELETE",
    "EPILOG_UNDEPLOY_FAILURE": "CLEANUP_DELETE",
    "PROLOG_RESUME_FAILURE": "CLEANUP_DELETE",
    "BOOT_STOPPED_FAILURE": "CLEANUP_DELETE",
    "PROLOG_UNDEPLOY_FAILURE": "CLEANUP_DELETE",
    "BOOT_UNDEPLOY_FAILURE": "CLEANUP_DELETE",
    "CLEANUP_DELETE": "DONE",
    "DONE": "",
}
"""The state diagrams in OpenNebula's documentation, written a second time."""

ACTIONS = (
    *("suspend", "resume", "stop", "poweroff", "poweroff-hard", "undeploy", "undeploy-hard"),
    *("terminate", "terminate-hard", "reboot", "reboot-hard", "hold", "release", "nosuch"),
)

ACCEPTED = {
    "suspend": {"RUNNING"},
    "resume": {"SUSPENDED", "POWEROFF", "STOPPED", "UNDEPLOYED"},
    "stop": {"RUNNING", "SUSPENDED"},
    "poweroff": {"RUNNING"},
    "poweroff-hard": {"RUNNING", "SHUTDOWN_POWEROFF"},
    "undeploy": {"RUNNING", "POWEROFF"},
    "undeploy-hard": {"RUNNING", "POWEROFF", "SHUTDOWN_UNDEPLOY"},
    "reboot": {"RUNNING"},
    "reboot-hard": {"RUNNING"},
    "hold": {"PENDING"},
    "release": {"HOLD"},
    "nosuch": set(),
}
TERMINATED = {
    *("PENDING", "HOLD", "RUNNING", "SUSPENDED", "POWEROFF", "STOPPED", "UNDEPLOYED", "DONE"),
}
"""With the …_FAILURE states."""


def is_accepted(action: str, state: str, release: str) -> bool:
    if action.startswith("terminate"):
        overrides = action.endswith("-hard") and state == "SHUTDOWN" and release != "5.10"
        return state in TERMINATED or state.endswith("_FAILURE") or overrides
    hard_override = action.endswith("-hard") and state.startswith("SHUTDOWN_")
    return state in ACCEPTED[action] and not (hard_override and release == "5.10")


def cloud(release: str = "6.10", **options: float) -> SimulatedCloud:
    cloud = SimulatedCloud(release, clock=Clock(virtual=True), **options)  # type: ignore[arg-type]
    cloud.machine.scheduling_delay = 1
    return cloud


STEP = st.one_of(
    *(st.sampled_from(ACTIONS) for _ in range(4)),
    st.booleans(),
    st.sampled_from(["", "BOOT", "PROLOG", "EPILOG", "SAVE_SUSPEND SAVE_STOP", "SHUTDOWN"]).map(
        lambda names: f'SANDBOX_FAILS="{names}"'
    ),
    st.sampled_from(["YES", "NO"]).map(lambda word: f'SANDBOX_IGNORES_ACPI="{word}"'),
)
STEPS = st.lists(st.tuples(STEP, st.integers(0, 4)), min_size=5, max_size=40)
"""What is done to a VM, and how many seconds pass after it."""


class Observer:
    """Watches one VM every second, and does the steps of a test."""

    def __init__(self, release: str) -> None:
        self.release = release
        self.cloud = cloud(release, delay=1)
        self.vm = self.cloud.instantiate()
        self.seen = [str(self.vm.state)]

    def look(self) -> None:
        if str(self.vm.state) != self.seen[-1]:
            assert str(self.vm.state) in LEGAL[self.seen[-1]].split(), (self.seen, self.vm.state)
            self.seen.append(str(self.vm.state))

    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.cloud.clock.advance(1)
            self.look()

    def act(self, action: str) -> None:
        state = str(self.vm.state)
        try:
            self.cloud.act(self.vm.id, action)
        except Refusal as refusal:
            assert refusal.code == ErrorCode.ACTION
            assert not is_accepted(action, state, self.release), (action, state)
        else:
            assert is_accepted(action, state, self.release), (action, state)
        self.look()
        self.cloud.clock.advance(0)
        self.look()

    def do(self, step: str | bool) -> None:
        if isinstance(step, bool):
            self.cloud.machine.scheduling = step
        elif step in ACTIONS:
            self.act(step)
        else:
            self.cloud.call("one.vm.update", self.vm.id, step, 1)


def find_state(name: str) -> State:
    if name in LcmState.__members__:
        return State(VmState.ACTIVE, LcmState[name])
    return State(VmState[name])


@pytest.mark.parametrize("release", list(PROFILES))
@pytest.mark.parametrize("name", list(LEGAL))
def test_every_action_is_accepted_or_refused_in_every_state(release: str, name: str) -> None:
    for action in ACTIONS:
        observer = Observer(release)
        observer.cloud.clock.settle()
        observer.cloud.machine.enter(observer.vm, find_state(name))
        observer.seen = [name]
        observer.act(action)
        observer.wait(9)


@settings(deadline=None, max_examples=200)
@given(release=st.sampled_from(list(PROFILES)), steps=STEPS)
def test_no_sequence_of_actions_leaves_the_legal_states(
    release: str, steps: list[tuple[str | bool, int]]
) -> None:
    observer = Observer(release)
    observer.wait(3)
    for step, seconds in steps:
        observer.do(step)
        observer.wait(seconds)
    observer.wait(20)
    owner, state = observer.cloud.owner, observer.vm.state.state
    alive = state != VmState.DONE
    for quotas in (owner.quotas, owner.group.quotas):
        assert quotas.used["VMS"] == alive
        assert quotas.used["RUNNING_VMS"] == (
            state in (VmState.PENDING, VmState.HOLD, VmState.ACTIVE)
        )
        assert quotas.used["CPU"] == pytest.approx(0.1 * alive)
        assert quotas.leases[0] == alive


@pytest.mark.parametrize(
    ("action", "states"),
    [
        ("suspend", "RUNNING SAVE_SUSPEND SUSPENDED"),
        ("stop", "RUNNING SAVE_STOP EPILOG_STOP STOPPED"),
        ("poweroff", "RUNNING SHUTDOWN_POWEROFF POWEROFF"),
        ("undeploy-hard", "RUNNING SHUTDOWN_UNDEPLOY EPILOG_UNDEPLOY UNDEPLOYED"),
        ("terminate", "RUNNING SHUTDOWN EPILOG DONE"),
    ],
)
def test_actions_are_accepted_first_and_take_their_time(action: str, states: str) -> None:
    simulated = cloud(delay=10)
    vm = simulated.instantiate()
    simulated.clock.settle()
    simulated.machine.acceptance = 1
    simulated.act(vm.id, action)
    seen = [str(vm.state)]
    for seconds in (1, 10, 10, 10):
        simulated.clock.advance(seconds)
        if str(vm.state) != seen[-1]:
            seen.append(str(vm.state))
    assert seen == states.split()


def test_the_second_of_two_accepted_actions_is_lost() -> None:
    simulated = cloud(delay=10)
    vm = simulated.instantiate()
    simulated.clock.settle()
    simulated.act(vm.id, "suspend")
    simulated.act(vm.id, "terminate")
    simulated.clock.settle()
    assert str(vm.state) == "SUSPENDED"


@pytest.mark.parametrize("action", ["terminate", "poweroff", "undeploy"])
def test_a_guest_that_ignores_acpi_runs_again_after_a_while(action: str) -> None:
    simulated = cloud(delay=1)
    simulated.machine.shutdown_timeout = 120
    vm = simulated.instantiate(extra='SANDBOX_IGNORES_ACPI="YES"')
    simulated.clock.settle()
    simulated.act(vm.id, action)
    simulated.clock.advance(119)
    assert str(vm.state).startswith("SHUTDOWN")
    simulated.clock.advance(1)
    assert vm.state == RUNNING
    simulated.act(vm.id, f"{action}-hard")
    simulated.clock.settle()
    assert str(vm.state) in ("DONE", "POWEROFF", "UNDEPLOYED")


def test_a_template_may_switch_what_its_vms_do() -> None:
    simulated = cloud()
    template = simulated.add_template(SANDBOX_FAILS="BOOT")
    vm = simulated.instantiate(template)
    simulated.clock.settle()
    assert vm.state == State(VmState.ACTIVE, LcmState.BOOT_FAILURE)
    simulated.act(vm.id, "terminate")
    simulated.clock.settle()
    assert str(vm.state) == "DONE"


def test_vms_stay_pending_while_the_scheduler_rests() -> None:
    simulated = cloud()
    simulated.machine.scheduling = False
    vm = simulated.instantiate()
    simulated.clock.advance(DAY)
    assert str(vm.state) == "PENDING"
    simulated.machine.scheduling = True
    simulated.clock.settle()
    assert vm.state == RUNNING


def test_single_states_may_last_longer() -> None:
    simulated = cloud(delay=1)
    simulated.machine.delays[LcmState.BOOT] = DAY
    vm = simulated.instantiate()
    simulated.clock.advance(DAY)
    assert str(vm.state) == "BOOT"
    simulated.clock.settle()
    assert vm.state == RUNNING


def test_any_state_can_be_brought_about_by_hand() -> None:
    simulated = cloud()
    vm = simulated.instantiate()
    simulated.clock.settle()
    simulated.machine.enter(vm, State(VmState.ACTIVE, LcmState.UNKNOWN))
    assert str(vm.state) == "UNKNOWN"
    simulated.act(vm.id, "resume")
    simulated.clock.settle()
    assert vm.state == RUNNING


def test_wrong_states_are_refused_in_oneds_words() -> None:
    simulated = cloud(delay=10)
    vm = simulated.instantiate()
    simulated.clock.advance(1)
    with pytest.raises(Refusal, match=r'"poweroff": This action is not available for state PROLOG'):
        simulated.act(vm.id, "poweroff")
    with pytest.raises(
        Refusal, match=r'"terminate-hard": Could not terminate VM 0, wrong state PROLOG\.'
    ):
        simulated.act(vm.id, "terminate-hard")


def test_a_real_clock_tells_when_a_state_is_reached() -> None:
    with SimulatedCloud() as simulated:
        reached = threading.Event()

        def wait() -> None:
            if simulated.wait_for(0, RUNNING):
                reached.set()

        thread = threading.Thread(target=wait)
        thread.start()
        simulated.instantiate()
        thread.join()
        assert reached.is_set()
        assert not simulated.wait_for(0, State(VmState.DONE), timeout=0.01)
