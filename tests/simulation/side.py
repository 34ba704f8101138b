"""A front-end of the simulated world, and what is known of it."""

from dataclasses import dataclass, field

from one2one.hybrid.naming import HYBRID_ID
from tests.simulation.front_end_site import FrontEndSite
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
    hybrid_ids: set[str] = field(default_factory=set)
    """All that its hosts have, or had."""
    ended: set[tuple[int, int]] = field(default_factory=set)
    """VMs, by id and STIME, that a user or oned wanted to end, or whose database was restored."""

    def learn_hybrid_ids(self) -> None:
        """Note the hybrid ids that the hosts have now."""
        for host in self.site.oned.pools.hosts.values():
            if hybrid_id := host.template.text(HYBRID_ID):
                self.hybrid_ids.add(hybrid_id)
