"""Every hybrid VM with its remote VM, and what is not right between the two."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Self

from one2one.admin.hosts import list_hybrid_hosts
from one2one.admin.units import format_duration
from one2one.driver.local import LocalCloud
from one2one.driver.ownership import is_own
from one2one.driver.remotes import Remote, Remotes
from one2one.hybrid.mirror import Report, is_started, map_state
from one2one.hybrid.naming import Marks, find_remote_id
from one2one.hybrid.ownership import not_ours_error
from one2one.hybrid.problems import find_problem, may_be_problem
from one2one.opennebula.errors import OneError
from one2one.opennebula.pools import VISIBLE
from one2one.opennebula.records import Host, VmSummary
from one2one.opennebula.states import FAILURES, RUNNING, LcmState, State, VmState

_AT_ONCE = 8
_EXPECTED: dict[int, Report] = {
    VmState.POWEROFF: Report.POWEROFF,
    VmState.UNDEPLOYED: Report.POWEROFF,
    VmState.SUSPENDED: Report.SUSPENDED,
    VmState.STOPPED: Report.SUSPENDED,
}
"""The report that a remote VM's state must give, by its local VM's state."""


@dataclass(frozen=True)
class VmPair:
    """A local VM and its remote VM."""

    id: int
    name: str
    owner: str
    state: str
    host: str
    remote_id: int | None
    remote_state: str
    """Empty where it could not be read, or is another's."""
    addresses: list[str]
    age: int
    """Seconds since the local VM was created."""
    problem: str
    """What is not right between the two; empty when nothing is."""

    @property
    def shown_age(self) -> str:
        """The age as OpenNebula prints it."""
        return format_duration(self.age)


class PairReader:
    """Reads all pairs, once or several times, on kept connections."""

    def __init__(self, local: LocalCloud) -> None:
        self._local = local
        self._remotes = Remotes(local)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._remotes.close()

    def read(self, only: Host | None = None) -> list[VmPair]:
        """Return every local VM of a hybrid host, or of one, by id; the remotes are asked at once.

        A VM that is STOPPED or UNDEPLOYED counts to the host that it was left on.
        """
        hosts = {host.id: host for host in ([only] if only else list_hybrid_hosts(self._local))}
        of_host: dict[int, list[VmSummary]] = {}
        for vm in self._local.cloud.list_summaries(VISIBLE):
            if vm.host_id in hosts:
                of_host.setdefault(vm.host_id, []).append(vm)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            lists = pool.map(
                lambda known: self._read_pairs(hosts[known[0]], known[1]), of_host.items()
            )
            return sorted((pair for pairs in lists for pair in pairs), key=lambda pair: pair.id)

    def _read_pairs(self, host: Host, vms: list[VmSummary]) -> list[VmPair]:
        ids = [number for vm in vms if (number := find_remote_id(vm.deploy_id)) is not None]
        problems, strangers = dict[str, str](), dict[int, str]()
        remote, told = dict[int, VmSummary](), dict[int, str]()
        outage = ""
        try:
            opened = self._remotes.open_for_host(host.id, host.name)
            remote = {vm.id: vm for vm in opened.cloud.list_summaries_by_id(ids)}
            problems = {
                name: f"its remote VM cannot be read: {why}"
                for name, why in opened.cloud.unread.items()
            }
            strangers = self._find_strangers(opened, vms, remote)
            suspect = [vm.id for vm in remote.values() if may_be_problem(vm.state)]
            told = {
                vm.id: find_problem(vm, secret=opened.settings.password)
                for vm in opened.cloud.list_whole_vms_by_id(suspect)
            }
        except OneError as error:
            outage = str(error)
        pairs = (
            _make_pair(vm, remote, told, problems.get(f"VM {find_remote_id(vm.deploy_id)}", outage))
            for vm in vms
        )
        return [
            replace(pair, remote_state="", addresses=[], problem=strangers[pair.id])
            if pair.id in strangers
            else pair
            for pair in pairs
        ]

    def _find_strangers(
        self, remote: Remote, vms: list[VmSummary], rows: Mapping[int, VmSummary]
    ) -> dict[int, str]:
        """Return what is wrong with each VM whose remote VM is another's."""
        identities, problems = remote.identities.read(rows.values()), {}
        for vm in vms:
            number = find_remote_id(vm.deploy_id)
            one = identities.get(number) if number is not None else None
            marks = Marks(remote.settings.hybrid_id, vm.id, vm.stime, vm.sequence)
            if one and not is_own(one, marks, self._local, vm.host_name):
                problems[vm.id] = not_ours_error(one, marks).cause
        return problems


def _make_pair(
    vm: VmSummary, remotes: dict[int, VmSummary], told: dict[int, str], outage: str
) -> VmPair:
    """Return a pair; *outage* says why its remote VM could not be read.

    *told* has what is wrong with remote VMs, by their ids.
    """
    number = find_remote_id(vm.deploy_id)
    remote = remotes.get(number) if number is not None else None
    return VmPair(
        id=vm.id,
        name=vm.name,
        owner=vm.owner,
        state=str(vm.state),
        host=vm.host_name,
        remote_id=number,
        remote_state=str(remote.state) if remote else "",
        addresses=list(remote.addresses) if remote else [],
        age=max(0, int(time.time()) - vm.stime),
        problem=_find_problem(vm, remote, number, outage, told),
    )


def _find_problem(
    vm: VmSummary,
    remote: VmSummary | None,
    number: int | None,
    outage: str,
    told: Mapping[int, str],
) -> str:
    if vm.state.state == VmState.ACTIVE and vm.state.lcm_state in FAILURES:
        return "the last operation failed"
    if number is None:
        if vm.deploy_id:
            return f"its deploy id is {vm.deploy_id}"
        return "it has no deploy id" if _expect_report(vm.state) else ""
    if remote is None and outage:
        return outage
    if remote is None or remote.state.state == VmState.DONE:
        return "its remote VM is gone"
    if problem := told.get(remote.id):
        return problem
    if is_started(vm.state, remote.state):
        return "its remote VM was started there"
    expected = _expect_report(vm.state)
    if expected and map_state(remote.state) not in (expected, Report.SILENCE):
        return "the states differ"
    return "the local cloud has lost sight of it" if _is_unknown(vm.state) else ""


def _expect_report(local: State) -> Report | None:
    """Return the report that the remote VM should give, None during an operation."""
    if local == RUNNING:
        return Report.RUNNING
    return _EXPECTED.get(local.state)


def _is_unknown(local: State) -> bool:
    return local == State(VmState.ACTIVE, LcmState.UNKNOWN)
