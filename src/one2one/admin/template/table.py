"""How the steps of ``one2one template sync`` are printed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from one2one.admin.output import Printer, Style
from one2one.admin.template.step import Action, Step
from one2one.opennebula.clean import clean_line

_LINES = {
    "ACTION": "action",
    "LOCAL": "local_id",
    "REMOTE": "remote_id",
    "NAME": "name",
    "ATTRIBUTE": "attribute",
    "OLD": "old",
    "NEW": "new",
    "NOTE": "note",
}
_SHOWN = 48
"""Characters of a value in a table."""
_KEPT = "changed here, so it stays (--overwrite)"


@dataclass(frozen=True)
class Line:
    """A step, or one of its changes, in a table."""

    action: str
    local_id: int | None
    remote_id: int
    name: str
    attribute: str
    old: str
    new: str
    note: str


def print_steps(steps: Sequence[Step], output: Printer) -> None:
    """Print *steps*: whole as JSON and YAML, else a line for each change."""
    if output.style in (Style.JSON, Style.YAML):
        output.print(steps, {})
    else:
        output.print([line for step in steps for line in _lines(step)], _LINES)


def _lines(step: Step) -> Iterator[Line]:
    """Yield a line for each change; a new template is one line."""
    what = (step.action, step.local_id, step.remote_id, step.name)
    changes = () if step.action == Action.CREATE.value else step.changes
    if step.note or not changes:
        yield Line(*what, "", "", "", step.note)
    for change in changes:
        old, new = (clean_line(value, _SHOWN) for value in (change.old, change.new))
        yield Line(*what, change.attribute, old, new, _KEPT if change.kept else "")
