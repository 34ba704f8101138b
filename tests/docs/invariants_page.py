"""The table of invariants in ``docs/reliability.md``: run this module to make it."""

import sys

from tests.simulation.invariants import INVARIANTS


def render() -> str:
    """Return the table."""
    rows = (f"| {one.name} | {one.promise} | {one.checked} |\n" for one in INVARIANTS)
    return "".join(["| invariant | what holds | checked |\n", "|---|---|---|\n", *rows])


if __name__ == "__main__":
    sys.stdout.write(render())
