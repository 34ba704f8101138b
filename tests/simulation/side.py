"""A front-end of the simulated world, and what is known of it."""

from dataclasses import dataclass, field

from one2one.hybrid.naming import HYBRID_ID
from tests.simulation.front_end_site import FrontEndSite
from tests.simulation.invariants import KEPT, Violation
from tests.simulation.memory import Memory
from tests.simulation.remote_site import RemoteSite


@dataclass
class Side:
    """A front-end, and what is known of it."""

    site: FrontEndSite
    memory: Memory
    remotes: dict[int, RemoteSite]
    """By host."""
    grace: float
    """For how many seconds a remote may be unreadable before its host is in error."""
    patience: float
    """How old what a report rests on may be, in seconds."""
    hybrid_ids: dict[int, str] = field(default_factory=dict)
    """By host."""
    ended: set[tuple[int, int]] = field(default_factory=set)
    """VMs, by id and STIME, that a user or oned wanted to end, or whose database was restored."""

    def learn_hybrid_ids(self) -> None:
        """Note the hybrid ids that the hosts have now; raises Violation for one that changed."""
        for host in self.site.oned.pools.hosts.values():
            if hybrid_id := host.template.text(HYBRID_ID):
                known = self.hybrid_ids.setdefault(host.id, hybrid_id)
                if known != hybrid_id:
                    raise Violation(KEPT, f"host {host.id} of {self.site.name} was {known}")
