"""Whatever a driver or command of any test says, writes or shows is searched for the passwords."""

import os
import stat
import subprocess
import zlib
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest

from one2one.sandbox.cloud.cloud import Cloud
from one2one.sandbox.frontend.frontend import FrontEnd
from one2one.sandbox.frontend.mad import Mad
from one2one.sandbox.frontend.monitord import Monitord


class Seen:
    """What was seen during a test, and what none of it may hold."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()
        self.texts: list[tuple[str, str]] = []
        """Where it was seen, and what."""
        self.open_to_others: list[Path] = []
        """Files of the drivers that others than their owner may read or write."""

    def secret(self, password: str, session: str) -> None:
        """Let a password appear nowhere, in whatever way it is written."""
        encoded = {b64encode(word.encode()).decode() for word in (password, session)}
        self.secrets |= {password} | encoded

    def line(self, where: str, line: str) -> None:
        """Take a line of a driver's, and what is packed in its last word."""
        self.texts.append((where, line))
        with suppress(Error, ValueError, IndexError):
            packed = b64decode(line.split()[-1], validate=True)
            with suppress(zlib.error):
                packed = zlib.decompress(packed)
            self.texts.append((where, packed.decode(errors="replace")))

    def process(self, pid: int) -> None:
        """Take the title and the environment of a driver."""
        for name in ("cmdline", "environ"):
            with suppress(OSError):
                text = Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace")
                self.texts.append((f"{name} of a driver", text))

    def started(self, process: subprocess.Popen[Any], environment: Mapping[str, str]) -> None:
        """Take the title and the environment of a process, unless a user gave it these."""
        name, *arguments = map(str, cast(list[object], process.args))
        if Path(name).name != "one2one":
            self.texts.append((f"title of {name}", " ".join(arguments)))
            self.texts.append((f"environment of {name}", "\n".join(environment.values())))

    def printed(self, process: subprocess.Popen[Any], *outputs: Any) -> None:
        """Take what a process has printed."""
        for output in filter(None, outputs):
            text = output if isinstance(output, str) else output.decode(errors="replace")
            self.texts.append((f"output of {process.args!r}", text))

    def frontend(self, frontend: FrontEnd) -> None:
        """Take all that is to be seen of a front-end: logs, errors, files, processes."""
        for driver in (frontend.oned.driver, frontend.oned.im_driver):
            if isinstance(driver, Mad):
                with suppress(ValueError):
                    self.process(driver.pid)
        pools = frontend.pools
        self.texts += [("oned.log", line) for line in tuple(frontend.log)]
        for vm_id, lines in dict(pools.vm_logs).items():
            self.texts += [(f"log of VM {vm_id}", line) for line in tuple(lines)]
        for vm in tuple(pools.vms.values()):
            self.texts.append((f"error of VM {vm.id}", vm.user_template.text("ERROR")))
        for host in tuple(pools.hosts.values()):
            self.texts.append((f"error of host {host.id}", host.template.text("ERROR")))
        for path in sorted(frontend.home.var.glob("**/*one2one*")):
            if path.is_file():
                self.texts.append((path.name, path.read_text(errors="replace")))
                if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                    self.open_to_others.append(path)

    def leaks(self) -> list[str]:
        """Return where a password was seen."""
        return [
            where for where, text in self.texts if any(secret in text for secret in self.secrets)
        ]


@pytest.fixture(autouse=True)
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    """Watch every front-end and cloud of a test, and fail it if a password comes to light."""
    found = Seen()
    start, leave, spawn = Cloud.start, FrontEnd.__exit__, Mad.__init__
    take, process = Monitord.take, subprocess.Popen
    open_process, communicate = process.__init__, process.communicate

    def watched_start(self: Cloud) -> None:
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
        found.started(self, options.get("env") or os.environ)

    def watched_communicate(self: subprocess.Popen[Any], *arguments: Any, **options: Any) -> Any:
        outputs = communicate(self, *arguments, **options)
        found.printed(self, *outputs)
        return outputs

    monkeypatch.setattr(process, "__init__", watched_open)
    monkeypatch.setattr(process, "communicate", watched_communicate)
    monkeypatch.setattr(Cloud, "start", watched_start)
    monkeypatch.setattr(FrontEnd, "__exit__", watched_exit)
    monkeypatch.setattr(Mad, "__init__", watched_init)
    monkeypatch.setattr(Monitord, "take", watched_take)
    yield found
    assert found.leaks() == []
    assert found.open_to_others == []
