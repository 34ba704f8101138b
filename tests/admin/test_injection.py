"""A name or an error from another user does nothing to the administrator's terminal."""

import csv
import json
import unicodedata
from collections.abc import Iterator

import pytest

from one2one.opennebula.clean import clean_line
from opennebula_sandbox.cloud import faults
from tests.admin.clouds import Clouds, open_clouds, remote_id

NAME = "=cmd|'x'!A1\n\N{RIGHT-TO-LEFT OVERRIDE}txt\x9b31m\x7f\u2028\N{ARABIC LETTER MARK}"
REASON = "500 \x1b]0;owned\x07\x1b[2J oops"
SHOWN = clean_line(NAME)


@pytest.fixture(scope="module")
def odd() -> Iterator[Clouds]:
    """A hybrid VM, its remote VM and a remote template of an odd name."""
    with open_clouds() as clouds:
        front_end, remote = clouds.front_end, clouds.remote
        vm = clouds.run_vm()
        twin = remote.vms[remote_id(vm)]
        with front_end.clock.lock:
            front_end.pools.vms[vm.id].name = twin.name = remote.oned.templates[1].name = NAME
        remote.vms.note_change(twin)
        yield clouds


COMMANDS = ["status", "show 0", "template list burst1", "template sync burst1 --dry-run"]
COMMANDS += ["host list", "host show burst1", "doctor", "reap --dry-run", "show 99"]
COMMANDS += ["status --csv", "status --json", "status --yaml", "show 0 --json", "doctor --csv"]


def test_no_command_prints_what_a_terminal_acts_on(odd: Clouds) -> None:
    for method in ("one.group.info", "one.vmpool.infoset", "one.vm.info"):
        odd.remote.faults.on(faults.answer_http_error(REASON), method, times=None)
    printed = ""
    for command in COMMANDS:
        done = odd.run(*command.split())
        printed += f"{done.stdout}{done.stderr}"
    for character in set(printed) - {"\n"}:
        assert unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"}, ascii(character)
        assert unicodedata.bidirectional(character) not in {"RLO", "AL"}, ascii(character)
    assert r"500 \x1b]0;owned\x07\x1b[2J oops" in printed
    assert "oops" in odd.run("doctor").stdout
    assert "oops" in odd.run("host", "list").stderr
    odd.remote.faults.clear()


def test_json_and_yaml_keep_the_name_as_it_is(odd: Clouds) -> None:
    [pair] = json.loads(odd.output("status", "--json"))
    assert pair["name"] == NAME
    assert json.loads(odd.output("show", "0", "--json"))["remote"]["name"] == NAME
    [name] = [line for line in odd.output("status", "--yaml").splitlines() if "name:" in line]
    assert json.loads(name.partition(": ")[2]) == NAME


def test_a_table_has_a_line_a_row(odd: Clouds) -> None:
    assert SHOWN in odd.output("status", "--no-header").splitlines()[0]
    assert len(odd.output("template", "list", "burst1", "--no-header").splitlines()) == 3


def test_no_cell_of_csv_is_a_formula(odd: Clouds) -> None:
    for command in ("status", "template list burst1", "show 0"):
        rows = list(csv.reader(odd.output(*command.split(), "--csv").splitlines()))
        cells = {cell for row in rows for cell in row}
        assert f"'{SHOWN}" in cells
        assert not {cell for cell in cells if cell[:1] in {"=", "+", "@"}}
