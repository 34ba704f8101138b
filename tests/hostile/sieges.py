"""The real drivers under attack: odd lines, odd remotes, and neighbours that must not notice."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tests.hostile import checks, lines
from tests.hostile.chance import Chance
from tests.hostile.checks import Violation
from tests.hostile.memory import read_peak
from tests.hostile.processes import Driver, Monitord, driver, run_command
from tests.hostile.world import SPARED


@dataclass(frozen=True)
class Besieged:
    """What a siege came to."""

    lines: int
    """To and from the driver."""
    memory: int = 0
    """How many bytes the driver had at most; 0 where there was none."""


Siege = Callable[[int, Path, int, int], Besieged]
"""Takes the remote's port, a directory, a seed and a number of lines."""

_WELL = 900
"""A host whose remote is well."""
_HOSTS = 90
_COMMANDS = (
    "doctor",
    "status",
    "host list",
    "show 7",
    "template list burst0",
    "template sync burst0 --dry-run",
    "reap --dry-run",
    "host show burst0",
    "status --output json",
    "status --output csv",
)
_MOST_MEMORY = 300 << 20
"""Of a driver, in bytes; no odd answer is longer than a megabyte."""


def attack_vmm(port: int, directory: Path, seed: int, number: int) -> Besieged:
    """Send a VMM driver *number* lines, good and bad."""
    chance = Chance(f"vmm {seed}")
    with driver("one_vmm_one2one", port, directory, checks.check_to_oned, "-t 15 -r 0") as vmm:
        asked: list[tuple[str, int]] = []
        for _ in range(number // 3):
            vmm.send(lines.odd_vmm(chance, 10 * chance.randrange(_HOSTS) + 9))
            good = lines.vmm(chance, 10 * chance.randrange(_HOSTS) + chance.randrange(9))
            well = lines.vmm(chance, 10 * _WELL + chance.randrange(100), "REBOOT")
            for line in (good, well):
                assert line.expected is not None
                vmm.send(line)
                asked.append(line.expected)
        _wait_answered(vmm, asked)
        failed = sum(vmm.heard.count("REBOOT", vm, success=False) for _, vm in asked if vm >= 9000)
        if failed:
            raise Violation(f"{failed} operations of another remote failed")
        _wait_spared(vmm, chance)
        return _finish(vmm, number)


def _wait_answered(vmm: Driver, asked: list[tuple[str, int]]) -> None:
    for action, vm_id in set(asked):
        times = asked.count((action, vm_id))
        vmm.heard.wait_for(
            f"an answer to {action} {vm_id}",
            lambda action=action, vm_id=vm_id, times=times: vmm.heard.count(action, vm_id) >= times,  # type: ignore[misc]
        )


def _wait_spared(vmm: Driver, chance: Chance) -> None:
    """See that the same remote is used again as soon as it answers well."""
    tries = 0
    while not vmm.heard.count("REBOOT", SPARED, success=True):
        tries += 1
        if tries > 20:
            raise Violation("a VM of the same remote is not served any more")
        vmm.send(lines.vmm(chance, SPARED, "REBOOT"))
        vmm.heard.wait_for("REBOOT", lambda: vmm.heard.count("REBOOT", SPARED) >= tries)  # noqa: B023
        threading.Event().wait(0.5)  # the breaker is open for a moment


def attack_pull(port: int, directory: Path, seed: int, number: int) -> Besieged:
    """Let oned ask an IM driver, as up to 5.10."""
    chance = Chance(f"pull {seed}")
    with driver("one_im_one2one", port, directory, checks.check_pulled) as im:
        for host_id in range(number):
            im.send(lines.odd_pull(chance, host_id))
            im.send(lines.pull(host_id))
        for host_id in range(number):
            im.heard.wait_for(f"MONITOR {host_id}", lambda: im.heard.count("MONITOR", host_id) > 0)  # noqa: B023
        im.send(lines.pull(_WELL))
        im.heard.wait_for("MONITOR", lambda: im.heard.count("MONITOR", _WELL, success=True) > 0)
        return _finish(im, 2 * number)


def attack_push(port: int, directory: Path, seed: int, number: int) -> Besieged:
    """Let monitord ask an IM driver, with configurations of all kinds."""
    chance, monitord = Chance(f"push {seed}"), Monitord()
    heard = monitord.heard
    with driver("one_im_one2one", port, directory, checks.check_either) as im:
        well = lines.configuration(chance, monitord.port, well=True)
        im.send(lines.start_monitor(_WELL, well))
        for _ in range(number):
            host_id = chance.randrange(_HOSTS)
            configuration = lines.configuration(chance, monitord.port, well=chance.hit(0.5))
            im.send(chance.choice((lines.odd_im, lines.good_im))(chance, host_id, configuration))
        for host_id in (1, _WELL):
            im.send(lines.start_monitor(host_id, well))
            at = heard.count("BEACON_HOST", host_id)
            heard.wait_for("BEACON_HOST", lambda: heard.count("BEACON_HOST", host_id) > at + 3)  # noqa: B023
        at = heard.count("MONITOR_VM", _WELL)
        heard.wait_for("MONITOR_VM", lambda: heard.count("MONITOR_VM", _WELL, success=True) > at)
        besieged = _finish(im, number)
    monitord.close()
    if heard.failures:
        raise Violation("\n".join(heard.failures[:5]))
    return replace(besieged, lines=besieged.lines + heard.lines)


def attack_commands(port: int, directory: Path, seed: int, number: int) -> Besieged:
    """Run the administrator's commands; each is a line, and each line that it prints."""
    said = 0
    for at in range(number // 4):
        command = _COMMANDS[at % len(_COMMANDS)]
        done = run_command(command.split(), port, directory, f"{seed}/{at}")
        output = done.stdout + done.stderr
        checks.check_secret(output)
        if (
            done.returncode not in (0, 1, 255)
            or "internal error" in output
            or "Traceback" in output
        ):
            raise Violation(f"{command} {seed}/{at} ended with {done.returncode}: {output[-2000:]}")
        if harm := checks.find_harm(output.replace("\n", "")):
            raise Violation(f"{command} {seed}/{at} printed {harm}")
        said += 1 + output.count("\n")
    return Besieged(said)


def _finish(process: Driver, told: int) -> Besieged:
    """See that a driver that was *told* so many lines has always said what can be read."""
    memory = read_peak(process.pid)
    process.end()
    if process.heard.failures:
        raise Violation("\n".join(process.heard.failures[:5]))
    if memory > _MOST_MEMORY:
        raise Violation(f"{memory >> 20} MB in memory")
    return Besieged(told + process.heard.lines, memory)


SIEGES: tuple[Siege, ...] = (attack_vmm, attack_pull, attack_push, attack_commands)
