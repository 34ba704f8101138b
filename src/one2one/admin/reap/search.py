"""Finds and destroys the orphans of one host."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from one2one.driver.local import LocalCloud
from one2one.driver.reaper import Reaper
from one2one.driver.remotes import Remote, Remotes
from one2one.hybrid.orphans import NO_GRACE, Decision, Orphan
from one2one.opennebula.records import Host


@dataclass(frozen=True)
class OrphanRow:
    """A remote VM without a local one."""

    host: str
    remote_id: int
    vm_id: int
    """The local VM that its marks name."""
    kind: str
    reason: str
    outcome: str
    """What was done with it, or would be."""

    @property
    def failed(self) -> bool:
        """Whether it should be gone and is not."""
        return self.outcome.startswith("could not")


class OrphanSearch:
    """One host's orphans."""

    def __init__(
        self, local: LocalCloud, remotes: Remotes, host: Host, hybrid_id: str, *, allow_many: bool
    ) -> None:
        """Read both clouds; raises the errors of a call.

        *hybrid_id* replaces the host's own, unless it is empty.
        """
        self.name = host.name
        remote = remotes.open_for_host(host.id, host.name)
        own = hybrid_id or remote.settings.hybrid_id
        self._remote: Remote = replace(remote, settings=replace(remote.settings, hybrid_id=own))
        self._reaper = Reaper(host.id, local, lambda _: None, grace=NO_GRACE, allow_many=allow_many)
        self._decision: Decision = self._reaper.judge(self._remote, remote.cloud.list_summaries())

    @property
    def to_destroy(self) -> int:
        """How many it would destroy."""
        return len(self._decision.destroy)

    def list_rows(self) -> list[OrphanRow]:
        """Return the orphans."""
        refused = (
            self._make_row(one, "is left alone: many at once") for one in self._decision.refused
        )
        destroy = (self._make_row(one, "would be destroyed") for one in self._decision.destroy)
        kept = (
            self._make_row(one, "is left alone: imported or renamed") for one in self._decision.kept
        )
        unmarked = (
            OrphanRow(
                self.name, one.remote_id, one.vm_id, "unmarked", one.reason, "is left alone: see it"
            )
            for one in self._reaper.find_unmarked()
        )
        return sorted([*refused, *destroy, *kept, *unmarked], key=lambda row: row.remote_id)

    def destroy(self) -> list[OrphanRow]:
        """Destroy them, each after another reading, and return them with the outcome."""
        outcomes = self._reaper.destroy(self._remote, self._decision.destroy)
        return [
            replace(row, outcome=outcomes.get(row.remote_id, row.outcome))
            for row in self.list_rows()
        ]

    def count_unknown(self, known: Collection[str]) -> Iterator[tuple[str, int]]:
        """Yield hybrid ids of no host that is *known*, and how many VMs carry each."""
        for hybrid_id, vms in self._reaper.count_by_hybrid_id().items():
            if hybrid_id not in known and hybrid_id != self._remote.settings.hybrid_id:
                yield hybrid_id, vms

    def _make_row(self, one: Orphan, outcome: str) -> OrphanRow:
        return OrphanRow(self.name, one.remote_id, one.vm_id, one.kind.value, one.reason, outcome)
