"""The page ``docs/states.md``, written from the tables themselves: run this module to make it."""

import sys
from enum import IntEnum

from one2one.driver.resumption import AT_REST_S
from one2one.hybrid.mirror import BY_LCM_STATE, BY_STATE, STUCK_S, Report
from one2one.opennebula.states import LcmState, VmState

_INTRODUCTION = f"""\
# What the local cloud shows of a remote VM

This page is made from the code: `python -m tests.docs.states_page > docs/states.md`.

Every monitoring round compares each remote VM with its local VM and reports only where they
differ. The local VM then becomes what the last column says, if oned allows it:

| reported | 5.6 to 5.10 | 5.12 and later | a local VM in … | becomes |
|---|---|---|---|---|
| running | `a` | `RUNNING` | POWEROFF, SUSPENDED, UNKNOWN | RUNNING |
| off | `d` | `POWEROFF` | RUNNING, UNKNOWN | POWEROFF |
| suspended | `p` | `SUSPENDED` | RUNNING, UNKNOWN | SUSPENDED |
| failed | `e` | `FAILURE` | RUNNING | UNKNOWN |
| nothing | `-` | not sent | any | stays as it is |

- A local VM that is in the middle of an operation is left to that operation. If it has been there
  for {STUCK_S:g} seconds, the answer was lost, and monitoring helps it out: one that starts becomes
  RUNNING when its remote VM runs, one that shuts down is finished when its remote VM is where the
  shutdown was to bring it.
- Up to 5.10 oned does not believe that a SUSPENDED VM runs. When it has been SUSPENDED for
  {AT_REST_S:g} seconds, and both clouds still say the same, oned is asked to resume it, which takes
  the remote VM as it is.
- No release believes that a STOPPED or UNDEPLOYED VM runs: `one2one status` and `one2one doctor`
  name such VMs, and `onevm resume` takes the remote VM as it is.
- A remote VM that the remote cloud says it does not know counts as DONE. One that could not be
  read counts as nothing.
- A state with a number that is not listed here, of some later OpenNebula, is never guessed at.
- oned 7.x ignores what is reported within 30 seconds of the local VM's start or stop, and 6.4 to
  6.10 ignore RUNNING in that time. It is then reported again.
"""

_WORDS = {
    Report.RUNNING: "running",
    Report.POWEROFF: "off",
    Report.SUSPENDED: "suspended",
    Report.FAILURE: "failed",
    Report.SILENCE: "nothing",
}


def render() -> str:
    """Return the page."""
    states = dict(sorted(BY_STATE.items()))
    lcm_states = dict(sorted(BY_LCM_STATE.items()))
    return "\n".join(
        [
            _INTRODUCTION,
            "## STATE of the remote VM, other than ACTIVE\n",
            *_table(states),
            "\n## LCM_STATE of a remote VM that is ACTIVE\n",
            *_table(lcm_states),
            "",
        ]
    )


def _table(reports: dict[VmState, Report] | dict[LcmState, Report]) -> list[str]:
    heading = [
        "| number | state | reported | 5.6 to 5.10 | 5.12 and later |",
        "|---|---|---|---|---|",
    ]
    return heading + [_row(state, report) for state, report in reports.items()]


def _row(state: IntEnum, report: Report) -> str:
    sent = "not sent" if report is Report.SILENCE else f"`{report.value}`"
    return f"| {state.value} | {state.name} | {_WORDS[report]} | `{report.letter}` | {sent} |"


if __name__ == "__main__":
    sys.stdout.write(render())
