"""Reads the objects of a pool one by one: an unreadable object does not hide the others.

An object that cannot be read is left out and noted. A cloud may also be unable to send an object
(see ``NotSendable``). Then it refuses the whole pool, and the pool is read in smaller and smaller
parts.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from one2one import runtime
from one2one.opennebula.client import Caller
from one2one.opennebula.document import Document
from one2one.opennebula.errors import MethodNotFound, NotSendable, ProtocolError
from one2one.opennebula.ids import MAX_ID
from one2one.opennebula.records import VmRow
from one2one.opennebula.xml import Element, parse_pool, text_of

if TYPE_CHECKING:
    from one2one.opennebula.known_rows import KnownRows

Row = TypeVar("Row")
Vms = TypeVar("Vms", bound=VmRow)

OWN = -3
"""Pool filter: the objects of the calling user."""
VISIBLE = -2
"""Pool filter: all objects that the calling user may see."""
NOT_DONE = -1
"""VM state filter: any but DONE."""
EVERY_ID = range(MAX_ID + 1)

_MOST_NOTED = 100
_ONE_AT_A_TIME = runtime.lock()
"""Held while a pool is parsed, not while a call waits for it. Python runs one thread at a time
anyway, and so one pool at a time needs memory, not one for each host."""


class Pools:
    """The pools of one cloud. Thread-safe."""

    def __init__(self, client: Caller) -> None:
        self._client = client
        self.has_infoset = True
        """Whether VMs can be listed by id: from 5.12. The first such call finds it out."""
        self.unread: dict[str, str] = {}
        """The objects that could not be read, such as ``VM 7``, and why; a hundred at most."""

    def read(
        self,
        read: Callable[[Element], Row | None],
        method: str,
        *arguments: str | int | bool,
        tag: str = "VM",
        known: "KnownRows[Row] | None" = None,
    ) -> list[Row]:
        """Return what *read* makes of each object with the tag *tag*, without None.

        An object for which *read* raises ProtocolError is noted in ``unread``. Those in *known* are
        not read again.
        """

        def read_or_note(element: Element) -> Row | None:
            try:
                return read(element)
            except ProtocolError as error:
                self._note(f"{tag} {text_of(element.find('ID'))[:20] or '?'}", error)
                return None

        def parse(answer: Document) -> list[Row]:
            with _ONE_AT_A_TIME:
                rows = known.read(answer, tag, read_or_note) if known else None
                if rows is None:
                    every = map(read_or_note, parse_pool(answer, tag))
                    rows = [row for row in every if row is not None]
                return rows

        return self._client.read(parse, method, *arguments)

    def read_range(
        self,
        read: Callable[[Element], Row | None],
        method: str,
        whose: int,
        *state: int,
        ids: range = EVERY_ID,
        tag: str = "VM",
        known: "KnownRows[Row] | None" = None,
    ) -> list[Row]:
        """Do the same for the objects with certain *ids*, by calls that take a range of ids."""

        def read_part(ids: Sequence[int]) -> list[Row]:
            ends = (-1, -1) if ids == EVERY_ID else (ids[0], ids[-1])
            return self.read(read, method, whose, *ends, *state, tag=tag, known=known)

        return self._read_in_parts(read_part, ids, tag)

    def read_by_id(
        self,
        read: Callable[[Element], Vms],
        vm_ids: Iterable[int],
        whose: int = OWN,
        *,
        extended: bool = False,
        known: "KnownRows[Vms] | None" = None,
    ) -> list[Vms]:
        """Return the VMs with certain ids; unknown ids are left out.

        It makes one call for any number of ids: ``infoset``, or before 5.12 a call for the range
        of ids that spans them. Such a range leaves out the VMs that are DONE.
        """
        ids = sorted(set(vm_ids))
        if not ids:
            return []
        if self.has_infoset:
            try:
                return self._read_in_parts(
                    lambda part: self.read(
                        read,
                        "one.vmpool.infoset",
                        ",".join(map(str, part)),
                        extended,
                        known=known,
                    ),
                    ids,
                )
            except MethodNotFound:
                self.has_infoset = False
        wanted = set(ids)
        if extended:
            return self.read_extended(lambda vm: row if (row := read(vm)).id in wanted else None)
        spanned = range(ids[0], ids[-1] + 1)
        rows = self.read_range(read, "one.vmpool.info", whose, NOT_DONE, ids=spanned, known=known)
        return [row for row in rows if row.id in wanted]

    def read_extended(
        self, read: Callable[[Element], Row | None], known: "KnownRows[Row] | None" = None
    ) -> list[Row]:
        """Return what *read* makes of each of the calling user's VMs that is not DONE, whole."""
        try:
            return self.read_range(read, "one.vmpool.infoextended", OWN, NOT_DONE, known=known)
        except MethodNotFound:  # up to early 5.8, whose rows are whole
            return self.read_range(read, "one.vmpool.info", OWN, NOT_DONE, known=known)

    def _read_in_parts(
        self, read: Callable[[Sequence[int]], list[Row]], ids: Sequence[int], tag: str = "VM"
    ) -> list[Row]:
        """Return what *read* returns for *ids*; halve them where the cloud cannot send all.

        The newest are first, as in a cloud's answer.
        """
        if not ids:
            return []
        try:
            return read(ids)
        except NotSendable as error:
            if len(ids) == 1:
                self._note(f"{tag} {ids[0]}", error)
                return []
        middle = len(ids) // 2
        newer, older = ids[middle:], ids[:middle]
        return self._read_in_parts(read, newer, tag) + self._read_in_parts(read, older, tag)

    def _note(self, name: str, error: ProtocolError) -> None:
        if len(self.unread) < _MOST_NOTED:
            self._client.hide_password(error)
            self.unread[name] = error.cause
