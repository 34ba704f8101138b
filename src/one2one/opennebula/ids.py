"""The ids of OpenNebula's objects, which are whole numbers from 0 to 2³¹−1.

oned keeps them in C++ ints, and XML-RPC carries no larger ones. Any other text is not an id.
"""

import re

MAX_ID = 2**31 - 1

_ID = re.compile("0|[1-9][0-9]{0,9}")
"""As OpenNebula writes them. So two different texts are never the same object."""


def read_id(text: str | None) -> int | None:
    """Return the id in *text*, None if it is not an id."""
    if text is None or not _ID.fullmatch(text):
        return None
    number = int(text)
    return number if number <= MAX_ID else None
