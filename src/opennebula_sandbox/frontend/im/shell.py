"""The stock shell for monitoring ``one_im_sh``: it runs the probes in ``remotes/im``.

It replaces the IM driver process. Here ``sh`` does the work of ``run_probes`` (until 5.10),
``run_monitord_client`` and ``stop_monitord_client``, with their messages.
Source: ``one_im_exec.rb`` and these scripts, of each release.
"""

import time
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from lxml import etree

from one2one.opennebula.xml import parse, read_text
from opennebula_sandbox.frontend.im import monitor_line
from opennebula_sandbox.frontend.release import Release
from opennebula_sandbox.frontend.script import Outcome, Runner, encode_stdin
from opennebula_sandbox.frontend.vmm.shell import read_arguments

_COLLECTD = "4124 20"
"""Port and period of collectd, which 5.x passes to all probes."""
_RUN_PROBES = """
cd {directory} 2>/dev/null || exit 0
for probe in *; do
    if [ -x "$probe" ]; then
        ./"$probe" {arguments} || {{
            code=$?
            echo 'ERROR MESSAGE --8<------' >&2
            echo "Error executing $probe" >&2
            echo 'ERROR MESSAGE ------>8--' >&2
            exit $code
        }}
    fi
done
"""
_RUN_CLIENT = """
cd {directory} 2>/dev/null || exit 0
stdin=$(cat)
for client in *; do
    if [ -x "$client" ]; then
        output=$(echo $stdin | ./"$client" {arguments} 2>&1) || {{
            code=$?
            echo "Error executing $client: $output" >&2
            exit $code
        }}
        echo $output
    fi
done
"""
_STOP_CLIENT = """
cd {directory} 2>/dev/null || exit 0
for control in *_control.sh; do
    if [ -x "$control" ]; then
        ./"$control" stop {arguments} || {{
            code=$?
            echo "Error executing $control" >&2
            exit $code
        }}
    fi
done
"""


class ImShell:
    """Answers an IM driver's messages with the scripts in ``remotes/im``."""

    def __init__(
        self,
        remotes: Path,
        arguments: str,
        environment: Mapping[str, str],
        release: Release,
        receive: Callable[[str], None],
    ) -> None:
        self._options = read_arguments(arguments)
        self._probes = remotes / "im"
        self._release = release
        self._receive = receive
        self._runner = Runner(environment, remotes.parent, release)
        self._workers = ThreadPoolExecutor(self._options.threads, "sandbox-im")
        self._clients: dict[int, str] = {}
        self._stopped = False

    def start(self) -> None:
        """Do nothing: the shell is always ready."""

    def send(self, line: str) -> None:
        """Take a line of oned or of monitord."""
        work = self._manage_client if self._release.monitord else self._poll
        with suppress(RuntimeError):  # The shell may have stopped.
            self._workers.submit(work, line)

    def stop(self) -> None:
        """End the scripts that run, and the clients of hosts."""
        self._stopped = True
        self._runner.stop()
        self._workers.shutdown()
        for arguments in self._clients.values():
            self._run(_STOP_CLIENT, arguments.split()[0], arguments, "")

    def _poll(self, line: str) -> None:
        """Do MONITOR and STOPMONITOR; only MONITOR runs on this machine."""
        action, host_id, name, *rest = line.split()
        outcome = Outcome(success=False, info=f"ssh: Could not resolve hostname {name}")
        if action == "MONITOR":
            kind = self._options.directory
            arguments = f"{kind} {rest[0]} {_COLLECTD} {host_id} {name}"
            outcome = self._run(_RUN_PROBES, kind, arguments, "")
        payload = b64encode(outcome.info.encode()).decode()
        self._answer(f"{action} {_format_result(outcome)} {host_id} {payload}")

    def _manage_client(self, line: str) -> None:
        """Do START_MONITOR and STOP_MONITOR with the scripts of the host's IM driver."""
        request = monitor_line.read(line)
        root = parse(request.text)
        kind, host_id = read_text(root, "HOST/IM_MAD"), request.host_id
        arguments = f"{kind} {host_id} {read_text(root, 'HOST/NAME')}"
        stdin = ""
        for configuration in root.iterfind("MONITOR_CONFIGURATION"):
            etree.SubElement(configuration, "HOST_ID").text = str(host_id)
            stdin = etree.tostring(configuration, encoding="unicode")
        if request.type == "START_MONITOR":
            self._clients[host_id] = arguments
            outcome = self._run(_RUN_CLIENT, kind, arguments, stdin)
        else:
            self._clients.pop(host_id, None)
            outcome = self._run(_STOP_CLIENT, kind, arguments, stdin)
        payload = b64encode(zlib.compress(outcome.info.encode())).decode()
        now = int(time.time())
        self._answer(f"{request.type} {_format_result(outcome)} {host_id} {now} {payload}")

    def _run(self, script: str, kind: str, arguments: str, stdin: str) -> Outcome:
        command = script.format(directory=self._probes / f"{kind}.d", arguments=arguments)
        encoded = encode_stdin(stdin, self._release)
        return self._runner.run(command, encoded, lambda *_: None, self._options.timeout)

    def _answer(self, line: str) -> None:
        if not self._stopped:
            self._receive(line)


def _format_result(outcome: Outcome) -> str:
    return "SUCCESS" if outcome.success else "FAILURE"
