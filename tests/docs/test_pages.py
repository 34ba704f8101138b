"""What the pages say of each other, of the command, and of the code."""

import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from one2one.admin.cli import commands as one2one
from one2one.admin.doctor.command import FRONT_END, HOST
from opennebula_sandbox.command import sandbox
from tests.docs import attributes_page, invariants_page, pass_through_page, states_page
from tests.docs.pages import PAGES, ROOT, anchors, commands, links, name

_COMMANDS = {"one2one": one2one, "opennebula-sandbox": sandbox}
_OURS = rf"(^|[ /])({'|'.join(_COMMANDS)}) "
_SHELL = ("|", ">", "<", ";", "&&", "#")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} does not exist"
        if anchor:
            assert anchor in anchors(target), f"{target.name} has no heading for #{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_could_be_run(page: Path) -> None:
    for line in commands(page):
        words = shlex.split(line) if re.search(_OURS, f"{line} ") else []
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
            del words[0]
        if words and (command := _COMMANDS.get(words[0].rpartition("/")[2])):
            end = next((i for i, word in enumerate(words) if word in _SHELL), len(words))
            _parse(line, command, words[1:end])


def test_every_command_of_the_examples_could_be_run() -> None:
    contrib = ROOT / "contrib"
    (play,) = yaml.safe_load((contrib / "ansible/burst.yml").read_text())
    lines = [
        task["ansible.builtin.command"]["argv"] for task in play["tasks"] if "argv" in str(task)
    ]
    terraform = (contrib / "terraform/main.tf").read_text()
    lines += [shlex.split(line) for line in re.findall(r'command += "(one2one .*)"', terraform)]
    assert len(lines) == 4
    for line in lines:
        words = ["42" if "{" in word else word for word in line]
        _parse(" ".join(line), _COMMANDS[words[0]], words[1:])


def _parse(line: str, command: click.Command, words: list[str]) -> None:
    """Fail unless *command* knows these words: its subcommands, options and arguments."""
    context = click.Context(command)
    try:
        _, rest, _ = command.make_parser(context).parse_args(words)
    except click.UsageError as error:
        pytest.fail(f"{line}: {error.message}")
    if not isinstance(command, click.Group):
        assert not rest, f"{line}: {rest} is too much"
        return
    if rest:
        subcommand = command.get_command(context, rest[0])
        assert subcommand is not None, f"{line}: there is no {rest[0]}"
        _parse(line, subcommand, rest[1:])


def test_the_example_of_the_doctor_counts_the_present_checks() -> None:
    (counts,) = re.findall(r"\d+ ok, .*failure", (ROOT / "README.md").read_text())
    assert sum(map(int, re.findall(r"\d+", counts))) == len(FRONT_END) + len(HOST)


def test_the_table_of_host_attributes_is_current() -> None:
    page = (ROOT / "docs/configuration.md").read_text()
    assert attributes_page.render() in page, "see: python -m tests.docs.attributes_page"


def test_the_table_of_invariants_is_current() -> None:
    page = (ROOT / "docs/reliability.md").read_text()
    assert invariants_page.render() in page, "see: python -m tests.docs.invariants_page"


def test_the_table_of_passed_actions_is_current() -> None:
    page = (ROOT / "docs/pass-through.md").read_text()
    assert pass_through_page.render() in page, "see: python -m tests.docs.pass_through_page"


def test_the_page_of_states_is_current() -> None:
    page = (ROOT / "docs/states.md").read_text()
    assert page == states_page.render(), "see: python -m tests.docs.states_page > docs/states.md"


def test_every_page_can_be_found_from_the_readme() -> None:
    found, todo = set[Path](), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in found or page.suffix != ".md":
            continue
        found.add(page)
        todo += [(page.parent / link.partition("#")[0]).resolve() for link in links(page)]
    assert set(PAGES) <= found
