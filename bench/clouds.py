"""A local cloud and its remote ones, in one process of their own: ``python -m bench.clouds JSON``.

Not the sandbox: this one answers with ready texts, so that what a benchmark measures is the
client. VMs reach the state that an action asks for at once. Every port counts what it is asked.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
import xmlrpc.client
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypedDict

from bench import answers

ACTIONS = {
    "resume": (3, 3),
    "suspend": (5, 0),
    "stop": (4, 0),
    "poweroff": (8, 0),
    "undeploy": (9, 0),
    "terminate": (6, 0),
    "reboot": (3, 3),
}
_CHANGING = b"\0"
"""Stands for a digit that is another in each answer."""
FIRST_DEPLOYED = 5_000_000
"""Ids of VMs that DEPLOY makes; below are those that hosts have from the start."""


@dataclass
class World:
    """What all ports have in common."""

    vms_per_host: int = 0
    max_connections: int = 4
    infoset: bool = True
    """Whether the clouds have one.vmpool.infoset: 5.12 and later."""
    changing: int = 0
    """Percent of the rows that are others in each answer."""
    states: dict[int, tuple[int, int]] = field(default_factory=dict)
    remotes: list[str] = field(default_factory=list)

    def host_vms(self, host: int) -> range:
        return range(host * self.vms_per_host, (host + 1) * self.vms_per_host)

    def host_of(self, vm_id: int) -> int:
        return vm_id // self.vms_per_host if self.vms_per_host and vm_id < FIRST_DEPLOYED else 0


class Port:
    """A cloud's XML-RPC port."""

    def __init__(self, world: World, side: str, index: int, delay: float) -> None:
        self.world, self.side, self.index, self.delay = world, side, index, delay
        self.created: dict[int, int] = {}
        self.turn = 0
        self.reset()

    def reset(self) -> None:
        self.count: Counter[str] = Counter()
        self.methods: Counter[str] = Counter()
        self.busy = 0.0
        self.first = self.last = 0.0
        self.readings: list[tuple[int, float, float]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fresh = True
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                body = await reader.readexactly(length)
                begun = time.monotonic()
                arguments, method = xmlrpc.client.loads(body)
                assert method
                if method.startswith("bench."):
                    answer = self.control(method, *arguments)
                else:
                    self.count["connections"] += fresh
                    fresh = False
                    if self.delay:
                        await asyncio.sleep(self.delay)
                    answer = self.answer(method, *arguments)
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n"
                    % len(answer)
                )
                writer.write(answer)
                await writer.drain()
                if not method.startswith("bench."):
                    self.note(method, begun, len(body), len(answer))
                if method == "one.vmpool.infoset" and arguments[-1] is False:
                    first_id = int(str(arguments[1]).partition(",")[0])
                    self.readings.append((self.world.host_of(first_id), begun, self.last))
        writer.close()

    def note(self, method: str, begun: float, received: int, sent: int) -> None:
        self.last = time.monotonic()
        self.first = self.first or begun
        self.busy += self.last - begun
        self.count.update(calls=1, bytes=received + sent)
        self.methods[method] += 1

    def control(self, method: str, *arguments: Any) -> bytes:
        if method == "bench.set":
            for name, value in json.loads(arguments[0]).items():
                setattr(self if hasattr(self, name) else self.world, name, value)
            _pool.cache_clear()
            self.world.states.clear()
            self.created.clear()
        counts = {
            **dict.fromkeys(("calls", "bytes", "connections"), 0),
            **self.count,
            "busy": self.busy,
            "window": self.last - self.first,
            "methods": self.methods,
            "readings": self.readings,
        }
        self.reset()
        return answers.answer(json.dumps(counts))

    def answer(self, method: str, session: Any = "", *arguments: Any) -> bytes:
        if method.startswith("one.vmpool."):
            return self.pool(method, self.account(session), *arguments)
        match method, *arguments:
            case "one.system.version", *_:
                return answers.answer("6.10.0")
            case "one.zone.raftstatus", *_:
                return answers.answer("<RAFT><SERVER_ID>-1</SERVER_ID><STATE>0</STATE></RAFT>")
            case "one.host.info", host, *_:
                ids, endpoint = (
                    self.world.host_vms(host),
                    self.world.remotes[host % len(self.world.remotes)],
                )
                return answers.answer(answers.host(host, endpoint, ids, self.world.max_connections))
            case "one.vm.info", vm_id, *_:
                return answers.answer(self.row("extended", vm_id)).replace(_CHANGING, b"0")
            case "one.vm.action", action, vm_id:
                self.world.states[vm_id] = ACTIONS[action.removesuffix("-hard")]
                _pool.cache_clear()
                return answers.answer(vm_id)
            case "one.template.instantiate", _, name, *_:
                vm_id = FIRST_DEPLOYED + len(self.created)
                self.created[vm_id] = int(name.rpartition("-")[2])
                _pool.cache_clear()
                return answers.answer(vm_id)
            case _:
                return answers.answer(answers.read_recording("api", method))

    def pool(self, method: str, account: str, *arguments: Any) -> bytes:
        match method, *arguments:
            case "one.vmpool.infoset", ids, extended:
                if not self.world.infoset:
                    return answers.NO_METHOD
                return self.read_pool("extended" if extended else "short", ids)
            case "one.vmpool.info", _, first, last, _:
                return self.read_page(account, first, last)
            case "one.vmpool.infoextended", *_:
                return self.read_pool("extended", account)
            case _:
                return self.read_pool("record", account)

    def read_pool(self, kind: str, ids: str) -> bytes:
        """Return a pool in one of three forms, in turn: benchmarks read it two or four ways."""
        self.turn = (self.turn + 1) % 3
        return _pool(self, kind, ids).replace(_CHANGING, b"%d" % self.turn)

    def row(self, kind: str, vm_id: int) -> str:
        world = self.world
        state = world.states.get(vm_id, (3, 3)) if self.side == "api" else (3, 3)
        name = self.created.get(vm_id, vm_id)
        poll = _CHANGING.decode() if vm_id % 100 < world.changing else "0"
        return answers.row(self.side, kind, vm_id, name, state, world.host_of(vm_id), poll)

    def account(self, session: str) -> str:
        """Return the ids of all VMs of the account: those of its host, else of the first one."""
        user = answers.USER.match(session)
        return ",".join(map(str, self.world.host_vms(int(user[1]) if user else 0)))

    def read_page(self, account: str, first: int, last: int) -> bytes:
        if (first, last) == (-1, -1):
            return self.read_pool("short", account)
        if last < 0:
            chosen = sorted(self.created, reverse=True)[:-last]
        else:
            known = [*self.world.host_vms(0), *self.created]
            chosen = [vm_id for vm_id in known if first <= vm_id <= last]
        return self.read_pool("short", ",".join(map(str, chosen)))


