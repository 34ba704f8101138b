import json
import os
import socket
import tarfile
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from one2one.admin.secrets import Secrets
from one2one.admin.support.archive import Entry, pack, require_no_secret
from one2one.admin.support.archive import collect as collect_parts
from one2one.admin.support.parts import Part
from one2one.opennebula.errors import InternalError
from tests.admin.clouds import Clouds
from tests.admin.stock import FrontEnd as Files
from tests.admin.stock import unpack

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKC\nAQEAu1\n-----END RSA PRIVATE KEY-----"


def read(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        return {
            member.name.partition("/")[2]: file.read().decode()
            for member in archive
            if (file := archive.extractfile(member))
        }


def collect(clouds: Clouds, directory: Path, *arguments: str) -> dict[str, str]:
    path = directory / "support.tar.gz"
    clouds.output("support", "--yes", "--output", path, *arguments)
    assert path.stat().st_mode & 0o777 == 0o600
    return read(path)


def write_log(clouds: Clouds, text: str | bytes, name: str = "oned.log") -> Path:
    path = clouds.front_end.home.var / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def install(clouds: Clouds) -> Path:
    """Install the drivers, and return oned.conf."""
    home = clouds.front_end.home
    unpack(Files(home.path, home.path / "etc", home.path / "lib", home.var, {}), "7.2")
    clouds.output("install", "--yes")
    return home.etc / "oned.conf"


def test_the_archive_tells_of_both_sides(newest: Clouds, tmp_path: Path) -> None:
    vm = newest.run_vm()
    newest.remote.act(0, "terminate-hard")
    log = newest.front_end.home.var / "vms" / str(vm.id) / "vm.log"
    log.write_text("it ran well\n")
    write_log(newest, "old\n" * 50 + "new\n")
    install(newest)
    files = collect(newest, tmp_path, "--lines", "10")
    assert "one2one 0.1.0" in files["versions.txt"]
    assert "oned 7.2.0" in files["versions.txt"]
    assert {"subject", "check", "severity"} <= json.loads(files["doctor.json"])[0].keys()
    assert json.loads(files["hosts.json"])[0]["name"] == "burst1"
    assert json.loads(files["vms.json"])[0]["problem"] == "its remote VM is gone"
    assert files["logs/oned.log"].count("old") < 10
    assert files["logs/oned.log"].rstrip().endswith("new")
    assert "it ran well" in files[f"logs/vm-{vm.id}.log"]
    assert "remote-0.json" in files


def test_of_the_configuration_only_known_lines_are_there(newest: Clouds, tmp_path: Path) -> None:
    newest.add_host()
    assert "not for everybody" in install(newest).read_text()  # the database's password
    files = collect(newest, tmp_path)
    assert "one_vmm_one2one" in files["oned.conf"]
    assert "one_im_one2one" in files["monitord.conf"]
    assert "DB" not in files["oned.conf"]
    assert not any("not for everybody" in text for text in files.values())


def test_no_secret_is_in_it(newest: Clouds, tmp_path: Path) -> None:
    front_end, remote = newest.front_end, newest.remote
    newest.add_host(ONE_PROXY="http://me:g%40heim-1@127.0.0.1:1")
    newest.add_host("wrong", ONE_ENDPOINT="http://user:verborgen@cloud/RPC2")
    (front_end.home.var / ".one/sunstone_auth").write_text("serveradmin:schlange-7\n")
    password = front_end.session.partition(":")[2]
    secrets = [
        *(password, front_end.session, b64encode(front_end.session.encode()).decode()),
        *(remote.password, remote.session, b64encode(remote.session.encode()).decode()),
        *("schlange-7", "g@heim-1", "g%40heim-1", "verborgen"),
    ]
    unknown = {
        PEM: "MIIEowIBAAKC",
        "https://me:with/out@x:yz@host/": "yz",
        'ONE_PASSWORD = "drei Worte \\" hier"': "drei Worte",
        "<PASSWORD><![CDATA[unbekannt1]]></PASSWORD>": "unbekannt1",
        "Authorization: Basic bWU6Z2VoZWltMg==": "bWU6Z2VoZWltMg==",
        "ONEGATE_TOKEN=Zm9vYmFy": "Zm9vYmFy",
        '{"token_password": "unbekannt2"}': "unbekannt2",
        '{"api_key": "unbekannt3"}': "unbekannt3",
        "DB_PWD=unbekannt4": "unbekannt4",
        "pass: unbekannt5": "unbekannt5",
        "login burst:" + "0123456789abcdef" * 4: "0123456789abcdef0123",
        "DEPLOY 0 " + b64encode(os.urandom(90)).decode(): "",
    }
    lines = [*secrets, *unknown, "ONE_PASS_THROUGH=RESIZE", "the end"]
    write_log(newest, "\n".join(f"a line with {line} in it" for line in lines))
    write_log(newest, "-----BEGIN PRIVATE KEY-----\ncut off", "monitor.log")
    files = collect(newest, tmp_path)
    everything = "\n".join(files.values())
    for secret in [*secrets, *filter(None, unknown.values()), "cut off"]:
        assert secret not in everything, secret
    assert "a line with the end in it" in files["logs/oned.log"]
    assert "ONE_PASS_THROUGH=RESIZE" in files["logs/oned.log"]
    assert "DEPLOY 0 (hidden)" in files["logs/oned.log"]
    listing = newest.output("support", "--dry-run")
    assert not any(secret in listing for secret in secrets)


def test_what_is_hidden_is_searched_for_once_more() -> None:
    secrets = Secrets(["geheim"])
    require_no_secret(pack([Entry("a.txt", 3, "", "all is well")], "x"), secrets)
    with pytest.raises(InternalError, match="nothing is written"):
        require_no_secret(pack([Entry("a.txt", 3, "", "it is geheim")], "x"), secrets)


@pytest.mark.parametrize("word", ["oned", "hidden", "logs", "x1b"])
def test_a_secret_that_is_a_word_of_ours_keeps_nothing_from_being_written(word: str) -> None:
    secrets = Secrets([word])
    part = Part("logs/oned.log", lambda: f"it is {word}, \x1b")
    entries = list(collect_parts([part], secrets, 1000))
    assert word not in entries[0].text.replace("(hidden)", "")
    require_no_secret(pack(entries, "oned"), secrets)


@pytest.mark.parametrize("write", [json.dumps, partial(json.dumps, ensure_ascii=False), escape])
def test_secrets_are_hidden_as_json_and_xml_write_them(write: Callable[[str], str]) -> None:
    secret = 'a"b\\ü&<c>'
    text = f"it is {write(secret)} here"
    assert Secrets([secret]).hide(text).replace('"', "") == "it is (hidden) here"


def test_short_secrets_hide_no_parts_of_words() -> None:
    assert Secrets(["one"]).hide("one, none: one2one") == "(hidden), none: one2one"


def test_what_lies_in_a_logs_place_does_no_harm(newest: Clouds, tmp_path: Path) -> None:
    newest.add_host()
    (tmp_path / "shadow").write_text("for root alone")
    (newest.front_end.home.var / "oned.log").symlink_to(tmp_path / "shadow")
    os.mkfifo(newest.front_end.home.var / "monitor.log")
    (newest.front_end.home.var / "sched.log").mkdir()
    files = collect(newest, tmp_path)
    assert not {name for name in files if name.startswith("logs/")}
    assert "for root alone" not in "".join(files.values())
    listing = newest.output("support", "--dry-run")
    assert "not a regular file" in listing


def test_wild_lines_become_clean_ones(newest: Clouds, tmp_path: Path) -> None:
    newest.add_host()
    wild = b"\x1b]0;title\x07 \xff\xfe \x00 " + "\u202e".encode() + b"\n" + b"a." * 1_000_000
    write_log(newest, wild + b"\nthe end")
    files = collect(newest, tmp_path)
    text = files["logs/oned.log"]
    assert text.isprintable() or not {c for c in text if not c.isprintable()} - {"\n"}
    assert max(map(len, text.split("\n"))) <= 4000
    assert text.rstrip().endswith("the end")


def test_it_stays_within_its_size(newest: Clouds, tmp_path: Path) -> None:
    newest.add_host()
    for name in ("oned.log", "monitor.log", "sched.log"):
        write_log(newest, ("x y " * 20 + "\n") * 30_000, name)
    listing = newest.output("support", "--dry-run", "--max-size", "1", "--lines", "1000000")
    files = collect(newest, tmp_path, "--max-size", "1", "--lines", "1000000")
    assert sum(map(len, files.values())) <= 1 << 20
    assert 100_000 < len(files["logs/oned.log"]) <= 1 << 18
    assert "oned.log" in listing


def test_it_works_without_an_oned(newest: Clouds, tmp_path: Path) -> None:
    install(newest)
    write_log(newest, "why it ended\n")
    newest.front_end.server.stop()
    done = newest.run("support", "--yes", "--output", tmp_path / "x.tar.gz")
    assert done.returncode == 0, done.stderr
    files = read(tmp_path / "x.tar.gz")
    assert "why it ended" in files["logs/oned.log"]
    assert "Connection refused" in done.stdout


@contextmanager
def serve(directory: Path) -> Iterator[str]:
    handler = partial(SimpleHTTPRequestHandler, directory=directory)
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_metrics_are_collected(newest: Clouds, tmp_path: Path) -> None:
    newest.add_host()
    configuration = install(newest)
    (tmp_path / "metrics").write_text("opennebula_hybrid_calls_total 3\n")
    with serve(tmp_path) as address:
        text = configuration.read_text()
        configuration.write_text(text.replace("-r 0 one", f"-r 0 --metrics {address} one"))
        files = collect(newest, tmp_path)
    assert "opennebula_hybrid_calls_total 3" in files["metrics-vm-mad.txt"]


def test_what_does_not_speak_http_costs_only_the_metrics(newest: Clouds, tmp_path: Path) -> None:
    newest.add_host()
    configuration = install(newest)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_greet_each, args=(server,), daemon=True)
        thread.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        text = configuration.read_text()
        configuration.write_text(text.replace("-r 0 one", f"-r 0 --metrics {address} one"))
        files = collect(newest, tmp_path)
    assert "versions.txt" in files
    assert "metrics-vm-mad.txt" not in files


def _greet_each(server: socket.socket) -> None:
    while True:
        try:
            peer, _ = server.accept()
        except OSError:
            return
        with peer:
            peer.recv(4096)
            peer.sendall(b"220 ready\r\n")


def test_it_asks_and_overwrites_nothing(newest: Clouds, tmp_path: Path) -> None:
    newest.add_host()
    path = tmp_path / "support.tar.gz"
    assert "not a terminal" in newest.failure("support", "--output", path)
    newest.output("support", "--dry-run", "--output", path)
    assert not path.exists()
    path.write_text("mine")
    assert "exists" in newest.failure("support", "--yes", "--output", path)
    assert path.read_text() == "mine"
    nowhere = tmp_path / "no" / "x.tar.gz"
    assert "No such file" in newest.failure("support", "--yes", "--output", nowhere)
