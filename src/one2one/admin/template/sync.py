"""Keeping local templates in step with the remote templates of a host: decide, then act."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from one2one.admin.template.derive import MARK, adapt, derive, mapped_id
from one2one.opennebula.cloud import Cloud, Update
from one2one.opennebula.records import VmTemplate
from one2one.opennebula.template import Template, to_xml


class Action(Enum):
    """What happens to a local template."""

    CREATE = "create"
    UPDATE = "update"
    KEEP = "up to date"
    LEAVE = "made by hand, left alone"
    DELETE = "delete"


@dataclass(frozen=True)
class Step:
    """One local template, and what happens to it."""

    action: str
    local_id: int | None
    remote_id: int
    name: str


@dataclass(frozen=True)
class Planned:
    """A step and what to write."""

    action: Action
    local: VmTemplate | None
    remote_id: int
    name: str
    wanted: Template

    @property
    def step(self) -> Step:
        """What to show of it."""
        local_id = self.local.id if self.local else None
        return Step(self.action.value, local_id, self.remote_id, self.name)


def plan(
    remote: Iterable[VmTemplate], local: Iterable[VmTemplate], host_name: str, *, prune: bool
) -> Iterator[Planned]:
    """Yield what brings the *local* templates into step with the *remote* ones.

    With *prune* also the end of those whose remote template is not among *remote*, which must
    then be all.
    """
    mapped: dict[int, VmTemplate] = {}
    taken = set()
    for template in local:
        taken.add(template.name)
        remote_id = mapped_id(template.template, host_name)
        if remote_id is not None and (_is_ours(template) or remote_id not in mapped):
            mapped[remote_id] = template
    for template in remote:
        wanted = derive(template, host_name)
        known = mapped.pop(template.id, None)
        if known is None:
            name = template.name if template.name not in taken else f"{template.name}@{host_name}"
            taken.add(name)
            yield Planned(Action.CREATE, None, template.id, name, wanted)
        else:
            adapted = adapt(known.template, wanted)
            action = _for_known(known, adapted)
            yield Planned(action, known, template.id, known.name, adapted)
    for remote_id, orphan in sorted(mapped.items()) if prune else ():
        if _is_ours(orphan):
            yield Planned(Action.DELETE, orphan, remote_id, orphan.name, Template())


def carry_out(cloud: Cloud, planned: Planned) -> Step:
    """Do one step in the local *cloud* and return it; raises the errors of a call."""
    step = planned.step
    match planned.action, planned.local:
        case Action.CREATE, None:
            whole = Template([("NAME", planned.name), *planned.wanted])
            created = cloud.create_template(to_xml(whole))
            return Step(step.action, created, step.remote_id, step.name)
        case Action.UPDATE, VmTemplate(id=local_id):
            cloud.update_template(local_id, to_xml(planned.wanted), Update.REPLACE)
        case Action.DELETE, VmTemplate(id=local_id):
            cloud.delete_template(local_id)
    return step


def _for_known(known: VmTemplate, adapted: Template) -> Action:
    if not _is_ours(known):
        return Action.LEAVE
    return Action.KEEP if _sorted(known.template) == _sorted(adapted) else Action.UPDATE


def _is_ours(template: VmTemplate) -> bool:
    return template.template.text(MARK) == "YES"


def _sorted(template: Template) -> list[tuple[str, object]]:
    return sorted(template, key=lambda attribute: attribute[0])
