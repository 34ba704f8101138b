"""A burst that fits what is offered is never refused by the remote's quotas."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one2one.hybrid.capacity import (
    UNLIMITED_CPU,
    UNLIMITED_MEMORY,
    HostCapacity,
    HostVm,
    compute_capacity,
)
from one2one.hybrid.settings import CapacityLimit
from one2one.opennebula.quotas import Quota, VmQuotas
from one2one.opennebula.states import RUNNING, LcmState, State, VmState

NOTHING = Quota(None, 0)
POWEROFF = State(VmState.POWEROFF)


def quotas(**given: Quota) -> VmQuotas:
    return VmQuotas(**{field.name: given.get(field.name, NOTHING) for field in fields(VmQuotas)})


def capacity_of(*members: HostVm, **user: Quota) -> HostCapacity:
    return compute_capacity(CapacityLimit(), quotas(**user), quotas(), members)


def test_without_quotas_the_ruby_drivers_numbers_are_reported() -> None:
    capacity = capacity_of()
    assert (capacity.total_cpu, capacity.total_memory) == (10_000_000, 1_099_511_627_776)
    assert (UNLIMITED_CPU, UNLIMITED_MEMORY * 1024) == (10_000_000, 1_099_511_627_776)


def test_the_recorded_account() -> None:
    """50 cores and 64 GB: what the Ruby driver reported for it, but for the negative free."""
    capacity = capacity_of(cpu=Quota(50, 20.3), memory=Quota(65536, 25984))
    assert capacity == HostCapacity(2970, 40501248, 0, 0)
    assert (capacity.free_cpu, capacity.free_memory) == (2970, 40501248)


def test_own_vms_are_added_back_because_oned_subtracts_them() -> None:
    own = HostVm(cpu=2, memory=1024, remote=RUNNING)
    capacity = capacity_of(own, own, cpu=Quota(10, 7), memory=Quota(8192, 4096))
    assert capacity.total_cpu == 100 * (10 - 7 + 4)
    assert capacity.total_memory == 1024 * (8192 - 4096 + 2048)
    assert (capacity.used_cpu, capacity.used_memory) == (400, 2048 * 1024)


def test_the_lowest_of_user_group_and_one_capacity_counts() -> None:
    user, group = quotas(cpu=Quota(10, 0)), quotas(cpu=Quota(4, 3), memory=Quota(100, 0))
    assert compute_capacity(CapacityLimit(), user, group, []).total_cpu == 100
    assert compute_capacity(CapacityLimit(cpu=50), user, group, []).total_cpu == 50
    assert compute_capacity(CapacityLimit(cpu=900), user, group, []).total_cpu == 100
    assert compute_capacity(CapacityLimit(memory=64), user, group, []).total_memory == 64 * 1024


def test_running_quotas_count_what_runs() -> None:
    runs, off = HostVm(1, 512, RUNNING), HostVm(4, 2048, POWEROFF)
    capacity = capacity_of(runs, off, running_cpu=Quota(8, 3), running_memory=Quota(4096, 1024))
    assert capacity.total_cpu == 100 * (8 - 3 + 1)
    assert capacity.total_memory == 1024 * (4096 - 1024 + 512)


@pytest.mark.parametrize("name", ["vms", "running_vms", "system_disk_size"])
def test_any_quota_that_is_used_up_leaves_nothing(name: str) -> None:
    own = HostVm(2, 1024, RUNNING)
    capacity = capacity_of(own, cpu=Quota(100, 2), **{name: Quota(5, 5)})
    assert (capacity.total_cpu, capacity.total_memory) == (200, 1024 * 1024)


def test_a_vm_that_is_gone_gives_nothing_back() -> None:
    gone = HostVm(4, 4096, State(VmState.DONE))
    assert capacity_of(gone, cpu=Quota(8, 8)).total_cpu == 0


def test_more_used_than_allowed_is_not_less_than_nothing() -> None:
    capacity = capacity_of(cpu=Quota(2, 9), memory=Quota(0, 512))
    assert (capacity.total_cpu, capacity.total_memory) == (0, 0)


def test_a_vm_whose_image_is_being_saved_while_off_does_not_run() -> None:
    off = HostVm(4, 2048, State(VmState.ACTIVE, LcmState.HOTPLUG_SAVEAS_POWEROFF))
    assert capacity_of(off).used_cpu == 0


amounts = st.integers(0, 100)
sizes = st.tuples(st.integers(1, 8), st.sampled_from([RUNNING, POWEROFF]))


@given(st.lists(sizes, max_size=8), amounts, amounts, st.none() | amounts, st.none() | amounts)
def test_what_fits_is_never_refused(
    own: list[tuple[int, State]],
    others: int,
    running_others: int,
    limit: int | None,
    running_limit: int | None,
) -> None:
    members = [HostVm(cpu, 0, state) for cpu, state in own]
    used = sum(m.cpu for m in members) + others + running_others
    running = sum(m.cpu for m in members if m.remote == RUNNING) + running_others

    total = capacity_of(*members, cpu=Quota(limit, used), running_cpu=Quota(running_limit, running))

    burst = total.total_cpu / 100 - sum(m.cpu for m in members)
    assert total.total_cpu >= 0
    if burst > 0:
        assert limit is None or used + burst <= limit
        assert running_limit is None or running + burst <= running_limit
