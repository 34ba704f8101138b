"""Which remote VMs are orphans, and which of these may be destroyed."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from one2one.hybrid.marked_vms import MarkedVm
from one2one.hybrid.naming import Marks, format_deploy_id
from one2one.hybrid.orphans import (
    GRACE_S,
    MANY,
    NO_GRACE,
    Decision,
    Instant,
    Kind,
    Orphan,
    decide,
    find_orphan,
)
from one2one.opennebula.records import VmSummary
from one2one.opennebula.states import RUNNING, LcmState, State, VmState

HOST, OTHER_HOST, BORN = 3, 4, 1_700_000_000
DONE = State(VmState.DONE)


def claim(remote_id: int, vm_id: int = 7, stime: int = BORN, stay: int = 0) -> MarkedVm:
    return MarkedVm(remote_id, Marks("me", vm_id, stime, stay))


def local(
    state: State = RUNNING,
    named: str = "",
    *,
    host_id: int = HOST,
    stime: int = BORN,
    etime: int = 0,
    sequence: int = -1,
    recreated: int = -1,
) -> VmSummary:
    host = host_id, f"host-{host_id}", ()
    return VmSummary(7, "web", state, named, stime, 1, 128, *host, sequence, etime, recreated)


def kind(one: MarkedVm, vm: VmSummary | None, *others: MarkedVm) -> Kind | None:
    found = find_orphan(one, vm, HOST, [one, *others])
    return found.kind if found else None


def test_what_was_imported_or_renamed_is_kept_and_counts_for_nothing() -> None:
    marked = MarkedVm(9, Marks("me", 7, BORN, 0), is_named=False)
    found = find_orphan(marked, None, HOST, [marked])
    assert found
    assert found.kind is Kind.LOST
    some = [replace(found, remote_id=number) for number in range(20)]
    decision = decide(some, 0, Decision(), at(0, BORN + 10**6), grace=NO_GRACE)
    assert decision == Decision(kept=tuple(some))


def test_what_a_local_vm_names_is_its() -> None:
    for state in (RUNNING, State(VmState.POWEROFF), State(VmState.UNDEPLOYED)):
        assert kind(claim(5), local(state, format_deploy_id(5))) is None
        assert kind(claim(5), local(state, format_deploy_id(5), host_id=OTHER_HOST)) is None


def test_what_a_local_vm_names_is_its_even_if_the_marks_contradict() -> None:
    assert kind(claim(5), local(RUNNING, format_deploy_id(5), stime=BORN + 1)) is None


def test_a_vm_that_ended_abandons_its_remote_vm_whether_it_knew_it_or_not() -> None:
    for named in (format_deploy_id(5), ""):
        found = find_orphan(claim(5), local(DONE, named, etime=BORN + 9), HOST, [claim(5)])
        assert found == Orphan(5, 7, Kind.ABANDONED, "local VM 7 is DONE", BORN + 9)


def test_a_vm_that_is_not_there_is_lost() -> None:
    assert kind(claim(5), None) is Kind.LOST


def test_a_later_vm_with_the_same_id_is_another() -> None:
    assert kind(claim(5), local(RUNNING, format_deploy_id(6), stime=BORN + 1)) is Kind.LOST
    assert kind(claim(5), local(DONE, stime=BORN + 1)) is Kind.LOST


def test_what_was_made_before_a_recreate_is_left_behind() -> None:
    for state in (State(VmState.PENDING), State(VmState.HOLD)):
        assert kind(claim(5, stay=1), local(state, sequence=1)) is Kind.LEFT_BEHIND
        assert kind(claim(5, stay=0), local(state, sequence=-1)) is None, "its next start finds it"
        assert kind(claim(5), local(state, format_deploy_id(5))) is None, "resumed from UNDEPLOYED"


def test_what_deploy_or_monitoring_may_take_up_is_left_alone() -> None:
    for lcm in (LcmState.PROLOG, LcmState.BOOT, LcmState.BOOT_FAILURE, LcmState.CLEANUP_RESUBMIT):
        starting = local(State(VmState.ACTIVE, lcm), format_deploy_id(6))
        assert kind(claim(5), starting, claim(6)) is None
    assert kind(claim(5), local(State(VmState.PENDING))) is None
    assert kind(claim(5), local(RUNNING)) is None, "its deploy id was lost"


def test_the_second_of_two_is_a_double() -> None:
    assert kind(claim(6), local(RUNNING, format_deploy_id(5)), claim(5)) is Kind.DOUBLE
    assert kind(claim(6), local(RUNNING, format_deploy_id(5))) is None, "the other is gone"
    assert kind(claim(6), local(RUNNING, format_deploy_id(5)), claim(5, stime=1)) is None


def test_what_stayed_when_the_vm_moved_is_left_behind() -> None:
    assert kind(claim(5), local(RUNNING, "one-7", host_id=OTHER_HOST)) is Kind.LEFT_BEHIND
    assert kind(claim(5), local(RUNNING, "", host_id=OTHER_HOST)) is None


def test_what_was_made_before_a_recreate_is_left_behind_by_a_vm_with_the_same_id() -> None:
    there = local(RUNNING, format_deploy_id(5), host_id=OTHER_HOST, recreated=1)
    assert kind(claim(5, stay=1), there) is Kind.LEFT_BEHIND
    assert kind(claim(5, stay=2), there) is None, "made since, and moved there"
    here = local(RUNNING, format_deploy_id(5), recreated=1)
    assert kind(claim(5, stay=1), here) is None
    assert kind(claim(5, stay=1, stime=BORN + 1), there) is None


CLAIMS = st.builds(
    claim, st.integers(0, 5), st.just(7), st.sampled_from([BORN, BORN + 1]), st.integers(0, 2)
)
STATES = st.builds(State, st.sampled_from(VmState), st.sampled_from(LcmState))
LOCALS = st.builds(
    local,
    STATES,
    st.sampled_from(["", "one-7", *map(format_deploy_id, range(6))]),
    host_id=st.sampled_from([HOST, OTHER_HOST]),
    stime=st.sampled_from([BORN, BORN + 1]),
    recreated=st.integers(-1, 2),
)


@given(CLAIMS, LOCALS, st.lists(CLAIMS))
def test_no_vm_that_lives_ever_loses_the_remote_vm_that_it_names(
    one: MarkedVm, vm: VmSummary, others: list[MarkedVm]
) -> None:
    found = find_orphan(one, vm, HOST, [one, *others])
    if vm.state.state != VmState.DONE:
        elsewhere = vm.host_id == OTHER_HOST and vm.recreated >= one.marks.sequence
        assert found is None or vm.deploy_id != format_deploy_id(one.remote_id) or elsewhere
    elif vm.stime == one.marks.stime:
        assert found is not None
        assert found.kind is Kind.ABANDONED


def orphans(number: int, of_kind: Kind = Kind.LOST) -> list[Orphan]:
    return [Orphan(remote_id, remote_id, of_kind, "") for remote_id in range(number)]


def ids(found: tuple[Orphan, ...]) -> list[int]:
    return [one.remote_id for one in found]


def at(monotonic: float, clock: float = 0) -> Instant:
    return Instant(monotonic, clock)


def test_an_orphan_is_destroyed_when_it_was_one_for_its_grace() -> None:
    [one] = orphans(1)
    first = decide([one], 10, Decision(), at(100))
    assert (first.destroy, first.wait) == ((), (one,))
    grace = GRACE_S[one.kind]
    assert decide([one], 10, first, at(100 + grace - 1)).wait == (one,)
    assert decide([one], 10, first, at(100 + grace)).destroy == (one,)


def test_the_grace_begins_again_when_a_vm_was_no_orphan_in_between() -> None:
    [one] = orphans(1)
    first = decide([one], 10, Decision(), at(0))
    then = decide([], 10, first, at(1000))
    assert decide([one], 10, then, at(GRACE_S[one.kind])).wait == (one,)


def test_the_end_of_a_local_vm_starts_the_grace() -> None:
    one = Orphan(5, 7, Kind.ABANDONED, "", ended=BORN)
    grace = GRACE_S[Kind.ABANDONED]
    assert decide([one], 1, Decision(), at(0, BORN + grace - 1)).wait == (one,)
    assert decide([one], 1, Decision(), at(0, BORN + grace)).destroy == (one,)


def test_many_at_once_are_left_alone() -> None:
    some = orphans(MANY + 1)
    assert ids(decide(some, 10, Decision(), at(0), grace=NO_GRACE).refused) == [0, 1, 2, 3]
    assert ids(decide(some, 14, Decision(), at(0), grace=NO_GRACE).destroy) == [0, 1, 2, 3]
    assert ids(decide(orphans(MANY), 3, Decision(), at(0), grace=NO_GRACE).destroy) == [0, 1, 2]


def test_what_was_left_alone_stays_so_when_it_becomes_less() -> None:
    some = orphans(MANY + 1)
    first = decide(some, 4, Decision(), at(0), grace=NO_GRACE)
    new = Orphan(9, 9, Kind.LOST, "")
    then = decide([*some[:2], new], 4, first, at(9999), grace=NO_GRACE)
    assert (ids(then.refused), ids(then.destroy)) == ([0, 1], [9])


def test_an_administrator_may_have_many_destroyed() -> None:
    first = decide(orphans(5), 5, Decision(), at(0), grace=NO_GRACE)
    assert len(decide(orphans(5), 5, first, at(0), grace=NO_GRACE, allow_many=True).destroy) == 5


def test_what_users_ended_is_never_too_many() -> None:
    some = orphans(50, Kind.ABANDONED)
    assert len(decide(some, 50, Decision(), at(0), grace=NO_GRACE).destroy) == 50


@given(
    st.lists(
        st.builds(Orphan, st.integers(0, 20), st.just(7), st.sampled_from(Kind), st.just("")),
        unique_by=lambda one: one.remote_id,
    ),
    st.integers(0, 20),
)
def test_every_orphan_is_decided_about_once(some: list[Orphan], others: int) -> None:
    decision = decide(some, len(some) + others, Decision(), at(0))
    assert decision.destroy == (), "never at the first sight"
    assert sorted(ids(decision.wait + decision.refused)) == sorted(o.remote_id for o in some)
    assert set(decision.first_seen) == {o.remote_id for o in some}
    assert all(one.kind is not Kind.ABANDONED for one in decision.refused)
