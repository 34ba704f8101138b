"""The XML text in an answer, without the coat of the protocol that carried it.

In XML-RPC that coat is XML too, so the text comes with an entity for every angle bracket. It is
decoded in pieces, or row by row, and never held twice. Other protocols carry the text as it is.
"""

import re
from collections.abc import Iterator

Body = bytes | bytearray

_PIECE = 1 << 17
_LONGEST_ROOT = 100
_ROOT = re.compile(rb"<([A-Z_]+)>")
"""The root's start tag as OpenNebula writes it: at the beginning, without attributes."""


class Document:
    """An XML text. A loop over it gives it decoded, in UTF-8 pieces.

    Decoding raises ProtocolError. The text is for an XML parser, which refuses the characters that
    XML does not allow.
    """

    def __init__(
        self, body: Body, start: int = 0, end: int | None = None, *, escaped: bool = False
    ) -> None:
        """Take the part of *body* that is the text; *escaped* if it is within XML, as text."""
        self._body = body
        self._start = start
        self._end = len(body) if end is None else end
        self._escaped = escaped

    def __iter__(self) -> Iterator[bytes]:
        start = self._start
        while start < self._end:
            cut = self._find_cut(start + _PIECE)
            yield self.decode(bytes(self._body[start:cut]))
            start = cut

    def find_root(self) -> bytes:
        """Return the name of the root, if it begins as OpenNebula's pools do, else nothing."""
        start = bytes(self._body[self._start : min(self._end, self._start + _LONGEST_ROOT)])
        root = _ROOT.match(_unescape(start) if self._escaped else start)
        return root[1] if root else b""

    def split(self, root: bytes, tag: bytes) -> Iterator[memoryview]:
        """Yield what is in *root*, undecoded, in parts: each but the last ends with </*tag*>."""
        end_of_row = b"</%b>" % tag
        start = self._start + len(self._encode(b"<%b>" % root))
        mark = self._encode(end_of_row)
        whole = memoryview(self._body)
        while (found := self._body.find(mark, start, self._end)) >= 0:
            yield whole[start : found + len(mark)]
            start = found + len(mark)
        yield whole[start : self._end]

    def decode(self, part: bytes) -> bytes:
        """Return a part of the text in the form for an XML parser."""
        if not self._escaped:
            return part
        plain = _unescape(part)
        if b"\r" not in plain:
            if b"&" not in plain:
                return plain
            if plain.count(b"&") == plain.count(b"&amp;"):
                return plain.replace(b"&amp;", b"&")
        from one2one.opennebula.standard_rpc import parse_text  # rare, and slow to import

        return parse_text(part)

    def _encode(self, markup: bytes) -> bytes:
        if not self._escaped:
            return markup
        return markup.replace(b"<", b"&lt;").replace(b">", b"&gt;")

    def _find_cut(self, at: int) -> int:
        """Return where to cut, at *at* or soon after.

        In escaped text that is not within an entity, a character or a line break.
        """
        if not self._escaped:
            return min(at, self._end)
        body, most = self._body, min(at + _PIECE, self._end)
        entity = body.find(b"&", min(at, self._end), most)
        if entity >= 0 or most == self._end:
            return entity if entity >= 0 else self._end
        for cut in range(most, most - 4, -1):
            within_character = body[cut] & 0xC0 == 0x80
            if not within_character and body[cut - 1 : cut + 1] != b"\r\n":
                return cut
        return most  # not UTF-8: the parser refuses it


def _unescape(text: bytes) -> bytes:
    return text.replace(b"&lt;", b"<").replace(b"&gt;", b">")
