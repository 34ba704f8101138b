"""What happens to one local template: as it is shown, and what to do for it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from one2one.admin.template.merge import Change, Merged
from one2one.opennebula.template import Template


class Action(Enum):
    """What happens to a local template."""

    CREATE = "create"
    UPDATE = "update"
    KEEP = "up to date"
    LEAVE = "made by hand, left alone"
    SKIP = "skip"
    GONE = "gone at the remote"
    DELETE = "delete"
    FAILED = "failed"


@dataclass(frozen=True)
class Step:
    """One local template, and what happens to it."""

    action: str
    local_id: int | None
    remote_id: int
    name: str
    changes: tuple[Change, ...] = ()
    note: str = ""

    @property
    def went_wrong(self) -> bool:
        """Whether an administrator should look at it."""
        return self.action in (Action.SKIP.value, Action.FAILED.value)


@dataclass(frozen=True)
class Show:
    """A step with nothing to do."""

    step: Step


@dataclass(frozen=True)
class Create:
    """A local template is made."""

    step: Step
    template: Template


@dataclass(frozen=True)
class Adapt:
    """A local template is brought into step."""

    step: Step
    merge: Callable[[Template], Merged]
    """Tells what to do to it as it is then."""


@dataclass(frozen=True)
class Delete:
    """A local template is deleted."""

    step: Step


Planned = Show | Create | Adapt | Delete
