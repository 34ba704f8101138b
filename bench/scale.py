"""Many hosts in one process: whether their rounds fit into the period, and each host has its turn.

Each host has a user of its own in one of the remote clouds, and 1 % of the rows are others each
time. The periods are those of monitord.conf. 100,000 VMs need 1 GB in the process of the clouds.
"""

import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from statistics import quantiles

from bench.clouds import Clouds, clouds
from bench.drivers import driver, environment, start_monitoring
from bench.measure import cpu_of, memory_of
from bench.report import Row, Table

_PERIODS = {
    "BEACON_HOST": 30,
    "STATE_VM": 5,
    "MONITOR_VM": 30,
    "MONITOR_HOST": 120,
    "SYSTEM_HOST": 600,
}
"""Seconds."""
_SECONDS = 120
"""How long to watch: each message is due at least once."""
Readings = list[tuple[int, float, float]]


def run(*, small: bool) -> Iterator[Table]:
    if small:
        rows = [_measure(2, 2, 10, dict.fromkeys(_PERIODS, 1), 3)]
    else:
        rows = [
            _measure(hosts, remotes, 1000, _PERIODS, _SECONDS)
            for hosts, remotes in ((10, 2), (100, 20))
        ]
    yield Table(
        "scale",
        (
            "hosts",
            "remotes",
            "VMs",
            "CPU, % of a core",
            "rounds a host",
            "age of states, median, s",
            "99 % below, s",
            "oldest, s",
            "memory, MB",
        ),
        rows,
    )


def _measure(hosts: int, remotes: int, vms: int, periods: dict[str, int], seconds: float) -> Row:
    with (
        clouds((0.0,) * remotes) as side,
        environment(side) as env,
        driver("one_im_one2one", "-t 15 -r 0 one", env) as im,
    ):
        side.set(side.local, vms_per_host=vms, changing=1)
        start_monitoring(im, range(hosts), side.monitord, periods)
        _wait_for_first_rounds(side, hosts)
        before = cpu_of(im.pid)
        time.sleep(seconds)
        spent = cpu_of(im.pid) - before
        here = side.take_counts(side.local)["readings"]
        there = [one for url in side.remotes for one in side.take_counts(url)["readings"]]
        ages = _compute_ages(there, here)
        rounds = Counter(host for host, *_ in there)
        percentiles = quantiles(ages, n=100, method="inclusive")
        return (
            hosts,
            remotes,
            hosts * vms,
            f"{spent / seconds:.0%}",
            f"{min(rounds.values())} to {max(rounds.values())}",
            percentiles[49],
            percentiles[98],
            max(ages),
            memory_of(im.pid),
        )


def _wait_for_first_rounds(side: Clouds, hosts: int) -> None:
    """Wait until all that is done once was done for each host, and count from zero then."""
    surveyed = 0
    while surveyed < hosts:
        time.sleep(1)
        counts = [side.take_counts(url) for url in (side.local, *side.remotes)]
        surveyed += sum(count["methods"].get("one.user.info", 0) for count in counts)


def _compute_ages(there: Readings, here: Readings) -> list[float]:
    """Return how old the states of each host were just before each round counted.

    They are as old as the round before, from its call to the remote. A round counts when the local
    VMs were read after the remote ones.
    """
    ages = []
    for host in {host for host, *_ in there}:
        begun = sorted(at for one, at, _ in there if one == host)
        counted = sorted(at for one, _, at in here if one == host)
        for last, now in pairwise(begun):
            ages += [at - last for at in counted if at > now][:1]
    return ages
