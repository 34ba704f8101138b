"""The ids of OpenNebula's objects, which are whole numbers from 0 to 2³¹−1.

oned keeps them in C++ ints, and XML-RPC carries no larger ones. What is no such number, wherever
it comes from, names nothing.
"""

import re

MAX_ID = 2**31 - 1

_ID = re.compile("0|[1-9][0-9]{0,9}")
"""As OpenNebula writes them: so that no two texts mean the same object."""


def read_id(text: str | None) -> int | None:
    """Return the id that *text* is, None where it is none."""
    if text is None or not _ID.fullmatch(text):
        return None
    number = int(text)
    return number if number <= MAX_ID else None
