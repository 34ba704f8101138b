import os
import pty
import re
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from one2one.admin.install.entries import Mode
from one2one.admin.install.files import apply
from one2one.admin.install.layout import find_layout
from one2one.admin.install.plan import make_plan
from one2one.opennebula.template import Vector, parse_text
from tests.admin.command import ONE2ONE, one2one
from tests.admin.stock import (
    RUBY_IM_MAD,
    RUBY_VM_MAD,
    SERIES,
    FrontEnd,
    make_packaged,
    self_contained,
    unpack,
)
from tests.file_systems import NO_BYTECODE, needs_mounts, read_only, without_room

MODES = ("--resident", "--scripts")


def run(command: str, front_end: FrontEnd, *options: str, status: int = 0) -> str:
    done = one2one(command, "--root", front_end.root, *options, environment=front_end.environment)
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


def install(front_end: FrontEnd, mode: str) -> str:
    return run("install", front_end, mode, "--yes")


def driver(configuration: Path, kind: str) -> Vector:
    """Return what oned reads as the entry of the hybrid driver."""
    [entry] = [
        vector
        for vector in parse_text(configuration.read_text()).vectors(kind)
        if vector["NAME"] == "one"
    ]
    return entry


def im_configuration(front_end: FrontEnd) -> Path:
    monitord = front_end.etc / "monitord.conf"
    return monitord if monitord.exists() else front_end.etc / "oned.conf"


@pytest.mark.parametrize("make", [make_packaged, self_contained])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("series", SERIES)
def test_uninstall_gives_every_file_back_byte_for_byte(
    tmp_path: Path, series: str, mode: str, make: Callable[[Path, str], FrontEnd]
) -> None:
    front_end = make(tmp_path, series)
    before = front_end.tree()
    install(front_end, mode)
    (front_end.var / ".one2one.lock").touch()  # as the drivers leave it
    assert front_end.tree() != before
    run("uninstall", front_end, "--yes")
    assert front_end.tree() == before


@pytest.mark.parametrize("series", SERIES)
def test_resident_drivers_are_configured_and_there(tmp_path: Path, series: str) -> None:
    front_end = make_packaged(tmp_path, series)
    install(front_end, "--resident")
    for configuration, kind, name in (
        (front_end.etc / "oned.conf", "VM_MAD", "one_vmm_one2one"),
        (im_configuration(front_end), "IM_MAD", "one_im_one2one"),
    ):
        assert driver(configuration, kind)["EXECUTABLE"] == name
        assert os.access(front_end.lib / "mads" / name, os.X_OK)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("series", SERIES)
def test_oned_asks_the_driver_for_what_a_host_may_pass_through(
    tmp_path: Path, series: str, mode: str
) -> None:
    front_end = make_packaged(tmp_path, series)
    install(front_end, mode)
    entry = driver(front_end.etc / "oned.conf", "VM_MAD")
    release = tuple(map(int, series.split(".")))
    assert entry["KEEP_SNAPSHOTS"] == "yes"
    assert entry.get("COLD_NIC_ATTACH", "no") == ("yes" if release >= (5, 12) else "no")
    assert entry.get("LIVE_RESIZE", "no") == ("yes" if release >= (6, 0) else "no")
    actions = {word.strip() for word in entry.get("IMPORTED_VMS_ACTIONS", "").split(",")}
    assert ("snapshot-create" in actions) == (release < (7, 0))


