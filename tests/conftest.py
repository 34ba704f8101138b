"""Fixtures, options and Hypothesis settings of all tests."""

import os
import signal
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

# An example may take long on a busy machine: that says nothing about the code.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# A shell ignores Ctrl-C for what it runs in the background, and every process inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let more cut points be tried than in CI, and on another release."""
    parser.addoption(
        "--generation", default="6.10", help="the release that is cut: 5.10, 6.10, 7.2"
    )
    parser.addoption("--all-cuts", action="store_true", help="cut every call in every way")


def pytest_xdist_auto_num_workers() -> int:
    """Run two tests a processor: most of their time is spent in waiting for other processes."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(autouse=True)
def secret_watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretWatch]:
    """Watch every front-end and cloud of a test, and fail it if a password comes to light."""
    watch = SecretWatch()
    start, leave, spawn = SimulatedCloud.start, FrontEnd.__exit__, Mad.__init__
    take, process = Monitord.take, subprocess.Popen
    open_process, communicate = process.__init__, process.communicate

    def start_and_watch(self: SimulatedCloud) -> None:
        watch.add_secret(self.password, self.session)
        start(self)

    def exit_and_watch(self: FrontEnd, *error: object) -> None:
        watch.add_secret(self.session.partition(":")[2], self.session)
        watch.read_frontend(self)
        leave(self, *error)

    def init_and_watch(self: Mad, argv, environment, generation, receive, log) -> None:  # type: ignore[no-untyped-def]
        def receive_and_watch(line: str) -> None:
            watch.add_line("a driver's line", line)
            receive(line)

        spawn(self, argv, environment, generation, receive_and_watch, log)

    def take_and_watch(self: Monitord, data: bytes) -> None:
        watch.add_line("a message to monitord", data.decode(errors="replace"))
        take(self, data)

    def open_and_watch(self: subprocess.Popen[Any], *arguments: Any, **options: Any) -> None:
        open_process(self, *arguments, **options)
        watch.record_start(self, options.get("env") or os.environ)

    def communicate_and_watch(self: subprocess.Popen[Any], *arguments: Any, **options: Any) -> Any:
        outputs = communicate(self, *arguments, **options)
        watch.record_output(self, *outputs)
        return outputs

    monkeypatch.setattr(process, "__init__", open_and_watch)
    monkeypatch.setattr(process, "communicate", communicate_and_watch)
    monkeypatch.setattr(SimulatedCloud, "start", start_and_watch)
    monkeypatch.setattr(FrontEnd, "__exit__", exit_and_watch)
    monkeypatch.setattr(Mad, "__init__", init_and_watch)
    monkeypatch.setattr(Monitord, "take", take_and_watch)
    yield watch
    assert watch.find_leaks() == []
    assert watch.open_to_others == []
