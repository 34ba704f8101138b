"""Faults of the sandbox: what the client gets, and whether the call has its effect."""

import http.client
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from one2one.opennebula.client import Client
from one2one.opennebula.endpoint import Endpoint
from one2one.opennebula.errors import ConfigurationError, OneError, ProtocolError, Unreachable
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.cloud.wire.delivery import Delivery

INSTANTIATE = "one.template.instantiate"
XMLRPC = pytest.mark.parametrize("cloud", ["xmlrpc"], indirect=True)


@pytest.fixture(params=["xmlrpc", "grpc"])
def cloud(request: pytest.FixtureRequest) -> Iterator[SimulatedCloud]:
    if request.param == "grpc":
        pytest.importorskip("grpc")
    with SimulatedCloud(grpc=request.param == "grpc") as cloud:
        yield cloud


@pytest.fixture
def client(cloud: SimulatedCloud) -> Iterator[Client]:
    is_grpc = cloud.endpoint.startswith("grpc")  # which sees no silence
    server = Endpoint(
        cloud.endpoint,
        read_timeout=0.2,
        total_timeout=2.0 if is_grpc else 120.0,
        max_answer=1 << 20,
    )
    client = Client(server, cloud.session)
    yield client
    client.close()


@pytest.mark.parametrize(
    ("effect", "error", "vms"),
    [
        (faults.drop_before, Unreachable, 0),
        (faults.drop_after, Unreachable, 1),
        (faults.reset, Unreachable, 1),
        (faults.truncate, Unreachable, 1),
        (faults.cut_xml, ProtocolError, 1),
        (faults.answer_endlessly, ProtocolError, 0),
        (faults.answer_garbage(), ProtocolError, 0),
        (faults.answer_garbage(b""), ProtocolError, 0),
        (faults.answer_http_error(), Unreachable, 0),
        (faults.redirect("https://elsewhere.example/RPC2"), ConfigurationError, 0),
        (faults.delay(3600), Unreachable, 0),
        (faults.delay_answer(3600), Unreachable, 1),
    ],
)
def test_an_effect_and_what_is_left_of_the_call(
    cloud: SimulatedCloud, client: Client, effect: Delivery, error: type[OneError], vms: int
) -> None:
    rule = cloud.faults.on(effect, INSTANTIATE)
    with pytest.raises(error):
        client.call(INSTANTIATE, 0, "x")
    assert len(cloud.vms) == vms
    assert rule.hits == 1
    assert client.call(INSTANTIATE, 0, "y") == vms


def test_a_duplicate_takes_effect_twice(cloud: SimulatedCloud, client: Client) -> None:
    cloud.faults.on(faults.duplicate, INSTANTIATE)
    assert client.call(INSTANTIATE, 0, "x") == 1
    assert [vm.name for vm in cloud.vms] == ["x", "x"]


def test_a_slow_drip_arrives_whole(cloud: SimulatedCloud) -> None:
    cloud.faults.on(faults.drip(0.0001))
    client = Client(Endpoint(cloud.endpoint), cloud.session)
    assert client.call("one.system.version") == "6.10.0.1"
    client.close()


def test_rules_choose_their_calls(cloud: SimulatedCloud, client: Client) -> None:
    rule = cloud.faults.on(
        faults.answer_http_error(),
        "one.template.*",
        when=lambda arguments: arguments[1] == "unlucky",
        nth=2,
        times=2,
    )
    for name, lucky in [
        ("unlucky", True),
        ("lucky", True),
        ("unlucky", False),
        ("unlucky", False),
        ("unlucky", True),
    ]:
        if lucky:
            client.call(INSTANTIATE, 0, name)
        else:
            with pytest.raises(Unreachable):
                client.call(INSTANTIATE, 0, name)
    assert (rule.matched, rule.hits) == (4, 2)


def failures(seed: int) -> list[bool]:
    with SimulatedCloud(seed=seed) as cloud:
        cloud.faults.on(faults.answer_http_error(), times=None, probability=0.5)
        client = Client(Endpoint(cloud.endpoint), cloud.session)
        failed = []
        for _ in range(20):
            try:
                client.call(INSTANTIATE, 0, "x")
            except Unreachable:
                failed.append(True)
            else:
                failed.append(False)
        client.close()
        return failed


def test_chance_is_repeatable() -> None:
    assert failures(1) == failures(1)
    assert 0 < sum(failures(1)) < 20


@XMLRPC
def test_connections_may_be_refused(cloud: SimulatedCloud, client: Client) -> None:
    cloud.faults.refused_connections = 1
    with pytest.raises(Unreachable):
        client.call(INSTANTIATE, 0, "x")
    assert client.call(INSTANTIATE, 0, "x") == 0
    cloud.faults.refused_connections = 1
    cloud.faults.on(faults.answer_garbage(), times=None)
    cloud.faults.clear()
    assert client.call("one.system.version") == "6.10.0.1"


def test_a_restart_keeps_the_vms_and_the_port(cloud: SimulatedCloud, client: Client) -> None:
    client.call(INSTANTIATE, 0, "x")
    unreachable = []

    def ask() -> None:
        with pytest.raises(Unreachable, match="refused"):
            client.call("one.system.version")
        unreachable.append(True)

    cloud.restart(pause=ask)
    assert unreachable
    assert "<NAME>x</NAME>" in str(client.call("one.vmpool.info", -3, -1, -1, -1))


def test_a_cloud_may_restart_in_the_middle_of_a_call(cloud: SimulatedCloud, client: Client) -> None:
    cloud.faults.on(faults.run(cloud.restart), INSTANTIATE)
    with pytest.raises(Unreachable):
        client.call(INSTANTIATE, 0, "x")
    assert cloud.clock.wait_for(lambda: len(cloud.vms) == 1)
    assert client.call(INSTANTIATE, 0, "y") == 1


@XMLRPC
def test_calls_are_counted_without_their_sessions(cloud: SimulatedCloud, client: Client) -> None:
    for _ in range(3):
        client.call("one.system.version")
    client.call(INSTANTIATE, 0, "x")
    assert cloud.calls.counts() == {"one.system.version": 3, INSTANTIATE: 1}
    *_, last = cloud.calls
    assert (last.method, last.arguments, last.connection) == (INSTANTIATE, (0, "x"), 1)
    assert cloud.password not in repr(list(cloud.calls))
    assert cloud.server.accepted == 1
    cloud.calls.clear()
    assert not len(cloud.calls)


def test_tls(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-out", str(certificate), "-keyout", str(key)),
        ],
        check=True,
        capture_output=True,
    )
    with SimulatedCloud(certificate=(certificate, key)) as cloud:
        assert cloud.endpoint.startswith("https://")
        client = Client(Endpoint(cloud.endpoint, ca_file=str(certificate)), cloud.session)
        assert client.call("one.system.version") == "6.10.0.1"
        client.close()
        plain = http.client.HTTPConnection(*cloud.server.address, timeout=30)
        plain.request("POST", "/RPC2", b"")
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            plain.getresponse()
        plain.close()
        untrusting = http.client.HTTPSConnection(*cloud.server.address, timeout=30)
        with pytest.raises(ssl.SSLError):
            untrusting.connect()
        untrusting.close()
        cloud.restart()
        client = Client(Endpoint(cloud.endpoint, ca_file=str(certificate)), cloud.session)
        assert client.call("one.system.version") == "6.10.0.1"
        client.close()
