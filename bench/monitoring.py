"""Reading pools: a round of each kind, beside reading the same answers in other ways.

bytes    the answers are received, and nothing is done with them
lxml     received, and parsed once by lxml: the XML-RPC answer, and the XML within it
outer    received, and only the XML-RPC answer parsed: what is in it stays one long text
pyone    received and parsed by pyone, as a driver in Python would have done it
one2one  a round: received, parsed, compared with the local VMs
"""

import http.client
import importlib
import os
import xmlrpc.client
from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import urlsplit

from lxml import etree

from bench.clouds import Clouds, clouds
from bench.drivers import environment
from bench.measure import Cost, Sample, cost, cpu, forget_peak, in_child, memory_of, pairs, seconds
from bench.report import Row, Table, ms

_SIZES = (10, 1000, 10_000)
_ROUNDS = {10: 9, 1000: 7, 10_000: 3}
_EVERYTHING = (-3, -1, -1, -1)
Call = tuple[str, str, tuple[str | int, ...]]


def _calls(kind: str, ids: str) -> list[Call]:
    """Return side, method and arguments of the calls that make a round of a kind."""
    calls: dict[str, list[Call]] = {
        "status": [
            ("remote", "one.vmpool.infoset", (ids, False)),
            ("local", "one.vmpool.infoset", (ids, False)),
        ],
        "usage": [("remote", "one.vmpool.monitoring", (-3, 0))],
        "usage, 5.x": [("remote", "one.vmpool.infoextended", _EVERYTHING)],
        "capacity": [("remote", "one.user.info", (-1,)), ("remote", "one.group.info", (-1,))],
        "account": [("remote", "one.vmpool.info", _EVERYTHING)],
    }
    return calls[kind if kind in calls else kind.partition(",")[0]]


KINDS = {
    "status, all new": 100,
    "status, 1 % new": 1,
    "usage, all new": 100,
    "usage, half new": 50,
    "usage, 5.x": 100,
    "capacity": 0,
    "account": 0,
}
"""The kinds of rounds, and how many percent of the rows change from one to the next."""


def run(*, small: bool) -> Iterator[Table]:
    times, costs = [], []
    sizes = (10, 100) if small else _SIZES
    with clouds() as side, environment(side) as env:
        os.environ.update(env)
        for kind, changing in KINDS.items():
            for size in sizes[:1] if kind == "capacity" else sizes:
                infoset = kind != "usage, 5.x"
                side.set(side.local, vms_per_host=size, infoset=infoset, changing=changing)
                urls = {"local": side.local, "remote": side.remotes[0]}
                taken = _measure_taken(kind, size, urls, 1 if small else _ROUNDS[size])
                times.append(_times(kind, size, taken))
                costs.append(_costs(kind, size, side, taken, urls))
    yield Table(
        "monitoring",
        (
            "round",
            "VMs",
            "bytes, ms",
            "outer, ms",
            "lxml, ms",
            "one2one, ms",
            "pyone, ms",
            "one2one : lxml",
            "one2one : outer",
            "pyone : one2one",
        ),
        times,
    )
    yield Table(
        "monitoring-costs",
        (
            "round",
            "VMs",
            "calls",
            "MB received",
            "CPU, ms",
            "CPU a VM, µs",
            "memory, MB",
            "memory : answer",
            "pyone's memory, MB",
        ),
        costs,
    )


def _measure_taken(
    kind: str, size: int, urls: dict[str, str], rounds: int
) -> dict[str, list[Cost]]:
    taken = in_child(measure, kind, size, urls, rounds, ["bytes", "outer", "lxml", "one2one"])
    if _pyone_too(kind, size):
        few = min(rounds, 3) if size < 10_000 else 1
        taken |= in_child(measure, kind, size, urls, few, ["pyone", "one2one again"])
    return {way: [Cost(**one) for one in costs] for way, costs in taken.items()}


def _pyone_too(kind: str, size: int) -> bool:
    """Tell whether pyone is asked as well: it needs a minute for 10,000 whole VMs."""
    return size < 10_000 or kind == "account"


