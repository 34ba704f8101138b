"""The Python examples of the pages do what they say."""

import pytest

from tests.docs.pages import PAGES, blocks, name

_EXAMPLES = [
    pytest.param(block, id=f"{name(page)}-{number}")
    for page in PAGES
    for number, block in enumerate(blocks(page, "python"))
]


@pytest.mark.parametrize("example", _EXAMPLES)
def test_every_example_runs(example: str) -> None:
    exec(example, {})
