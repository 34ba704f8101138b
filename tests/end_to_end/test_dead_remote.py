"""A remote that accepts connections and never answers does not delay others."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from one2one.opennebula.breaker import FAILURES
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.frontend.im.monitoring import MonitoringSettings
from tests.end_to_end.burst import burst

QUEUED = 60


class SilentServer:
    """A port that accepts every connection and never answers."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=QUEUED)
        self._accepted: list[socket.socket] = []
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/RPC2"

    @property
    def connection_count(self) -> int:
        return len(self._accepted)

    def wait_for(self, number: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.connection_count >= number, 30)

    def hang_up(self) -> None:
        """Close every connection; new ones are still accepted, and closed at once."""
        with self._changed:
            self._closing = True
            for connection in self._accepted:
                connection.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        self.hang_up()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                self._accepted.append(connection)
                if self._closing:
                    connection.close()
                self._changed.notify_all()


@contextmanager
def silent() -> Iterator[SilentServer]:
    remote = SilentServer()
    try:
        yield remote
    finally:
        remote.close()


def test_a_queue_for_a_dead_remote_neither_blocks_others_nor_hammers_it() -> None:
    with silent() as dead, burst() as both:
        other = both.frontend.add_host(
            "dead1", ONE_ENDPOINT=dead.endpoint, ONE_USER="a", ONE_PASSWORD="b"
        )
        queued = [both.vm() for _ in range(QUEUED)]
        for vm in queued:
            vm.deploy(other)
        dead.wait_for(1)

        vm = both.run_vm()
        vm.act("poweroff")
        vm.wait("POWEROFF")
        assert {vm.state for vm in queued} == {"BOOT"}, "the good remote did not wait for the dead"

        dead.hang_up()
        for vm in queued:
            vm.wait("BOOT_FAILURE")
            assert "closed without an answer" in vm.error
            assert "host dead1" in vm.error
        assert dead.connection_count < QUEUED / 4, "most failed without a connection of their own"

        vm = both.run_vm()
        assert both.alive()[-1] == both.remote_id(vm)


def test_hosts_of_one_dead_remote_find_it_dead_together() -> None:
    with silent() as dead, burst() as both:
        dead.hang_up()
        hosts = [
            both.frontend.add_host(
                f"dead{number}", ONE_ENDPOINT=dead.endpoint, ONE_USER="a", ONE_PASSWORD="b"
            )
            for number in range(40)
        ]
        vms = [both.vm() for _ in hosts]
        for vm, host in zip(vms, hosts, strict=True):
            vm.deploy(host)
        for vm in vms:
            vm.wait("BOOT_FAILURE")
        assert dead.connection_count < len(hosts) * 3 / 4
        both.run_vm()


def test_monitoring_notices_at_once_that_the_remote_is_back() -> None:
    failed = threading.Semaphore(0)
    with burst(monitoring=MonitoringSettings(beacon_host=1, state_vm=1)) as both:
        both.host.wait("MONITORED")
        vm = both.run_vm()
        both.cloud.faults.on(faults.run(failed.release, faults.drop_before), times=None)
        for _ in range(FAILURES):
            assert failed.acquire(timeout=30)
        both.cloud.act(both.remote_id(vm), "poweroff")
        both.cloud.faults.clear()
        vm.wait("POWEROFF")
        assert both.host.state == "MONITORED"
