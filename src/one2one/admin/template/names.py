"""Names local templates: like the remote one, if that is valid and free."""

import unicodedata
from collections.abc import Iterator
from itertools import count

from one2one.opennebula.errors import Refused

_LONGEST = 128
"""Bytes of a name. Source: ``PoolObjectSQL::name_is_valid``, like what it forbids."""
_FORBIDDEN = frozenset("&|:\\\";/'#{}$<>")
_HOST_SHARE = 40
"""Bytes that a host's name may take of it."""
_PLAIN = str.maketrans("ıłøđħ", "ilodh")
"""Letters that Unicode does not take apart, and MariaDB holds for plain ones."""


class LocalNames:
    """The names of the local templates, of all owners: each is given once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, name: str) -> None:
        """Note that a template is called *name*."""
        self._taken.add(_fold(name))

    def give(self, remote_name: str, remote_id: int, host_name: str) -> str:
        """Return a free name for a remote template; raises Refused where it has none itself."""
        wish = " ".join(map(_fit, remote_name.split()))
        if not wish:
            raise Refused("it has no name")
        for suffix in _suffixes(remote_id, _cut(host_name, _HOST_SHARE)):
            name = _cut(wish, _LONGEST - len(suffix.encode())).rstrip() + suffix
            if _fold(name) not in self._taken:
                self.take(name)
                return name
        raise AssertionError


def _suffixes(remote_id: int, host_name: str) -> Iterator[str]:
    yield from ("", f"@{host_name}", f"@{host_name}-{remote_id}")
    yield from (f"@{host_name}-{remote_id}-{number}" for number in count(2))


def _fit(word: str) -> str:
    """Replace characters that oned, its XML-RPC or a terminal cannot take by underscores."""
    return "".join(
        "_" if c in _FORBIDDEN or c > "\uffff" or not c.isprintable() else c for c in word
    )


def _fold(name: str) -> str:
    """Return what names have in common that MariaDB holds for equal: ``Wéb`` and ``web``.

    Its collations leave out case, accents and blanks at the end (measured with 10.11). Those that
    hold still more for equal let oned refuse the name.
    """
    parts = unicodedata.normalize("NFKD", name.strip().casefold().translate(_PLAIN))
    return "".join(part for part in parts if not unicodedata.combining(part))


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")
