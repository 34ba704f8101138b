"""What drivers and commands say, write or show in a test, searched for the passwords."""

import stat
import subprocess
import zlib
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from opennebula_sandbox.frontend.frontend import FrontEnd
from opennebula_sandbox.frontend.mad import Mad


class SecretWatch:
    """The texts of a test, and the passwords that none of them may hold."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()
        self.texts: list[tuple[str, str]] = []
        """Where a text was found, and the text."""
        self.open_to_others: list[Path] = []
        """Files of the drivers that others than their owner may read or write."""

    def add_secret(self, password: str, session: str) -> None:
        """Forbid a password, plain and in base64."""
        encoded = {b64encode(word.encode()).decode() for word in (password, session)}
        self.secrets |= {password} | encoded

    def add_line(self, where: str, line: str) -> None:
        """Take a line of a driver's, and what is packed in its last word."""
        self.texts.append((where, line))
        with suppress(Error, ValueError, IndexError):
            packed = b64decode(line.split()[-1], validate=True)
            with suppress(zlib.error):
                packed = zlib.decompress(packed)
            self.texts.append((where, packed.decode(errors="replace")))

    def read_process(self, pid: int) -> None:
        """Take the title and the environment of a driver."""
        for name in ("cmdline", "environ"):
            with suppress(OSError):
                text = Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace")
                self.texts.append((f"{name} of a driver", text))

    def record_start(self, process: subprocess.Popen[Any], environment: Mapping[str, str]) -> None:
        """Take the title and the environment of a process, unless a user gave it these."""
        name, *arguments = map(str, cast(list[object], process.args))
        if Path(name).name != "one2one":
            self.texts.append((f"title of {name}", " ".join(arguments)))
            self.texts.append((f"environment of {name}", "\n".join(environment.values())))

    def record_output(self, process: subprocess.Popen[Any], *outputs: Any) -> None:
        """Take what a process has printed."""
        for output in filter(None, outputs):
            text = output if isinstance(output, str) else output.decode(errors="replace")
            self.texts.append((f"output of {process.args!r}", text))

    def read_frontend(self, frontend: FrontEnd) -> None:
        """Take all that a front-end shows: logs, errors, files, processes."""
        for driver in (frontend.oned.driver, frontend.oned.im_driver):
            if isinstance(driver, Mad):
                with suppress(ValueError):
                    self.read_process(driver.pid)
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

    def find_leaks(self) -> list[str]:
        """Return where a password was found."""
        return [
            where for where, text in self.texts if any(secret in text for secret in self.secrets)
        ]
