"""The table of actions in ``docs/pass-through.md``: run this module to make it."""

import sys

from one2one.hybrid.pass_through import ACTIONS, PassedAction


def render() -> str:
    """Return the table."""
    return "".join(
        [
            "| `ONE_PASS_THROUGH` | `onevm …` | local VM | front-end | driver | remote | call |\n",
            "|---|---|---|---|---|---|---|\n",
            *map(_row, ACTIONS),
        ]
    )


def _row(row: PassedAction) -> str:
    return (
        f"| {row.kind} | `{row.command}` | {row.states} | {row.since} | {row.action} "
        f"| {row.remote_since} | `{row.call}` |\n"
    )


if __name__ == "__main__":
    sys.stdout.write(render())
