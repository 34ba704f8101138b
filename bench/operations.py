"""Each operation: resident and as a script, beside its bare calls and a process with pyone."""

import json
import sys
import time
import xmlrpc.client
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import answers
from bench.clouds import Clouds, clouds
from bench.drivers import Driver, driver, environment
from bench.measure import Cost, Sample, command, cost, cpu, cpu_of, pairs, seconds
from bench.report import Table, ms
from one2one.mad.scripts.layout import write_scripts
from one2one.opennebula.states import LcmState

_HOST = 0
_VM = 7
_TEXT = "<TEMPLATE><CONTEXT><GREETING>hello world</GREETING></CONTEXT></TEMPLATE>"

Call = tuple[str, str, *tuple[str | int, ...]]
"""Side, method and arguments."""
HOST: Call = ("local", "one.host.info", _HOST, True)


def _action(name: str) -> tuple[Call, ...]:
    return (
        HOST,
        ("remote", "one.vm.action", name, _VM),
        ("remote", "one.vmpool.infoset", str(_VM), False),
    )


@dataclass(frozen=True)
class Operation:
    """An operation as oned asks for it, and the calls that it cannot do without."""

    name: str
    action: str
    lcm_state: int
    script: str
    bare: tuple[Call, ...]
    deployed: bool = True


OPERATIONS = (
    Operation(
        "deploy (create)",
        "DEPLOY",
        LcmState.BOOT,
        "deploy",
        (
            HOST,
            ("local", "one.vm.info", _VM, True),
            ("remote", "one.vmpool.info", -3, 0, -100, -1),
            ("remote", "one.template.info", 0),
            ("remote", "one.template.instantiate", 0, f"remote-opennebula-{_VM}", False, _TEXT),
        ),
        deployed=False,
    ),
    Operation("deploy (resume)", "DEPLOY", LcmState.BOOT_POWEROFF, "deploy", _action("resume")),
    Operation("save", "SAVE", LcmState.SAVE_SUSPEND, "save", _action("suspend")),
    Operation("restore", "RESTORE", LcmState.BOOT_SUSPENDED, "restore", _action("resume")),
    Operation("poweroff", "SHUTDOWN", LcmState.SHUTDOWN_POWEROFF, "shutdown", _action("poweroff")),
    Operation("undeploy", "SHUTDOWN", LcmState.SHUTDOWN_UNDEPLOY, "shutdown", _action("undeploy")),
    Operation(
        "reboot",
        "REBOOT",
        LcmState.RUNNING,
        "reboot",
        (HOST, ("remote", "one.vm.action", "reboot", _VM)),
    ),
    Operation(
        "terminate",
        "CANCEL",
        LcmState.SHUTDOWN,
        "cancel",
        (
            HOST,
            ("remote", "one.vm.info", _VM),
            *_action("terminate-hard")[1:],
        ),
    ),
)


def run(*, small: bool) -> Iterator[Table]:
    rows, counts = [], []
    rounds = 1 if small else 31
    with clouds() as side, environment(side) as env, TemporaryDirectory() as scripts:
        write_scripts(Path(scripts))
        proxies = _proxies(side)
        with driver("one_vmm_one2one", "-t 15 -r 0 one", env) as resident:
            for operation in OPERATIONS[:2] if small else OPERATIONS:
                taken = pairs(
                    {
                        "bare": partial(cost, partial(_bare, proxies, operation)),
                        "resident": partial(_resident, resident, operation),
                    },
                    rounds,
                    before=partial(_fresh, side),
                )
                processes = pairs(
                    {
                        "script": partial(_script, Path(scripts), operation, env),
                        "pyone": partial(_pyone, side, operation),
                    },
                    1 if small else 5,
                    before=partial(_fresh, side),
                )
                bare, resident_s = seconds(taken["bare"]), seconds(taken["resident"])
                beyond = Sample(
                    tuple(b - a for a, b in zip(bare.values, resident_s.values, strict=True))
                )
                rows.append(
                    (
                        operation.name,
                        ms(bare),
                        ms(resident_s),
                        _compute_allowed(resident_s, bare),
                        ms(beyond),
                        ms(cpu(taken["resident"])),
                        ms(seconds(processes["script"])),
                        ms(seconds(processes["pyone"])),
                        seconds(processes["pyone"]) / seconds(processes["script"]),
                    )
                )
                counts.append(
                    (
                        operation.name,
                        *_count(side, resident, operation),
                        max(one.peak for one in processes["script"]),
                        max(one.peak for one in processes["pyone"]),
                        ms(cpu(processes["script"])),
                        ms(cpu(processes["pyone"])),
                    )
                )
        for proxy in proxies.values():
            proxy("close")()
    yield Table(
        "operations",
        (
            "operation",
            "bare calls, ms",
            "resident, ms",
            "of what is allowed",
            "beyond the calls, ms",
            "its CPU, ms",
            "script, ms",
            "process with pyone, ms",
            "pyone : script",
        ),
        rows,
    )
    yield Table(
        "operations-counts",
        (
            "operation",
            "local calls",
            "remote calls",
            "bytes",
            "connections",
            "script, MB",
            "pyone, MB",
            "script CPU, ms",
            "pyone CPU, ms",
        ),
        counts,
    )


