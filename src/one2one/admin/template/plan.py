"""What brings the local templates of a host into step with the remote ones: decided, not done."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

from one2one.admin.template.derive import Derived, build_public_cloud, derive
from one2one.admin.template.known import Known, Terms
from one2one.admin.template.merge import MARK, Change, build_memory, build_template, merge
from one2one.admin.template.step import Action, Adapt, Create, Delete, Planned, Show, Step
from one2one.opennebula.errors import Refused
from one2one.opennebula.records import VmTemplate
from one2one.opennebula.template import Template, Value

_GONE = "the account does not see it any more; --prune deletes the local template"


def plan(remote: Iterable[VmTemplate], known: Known, terms: Terms) -> Iterator[Planned]:
    """Yield what happens for each of the *remote* templates."""
    by_id = {template.id: template for template in remote}
    for remote_id, template in sorted(by_id.items()):
        made, by_hand = known.ours.get(remote_id, []), known.by_hand.get(remote_id)
        if by_hand and not made:
            yield Show(Step(Action.LEAVE.value, by_hand.id, remote_id, by_hand.name))
            continue
        try:
            derived = derive(
                template, terms.host_name, terms.restricted, local_size=terms.local_size
            )
            if made:
                yield from (_adapt(local, template, derived, terms) for local in made)
            else:
                yield _create(template, derived, known, terms)
        except Refused as error:
            local_id = made[0].id if made else None
            step = Step(Action.SKIP.value, local_id, remote_id, template.name, note=error.cause)
            yield Show(step)


def plan_orphans(
    remote: Iterable[VmTemplate], known: Known, is_gone: Callable[[int], bool]
) -> Iterator[Planned]:
    """Yield the steps for local templates whose remote template is not in the full list *remote*.

    A local template is deleted if *is_gone* says so of its remote template.
    """
    for remote_id in sorted(known.ours.keys() - {template.id for template in remote}):
        delete = is_gone(remote_id)
        for local in known.ours[remote_id]:
            step = Step(Action.DELETE.value, local.id, remote_id, local.name)
            left = replace(step, action=Action.GONE.value, note=_GONE)
            yield Delete(step) if delete else Show(left)


def _create(remote: VmTemplate, derived: Derived, known: Known, terms: Terms) -> Create:
    name, wanted = known.names.give(remote.name, remote.id, terms.host_name), derived.attributes
    changes = tuple(Change(path, "", new, kept=False) for path, new in wanted.items())
    step = Step(Action.CREATE.value, None, remote.id, name, changes, _note(derived))
    fixed: list[tuple[str, Value]] = [
        ("NAME", name),
        (MARK, build_memory(wanted, remote.name)),
        ("PUBLIC_CLOUD", build_public_cloud(remote.id, terms.host_name)),
    ]
    return Create(step, Template([*fixed, *build_template(wanted)]))


def _adapt(local: VmTemplate, remote: VmTemplate, derived: Derived, terms: Terms) -> Planned:
    adapt = partial(
        merge, wanted=derived.attributes, remote_name=remote.name, overwrite=terms.overwrite
    )
    merged = adapt(local.template)
    note = _note(derived, merged.renamed_from)
    step = Step(Action.UPDATE.value, local.id, remote.id, local.name, merged.changes, note)
    if len(merged.written):
        return Adapt(step, adapt)
    return Show(replace(step, action=Action.KEEP.value))


def _note(derived: Derived, renamed_from: str = "") -> str:
    notes = []
    if renamed_from:
        notes.append(f"its remote template was called {renamed_from}")
    if derived.left_out:
        notes.append(f"not asked for here: {', '.join(derived.left_out)}")
    return "; ".join(notes)
