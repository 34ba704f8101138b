"""The monitoring of one host: its remote cloud is read and compared with its VMs.

A round costs two calls: one for the remote VMs, and one for the local VMs after that. The local
reading of the round before comes first. So every remote reading lies between two local ones, and
a local VM whose state oned has changed in the meantime is not reported (``hybrid.mirror``).
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from one2one import runtime
from one2one.driver.events import CapacityRead, StatesRead
from one2one.driver.host_vms import HostVms
from one2one.driver.imports import Imports
from one2one.driver.links import Links
from one2one.driver.local import LocalCloud
from one2one.driver.problems import RemoteProblems
from one2one.driver.remotes import Remote, Remotes
from one2one.driver.round import Round, VmReport, VmUsage
from one2one.driver.watch import GONE
from one2one.hybrid.capacity import HostCapacity, compute_capacity
from one2one.hybrid.mirror import (
    STUCK_S,
    Report,
    choose_report,
    is_never_reported,
    is_unlinked,
    map_state,
)
from one2one.hybrid.outage import GRACE_S
from one2one.hybrid.usage import Usage, read_usage
from one2one.hybrid.wild import WildVm
from one2one.opennebula.errors import NotFound, OneError
from one2one.opennebula.known_rows import KnownRows
from one2one.opennebula.records import VmSummary
from one2one.opennebula.states import State

_FRESH_S = 45.0
"""How old the local reading before a remote one may be."""
_MOST_QUERIES = 20
"""How many VMs that a pool left out are read one by one in a round."""


Survey = Callable[[Remote, Sequence[VmSummary]], object]
"""Called with all of the account's VMs that are not DONE, each time they were read."""


