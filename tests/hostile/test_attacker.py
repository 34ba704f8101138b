"""The attacker knows the specifications alone, and its grammar what real clouds said."""

import ast
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.hostile import grammar
from tests.hostile.answers import odd_answer
from tests.hostile.chance import Chance, words
from tests.hostile.grammar import Unreadable

HERE = Path(__file__).parent
DATA = HERE.parent / "data"
ATTACKER = words("answers chance delivery documents grammar http lines markup remote world xmlrpc")
VERSIONS = ("5.10", "6.10", "7.2")


@pytest.mark.parametrize("name", ATTACKER)
def test_it_is_made_of_nothing_of_ours(name: str) -> None:
    tree = ast.parse((HERE / f"{name}.py").read_text())
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {
        a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names
    }
    ours = {module for module in imported if module.startswith(("one2one", "opennebula", "tests"))}
    assert ours <= {"tests.hostile", *(f"tests.hostile.{name}" for name in ATTACKER)}


def test_the_same_seed_makes_the_same_case() -> None:
    for number in range(50):
        first, second = (
            odd_answer(Chance(f"1 {number}"), "one.vmpool.infoset", [7, 8]) for _ in range(2)
        )
        assert list(first.pieces) == list(second.pieces)


def read_recorded_lines(name: str) -> list[str]:
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        events: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return [event["line"] for event in events if event["dir"] == "mad>core"]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_grammar_reads_what_real_ones_took(version: str) -> None:
    to_oned = read_recorded_lines(f"vmm-{version}")
    to_monitord = read_recorded_lines(f"im-{version}")
    for line in to_oned:
        grammar.read_vmm_line(line)
    for line in to_monitord:
        (grammar.read_pull_answer if version == "5.10" else grammar.read_push_message)(line)
    assert len(to_oned) > 50
    assert to_monitord


@pytest.mark.parametrize(
    "line",
    [
        "DEPLOY MAYBE 7 -",
        "DEPLOY SUCCESS 7 \x1b[2J",
        "DEPLOY FAILURE 7 ]]>",
        "DEPLOY FAILURE 7 \N{GRINNING FACE}",
        "DEPLOY FAILURE 7 \ud800",
        "DEPLOY FAILURE 99999999999 x",
        "LOG X 7 words",
        f"DEPLOY FAILURE 7 {'x' * 2000}",
    ],
)
def test_the_grammar_refuses(line: str) -> None:
    with pytest.raises(Unreadable):
        grammar.read_vmm_line(line)
