"""What all tests share."""

import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.frontend.frontend import FrontEnd
from opennebula_sandbox.frontend.im.monitord import Monitord
from opennebula_sandbox.frontend.mad import Mad
from tests.secret_watch import SecretWatch

# How long an example takes says how busy the machine is, and nothing of what is tested.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the cut points be tried on another release than in CI."""
    parser.addoption(
        "--generation", default="6.10", help="the release that is cut: 5.10, 6.10, 7.2"
    )


@pytest.fixture(autouse=True)
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretWatch]:
    """Watch every front-end and cloud of a test, and fail it if a password comes to light."""
    found = SecretWatch()
    start, leave, spawn = SimulatedCloud.start, FrontEnd.__exit__, Mad.__init__
    take, process = Monitord.take, subprocess.Popen
    open_process, communicate = process.__init__, process.communicate

    def watched_start(self: SimulatedCloud) -> None:
        found.secret(self.password, self.session)
        start(self)

    def watched_exit(self: FrontEnd, *error: object) -> None:
        found.secret(self.session.partition(":")[2], self.session)
        found.frontend(self)
        leave(self, *error)

    def watched_init(self: Mad, argv, environment, generation, receive, log) -> None:  # type: ignore[no-untyped-def]
        def heard(line: str) -> None:
            found.line("a driver's line", line)
            receive(line)

        spawn(self, argv, environment, generation, heard, log)

    def watched_take(self: Monitord, data: bytes) -> None:
        found.line("a message to monitord", data.decode(errors="replace"))
        take(self, data)

    def watched_open(self: subprocess.Popen[Any], *arguments: Any, **options: Any) -> None:
        open_process(self, *arguments, **options)
        found.record_start(self, options.get("env") or os.environ)

    def watched_communicate(self: subprocess.Popen[Any], *arguments: Any, **options: Any) -> Any:
        outputs = communicate(self, *arguments, **options)
        found.record_output(self, *outputs)
        return outputs

    monkeypatch.setattr(process, "__init__", watched_open)
    monkeypatch.setattr(process, "communicate", watched_communicate)
    monkeypatch.setattr(SimulatedCloud, "start", watched_start)
    monkeypatch.setattr(FrontEnd, "__exit__", watched_exit)
    monkeypatch.setattr(Mad, "__init__", watched_init)
    monkeypatch.setattr(Monitord, "take", watched_take)
    yield found
    assert found.leaks() == []
    assert found.open_to_others == []
