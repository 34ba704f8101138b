"""Splits the bytes of a driver into lines as oned does.

Since 6.0 oned finds the end of a line with ``strchr``, which stops at a NUL. oned reads the bytes
after a NUL only with the next piece, as a part of the same line. So it loses the next answer.
Source: ``include/StringBuffer.h``; measured on 6.10 and 7.2. Before 6.0 it reads byte by byte
(``src/mad/MadManager.cc``).
"""

from collections.abc import Iterator


class Lines:
    """The bytes of a line that has no end yet."""

    def __init__(self, *, stops_at_nul: bool) -> None:
        self._stops_at_nul = stops_at_nul
        self._rest = b""

    def __bool__(self) -> bool:
        """Tell whether a line has begun."""
        return bool(self._rest)

    def feed(self, data: bytes) -> Iterator[str]:
        """Yield each line that *data* ends, as oned reads it."""
        while (end := self._find_end(data)) >= 0:
            line = (self._rest + data[:end]).partition(b"\n")[0]
            yield line.decode(errors="surrogateescape")
            self._rest, data = b"", data[end + 1 :]
        self._rest += data

    def _find_end(self, data: bytes) -> int:
        seen = data.partition(b"\0")[0] if self._stops_at_nul else data
        return seen.find(b"\n")
