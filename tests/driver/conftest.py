"""What the tests of the driver share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from one2one import runtime
from tests.driver.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Give a machine of its own to the code that is tested."""
    yield World(tmp_path)
    runtime.use(runtime.Runtime())
