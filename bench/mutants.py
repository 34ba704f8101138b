"""Is any fault noticed? ``python -m bench.mutants`` puts deliberate ones into the drivers.

Each is a change of one line or two in a copy of the source. Against the copy run the unit tests of
the changed package and of the drivers, and the simulation, seed after seed, on 5.10, 6.10 and 7.2
in turn. A fault that neither notices makes this fail.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.faults import FAULTS, Fault
from bench.report import Row, Table, write

ROOT = Path(__file__).parent.parent
_UNIT_TESTS = {
    "driver": ("tests/driver",),
    "hybrid": ("tests/hybrid", "tests/driver"),
    "mad": ("tests/mad", "tests/driver"),
    "opennebula": (
        "tests/opennebula/test_client.py",
        "tests/opennebula/test_breaker.py",
        "tests/driver",
    ),
}
"""Those that a change of a package's module ought to run."""
_MOST_S = 900
_DOCUMENT = ROOT / "docs" / "reliability.md"


@contextmanager
def source_with(fault: Fault) -> Iterator[Path]:
    """Make a copy of the source with a fault; raises ValueError where the text is not there."""
    with tempfile.TemporaryDirectory(prefix="one2one-") as directory:
        source = Path(directory, "src")
        shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
        path = source / "one2one" / fault.module
        path.write_text(fault.put_into(path.read_text()))
        yield source


def try_fault(fault: Fault, steps: int) -> Row:
    """Return a row of the table: the fault, and by what it was noticed."""
    with source_with(fault) as source:
        environment = {**os.environ, "PYTHONPATH": f"{source}{os.pathsep}{ROOT}"}
        tests = _UNIT_TESTS[fault.module.split("/")[0]]
        return fault.story, _run_tests(tests, environment), _run_simulation(steps, environment)


def _run_tests(paths: tuple[str, ...], environment: Mapping[str, str]) -> str:
    command = [sys.executable, "-m", "pytest", "-n0", "-x", "-p", "no:cacheprovider", *paths]
    output = _run(command, environment)
    if output is None:
        return "they do not end"
    failed = re.search(r"^(?:FAILED|ERROR) \S*?([^/\s]+\.py\S*)", output, re.MULTILINE)
    passed = re.search(r"(\d+) passed", output)
    if failed is None:
        if not passed or "failed" in output or "error" in output.splitlines()[-1]:
            raise RuntimeError(output)
        return ""
    name = failed[1].replace("::", " ").split("[")[0]
    return f"`{name}`, test {int(passed[1]) + 1 if passed else 1}"


def _run_simulation(steps: int, environment: Mapping[str, str]) -> str:
    output = _run([sys.executable, "-m", "bench.violation", str(steps)], environment)
    return "it does not end" if output is None else output.strip()


def _run(command: list[str], environment: Mapping[str, str]) -> str | None:
    try:
        ended = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_MOST_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    if ended.returncode and not ended.stdout:
        raise RuntimeError(ended.stderr)
    return ended.stdout


def main() -> int:
    """Try all faults, print the table; returns 1 where one is not noticed."""
    options = _options()
    faults = [fault for fault in FAULTS if options.only in f"{fault.module} {fault.story}"]
    with ThreadPoolExecutor(options.processes) as pool:
        rows = list(pool.map(partial(try_fault, steps=options.steps), faults))
    table = Table("faults", ("fault", "unit tests", "simulation"), rows)
    print(table)
    if options.write:
        write([table], _DOCUMENT)
    unnoticed = [story for story, *by in rows if not any(by)]
    print(f"{len(rows) - len(unnoticed)} of {len(rows)} faults were noticed")
    return int(bool(unnoticed))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Try whether deliberate faults are noticed.")
    parser.add_argument("only", nargs="?", default="", help="those with this text")
    parser.add_argument("--steps", type=int, default=200_000, help="of the simulation, for each")
    parser.add_argument("--processes", type=int, default=2, help="how many run at a time")
    parser.add_argument("--write", action="store_true", help=f"put the table into {_DOCUMENT.name}")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
