"""The rows of a pool that are byte for byte those of the last reading, not parsed again.

Of each row its digest is kept, and what was read of it. In a document of rows, everything up to an
end tag stands for itself if it is well-formed, whatever stands before and after it. So the same
bytes between the same two places mean the same row, and a changed row is always read whole.

But an end tag may be no end: in a CDATA section, in a comment, within a row. So what is new is
parsed with a mark of ours behind each part. Only if the parser finds exactly one row before each
mark, and each mark right in the root, is every part a row, and the digests are kept. Otherwise the
whole pool is read in the plain way. A digest is as long as no two texts could be found to share it.

Where nearly every row is another each time, all this is in vain and costs a sixth of the time. Then
some readings are plain, and remember nothing.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Generic, TypeVar

from one2one.opennebula.document import Document
from one2one.opennebula.errors import ProtocolError
from one2one.opennebula.xml import MOST_ROWS, Element, parse

Row = TypeVar("Row")

_MARK = b"one2one-end-of-row"
_MUCH = 1 << 17
"""Bytes of new rows to parse at once: neither many parsers nor large trees."""
_TOO_FEW = 0.1
"""The share of rows that must be the same. With less, digests cost more than they save."""
_PLAIN_READINGS = 10
"""How many readings are plain before rows are remembered again."""


class KnownRows(Generic[Row]):
    """What was read of each row of one pool, in its last two readings. For one thread."""

    def __init__(self, is_current: Callable[[Row], bool] | None = None) -> None:
        """*is_current* tells whether what was made of a row still counts, if its bytes do."""
        self._is_current = is_current
        self._before: dict[bytes, Row] = {}
        self._now: dict[bytes, Row] = {}
        self._same = self._all = 0
        """How many rows of the last reading were those of the one before, and how many it had."""
        self._plain_readings = 0

    def begin_reading(self) -> None:
        """Forget what the last reading did not show; a reading may need several answers."""
        if self._before and self._same < _TOO_FEW * self._all:
            self._plain_readings, self._now = _PLAIN_READINGS, {}
        elif self._plain_readings:
            self._plain_readings -= 1
        self._before, self._now = self._now, {}
        self._same = self._all = 0

    def read(
        self, document: Document, tag: str, read: Callable[[Element], Row | None]
    ) -> list[Row] | None:
        """Return what *read* makes of each row, without None.

        Returns None if this reading is plain, or if it is not certain which parts of the document
        are rows. *read* must make the same of the same row, or *is_current* tell the difference.
        """
        root = b"" if self._plain_readings else document.find_root()
        try:
            return self._read(document, root, tag.encode(), read) if root else None
        except ProtocolError:
            return None

    def _read(
        self, document: Document, root: bytes, tag: bytes, read: Callable[[Element], Row | None]
    ) -> list[Row] | None:
        rows: list[Row | None] = []
        new: list[tuple[int, bytes, bytes]] = []
        size = 0
        *parts, last = document.split(root, tag)
        if document.decode(bytes(last)).strip() != b"</%b>" % root or len(parts) > MOST_ROWS:
            return None
        self._all += len(parts)
        before, now, is_current = self._before, self._now, self._is_current
        for part in parts:  # of thousands of rows: what is not in this loop costs no time
            digest = sha256(part).digest()
            row = before.get(digest)
            if row is None or (is_current and not is_current(row)):
                row = None
                new.append((len(rows), digest, document.decode(bytes(part))))
                size += len(part)
            else:
                now[digest] = row
                self._same += 1
            rows.append(row)
            if size >= _MUCH:
                self._read_new(new, root, tag, read, rows)
                new, size = [], 0
        self._read_new(new, root, tag, read, rows)
        return [row for row in rows if row is not None]

    def _read_new(
        self,
        new: list[tuple[int, bytes, bytes]],
        root: bytes,
        tag: bytes,
        read: Callable[[Element], Row | None],
        rows: list[Row | None],
    ) -> None:
        """Put what *read* makes of *new* parts into *rows*; raises ProtocolError for no rows."""
        for (at, digest, _), element in zip(new, _parse(new, root, tag), strict=True):
            row = rows[at] = read(element)
            if row is not None:
                self._now[digest] = row


def _parse(new: list[tuple[int, bytes, bytes]], root: bytes, tag: bytes) -> list[Element]:
    text = b"".join(b"%b<%b/>" % (part, _MARK) for _, _, part in new)
    if text.count(_MARK) != len(new):
        raise ProtocolError("a row with our mark in it")
    children = list(parse(b"<%b>%b</%b>" % (root, text, root)))
    tags = [child.tag for child in children]
    if tags != [tag.decode(), _MARK.decode()] * len(new):
        raise ProtocolError("no row before a mark")
    return children[::2]
