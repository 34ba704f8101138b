"""Numbers, as OpenNebula and its users write them.

Python reads more: ``1_0``, ``nan``, and digits of other scripts. OpenNebula reads these otherwise,
or not at all, so here they are no numbers.
"""

import re

_NUMBER = re.compile(r"[+-]?(\d{1,20}(\.\d{0,20})?|\.\d{1,20})([eE][+-]?\d{1,2})?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,20}", re.ASCII)


def parse_number(text: str | None) -> float | None:
    """Return the number in *text*, None for any other text."""
    return float(text) if text and _NUMBER.fullmatch(text) else None


def parse_whole(text: str | None) -> int | None:
    """Return the whole number in *text*, None for any other text."""
    return int(text) if text and _WHOLE.fullmatch(text) else None
