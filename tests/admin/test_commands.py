"""What holds for every command: help, formats, bad input."""

import csv
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from one2one.admin.cli import commands
from tests.admin.clouds import Clouds, open_clouds
from tests.admin.command import one2one
from tests.admin.test_doctor import unpack_files

Named = tuple[str, ...]


@pytest.fixture(scope="module")
def burst1() -> Iterator[Clouds]:
    """A front-end of the newest release where all is in place, for commands that only look."""
    with open_clouds() as both:
        burst(both)
        yield both


def walk(group: click.Group, path: Named = ()) -> Iterator[tuple[Named, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from walk(command, (*path, name))


ALL = dict(walk(commands))


def test_output_that_cannot_be_written_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = one2one("--help", stdout=full)
    assert (done.returncode, done.stderr) == (255, "one2one: [Errno 28] No space left on device\n")


def test_output_that_a_shell_has_closed_is_passed_over() -> None:
    done = one2one("--help", preexec_fn=lambda: os.close(1))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_is_complete(path: Named) -> None:
    """It needs no OpenNebula, fits a terminal, and tells of every argument and option."""
    done = one2one(*path, "--help")
    assert done.returncode == 0
    assert done.stderr == ""
    assert max(map(len, done.stdout.splitlines())) <= 80
    command = ALL[path]
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert all(option in done.stdout for option in parameter.opts)
        else:
            assert str(parameter.make_metavar(click.Context(command))).strip("[]. ") in command.help


LISTS: list[Named] = [
    ("status",),
    ("host", "list"),
    ("template", "list", "burst1"),
    ("template", "sync", "burst1", "--dry-run"),
    ("doctor",),
    ("reap", "--dry-run"),
]


def burst(clouds: Clouds) -> None:
    """Install everything, and have a VM run."""
    unpack_files(clouds, clouds.front_end.release.profile.name)
    clouds.run_vm()


def test_every_list_has_something_to_tell(clouds: Clouds) -> None:
    burst(clouds)
    for command in LISTS:
        done = clouds.run(*command, "--json")
        assert done.stderr == "", command
        assert json.loads(done.stdout) or command[0] == "reap", command


@pytest.mark.parametrize("command", LISTS, ids=" ".join)
def test_every_format_tells_the_same(burst1: Clouds, command: Named) -> None:
    done = {o: burst1.run(*command, *o.split()) for o in ("", "--csv", "-j", "-y", "--no-header")}
    assert len({d.returncode for d in done.values()}) == 1
    assert not [d.stderr for d in done.values() if d.stderr]
    rows = json.loads(done["-j"].stdout)
    assert len(yaml.safe_load(done["-y"].stdout)) == len(rows)
    titles, *table = csv.reader(io.StringIO(done["--csv"].stdout))
    assert len(table) == len(rows)
    if command != ("doctor",):
        assert done[""].stdout.split()[: len(titles)] == titles
        assert len(done["--no-header"].stdout.splitlines()) == len(rows)
    assert "\x1b" not in "".join(d.stdout for d in done.values())


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("doctor nowhere", "no hybrid host nowhere"),
        ("host show nowhere", "no hybrid host nowhere"),
        ("template list nowhere", "no hybrid host nowhere"),
        ("template sync nowhere", "no hybrid host nowhere"),
        ("reap --host nowhere", "no hybrid host nowhere"),
        ("show 99", "99"),
        ("show 2147483648", "'2147483648' is not an id: a number from 0 to 2147483647. See"),
        ("show " + "9" * 5000, "is not an id"),
        (
            "show everything",
            "'everything' is not an id: a number from 0 to 2147483647. See: one2one show --help",
        ),
        ("show", "Missing argument 'VM_ID'. See: one2one show --help"),
        ("host create x", "Missing option '--endpoint'. See: one2one host create --help"),
        ("template sync burst1 0 --prune", "leave the IDS out"),
        ("templates", "No such command 'templates'"),
        ("status --colour", "No such option"),
        ("sandbox --listen 192.0.2.1:9", "cannot serve on 192.0.2.1:9"),
    ],
)
def test_what_was_typed_wrongly_is_one_line(burst1: Clouds, command: str, said: str) -> None:
    assert said in burst1.failure(*command.split())


def test_doctor_of_a_host_tells_all_it_can_without_the_daemon(newest: Clouds) -> None:
    newest.front_end.server.stop()
    rows = json.loads(newest.run("doctor", "burst1", "--json").stdout)
    assert rows[0]["severity"] == "failure"


def test_a_terminal_that_has_no_arrows_is_enough(burst1: Clouds) -> None:
    done = burst1.run("doctor", environment={"PYTHONIOENCODING": "latin-1"})
    assert "  ? " in done.stdout
    assert done.stderr == ""
