"""Run the benchmarks: ``python -m bench [NAME…] [--small] [--write]``."""

import argparse
import importlib
import time
from pathlib import Path

from bench import report

NAMES = ("operations", "bursts", "monitoring", "startup", "growth", "scale", "idle")
_DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all by default"
    )
    parser.add_argument("--small", action="store_true", help="only show that each one works")
    parser.add_argument(
        "--write", action="store_true", help=f"put the tables into {_DOCUMENT.name}"
    )
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    tables = [report.machine()]
    print(tables[0], end="\n\n")
    for name in options.names or NAMES:
        begun = time.monotonic()
        print(f"{name} …", flush=True)
        for table in importlib.import_module(f"bench.{name}").run(small=options.small):
            print(f"\n{table.name}\n{table}", flush=True)
            tables.append(table)
        print(f"\n{name}: {time.monotonic() - begun:.0f} s\n", flush=True)
    if options.write:
        report.write(tables, _DOCUMENT)


if __name__ == "__main__":
    main()
