"""``one2one`` as forks of one process that has imported it, which saves most of their time.

A client takes the place of ``one2one``: its arguments, environment, directory and standard streams
become those of a fork, and it ends as that does.
"""

import marshal
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

_CLIENT = """#!{python} -IS
import marshal, os, sys
from _socket import AF_UNIX, SCM_RIGHTS, SOL_SOCKET, socket
from array import array
server = socket(AF_UNIX)
server.connect(sys.argv[0] + ".socket")
server.sendmsg([b"-"], [(SOL_SOCKET, SCM_RIGHTS, array("i", [0, 1, 2]))])
server.send(marshal.dumps((sys.argv[1:], dict(os.environ), os.getcwd())))
server.shutdown(1)
sys.exit(server.recv(1)[0])
"""


class ForkServer:
    """A process that forks commands, for as long as its standard input is open."""

    def __init__(self, directory: Path) -> None:
        self.command = directory / "one2one"
        """What takes the place of ``one2one``."""
        self.command.write_text(_CLIENT.format(python=sys.executable))
        self.command.chmod(0o755)
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, f"{self.command}.socket"],
            env={"PATH": "/usr/bin:/bin"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == b"ready\n"

    def stop(self) -> None:
        """End it."""
        self._process.communicate()


def _serve(path: str) -> None:
    """Fork a command for each client; returns in the fork, and exits at the end of input."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    print("ready", flush=True)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while server in select.select([server, sys.stdin], [], [])[0]:
        client, _ = server.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            command = os.fork()
            if command == 0:
                return _take_over(client)
            status = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
            client.send(bytes([status % 256]))
            os._exit(0)
        client.close()
    sys.exit()


def _take_over(client: socket.socket) -> None:
    _, streams, *_ = socket.recv_fds(client, 1, 3)
    text = b"".join(iter(lambda: client.recv(65536), b""))
    client.close()
    sys.argv[1:], environment, directory = marshal.loads(text)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", errors="backslashreplace")
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()


if __name__ == "__main__":
    import click

    from one2one.admin.cli import SUBCOMMANDS, commands, main

    for name in SUBCOMMANDS:
        commands.get_command(click.Context(commands), name)
    _serve(sys.argv[1])
    main()
