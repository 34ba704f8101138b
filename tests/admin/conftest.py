"""A simulated front-end and remote cloud, for the tests of every command."""

from collections.abc import Iterator

import pytest

from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.frontend.frontend import FrontEnd
from tests.admin.clouds import DRIVER, GENERATIONS, Clouds


@pytest.fixture(params=GENERATIONS)
def clouds(request: pytest.FixtureRequest) -> Iterator[Clouds]:
    """Both sides in each generation."""
    with (
        SimulatedCloud(request.param) as remote,
        FrontEnd(request.param, driver=[DRIVER]) as front_end,
    ):
        yield Clouds(front_end, remote)


@pytest.fixture
def newest() -> Iterator[Clouds]:
    """Both sides in the newest generation alone, for what does not depend on it."""
    with SimulatedCloud("7.2") as remote, FrontEnd("7.2", driver=[DRIVER]) as front_end:
        yield Clouds(front_end, remote)
