"""How each figure grows when there are ten times as many VMs, hosts or threads.

The exponent is 1 for what grows in proportion, 0 for what does not grow.
"""

import math
import os
import time
from collections.abc import Iterator

from bench import bursts, monitoring
from bench.clouds import clouds
from bench.drivers import driver, environment, start_monitoring
from bench.measure import Cost, cpu, cpu_of, in_child, memory_of
from bench.report import Row, Table

_PERIODS = {"BEACON_HOST": 2, "STATE_VM": 2, "MONITOR_VM": 2, "MONITOR_HOST": 2, "SYSTEM_HOST": 600}


def run(*, small: bool) -> Iterator[Table]:
    rows = [*_vms(small=small), *_hosts(small=small), *_threads(small=small)]
    yield Table("growth", ("what", "figure", "with", "is", "with ", "is ", "exponent"), rows)


def _row(
    what: str, figure: str, few: tuple[str, float, float], many: tuple[str, float, float]
) -> Row:
    """Return a row; few and many are a name, its number and the value there."""
    times = many[2] / few[2] if few[2] and many[2] else math.nan  # too little for the clock
    exponent = math.log(times) / math.log(many[1] / few[1])
    return what, figure, few[0], few[2], many[0], many[2], exponent


def _vms(*, small: bool) -> Iterator[Row]:
    few, many = (10, 100) if small else (1000, 10_000)
    with clouds() as side, environment(side) as env:
        os.environ.update(env)
        urls = {"local": side.local, "remote": side.remotes[0]}
        for kind in ("status, all new", "status, 1 % new", "usage, all new", "account"):
            spent, peaks = [], []
            for size in (few, many):
                changing = monitoring.KINDS[kind]
                side.set(side.local, vms_per_host=size, changing=changing)
                taken = in_child(
                    monitoring.measure, kind, size, urls, 1 if small else 3, ["one2one"]
                )
                spent.append(1000 * cpu([Cost(**one) for one in taken["one2one"]]).median)
                peaks.append(in_child(monitoring.peak, kind, size, urls, "one2one"))
            for figure, (a, b) in {"CPU, ms": spent, "memory, MB": peaks}.items():
                yield _row(
                    f"{kind} round", figure, (f"{few:,} VMs", few, a), (f"{many:,} VMs", many, b)
                )


def _hosts(*, small: bool) -> Iterator[Row]:
    vms, seconds = (10, 3) if small else (1000, 20)
    costs = {hosts: _measure_monitored(hosts, vms, seconds) for hosts in (1, 10)}
    for at, figure in enumerate(("CPU a round of all, ms", "memory, MB")):
        yield _row(
            f"monitoring, {vms:,} VMs a host",
            figure,
            ("1 host", 1, costs[1][at]),
            ("10 hosts", 10, costs[10][at]),
        )


def _measure_monitored(hosts: int, vms: int, seconds: float) -> tuple[float, float]:
    """Monitor hosts in one process; return the CPU of a round in ms, and the peak of memory."""
    with (
        clouds() as side,
        environment(side) as env,
        driver("one_im_one2one", "-t 15 -r 0 one", env) as im,
    ):
        side.set(side.local, vms_per_host=vms)
        start_monitoring(im, range(hosts), side.monitord, _PERIODS)
        time.sleep(seconds / 3)
        side.take_counts(side.remotes[0])
        before = cpu_of(im.pid)
        time.sleep(seconds)
        spent = cpu_of(im.pid) - before
        rounds = side.take_counts(side.remotes[0])["methods"].get("one.vmpool.infoset", 0) / hosts
        return 1000 * spent / max(1, rounds), memory_of(im.pid)


def _threads(*, small: bool) -> Iterator[Row]:
    number = 20 if small else 500
    few, many = (bursts.burst(number, 0.005, threads) for threads in (5, 50))
    for figure, a, b in (
        ("seconds", few.seconds, many.seconds),
        ("CPU each, ms", few.cpu, many.cpu),
        ("memory, MB", few.memory, many.memory),
    ):
        yield _row(f"{number} DEPLOYs", figure, ("-t 5", 5, a), ("-t 50", 50, b))
