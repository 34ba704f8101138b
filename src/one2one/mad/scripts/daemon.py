"""A process that outlives the one that starts it, once on this machine for each pid file.

The process locks the file as long as it lives. So the number in a locked file is still that
process, and not another one that got the number later.
"""

import contextlib
import fcntl
import os
import signal
from collections.abc import Callable
from pathlib import Path

from one2one import runtime
from one2one.driver.locations import var_location
from one2one.driver.own_file import file_error, open_own_file
from one2one.driver.threads import limit_error
from one2one.opennebula.errors import Busy

_PATIENCE_S = 10.0


class Daemon:
    """The process of a pid file, which only its owner can read."""

    def __init__(self, pid_file: Path) -> None:
        self._path = pid_file

    def start(self, work: Callable[[], None], *, replace: bool = True) -> None:
        """Do *work* in a new process, which takes the place of one that there is.

        Returns at once. The new process has no connection to our input and output: OpenNebula
        waits for the end of these. Without *replace* nothing is done where there is one.
        """
        file = self._take(replace=replace)
        if file is None:
            return
        try:
            child = os.fork()
        except OSError as error:
            os.close(file)
            raise limit_error(f"no process can be started ({error.strerror})") from None
        if child:
            self._note(file, child)
            return
        try:
            os.setsid()
            os.chdir("/")
            null = os.open(os.devnull, os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            work()
            self._path.unlink()
        finally:
            os._exit(0)

    def stop(self) -> None:
        """End the process, if there is one."""
        if self._path.exists() and (file := self._take()) is not None:
            with contextlib.suppress(OSError):  # an empty file is left where it cannot be removed
                self._path.unlink()
            os.close(file)

    def _note(self, file: int, child: int) -> None:
        """Write the new process's number, without which it could not be ended, and let it go on."""
        try:
            os.pwrite(file, str(child).encode(), 0)
        except OSError as error:
            os.kill(child, signal.SIGKILL)
            raise file_error(f"cannot write {self._path}", error) from None
        finally:
            os.close(file)

    def _take(self, *, replace: bool = True) -> int | None:
        """Return the pid file, emptied and locked by us; the process that had it is ended.

        Without *replace* None is returned where there is a process. Raises Busy when it does not
        end, and as ``open_own_file`` does.
        """
        deadline = runtime.monotonic() + _PATIENCE_S
        while runtime.monotonic() < deadline:
            file = open_own_file(self._path)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not replace:
                    os.close(file)
                    return None
                _end(os.pread(file, 20, 0))
            else:
                if self._is_current(file):
                    os.ftruncate(file, 0)
                    return file
            os.close(file)
            runtime.sleep(0.05)
        raise Busy(f"the process of {self._path} does not end")

    def _is_current(self, file: int) -> bool:
        """Tell whether the path still leads to *file*: the one before us may have removed it."""
        try:
            return os.path.samestat(self._path.stat(), os.fstat(file))
        except FileNotFoundError:
            return False


def get_monitoring_daemon(host_id: int) -> Daemon:
    """Return the process that monitors a host for the scripts, whether it runs or not."""
    return Daemon(var_location() / f".one2one-monitor-{host_id}.pid")


def _end(pid: bytes) -> None:
    if pid.isdigit():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGTERM)
