import csv
import fcntl
import io
import json
import os
import pty
import subprocess
import termios
from pathlib import Path

import pytest

from opennebula_sandbox.cloud.faults import answer_garbage
from tests.admin.clouds import HYBRID, Clouds
from tests.admin.command import ONE2ONE


def create(clouds: Clouds, tmp_path: Path, *options: str) -> str:
    password = tmp_path / "password"
    password.write_text(f"{clouds.remote.password}\n")
    return clouds.output(
        "host",
        "create",
        "burst1",
        "--endpoint",
        clouds.remote.endpoint,
        "--user",
        clouds.remote.user,
        "--password-file",
        password,
        *options,
    )


def test_a_created_host_runs_vms(clouds: Clouds, tmp_path: Path) -> None:
    said = create(clouds, tmp_path)
    assert "may use 3 templates" in said
    vm = clouds.front_end.add_vm(HYBRID)
    host_id = int(said.splitlines()[-1].removeprefix("ID: "))
    clouds.front_end.call("one.vm.deploy", vm.id, host_id)
    vm.wait("RUNNING")


def test_a_host_is_created_though_the_account_uses_less_than_nothing(
    newest: Clouds, tmp_path: Path
) -> None:
    newest.remote.owner.quotas.limit(RUNNING_VMS=10)
    newest.remote.owner.quotas.used["RUNNING_VMS"] = -4
    assert "may use 3 templates" in create(newest, tmp_path)


def test_the_password_is_stored_encrypted(clouds: Clouds, tmp_path: Path) -> None:
    create(clouds, tmp_path)
    kept = str(clouds.front_end.call("one.host.info", 0))
    assert clouds.remote.password not in kept


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--user", "nobody"], "Check the user and password"),
        (["--endpoint", "http://127.0.0.1:1/RPC2"], "Connection refused"),
        (["--endpoint", "127.0.0.1:2633"], "not the URL of an XML-RPC"),
        (["--endpoint", "http://:geheim@cloud/RPC2"], "it has a user or password in it"),
        (["--endpoint", "http://cloud/RPC2?pw=geheim"], "it has a query or a fragment"),
        (["--endpoint", "http://[::1"], "its host cannot be read"),
        (["--endpoint", f"http://{'a' * 300}/RPC2"], "its host is longer than 253 characters"),
        (["--proxy", "http://me:geheim@proxy:99999"], "its port is not a number from 1 to 65535"),
    ],
)
def test_no_host_is_made_for_a_remote_that_does_not_answer(
    newest: Clouds, options: list[str], said: str
) -> None:
    arguments = {"--endpoint": newest.remote.endpoint, "--user": newest.remote.user}
    arguments |= dict(zip(options[::2], options[1::2], strict=True))
    words = [word for pair in arguments.items() for word in pair]
    environment = {"ONE2ONE_PASSWORD": newest.remote.password}
    failure = newest.failure("host", "create", "b", *words, environment=environment)
    assert said in failure
    assert newest.remote.password not in failure
    assert "geheim" not in failure
    assert newest.front_end.call("one.hostpool.info") == "<HOST_POOL></HOST_POOL>"


def test_no_password_in_an_endpoint_is_shown(newest: Clouds) -> None:
    endpoint = newest.remote.endpoint.replace("//", "//me:geheim@")
    newest.add_host(ONE_ENDPOINT=endpoint)
    shown = newest.run("host", "list").stdout + newest.run("doctor").stdout
    assert "it has a user or password in it" in shown
    assert "geheim" not in shown


def read_until(terminal: int, end: bytes) -> bytes:
    shown = b""
    while end not in shown:
        shown += os.read(terminal, 1024)
    return shown


def test_the_password_is_asked_on_a_terminal(newest: Clouds) -> None:
    arguments = (
        "host",
        "create",
        "burst1",
        "--endpoint",
        newest.remote.endpoint,
        "--user",
        "burst",
    )
    front_end = newest.front_end
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        [ONE2ONE, *arguments],
        env=front_end.home.environment(front_end.endpoint),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY),
    ) as command:
        os.close(terminal)
        shown = read_until(controller, b": ")
        os.write(controller, f"{newest.remote.password}\n".encode())
        shown += read_until(controller, b"ID: 0")
        assert command.wait() == 0
    os.close(controller)
    assert newest.remote.password.encode() not in shown
    assert "burst1" in newest.output("host", "list")


def test_without_password_and_terminal_it_says_what_to_do(newest: Clouds) -> None:
    said = newest.failure(
        "host", "create", "b", "--endpoint", newest.remote.endpoint, "--user", "burst"
    )
    assert "--password-file" in said


def test_a_list_tells_both_sides(clouds: Clouds, tmp_path: Path) -> None:
    create(clouds, tmp_path)
    [row] = csv.DictReader(io.StringIO(clouds.output("host", "list", "--csv")))
    assert row["NAME"] == "burst1"
    assert row["REMOTE"] == clouds.remote.endpoint
    assert row["VERSION"] == clouds.remote.oned.profile.version


def test_every_format_tells_the_same(newest: Clouds, tmp_path: Path) -> None:
    create(newest, tmp_path)
    [of_json] = json.loads(newest.output("host", "list", "--json"))
    table = newest.output("host", "list").splitlines()
    bare = newest.output("host", "list", "--no-header").splitlines()
    yaml = newest.output("host", "list", "--yaml")
    assert of_json["remote"]["version"] == newest.remote.oned.profile.version
    assert table[0].split()[:3] == ["ID", "NAME", "STAT"]
    assert [line.split() for line in table[1:]] == [line.split() for line in bare]
    assert f'endpoint: "{newest.remote.endpoint}"' in yaml
    assert "\x1b" not in "".join(table)


def test_an_unreachable_remote_does_not_spoil_the_list(newest: Clouds) -> None:
    newest.add_host("burst1")
    newest.add_host("lost", ONE_ENDPOINT="http://127.0.0.1:1/RPC2")
    done = newest.run("host", "list", "--csv")
    rows = {row["NAME"]: row for row in csv.DictReader(io.StringIO(done.stdout))}
    assert rows["burst1"]["VERSION"] == newest.remote.oned.profile.version
    assert rows["lost"]["VERSION"] == "?"
    assert "lost: " in done.stderr
    assert "Connection refused" in done.stderr


def test_show_tells_quotas(clouds: Clouds) -> None:
    clouds.add_host("burst1")
    said = clouds.output("host", "show", "burst1")
    assert said == clouds.output("host", "show", "0")
    assert "QUOTAS OF THE ACCOUNT" in said
    assert clouds.remote.endpoint in said


def test_an_unknown_host_is_one_line(newest: Clouds) -> None:
    assert "there is no hybrid host nowhere" in newest.failure("host", "show", "nowhere")


def test_a_broken_remote_is_one_line_in_show(newest: Clouds) -> None:
    newest.add_host("burst1")
    newest.remote.faults.on(answer_garbage(), times=None)
    said = newest.output("host", "show", "burst1")
    assert "PROBLEM" in said
