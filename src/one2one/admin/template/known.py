"""The local templates that a host has already."""

from collections.abc import Iterable
from dataclasses import dataclass

from one2one.admin.template.mapping import find_mapped_id, find_named_id
from one2one.admin.template.merge import is_marked
from one2one.admin.template.names import LocalNames
from one2one.opennebula.records import VmTemplate

_ONEADMIN = 0
"""The id of the user oneadmin, and of the group."""


@dataclass(frozen=True)
class Terms:
    """What is the same for all templates of a run."""

    host_name: str
    user_id: int
    """Who runs it, in the local cloud."""
    restricted: frozenset[str] = frozenset()
    """Attributes that plain users may not set in the local cloud."""
    local_size: bool = False
    """Whether remote VMs have the local size: ONE_SIZE of the host."""
    overwrite: bool = False
    """Take over what was changed here by hand too."""

    def trust(self, local: VmTemplate) -> bool:
        """Tell whether an administrator owns *local*: users may clone or write marked ones."""
        return local.uid in (_ONEADMIN, self.user_id) or local.gid == _ONEADMIN


class Known:
    """The local templates, as one reading of them found them."""

    def __init__(self, local: Iterable[VmTemplate], terms: Terms) -> None:
        self.names = LocalNames()
        self.ours: dict[int, list[VmTemplate]] = {}
        """Those that sync looks after, by remote template. A clone is looked after too."""
        self.by_hand: dict[int, VmTemplate] = {}
        """The oldest other one, by remote template."""
        for template in sorted(local, key=lambda one: one.id):
            self.names.take(template.name)
            if terms.trust(template):
                self._sort_in(template, terms.host_name)

    def _sort_in(self, template: VmTemplate, host_name: str) -> None:
        named = find_named_id(template.template, host_name)
        mapped = find_mapped_id(template.template, host_name)
        if named is not None and is_marked(template.template):
            self.ours.setdefault(named, []).append(template)
        elif mapped is not None:
            self.by_hand.setdefault(mapped, template)