def _compute_allowed(resident: Sample, bare: Sample) -> Sample:
    """Return the ratios to the target: 1.3 times the bare calls, and 5 ms."""
    return resident / Sample(tuple(1.3 * value + 0.005 for value in bare.values))


def _fresh(side: Clouds) -> None:
    """Let the remote VM be as it was before the operation."""
    side.set(side.remotes[0])


def _proxies(side: Clouds) -> dict[str, xmlrpc.client.ServerProxy]:
    return {
        "local": xmlrpc.client.ServerProxy(side.local),
        "remote": xmlrpc.client.ServerProxy(side.remotes[0]),
    }


def _bare(proxies: dict[str, xmlrpc.client.ServerProxy], operation: Operation) -> None:
    for where, method, *arguments in operation.bare:
        getattr(proxies[where], method)("user:password", *arguments)


def _lines(operation: Operation) -> str:
    deploy_id = f"opennebula-hybrid-{_VM}" if operation.deployed else ""
    return answers.message(_VM, _HOST, operation.lcm_state, deploy_id)


def _resident(resident: Driver, operation: Operation) -> Cost:
    line = f"{operation.action}  {_VM} {_lines(operation)}"
    before, begun = cpu_of(resident.pid), time.monotonic()
    resident.write(line)
    answer = resident.answer()
    taken = Cost(time.monotonic() - begun, cpu_of(resident.pid) - before)
    if " SUCCESS " not in answer:
        raise RuntimeError(answer)
    return taken


def _script(scripts: Path, operation: Operation, env: dict[str, str]) -> Cost:
    deploy_id = f"opennebula-hybrid-{_VM}" if operation.deployed else ""
    stdin = answers.message(
        _VM, _HOST, operation.lcm_state, deploy_id, vm_alone=operation.action == "DEPLOY"
    )
    script = str(scripts / "vmm" / "one" / operation.script)
    return command([script, "deployment.0", str(_VM), f"burst{_HOST}"], stdin, env)


_PYONE = """\
import json, sys, pyone
urls, calls = json.loads(sys.argv[1])
clouds = {side: pyone.OneServer(url, session="user:password") for side, url in urls.items()}
for side, method, *arguments in calls:
    call = clouds[side]
    for part in method.split(".")[1:]:
        call = getattr(call, part)
    call(*arguments)
"""


def _pyone(side: Clouds, operation: Operation) -> Cost:
    urls = {"local": side.local, "remote": side.remotes[0]}
    return command([sys.executable, "-c", _PYONE, json.dumps([urls, operation.bare])])


def _count(side: Clouds, resident: Driver, operation: Operation) -> tuple[int, int, int, int]:
    """Return the calls to both sides, bytes and new connections of the operation, once more."""
    _fresh(side)
    for url in (side.local, side.remotes[0]):
        side.take_counts(url)
    _resident(resident, operation)
    local, remote = side.take_counts(side.local), side.take_counts(side.remotes[0])
    connections = local["connections"] + remote["connections"]
    return local["calls"], remote["calls"], local["bytes"] + remote["bytes"], connections