class HostMonitor:
    """The monitoring of one host. For one thread."""

    def __init__(
        self,
        host_id: int,
        local: LocalCloud,
        remotes: Remotes,
        *,
        stuck_after: float = STUCK_S,
        on_survey: Survey | None = None,
        remember: bool = True,
    ) -> None:
        """Take both clouds; nothing is read yet.

        *stuck_after* is for how many seconds an operation may keep a local VM in one state.
        *remember* what was read of each row, so that a row that is the same is not read again:
        what comes out is the same without.
        """
        self._vms = HostVms(host_id, local, remember=remember)
        self._links = Links(local, self._vms)
        self._problems = RemoteProblems(local, self._vms, self._links)
        self._imports = Imports(host_id, local)
        self._clouds = local, remotes
        self._stuck_after = stuck_after
        self._on_survey = on_survey
        self._remote: Remote | None = None
        self._known_rows = KnownRows[VmSummary]() if remember else None
        self._known_usages = (
            KnownRows[tuple[int, _Measured]](self._is_current) if remember else None
        )
        self._running: Mapping[int, VmSummary] = {}
        self._complete = False
        self.host_name = str(host_id)
        self.known_capacity: HostCapacity | None = None
        """The capacity that was read last."""

    @property
    def clouds(self) -> tuple[LocalCloud, Remote]:
        """Both sides."""
        return self._clouds[0], self._ensure_open()

    @property
    def grace(self) -> float:
        """For how many seconds the remote may be unreadable."""
        return self._remote.settings.outage_grace if self._remote else GRACE_S

    def is_ours(self) -> bool:
        """Tell whether this server is to monitor the host now; raises FrontEndError."""
        return self._vms.are_ours()

    def refresh(self) -> None:
        """Read the host again: its settings, and which VMs it has.

        Raises NotFound when the host is gone or off line, ConfigurationError for its settings,
        and FrontEndError.
        """
        host = self._vms.read_host()
        self.host_name = host.name
        self._remote = self._clouds[1].open(self._clouds[0].read_settings_of(host))
        self._links.forget_denied(self._remote)

    def read_states(self) -> Round:
        """Read both clouds, and return what to report of each VM of the host.

        Raises FrontEndError, and the errors of a call to the remote: nothing was read then.
        """
        remote = self._ensure_open()
        if not self._complete or runtime.monotonic() - self._vms.read_at > _FRESH_S:
            self._vms.read()
        self._complete = False
        linked = self._vms.map_remote_ids()
        read_at = runtime.monotonic()
        remote_rows = self._read_remote_rows(remote, linked.values())
        self._vms.read()
        self._complete = True
        still = self._vms.map_remote_ids().items()
        links = {vm_id: there for vm_id, there in still if linked.get(vm_id) == there}
        links = self._confirm(links, remote_rows.values())
        now = Round(read_at, self._vms.rows, self._vms.observations, remote_rows, links)
        reports = tuple(self._report(now))
        return replace(now, reports=reports, denied=tuple(self._links.take_news()))

    def _read_remote_rows(
        self, remote: Remote, remote_ids: Collection[int]
    ) -> dict[int, VmSummary]:
        if not remote_ids:  # the remote must answer all the same
            remote.cloud.get_version()
            return {}
        rows = remote.cloud.list_summaries_by_id(remote_ids, known=self._known_rows)
        return {row.id: row for row in rows}

    def _confirm(self, links: Mapping[int, int], rows: Collection[VmSummary]) -> dict[int, int]:
        remote = self._ensure_open()
        if not remote.settings.hybrid_id:
            identities = remote.identities.read(rows).values()
            if any(one.marks for one in identities):
                self.refresh()  # the first DEPLOY has given the host its id since it was read
        return self._links.confirm(self._ensure_open(), links, rows)

    def _report(self, now: Round) -> Iterator[VmReport]:
        remote = self._ensure_open()
        states = {vm_id: row.state for vm_id, row in now.list_remote_rows().items()}
        states |= self._query_missing(now)
        reports = {vm_id: self._choose_report(now, vm_id, states[vm_id]) for vm_id in states}
        by_remote_id = {now.links[vm_id]: state for vm_id, state in states.items()}
        remote.emit(StatesRead(remote.settings.host_id, by_remote_id, reports))
        for vm_id, row in now.local_rows.items():
            yield VmReport(vm_id, row.deploy_id, reports.get(vm_id, Report.SILENCE))
        for vm_id in self._vms.find_unread():
            yield VmReport(vm_id, "", Report.SILENCE)

    def find_unlinked(self, last: Round) -> list[VmReport]:
        """Return a report with the deploy id of each running VM that has none in oned.

        The answer to its DEPLOY was lost. The marks of the remote VM tell whose it is. *last* is
        the last round. Raises the errors of a call.
        """
        remote, not_before = self._ensure_open(), runtime.monotonic()
        reports = []
        for vm_id, observation in last.observations.items():
            if is_unlinked(observation, stuck=self._is_stuck(observation.since)):
                deploy_id = self._links.find_deploy_id(remote, last.local_rows[vm_id], not_before)
                if deploy_id:
                    reports.append(VmReport(vm_id, deploy_id, Report.RUNNING))
        return reports

    def read_usages(self, last: Round) -> list[VmUsage]:
        """Return what each VM that ran in the *last* round uses; raises the errors of a call."""
        running = {
            vm_id: row
            for vm_id, row in last.list_remote_rows().items()
            if map_state(row.state) is Report.RUNNING
        }
        rows = self._running = {row.id: row for row in running.values()}
        cloud = self._ensure_open().cloud
        used = cloud.list_monitoring_by_id(
            rows, lambda remote_id, record: _measure(rows[remote_id], record), self._known_usages
        )
        return [
            VmUsage(
                vm_id,
                last.local_rows[vm_id].deploy_id,
                (used.get(row.id) or _measure(row, {})).usage,
            )
            for vm_id, row in running.items()
        ]

    def _is_current(self, known: "tuple[int, _Measured]") -> bool:
        """Tell whether a usage was made with the VM's row of this round."""
        remote_id, measured = known
        return self._running.get(remote_id) is measured.row

    def tell_problems(self, last: Round) -> None:
        """Have the local VMs tell what is wrong with their remote VMs.

        *last* is the round that was just read. Raises the errors of a call.
        """
        self._problems.tell(self._ensure_open(), last)

    def read_capacity(self, last: Round) -> HostCapacity:
        """Return the capacity of the host, less what the VMs of the *last* round use.

        Raises the errors of a call, ProtocolError for a quota.
        """
        remote = self._ensure_open()
        quotas = remote.cloud.get_quotas()
        self.known_capacity = compute_capacity(
            remote.settings.capacity, *quotas, last.list_members()
        )
        remote.emit(CapacityRead(remote.settings.host_id, self.known_capacity))
        return self.known_capacity

    def survey_account(self) -> list[WildVm]:
        """Read the whole account, and return what may be imported from it.

        Raises FrontEndError, and the errors of a call.
        """
        remote = self._ensure_open()
        rows = remote.cloud.list_summaries()
        self._vms.read()
        if self._on_survey:
            self._on_survey(remote, rows)
        known = set(self._vms.map_remote_ids().values())
        return self._imports.find_importable(remote, rows, known, self.host_name)

    def _ensure_open(self) -> Remote:
        if self._remote is None:
            self.refresh()
        assert self._remote is not None  # noqa: S101 - refresh has set it, or raised
        return self._remote

    def _is_stuck(self, since: float) -> bool:
        return runtime.monotonic() - since >= self._stuck_after

    def _choose_report(self, now: Round, vm_id: int, remote: State) -> Report:
        observation = now.observations[vm_id]
        if is_never_reported(observation.state, remote):
            return Report.SILENCE
        stuck = self._is_stuck(observation.since)
        return choose_report(observation, remote, now.read_at, stuck=stuck)

    def _query_missing(self, now: Round) -> dict[int, State]:
        """Return the states of VMs that the pool left out, where it matters, for few at a time.

        A pool leaves out a VM that does not exist, that is DONE (before 5.12), or that now belongs
        to another user. Only the first two mean that the VM is gone.
        """
        remote, states = self._ensure_open(), dict[int, State]()
        matters = [
            vm_id
            for vm_id, remote_id in now.links.items()
            if remote_id not in now.remote_rows
            and self._choose_report(now, vm_id, GONE) is not Report.SILENCE
        ]
        for vm_id in matters[:_MOST_QUERIES]:
            try:
                vm = remote.cloud.get_vm(now.links[vm_id])
                if self._links.confirms(remote, vm_id, vm):
                    states[vm_id] = vm.state
            except NotFound:
                states[vm_id] = GONE
            except OneError:
                continue
        return states


class _Measured(NamedTuple):
    """A usage, and the row of its VM: both clouds' words are in it."""

    row: VmSummary
    usage: Usage


def _measure(row: VmSummary, record: Mapping[str, str]) -> _Measured:
    return _Measured(row, read_usage(row, record))