@lru_cache(maxsize=320)
def _pool(port: Port, kind: str, ids: str) -> bytes:
    rows = "".join(port.row(kind, int(vm_id)) for vm_id in ids.split(",") if vm_id)
    tag = "MONITORING_DATA" if kind == "record" else "VM_POOL"
    return answers.answer(f"<{tag}>{rows}</{tag}>")


async def _monitord(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take what a driver reports, and forget it."""
    while await reader.read(1 << 16):
        pass
    writer.close()


async def _main(delays: list[float]) -> None:
    world = World()
    ports = [Port(world, "local", 0, 0.0)]
    ports += [Port(world, "api", index, delay) for index, delay in enumerate(delays)]
    numbers = []
    for port in ports:
        server = await asyncio.start_server(port.serve, "127.0.0.1", 0, limit=1 << 24)
        numbers.append(server.sockets[0].getsockname()[1])
    world.remotes = [f"http://127.0.0.1:{number}/RPC2" for number in numbers[1:]]
    sink = await asyncio.start_server(_monitord, "127.0.0.1", 0)
    numbers.append(sink.sockets[0].getsockname()[1])
    print(json.dumps(numbers), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print(flush=True)
    raise SystemExit


class Counts(TypedDict):
    """What a port was asked since it was last told to count from zero."""

    calls: int
    bytes: int
    connections: int
    busy: float
    """Seconds, of all connections together."""
    window: float
    """Seconds from the first call to the last answer."""
    methods: dict[str, int]
    readings: list[tuple[int, float, float]]
    """Of short rows by id: the host, and when the call came and was answered, in seconds."""


@dataclass(frozen=True)
class Clouds:
    """The clouds, from the benchmark's side."""

    local: str
    """URL."""
    remotes: list[str]
    monitord: int
    """A port that takes what drivers report."""

    def set(self, url: str, **values: object) -> None:
        """Change a port, or what all have in common, and forget all VMs but those of hosts."""
        _control(url, "bench.set", json.dumps(values))

    def take_counts(self, url: str) -> Counts:
        """Return what a port has counted, and count from zero."""
        return _control(url, "bench.count")


def _control(url: str, method: str, *arguments: str) -> Counts:
    with xmlrpc.client.ServerProxy(url) as proxy:
        counts: Counts = json.loads(getattr(proxy, method)(*arguments)[1])
    return counts


@contextlib.contextmanager
def clouds(delays: tuple[float, ...] = (0.0,)) -> Iterator[Clouds]:
    """Run a local cloud, and a remote one for each of *delays*: seconds before each answer."""
    command = [sys.executable, "-m", "bench.clouds", json.dumps(delays)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            local, *remotes, monitord = json.loads(process.stdout.readline())
            urls = [f"http://127.0.0.1:{number}/RPC2" for number in (local, *remotes)]
            yield Clouds(urls[0], urls[1:], monitord)
        finally:
            process.kill()


if __name__ == "__main__":
    asyncio.run(_main(json.loads(sys.argv[1])))
