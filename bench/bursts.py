"""Many DEPLOYs at once, as after a template that was instantiated a thousand times."""

import time
from collections.abc import Iterator
from typing import NamedTuple

from bench import answers
from bench.clouds import clouds
from bench.drivers import Driver, driver, environment
from bench.measure import cpu_of, memory_of
from bench.report import Row, Table

_CONNECTIONS = 4
_CALLS = 1
"""What every DEPLOY asks the remote by itself; the listing and the template are shared."""
_NEVER = 1e6


class Burst(NamedTuple):
    """What a burst took: a row of its table."""

    delay: str
    """Milliseconds."""
    number: int
    seconds: float
    limit: float
    ratio: float
    busy: str
    calls: float
    connections: int
    cpu: float
    """Milliseconds for each DEPLOY."""
    memory: float
    """MB."""


def run(*, small: bool) -> Iterator[Table]:
    numbers = (20,) if small else (100, 500, 1000)
    rows = [burst(number, delay, threads=15) for delay in (0.005, 0.05) for number in numbers]
    yield Table(
        "bursts",
        (
            "remote answers in, ms",
            "DEPLOYs",
            "seconds",
            "limit, s",
            "ratio",
            "connections busy",
            "remote calls each",
            "connections",
            "CPU each, ms",
            "memory, MB",
        ),
        rows,
    )
    yield Table(
        "bursts-beside",
        ("remote", "DEPLOYs", "first answer, s", "last answer, s", "succeeded"),
        _beside(small=small),
    )


def burst(number: int, delay: float, threads: int) -> Burst:
    """Deploy *number* VMs at once; the limit is what the remote itself needs for the calls."""
    with (
        clouds((delay,)) as side,
        environment(side) as env,
        driver("one_vmm_one2one", f"-t {threads} -r 0 one", env) as resident,
    ):
        _deploy(resident, range(1, 6))
        _answers(resident, 5)
        side.take_counts(side.remotes[0])
        before, begun = cpu_of(resident.pid), time.monotonic()
        _deploy(resident, range(10, 10 + number))
        _answers(resident, number)
        taken = time.monotonic() - begun
        counts = side.take_counts(side.remotes[0])
        limit = number * _CALLS * delay / _CONNECTIONS
        busy = counts["busy"] / (_CONNECTIONS * counts["window"])
        return Burst(
            f"{delay * 1000:.0f}",
            number,
            taken,
            limit,
            taken / limit,
            f"{busy:.0%}",
            counts["calls"] / number,
            counts["connections"],
            1000 * (cpu_of(resident.pid) - before) / number,
            memory_of(resident.pid),
        )


def _deploy(resident: Driver, vm_ids: range, host: int = 0) -> None:
    resident.write(*(f"DEPLOY  {vm_id} {answers.message(vm_id, host, 2, '')}" for vm_id in vm_ids))


def _answers(resident: Driver, number: int) -> None:
    for _ in range(number):
        answer = resident.answer()
        if " SUCCESS " not in answer:
            raise RuntimeError(answer)


def _beside(*, small: bool) -> list[Row]:
    """Return what becomes of a good remote's DEPLOYs, alone and beside a slow and a dead one."""
    many, few = (10, 1) if small else (100, 12)
    alone = {"good, alone": (0, range(1000, 1000 + many))}
    together = {
        "good, beside them": (0, range(2000, 2000 + many)),
        "slow: 1 s": (1, range(3000, 3000 + few)),
        "dead: never": (2, range(4000, 4000 + few)),
    }
    with (
        clouds((0.005, 1.0, _NEVER)) as side,
        environment(side) as env,
        driver("one_vmm_one2one", "-t 15 -r 0 one", env) as resident,
    ):
        return _count_served(resident, alone) + _count_served(resident, together)


def _count_served(resident: Driver, bursts: dict[str, tuple[int, range]]) -> list[Row]:
    begun = time.monotonic()
    for host, vm_ids in sorted(bursts.values(), key=lambda burst: -burst[0]):
        _deploy(resident, vm_ids, host)
    answered: dict[int, tuple[float, bool]] = {}
    for _ in range(sum(len(vm_ids) for _, vm_ids in bursts.values())):
        _, result, vm_id, *_ = resident.answer().split()
        answered[int(vm_id)] = time.monotonic() - begun, result == "SUCCESS"
    rows: list[Row] = []
    for name, (_, vm_ids) in bursts.items():
        times = [answered[vm_id][0] for vm_id in vm_ids]
        succeeded = sum(answered[vm_id][1] for vm_id in vm_ids)
        rows.append((name, len(vm_ids), min(times), max(times), succeeded))
    return rows
