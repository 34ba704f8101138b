"""Is any fault noticed? ``python -m bench.mutants`` puts deliberate ones into the drivers.

Each is a change of one line or two in a copy of the source. Against the copy run the unit tests of
the drivers and of their rules, and the simulation, seed after seed, on 5.10, 6.10 and 7.2 in turn.
Both ought to notice it. The cut points of some operations run where both do not. A fault that none
notices makes this fail.
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
_CUT_POINTS = "tests/end_to_end/test_cut_points.py"
_MOST_S = 900
_DOCUMENT = ROOT / "docs" / "reliability.md"
UNNOTICED = "–"


@contextmanager
def source_with(fault: Fault) -> Iterator[Path]:
    """Make a copy of the source with a fault; raises ValueError where the text is not there."""
    with tempfile.TemporaryDirectory(prefix="one2one-") as directory:
        source = Path(directory, "src")
        shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
        path = source / "one2one" / fault.module
        path.write_text(fault.put_into(path.read_text()))
        yield source


def try_fault(fault: Fault, steps: int) -> tuple[str, str, str, str]:
    """Return a row of the table: the fault, and by what it was noticed."""
    with source_with(fault) as source:
        environment = {**os.environ, "PYTHONPATH": f"{source}{os.pathsep}{ROOT}"}
        by_tests = _run_tests(_UNIT_TESTS[fault.module.split("/")[0]], environment)
        by_simulation = _run_simulation(steps, environment)
        by_cut_points = ""
        if fault.cut and not (by_tests or by_simulation):
            ids = [f"{_CUT_POINTS}::test_one_remote_vm_whatever_is_cut[{o}]" for o in fault.cut]
            by_cut_points = _run_tests(ids, environment)
    return fault.story, by_tests, by_simulation, by_cut_points


def _run_tests(paths: tuple[str, ...] | list[str], environment: Mapping[str, str]) -> str:
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
    rows = []
    with ThreadPoolExecutor(options.processes) as pool:
        for row in pool.map(partial(try_fault, steps=options.steps), faults):
            print(" | ".join(cell or UNNOTICED for cell in row), flush=True)
            rows.append(row)
    unnoticed = [story for story, *by in rows if not any(by)]
    print(f"{len(rows) - len(unnoticed)} of {len(rows)} faults were noticed")
    for story in unnoticed:
        print(f"not noticed: {story}")
    return int(bool(unnoticed))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Try whether deliberate faults are noticed.")
    parser.add_argument("only", nargs="?", default="", help="those with this text")
    parser.add_argument("--steps", type=int, default=300_000, help="of the simulation, for each")
    parser.add_argument("--processes", type=int, default=2, help="how many run at a time")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
