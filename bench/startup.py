"""What it takes to start: imports, and the first answer of each executable."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import answers
from bench.clouds import clouds
from bench.drivers import BIN, driver, environment
from bench.measure import Cost, Sample, command, cpu, memory_of, pairs, seconds
from bench.report import Row, Table, ms
from one2one.mad.scripts.layout import write_scripts
from one2one.opennebula.states import LcmState

IMPORTS = {
    "nothing": "pass",
    "one_vmm_one2one": "import one2one.mad.vmm",
    "one_im_one2one": "import one2one.mad.im",
    "a VMM script": "import one2one.mad.scripts.vmm",
    "a monitoring script": "import one2one.mad.scripts.im",
    "one2one": "import one2one.admin.cli",
    "pyone, to compare": "import pyone",
}


def run(*, small: bool) -> Iterator[Table]:
    rounds = 1 if small else 11
    imports = {
        name: partial(command, [sys.executable, "-I", "-c", text]) for name, text in IMPORTS.items()
    }
    taken = pairs(imports, rounds)
    nothing = taken.pop("nothing")
    rows = []
    for name, costs in taken.items():
        rows.append(
            (
                name,
                ms(_beyond(seconds(costs), seconds(nothing))),
                ms(_beyond(cpu(costs), cpu(nothing))),
                max(one.peak for one in costs),
            )
        )
    yield Table(
        "imports",
        ("what is imported", "beyond Python's own start, ms", "CPU, ms", "memory in all, MB"),
        rows,
    )
    yield Table(
        "startup",
        ("executable", "does", "ms", "CPU, ms", "memory, MB"),
        list(_first_answers(rounds)),
    )


def _beyond(one: Sample, other: Sample) -> Sample:
    return Sample(tuple(a - b for a, b in zip(one.values, other.values, strict=True)))


def _first_answers(rounds: int) -> Iterator[Row]:
    with clouds() as side, environment(side) as env, TemporaryDirectory() as directory:
        scripts = Path(directory)
        write_scripts(scripts)
        suspend = answers.message(7, 0, LcmState.SAVE_SUSPEND, "opennebula-hybrid-7")

        def resident(name: str, arguments: str) -> Cost:
            with driver(name, arguments, env) as running:
                return Cost(running.start_seconds, 0, memory_of(running.pid))

        resident_ways = {
            "one_vmm_one2one": lambda: resident("one_vmm_one2one", "-t 15 -r 0 one"),
            "one_im_one2one": lambda: resident("one_im_one2one", "-t 15 -r 0 one"),
        }
        for name, costs in pairs(resident_ways, rounds).items():
            yield name, "answers INIT", ms(seconds(costs)), "–", max(one.peak for one in costs)
        im = str(scripts / "im/one.d/one2one_control.sh")
        ways = {
            ("vmm/one/save", "suspends a VM"): lambda: command(
                [str(scripts / "vmm/one/save"), "7", "burst0"], suspend, env
            ),
            ("im/one.d/…", "answers MONITOR (5.6 to 5.10)"): lambda: command(
                [im, "one", "/d", "4124", "20", "0", "burst0"], "", env
            ),
            ("one2one", "--version"): lambda: command([str(BIN / "one2one"), "--version"]),
        }
        for (name, does), costs in pairs(ways, rounds).items():
            yield name, does, ms(seconds(costs)), ms(cpu(costs)), max(one.peak for one in costs)