def _times(kind: str, size: int, taken: dict[str, list[Cost]]) -> Row:
    ways = {way: seconds(costs) for way, costs in taken.items()}
    pyone = (
        [ms(ways["pyone"]), ways["pyone"] / ways["one2one again"]] if "pyone" in ways else ["–"] * 2
    )
    return (
        kind,
        size,
        *(ms(ways[way]) for way in ("bytes", "outer", "lxml", "one2one")),
        pyone[0],
        ways["one2one"] / ways["lxml"],
        ways["one2one"] / ways["outer"],
        pyone[1],
    )


def _costs(
    kind: str, size: int, side: Clouds, taken: dict[str, list[Cost]], urls: dict[str, str]
) -> Row:
    one2one = in_child(peak, kind, size, urls, "one2one")
    pyone = in_child(peak, kind, size, urls, "pyone") if _pyone_too(kind, size) else "–"
    for url in urls.values():
        side.take_counts(url)
    in_child(peak, kind, size, urls, "bytes")
    counts = [side.take_counts(url) for url in urls.values()]
    received = sum(count["bytes"] for count in counts) / 1e6
    spent = cpu(taken["one2one"])
    each = Sample(tuple(value * 1e6 / size for value in spent.values))
    calls = sum(count["calls"] for count in counts)
    return kind, size, calls, received, ms(spent), each, one2one, one2one / received, pyone


# What follows runs in an interpreter of its own.


def measure(
    kind: str, size: int, urls: dict[str, str], rounds: int, ways: list[str]
) -> dict[str, list[Cost]]:
    """Take the costs of several ways in turn."""
    return pairs({way: partial(cost, _way(kind, size, urls, way)) for way in ways}, rounds)


def peak(kind: str, size: int, urls: dict[str, str], way: str) -> float:
    """Return by how much the memory of this process grows at most in a round, in MB.

    Its imports are not counted, and neither are the rows that a round before has left.
    """
    importlib.import_module(
        {"one2one": "one2one.driver.monitor", "pyone": "pyone"}.get(way, "lxml")
    )
    run = _way(kind, size, urls, way)
    before = forget_peak()
    run()
    return memory_of("self") - before


def _way(kind: str, size: int, urls: dict[str, str], way: str) -> Callable[[], object]:
    calls = _calls(kind, ",".join(map(str, range(size))))
    if way.startswith("one2one"):
        return _one2one(kind)
    if way == "pyone":
        return _pyone(urls, calls)
    connections = {
        side: http.client.HTTPConnection(urlsplit(url).netloc) for side, url in urls.items()
    }

    def read() -> None:
        for side, method, arguments in calls:
            body = xmlrpc.client.dumps(("user:password", *arguments), method).encode()
            connections[side].request("POST", "/RPC2", body, {"Content-Type": "text/xml"})
            answer = connections[side].getresponse().read()
            if way == "bytes":
                continue
            parser = etree.XMLParser(huge_tree=True)
            text = etree.fromstring(answer, parser).findtext(".//string", "")
            if way == "lxml":
                etree.fromstring(text.encode(), parser)

    return read


def _pyone(urls: dict[str, str], calls: list[Call]) -> Callable[[], object]:
    import pyone

    clouds = {side: pyone.OneServer(url, session="user:password") for side, url in urls.items()}

    def read() -> None:
        for side, method, arguments in calls:
            _, entity, call = method.split(".")
            getattr(getattr(clouds[side], entity), call)(*arguments)

    return read


def _one2one(kind: str) -> Callable[[], object]:
    from one2one.driver.local import LocalCloud
    from one2one.driver.monitor import HostMonitor
    from one2one.driver.remotes import Remotes

    local = LocalCloud()
    remotes = Remotes(local)
    monitor = HostMonitor(0, local, remotes)
    monitor.refresh()
    remote = remotes.open_for_host(0, "burst0")
    if kind.startswith("status"):
        return monitor.read_states
    if kind == "account":
        return remote.cloud.list_summaries
    last = monitor.read_states()
    if kind == "capacity":
        return lambda: monitor.read_capacity(last)
    return lambda: monitor.read_usages(last)
