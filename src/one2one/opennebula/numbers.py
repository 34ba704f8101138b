"""Numbers, as OpenNebula and its users write them.

Python reads more: ``1_0``, ``nan``, and digits of other scripts. OpenNebula reads these otherwise,
or not at all, so here they are no numbers.
"""

import re

_NUMBER = re.compile(r"[+-]?(\d{1,20}(\.\d{0,20})?|\.\d{1,20})([eE][+-]?\d{1,2})?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,20}", re.ASCII)


_MOST_DIGITS = 15
"""Every whole number with so many digits is exact as a float."""


def is_plain(text: str) -> bool:
    """Tell whether *text* is a whole number in a few digits, as nearly all are."""
    return text.isdigit() and text.isascii() and len(text) <= _MOST_DIGITS


def parse_number(text: str | None) -> float | None:
    """Return the number in *text*, None for any other text."""
    if text and is_plain(text):
        return float(text)
    return float(text) if text and _NUMBER.fullmatch(text) else None


def parse_whole(text: str | None) -> int | None:
    """Return the whole number in *text*, None for any other text."""
    if text and is_plain(text):
        return int(text)
    return int(text) if text and _WHOLE.fullmatch(text) else None
