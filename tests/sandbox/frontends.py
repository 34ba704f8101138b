"""A front-end with a driver whose answers a test sets."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from one2one.opennebula.template import Value
from opennebula_sandbox.frontend.frontend import FrontEnd
from opennebula_sandbox.frontend.handles import LocalVm

GENERATIONS = ("5.10", "6.10", "7.2")
TEMPLATE: dict[str, Value] = {
    "CPU": "0.1",
    "MEMORY": "128",
    "CONTEXT": {"GREETING": "hello world", "NETWORK": "yes"},
    "PUBLIC_CLOUD": {"TYPE": "opennebula", "TEMPLATE_ID": "0"},
}


class FakeDriver:
    """A driver whose answers a test sets, with its files in *directory*."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        self._answers = directory / "answers"
        self._notes = directory / "notes"
        self.argv = [
            sys.executable,
            str(Path(__file__).with_name("fake_driver.py")),
            *(str(self._answers), str(self._notes)),
        ]
        self.tell()

    def tell(self, **answers: list[str]) -> None:
        """Give these answers from now on; other actions succeed."""
        new = self._answers.with_suffix(".new")
        new.write_text(json.dumps(answers))
        new.replace(self._answers)

    def lines(self) -> list[str]:
        """Return the lines that the driver got."""
        return self._notes.read_text().splitlines()

    def read_sent(self) -> list[str]:
        """Return the first two words of each line that the driver got."""
        return [" ".join(line.split()[:2]) for line in self.lines()]


@contextmanager
def running(
    generation: str, fake_driver: FakeDriver, **template: Value
) -> Iterator[tuple[FrontEnd, LocalVm]]:
    """Yield a front-end with a VM that runs."""
    with FrontEnd(generation, driver=fake_driver.argv) as frontend:
        vm = frontend.add_vm(TEMPLATE | template)
        vm.deploy(frontend.add_host("burst1"))
        vm.wait("RUNNING")
        yield frontend, vm