@pytest.mark.parametrize("series", SERIES)
def test_oned_can_start_the_installed_driver(tmp_path: Path, series: str) -> None:
    front_end = make_packaged(tmp_path, series)
    install(front_end, "--resident")
    done = subprocess.run(
        [front_end.lib / "mads/one_vmm_one2one", "-t 15 -r 0 one"],
        input=b"INIT\nFINALIZE\n",
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"INIT SUCCESS\n"


@pytest.mark.parametrize("series", SERIES)
def test_passwords_are_encrypted(tmp_path: Path, series: str) -> None:
    """By oned itself up to 5.8, and from 5.10 where the configuration says so, once."""
    front_end = make_packaged(tmp_path, series)
    install(front_end, "--resident")
    encrypted = [
        value
        for name, value in parse_text((front_end.etc / "oned.conf").read_text())
        if name == "HOST_ENCRYPTED_ATTR"
    ]
    assert encrypted.count("ONE_PASSWORD") == (0 if series == "5.6" else 1)


@pytest.mark.parametrize("mode", MODES)
def test_a_second_run_changes_nothing(tmp_path: Path, mode: str) -> None:
    front_end = make_packaged(tmp_path, "6.10")
    install(front_end, mode)
    first = front_end.tree()
    assert "Already installed" in install(front_end, mode)
    assert front_end.tree() == first


@pytest.mark.parametrize("mode", MODES)
def test_changed_arguments_survive_the_next_run(tmp_path: Path, mode: str) -> None:
    front_end = make_packaged(tmp_path, "6.10")
    install(front_end, mode)
    for configuration in (front_end.etc / "oned.conf", im_configuration(front_end)):
        changed = re.sub(
            r'(ARGUMENTS += ")([^"]*one")',
            r"\1--metrics 127.0.0.1:9927 \2",
            configuration.read_text(),
        )
        configuration.write_text(changed)
    before = front_end.tree()
    assert "Already installed" in install(front_end, mode)
    assert front_end.tree() == before
    other = next(known for known in MODES if known != mode)
    install(front_end, other)
    assert "--metrics" not in driver(front_end.etc / "oned.conf", "VM_MAD")["ARGUMENTS"]


@pytest.mark.parametrize("mode", MODES)
def test_the_changes_are_shown_before_they_are_made(tmp_path: Path, mode: str) -> None:
    front_end = make_packaged(tmp_path, "6.10")
    before = front_end.tree()
    shown = run("install", front_end, mode, "--dry-run")
    assert front_end.tree() == before
    install(front_end, mode)
    added = [line[1:] for line in shown.splitlines() if line.startswith("+") and line[1:2] != "+"]
    after = (front_end.etc / "oned.conf").read_text() + (
        front_end.etc / "monitord.conf"
    ).read_text()
    assert added
    assert all(line in after.splitlines() for line in added)
    assert not [line for line in shown.splitlines() if line.startswith("-") and line[1] != "-"]


def test_replaced_scripts_of_others_are_named_and_kept(tmp_path: Path) -> None:
    front_end = make_packaged(tmp_path, "6.10")
    deploy = front_end.var / "remotes/vmm/one/deploy"
    original = deploy.read_bytes()
    shown = install(front_end, "--scripts")
    assert f"replace {deploy}" in shown
    copies = [p for p in (front_end.var / "one2one").rglob("deploy") if p.is_file()]
    assert [copy.read_bytes() for copy in copies] == [original]


@pytest.mark.parametrize("series", SERIES)
def test_the_stock_shell_runs_no_probe_but_ours(tmp_path: Path, series: str) -> None:
    front_end = make_packaged(tmp_path, series)
    install(front_end, "--scripts")
    probes = (front_end.var / "remotes/im/one.d").iterdir()
    assert [p.name for p in probes if os.access(p, os.X_OK)] == ["one2one_control.sh"]


def test_what_only_the_owner_may_read_stays_so(tmp_path: Path) -> None:
    front_end = make_packaged(tmp_path, "6.10")
    install(front_end, "--resident")
    found = [p for p in front_end.root.rglob("*.conf*") if b"PASSWD" in p.read_bytes()]
    assert len(found) == 2
    assert {p.stat().st_mode & 0o777 for p in found} == {0o640}


@pytest.mark.parametrize("mode", MODES)
def test_an_upgrade_of_opennebula_is_survived(tmp_path: Path, mode: str) -> None:
    front_end = make_packaged(tmp_path / "front-end", "6.10")
    install(front_end, mode)
    unpack(front_end, "7.2")
    install(front_end, mode)
    assert driver(front_end.etc / "oned.conf", "VM_MAD")["NAME"] == "one"

    upgraded = make_packaged(tmp_path / "plain", "6.10")
    unpack(upgraded, "7.2")
    run("uninstall", front_end, "--yes")
    assert [*front_end.tree().values()] == [*upgraded.tree().values()]


def test_an_upgrade_between_install_and_uninstall_is_not_undone(tmp_path: Path) -> None:
    front_end = make_packaged(tmp_path / "front-end", "5.12")
    install(front_end, "--scripts")
    unpack(front_end, "6.10")
    run("uninstall", front_end, "--yes")
    plain = make_packaged(tmp_path / "plain", "5.12")
    unpack(plain, "6.10")
    assert [*front_end.tree().values()] == [*plain.tree().values()]


@pytest.mark.parametrize("modes", [MODES, MODES[::-1]])
def test_the_mode_can_be_changed(tmp_path: Path, modes: tuple[str, str]) -> None:
    front_end = make_packaged(tmp_path / "one", "6.10")
    install(front_end, modes[0])
    install(front_end, modes[1])
    direct = make_packaged(tmp_path / "other", "6.10")
    install(direct, modes[1])
    assert [*front_end.tree().values()] == [*direct.tree().values()]


@pytest.mark.parametrize("series", ["5.10", "6.10"])
def test_a_configuration_of_the_ruby_driver_is_set_aside(tmp_path: Path, series: str) -> None:
    front_end = make_packaged(tmp_path, series)
    with (front_end.etc / "oned.conf").open("a") as oned:
        oned.write(RUBY_VM_MAD)
    with im_configuration(front_end).open("a") as monitord:
        monitord.write(RUBY_IM_MAD.rstrip("\n"))
    before = front_end.tree()
    install(front_end, "--resident")
    assert driver(front_end.etc / "oned.conf", "VM_MAD")["EXECUTABLE"] == "one_vmm_one2one"
    assert driver(im_configuration(front_end), "IM_MAD")["EXECUTABLE"] == "one_im_one2one"
    run("uninstall", front_end, "--yes")
    assert front_end.tree() == before


def test_scripts_leave_the_configuration_of_the_ruby_driver_word_for_word(tmp_path: Path) -> None:
    front_end = make_packaged(tmp_path, "6.10")
    for name, entry in (("oned.conf", RUBY_VM_MAD), ("monitord.conf", RUBY_IM_MAD)):
        with (front_end.etc / name).open("a") as file:
            file.write(entry)
    before = front_end.tree()
    install(front_end, "--scripts")
    etc = str(front_end.etc)
    changed = {path for path, found in front_end.tree().items() if before.get(path) != found}
    assert not [path for path in changed if path.startswith(etc)]


def test_what_the_administrator_adds_meanwhile_stays(tmp_path: Path) -> None:
    front_end = make_packaged(tmp_path, "6.10")
    oned = front_end.etc / "oned.conf"
    before = oned.read_text()
    install(front_end, "--resident")
    oned.write_text(f"# above\n{oned.read_text()}# below\n")
    install(front_end, "--resident")
    run("uninstall", front_end, "--yes")
    assert oned.read_text() == f"# above\n{before}# below\n"


def test_a_linked_configuration_is_changed_where_it_is(tmp_path: Path) -> None:
    front_end = make_packaged(tmp_path, "6.10")
    oned = front_end.etc / "oned.conf"
    managed = tmp_path / "managed.conf"
    oned.rename(managed)
    oned.symlink_to(managed)
    before = front_end.tree()
    install(front_end, "--resident")
    assert oned.is_symlink()
    assert driver(managed, "VM_MAD")
    run("uninstall", front_end, "--yes")
    assert front_end.tree() == before


@pytest.mark.parametrize("command", ["install", "uninstall"])
@pytest.mark.parametrize("mode", [Mode.RESIDENT, Mode.SCRIPTS])
def test_an_interrupted_run_is_completed_by_the_next(
    tmp_path: Path, mode: Mode, command: str
) -> None:
    whole = make_packaged(tmp_path / "whole", "6.10")
    clean = [*whole.tree().values()]
    install(whole, f"--{mode.value}")
    installed = [*whole.tree().values()]

    front_end = make_packaged(tmp_path / "cut", "6.10")
    layout = find_layout(front_end.root, {})
    changes = make_plan(layout, mode).changes
    apply(changes[: len(changes) // 2], [])
    (front_end.etc / ".oned.conf.one2one-new").write_text("half a fi")
    run(command, front_end, "--yes", *([f"--{mode.value}"] if command == "install" else []))
    expected = installed if command == "install" else clean
    assert [*front_end.tree().values()] == expected


def test_a_full_disk_leaves_everything_as_it_was(tmp_path: Path) -> None:
    front_end = make_packaged(tmp_path, "6.10")
    before = front_end.tree()
    done = one2one(
        "install",
        "--root",
        front_end.root,
        "--yes",
        environment=NO_BYTECODE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600)),
    )
    assert done.returncode == 255
    assert f"nothing was changed: cannot write {front_end.root}/" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert front_end.tree() == before


@needs_mounts
@pytest.mark.parametrize(
    ("within", "reason"),
    [(read_only, "read-only file system"), (without_room, "No space left on device")],
)
def test_a_directory_that_takes_no_file_leaves_everything_as_it_was(
    tmp_path: Path, within: Callable[[Path], list[str]], reason: str
) -> None:
    front_end = make_packaged(tmp_path, "6.10")
    mads = front_end.lib / "mads"
    before = front_end.tree()
    done = one2one("install", "--root", front_end.root, "--yes", within=within(mads))
    assert done.returncode == 255
    assert f"nothing was changed: cannot write {mads}" in done.stderr
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert front_end.tree() == before


@needs_mounts
def test_nothing_is_uninstalled_by_halves(tmp_path: Path) -> None:
    front_end = make_packaged(tmp_path, "6.10")
    install(front_end, "--resident")
    before = front_end.tree()
    done = one2one("uninstall", "--root", front_end.root, "--yes", within=read_only(front_end.etc))
    assert done.returncode == 255
    assert f"cannot write {front_end.etc} (read-only file system)" in done.stderr
    assert front_end.tree() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_without_the_right_to_write_it_says_so(tmp_path: Path) -> None:
    front_end = make_packaged(tmp_path, "6.10")
    (front_end.lib / "mads").chmod(0o555)
    assert "Run it as root" in run("install", front_end, "--yes", status=255)


def test_without_a_terminal_nothing_is_asked_and_nothing_done(tmp_path: Path) -> None:
    front_end = make_packaged(tmp_path, "6.10")
    before = front_end.tree()
    assert "use --yes" in run("install", front_end, status=255)
    assert front_end.tree() == before


@pytest.mark.parametrize(("answer", "done"), [(b"n\n", False), (b"y\n", True)])
def test_on_a_terminal_it_asks(tmp_path: Path, answer: bytes, done: bool) -> None:
    front_end = make_packaged(tmp_path, "6.10")
    before = front_end.tree()
    controller, terminal = pty.openpty()
    os.write(controller, answer)
    command = [ONE2ONE, "install", "--root", str(front_end.root)]
    subprocess.run(command, stdin=terminal, stdout=subprocess.DEVNULL, check=True)
    os.close(controller)
    os.close(terminal)
    assert (front_end.tree() != before) is done


def test_seven_says_what_remains_by_hand(tmp_path: Path) -> None:
    said = install(make_packaged(tmp_path, "7.2"), "--resident")
    assert "TM_MAD=dummy" in said
    assert "onecluster create" in said


def _remove_oned_conf(front_end: FrontEnd) -> None:
    (front_end.etc / "oned.conf").unlink()


def _age(front_end: FrontEnd) -> None:
    (front_end.lib / "ruby/opennebula.rb").write_text("    VERSION = '5.4.13'\n")


def _remove_release(front_end: FrontEnd) -> None:
    (front_end.lib / "ruby/opennebula.rb").unlink()
    (front_end.var / "remotes/VERSION").unlink()


def _remove_monitord_conf(front_end: FrontEnd) -> None:
    (front_end.etc / "monitord.conf").unlink()


def _damage_marks(front_end: FrontEnd) -> None:
    oned = front_end.etc / "oned.conf"
    install(front_end, "--resident")
    oned.write_text(oned.read_text().replace("# END one2one\n", ""))


def _share_line(front_end: FrontEnd) -> None:
    with (front_end.etc / "oned.conf").open("a") as oned:
        oned.write('VM_MAD=[NAME="one", EXECUTABLE="x"] PORT=2633\n')


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_remove_oned_conf, "no OpenNebula front-end here"),
        (_age, "5.4.13 is too old"),
        (_remove_release, "cannot tell which OpenNebula this is"),
        (_remove_monitord_conf, "monitord.conf does not exist"),
        (_damage_marks, "one half of the marks"),
        (_share_line, "shares a line with something else"),
    ],
)
def test_what_must_be_put_right_first_is_one_line(
    tmp_path: Path, spoil: Callable[[FrontEnd], None], said: str
) -> None:
    front_end = make_packaged(tmp_path, "6.10")
    spoil(front_end)
    before = front_end.tree()
    output = run("install", front_end, "--yes", status=255)
    assert said in output
    assert len(output.splitlines()) == 1
    assert front_end.tree() == before


def test_uninstalling_what_is_not_there_says_so(tmp_path: Path) -> None:
    front_end = make_packaged(tmp_path, "6.10")
    assert run("uninstall", front_end, "--yes") == "Not installed.\n"
