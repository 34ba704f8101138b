"""Reads the objects of a pool one by one: an unreadable object does not hide the others.

An object that cannot be read is left out and noted. A cloud may also be unable to send an object
(see ``NotSendable``). Then it refuses the whole pool, and the pool is read in smaller and smaller
parts.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from one2one import runtime
from one2one.opennebula.client import Caller
from one2one.opennebula.errors import MethodNotFound, NotSendable, ProtocolError
from one2one.opennebula.ids import MAX_ID
from one2one.opennebula.records import VmRow
from one2one.opennebula.xml import Element, parse_pool, text_of

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
    ) -> list[Row]:
        """Return what *read* makes of each object with the tag *tag*, without None.

        An object for which *read* raises ProtocolError is noted in ``unread``.
        """

        def read_rows(answer: Iterator[bytes]) -> Iterator[Row]:
            for element in parse_pool(answer, tag):
                try:
                    row = read(element)
                except ProtocolError as error:
                    self._note(f"{tag} {text_of(element.find('ID'))[:20] or '?'}", error)
                else:
                    if row is not None:
                        yield row

        def parse(answer: Iterator[bytes]) -> list[Row]:
            with _ONE_AT_A_TIME:
                return list(read_rows(answer))

        return self._client.read(parse, method, *arguments)

    def read_range(
        self,
        read: Callable[[Element], Row | None],
        method: str,
        whose: int,
        *state: int,
        ids: range = EVERY_ID,
        tag: str = "VM",
    ) -> list[Row]:
        """Do the same for the objects with certain *ids*, by calls that take a range of ids."""

        def read_part(ids: Sequence[int]) -> list[Row]:
            ends = (-1, -1) if ids == EVERY_ID else (ids[0], ids[-1])
            return self.read(read, method, whose, *ends, *state, tag=tag)

        return self._read_in_parts(read_part, ids, tag)

    def read_by_id(
        self,
        read: Callable[[Element], Vms],
        vm_ids: Iterable[int],
        whose: int = OWN,
        *,
        extended: bool = False,
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
                        read, "one.vmpool.infoset", ",".join(map(str, part)), extended
                    ),
                    ids,
                )
            except MethodNotFound:
                self.has_infoset = False
        wanted = set(ids)

        def read_if_wanted(element: Element) -> Vms | None:
            row = read(element)
            return row if row.id in wanted else None

        if extended:
            return self.read_extended(read_if_wanted)
        spanned = range(ids[0], ids[-1] + 1)
        return self.read_range(read_if_wanted, "one.vmpool.info", whose, NOT_DONE, ids=spanned)

    def read_extended(self, read: Callable[[Element], Row | None]) -> list[Row]:
        """Return what *read* makes of each of the calling user's VMs that is not DONE, whole."""
        try:
            return self.read_range(read, "one.vmpool.infoextended", OWN, NOT_DONE)
        except MethodNotFound:  # up to early 5.8, whose rows are whole
            return self.read_range(read, "one.vmpool.info", OWN, NOT_DONE)

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
